"""What range may a metric take? A prediction interval for one further run, from runs that differ in their seed only.

Method: Student's t, mean +- t(n-1) * s * sqrt(1 + 1/n), cut to what is possible, counts rounded outwards. It covers the
configuration recorded, not every reasonable one: a student's other learning rate may honestly fall outside.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from scipy.stats import t as student  # type: ignore[import-untyped]

LEVEL = 0.99
ROLES = {"encoder": "encoder", "decoder": "decoder", "decoder-weighted": "decoder_weighted"}
"""Runs that the grader holds notebooks against, by the names it uses."""
METHOD = "prediction interval for one further run (Student's t over seeds), cut to possible values, counts outwards"

Result = dict[str, Any]
_LIMITS: dict[str, tuple[float, float]] = {"accuracy": (0, 1), "macro_f1": (0, 1), "zero_f1_classes": (0, math.inf)}


def interval(values: Sequence[float], *, least: float, most: float, whole: bool = False) -> dict[str, Any]:
    """The interval of one metric."""
    mean, count = statistics.fmean(values), len(values)
    if count < 2:
        return {"low": None, "high": None, "mean": mean, "n": count}
    reach = float(student.ppf((1 + LEVEL) / 2, count - 1)) * statistics.stdev(values) * math.sqrt(1 + 1 / count)
    low, high = max(least, mean - reach), min(most, mean + reach)
    if whole:
        low, high = math.floor(low), math.ceil(high)
    return {"low": _round(low), "high": _round(high), "mean": _round(mean), "n": count}


def expected(results: dict[str, list[Result]], scale: str, *, made_by: str) -> dict[str, Any]:
    """The content of expected/<scale>.json; `results` are the runs of each configuration, by its name."""
    roles = {ROLES[name]: runs for name, runs in results.items() if name in ROLES}
    first = next(iter(roles.values()))[0]
    return {
        "schema": 1,
        "scale": scale,
        "provenance": f"Measured by {made_by}: {max(len(runs) for runs in roles.values())} seeds, {first['device']}.",
        "method": METHOD,
        "recorded": {
            "made_by": made_by,
            "level": LEVEL,
            "seeds": {role: [run["seed"] for run in runs] for role, runs in roles.items()},
            "versions": first["versions"],
            "device": first["device"],
            "commit": first["commit"],
            "data": first["data"],
            "checkpoints": {role: runs[0]["checkpoint"] for role, runs in roles.items()},
            "configs": {role: runs[0]["config"] for role, runs in roles.items()},
        },
        "metrics": {role: quality(runs) for role, runs in roles.items()},
        "training": {role: {"early_loss": _spread(runs, early_loss)} for role, runs in roles.items()},
        "tiers": {role: _tiers(runs) for role, runs in roles.items()},
        "parameters": {role: runs[0]["parameters"] for role, runs in roles.items()},
        "latency": _latency(roles),
        "training_seconds": {role: _spread(runs, lambda run: run["training_seconds"]) for role, runs in roles.items()},
    }


def quality(runs: list[Result]) -> dict[str, Any]:
    """Intervals of the headline metrics."""
    classes = len(runs[0]["quality"]["per_class_f1"])
    return {
        name: interval(
            [run["quality"][name] for run in runs],
            least=least,
            most=min(most, classes),
            whole=name == "zero_f1_classes",
        )
        for name, (least, most) in _LIMITS.items()
    }


def outside(result: Result, content: dict[str, Any], role: str) -> list[str]:
    """What of one run lies outside the ranges that were recorded for `role`."""
    ranges = content["metrics"][role] | content["training"][role]
    values = result["quality"] | {"early_loss": early_loss(result)}
    return [
        name
        for name, found in ranges.items()
        if found["low"] is not None and not found["low"] <= values[name] <= found["high"]
    ]


def early_loss(run: Result) -> float:
    """Mean training loss up to the first entry of the log: where class weights show most clearly."""
    return next(float(entry["loss"]) for entry in run["log"] if "loss" in entry)


def _tiers(runs: list[Result]) -> dict[str, Any]:
    names = [name for name, tier in runs[0]["quality"]["tiers"].items() if tier["macro_f1"] is not None]
    return {
        name: interval([run["quality"]["tiers"][name]["macro_f1"] for run in runs], least=0, most=1)
        | {"classes": runs[0]["quality"]["tiers"][name]["classes"]}
        for name in names
    }


def _latency(roles: dict[str, list[Result]]) -> dict[str, Any]:
    """Milliseconds per example (adapter not merged) and the decoder's over the encoder's, seed by seed."""
    found = {role: _spread(roles[role], _ms) for role in ("encoder", "decoder") if role in roles}
    made: dict[str, Any] = {f"{role}_ms_per_example": spread for role, spread in found.items()}
    if len(found) == 2:
        pairs = zip(roles["encoder"], roles["decoder"], strict=False)
        made["ratio"] = interval([_ms(decoder) / _ms(encoder) for encoder, decoder in pairs], least=0, most=math.inf)
    return made


def _ms(run: Result) -> float:
    return float(run["latency"]["unmerged"]["ms_per_example"])


def _spread(runs: Iterable[Result], value: Callable[[Result], float]) -> dict[str, Any]:
    return interval([value(run) for run in runs], least=0, most=math.inf)


def _round(value: float) -> float:
    return value if isinstance(value, int) else round(value, 4)
