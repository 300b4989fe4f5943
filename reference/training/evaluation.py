"""How good are predictions? Accuracy, macro F1, classes at zero, F1 per class and per frequency tier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

TIERS: tuple[tuple[str, int, int | None], ...] = (("rare", 0, 27), ("medium", 28, 499), ("common", 500, None))
"""Name, least and most training examples; rare is the course's 4-27."""


def measure(truth: Sequence[int], predicted: Sequence[int], counts: Sequence[int]) -> dict[str, Any]:
    """All quality figures of one set of predictions; `counts` are training rows per label."""
    labels = range(len(counts))
    per_class = f1_score(truth, predicted, labels=labels, average=None, zero_division=0.0)
    return {
        "accuracy": round(float(accuracy_score(truth, predicted)), 6),
        "macro_f1": round(float(np.mean(per_class)), 6),
        "zero_f1_classes": int((per_class == 0).sum()),
        "tiers": {name: _tier(per_class, counts, least, most) for name, least, most in TIERS},
        "per_class_f1": [round(float(value), 6) for value in per_class],
    }


def _tier(per_class: Any, counts: Sequence[int], least: int, most: int | None) -> dict[str, Any]:
    chosen = [f1 for f1, n in zip(per_class, counts, strict=True) if n >= least and (most is None or n <= most)]
    return {
        "from": least,
        "to": most,
        "classes": len(chosen),
        "macro_f1": round(float(np.mean(chosen)), 6) if chosen else None,
        "zero_f1_classes": sum(1 for f1 in chosen if f1 == 0),
    }


def sqrt_inverse(counts: Sequence[int]) -> list[float]:
    """Week 2's class weights: proportional to one over the root of the count, mean one."""
    raw = 1 / np.sqrt(np.maximum(np.asarray(counts, dtype=float), 1))
    return [float(weight) for weight in raw / raw.mean()]
