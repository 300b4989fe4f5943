"""What a page is made from, as values. Loading them is the pipeline's business."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from grader.model.assignment import ExpectedRanges
from grader.model.attempts import AttemptChange
from grader.model.base import Frozen, Role
from grader.model.evidence import Execution
from grader.model.finding import Finding
from grader.model.insight import Insight
from grader.model.observation import Observations
from grader.model.rubric import Rubric
from grader.model.scorecard import Scorecard
from grader.model.submission import Flag, Submission

FEWEST_FOR_SPREAD = 10
"""Below this many people a class's spread could give away one person's result."""


class Spread(Frozen):
    """How one figure lies in the class: quantiles only, so that no single person's value shows."""

    people: int
    """How many values it is made from."""
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float


class ClassSpread(Frozen):
    """The class's figures, without names; made by `class_spread`."""

    metrics: dict[str, dict[str, Spread]] = Field(default={})
    """`encoder|decoder|decoder_weighted` -> metric -> spread; a metric of fewer than ten people is left out."""


class RegradeRequest(Frozen):
    """What a student asked to be looked at again, and what a person answered."""

    criterion: str
    """Criterion id; empty for the submission as a whole."""
    asked: str
    """The student's words. Plain text."""
    answer: str = ""
    """A person's words; empty while it waits. Plain text."""


class PageInput(Frozen):
    """Everything that one student's page shows, or is derived from."""

    course_title: str
    """The course's name, for the head of the page."""
    assignment_title: str = ""
    """The assignment's name; the rubric's title where empty."""
    submission: Submission
    """Who handed in what, and when."""
    rubric: Rubric
    """As copied into what it graded."""
    scorecard: Scorecard
    """The points; with decisions applied when there are any."""
    findings: dict[str, Finding] = Field(default={})
    """By check line id."""
    observations: Observations = Observations()
    """For metrics, tiers and timings that no finding carries in its `values`."""
    execution: Execution = Execution()
    """How the run went."""
    expected: ExpectedRanges | None = None
    """Reference ranges of the scale in force; null: none are shown."""
    spread: ClassSpread | None = None
    """Null: not shown."""
    reference_trainable: dict[Role, int] = Field(default={})
    """Trainable parameters of the reference at true size."""
    flags: tuple[Flag, ...] = ()
    """Only flags whose `why` was written for the student to read."""
    comments: dict[str, str] = Field(default={})
    """A TA's words to the student by criterion id; the empty id is for the whole submission. Plain text."""
    requests: tuple[RegradeRequest, ...] = ()
    """Requests for a regrade, oldest first."""
    preview: bool = True
    """Not released yet: the page says so."""


class StudentEntry(Frozen):
    """One participant in the overview."""

    submission: Submission
    """Who, what, when."""
    scorecard: Scorecard
    """The points, and what needs a person."""
    findings: dict[str, Finding] = Field(default={})
    """By check line id."""
    execution: Execution = Execution()
    """How the run went, and how long it took."""
    flags: tuple[Flag, ...] = ()
    """All flags, the submission's own included or not (shown once)."""
    change: AttemptChange | None = None
    """What changed since the attempt before."""
    has_page: bool = True
    """False where no page was written for this participant."""


class SimilarPair(Frozen):
    """Two submissions that resemble each other; for a person to read, not a verdict."""

    participants: tuple[str, str]
    """Participant ids."""
    share: float
    """How much of the shorter one is found in the other, 0 to 1."""
    why: str
    """What is alike."""


class EarlierPair(Frozen):
    """A submission that resembles one of an earlier term; for a person to read, not a verdict."""

    here: str
    """Participant id."""
    folder: str
    """Name of the earlier results folder."""
    there: str
    """Participant id in it."""
    share: float
    why: str


class OverviewInput(Frozen):
    """Everything that the class overview shows."""

    course_title: str
    """The course's name."""
    assignment_title: str = ""
    """The assignment's name; the rubric's title where empty."""
    batch_name: str = ""
    """The export's file name."""
    rubric: Rubric
    """What was asked."""
    students: tuple[StudentEntry, ...] = ()
    """In the order in which they are to be listed."""
    similar: tuple[SimilarPair, ...] | None = None
    """Null: nobody looked for similar submissions."""
    earlier: tuple[EarlierPair, ...] = ()
    insight: Insight = Insight()
    """What the class says about the assignment and its marking."""
    notes: tuple[str, ...] = ()
    """What intake noticed about the export as a whole."""
    made_at: datetime | None = None
    """When the grading ended."""
    preview: bool = True
    """Nothing was released yet."""
