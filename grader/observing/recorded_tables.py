"""Numbers in tables: the column says one thing, the row another, the lines above a third.

Which way round a table stands doesn't matter: metrics may be columns or rows, models likewise, or all stand in a long table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from grader.model.observation import Number
from grader.observing.notebook import Output
from grader.observing.recorded_grids import Grid
from grader.observing.recorded_labels import NOTHING, Hints, is_tier, merged, read
from grader.observing.recorded_scope import Scope
from grader.observing.recorded_values import Token, number, whole

_CLASS_COLUMN = re.compile(
    r"\b(?:class(?:_?name)?|label(?:_?name)?|category|issue|sub_?issue|product|name|topic|complaint)\b", re.IGNORECASE
)
_TIER_COLUMN = re.compile(
    r"\b(?:tier|bucket|bin|freq\w*|group|quartile|quintile|band|range|stratum|rarity)\b", re.IGNORECASE
)
_VALUE_COLUMN = re.compile(r"^\s*(?:value|score|result|0|)\s*$", re.IGNORECASE)
_EMPTY = re.compile(r"^(?:\W*|nan|none|n/?a|no log|tbd|todo)$", re.IGNORECASE)
_PROGRESS = re.compile(r"^(?:epoch|step)$", re.IGNORECASE)
_REPORT_ACCURACY = re.compile(r"^\s*accuracy\s*$", re.IGNORECASE)
CLASS_ROWS = 12
"""A table with at least so many differently labelled rows is one of classes, whatever its column is called."""


def table_numbers(grid: Grid, output: Output, scope: Scope) -> Iterator[Number]:
    """The typed numbers of one table."""
    columns = tuple(_column(label) for label in grid.header)
    many = len({row[0] for row in grid.rows}) >= CLASS_ROWS
    progress = next((place for place, label in enumerate(grid.header) if _PROGRESS.match(label.strip())), None)
    held_out = Hints(split="validation") if any("validation" in label.lower() for label in grid.header) else NOTHING
    for row, line in zip(grid.rows, grid.lines, strict=True):
        hints, subject, labels = _row(row, grid.header, many=many)
        if progress is not None and (token := whole(row[progress])):
            subject = f"{grid.header[progress].strip().lower()} {token.text}"
        citation = output.cite(line)
        for place, cell in enumerate(row):
            token = None if place in labels or place == progress else whole(cell)
            if token is None or _is_index(place, token, grid):
                continue
            said = _cell_hints(columns[place], hints, row, scope, token)
            said = merged(said, held_out) if progress is not None else said
            about = subject or _subject_of_column(grid.header[place]) or scope.subject()
            yield number(token, said, subject=about, citation=citation)


def _column(label: str) -> Hints:
    if _VALUE_COLUMN.match(label):
        return NOTHING
    hints = read(label)
    return replace(hints, tier=False)


def _cell_hints(column: Hints, row_hints: Hints, row: tuple[str, ...], scope: Scope, token: Token) -> Hints:
    """Column over row over what stands above; a report's accuracy row stands under the F1 column."""
    if any(_REPORT_ACCURACY.match(cell) for cell in row[:1]) and column.metric in ("f1", "precision", "recall"):
        column = replace(column, metric="accuracy", average=None)
    if column.metric == "support" and row_hints.metric:
        row_hints = replace(row_hints, metric=None)
    said = merged(column, row_hints)
    if column.metric is None and token.unit == "" and column.percent and row_hints.metric:
        said = replace(said, percent=False)
    return scope.outside(merged(said, scope.block))


def _row(row: tuple[str, ...], header: tuple[str, ...], *, many: bool) -> tuple[Hints, str | None, set[int]]:
    """What a row's texts say, its subject, and the columns that are labels."""
    found = NOTHING
    subjects: list[str] = []
    labels: set[int] = set()
    for place, cell in enumerate(row):
        column = header[place]
        tier_column, class_column = bool(_TIER_COLUMN.search(column)), bool(_CLASS_COLUMN.search(column))
        if _EMPTY.match(cell) or (
            whole(cell) and not (tier_column and not _is_metric(column)) and not _is_range(cell, place)
        ):
            continue
        labels.add(place)
        said = read(cell)
        if tier_column or (class_column and not _only_names(said)) or (many and place == 0 and not _only_names(said)):
            subjects.append(cell)
        elif said == NOTHING or said.tier:
            subjects.append(cell)
            found = merged(found, replace(said, tier=False, metric=None, kind=None) if said.tier else NOTHING)
        else:
            found = merged(found, said)
    return found, " / ".join(dict.fromkeys(subjects))[:200] or None, labels


def _is_metric(column: str) -> bool:
    return read(column).metric not in (None, "support")


def _is_range(cell: str, place: int) -> bool:
    return place == 0 and is_tier(cell)


def _only_names(said: Hints) -> bool:
    """The label of a summary row or of a model, not of a class: `macro avg`, `Encoder LoRA`."""
    return bool(said.model or said.both or said.average or said.run or (said.metric == "accuracy"))


def _is_index(place: int, token: Token, grid: Grid) -> bool:
    """pandas' running number in front of each row."""
    return place == 0 and grid.header[0] == "" and token.unit == "" and token.value % 1 == 0


def _subject_of_column(label: str) -> str | None:
    return label if label and is_tier(label) and not _CLASS_COLUMN.search(label) else None
