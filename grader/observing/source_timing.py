"""How inference was timed, from the code: a function or cell that reads a clock around forward passes.

Batch size, warm-up, repetitions and synchronisation are said only where the text shows them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grader.model.base import Role
from grader.model.finding import Citation
from grader.model.observation import LatencyMeasured
from grader.observing.source_values import (
    ITEM,
    Bound,
    Env,
    Function,
    Lib,
    Model,
    Output,
    Tokenizer,
    Trainer,
    Value,
)

if TYPE_CHECKING:
    from grader.observing.source_library import Library

_CLOCK = re.compile(
    r"\b(?:perf_counter(?:_ns)?|monotonic|default_timer|process_time|elapsed_time)\s?\(|"
    r"\btime\.time\s?\(|(?<![\w.])time\(\)|\btimeit\b|\.Timer\("
)
_TRAINS = re.compile(r"\.train\(\s*(?:resume_from_checkpoint[^)]*)?\)|\.backward\(|\.fit\(|optimizer\.step\(")
_SYNC = re.compile(r"\bsynchronize\b|\bsync\w*\s?\(|\bcuda\.Event\(|benchmark\.Timer")
_WAITS = re.compile(
    r"\.(?:item|cpu|tolist|numpy)\(\)|\.predict\(|\.evaluate\(|"
    r"\b(?:pipe\w*|\w{1,40}_pipe)\((?!['\"])"
)
"""Between two looks at the clock these wait for the GPU, too: a pipeline gives its answers as plain Python."""
_WARM = re.compile(r"warm[\s_-]?up|\bwarm\b", re.IGNORECASE)
_BATCH_NAME = re.compile(r"^(?:batch_?size|bs|eval_batch_size|batch|bsz|n_batch)$", re.IGNORECASE)
_REPEATS_NAME = re.compile(
    r"^(?:n_?)?(?:runs?|repeats?|iters?|trials?|n_iter|reps?|num_(?:runs|iters|repeats|batches)|n_batches)$",
    re.IGNORECASE,
)
_PASS = re.compile(
    r"(?<!def )\b\w*(?:model|predict|forward|infer|run|encoder|decoder|pipe)\w*\(|(?<!dict)\(\*\*\w|\(input_ids",
    re.IGNORECASE,
)
_ONE_TEXT = re.compile(r"^(?:text|t|txt|sample|example|sentence|doc|row|inp|complaint|x|s|query|ex)$", re.IGNORECASE)
_SEVERAL = re.compile(r"\btimeit\b|\brepeat\w*\(|\.Timer\(|\.predict\(|\.evaluate\(|\bpipe\w*\(")
_LOOPS = (ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)
INNER = 40


@dataclass(eq=False)
class TimingToken:
    """A piece of code in which inference is timed."""

    node: ast.AST
    text: str
    cited: Citation
    roles: list[Role | None] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    """Texts of the student's own functions that are called meanwhile."""

    def has(self, node: ast.AST) -> bool:
        """A call that stands in this very code, and does not merely make one row of a batch (`[tok(t) for t in texts]`)."""
        rows = (ast.ListComp, ast.GeneratorExp, ast.SetComp)
        made = {id(item.elt) for item in ast.walk(self.node) if isinstance(item, rows)}
        return id(node) not in made and any(item is node for item in ast.walk(self.node))


