"""Notebooks and cases for tests of checks: the real observers read them, so that a check is tested with what it will meet."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from grader.catalog import load_assignment
from grader.checking.api import Case
from grader.model.assignment import Assignment, ExpectedRanges, Interval
from grader.model.base import Role
from grader.model.evidence import Evidence
from grader.model.finding import Finding
from grader.model.observation import Observations
from grader.model.rubric import CheckLine
from grader.observing.recorded import observe_outputs
from grader.observing.source import observe_source

ROOT = Path(__file__).resolve().parent.parent
RANGES = {
    "encoder": {"accuracy": (0.55, 0.59), "macro_f1": (0.18, 0.24), "zero_f1_classes": (25, 50)},
    "decoder": {"accuracy": (0.58, 0.62), "macro_f1": (0.23, 0.29), "zero_f1_classes": (15, 40)},
    "decoder_weighted": {"accuracy": (0.54, 0.60), "macro_f1": (0.24, 0.31), "zero_f1_classes": (10, 35)},
}


@lru_cache(maxsize=2)
def week3(*, ranges: bool = True) -> Assignment:
    """The real assignment, with ranges of the tests' own or with none."""
    found = load_assignment(ROOT / "assignments" / "week3", ROOT)
    metrics = {
        key: {name: Interval(low=low, high=high) for name, (low, high) in values.items()}
        for key, values in RANGES.items()
    }
    expected = {"t4": ExpectedRanges(scale="t4", metrics=metrics if ranges else {})}
    return found.model_copy(update={"expected": expected, "scale": "t4"})


def markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": text}


def code(source: str, *outputs: str | dict[str, str], count: int | None = None) -> dict[str, Any]:
    made: list[dict[str, Any]] = []
    for item in outputs:
        if isinstance(item, str):
            made.append({"output_type": "stream", "name": "stdout", "text": item})
        else:
            made.append({"output_type": "execute_result", "data": item})
    return {"cell_type": "code", "source": source, "outputs": made, "execution_count": count}


def case(
    *cells: dict[str, Any],
    line: str = "x.y",
    model: Role | None = None,
    assignment: Assignment | None = None,
    memo: str | None = None,
) -> Case:
    """A case as the engine makes it, seen by the observers of outputs and source."""
    chosen = assignment or week3()
    evidence = Evidence(notebook={"cells": list(cells)}, memo_text=memo)
    seen = Observations(items=(*observe_outputs(evidence, chosen), *observe_source(evidence, chosen)))
    return Case(
        line=CheckLine(id=line, check="x", model=model), evidence=evidence, seen=seen, assignment=chosen, scale="t4"
    )


def presentable(finding: Finding) -> bool:
    """Both texts are there, of sensible length, and the student's blames nobody."""
    harsh = ("wrong!", "cheat", "fraud", "you failed", "forged")
    kind = not any(word in finding.student_text.lower() for word in harsh)
    return 20 < len(finding.student_text) < 900 and bool(finding.staff_text) and kind
