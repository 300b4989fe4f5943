"""What follows from the outputs and often stands in a memo: differences, ratios, relative changes, times for a backlog.

Only plain combinations of two figures of the same kind; anything cleverer has no source here and is left to a reader.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from grader.model.observation import Number
from grader.observing.memo_tables import DECODER, ENCODER, tables_of

BACKLOGS = (64_000, 1_000_000, 100_000, 10_000)
MAX_PER_KIND = 40
GAP_SHARE = "share of the macro F1 gap"
COMPARED = ("accuracy", "macro_f1", "zero_f1_classes", "latency_ms", "throughput", "f1", "trainable")


@dataclass(frozen=True)
class Derived:
    """A value that follows from the outputs."""

    value: float
    unit: str
    """`%`, `x`, `points`, `min`, `h`, or empty."""
    how: str
    slack: float = 0.02
    """Relative tolerance beyond the written precision."""


def derive(numbers: Iterable[Number]) -> tuple[Derived, ...]:
    """All values that follow from pairs of outputs."""
    numbers = tuple(numbers)
    groups: dict[tuple[str, str | None], dict[tuple[str, str, float], Number]] = defaultdict(dict)
    for item in numbers:
        if item.metric in COMPARED and item.model is not None:
            group = groups[(item.metric, item.subject)]
            if len(group) < MAX_PER_KIND:
                group[(item.model, item.run or "plain", item.value)] = item
    found = list(_gap_shares(numbers))
    found.extend(value for (metric, _), group in groups.items() for value in _pairs(metric, list(group.values())))
    found.extend(
        value
        for (metric, subject), group in groups.items()
        if subject is None
        for value in _times(metric, group.values())
    )
    found.extend(_shares(groups))
    return tuple(dict.fromkeys(found))


def _pairs(metric: str, items: list[Number]) -> Iterator[Derived]:
    for one, other in combinations(items, 2):
        if (one.model, one.run) == (other.model, other.run):
            continue
        low, high = sorted((one.value, other.value))
        how = f"{other.text} and {one.text}"
        difference = high - low
        yield Derived(difference, "", f"difference of {how}", 0.01)
        if metric in ("accuracy", "macro_f1", "f1"):
            yield Derived(difference * 100, "points", f"difference of {how} in points", 0.01)
            yield Derived(difference * 100, "%", f"difference of {how} in points", 0.01)
        if low > 0 and metric != "zero_f1_classes":
            yield Derived(high / low, "x", f"ratio of {how}", 0.04)
            yield Derived(high / low, "", f"ratio of {how}", 0.005)
            yield Derived((high / low - 1) * 100, "%", f"relative change between {how}", 0.03)
            yield Derived((1 - low / high) * 100, "%", f"relative change between {how}", 0.03)
        if low > 0 and metric == "trainable":
            yield Derived(low / high * 100, "%", f"ratio of {how}", 0.03)


def _gap_shares(numbers: tuple[Number, ...]) -> Iterator[Derived]:
    """What each tier, or some neighbouring tiers, contribute to the difference in macro F1: in per cent and as such."""
    tables = tables_of(numbers, (), ())
    shares = tables.shares(DECODER, ENCODER) or ()
    totals = [tables.totals.get(("macro_f1", series)) for series in (DECODER, ENCODER)]
    for start in range(len(shares)):
        for end in range(start + 1, len(shares) + (start > 0)):
            how = f"{GAP_SHARE} in {' + '.join(tier.name for tier in tables.tiers[start:end])}"
            share = sum(shares[start:end])
            yield Derived(share * 100, "%", how, 0.04)
            if end - start == 1 and totals[0] is not None and totals[1] is not None:
                yield Derived(share * (totals[0] - totals[1]), "", how, 0.05)


def _times(metric: str, items: Iterable[Number]) -> Iterator[Derived]:
    for item in items:
        seconds = _seconds_per_example(metric, item)
        if seconds is None:
            continue
        for backlog in BACKLOGS:
            how = f"{backlog:,} complaints at {item.text}"
            yield Derived(backlog * seconds, "s", how, 0.03)
            yield Derived(backlog * seconds / 60, "min", how, 0.05)
            yield Derived(backlog * seconds / 3600, "h", how, 0.05)


def _seconds_per_example(metric: str, item: Number) -> float | None:
    if metric == "latency_ms":
        return item.value / 1000
    return 1 / item.value if metric == "throughput" and item.value > 0 else None


def _shares(groups: dict[tuple[str, str | None], dict[tuple[str, str, float], Number]]) -> Iterator[Derived]:
    """Each tier's part of a model's zeros."""
    for (metric, subject), group in groups.items():
        if metric != "zero_f1_classes" or subject is None:
            continue
        totals = groups.get((metric, None), {})
        for item in group.values():
            for total in totals.values():
                if total.model == item.model and total.value > 0:
                    yield Derived(item.value / total.value * 100, "%", f"{item.text} of {total.text} zeros", 0.03)
