"""What the recorder saw in the dry run, as typed observations. Every record is a claim: broken ones are passed over.

It ties records to the assignment's two models and to their training runs (plain or weighted). It judges nothing.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from grader.model.assignment import Assignment
from grader.model.base import Role
from grader.model.evidence import Evidence
from grader.model.observation import (
    Cast,
    LatencyMeasured,
    Loaded,
    LoraConfigured,
    Observation,
    PaddingEffect,
    PaddingFed,
    Phase,
    Precision,
    SamplerWeights,
    Side,
    Trainable,
    Trained,
    TrainingSetup,
    Trick,
)
from grader.observing.trace_loss import loss_weights, run_label
from grader.observing.trace_records import Record, cite, read_records, role_of

LOW_PRECISION_NOISE = 0.1
"""A bfloat16 model's answers differ by rounding alone; only a larger difference is padding's."""


def observe_trace(evidence: Evidence, assignment: Assignment) -> tuple[Observation, ...]:
    """All that the trace shows."""
    story = Story.of(evidence, assignment)
    parts = (_loads, _lora, _trainable, _trained, _precision, _padding, _padding_effects, _losses, _latency)
    return (*_odd(story), *(item for part in parts for item in part(story)))


def _odd(story: Story) -> Iterator[Observation]:
    """Records as the recorder never writes them: out of order, without a cell, after the end."""
    executed = [item.data.get("exec") for item in story.records]
    whole = all(isinstance(number, int) for number in executed)
    numbers = [item.exec for item in story.records]
    ends = [order for order, item in enumerate(story.records) if item.kind == "finish"]
    if not whole or numbers != sorted(numbers) or any(item.data.get("late") is True for item in story.records):
        yield Trick(source="dry_run", what="records that are not in order: not all are the recorder's")
    elif len(ends) > 1 or (ends and ends[0] != len(numbers) - 1):
        yield Trick(source="dry_run", what="records after the recorder's last: not all are its own")


@dataclass
class Run:
    """One training run: an optimizer at work on a model."""

    number: int
    model: int
    begin: Record
    trainer: Record | None = None
    """The call of Trainer.train, or of Accelerator, that it belongs to."""
    names: list[tuple[str, tuple[int, ...], bool]] = field(default_factory=list)
    label: str | None = None
    """`plain` or `weighted`; null where no loss was seen."""


@dataclass
class Story:
    """The trace, sorted by models and runs."""

    evidence: Evidence
    records: tuple[Record, ...]
    roles: dict[int, Role | None]
    loads: dict[int, Record]
    runs: dict[int, Run]
    heads: dict[Role, str]
    """Name of each model's head."""

    @classmethod
    def of(cls, evidence: Evidence, assignment: Assignment) -> Story:
        """Sort a trace."""
        records = read_records(evidence.trace)
        loads = {item.number("model"): item for item in records if item.kind == "load"}
        roles = {number: role_of(item, assignment) for number, item in loads.items()}
        heads = {role: facts.head for role, facts in assignment.models.items()}
        story = cls(evidence, records, roles, loads, {}, heads)
        story._read_runs()
        return story

    def _read_runs(self) -> None:
        pending: Record | None = None
        for item in self.records:
            if item.kind in ("trainer", "accelerator"):
                pending = item
            elif item.kind == "run":
                number = item.number("run")
                self.runs[number] = Run(number, item.number("model"), item, pending)
                pending = pending if pending is not None and pending.kind == "accelerator" else None
            elif item.kind == "trainable" and item.number("run") in self.runs:
                self.runs[item.number("run")].names.extend(_names(item.data.get("names")))
        for run in self.runs.values():
            run.label = run_label(self.of_run(run.number))

    def of_run(self, number: int) -> list[Record]:
        """Records that name this run."""
        return [item for item in self.records if item.number("run") == number]

    def role(self, model: int) -> Role | None:
        """Which of the two models this number is."""
        return self.roles.get(model)

    def label(self, model: int) -> str | None:
        """The run of a model that was trained once; null for others."""
        labels = {run.label for run in self.runs.values() if run.model == model}
        return next(iter(labels)) if len(labels) == 1 else None

    def about(self, model: int, item: Record, *words: str) -> dict[str, Any]:
        """What every observation carries."""
        return {
            "source": "dry_run",
            "model": self.role(model),
            "run": self.label(model),
            "citation": cite(self.evidence, item, words),
        }

    def about_run(self, run: Run, item: Record, *words: str) -> dict[str, Any]:
        """The same, for one run."""
        return {**self.about(run.model, item, *words), "run": run.label}

    def kind(self, *kinds: str) -> Iterator[Record]:
        """Records of these kinds, of models that are known."""
        return (item for item in self.records if item.kind in kinds and self.role(item.number("model")) is not None)


def _names(value: Any) -> Iterator[tuple[str, tuple[int, ...], bool]]:
    for row in value if isinstance(value, list) else ():
        match row:
            case [str(name), list(shape), bool(inner)] if all(isinstance(item, int) for item in shape):
                yield name[:300], tuple(shape), inner


