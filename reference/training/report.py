"""What do results say, in lines for a terminal? The lecture's table, and how runs lie against recorded ranges."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reference.errors import RunError
from reference.training import config, recording

Result = dict[str, Any]


def side_by_side(results: dict[str, Result]) -> str:
    """The lecture's comparison, one row per run."""
    head = f"{'run':<22}{'accuracy':>9}{'macro F1':>10}{'zero F1':>9}{'rare F1':>9}"
    rows = [
        f"{head}{'trainable':>12}{'ms/ex':>8}{'train s':>9}",
        *(_row(name, result) for name, result in results.items()),
    ]
    return "\n".join(rows)


def _row(name: str, result: Result) -> str:
    quality, speed = result["quality"], result["latency"]["unmerged"]
    rare = quality["tiers"]["rare"]["macro_f1"]
    return (
        f"{name:<22}{quality['accuracy']:>9.3f}{quality['macro_f1']:>10.3f}{quality['zero_f1_classes']:>9}"
        f"{'-' if rare is None else format(rare, '.3f'):>9}{result['parameters']['trainable']:>12,}"
        f"{speed['ms_per_example']:>8.2f}{result['training_seconds']:>9.0f}"
    )


def verification(results: dict[str, list[Result]], content: dict[str, Any]) -> tuple[list[str], bool]:
    """Lines, and whether at most one metric of the fresh runs is outside and every planted fault shows."""
    lines, strays, shown = [], 0, True
    for name, runs in results.items():
        for run in runs:
            fault = run["config"]["fault"]
            out = recording.outside(run, content, fault["role"] if fault else recording.ROLES[name])
            lines.append(
                f"{name}, seed {run['seed']}: outside: {', '.join(out) or 'nothing'}"
                + (f"; must leave: {fault['leaves']}" if fault else "")
            )
            strays += 0 if fault else len(out)
            shown &= not fault or fault["leaves"] in out
    return [
        *lines,
        f"fresh runs: {strays} metrics outside; planted faults shown: {'all' if shown else 'NOT ALL'}",
    ], strays <= 1 and shown


def latest(folder: Path, names: Iterable[str]) -> dict[str, Result]:
    """The result with the highest seed of each run."""
    found = {}
    for name in names:
        paths = sorted((folder / name).glob("seed-*/result.json"), key=lambda path: int(path.parent.name[5:]))
        if not paths:
            raise RunError(
                f"{folder / name} holds no result. Runs: {', '.join(config.names())}; "
                f"`python -m reference run {name}` makes one."
            )
        found[name] = json.loads(paths[-1].read_text(encoding="utf-8"))
    return found
