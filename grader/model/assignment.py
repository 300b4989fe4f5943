"""An assignment as data: what is asked, when, with which models, and what the stage provides. Read by `grader.catalog`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from grader.model.base import Artefact, Frozen, Points, Role
from grader.model.memo import MemoAids


class LatePolicy(Frozen):
    """What lateness costs."""

    kind: Literal["none", "per_day", "per_hour", "steps"] = "none"
    points: Points | None = None
    """Points off per started day or hour."""
    steps: tuple[tuple[timedelta, Points], ...] = ()
    """For `steps`: (later than, points off), growing."""
    grace: timedelta = timedelta(0)
    at_most: Points | None = None
    """Never more than this."""


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
    late: LatePolicy = LatePolicy()
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
