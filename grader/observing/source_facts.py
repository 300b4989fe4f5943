"""Facts noted while code is followed, and the observations that they make at the end. Nothing here is guessed from silence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grader.model.assignment import Assignment
from grader.model.base import Role
from grader.model.finding import Citation
from grader.model.observation import (
    Cast,
    LossWeights,
    Observation,
    PaddingEffect,
    Precision,
    Saved,
    TrainingSetup,
)
from grader.observing.recorded_labels import read, read_code
from grader.observing.source_objects import Objects, head_kept
from grader.observing.source_padding import Padding
from grader.observing.source_values import (
    UNKNOWN,
    Arguments,
    Model,
    Power,
    Trainer,
    Value,
    plain_dtype,
    unknown,
)

if TYPE_CHECKING:
    from grader.observing.source_walk import Walker

_WEIGHTS_NAME = re.compile(r"weight|\bcw\b|_w$|^w$|alpha", re.IGNORECASE)


@dataclass(eq=False)
class _SavedFact:
    model: Model
    path: str
    form: str
    cited: Citation
    trained: bool
    steps: bool = False


@dataclass(eq=False)
class _Weights:
    formula: str
    cited: Citation
    role: Role | None
    reached: bool = False


@dataclass
class Facts:
    """What one notebook's code does."""

    assignment: Assignment
    observations: list[Observation] = field(default_factory=list)
    objects: Objects = field(default_factory=Objects)
    padding: Padding = field(default_factory=Padding)
    _about: list[tuple[Observation, Model]] = field(default_factory=list)
    _saved: list[_SavedFact] = field(default_factory=list)
    _weights: list[_Weights] = field(default_factory=list)
    _manual: dict[int, dict[str, object]] = field(default_factory=dict)
    walker: Walker | None = None

    def cite(self) -> Citation:
        """The line that is being read."""
        assert self.walker is not None
        return self.walker.cite()

    def note(self, observation: Observation, about: Model | None = None) -> None:
        """Keep a fact once; `about` gives it the run that the model turns out to belong to."""
        if observation not in self.observations:
            self.observations.append(observation)
            if about is not None:
                self._about.append((observation, about))

    # which model

    def role_of(self, checkpoint: str) -> Role | None:
        """Which of the two models a checkpoint's name (or a path) means."""
        low = checkpoint.lower()
        for role, facts in self.assignment.models.items():
            if low == facts.checkpoint.lower() or low.endswith(facts.checkpoint.lower().rpartition("/")[2]):
                return role
        aliased = self.assignment.stage.hub_aliases.get(checkpoint)
        if aliased and aliased != checkpoint:
            return self.role_of(aliased)
        return read(checkpoint).model

    def role_of_class(self, name: str) -> Role | None:
        """Which of the two models an architecture's class means."""
        return next((role for role, facts in self.assignment.models.items() if name in facts.architectures), None)

    # loading

    def loaded(self, model: Model, given: Value, quantized: bool, is_given: bool, labels: int | None) -> None:
        """A checkpoint was loaded; a dtype that can't be read stays null, with `dtype_given` true."""
        dtype = plain_dtype(given)
        if given == "auto" and model.role in self.assignment.models:
            dtype = self.assignment.models[model.role].checkpoint_dtype
        self.objects.loaded(model, self.cite(), dtype, given=is_given, quantized=quantized)
        if labels is not None:
            self.note(TrainingSetup(source="source", model=model.role, citation=self.cite(), labels=labels))

    def cast(self, model: Model, dtype: str) -> None:
        """A model changed type before training; what was unsure of its type is settled by it."""
        model.cast, model.unsure = dtype, False
        self.note(Cast(source="source", model=model.role, citation=self.cite(), dtype=dtype), model)

    # padding

    def pools(self, role: Role | None) -> None:
        """The code reads the last place by hand."""
        code = read_code("\n".join(self.walker.code.lines)) if self.walker else None
        only = code.model if code else None
        self.note(
            PaddingEffect(
                source="source", model=role or only or "decoder", citation=self.cite(), pools_by_position=True
            )
        )

    # training

    def trained(self, trainer: Trainer) -> None:
        """`trainer.train()`: precision, length, checkpoints, padding by its collator."""
        model = trainer.model
        if trainer.pads is not None:
            self.padding.padded(trainer.pads, model.role if model else None, self.cite(), fed=model is not None)
        if model is None:
            return
        model.trained = True
        arguments = trainer.arguments or Arguments({})
        if "*" not in arguments.open:
            self._precision(model, arguments)
            self._setup(model, arguments)
        if arguments.given.get("save_strategy", "steps") != "no" and not {"save_strategy", "*"} & arguments.open:
            path = arguments.given.get("output_dir")
            self._keep(model, f"{path if isinstance(path, str) else '.'}/checkpoint-*", "own", steps=True)

    def _precision(self, model: Model, arguments: Arguments) -> None:
        if not {"fp16", "bf16"} & arguments.open:
            fp16, bf16 = (arguments.given.get(name, False) is True for name in ("fp16", "bf16"))
            self.note(
                Precision(source="source", model=model.role, run=model.run, citation=self.cite(), fp16=fp16, bf16=bf16)
            )

    def _setup(self, model: Model, arguments: Arguments) -> None:
        given = arguments.given
        epochs = given.get("num_train_epochs", UNKNOWN if "num_train_epochs" in arguments.open else 3.0)
        steps = given.get("max_steps", -1)
        batch = given.get(
            "per_device_train_batch_size", UNKNOWN if "per_device_train_batch_size" in arguments.open else 8
        )
        times = given.get(
            "gradient_accumulation_steps", UNKNOWN if "gradient_accumulation_steps" in arguments.open else 1
        )
        self.note(
            TrainingSetup(
                source="source", model=model.role, run=model.run, citation=self.cite(),
                epochs=float(epochs) if isinstance(epochs, int | float) and not isinstance(epochs, bool) else None,
                max_steps=steps if isinstance(steps, int) and steps > 0 else None,
                batch_size=batch * times if isinstance(batch, int) and isinstance(times, int) else None,
            )
        )  # fmt: skip

    def autocast(self, model: Model, dtype: str) -> None:
        """A forward pass of training ran under autocast."""
        self._manual.setdefault(id(model), {"model": model, "cited": self.cite()})["autocast"] = dtype

    def scaler(self, model: Model | None) -> None:
        """A GradScaler scaled a loss."""
        if model is not None:
            self._manual.setdefault(id(model), {"model": model, "cited": self.cite()})["scaler"] = True

    def stepped(self, model: Model) -> None:
        """A loss was propagated by hand."""
        record = self._manual.setdefault(id(model), {"model": model, "cited": self.cite()})
        record["epochs"] = self.walker.epochs if self.walker else UNKNOWN

    # saving

    def saved(self, model: Model, path: str, *, by_hand: str = "own") -> None:
        """Weights were written."""
        self._keep(model, path, by_hand)

    def _keep(self, model: Model, path: str, form: str, *, steps: bool = False) -> None:
        self._saved.append(_SavedFact(model, path, form, self.cite(), model.trained, steps))

    # class weights

    def made(self, name: str, value: Power) -> None:
        """Something that may be class weights was computed."""
        if value.kind == "exponential" or (
            value.kind == "power" and value.exponent >= 0 and not _WEIGHTS_NAME.search(name)
        ):
            return
        if value.kind == "power" and value.exponent == 1.0:
            return
        code = read_code("\n".join(self.walker.code.lines)).model if self.walker else None
        self._weights.append(_Weights(value.formula(), self.cite(), code))

    def loss(self, model: Model | None, weight: Value) -> None:
        """Cross entropy was called in training."""
        role = model.role if model else None
        if isinstance(weight, Power):
            formula = weight.formula()
            for item in self._weights:
                item.reached = item.reached or item.formula == formula
            if model is not None:
                model.run = "weighted"
            self.note(
                LossWeights(
                    source="source",
                    model=role,
                    run="weighted",
                    citation=self.cite(),
                    weights=None,
                    formula=formula,
                    calls=1,
                )
            )
        elif isinstance(weight, list | tuple) and weight and all(isinstance(item, int | float) for item in weight):
            values = tuple(float(item) for item in weight)
            self.note(
                LossWeights(source="source", model=role, run="weighted", citation=self.cite(), weights=values, calls=1)
            )
        elif weight is None:
            self.note(LossWeights(source="source", model=role, citation=self.cite(), weights=None, calls=1))
        elif unknown(weight):
            for item in self._weights:
                item.reached = True

    def run_by_name(self, value: Model | Trainer, name: str) -> None:
        """`weighted_model`, `dec_plain_trainer`: the name says which run it is."""
        run = read(name).run
        model = value.model if isinstance(value, Trainer) else value
        if model is not None and run in ("weighted", "plain") and model.run is None:
            model.run = run

    # the end

    def finish(self) -> tuple[Observation, ...]:
        """All observations, those included that only the whole notebook shows."""
        for found in (*self.objects.finish(), *self.padding.finish()):
            self.note(found)
        for kept in self._saved:
            self.note(self._saved_observation(kept))
        for item in self._weights:
            if not item.reached:
                self._unused(item)
        for record in self._manual.values():
            self._finish_manual(record)
        return tuple(self._with_run(item) for item in self.observations)

    def _with_run(self, observation: Observation) -> Observation:
        runs = {model.run for seen, model in self._about if seen == observation}
        return observation.model_copy(update={"run": runs.pop()}) if len(runs) == 1 else observation

    def _saved_observation(self, kept: _SavedFact) -> Saved:
        model = kept.model
        form = kept.form if kept.form != "own" else "adapter" if model.lora and not model.merged else "full"
        too_early = model.trained and not kept.trained
        return Saved(
            source="source",
            model=model.role,
            run=model.run,
            citation=kept.cited,
            path=kept.path,
            format="adapter"
            if form == "adapter"
            else "full"
            if form == "full"
            else "state_dict"
            if form == "state_dict"
            else "other",
            head=self._head_saved(model, form),
            head_trained=False if too_early else None,
            after_training=kept.trained,
            needs_hand_work=form in ("state_dict", "other"),
        )

    def _head_saved(self, model: Model, form: str) -> bool | None:
        if form != "adapter":
            return True if form in ("full", "state_dict") and model.role else None
        return head_kept(model.lora.config, self._head(model.role)) if model.lora else None

    def _head(self, role: Role | None) -> str | None:
        facts = self.assignment.models.get(role) if role else None
        return facts.head if facts else None

    def _unused(self, item: _Weights) -> None:
        same = any(
            isinstance(seen, LossWeights) and not seen.reached_loss and seen.formula == item.formula
            for seen in self.observations
        )
        if not same:
            self.note(
                LossWeights(
                    source="source", model=item.role, citation=item.cited, weights=None, calls=0, reached_loss=False,
                    formula=item.formula,
                )
            )  # fmt: skip

    def _finish_manual(self, record: dict[str, object]) -> None:
        model, cited = record["model"], record["cited"]
        if not isinstance(model, Model) or not isinstance(cited, Citation) or not model.trained:
            return
        autocast, epochs = record.get("autocast"), record.get("epochs")
        self.note(
            TrainingSetup(
                source="source", model=model.role, run=model.run, citation=cited,
                epochs=float(epochs) if isinstance(epochs, int) else None,
            )
        )  # fmt: skip
        self.note(
            Precision(
                source="source", model=model.role, run=model.run, citation=cited,
                autocast=autocast if isinstance(autocast, str) else None, scaler=record.get("scaler") is True,
            )
        )  # fmt: skip