def _loads(story: Story) -> Iterator[Observation]:
    """Loads of models that were trained; all loads where none was."""
    trained = {run.model for run in story.runs.values()}
    for item in story.kind("load"):
        model = item.number("model")
        others = {number for number in trained if story.role(number) == story.role(model)}
        dtype = item.text("dtype")
        if item.data.get("made") != "from_pretrained" or dtype is None or (others and model not in others):
            continue
        yield Loaded(
            **story.about(
                model, item, "SequenceClassification", "AutoModel", "Model.from_pretrained", "from_pretrained"
            ),
            checkpoint=item.text("name") or "",
            dtype=dtype,
            dtype_given=item.data.get("dtype_given") is True,
            quantized=item.data.get("quantized") is True,
            trained=bool(others),
        )
    for run in story.runs.values():
        load, now = story.loads.get(run.model), run.begin.text("base_dtype")
        if story.role(run.model) and load is not None and now and now != load.text("dtype"):
            words = (".half(", ".bfloat16(", ".to(", ".float(", "kbit")
            yield Cast(**story.about_run(run, run.begin, *words), dtype=now)


def _lora(story: Story) -> Iterator[Observation]:
    for item in story.kind("lora"):
        config = item.data.get("config")
        if (
            isinstance(config, dict)
            and item.data.get("reload") is not True
            and config.get("inference_mode") is not True
        ):
            yield LoraConfigured(
                **story.about(item.number("model"), item, "LoraConfig", "get_peft_model"), config=config
            )


def _trainable(story: Story) -> Iterator[Observation]:
    for run in story.runs.values():
        if story.role(run.model) is None:
            continue
        lora = [(name, shape) for name, shape, _ in run.names if ".lora_" in name]
        ranks = [shape[0] for name, shape in lora if ".lora_A" in name and shape]
        targets = {name.partition(".lora_")[0].rpartition(".")[2] for name, _ in lora}
        yield Trainable(
            **story.about_run(run, run.begin, "get_peft_model", "add_adapter", ".train(", "optim"),
            names=tuple((name, shape) for name, shape, _ in run.names),
            head=_head_trains(story, run),
            rank=max(ranks, default=None),
            targets=tuple(sorted(targets)),
        )


def _head_trains(story: Story, run: Run) -> bool | None:
    """The head itself, in full: by its name, or whatever lies outside the backbone of a student's own class.

    Null for a model that writes text and trains no such part: it has no classification head.
    """
    role = story.role(run.model)
    own = f".{story.heads[role]}." if role else "."
    listed = run.begin.data.get("head_names")
    named = any(own in f".{name}" for name in listed) if isinstance(listed, list) else False
    full = [f".{name}" for name, shape, inner in run.names if not inner and ".lora_" not in name and len(shape) > 1]
    trains = any(own in name for name in full) if named else bool(full)
    load = story.loads.get(run.model)
    writes = load is not None and (load.text("cls") or "").endswith("ForCausalLM")
    return None if writes and not trains else trains


def _trained(story: Story) -> Iterator[Observation]:
    last = {item.number("run"): item for item in story.kind("trained")}
    for run in story.runs.values():
        item = last.get(run.number)
        if item is None or story.role(run.model) is None:
            continue
        changed = item.data.get("changed")
        changed = changed if isinstance(changed, Mapping) else {}
        yield Trained(
            **story.about_run(run, item, ".train(", ".step("),
            steps=item.number("real"),
            head=_bool(changed.get("head")),
            adapter=_bool(changed.get("adapter")),
            base=_bool(changed.get("base")),
        )


def _bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _precision(story: Story) -> Iterator[Observation]:
    for run in story.runs.values():
        if story.role(run.model) is None:
            continue
        here = [item for item in story.records if item.order >= run.begin.order - 40 and item.exec == run.begin.exec]
        autocast = next((item for item in story.kind("autocast") if _same(item, run)), None)
        yield Precision(
            **story.about_run(run, run.begin, "fp16", "bf16", "autocast(", "mixed_precision", "TrainingArguments"),
            fp16=run.trainer is not None and run.trainer.data.get("fp16") is True,
            bf16=run.trainer is not None and run.trainer.data.get("bf16") is True,
            autocast=autocast.text("dtype") if autocast is not None else None,
            scaler=any(item.kind == "scaler" for item in here),
        )
        yield from _setup(story, run)


def _setup(story: Story, run: Run) -> Iterator[Observation]:
    if run.trainer is None or run.trainer.kind != "trainer":
        return
    load = story.loads.get(run.model)
    epochs, steps = run.trainer.data.get("epochs"), run.trainer.number("max_steps")
    yield TrainingSetup(
        **story.about_run(run, run.trainer, "TrainingArguments"),
        epochs=float(epochs) if isinstance(epochs, (int, float)) and math.isfinite(epochs) else None,
        max_steps=steps if steps > 0 else None,
        batch_size=run.trainer.number("batch_size") or None,
        labels=load.number("labels") or None if load is not None else None,
    )


