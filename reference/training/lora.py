"""The adapter of a run. Plain, so that a machine with nothing but torch, transformers and peft can use it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lora:
    """What LoRA adapts, and how."""

    __pydantic_config__ = {"extra": "forbid"}

    r: int
    "Rank."
    alpha: int
    "Scaling numerator."
    targets: tuple[str, ...]
    "Names of the linear layers to adapt."
    head: str | None
    "Name of the classification head, trained and saved whole; null freezes it (a planted fault)."
    dropout: float = 0.05
    "Dropout before the adapter."
