"""Values that following the code can tell apart: constants, library names, tokenizers, models, trainers, class weights.

What isn't known is `UNKNOWN`; nothing is ever guessed from it.
"""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from grader.model.base import Role
from grader.model.finding import Citation
from grader.observing.source_cells import Code

Value = Any
"""A Python constant, a list, tuple or dict of values, or one of the classes below."""


class _Unknown:
    """What can't be told from the text."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()
ITEM = _Unknown()
"""One element of something unknown that is gone through one by one."""
MASK = _Unknown()
"""The result of comparing unknown arrays: its sum is a count."""


def unknown(value: Value) -> bool:
    """Nothing can be told about it."""
    return isinstance(value, _Unknown)


@dataclass(frozen=True)
class Lib:
    """Something of a library, by its dotted name (`torch.float32`, `transformers.AutoModel.from_pretrained`)."""

    path: str

    @property
    def name(self) -> str:
        """The last part."""
        return self.path.rpartition(".")[2]


class Env:
    """Names and their values; a function's looks on in the one around it."""

    def __init__(self, outer: Env | None = None) -> None:
        """Start empty."""
        self.names: dict[str, Value] = {}
        self.outer = outer

    def get(self, name: str) -> Value:
        """The value, or null where nobody bound the name."""
        env: Env | None = self
        while env is not None:
            if name in env.names:
                return env.names[name]
            env = env.outer
        return None

    def has(self, name: str) -> bool:
        """Somebody bound the name."""
        env: Env | None = self
        while env is not None:
            if name in env.names:
                return True
            env = env.outer
        return False


@dataclass(eq=False)
class Function:
    """A function or lambda of the student's."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    env: Env
    code: Code
    defaults: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False)
class Class:
    """A class of the student's."""

    name: str
    bases: tuple[Value, ...]
    attrs: dict[str, Value]
    fields: tuple[str, ...] = ()
    """Annotated names in order (a dataclass's fields)."""

    def find(self, name: str) -> Value:
        """An attribute of it or of a base class of the student's."""
        if name in self.attrs:
            return self.attrs[name]
        return next((found for base in self.bases if isinstance(base, Class) and (found := base.find(name))), None)

    def library_base(self) -> str:
        """Dotted name of the first library class that it descends from."""
        for base in self.bases:
            path = base.library_base() if isinstance(base, Class) else base.path if isinstance(base, Lib) else ""
            if path:
                return str(path)
        return ""


@dataclass(eq=False)
class Instance:
    """An object with attributes: of a student's class, a namespace, a configuration."""

    cls: Class | None = None
    attrs: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False)
class Bound:
    """A method of a value, before it is called."""

    owner: Value
    name: str


@dataclass(eq=False)
class Partial:
    """`functools.partial(function, ...)`."""

    function: Value
    args: tuple[Value, ...]
    kwargs: dict[str, Value]


@dataclass(eq=False)
class Tokenizer:
    """A tokenizer object; each call of `from_pretrained` makes another."""

    role: Role | None
    side: str | None
    """Null where the code leaves it open."""
    explicit: bool
    cited: Citation
    checkpoint: str = ""


@dataclass(eq=False)
class Lora:
    """A PEFT configuration as given."""

    config: dict[str, Any]
    cited: Citation
    applied: bool = False


@dataclass(eq=False)
class Model:
    """A model object; PEFT's wrapper and the model that it wraps are one."""

    role: Role | None
    checkpoint: str
    run: str | None = None
    lora: Lora | None = None
    merged: bool = False
    trained: bool = False
    causal: bool = False
    cast: str | None = None
    """Type to which it was cast before training."""
    unsure: bool = False
    """Something that can't be followed was done with it: its type may have changed."""
    switched: bool = False
    """Parameters were switched on or off by hand after LoRA was put on: what trains is not the configuration's alone."""
    optimized: bool = False
    """An optimizer was given its parameters before LoRA was put on: what LoRA adds is not among them."""


@dataclass(eq=False)
class Parts:
    """Parameters or modules of a model, and anything reached through them."""

    model: Model


def model_of_part(value: Value) -> Model | None:
    """The model of which this is a part: `model.score.weight`, one of `model.parameters()`; null for anything else."""
    while isinstance(value, Bound):
        if value.name in ("config", "generation_config"):
            return None
        value = value.owner
    return value if isinstance(value, Model) else value.model if isinstance(value, Parts) else None