def _same(item: Record, run: Run) -> bool:
    return item.number("model") == run.model and item.exec >= run.begin.exec


def _padding(story: Story) -> Iterator[Observation]:
    groups: dict[tuple[int, str], list[Record]] = defaultdict(list)
    warming = set(_warm_ups(story))
    for item in story.kind("batches"):
        phase = "latency" if item.order in warming else item.text("phase") or ""
        groups[(item.number("model"), phase)].append(item)
    for (model, phase), items in groups.items():
        sides: Counter[str] = Counter()
        for item in items:
            sides[item.text("side") or "none"] += item.number("n")
        known = _phase(phase)
        first = next((item for item in items if item.text("side") != "none"), items[0])
        if known is not None:
            yield PaddingFed(
                **story.about(model, first, "padding", "pad", "collat", ".train(", "evaluate", "predict"),
                phase=known,
                side=_side(sides),
                batches=sum(sides.values()),
                padded=sum(sides.values()) - sides["none"],
            )


def _warm_ups(story: Story) -> Iterator[int]:
    """Passes before the clock starts, of batches like the timed ones: no evaluation, where there is another one."""
    fed = list(story.kind("batches"))
    timed = {_likeness(item): _sizes(item) for item in fed if item.text("phase") == "latency"}
    evaluated = [item for item in fed if item.text("phase") == "eval"]
    alike = {item.order for item in evaluated if _sizes(item) <= timed.get(_likeness(item), frozenset())}
    elsewhere = {item.number("model") for item in evaluated if item.order not in alike}
    yield from (item.order for item in evaluated if item.order in alike and item.number("model") in elsewhere)


def _likeness(item: Record) -> tuple[int, int, str | None]:
    return item.exec, item.number("model"), item.text("side")


def _sizes(item: Record) -> frozenset[str]:
    sizes = item.data.get("sizes")
    return frozenset(map(str, sizes)) if isinstance(sizes, dict) and sizes else frozenset({""})


def _phase(phase: str) -> Phase | None:
    known: dict[str, Phase] = {"train": "train", "eval": "eval", "latency": "latency", "other": "other"}
    return known.get(phase)


def _side(sides: Counter[str]) -> Side:
    seen: set[Literal["left", "right"]] = set()
    if sides["left"] or sides["both"]:
        seen.add("left")
    if sides["right"] or sides["both"]:
        seen.add("right")
    return "both" if len(seen) == 2 else next(iter(seen), "none")


def _padding_effects(story: Story) -> Iterator[Observation]:
    worst: dict[int, tuple[float, Record]] = {}
    for item in story.kind("padding_effect"):
        value = item.data.get("relative")
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            continue
        exact = item.text("base_dtype") == "float32" and item.text("dtype") == "float32"
        if (exact or value > LOW_PRECISION_NOISE) and value >= worst.get(item.number("model"), (-1.0, item))[0]:
            worst[item.number("model")] = (float(value), item)
    for model, (value, item) in worst.items():
        yield PaddingEffect(**story.about(model, item, "evaluate", "predict", "no_grad"), relative_difference=value)


def _losses(story: Story) -> Iterator[Observation]:
    for run in story.runs.values():
        if story.role(run.model) is None:
            continue
        records = story.of_run(run.number)
        words = ("weight", "cross_entropy", "CrossEntropyLoss", "compute_loss")
        for fact in loss_weights(records):
            yield fact.model_copy(update=story.about_run(run, run.begin, *words))
        for item in (item for item in records if item.kind == "sampler"):
            yield SamplerWeights(
                **story.about_run(run, item, "WeightedRandomSampler"),
                distinct=item.number("distinct"),
                ratio=_ratio(item.data.get("high"), item.data.get("low")),
            )


def _ratio(high: Any, low: Any) -> float | None:
    return high / low if isinstance(high, (int, float)) and isinstance(low, (int, float)) and low > 0 else None


def _latency(story: Story) -> Iterator[Observation]:
    for item in story.kind("latency"):
        yield LatencyMeasured(
            **story.about(item.number("model"), item, "perf_counter", "time.time", "Event", "timeit", "elapsed"),
            batch_size=_largest(item.data.get("sizes")),
            warmup=item.number("before"),
            repeats=item.number("passes"),
            synchronised=item.number("synchronised") + item.number("read") > 0,
            on_gpu=True if item.data.get("gpu") is True else None,
        )


def _largest(sizes: Any) -> int | None:
    """The size of most batches."""
    pairs: Iterable[tuple[Any, Any]] = sizes.items() if isinstance(sizes, dict) else ()
    usable = [(n, int(size)) for size, n in pairs if isinstance(n, int) and str(size).isdigit()]
    return max(usable)[1] if usable else None
