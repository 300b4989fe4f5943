"""Looks for both models' time per example and throughput among the outputs. How they were measured is `latency_method`'s."""

from __future__ import annotations

import re

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.checks._outputs import has_outputs, joined, memo_says
from grader.model.base import Role
from grader.model.finding import Finding
from grader.model.observation import LatencyMeasured, Number

BOTH: tuple[Role, ...] = ("encoder", "decoder")
PER_EXAMPLE = ("latency_ms",)
THROUGHPUT = ("throughput",)
ALL = (*PER_EXAMPLE, *THROUGHPUT, "batch_latency_ms", "latency_tail_ms")
_MEMO = re.compile(r"\blatenc\w+\b|\bms\b|\bthroughput\b|\bmilliseconds?\b|\bper second\b|/s\b", re.IGNORECASE)


@check(CheckOptions)
def latency_reported(case: Case, options: CheckOptions) -> Finding:
    """Milliseconds per example and examples per second are shown for both models."""
    shown = [item for item in case.seen.of(Number, source="recorded") if item.metric in ALL and item.run != "baseline"]
    named = {role: _figures(case, [item for item in shown if item.model == role], role) for role in BOTH}
    complete = [role for role in BOTH if named[role] == {"ms", "throughput"}]
    if len(complete) == len(BOTH):
        return finding(
            "passed",
            student="Time per example and throughput are there for both models.",
            staff=f"Figures of both models in the outputs: {_listed(shown)}.",
            source="recorded",
            citations=tuple(item.citation for item in shown[:3]),
        )
    if any(named.values()):
        return _partial(shown, named)
    if shown:
        return not_assessed(
            "There are timings, but we could not tell which model each belongs to; a person will look.",
            f"Timings without a recognised model: {_listed(shown)}.",
        )
    return _nothing(case)


def _figures(case: Case, items: list[Number], role: Role) -> set[str]:
    """Which of the two figures are there for a model; a time per batch together with its size gives both."""
    found = {"ms" for item in items if item.metric in PER_EXAMPLE}
    found |= {"throughput" for item in items if item.metric in THROUGHPUT}
    if any(item.metric == "batch_latency_ms" for item in items) and _batch_size(case, role):
        return {"ms", "throughput"}
    return found


def _batch_size(case: Case, role: Role) -> int | None:
    measured = case.seen.of(LatencyMeasured, model=role)
    printed = [int(item.value) for item in case.seen.of(Number, source="recorded") if item.metric == "batch_size"]
    return next((item.batch_size for item in measured if item.batch_size), printed[0] if printed else None)


def _partial(shown: list[Number], named: dict[Role, set[str]]) -> Finding:
    words = {"ms": "milliseconds per example", "throughput": "examples per second"}
    gaps = [f"{words[figure]} of the {role}" for role in BOTH for figure in words if figure not in named[role]]
    return finding(
        "partial",
        student=f"Your outputs show part of the timing. What we did not find: {joined(gaps)}.",
        staff=f"Found: {_listed(shown)}. Missing: {joined(gaps)}.",
        source="recorded",
        citations=tuple(item.citation for item in shown[:3]),
    )


def _nothing(case: Case) -> Finding:
    if not has_outputs(case):
        return not_assessed("The notebook has no outputs, so no timing could be found in it.", "No outputs to look at.")
    if case.seen.of(LatencyMeasured):
        return not_assessed(
            "Your code measures time, but we could not read the figures among the outputs; a person will look.",
            "Timing code or timed passes were seen; no latency or throughput was recognised in the outputs.",
        )
    if memo_says(case, _MEMO):
        return not_assessed(
            "Your memo speaks of timing, but we found no output that shows it; a person will look.",
            "No timing in the outputs; the memo names figures. They may be the lecture's.",
        )
    return finding(
        "failed",
        student=(
            "We found no timing of the two models. Section 4 rests on it: measure both at batch 32, after a warm-up, several "
            "times, and print milliseconds per example and examples per second."
        ),
        staff="No latency or throughput in outputs or memo, and no timing code was seen.",
        source="recorded",
    )


def _listed(shown: list[Number]) -> str:
    return "; ".join(f"{item.model or 'unnamed'} {item.metric} {item.value:g}" for item in shown[:8])
