"""Typed facts that observers read out of evidence, each with its source and citation. Checks judge them; these don't judge.

Every type is about one thing that a check asks. `model` says which of the two models it is about; null where the observer
could not tell. An observer that doesn't know says nothing: there is no "unknown" value.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from grader.model.base import Frozen, Role
from grader.model.finding import Citation, Source

Phase = Literal["train", "eval", "latency", "other"]
Side = Literal["left", "right", "both", "none"]


class Observation(Frozen):
    """What all facts have in common."""

    source: Source
    model: Role | None = None
    run: str | None = None
    """Which training run it belongs to, where there are several of one model: `plain`, `weighted`, or null."""
    citation: Citation | None = None


class Environment(Observation):
    """Versions and hardware that the student's own run had (recorded), or that the dry run had."""

    transformers: str | None = None
    peft: str | None = None
    torch: str | None = None
    gpu: str | None = None
    """Name as printed by nvidia-smi or torch (`Tesla T4`), or `cpu`."""


class PaddingFed(Observation):
    """On which side batches of unequal length were padded when they reached the model."""

    phase: Phase
    side: Side
    """`none`: there were batches, but nothing was padded in any."""
    batches: int
    """How many batches of this phase were looked at."""
    padded: int = 0
    """How many of them held padding."""


class PaddingSet(Observation):
    """What the code or an output says about a tokenizer's side; not what the model was fed."""

    side: Side
    explicit: bool = True
    """False where it is only the tokenizer's default."""
    by_hand: bool = False
    """Batches are put together by code of the student's own, or the side could not be read: `side` is then `both` (source)."""
    fed: bool | None = None
    """This padding was seen to make the batches of a training run (source)."""


class PaddingEffect(Observation):
    """Whether padding changes what the classification head reads."""

    pools_by_position: bool | None = None
    """The code takes `[:, -1]` by hand."""
    relative_difference: float | None = None
    """Largest relative difference between logits of a padded batch and of its single rows."""


class Loaded(Observation):
    """A model was loaded from a checkpoint."""

    checkpoint: str
    """Name or path as given."""
    dtype: str | None = None
    """`float32`, `bfloat16`, `float16` as the parameters really were, or as the code asks."""
    dtype_given: bool = False
    """The call named a dtype at all."""
    quantized: bool = False
    cast: str | None = None
    """Type to which this very object was cast before training (source)."""
    trained: bool | None = None
    """The object went into a training run that could be followed (source), or that happened (dry run); null in outputs."""


class Cast(Observation):
    """The model's parameters changed type after loading (`.half()`, `.to(torch.bfloat16)`), before training."""

    dtype: str


class Precision(Observation):
    """How training computes."""

    fp16: bool = False
    bf16: bool = False
    autocast: str | None = None
    """dtype of an autocast context around forward in training."""
    scaler: bool = False
    """A GradScaler was used."""


class LoraConfigured(Observation):
    """A LoRA configuration as given to PEFT (before PEFT changes it)."""

    config: dict[str, Any]
    """r, lora_alpha, target_modules, modules_to_save, task_type, bias, use_dora, rank_pattern ... as plain JSON. From source, what
    could not be read is listed under `unresolved`, and a task type that adds no head (plain PeftModel, add_adapter) is left out."""
    trained: bool | None = None
    """The object that it was put on went into a training run that could be followed (source); null from other sources."""


class Trainable(Observation):
    """Which parameters trained, by name, and what that makes at true size."""

    names: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Trainable parameters with their shapes in the stand-in; empty where only a count is known."""
    head: bool | None = None
    """The classification head is among them."""
    count: int | None = None
    """At true size (or as the student printed it)."""
    total: int | None = None
    """All parameters, PEFT's way of counting, at true size (or as printed)."""
    percent: float | None = None
    """As printed."""
    rank: int | None = None
    targets: tuple[str, ...] = ()
    """Last part of the adapted modules' names (`q_proj`), sorted."""


class Trained(Observation):
    """What optimizer steps changed."""

    steps: int
    head: bool | None = None
    """Any bit of the head changed."""
    adapter: bool | None = None
    """Any bit of a LoRA matrix changed."""
    base: bool | None = None
    """Any bit of the base weights changed."""