class Timing:
    """Watches calls while timed code is followed."""

    def __init__(self, library: Library) -> None:
        """Nothing is timed yet."""
        self._library = library
        self._open: list[TimingToken] = []
        self._cells: set[int] = set()

    def statement(self, statement: ast.stmt) -> None:
        """A statement at a cell's margin begins: the cell itself may time something."""
        self._close_cell()
        walker = self._library.walker
        cell = walker.code.cell
        if cell in self._cells:
            return
        self._cells.add(cell)
        body = [item for item in walker.code.tree.body if not isinstance(item, ast.FunctionDef | ast.ClassDef)]
        module = ast.Module(body=body, type_ignores=[])
        text = _text(module) if _CLOCK.search("\n".join(walker.code.lines)) else ""
        shell = " ".join(walker.code.shell)
        if (_CLOCK.search(text) or "timeit" in shell) and not _TRAINS.search(text) and body:
            walker.line = body[0].lineno
            self._cell = TimingToken(module, text, walker.cite())
            self._open = [self._cell]

    _cell: TimingToken | None = None

    def _close_cell(self) -> None:
        if self._cell is not None and self._cell.cited.cell != self._library.walker.code.cell:
            token, self._cell = self._cell, None
            self._open = []
            self._report(token, self._library.walker.globals)

    def finish(self) -> None:
        """The notebook ends."""
        if self._cell is not None:
            token, self._cell = self._cell, None
            self._report(token, self._library.walker.globals)

    def enter(self, function: Function, env: Env) -> TimingToken | None:
        """A function begins; null where it times nothing."""
        if isinstance(function.node, ast.Lambda):
            return None
        raw = "\n".join(function.code.lines[function.node.lineno - 1 : function.node.end_lineno])
        text = _text(function.node) if _CLOCK.search(raw) else ""
        if not _CLOCK.search(text) or _TRAINS.search(text):
            return None
        walker = self._library.walker
        cited = Citation(
            where="notebook", cell=function.code.cell, quote=function.code.quote(function.node.lineno)[:300]
        )
        token = TimingToken(function.node, text, cited)
        for value in env.names.values():
            self._role(token, value)
        self._open.append(token)
        walker.touch(None)
        return token

    def leave(self, token: TimingToken | None, env: Env) -> None:
        """A function ends."""
        if token is not None and token in self._open:
            self._open.remove(token)
            self._report(token, env)

    def called(self, function: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> None:
        """Something was called while code is timed."""
        if not self._open:
            return
        token = self._open[-1]
        owner = function.owner if isinstance(function, Bound) else function
        self._role(token, owner)
        size = kwargs.get("batch_size")
        if isinstance(function, Lib) and function.name == "DataLoader":
            size = kwargs.get("batch_size", args[1] if len(args) > 1 else 1)
        if isinstance(size, int):
            token.batches.append(size)
        if isinstance(owner, Trainer) and owner.arguments and getattr(function, "name", "") in ("predict", "evaluate"):
            token.batches.append(_eval_batch(owner))
        if isinstance(function, Tokenizer) and node.args and _is_one_text(node.args[0], args[0]) and token.has(node):
            token.batches.append(1)

    def inside(self, function: Function) -> None:
        """A function of the student's is called while code is timed."""
        if self._open and len(self._open[-1].inner) < INNER:
            lines = function.code.lines[function.node.lineno - 1 : function.node.end_lineno]
            self._open[-1].inner.append("\n".join(lines))

    def _role(self, token: TimingToken, value: Value) -> None:
        model = value.model if isinstance(value, Output | Trainer) else value
        if isinstance(model, Model) and model.role not in token.roles:
            token.roles.append(model.role)

    def _report(self, token: TimingToken, env: Env) -> None:
        if not token.roles and not re.search(r"\bmodel\w*\(|\.predict\(|\bpipe\w*\(|\.generate\(", token.text):
            return
        batch = _batch(token, env)
        for role in token.roles or [None]:
            self._library.facts.note(
                LatencyMeasured(
                    source="source", model=role, citation=token.cited, batch_size=batch, warmup=_warmup(token, env),
                    repeats=_repeats(token, env), synchronised=_synchronised(token),
                    on_gpu=True if "cuda" in token.text else None,
                )
            )  # fmt: skip


def _synchronised(token: TimingToken) -> bool:
    """The clock is read again only after the GPU has finished, here or in what is called meanwhile."""
    looks = [match.start() for match in _CLOCK.finditer(token.text)]
    waits = len(looks) > 1 and _WAITS.search(token.text, looks[0], looks[-1])
    return bool(
        _SYNC.search(token.text) or waits or any(_SYNC.search(text) or _WAITS.search(text) for text in token.inner)
    )


def _text(node: ast.AST) -> str:
    try:
        return ast.unparse(node)[:20_000]
    except (ValueError, RecursionError):
        return ""


def _eval_batch(trainer: Trainer) -> int:
    size = trainer.arguments.given.get("per_device_eval_batch_size", 8) if trainer.arguments else 8
    return size if isinstance(size, int) else 8


def _is_one_text(node: ast.expr, value: Value) -> bool:
    """The tokenizer gets a single text."""
    if isinstance(value, str):
        return True
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
        return (
            isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int) and not isinstance(value, list)
        )
    return isinstance(node, ast.Name) and value is ITEM and bool(_ONE_TEXT.match(node.id))


