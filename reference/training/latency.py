"""How fast is a model at batch 32? Warm-up, several repetitions, synchronised; padding as in training."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

BACKLOG = 64_000
"""Complaints whose total time is reported, the course's figure."""


@dataclass(frozen=True)
class Method:
    """How the timing is done."""

    batch: int = 32
    "Rows per forward pass."
    warmup: int = 3
    "Untimed batches."
    batches: int = 8
    "Timed batches per repetition."
    repeats: int = 5
    "Repetitions; the median counts."


def time_model(model: Any, tokenizer: Any, texts: Sequence[str], *, max_length: int, method: Method) -> dict[str, Any]:
    """Milliseconds per example of `model` as it is and, where it has an adapter, merged."""
    return time_batches(model, _batches(tokenizer, texts, max_length, method, next(model.parameters()).device), method)


def time_batches(model: Any, batches: list[Any], method: Method) -> dict[str, Any]:
    """The same for batches that are ready."""
    found = {
        "batch": method.batch,
        "repeats": method.repeats,
        "device": _device_name(model),
        "unmerged": _timed(model, batches, method),
    }
    if hasattr(model, "merge_and_unload"):
        merged = copy.deepcopy(model).merge_and_unload()
        found["merged"] = _timed(merged, batches, method)
    return found


def _batches(tokenizer: Any, texts: Sequence[str], max_length: int, method: Method, device: Any) -> list[Any]:
    rows = [texts[index % len(texts)] for index in range(method.batch * method.batches)]
    starts = range(0, len(rows), method.batch)
    return [
        tokenizer(
            rows[start : start + method.batch],
            padding=True,
            truncation=True,
            max_length=max_length,
            return_tensors="pt",
        ).to(device)
        for start in starts
    ]


def _timed(model: Any, batches: list[Any], method: Method) -> dict[str, float]:
    model.eval()
    with torch.inference_mode():
        for batch in batches[: method.warmup]:
            model(**batch)
        seconds = [_once(model, batches) for _ in range(method.repeats)]
    examples = method.batch * len(batches)
    each = [1000 * value / examples for value in seconds]
    middle = statistics.median(each)
    return {
        "ms_per_example": round(middle, 4),
        "spread_ms": round(max(each) - min(each), 4),
        "examples_per_second": round(1000 / middle, 2),
        "backlog_minutes": round(middle * BACKLOG / 60_000, 2),
    }


def _once(model: Any, batches: list[Any]) -> float:
    _wait(model)
    start = time.perf_counter()
    for batch in batches:
        model(**batch)
    _wait(model)
    return time.perf_counter() - start


def _wait(model: Any) -> None:
    if next(model.parameters()).device.type == "cuda":
        torch.cuda.synchronize()


def _device_name(model: Any) -> str:
    device = next(model.parameters()).device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
