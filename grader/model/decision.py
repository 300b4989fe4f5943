"""What people decided, said and gave out: events that are only ever appended, and what follows from them for one submission."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from grader.model.base import Artefact, Frozen, Points
from grader.model.finding import Verdict
from grader.model.scorecard import Scorecard

EventKind = Literal[
    "decision",
    "adjustment",
    "verdict",
    "comment",
    "flag",
    "undo",
    "assignment",
    "request",
    "answer",
    "release",
    "regrade",
    "access",
    "forgotten",
]
"""`decision`: points of a criterion. `adjustment`: points given or taken beside the rubric, of a team also for one member alone
(`data["member"]`). `verdict`: what a person says of a check or of a question about the submission as a
whole. `request` and `answer`: a student's request for a regrade. `access`: a TA's link was given out or revoked.
`forgotten`: everything about somebody was removed."""

TaRole = Literal["ta", "lead"]
"""A lead may also assign, release, undo others' events and give out links."""


class Event(Frozen):
    """One thing that one person did. Never changed and never deleted; `undo` is an event too."""

    id: int = 0
    """Counts up through the whole ledger; 0 while it isn't stored."""
    at: datetime | None = None
    """UTC, set by the ledger."""
    author: str
    kind: EventKind
    participant: str = ""
    """Empty for events about the whole class."""
    criterion: str = ""
    """Criterion or check line id; empty for the submission as a whole."""
    points: Points | None = None
    """For `decision`; for `adjustment` with its sign."""
    verdict: Verdict | None = None
    """For `verdict`; null: looked at and in order, nothing follows from it."""
    text: str = ""
    """The reason, comment, flag, request or answer. Plain text."""
    answer_sha256: str = ""
    """Hash of the answer that was judged; another answer asks again."""
    submission_sha256: str = ""
    """Hash of the files that it was part of; the same files never ask again."""
    refers: int | None = None
    """The event that an `undo` takes back or an `answer` answers."""
    data: dict[str, Any] = {}
    """What else belongs to this kind: `max` and `suggested` of a decision, `to` of an assignment, rows of a release."""


class Held(Frozen):
    """An event that stands, and whether it still fits what it was about."""

    event: Event
    fits: bool = True
    why: str = ""
    """Where it does not fit: why it asks again."""


class Request(Frozen):
    """A student's request for a regrade, and what came of it."""

    asked: Event
    answer: Event | None = None


class OpenItem(Frozen):
    """Something that keeps a submission from being settled."""

    kind: Literal["criterion", "check", "submission", "flag", "request"]
    target: str
    """Criterion or check line id; empty for the submission as a whole."""
    why: str


class Standing(Frozen):
    """What stands about one participant after all undoing."""

    decisions: dict[str, Held] = {}
    """By criterion id."""
    verdicts: dict[str, Held] = {}
    """By check line id; empty for the submission as a whole."""
    comments: dict[str, Event] = {}
    """By criterion id; empty for the submission as a whole."""
    adjustments: tuple[Event, ...] = ()
    """Points beside the rubric, for everybody of the submission or one member of a team."""
    flags: tuple[Event, ...] = ()
    """Raised by people and not lowered."""
    requests: tuple[Request, ...] = ()
    assigned: str = ""
    """The TA who has it; empty for nobody."""


class Outcome(Artefact):
    """Scorecard and decisions: what counts."""

    card: Scorecard
    """The scorecard with decisions applied; its shape is the same, so that pages and tables read both."""
    standing: Standing = Standing()
    open: tuple[OpenItem, ...] = ()
    """What is still to settle; empty: it can be released."""

    @property
    def members(self) -> dict[str, tuple[Event, ...]]:
        """Adjustments for one member of a team, by participant number."""
        found: dict[str, tuple[Event, ...]] = {}
        for event in self.standing.adjustments:
            if member := str(event.data.get("member", "")):
                found[member] = (*found.get(member, ()), event)
        return found

    @property
    def settled(self) -> bool:
        """Nothing waits for a person."""
        return not self.open
