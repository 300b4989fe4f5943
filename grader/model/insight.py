"""What a class's results say about the assignment and its marking: rows of tables, for people and for pandas."""

from __future__ import annotations

from grader.model.base import Frozen


class ItemRow(Frozen):
    """One criterion over the class."""

    criterion: str
    title: str
    people: int
    """Who has settled points for it."""
    mean: float | None = None
    """Share of its points, on average."""
    spread: float | None = None
    """Standard deviation of that share."""
    full: float | None = None
    """How many of them earned everything, as a share."""
    none: float | None = None
    separates: float | None = None
    """Correlation with the points of all other criteria; null for fewer than ten people or where all earn the same."""
    note: str = ""


class MoveRow(Frozen):
    """What became of a check's answer from one attempt to the next, over the class."""

    check: str
    before: str
    after: str
    people: int


class TimeRow(Frozen):
    """How long one TA looked at a submission, as far as their events show."""

    author: str
    submissions: int
    minutes_median: float
    minutes_all: float


class AgreementRow(Frozen):
    """Decisions beside suggestions."""

    criterion: str
    decided: int
    same: int
    within: int
    shift: str
    """Mean difference in points, with sign."""


class Insight(Frozen):
    """All tables."""

    items: tuple[ItemRow, ...] = ()
    moves: tuple[MoveRow, ...] = ()
    times: tuple[TimeRow, ...] = ()
    agreement: tuple[AgreementRow, ...] = ()
