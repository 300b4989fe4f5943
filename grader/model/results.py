"""results.json, as other tools read it: one object per participant. Its JSON schema is published in docs/results.schema.json."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from grader.model.attempts import AttemptChange
from grader.model.base import SCHEMA, Frozen, Points
from grader.model.evidence import ExecutionStatus, Mode
from grader.model.finding import Citation, Source, Verdict
from grader.model.rubric import CriterionKind
from grader.model.scorecard import Adjustment, ReviewItem


class ResultParticipant(Frozen):
    """Who it is about."""

    id: str
    """Moodle's participant number, `g<group id>`, or a file stem."""
    name: str | None
    email: str | None


class ResultSubmission(Frozen):
    """What was handed in."""

    files: tuple[str, ...]
    sha256: str | None
    """Over the submitted files in order of name."""
    draft: bool
    late_seconds: int | None
    """Null where nothing that can be read says."""
    submitted: datetime | None = None
    """When it was handed in, to the minute, where that is known."""
    due: datetime | None = None
    """When it was due for this person, extensions included."""


class ResultAttempts(Frozen):
    """Several hand-ins."""

    counting: int | None
    """The one that these results are about; null where nothing was handed in."""
    handed_in: int
    change: AttemptChange | None = None
    """What changed since the one before."""


class ResultExecution(Frozen):
    """How the run went."""

    mode: Mode
    status: ExecutionStatus
    seconds: float
    cells_run: int
    why: str = ""


class ResultFinding(Frozen):
    """One check line's answer."""

    verdict: Verdict
    credit: float | None
    source: Source | None
    student_text: str
    staff_text: str
    citations: tuple[Citation, ...]


class ResultCriterion(Frozen):
    """Points of one criterion."""

    id: str
    points: Points | None
    low: Points
    high: Points
    max: Points
    kind: CriterionKind
    settled: bool
    capped_by: tuple[str, ...]


class ResultSection(Frozen):
    """Points of one section."""

    id: str
    points: Points | None
    low: Points
    high: Points
    max: Points
    settled: bool
    criteria: tuple[ResultCriterion, ...]


class ResultFlag(Frozen):
    """Something that staff should know."""

    kind: str
    why: str


class Result(Frozen):
    """Everything about one participant."""

    schema_: Annotated[int, Field(alias="schema")] = SCHEMA
    participant: ResultParticipant
    status: Literal["graded", "needs_review", "no_submission", "unreadable"]
    submission: ResultSubmission
    attempts: ResultAttempts = ResultAttempts(counting=None, handed_in=0)
    execution: ResultExecution
    findings: dict[str, ResultFinding]
    sections: tuple[ResultSection, ...]
    adjustments: tuple[Adjustment, ...]
    total: Points | None
    low: Points | None
    high: Points | None
    max: Points
    review: tuple[ReviewItem, ...]
    flags: tuple[ResultFlag, ...]
    """Odd enough that a person must look: a flag makes the status `needs_review`."""
    notes: tuple[ResultFlag, ...] = ()
    """Worth knowing, nothing to decide."""


Results = TypeAdapter(list[Result])
