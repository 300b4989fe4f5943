"""Loss weights out of records: the tensor that a loss was given, or what the gradients of single losses show.

It does not say whether weights are the right ones.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

from grader.model.observation import LossWeights
from grader.observing.trace_records import Record

SAME = 1e-4
CLASSES = 2_000


def run_label(records: Iterable[Record]) -> str | None:
    """`weighted` if unequal weights, or a weighted sampler, were at work; `plain` if only losses without; else null."""
    facts = tuple(loss_weights(records := list(records)))
    if any(uneven(fact.weights) for fact in facts) or any(item.kind == "sampler" for item in records):
        return "weighted"
    return "plain" if facts else None


def uneven(weights: tuple[float, ...] | None) -> bool:
    """Weights that are not all the same."""
    return bool(weights) and max(weights or ()) - min(weights or ()) > SAME * abs(max(weights or (0.0,)))


def loss_weights(records: Iterable[Record]) -> Iterator[LossWeights]:
    """One fact per set of weights that was reached in training."""
    calls: dict[tuple[float, ...] | None, int] = defaultdict(int)
    factors: list[Any] = []
    for item in records:
        if item.kind != "loss":
            continue
        calls[_weights(item.data.get("weights"))] += item.number("calls")
        given = item.data.get("factors")
        factors.extend(given if isinstance(given, list) else [])
    by_hand = _from_factors(factors)
    if by_hand is not None and uneven(tuple(by_hand.values())) and not any(uneven(weights) for weights in calls):
        labels = tuple(sorted(by_hand))
        weights = tuple(by_hand[label] for label in labels)
        yield LossWeights(source="dry_run", weights=weights, labels=labels, calls=sum(calls.values()))
        return
    for key, n in calls.items():
        yield LossWeights(source="dry_run", weights=key, calls=n)


def _weights(value: Any) -> tuple[float, ...] | None:
    if not isinstance(value, list) or not 0 < len(value) <= CLASSES:
        return None
    numbers = [float(item) for item in value if isinstance(item, (int, float)) and math.isfinite(item)]
    return tuple(numbers) if len(numbers) == len(value) else None


def _from_factors(batches: Iterable[Any]) -> dict[int, float] | None:
    """Class -> weight up to scale, from batches of (labels, factors); null where one class has several."""
    known: dict[int, float] = {}
    for labels, factors in _clean(batches):
        own: dict[int, list[float]] = defaultdict(list)
        for label, factor in zip(labels, factors, strict=True):
            own[label].append(factor)
        if any(max(values) - min(values) > SAME * max(values) for values in own.values()):
            return None
        shared = [known[label] / values[0] for label, values in own.items() if label in known and values[0]]
        if known and not shared:
            continue
        scale = median(shared) if shared else 1.0
        for label, values in own.items():
            known.setdefault(label, values[0] * scale)
    return known or None


def _clean(batches: Iterable[Any]) -> Iterator[tuple[list[int], list[float]]]:
    for batch in batches:
        match batch:
            case [list(labels), list(factors)] if len(labels) == len(factors) and labels:
                pairs = [
                    (label, float(factor))
                    for label, factor in zip(labels, factors, strict=True)
                    if isinstance(label, int) and isinstance(factor, (int, float)) and math.isfinite(factor)
                ]
                used = [(label, factor) for label, factor in pairs if 0 <= label < CLASSES and factor > 0]
                if used:
                    yield [label for label, _ in used], [factor for _, factor in used]
