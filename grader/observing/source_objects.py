"""Model objects that the code makes: which of them train, in which type, under which LoRA configuration.

A notebook holds leftovers: a first try that is only looked at, a model loaded again at the end. What counts is the object that
goes into training. Where something that can't be followed was done with it, its type (or what trains of it) is not said.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from grader.model.base import Role
from grader.model.finding import Citation
from grader.model.observation import Loaded, LoraConfigured, Observation
from grader.observing.source_values import Lora, Model

_TARGETS: dict[str, Role] = {
    "Wqkv": "encoder", "Wo": "encoder", "Wi": "encoder", "q_proj": "decoder", "v_proj": "decoder", "o_proj": "decoder",
}  # fmt: skip


@dataclass(frozen=True)
class _Load:
    model: Model
    cited: Citation
    dtype: str | None
    given: bool
    quantized: bool


@dataclass(frozen=True)
class _Adapted:
    model: Model
    lora: Lora


@dataclass
class Objects:
    """Every model that was loaded, and every configuration that was made."""

    loads: list[_Load] = field(default_factory=list)
    adapted: list[_Adapted] = field(default_factory=list)
    configs: list[Lora] = field(default_factory=list)
    incomplete: bool = False
    """Part of the code could not be followed: a type may have changed there."""

    def loaded(self, model: Model, cited: Citation, dtype: str | None, *, given: bool, quantized: bool) -> None:
        """A checkpoint was loaded."""
        self.loads.append(_Load(model, cited, dtype, given, quantized))

    def copied(self, model: Model) -> Model:
        """A deep copy goes its own way from here."""
        made = replace(model)
        self.loads.extend(replace(load, model=made) for load in list(self.loads) if load.model is model)
        self.adapted.extend(replace(item, model=made) for item in list(self.adapted) if item.model is model)
        return made

    def adapt(self, model: Model, lora: Lora, *, adds_head: bool) -> None:
        """A configuration was put on a model; by PEFT's plain wrapper and add_adapter the task type adds no head."""
        lora.applied = True
        model.role = model.role or role_of_targets(lora)
        config = {name: value for name, value in lora.config.items() if adds_head or name != "task_type"}
        model.lora = Lora(config, lora.cited, applied=True)
        self.adapted.append(_Adapted(model, model.lora))

    def training(self) -> int:
        """How many loads go into training."""
        return sum(load.model.trained for load in self.loads)

    def finish(self) -> list[Observation]:
        """Loads and configurations, each with whether its object trained."""
        found: list[Observation] = [self._load(item) for item in self.loads]
        found.extend(self._configured(item) for item in self.adapted)
        for lora in self.configs:
            if not lora.applied:
                found.append(
                    LoraConfigured(
                        source="source",
                        model=role_of_targets(lora),
                        citation=lora.cited,
                        config=lora.config,
                        trained=False,
                    )
                )
        return list({repr(item): item for item in found}.values())

    def _load(self, load: _Load) -> Loaded:
        model = load.model
        unsure = model.unsure or self.incomplete
        return Loaded(
            source="source", model=model.role, run=model.run, citation=load.cited, checkpoint=model.checkpoint,
            dtype=None if unsure else load.dtype, dtype_given=load.given or unsure, quantized=load.quantized,
            cast=None if unsure else model.cast, trained=model.trained,
        )  # fmt: skip

    def _configured(self, item: _Adapted) -> LoraConfigured:
        config: dict[str, Any] = dict(item.lora.config)
        if item.model.switched or self.incomplete:
            config["unresolved"] = sorted({*config.get("unresolved", ()), "requires_grad"})
        if item.model.optimized:
            config["unresolved"] = sorted({*config.get("unresolved", ()), "optimizer"})
        return LoraConfigured(
            source="source", model=item.model.role or role_of_targets(item.lora), run=item.model.run, citation=item.lora.cited,
            config=config, trained=item.model.trained,
        )  # fmt: skip


def role_of_targets(lora: Lora) -> Role | None:
    """The model whose modules a configuration names."""
    targets = lora.config.get("target_modules")
    names = [targets] if isinstance(targets, str) else targets if isinstance(targets, list | tuple) else []
    roles = {role for name in names for key, role in _TARGETS.items() if key in str(name)}
    return roles.pop() if len(roles) == 1 else None


def head_kept(config: dict[str, object], head: str | None) -> bool | None:
    """Whether PEFT puts the head into what it saves, as far as the configuration is known."""
    left_open = config.get("unresolved")
    task, kept = config.get("task_type"), config.get("modules_to_save")
    if task == "SEQ_CLS":
        return True
    if isinstance(kept, list | tuple) and head is not None:
        return head in kept or (None if left_open else False)
    return None if left_open or head is None or kept is not None else False
