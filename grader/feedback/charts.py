"""Which plots stand in which section: a student's metrics, tiers, timings and parameter counts beside what is known."""

from __future__ import annotations

from dataclasses import dataclass

from grader.feedback import figures
from grader.feedback.inputs import PageInput
from grader.feedback.plots import MODELS, Bar, MetricPlot, bars, metric_plot
from grader.feedback.text import clip
from grader.model.assignment import Interval
from grader.model.base import Role


@dataclass(frozen=True)
class MetricGroup:
    """One model's metrics."""

    model: str
    kind: str
    plots: tuple[MetricPlot, ...]


@dataclass(frozen=True)
class BarGroup:
    """Bars that belong together."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Charts:
    """A section's plots; each may be empty."""

    metrics: tuple[MetricGroup, ...] = ()
    people: int = 0
    """Most people behind a spread shown here."""
    expected: bool = False
    """Whether any range is drawn."""
    tiers: tuple[BarGroup, ...] = ()
    timings: tuple[BarGroup, ...] = ()
    ratio: str = ""
    batch: int | None = None
    counts: tuple[BarGroup, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.metrics or self.tiers or self.timings or self.counts)


def charts_of(data: PageInput, section: str | None) -> Charts:
    """Plots of the check lines of one section; `None`: of lines that belong to no section of the rubric."""
    known = {item.id for item in data.rubric.sections}
    homes = {line.id: line.section if line.section in known else None for line in data.rubric.checks}

    def here(line: str) -> bool:
        return homes.get(line) == section

    metrics = tuple(group for key in figures.KEYS if here(f"metrics.{key}") and (group := _metrics(data, key)).plots)
    counted = [role for role in figures.ROLES if here(f"{role}.trainable_params")]
    timed = _timings(data) if here("latency.reported") else ()
    return Charts(
        metrics=metrics,
        people=max((plot.people for group in metrics for plot in group.plots), default=0),
        expected=any(plot.expected for group in metrics for plot in group.plots),
        tiers=_tiers(data) if here("tiers.reported") else (),
        timings=timed,
        ratio=_ratio(data) if timed else "",
        batch=figures.batch_size(data.observations),
        counts=tuple(count for role in counted if (count := _count(data, role)) is not None),
    )


def _metrics(data: PageInput, key: str) -> MetricGroup:
    own = figures.own_metrics(data.findings, data.observations).get(key, {})
    finding = data.findings.get(f"metrics.{key}")
    comparable = data.expected is not None and (finding is None or finding.verdict in ("passed", "partial", "failed"))
    ranges: dict[str, Interval] = data.expected.metrics.get(key, {}) if comparable and data.expected else {}
    spread = data.spread.metrics.get(key, {}) if data.spread else {}
    plots = (metric_plot(name, value, ranges.get(name), spread.get(name)) for name, value in own.items())
    return MetricGroup(MODELS[key], key.split("_")[0], tuple(plot for plot in plots if plot is not None))


def _tiers(data: PageInput) -> tuple[BarGroup, ...]:
    rows = figures.tiers(data.findings, data.observations)[:8]
    values = [(row.name, role, value) for row in rows for role, value in row.known()]
    drawn = bars([(role, role.capitalize(), value, f"{value:.3f}") for _, role, value in values])
    return tuple(
        BarGroup(
            clip(row.name, 60), tuple(bar for (name, _, _), bar in zip(values, drawn, strict=True) if name == row.name)
        )
        for row in rows
    )


def _timings(data: PageInput) -> tuple[BarGroup, ...]:
    rows = figures.timings(data.findings, data.observations)
    ms = bars([(row.role, row.role.capitalize(), row.ms, f"{row.ms or 0:.1f} ms") for row in rows])
    rate = bars([(row.role, row.role.capitalize(), row.per_second, f"{row.per_second or 0:,.0f} /s") for row in rows])
    groups = (BarGroup("Time per example", ms), BarGroup("Throughput", rate))
    return tuple(group for group in groups if group.bars)


def _ratio(data: PageInput) -> str:
    both = {row.role: row.ms for row in figures.timings(data.findings, data.observations) if row.ms}
    if len(both) != 2:
        return ""
    factor = both["decoder"] / both["encoder"]
    return f"By your measurement one example takes the decoder {factor:.1f} times as long as the encoder."


def _count(data: PageInput, role: Role) -> BarGroup | None:
    finding = data.findings.get(f"{role}.trainable_params")
    known = figures.trainables(role, finding, data.observations, data.reference_trainable.get(role))
    if known is None:
        return None
    rows = [
        (role, "Yours", known.own, f"{known.own:,}"),
        ("reference", "Reference", known.reference, f"{known.reference:,}"),
    ]
    return BarGroup(role.capitalize(), bars(rows))
