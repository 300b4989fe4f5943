"""Holds the results that a notebook shows against what our own runs measured. The result itself is never marked."""

from __future__ import annotations

from typing import Literal

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.checks._outputs import joined, numbers, practice_models, same_run
from grader.model.assignment import Interval
from grader.model.finding import Citation, Finding
from grader.model.observation import Number
from grader.model.submission import Flag

NAMES = {"accuracy": "accuracy", "macro_f1": "macro F1", "zero_f1_classes": "classes at zero F1"}
TABLE_SLACK = 0.02
"""A printed macro F1 may exceed the mean of its per-class table by this much (rounding)."""


class Options(CheckOptions):
    """Options of `metric_range`."""

    run: Literal["plain", "weighted"] = "plain"
    """Which training run of the model: `plain`, or `weighted` for the one with class weights."""
    metrics: tuple[str, ...] = ("accuracy", "macro_f1", "zero_f1_classes")
    """Which metrics to look at."""


@check(Options)
def metric_range(case: Case, options: Options) -> Finding:
    """The results that your notebook shows lie where runs of this task usually lie.

    A result outside of the usual range costs nothing: the reasoning is marked, not the result. It is pointed out because
    it often has a cause worth knowing. Only a value that can't exist is called wrong.
    """
    shown = {metric: _shown(case, metric, options) for metric in options.metrics}
    shown = {metric: items for metric, items in shown.items() if items}
    impossible = [item for items in shown.values() for item in items if _impossible(case, item)]
    impossible.extend(item for item in shown.get("macro_f1", ()) if _above_its_table(case, item, options))
    if impossible:
        return _failed(case, impossible)
    if not shown:
        return not_assessed(
            "We could not find these results among your notebook's outputs. Printing accuracy, macro F1 and the number of "
            "classes at zero, with the model's name beside them, lets a reader (and us) find them.",
            f"No {joined(NAMES.get(name, name) for name in options.metrics)} of {_who(case, options)} was recognised in the outputs.",
        )
    return _against_ranges(case, options, shown)


def _who(case: Case, options: Options) -> str:
    return f"the {'weighted ' if options.run == 'weighted' else ''}{case.line.model or 'model'}"


def _shown(case: Case, metric: str, options: Options) -> tuple[Number, ...]:
    """Figures of the metric: those of the test set where there are any, else validation or unsaid."""
    found = numbers(case, metric, model=case.line.model, run=options.run)
    test = tuple(item for item in found if item.split == "test")
    unsaid = tuple(item for item in found if item.split is None)
    return test or unsaid or found


def _impossible(case: Case, item: Number) -> bool:
    if item.metric == "zero_f1_classes":
        classes = case.assignment.classes
        return item.value < 0 or (classes is not None and item.value > classes)
    return "." in item.text and (item.value < 0 or item.value > 1 + 1e-9)


def _above_its_table(case: Case, item: Number, options: Options) -> bool:
    """A macro F1 above the mean of the full per-class table that stands for the same run."""
    rows = {
        other.subject: other.value
        for other in case.seen.of(Number, model=case.line.model, source="recorded")
        if other.metric == "f1" and other.subject and same_run(other.run, options.run)
    }
    classes = case.assignment.classes
    if classes is None or len(rows) != classes:
        return False
    return item.value > sum(rows.values()) / len(rows) + TABLE_SLACK


def _against_ranges(case: Case, options: Options, shown: dict[str, tuple[Number, ...]]) -> Finding:
    key = f"{case.line.model}{'_weighted' if options.run == 'weighted' else ''}"
    ranges = case.expected.metrics.get(key, {}) if case.expected else {}
    known = {metric: ranges[metric] for metric in shown if _has_ends(ranges.get(metric))}
    values = _values(shown)
    if practice_models(case) and case.scale == case.assignment.scale:
        return not_assessed(
            "These outputs come from the small practice models, so there is nothing to hold the results against.",
            "The printed parameter counts are those of stand-in models; reference ranges are for the real ones.",
        )
    if not known:
        answer = not_assessed(
            "Your results were found and are possible values; we have no measured range to hold them against.",
            f"No reference range for `{key}` at scale `{case.scale}`. Shown: {_listed(values)}.",
        )
        return answer.model_copy(update={"values": values, "citations": _cited(shown)})
    outside = {
        metric: shown[metric]
        for metric, interval in known.items()
        if not any(_in(item, interval) for item in shown[metric])
    }
    return _outside(case, options, outside, known) if outside else _inside(case, options, shown, known)


