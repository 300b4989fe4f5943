"""Verdicts against truth as a table per check: what was right, what was falsely failed, wrong, or left open."""

from __future__ import annotations

import statistics
import subprocess
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from tests.corpus.judge import ROOT, Judged

KINDS = ("right", "open", "wrong", "false_failed")


def kind_of(right: frozenset[str], verdict: str) -> str:
    """right, open (not assessed though it could be), wrong, or the worst: false_failed."""
    if verdict in right:
        return "right"
    if verdict == "not_assessed":
        return "open"
    return "false_failed" if verdict == "failed" else "wrong"


def table(found: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """By check: how many of each kind, and `right <- verdict` pairs."""
    rows: dict[str, Counter[str]] = {}
    for one in found:
        for check, right in one.truth.items():
            verdict = one.verdicts.get(check, "missing")
            row = rows.setdefault(check, Counter())
            row[kind_of(right, verdict)] += 1
            row[f"{'/'.join(sorted(right))} <- {verdict}"] += 1
    return {check: dict(row) for check, row in rows.items()}


def offenders(found: Sequence[Judged]) -> list[dict[str, Any]]:
    """Every verdict that is not right, the worst kind first."""
    rows = []
    for one in found:
        for check, right in one.truth.items():
            verdict = one.verdicts.get(check, "missing")
            kind = kind_of(right, verdict)
            if kind != "right":
                rows.append(
                    {
                        "kind": kind,
                        "check": check,
                        "seed": one.name,
                        "truth": sorted(right),
                        "verdict": verdict,
                        "why": one.why.get(check, ""),
                        "faults": one.about.get("faults", ""),
                        "errors": one.errors[:2],
                    }
                )
    return sorted(rows, key=lambda row: (-KINDS.index(row["kind"]), row["check"], row["seed"]))


def seconds(found: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """Where the time went, per notebook."""
    out = {}
    for stage in ("read", "execute", "judge"):
        values = sorted(one.seconds.get(stage, 0.0) for one in found)
        if values:
            out[stage] = {
                "median": round(statistics.median(values), 3),
                "p95": round(values[int(0.95 * (len(values) - 1))], 3),
                "max": round(values[-1], 3),
            }
    return out


@cache
def commit() -> str:
    """Which state of the code was judged."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    changed = ["git", "-C", str(ROOT), "status", "--porcelain", "--", "grader", "tests/corpus"]
    named = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    dirty = subprocess.run(changed, capture_output=True, text=True, check=False).stdout.strip()
    return named + ("+changes" if dirty else "")


def summary(found: Sequence[Judged], mode: str, seed: int) -> dict[str, Any]:
    """All of it, for a JSON file."""
    rows = table(found)
    totals = Counter(kind for row in rows.values() for kind in KINDS for _ in range(row.get(kind, 0)))
    judged = sum(totals.values()) - totals["open"]
    return {
        "commit": commit(),
        "mode": mode,
        "notebooks": len(found),
        "first_seed": seed,
        "totals": {kind: totals[kind] for kind in KINDS},
        "right_of_judged": round(totals["right"] / judged, 4) if judged else None,
        "coverage": round(judged / max(1, sum(totals.values())), 4),
        "checks": rows,
        "seconds": seconds(found),
        "executions": dict(Counter(one.execution for one in found)),
        "offenders": offenders(found),
    }


def text(result: dict[str, Any]) -> str:
    """The table for a terminal."""
    lines = [
        f"{result['notebooks']} notebooks from seed {result['first_seed']}, {result['mode']}, commit {result['commit']}",
        f"{'check':34}{'right':>7}{'open':>7}{'wrong':>7}{'false failed':>14}",
    ]
    for check, row in result["checks"].items():
        numbers = "".join(f"{row.get(kind, 0):>{width}}" for kind, width in zip(KINDS, (7, 7, 7, 14), strict=True))
        lines.append(f"{check:34}{numbers}")
    lines.append(
        f"right of those judged {result['right_of_judged']}, coverage {result['coverage']}, seconds {result['seconds']}"
    )
    return "\n".join(lines)
