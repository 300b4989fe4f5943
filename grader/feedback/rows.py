"""The class overview as flat rows, for CSV and Parquet. Points are plain numbers here; the exact ones are release's."""

from __future__ import annotations

from decimal import Decimal

from grader.feedback.inputs import OverviewInput, StudentEntry
from grader.feedback.text import clean
from grader.model.scorecard import CriterionScore, SectionScore
from grader.model.spreadsheet import guarded

Cell = str | float | int | bool | None


def overview_rows(data: OverviewInput) -> list[dict[str, Cell]]:
    """One row per participant, the same columns in all. Text that a spreadsheet would run gets an apostrophe."""
    return [_guarded(_row(data, entry)) for entry in data.students]


def _row(data: OverviewInput, entry: StudentEntry) -> dict[str, Cell]:
    who, card = entry.submission.participant, entry.scorecard
    row: dict[str, Cell] = {
        "participant": who.id,
        "name": who.name,
        "email": who.email,
        "group": who.group,
        "status": card.status,
        "draft": entry.submission.draft,
        "late_seconds": card.lateness.seconds,
        "total": _number(card.total),
        "low": _number(card.low),
        "high": _number(card.high),
        "max": _number(card.max),
        "adjustment": _number(sum((item.points for item in card.adjustments), Decimal(0))),
        "to_settle": len(card.review),
        "execution": entry.execution.status,
        "mode": entry.execution.mode,
        "seconds": entry.execution.seconds,
    }
    return row | _points(data, entry) | _verdicts(data, entry)


def _points(data: OverviewInput, entry: StudentEntry) -> dict[str, Cell]:
    sections = {section.id: section for section in entry.scorecard.sections}
    criteria = {item.id: item for section in sections.values() for item in section.criteria}
    row: dict[str, Cell] = {}
    for section in data.rubric.sections:
        row |= _range(f"section.{section.id}", sections.get(section.id))
        for item in section.criteria:
            row |= _range(f"criterion.{item.id}", criteria.get(item.id))
    return row


def _range(name: str, score: SectionScore | CriterionScore | None) -> dict[str, Cell]:
    """Points are empty where only the range can be said."""
    points, low, high = (score.points, score.low, score.high) if score else (None, None, None)
    return {name: _number(points), f"{name}.low": _number(low), f"{name}.high": _number(high)}


def _verdicts(data: OverviewInput, entry: StudentEntry) -> dict[str, Cell]:
    return {
        f"check.{line.id}": entry.findings[line.id].verdict if line.id in entry.findings else None
        for line in data.rubric.checks
    }


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _guarded(row: dict[str, Cell]) -> dict[str, Cell]:
    return {name: guard(value) if isinstance(value, str) else value for name, value in row.items()}


def guard(text: str) -> str:
    """A cell that no spreadsheet runs as a formula."""
    return guarded(clean(text))