def _batch(token: TimingToken, env: Env) -> int | None:
    """The batch size, if the code shows one: by a loader, a name, the step of a range, or a repeated list."""
    if token.batches:
        return max(token.batches)
    named = [value for name, value in env.names.items() if _BATCH_NAME.match(name) and _is_count(value)]
    used = [value for name in _names(token.node) if _BATCH_NAME.match(name) and _is_count(value := env.get(name))]
    if named or used:
        return int((named or used)[0])
    for node in ast.walk(token.node):
        size = _slice_size(node, env)
        if size is not None:
            return size
    return None


def _names(node: ast.AST) -> Iterator[str]:
    return (item.id for item in ast.walk(node) if isinstance(item, ast.Name))


def _is_count(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10_000


def _slice_size(node: ast.AST, env: Env) -> int | None:
    """`range(0, n, 32)`, `[text] * 32`."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "range" and len(node.args) == 3:
        return _constant(node.args[2], env)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and isinstance(node.left, ast.List):
        return _constant(node.right, env)
    return None


def _constant(node: ast.expr | None, env: Env) -> int | None:
    value = node.value if isinstance(node, ast.Constant) else env.get(node.id) if isinstance(node, ast.Name) else None
    return int(value) if isinstance(value, int) and _is_count(value) else None


def _loops(node: ast.AST, env: Env) -> Iterator[tuple[str, int | None]]:
    """Each loop's text, and how often it goes round where `range` says so."""
    for item in ast.walk(node):
        if isinstance(item, ast.For):
            times = None
            if (
                isinstance(item.iter, ast.Call)
                and getattr(item.iter.func, "id", "") == "range"
                and len(item.iter.args) == 1
            ):
                times = _constant(item.iter.args[0], env)
            elif isinstance(item.iter, ast.Subscript) and isinstance(item.iter.slice, ast.Slice):
                times = _constant(item.iter.slice.upper, env)
            yield _text(item), times


def _warmup(token: TimingToken, env: Env) -> int | None:
    """Passes before the clock starts; 0 where the code shows that there are none."""
    start = _CLOCK.search(token.text)
    before = token.text[: start.start()] if start else ""
    for text, times in _loops(token.node, env):
        if _WARM.search(text.split("\n")[0]) or (
            text.split("\n")[0] in before and _passes(text) and not _CLOCK.search(text)
        ):
            return times or 1
    named = [value for name, value in env.names.items() if _WARM.search(name) and _is_count(value)]
    if named:
        return int(named[0])
    return 1 if _WARM.search(token.text) or _passes(before) else 0


def _passes(text: str) -> bool:
    return bool(_PASS.search(text))


def _repeats(token: TimingToken, env: Env) -> int | None:
    """How many passes are timed: what a loop around them says, 1 where there is no loop at all; null where it is not said."""
    around = [
        (times, text)
        for text, times in _loops(token.node, env)
        if _passes(text) and not _WARM.search(text.split("\n")[0])
    ]
    named = [value for name, value in env.names.items() if _REPEATS_NAME.match(name) and _is_count(value)]
    found = [times for times, _ in around if times]
    if found or named:
        return int(max([*found, *named]))
    hidden = (_text(item) for item in ast.walk(token.node) if isinstance(item, _LOOPS))
    return None if around or _SEVERAL.search(token.text) or any(map(_passes, hidden)) else 1