def model_in(value: Value) -> Model | None:
    """The model that a value is, or that an object of the student's holds as its only one."""
    if not isinstance(value, Instance):
        return value if isinstance(value, Model) else None
    held = {id(item): item for item in value.attrs.values() if isinstance(item, Model)}
    return next(iter(held.values())) if len(held) == 1 else None


@dataclass(eq=False)
class Output:
    """What a model or trainer produced, and anything computed from it."""

    model: Model
    rows: bool = False
    """A loss that is not reduced yet: one value per example."""


@dataclass(eq=False)
class Arguments:
    """TrainingArguments: what is known of them; `open` names those given but not readable (`*`: any)."""

    given: dict[str, Value]
    open: frozenset[str] = frozenset()


@dataclass(eq=False)
class Collator:
    """A collator that pads with a tokenizer."""

    tokenizer: Tokenizer


@dataclass(eq=False)
class Trainer:
    """A Trainer, plain or subclassed."""

    cls: Class | None
    model: Model | None = None
    arguments: Arguments | None = None
    pads: Tokenizer | None = None
    loss: Value = None
    attrs: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False)
class Loss:
    """A cross entropy with its weight argument (null: none)."""

    weight: Value
    rows: bool = False
    """Not reduced."""


@dataclass(frozen=True)
class Scaler:
    """A GradScaler."""


@dataclass(frozen=True)
class Power:
    """Class counts to some power, up to a factor: 1 is the counts, -0.5 one over their square root."""

    exponent: float
    kind: Literal["power", "exponential", "effective", "log"] = "power"

    def formula(self) -> Literal["inverse_sqrt", "inverse", "effective_number", "log", "other"]:
        """The name under which observations have it."""
        if self.kind in ("effective", "exponential"):
            return "effective_number"
        if self.kind == "log":
            return "log"
        if math.isclose(self.exponent, -0.5):
            return "inverse_sqrt"
        return "inverse" if math.isclose(self.exponent, -1.0) else "other"


def raised(value: Power, exponent: float) -> Power:
    """To a power."""
    return Power(value.exponent * exponent, value.kind)


def combined(operator: ast.operator, left: Value, right: Value) -> Value:
    """Arithmetic in which class counts take part; a factor or a summand doesn't change what they are."""
    if isinstance(operator, ast.Pow):
        if isinstance(left, Power):
            return raised(left, float(right)) if isinstance(right, int | float) else UNKNOWN
        return Power(1.0, "exponential") if isinstance(right, Power) else UNKNOWN
    if isinstance(operator, ast.Mult | ast.Div):
        return _product(left, right, -1.0 if isinstance(operator, ast.Div) else 1.0)
    if isinstance(operator, ast.Add | ast.Sub):
        return left if isinstance(left, Power) else right
    return UNKNOWN


def _product(left: Value, right: Value, sign: float) -> Value:
    if isinstance(left, Power) and isinstance(right, Power):
        if left.kind == right.kind == "power":
            return Power(left.exponent + sign * right.exponent)
        return UNKNOWN
    if isinstance(left, Power):
        return left
    if right.kind == "exponential":
        return Power(-1.0, "effective")
    return raised(right, sign) if right.kind == "power" else right


_DTYPES = {
    "float32": "float32", "float": "float32", "fp32": "float32", "float16": "float16", "half": "float16", "fp16": "float16",
    "bfloat16": "bfloat16", "bf16": "bfloat16",
}  # fmt: skip


def plain_dtype(value: Value) -> str | None:
    """`torch.float32`, "float32", "fp16" ... as one plain name; null for anything else."""
    text = value.path if isinstance(value, Lib) else value if isinstance(value, str) else ""
    return _DTYPES.get(text.rpartition(".")[2].lower())


def plain(value: Value) -> Value:
    """A value as JSON; `UNKNOWN` where any part of it isn't known."""
    if isinstance(value, Lib):
        return value.name if re.fullmatch(r"[A-Z][A-Z_]+", value.name) else UNKNOWN
    if isinstance(value, list | tuple | set):
        items = [plain(item) for item in value]
        return UNKNOWN if any(unknown(item) for item in items) else items
    if isinstance(value, dict):
        pairs = {str(key): plain(item) for key, item in value.items()}
        return UNKNOWN if any(unknown(item) for item in pairs.values()) else pairs
    return value if value is None or isinstance(value, str | int | float | bool) else UNKNOWN
