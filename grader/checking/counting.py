"""How many parameters a LoRA configuration trains at true size, and which plausible configurations give a count.

Counted from names and shapes alone (stage/true_size.json), by PEFT's rules for matching modules; no torch. It does not
know configurations that PEFT would refuse, and it says nothing about whether a configuration is a good one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from itertools import combinations
from math import prod
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import finalize

from grader.model.assignment import ModelFacts

DEFAULT_TARGETS: dict[str, tuple[str, ...]] = {
    "qwen2": ("q_proj", "v_proj"),
    "modernbert": ("Wqkv",),
}
"""What PEFT takes when target_modules is left out."""
SEQUENCE_HEADS = ("classifier", "score")
"""What PEFT adds to modules_to_save under SEQ_CLS."""
RANKS = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256)
WITHOUT_EFFECT = frozenset(
    {"lora_alpha", "lora_dropout", "use_rslora", "init_lora_weights", "inference_mode", "fan_in_fan_out", "base_model_name_or_path",
     "revision", "alpha_pattern", "peft_type"}
)  # fmt: skip
"""Settings that don't change how many parameters train."""
P = ParamSpec("P")
T = TypeVar("T")
REMEMBERED = 5000
"""Answers kept per question and model."""
PREFIXES = ("base_model.", "model.", "module.", "_orig_mod.")


@dataclass(frozen=True)
class Count:
    """What trains, counted as PEFT's print_trainable_parameters counts."""

    trainable: int
    total: int
    base: int
    """Parameters of the model before LoRA."""
    rank: int | None
    targets: tuple[str, ...]
    """Last part of the adapted modules' names, sorted."""
    head: bool
    """The classification head trains in full."""
    lora: int = 0
    """Of these, parameters of LoRA matrices (and DoRA's magnitudes)."""

    @property
    def percent(self) -> float:
        """Of all parameters."""
        return 100.0 * self.trainable / self.total if self.total else 0.0


@dataclass(frozen=True)
class Plausible:
    """A configuration that gives a count, in words of its own."""

    rank: int
    targets: tuple[str, ...]
    head: bool
    trainable: int

    def words(self) -> str:
        """`r=8 on q,k,v,o`."""
        names = ",".join(short_target(name) for name in self.targets)
        return f"r={self.rank} on {names}" + ("" if self.head else " with the head frozen")


def short_target(name: str) -> str:
    """`q_proj` -> `q`: as people say it."""
    return name.removesuffix("_proj")


