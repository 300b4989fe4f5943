"""A student's own figures, out of findings and observations, and the class's spread. What is not clear is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from statistics import quantiles
from typing import NamedTuple

from grader.feedback.inputs import FEWEST_FOR_SPREAD, ClassSpread, Spread
from grader.model.base import Role
from grader.model.finding import Finding
from grader.model.observation import LatencyMeasured, Number, Observations, TierTable, Trainable

Figures = dict[str, dict[str, float]]
"""`encoder|decoder|decoder_weighted` -> metric -> value."""

METRICS = ("accuracy", "macro_f1", "zero_f1_classes")
KEYS = ("encoder", "decoder", "decoder_weighted")
SPEEDS = ("latency_ms", "throughput")
ROLES: tuple[Role, ...] = ("encoder", "decoder")


class Tier(NamedTuple):
    """One frequency tier with each model's F1; null where it is not known."""

    name: str
    encoder: float | None
    decoder: float | None

    def known(self) -> list[tuple[Role, float]]:
        """The models that have a figure here."""
        both: tuple[tuple[Role, float | None], ...] = (("encoder", self.encoder), ("decoder", self.decoder))
        return [(role, value) for role, value in both if value is not None]


class Timing(NamedTuple):
    """One model's speed, as the student measured it."""

    role: Role
    ms: float | None
    per_second: float | None


class Trainables(NamedTuple):
    """A count of trainable parameters beside the reference's."""

    own: int
    reference: int


def own_metrics(findings: Mapping[str, Finding], seen: Observations) -> Figures:
    """What `metrics.*` findings carry in `values`; else the one figure that the outputs leave no doubt about."""
    figures: Figures = {}
    for key, metric in product(KEYS, METRICS):
        value = _carried(findings.get(f"metrics.{key}"), metric)
        value = _plain_number(seen, key, metric) if value is None else value
        if value is not None:
            figures.setdefault(key, {})[metric] = value
    return figures


def class_spread(seen: Sequence[Observations], findings: Sequence[Mapping[str, Finding]] | None = None) -> ClassSpread:
    """Quantiles over everybody's `own_metrics` (one item per person in both); nothing where fewer than ten have one."""
    values: dict[tuple[str, str], list[float]] = {}
    for found, observations in zip(findings or [{}] * len(seen), seen, strict=True):
        for key, metrics in own_metrics(found, observations).items():
            for metric, value in metrics.items():
                values.setdefault((key, metric), []).append(value)
    spread: dict[str, dict[str, Spread]] = {}
    for (key, metric), numbers in sorted(values.items()):
        if len(numbers) >= FEWEST_FOR_SPREAD:
            spread.setdefault(key, {})[metric] = _spread(numbers)
    return ClassSpread(metrics=spread)


def tiers(findings: Mapping[str, Finding], seen: Observations) -> tuple[Tier, ...]:
    """F1 by frequency tier: from `tiers.reported`'s values (`encoder.rare`), else figures about a table's tiers."""
    carried = _carried_tiers(findings.get("tiers.reported"))
    if carried:
        return carried
    names = next((table.tiers for table in seen.of(TierTable, source="recorded") if len(table.tiers) > 1), ())
    rows = [Tier(name, *(_tier_number(seen, role, name) for role in ROLES)) for name in names]
    return tuple(row for row in rows if row.encoder is not None or row.decoder is not None)


def timings(findings: Mapping[str, Finding], seen: Observations) -> tuple[Timing, ...]:
    """Milliseconds per example and examples per second of each model that has either."""
    found = findings.get("latency.reported")
    rows = []
    for role in ROLES:
        carried = (_carried(found, f"{role}.{name}") for name in SPEEDS)
        ms, rate = (value or _single(_numbers(seen, role, name)) for name, value in zip(SPEEDS, carried, strict=True))
        rows.append(Timing(role, ms, rate))
    return tuple(row for row in rows if row.ms is not None or row.per_second is not None)


def trainables(role: Role, finding: Finding | None, seen: Observations, reference: int | None) -> Trainables | None:
    """The student's count (our own run's before a printed one) beside the reference's, where a check could judge it."""
    if finding is None or finding.verdict not in ("passed", "partial", "failed"):
        return None
    reference = reference or _whole(_carried(finding, "reference"))
    own = _whole(_carried(finding, "count"))
    for source in ("dry_run", "recorded"):
        items = [item for item in seen.of(Trainable, model=role) if item.source == source and item.run != "weighted"]
        counts = {item.count for item in items if item.count}
        own = own or (counts.pop() if len(counts) == 1 else None)
    return Trainables(own, reference) if own and reference else None


def batch_size(seen: Observations) -> int | None:
    """The one batch size that latency was measured with."""
    sizes = {item.batch_size for item in seen.of(LatencyMeasured) if item.batch_size}
    return sizes.pop() if len(sizes) == 1 else None


def _carried(finding: Finding | None, name: str) -> float | None:
    value = finding.values.get(name) if finding else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _plain_number(seen: Observations, key: str, metric: str) -> float | None:
    role: Role = "encoder" if key == "encoder" else "decoder"
    runs = ("weighted",) if key == "decoder_weighted" else (None, "plain")
    return _single([item for item in _numbers(seen, role, metric) if item.run in runs])


def _numbers(seen: Observations, role: Role, metric: str) -> list[Number]:
    numbers = [
        item
        for item in seen.of(Number, model=role, source="recorded")
        if item.metric == metric and item.subject is None and item.split != "train"
    ]
    return [item for item in numbers if item.split == "test"] or numbers


def _single(numbers: list[Number]) -> float | None:
    """The value that all of them mean, rounded or not, or more than half of several; else none: a page doesn't guess."""
    groups = [[other for other in numbers if _rounds_to(exact, other)] for exact in numbers]
    largest = max(groups, key=len, default=[])
    if not largest or len(largest) * 2 <= len(numbers):
        return None
    return max(largest, key=_decimals).value


def _rounds_to(exact: Number, rounded: Number) -> bool:
    """Whether one could have been printed for the other, which has no more decimals."""
    step = 10.0 ** -_decimals(rounded)
    return _decimals(rounded) <= _decimals(exact) and abs(exact.value - rounded.value) <= 0.5 * step * 1.001


def _decimals(number: Number) -> int:
    """As printed; as the value has them where the print has a decimal comma, say."""
    printed = len(number.text.partition(".")[2].rstrip(" %")) + (2 if number.unit == "percent" else 0)
    valued = len(f"{number.value:.12f}".rstrip("0").partition(".")[2])
    return min(max(printed, valued), 12)


def _tier_number(seen: Observations, role: Role, name: str) -> float | None:
    numbers = [item for item in seen.of(Number, model=role, source="recorded") if item.subject == name]
    return _single([item for item in numbers if item.metric in ("f1", "macro_f1") and item.run != "weighted"])


def _carried_tiers(finding: Finding | None) -> tuple[Tier, ...]:
    names: dict[str, None] = {}
    for name in finding.values if finding else ():
        role, _, tier = name.partition(".")
        if role in ROLES and tier and _carried(finding, name) is not None:
            names[tier] = None
    return tuple(Tier(name, *(_carried(finding, f"{role}.{name}") for role in ROLES)) for name in names)


def _spread(numbers: list[float]) -> Spread:
    cuts = quantiles(numbers, n=20, method="inclusive")
    p10, p25, p50, p75, p90 = (cuts[index] for index in (1, 4, 9, 14, 17))
    return Spread(people=len(numbers), p10=p10, p25=p25, p50=p50, p75=p75, p90=p90)
