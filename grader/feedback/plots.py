"""Geometry of the small plots, in the units of an SVG view box. Templates draw them; nothing here is markup."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import floor, isfinite, log10
from typing import NamedTuple

from grader.feedback.inputs import FEWEST_FOR_SPREAD, Spread
from grader.feedback.words import DASH
from grader.model.assignment import Interval

WIDTH = 300.0
EDGE = 8.0
BINS = 10

NAMES = {"accuracy": "Accuracy", "macro_f1": "Macro F1", "zero_f1_classes": "Classes at zero F1"}
MODELS = {"encoder": "Encoder", "decoder": "Decoder", "decoder_weighted": "Decoder, weighted loss"}


class Band(NamedTuple):
    """A stretch of an axis."""

    x: float
    width: float


class Axis(NamedTuple):
    """From `low` to `high`, over the plot's width."""

    low: float
    high: float

    def x(self, at: float) -> float:
        """Where a value lies; values beyond the ends lie on them."""
        share = (min(max(at, self.low), self.high) - self.low) / (self.high - self.low)
        return round(EDGE + (WIDTH - 2 * EDGE) * share, 1)

    def band(self, start: float, end: float) -> Band:
        """A stretch; never too thin to be seen."""
        return Band(self.x(start), max(round(self.x(end) - self.x(start), 1), 1.5))


class MetricPlot(NamedTuple):
    """One of the student's metrics on an axis, with what it is held against."""

    name: str
    value: str
    expected: str
    inside: bool | None
    """Null where there is no range."""
    classmates: str
    people: int
    first: str
    last: str
    """Labels of the axis's ends."""
    own: float
    band: Band | None
    whole: Band | None
    """Tenth to ninetieth percentile of the class."""
    middle: Band | None
    median: float | None
    spoken: str
    """The whole plot in one sentence."""


class Bar(NamedTuple):
    """One bar from zero."""

    kind: str
    label: str
    value: str
    width: float


class Meter(NamedTuple):
    """Points out of a maximum, as shares of a bar's width: sure, and possible."""

    low: float
    possible: float


def metric_plot(metric: str, value: float, expected: Interval | None, spread: Spread | None) -> MetricPlot | None:
    """Null for a figure that no axis can hold."""
    if not isfinite(value):
        return None
    spread = spread if spread and spread.people >= FEWEST_FOR_SPREAD else None
    axis = _axis(metric, [value, *_ends(expected), *((spread.p10, spread.p90) if spread else ())])
    plot = MetricPlot(
        name=NAMES.get(metric, metric),
        value=shown(metric, value),
        expected=_interval(metric, expected),
        inside=_inside(value, expected),
        classmates=_between(metric, spread.p25, spread.p75) if spread else "",
        people=spread.people if spread else 0,
        first=shown(metric, axis.low),
        last=shown(metric, axis.high),
        own=axis.x(value),
        band=_expected_band(axis, expected),
        whole=axis.band(spread.p10, spread.p90) if spread else None,
        middle=axis.band(spread.p25, spread.p75) if spread else None,
        median=axis.x(spread.p50) if spread else None,
        spoken="",
    )
    return plot._replace(spoken=_spoken(plot))


def shown(metric: str, value: float) -> str:
    """`57.1 %`, `0.243`, `38`."""
    if metric == "accuracy" and value <= 1:
        return f"{value * 100:.1f} %"
    return f"{value:.0f}" if metric == "zero_f1_classes" else f"{value:.3f}" if value <= 1 else f"{value:g}"


def bars(rows: Sequence[tuple[str, str, float | None, str]]) -> tuple[Bar, ...]:
    """Bars from (kind, label, value, value in words), the longest one full."""
    longest = max((value for _, _, value, _ in rows if value is not None and isfinite(value)), default=0.0)
    return tuple(
        Bar(kind, label, words, round(100 * max(value, 0.0) / longest, 1) if longest > 0 and isfinite(value) else 0.0)
        for kind, label, value, words in rows
        if value is not None
    )


def meter(low: Decimal, high: Decimal, maximum: Decimal) -> Meter:
    """Of a bar of width 100."""
    if maximum <= 0:
        return Meter(0.0, 0.0)
    sure, top = (round(float(min(max(value / maximum, Decimal(0)), Decimal(1)) * 100), 1) for value in (low, high))
    return Meter(sure, round(max(top - sure, 0.0), 1))


def histogram(shares: Sequence[float]) -> tuple[int, ...]:
    """How many shares (0 to 1) lie in each tenth."""
    counts = [0] * BINS
    for share in shares:
        counts[min(max(int(share * BINS), 0), BINS - 1)] += 1
    return tuple(counts)


def _ends(expected: Interval | None) -> list[float]:
    return [end for end in (expected.low, expected.high) if end is not None] if expected else []


def _axis(metric: str, marks: Sequence[float]) -> Axis:
    """A little wider than what is shown, on round figures; never beyond what the metric can be."""
    low, high = min(marks), max(marks)
    room = max((high - low) * 0.25, {"accuracy": 0.02, "macro_f1": 0.02}.get(metric, 3.0))
    step = 10.0 ** floor(log10(room * 2))
    start, end = floor((low - room) / step) * step, -floor(-(high + room) / step) * step
    if metric in ("accuracy", "macro_f1") and high <= 1:
        end = min(end, 1.0)
    return Axis(max(start, 0.0) if low >= 0 else start, end)


def _inside(value: float, expected: Interval | None) -> bool | None:
    if not _ends(expected) or expected is None:
        return None
    above = expected.low is None or value >= expected.low
    return above and (expected.high is None or value <= expected.high)


def _interval(metric: str, expected: Interval | None) -> str:
    if expected is None or not _ends(expected):
        return ""
    if expected.high is None:
        return f"from {shown(metric, expected.low or 0)}"
    if expected.low is None:
        return f"up to {shown(metric, expected.high)}"
    return _between(metric, expected.low, expected.high)


def _between(metric: str, low: float, high: float) -> str:
    first, last = shown(metric, low), shown(metric, high)
    return first if first == last else f"{first.removesuffix(' %')}{DASH}{last}"


def _expected_band(axis: Axis, expected: Interval | None) -> Band | None:
    if expected is None or not _ends(expected):
        return None
    return axis.band(
        axis.low if expected.low is None else expected.low, axis.high if expected.high is None else expected.high
    )


def _spoken(plot: MetricPlot) -> str:
    parts = [f"{plot.name}: yours {plot.value}"]
    if plot.expected:
        parts.append(f"expected range {plot.expected}")
    if plot.classmates:
        parts.append(f"middle half of the class {plot.classmates}")
    return "; ".join(parts) + f". Axis from {plot.first} to {plot.last}."