class Saved(Observation):
    """Weights written to disk, or handed in."""

    path: str
    format: Literal["adapter", "full", "state_dict", "other"]
    head: bool | None = None
    """A head's tensor is in the file."""
    head_trained: bool | None = None
    """It equals the trained head (and not the head at its start)."""
    unexplained: bool = False
    """It appeared in the run's folder, and no save of the run wrote it or a file like it."""
    adapter_zero: bool | None = None
    """All lora_B are zero: never trained."""
    reload_difference: float | None = None
    """Largest relative difference of logits between the live model and the reloaded file on a probe batch."""
    after_training: bool | None = None
    """The code saves this very object after a training run of it that could be followed (source); null from other sources."""
    needs_hand_work: bool = False
    """Readable only with further code (pickle, bare state dict)."""


class LossWeights(Observation):
    """Weights that a loss was called with in training."""

    weights: tuple[float, ...] | None
    """One per class; null: cross entropy without weights."""
    labels: tuple[int, ...] = ()
    """Classes that `weights` are of, where not of all in order (weights applied by hand, read off a few batches)."""
    calls: int = 0
    reached_loss: bool = True
    """False where weights were only computed (source)."""
    formula: Literal["inverse_sqrt", "inverse", "effective_number", "log", "other"] | None = None
    """How the code makes them from class counts (source, where the numbers themselves aren't known); null: no weights, or
    not known. A loss without weights has both `weights` and `formula` null."""


class TrainingSetup(Observation):
    """What the code asks of a training run; null where it could not be read."""

    epochs: float | None = None
    max_steps: int | None = None
    batch_size: int | None = None
    """Examples per optimizer step, gradient accumulation included."""
    labels: int | None = None
    """`num_labels` given at load."""


class SamplerWeights(Observation):
    """Training rows were drawn with weights (a WeightedRandomSampler): another way than weights in the loss."""

    distinct: int
    """Different weights among the rows."""
    ratio: float | None = None
    """Largest weight over smallest."""


class Trick(Observation):
    """Something that no honest notebook needs; for a person to look at, never a verdict."""

    what: str
    """What stands there, or what of the records can't be, in a few words."""


class LatencyMeasured(Observation):
    """How inference time was measured."""

    batch_size: int | None = None
    warmup: int | None = None
    """Forward passes before the timed ones."""
    repeats: int | None = None
    """Timed forward passes."""
    synchronised: bool | None = None
    on_gpu: bool | None = None


class Number(Observation):
    """A number in a saved output, with what it is about."""

    value: float
    """As a share for percentages (56.6 % -> 0.566); milliseconds, examples per second, counts as they are."""
    text: str
    """As printed."""
    unit: Literal["share", "percent", "ms", "s", "min", "per_second", "count", "ratio", "mb", ""] = ""
    metric: str | None = None
    """`accuracy`, `macro_f1`, `zero_f1_classes`, `loss`, `latency_ms`, `throughput`, `trainable`, `f1`, `support` ... or null."""
    subject: str | None = None
    """A class name, a tier, a split: what it is the metric of, beyond the model."""
    split: Literal["train", "validation", "test"] | None = None


class TierTable(Observation):
    """F1 by frequency tier or a full per-class table."""

    models: tuple[Role, ...]
    tiers: tuple[str, ...] = ()
    """Names as written."""
    defined: bool = False
    """Says by which counts the tiers are drawn."""
    per_class: bool = False


AnyObservation = TypeVar("AnyObservation", bound=Observation)


class Observations(Frozen):
    """All facts on one submission, in the order in which they were seen."""

    items: tuple[Observation, ...] = ()

    def of(
        self, kind: type[AnyObservation], *, model: Role | None = None, source: Source | None = None
    ) -> tuple[AnyObservation, ...]:
        """Facts of one type; `model` and `source` narrow (a fact whose model is null is left out when `model` is given)."""
        return tuple(
            item
            for item in self.items
            if isinstance(item, kind)
            and (model is None or item.model == model)
            and (source is None or item.source == source)
        )