def once_per_model(function: Callable[Concatenate[ModelFacts, P], T]) -> Callable[Concatenate[ModelFacts, P], T]:
    """Answers are remembered for as long as the model's facts live: a whole class asks the same questions.

    Facts are told apart by identity (they are frozen, and too large to compare); other arguments by how they are written.
    """
    known: dict[int, dict[str, T]] = {}

    @wraps(function)
    def answer(facts: ModelFacts, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if id(facts) not in known:
            known[id(facts)] = {}
            finalize(facts, known.pop, id(facts), None)
        answers = known[id(facts)]
        question = repr((args, kwargs))
        if question not in answers:
            if len(answers) >= REMEMBERED:
                answers.clear()
            answers[question] = function(facts, *args, **kwargs)
        return answers[question]

    return answer


@once_per_model
def weights_of(facts: ModelFacts) -> Mapping[str, tuple[int, ...]]:
    """Module name -> shape of its weight, for the linear modules."""
    known = facts.parameters
    return MappingProxyType({name: known[f"{name}.weight"] for name in facts.linear if f"{name}.weight" in known})


@once_per_model
def base_total(facts: ModelFacts) -> int:
    """All parameters of the model at true size."""
    return sum(prod(shape) for shape in facts.parameters.values())


# -- from a configuration -------------------------------------------------------------------------------------------


@once_per_model
def count_config(facts: ModelFacts, config: Mapping[str, Any]) -> Count | None:
    """What this LoRA configuration would train; null where its rules are not understood or a value was not readable."""
    if set(config.get("unresolved") or ()) - WITHOUT_EFFECT:
        return None
    modules = weights_of(facts)
    saved = saved_modules(facts, config)
    adapted = [name for name in targeted(facts, config) if not _within(name, saved)]
    if not modules or not (adapted or saved):
        return None
    ranks = [_rank_of(name, config) for name in adapted]
    if any(rank is None for rank in ranks):
        return None
    lora = sum(
        _lora_size(modules[name], rank or 0, dora=bool(config.get("use_dora")))
        for name, rank in zip(adapted, ranks, strict=True)
        if name in modules
    )
    copies = sum(prod(shape) for name, shape in facts.parameters.items() if _within(name.rpartition(".")[0], saved))
    base = base_total(facts)
    trainable = lora + copies + _biases(facts, adapted, saved, config)
    head = _within(facts.head, saved)
    kinds = tuple(sorted({name.rpartition(".")[2] for name in adapted}))
    rank = max((rank for rank in ranks if rank), default=None)
    return Count(trainable, base + lora + copies, base, rank, kinds, head, lora)


def with_rank(facts: ModelFacts, config: Mapping[str, Any], printed: Iterable[int]) -> Mapping[str, Any]:
    """A configuration of which only the rank could not be read, with the one rank that gives a printed count."""
    if set(config.get("unresolved") or ()) - WITHOUT_EFFECT != {"r"}:
        return config
    known = {name: value for name, value in config.items() if name != "unresolved"}
    counts = {rank: count_config(facts, {**known, "r": rank}) for rank in RANKS}
    fitting = [rank for rank, count in counts.items() if count and count.trainable in set(printed)]
    return {**known, "r": fitting[0]} if len(fitting) == 1 else config


def _lora_size(shape: tuple[int, ...], rank: int, *, dora: bool) -> int:
    out, into = shape[0], prod(shape[1:])
    return rank * (into + out) + (out if dora else 0)


def _biases(facts: ModelFacts, adapted: Sequence[str], saved: Sequence[str], config: Mapping[str, Any]) -> int:
    kind = str(config.get("bias") or "none")
    if kind == "none":
        return 0
    names = [
        name for name in facts.parameters if name.endswith(".bias") and not _within(name.rpartition(".")[0], saved)
    ]
    if kind == "lora_only":
        names = [name for name in names if name.removesuffix(".bias") in set(adapted)]
    return sum(prod(facts.parameters[name]) for name in names)


def saved_modules(facts: ModelFacts, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Modules that PEFT copies and trains in full."""
    given = config.get("modules_to_save")
    names = [given] if isinstance(given, str) else list(given or ())
    if task_of(config) in ("SEQ_CLS", "TOKEN_CLS"):
        names.extend(SEQUENCE_HEADS)
    ends = [str(name) for name in names]
    owners = {name.rpartition(".")[0] for name in facts.parameters}
    tops = {part for name in owners for part in _ancestors(name)}
    return tuple(sorted(name for name in tops if any(name == end or name.endswith(f".{end}") for end in ends)))


def task_of(config: Mapping[str, Any]) -> str:
    """`SEQ_CLS`, however it was given; empty where there is none."""
    return str(config.get("task_type") or "").rpartition(".")[2].upper()


def targeted(facts: ModelFacts, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the modules that the configuration adapts, by PEFT's rules."""
    modules = list(weights_of(facts))
    given = config.get("target_modules")
    if given in (None, [], ()):
        given = default_targets(facts)
    if isinstance(given, str):
        chosen = _by_pattern(facts, modules, given)
    else:
        ends = [str(item) for item in given]
        chosen = [name for name in modules if any(name == end or name.endswith(f".{end}") for end in ends)]
    chosen = [name for name in chosen if not _excluded(name, config.get("exclude_modules"))]
    layers = config.get("layers_to_transform")
    if layers not in (None, [], ()):
        allowed = {layers} if isinstance(layers, int) else set(layers or ())
        chosen = [name for name in chosen if (found := re.search(r"\.(\d+)\.", name)) and int(found[1]) in allowed]
    return tuple(chosen)


def default_targets(facts: ModelFacts) -> tuple[str, ...]:
    """PEFT's own choice for this kind of model."""
    names = " ".join(facts.architectures).lower()
    return next((targets for kind, targets in DEFAULT_TARGETS.items() if kind in names), ())


def _by_pattern(facts: ModelFacts, modules: Sequence[str], given: str) -> list[str]:
    if given.lower() == "all-linear":
        return [name for name in modules if name != facts.head]
    try:
        pattern = re.compile(given)
    except re.error:
        return []
    return [name for name in modules if pattern.fullmatch(name)]


def _excluded(name: str, given: Any) -> bool:
    if not given:
        return False
    if isinstance(given, str):
        try:
            return re.fullmatch(given, name) is not None
        except re.error:
            return False
    return any(name == item or name.endswith(f".{item}") for item in given)


def _rank_of(name: str, config: Mapping[str, Any]) -> int | None:
    patterns = config.get("rank_pattern") or {}
    for pattern, rank in patterns.items() if isinstance(patterns, Mapping) else ():
        try:
            found = re.match(rf"(.*\.)?({pattern})$", name)
        except re.error:
            return None
        if found:
            return int(rank)
    rank = config.get("r", 8)
    return int(rank) if isinstance(rank, (int, float)) else None


def _within(name: str, saved: Iterable[str]) -> bool:
    return any(name == item or name.startswith(f"{item}.") for item in saved)


def _ancestors(name: str) -> Iterable[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


# -- from what was seen to train -------------------------------------------------------------------------------------


def count_names(facts: ModelFacts, names: Iterable[tuple[str, Sequence[int]]]) -> Count | None:
    """What trainable parameters of a stand-in, by name and shape, make at true size; null where a name is not known."""
    return _count_names(facts, tuple((name, tuple(shape)) for name, shape in names))


@once_per_model
def _count_names(facts: ModelFacts, names: tuple[tuple[str, tuple[int, ...]], ...]) -> Count | None:
    modules = weights_of(facts)
    known = _bare_names(facts)
    trainable = lora = copies = 0
    ranks: list[int] = []
    kinds: set[str] = set()
    head = False
    for name, shape in names:
        part = Part.of(name, shape)
        if part.kind is not None:
            weight = modules.get(known.get(f"{part.module}.weight", "").removesuffix(".weight"))
            if weight is None:
                return None
            size = part.size(weight)
            ranks.extend([part.rank] if part.rank else [])
            kinds.add(part.module.rpartition(".")[2])
            lora += size
        else:
            true = known.get(part.module) or _own_head(facts, shape)
            if true is None:
                return None
            size = prod(facts.parameters[true]) if true in facts.parameters else prod(shape)
            copies += size if part.copied else 0
            head |= true.startswith(f"{facts.head}.")
        trainable += size
    base = base_total(facts)
    return Count(trainable, base + lora + copies, base, max(ranks, default=None), tuple(sorted(kinds)), head, lora)


def _own_head(facts: ModelFacts, shape: Sequence[int]) -> str | None:
    """A head in a class of the student's own: as many rows as there are labels."""
    labels = facts.parameters.get(f"{facts.head}.weight", (0,))[0]
    if not shape or shape[0] != labels or len(shape) > 2:
        return None
    return f"{facts.head}.{'weight' if len(shape) == 2 else 'bias'}"


@dataclass(frozen=True)
class Part:
    """A trainable parameter's name, taken apart."""

    module: str
    """Of LoRA: the adapted module; else the parameter's own name. Without prefixes."""
    kind: str | None = None
    """`A`, `B`, `magnitude` of LoRA; null for a plain parameter."""
    rank: int | None = None
    copied: bool = False
    """A copy that modules_to_save made."""

    @classmethod
    def of(cls, name: str, shape: Sequence[int]) -> Part:
        """Take a name apart."""
        found = re.match(r"(.*?)\.lora_(A|B|embedding_A|embedding_B|magnitude_vector)(\..*)?$", name)
        if found:
            kind = {"magnitude_vector": "magnitude"}.get(found[2], found[2][-1])
            rank = int(shape[0]) if kind == "A" and shape else None
            return cls(_bare(found[1]), kind, rank if rank is not None else (int(shape[-1]) if kind == "B" else None))
        copied = re.sub(r"\.modules_to_save\.[^.]+\.", ".", name)
        return cls(_bare(copied.replace(".base_layer.", ".")), copied=copied != name)

    def size(self, weight: tuple[int, ...]) -> int:
        """At true size, given the adapted module's weight."""
        out, into = weight[0], prod(weight[1:])
        return {"A": (self.rank or 0) * into, "B": (self.rank or 0) * out, "magnitude": out}[self.kind or "A"]


@once_per_model
def _bare_names(facts: ModelFacts) -> Mapping[str, str]:
    """Bare name -> name at true size."""
    return MappingProxyType({_bare(name): name for name in facts.parameters})


def _bare(name: str) -> str:
    """Without the prefixes that wrappers add, so that names of one model compare."""
    changed = True
    while changed:
        changed = False
        for prefix in PREFIXES:
            if name.startswith(prefix):
                name, changed = name.removeprefix(prefix), True
    return name[name.index(".layers.") + 1 :] if ".layers." in name else name


# -- from a count ------------------------------------------------------------------------------------------------------


@once_per_model
def explain(facts: ModelFacts, count: int, *, at_most: int = 4) -> tuple[Plausible, ...]:
    """Plausible configurations that train exactly this many, the most usual first."""
    modules = weights_of(facts)
    found: list[tuple[int, Plausible]] = []
    usual = _usual(facts)
    trained = sum(prod(shape) for name, shape in facts.parameters.items() if name.startswith(f"{facts.head}."))
    for head, extra in ((True, trained), (False, 0)):
        for kinds in _kind_sets(facts, modules):
            per_rank = sum(
                shape[0] + prod(shape[1:]) for name, shape in modules.items() if _is_kind(facts, name, kinds)
            )
            rank, rest = divmod(count - extra, per_rank) if per_rank else (0, 1)
            if rest == 0 and rank in RANKS:
                unusual = RANKS.index(rank) if rank not in (8, 16, 32) else 0
                order = (not head) * 100 + (usual.index(kinds) if kinds in usual else 10) + unusual
                found.append((order, Plausible(rank, kinds, head, count)))
    return tuple(item for _, item in sorted(found, key=lambda pair: (pair[0], pair[1].rank))[:at_most])


def _is_kind(facts: ModelFacts, name: str, kinds: Iterable[str]) -> bool:
    return name != facts.head and name.rpartition(".")[2] in kinds


def _kinds(facts: ModelFacts, modules: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.rpartition(".")[2] for name in modules if name != facts.head))


def _kind_sets(facts: ModelFacts, modules: Iterable[str]) -> Iterable[tuple[str, ...]]:
    kinds = _kinds(facts, modules)
    for size in range(1, len(kinds) + 1):
        yield from combinations(kinds, size)


def _usual(facts: ModelFacts) -> tuple[tuple[str, ...], ...]:
    order = _kinds(facts, weights_of(facts))
    sets = (facts.reference_lora.get("target_modules") or (), default_targets(facts), ("q_proj", "k_proj"), order)
    return tuple(tuple(kind for kind in order if kind in group) for group in sets)
