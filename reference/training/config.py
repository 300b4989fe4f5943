"""What is a run? One YAML file, read whole and checked; `scales` in it says what differs between small and full."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reference.errors import RunError
from reference.training.lora import Lora

CONFIGS = Path(__file__).parents[1] / "configs"
Scale = Literal["standin", "full"]


class Frozen(BaseModel):
    """Base of the configuration models: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fault(Frozen):
    """A mistake planted on purpose, with what it must do."""

    role: Literal["encoder", "decoder", "decoder_weighted"]
    "The role that the faulty run pretends to fill."
    leaves: Literal["accuracy", "macro_f1", "zero_f1_classes", "early_loss"]
    "The metric that must lie outside that role's recorded range; named before the run."


class RunConfig(Frozen):
    """One run at one scale."""

    name: str
    "File stem of the configuration."
    about: str
    "What the run is for."
    model: str
    "Name on the hub, or a local folder."
    lora: Lora | None = None
    "The adapter; null means full fine-tuning."
    class_weights: Literal["none", "sqrt_inverse"] = "none"
    "Weights in the loss."
    padding_side: Literal["left", "right"] = "right"
    "Side on which batches are padded, in training, evaluation and timing."
    pooling: Literal["model", "last_position"] = "model"
    "How a decoder's logits are taken; last_position reads `[:, -1]` by hand (a planted fault with right padding)."
    max_length: int = Field(default=256, gt=8)
    "Tokens after which a text is cut."
    epochs: float = Field(default=3, gt=0)
    "Passes over the training rows."
    batch: int = Field(default=16, gt=0)
    "Rows per optimizer step."
    learning_rate: float = Field(gt=0)
    "Highest rate."
    warmup: float = Field(default=0.06, ge=0, lt=1)
    "Share of the steps over which the rate rises."
    weight_decay: float = Field(default=0.01, ge=0)
    "AdamW's."
    gradient_checkpointing: bool = False
    "Trades time for memory."
    fault: Fault | None = None
    "Set where the run is wrong on purpose."


def names() -> list[str]:
    """Every run there is a configuration for."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def load(name: str, scale: Scale, *, folder: Path = CONFIGS) -> RunConfig:
    """The run `name` at `scale`."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise RunError(f"There is no run called {name!r}. Runs: {', '.join(names())}.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise RunError(f"{path.name} is not valid YAML: {error}") from error
    return _checked(path, content, scale)


def _checked(path: Path, content: Any, scale: Scale) -> RunConfig:
    if not isinstance(content, dict):
        raise RunError(f"{path.name} must hold keys and values, as the other files in {path.parent.name}/ do.")
    scales = content.pop("scales", {})
    if scale not in scales:
        raise RunError(f"{path.name} can't run at scale {scale}: it has {', '.join(scales) or 'no scales'}.")
    try:
        return RunConfig.model_validate({"name": path.stem, **content, **(scales[scale] or {})})
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}" for found in error.errors()]
        raise RunError(f"{path.name}, scale {scale}: " + "; ".join(lines)) from error
