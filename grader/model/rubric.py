"""The rubric as data: sections, criteria, points, texts, check lines. Read and validated by `grader.catalog`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from grader.model.base import Artefact, Frozen, Points, Role

CriterionKind = Literal["auto", "suggested", "manual"]


class CheckLine(Frozen):
    """A check bound to this rubric under an id, with its options."""

    id: str
    """`decoder.padding_side`: fixed, other tools read it."""
    check: str
    """Name of the check function."""
    model: Role | None = None
    options: dict[str, Any] = {}
    """All further keys of the line; validated by the check's own options type."""
    parent: str | None = None
    """Another line's id; if that failed, this one is `not_assessed`."""
    public: bool = True
    """Students may run it before they submit."""
    title: str = ""
    """What people read in tables."""
    section: str | None = None
    """Section of the page under which the finding is shown."""
    why: str = ""
    """Why it matters, as students read it beside a `partial` or `failed` answer. Plain text; `code` in backticks."""
    todo: str = ""
    """What to do about it, likewise."""


class Cap(Frozen):
    """A failed check lowers what a criterion can earn."""

    check: str
    """Check line id."""
    at: Points = Decimal("0.5")
    """Highest share of the criterion's points that is left."""


class Texts(Frozen):
    """The three texts of a criterion."""

    asked: str
    """What is asked, as students read it."""
    met: str
    half: str
    missed: str
    """What a student reads when it is met, half met, not met."""
    staff: str
    """A note for the TA."""
    why: str = ""
    """Why the criterion is there: what a reader of the memo needs it for. Shown to students."""


class Criterion(Frozen):
    """The smallest thing that earns points."""

    id: str
    title: str
    max: Points
    kind: CriterionKind
    texts: Texts
    requires: tuple[Cap, ...] = ()
    check: str | None = None
    """For `auto`: the check line that decides. For `suggested`: null, the memo reader proposes."""
    suggest: dict[str, Any] = {}
    """Options of the suggestion: what the criterion asks for, in the memo reader's terms."""


class Section(Frozen):
    """A part of the memo."""

    id: str
    title: str
    max: Points
    headings: tuple[str, ...] = ()
    """Words under which students head this section, for the memo reader."""
    criteria: tuple[Criterion, ...]


class Rubric(Artefact):
    """What is asked, and what it is worth."""

    assignment: str
    version: str = "1"
    title: str = ""
    max: Points
    step: Points = Decimal("0.5")
    """Points go in steps of this."""
    sections: tuple[Section, ...]
    checks: tuple[CheckLine, ...]
