"""What are the parameters of the two models at true size? Built on the meta device: no weights, no download.

The table lets a reader without torch count what a LoRA configuration trains.
"""

from __future__ import annotations

from typing import Any

from reference.models import LABELS, TRUE_SIZE, Kind, build_config


def table() -> dict[str, Any]:
    """Per model: every parameter with its shape, every adaptable module with its kind, the totals."""
    return {
        "schema": 1,
        "labels": LABELS,
        "about": "Sequence classification models with 113 labels, built on the meta device from their configurations. "
        "'modules' holds the kinds that LoRA can adapt, with their weight's shape (out, in).",
        "models": {repo: describe(kind) for repo, kind in TRUE_SIZE.items()},
    }


def describe(kind: Kind) -> dict[str, Any]:
    """One model of the table."""
    model = classifier_on_meta(kind)
    return {
        "architecture": type(model).__name__,
        "total": sum(parameter.numel() for parameter in model.parameters()),
        "layers": kind.config["num_hidden_layers"],
        "parameters": {name: list(parameter.shape) for name, parameter in model.named_parameters()},
        "modules": _adaptable(model),
    }


def classifier_on_meta(kind: Kind) -> Any:
    """The classification model without memory behind its parameters."""
    import torch
    from transformers import AutoModelForSequenceClassification

    config = build_config(kind, num_labels=LABELS)
    build: Any = AutoModelForSequenceClassification
    with torch.device("meta"):
        return build.from_config(config)


def _adaptable(model: Any) -> dict[str, dict[str, Any]]:
    import torch

    return {
        name: {"kind": type(module).__name__, "weight": list(module.weight.shape), "bias": _has_bias(module)}
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Embedding)
    }


def _has_bias(module: Any) -> bool:
    return getattr(module, "bias", None) is not None
