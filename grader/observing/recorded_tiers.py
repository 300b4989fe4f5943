"""Which outputs (or memo tables) break F1 down by frequency tier or by class, for which models, and whether tiers are defined.

It looks at typed numbers only; whether a breakdown is good is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from grader.model.base import Role
from grader.model.observation import Number, TierTable
from grader.observing.notebook import Cell
from grader.observing.recorded_labels import has_range, is_tier
from grader.observing.recorded_words import TIER_WORD

F1_METRICS = frozenset({"f1", "macro_f1", "weighted_f1", "micro_f1"})
TIERS = 2
CLASSES = 5
MAX_TIERS = 20

_TIER_WORDS = re.compile(r"tier|rare|bucket|bin\b|bins\b|quartile|frequen|head|tail|common", re.IGNORECASE)
_DEFINES = re.compile(
    r"\bq?cut\s?\(|digitize\s?\(|quantile\s?\(|percentile\s?\(|searchsorted\s?\(|\bbins\s?=|[<>]=?\s?\d+|\brange\(\s?\d+\s?,\s?\d+|"
    r"\.(?:le|lt|ge|gt|between|nsmallest|nlargest|qcut)\s?\(|array_split\s?\("
)
_DEFINED_TEXT = re.compile(
    r"\b(?:rare|common|mid|medium|tail|head|tier)\b[^\n]{0,60}?(?:[<>≤≥]\s?\d|\d+\s?[-–—]\s?\d+|"
    r"\b(?:fewer|less|more|at least|at most|under|over)\b[^\n]{0,12}\d|\d+\+)",
    re.IGNORECASE,
)
_PROGRESS = re.compile(r"^(?:epoch|step|fold|run|batch)\b", re.IGNORECASE)
_SUMMARY = re.compile(r"\b(?:avg|average|overall|total|all|mean|gap|diff|delta)\b", re.IGNORECASE)


def tier_tables(numbers: Sequence[Number], cells: Sequence[Cell]) -> Iterator[TierTable]:
    """One observation per output that has such a breakdown."""
    defined = tiers_defined(cells)
    scored = [item for item in numbers if _scores(item) and item.subject and not _PROGRESS.match(item.subject)]
    for _, group in groupby(scored, key=_place):
        items = list(group)
        tiered = [item for item in items if is_tier(item.subject or "")]
        tiers = tuple(dict.fromkeys(item.subject or "" for item in tiered))
        if TIERS <= len(tiers) <= MAX_TIERS:
            ranged = any(has_range(tier) for tier in tiers)
            yield _table(tiered, tiers=tiers, defined=defined or ranged)
        classes = {item.subject for item in items if item not in tiered and not _SUMMARY.search(item.subject or "")}
        if len(classes) >= CLASSES:
            yield _table([item for item in items if item.subject in classes], per_class=True)


def _scores(number: Number) -> bool:
    """An F1 of its own, or a difference of two (`f1_difference`): both show a breakdown."""
    return number.metric in F1_METRICS


def _place(number: Number) -> tuple[str, int | None, int | None]:
    cited = number.citation
    return (cited.where, cited.cell, cited.output) if cited else ("", None, None)


def _table(
    items: list[Number], *, tiers: tuple[str, ...] = (), defined: bool = False, per_class: bool = False
) -> TierTable:
    models: tuple[Role, ...] = tuple(sorted({item.model for item in items if item.model}))
    runs = {item.run for item in items}
    return TierTable(
        source="recorded",
        run=runs.pop() if len(runs) == 1 else None,
        citation=items[0].citation,
        models=models,
        tiers=tiers,
        defined=defined,
        per_class=per_class,
    )


def tiers_defined(cells: Sequence[Cell]) -> bool:
    """Code or text anywhere says by which counts tiers are drawn."""
    for cell in cells:
        if cell.kind == "code" and _speaks_of_tiers(cell.source) and _DEFINES.search(cell.source):
            return True
        if _DEFINED_TEXT.search(cell.source) or any(_DEFINED_TEXT.search(item.text[:5_000]) for item in cell.outputs):
            return True
    return False


def _speaks_of_tiers(code: str) -> bool:
    return bool(_TIER_WORDS.search(code) or TIER_WORD.search(code[:20_000].lower()))
