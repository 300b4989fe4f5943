"""What the machine computed, and what counts once people have decided. Never edited by hand."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from grader.model.base import Artefact, Frozen, Points
from grader.model.finding import Citation
from grader.model.rubric import CriterionKind
from grader.model.submission import Flag


class Suggestion(Frozen):
    """What the memo reader proposes for one criterion: evidence first, then a range."""

    low: Points
    high: Points
    """Range of points before caps."""
    state: Literal["found", "contradicts", "not_found", "needs_reading"]
    confidence: Literal["firm", "likely", "open"]
    seen: tuple[str, ...] = ()
    """What was found, one plain sentence each."""
    missing: tuple[str, ...] = ()
    """What the criterion asks for and was not found."""
    not_judged: tuple[str, ...] = ()
    """What no program can see here; a person must read it."""
    citations: tuple[Citation, ...] = ()
    opinions: tuple[str, ...] = ()
    """What a language model said, where one was asked; for staff only, and it decides nothing."""


class CriterionScore(Frozen):
    """Points of one criterion."""

    id: str
    points: Points | None
    """Middle of a narrow range, in steps; null where only `low` and `high` can be said and a person decides."""
    low: Points
    high: Points
    max: Points
    kind: CriterionKind
    settled: bool = False
    """Decided by a check or confirmed by a person."""
    capped_by: tuple[str, ...] = ()
    """Check line ids that lowered it."""
    suggestion: Suggestion | None = None


class SectionScore(Frozen):
    """Sum over a section's criteria."""

    id: str
    points: Points | None
    """With the middle of each range that a person has yet to decide: a sum to sort by, not a mark."""
    low: Points
    high: Points
    max: Points
    settled: bool
    criteria: tuple[CriterionScore, ...]


class Adjustment(Frozen):
    """Points taken or given outside the rubric."""

    kind: str
    points: Points
    why: str


class Lateness(Frozen):
    """When it was handed in and when it was due, for this person; computed anew each time."""

    seconds: int | None = None
    """0 on time; null where it is not known."""
    due: datetime | None = None
    """In force for this person: extensions and dates of their own included."""
    because: Literal["assignment", "own date", "extension"] = "assignment"
    """Where `due` comes from."""
    submitted: datetime | None = None
    """To the minute where the worksheet says no more."""
    cutoff: datetime | None = None
    timezone: str = "UTC"
    """In which days count and dates are shown."""
    flags: tuple[Flag, ...] = ()
    """What a person must look at."""


class ReviewItem(Frozen):
    """Something that a person must look at."""

    criterion: str
    """Criterion or check line id, or empty for the whole submission."""
    why: str


class Scorecard(Artefact):
    """Computed from findings, suggestions and rubric; regrading makes a new one."""

    findings_sha256: str = ""
    rubric_sha256: str = ""
    status: Literal["graded", "needs_review", "no_submission", "unreadable"]
    sections: tuple[SectionScore, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    lateness: Lateness = Lateness()
    total: Points | None = None
    low: Points | None = None
    high: Points | None = None
    max: Points = Decimal("100")
    review: tuple[ReviewItem, ...] = ()
