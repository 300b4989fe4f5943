"""An assignment as data: what is asked, when, with which models, and what the stage provides. Read by `grader.catalog`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, model_validator

from grader.model.attempts import AttemptPolicy
from grader.model.base import Artefact, Frozen, Points, Role
from grader.model.memo import MemoAids
from grader.model.moodle_dates import at_wall, exists


class LatePolicy(Frozen):
    """What lateness costs."""

    kind: Literal["none", "per_day", "per_hour", "steps"] = "none"
    points: Points | None = None
    """Points off per started day or hour."""
    steps: tuple[tuple[timedelta, Points], ...] = ()
    """For `steps`: (later than, points off), growing."""
    grace: timedelta = timedelta(0)
    """Lateness up to this costs nothing; beyond it, it counts from the due date."""
    at_most: Points | None = None
    """Never more than this."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind in ("per_day", "per_hour") and self.points is None:
            raise ValueError(f"kind {self.kind} needs `points`, what each costs")
        if self.kind == "steps" and not self.steps:
            raise ValueError("kind steps needs `steps`, pairs of (later than, points off)")
        if any(later <= earlier or more < less for (earlier, less), (later, more) in pairwise(self.steps)):
            raise ValueError("each step must be later than the one before, and cost no less")
        spans = (self.grace, *(after for after, _ in self.steps))
        costs = (self.points, self.at_most, *(points for _, points in self.steps))
        if any(span < timedelta(0) for span in spans) or any(cost is not None and cost < 0 for cost in costs):
            raise ValueError("spans of time and points off must not be negative")
        return self


class Extension(Frozen):
    """More time for one person or team."""

    who: str
    """Participant number, e-mail address, ID number, or the team's name."""
    also: tuple[str, ...] = ()
    """What else the roster knows this person by."""
    until: datetime
    """On the clock of the assignment's time zone, unless it names another."""
    why: str = ""
    """For staff; students never read it."""


class Dates(Frozen):
    """When an assignment is due, for whom later, and what lateness costs."""

    due: datetime | None = None
    cutoff: datetime | None = None
    """After this, a person decides whether it counts."""
    extensions: tuple[Extension, ...] = ()
    late: LatePolicy = LatePolicy()
    timezone: str = "UTC"
    """Clock by which days count and in which dates are shown."""
    worksheet_timezone: str = "UTC"
    """Clock of the teacher who downloads the worksheet."""


class ModelFacts(Frozen):
    """One of the assignment's models: what is known of it at true size."""

    checkpoint: str
    """Hub id (`Qwen/Qwen2.5-0.5B`)."""
    checkpoint_dtype: str
    """What an omitted dtype means under transformers 5."""
    head: str
    """Name of the head's module (`score`, `classifier`)."""
    architectures: tuple[str, ...]
    """Class names that mean this model (`Qwen2ForSequenceClassification`, `Qwen2Model` ...)."""
    reference_lora: dict[str, Any] = {}
    """r, target_modules, lora_alpha of the reference solution; empty where there is none."""
    reference_trainable: int | None = None
    """Trainable parameters of the reference, at true size."""
    parameters: dict[str, tuple[int, ...]] = Field(default={}, repr=False)
    """All parameter names and shapes at true size (stage/true_size.json)."""
    linear: tuple[str, ...] = Field(default=(), repr=False)
    """Names of the linear modules, for target matching."""


class StageAliases(Frozen):
    """Other names that mean what the stage holds."""

    of: str | None = None
    """The assignment whose stage (and names for it) this one shares; null: it has its own, or none."""
    hub_aliases: dict[str, str] = {}
    dataset_aliases: tuple[str, ...] = ()
    path_aliases: tuple[str, ...] = ()


class Interval(Frozen):
    """A range that a metric is expected in."""

    low: float | None = None
    high: float | None = None
    mean: float | None = None


class ExpectedRanges(Frozen):
    """reference/expected/<scale>.json: what our own runs (or the course's documents) say."""

    scale: str
    provenance: str = ""
    metrics: dict[str, dict[str, Interval]] = {}
    """`encoder|decoder|decoder_weighted` -> metric -> interval."""
    latency: dict[str, Any] = {}


class Assignment(Artefact):
    """assignment.yaml, validated, with the tables that it points to."""

    slug: str
    title: str
    course: str = ""
    """The course's name, for the head of pages."""
    rubric: str
    """Path of the rubric, relative to the course root."""
    due: datetime | None = None
    """A time without a zone is on the clock of `timezone`."""
    cutoff: datetime | None = None
    """After this, a person decides whether it counts."""
    timezone: str | None = None
    """IANA name of the course's time zone (`Europe/Berlin`); null: the one that `due` names, else UTC."""
    worksheet_timezone: str | None = None
    """Time zone of the teacher who downloads the worksheet, where it is another."""
    extensions: tuple[Extension, ...] = ()
    late: LatePolicy = LatePolicy()
    attempts: AttemptPolicy = "last"
    """Which of several hand-ins counts: `last`, `first`, or `best` of those before the cut-off."""
    models: dict[Role, ModelFacts] = {}
    stage: StageAliases = StageAliases()
    classes: int | None = None
    class_counts: tuple[int, ...] = Field(default=(), repr=False)
    """Training examples per label in the stage's data."""
    hardware: str | None = None
    """What the course's students train on (`T4`)."""
    limits: dict[str, float] = {}
    """Overrides of execution limits."""
    expected: dict[str, ExpectedRanges] = {}
    """By scale."""
    memo_aids: MemoAids = Field(default=MemoAids(), repr=False)
    """Lecture shingles, course figures, starter prompts and class names: memo_aids.json, if there is one."""
    scale: str = "t4"
    """Scale that students' recorded metrics are held against unless the command says otherwise."""
    golden_scale: str | None = None
    """Scale of the golden cases, where their outputs come from the stand-ins."""

    @model_validator(mode="after")
    def _zoned(self) -> Self:
        """Times without a zone become moments; a time that no clock showed is refused."""
        zones = {name: zone_of(name) for name in (self.timezone, self.worksheet_timezone) if name}
        moments = {"due": self.due, "cutoff": self.cutoff}
        if self.timezone is None and any(moment and moment.tzinfo is None for moment in moments.values()):
            raise ValueError("a time without a zone needs `timezone`, for instance Europe/Berlin")
        zone = zones[self.timezone] if self.timezone else UTC
        update = {name: _moment(moment, zone) for name, moment in moments.items() if moment}
        if self.due and self.cutoff and update["cutoff"] < update["due"]:
            raise ValueError("`cutoff` is before `due`")
        extensions = tuple(one.model_copy(update={"until": _moment(one.until, zone)}) for one in self.extensions)
        for name, value in {**update, "extensions": extensions}.items():
            object.__setattr__(self, name, value)
        return self

    @property
    def dates(self) -> Dates:
        """All about when."""
        own = self.timezone or (None if self.due is None else getattr(self.due.tzinfo, "key", None)) or "UTC"
        return Dates(
            due=self.due,
            cutoff=self.cutoff,
            extensions=self.extensions,
            late=self.late,
            timezone=own,
            worksheet_timezone=self.worksheet_timezone or own,
        )


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that IANA name; ValueError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; names are like Europe/Berlin or America/New_York") from None


def _moment(moment: datetime, zone: tzinfo) -> datetime:
    if moment.tzinfo is not None:
        return moment
    if not exists(moment, zone):
        raise ValueError(f"{moment:%Y-%m-%d %H:%M} never was: the clocks of {zone} are put forward then")
    return at_wall(moment, zone, later=True)
