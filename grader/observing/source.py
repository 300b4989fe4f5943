"""What the submitted code does, from its text alone: the fall-back where nothing ran. Source `source`; nothing is executed.

Says nothing rather than guess: a value that can't be followed yields no observation, or one whose field is null.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from grader.model.assignment import Assignment
from grader.model.base import Role
from grader.model.evidence import Evidence
from grader.model.observation import Environment, Observation, TierTable
from grader.observing.notebook import Cell, read_cells
from grader.observing.recorded_labels import NOTHING, Hints, read_code
from grader.observing.recorded_tiers import tiers_defined
from grader.observing.source_cells import parse
from grader.observing.source_facts import Facts
from grader.observing.source_library import Library
from grader.observing.source_tricks import tricks
from grader.observing.source_values import Model, Output, Trainer, Value
from grader.observing.source_walk import Walker

CodeCell = tuple[int, str, int | None]
"""Place, text, execution count."""
Followed = tuple[tuple[Observation, ...], dict[int, Hints]]
_PIN = re.compile(
    r"(?<![\w-])(transformers|peft|torch)(?:\[[\w,]{1,30}\])?\s?==\s?(\d{1,2}\.\d{1,3}(?:\.\d{1,3})?[\w.+]{0,20})"
)
_TIER = re.compile(r"\btiers?\b|_tiers?\b|tier_|\brare|freq(?:uency)?_(?:bin|bucket|group)|\bbuckets?\b", re.IGNORECASE)
_PER_CLASS = re.compile(r"classification_report|average\s?=\s?None|per_class|f1_per_|_per_class", re.IGNORECASE)
_F1 = re.compile(r"f1", re.IGNORECASE)
_COMPUTES = re.compile(
    r"\bgroupby\(|\bq?cut\(|\bfor\b|\.mean\(|f1_score|classification_report|\.merge\(|\.plot|\.bar|\.scatter|\.loc\["
)


def observe_source(evidence: Evidence, assignment: Assignment) -> tuple[Observation, ...]:
    """Everything that the code as text shows."""
    cells = read_cells(evidence.notebook)
    observations, _ = _followed(_code(cells), _Key(assignment))
    return (*observations, *_pins(cells), *_tables(cells), *tricks(cells))


def cell_hints(cells: Sequence[Cell], assignment: Assignment) -> dict[int, Hints]:
    """Which model and run the variables of each cell belong to."""
    _, hints = _followed(_code(cells), _Key(assignment))
    return hints


def _code(cells: Sequence[Cell]) -> tuple[CodeCell, ...]:
    return tuple((cell.index, cell.source, cell.count) for cell in cells if cell.kind == "code")


class _Key:
    """An assignment as a key of the cache: two are alike when what they say about the models is."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        models = assignment.models.items()
        self._parts = tuple(
            (role, facts.checkpoint, facts.head, facts.checkpoint_dtype, facts.architectures) for role, facts in models
        )
        self._aliases = tuple(sorted(assignment.stage.hub_aliases.items()))

    def __hash__(self) -> int:
        return hash((self._parts, self._aliases))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and (self._parts, self._aliases) == (other._parts, other._aliases)


@lru_cache(maxsize=4)
def _followed(sources: tuple[CodeCell, ...], key: _Key) -> Followed:
    """Both observers of one submission need this; it is done once.

    From top to bottom; in the order in which the cells ran where the counts say that it was another and training shows only then.
    """
    facts, hints = _follow(sources, key)
    ran = sorted(sources, key=lambda cell: cell[2] or 0)
    if all(cell[2] for cell in sources) and ran != list(sources):
        again, other = _follow(ran, key)
        if again.objects.training() > facts.objects.training():
            facts, hints = again, other
    return facts.finish(), hints


def _follow(sources: Iterable[CodeCell], key: _Key) -> tuple[Facts, dict[int, Hints]]:
    facts = Facts(key.assignment)
    library = Library(facts)
    walker = facts.walker = Walker(library)
    touched: dict[int, list[Value]] = {}
    for index, source, _ in sources:
        code = parse(index, source)
        touched[index] = walker.cell(code)
    library.timing.finish()
    return facts, {index: _hints(values) for index, values in touched.items()}


def _hints(values: list[Value]) -> Hints:
    models = [model for value in values if (model := _model(value)) is not None]
    roles = {model.role for model in models if model.role}
    runs = {model.run for model in models}
    if len(roles) > 1:
        return Hints(both=True)
    role: Role | None = next(iter(roles), None)
    run = next(iter(runs)) if len(runs) == 1 else None
    return Hints(model=role, run=run) if role else NOTHING


def _model(value: Value) -> Model | None:
    found = value.model if isinstance(value, Trainer | Output) else value
    return found if isinstance(found, Model) else None


def _pins(cells: Sequence[Cell]) -> Iterator[Environment]:
    """Versions that the first cells install."""
    for cell in cells:
        if cell.kind != "code" or "==" not in cell.source or "install" not in cell.source:
            continue
        for line in cell.source.split("\n"):
            for match in [] if line.lstrip().startswith("#") else list(_PIN.finditer(line))[:10]:
                yield _pinned(match[1], match[2].rstrip("."), cell, line)


def _pinned(package: str, version: str, cell: Cell, line: str) -> Environment:
    return Environment(
        source="source",
        citation=cell.cite(line),
        transformers=version if package == "transformers" else None,
        peft=version if package == "peft" else None,
        torch=version if package == "torch" else None,
    )


def _tables(cells: Sequence[Cell]) -> Iterator[TierTable]:
    """Cells whose code breaks F1 down by tier or class; what they showed is the outputs' business."""
    defined = tiers_defined(cells)
    for cell in cells:
        if cell.kind != "code" or not _F1.search(cell.source):
            continue
        tiered, per_class = bool(_TIER.search(cell.source)), bool(_PER_CLASS.search(cell.source))
        if (tiered or per_class) and _COMPUTES.search(cell.source):
            yield _table(cell, tiered=tiered, defined=defined)


def _table(cell: Cell, *, tiered: bool, defined: bool) -> TierTable:
    hints = read_code(cell.source)
    models: tuple[Role, ...] = ("decoder", "encoder") if hints.both else (hints.model,) if hints.model else ()
    line = next((text for text in cell.source.split("\n") if (_TIER if tiered else _PER_CLASS).search(text)), "")
    return TierTable(
        source="source",
        citation=cell.cite(line),
        models=models,
        tiers=(),
        defined=defined and tiered,
        per_class=not tiered,
    )