def _values(shown: dict[str, tuple[Number, ...]]) -> dict[str, float]:
    return {metric: items[-1].value for metric, items in shown.items()}


def _has_ends(interval: Interval | None) -> bool:
    return interval is not None and interval.low is not None and interval.high is not None


def _in(item: Number, interval: Interval) -> bool:
    """Inside, given how coarsely it was printed."""
    slack = _rounding(item)
    return (interval.low or 0.0) - slack <= item.value <= (interval.high or 0.0) + slack


def _rounding(item: Number) -> float:
    if item.metric == "zero_f1_classes":
        return 0.0
    decimals = len(item.text.strip(" %").partition(".")[2])
    return 0.5 * 10.0**-decimals / (100.0 if item.unit == "percent" else 1.0)


def _inside(case: Case, options: Options, shown: dict[str, tuple[Number, ...]], known: dict[str, Interval]) -> Finding:
    names = joined(NAMES.get(name, name) for name in known)
    answer = finding(
        "passed",
        student=f"Your {names} for {_who(case, options)} lie where runs of this task usually lie.",
        staff=f"Inside the reference range at scale `{case.scale}`: {_compared(shown, known)}.",
        source="recorded",
        citations=_cited(shown),
    )
    return answer.model_copy(update={"values": _values(shown)})


def _outside(
    case: Case, options: Options, outside: dict[str, tuple[Number, ...]], known: dict[str, Interval]
) -> Finding:
    parts = [
        f"{NAMES.get(metric, metric)} {items[-1].text} (usually {_range(known[metric])})"
        for metric, items in outside.items()
    ]
    why = f"{case.line.id}: {_compared(outside, known)}"
    answer = finding(
        "partial",
        student=(
            f"For {_who(case, options)} your notebook shows {joined(parts)}. An unusual result costs nothing: what counts is "
            "how you read it. It is worth a look whether something explains it (learning rate, epochs, padding, dtype, which "
            "rows were evaluated), and a sentence about it in the memo."
        ),
        staff=f"Outside the reference range at scale `{case.scale}`: {_compared(outside, known)}. Caps nothing.",
        source="recorded",
        citations=_cited(outside),
        flags=(Flag(kind="unusual_result", why=why),),
    )
    return answer.model_copy(update={"values": _values(outside)})


def _failed(case: Case, impossible: list[Number]) -> Finding:
    item = impossible[-1]
    name = NAMES.get(item.metric or "", item.metric or "value")
    above = item.metric == "macro_f1" and 0 <= item.value <= 1
    reason = "it lies above the mean of the per-class F1 values that you show" if above else "such a value can't exist"
    return finding(
        "failed",
        student=(
            f"Your notebook shows {name} {item.text}: {reason}. Most often a line prints another quantity "
            "than its label says; please check how it is computed."
        ),
        staff=f"Impossible: {name} printed as “{item.text}” ({reason}). Read from the outputs; look at the cited line.",
        source="recorded",
        citations=tuple(number.citation for number in impossible[:3]),
        flags=(Flag(kind="impossible_value", why=f"{case.line.id}: {name} printed as {item.text}"),),
    )


def _compared(shown: dict[str, tuple[Number, ...]], known: dict[str, Interval]) -> str:
    return "; ".join(
        f"{metric} {items[-1].value:g} (range {_range(known[metric])})"
        if metric in known
        else f"{metric} {items[-1].value:g}"
        for metric, items in shown.items()
    )


def _range(interval: Interval) -> str:
    return f"{interval.low:g} to {interval.high:g}"


def _listed(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())


def _cited(shown: dict[str, tuple[Number, ...]]) -> tuple[Citation, ...]:
    return tuple(dict.fromkeys(items[-1].citation for items in shown.values() if items[-1].citation is not None))[:3]
