"""After a full run: the figures that the student's notebook shows, those of our run of it, and the range of reference runs.

For spot checks and appeals. It decides nothing: runs differ, and the reasoning is marked, not the result.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

from grader.model.assignment import Interval
from grader.model.base import Frozen
from grader.model.evidence import Evidence
from grader.model.observation import Number
from grader.observing.recorded import observe_outputs
from grader.pipeline.materials import Materials
from grader.workspace import Attempt, Workspace

FILE = "rerun.csv"
METRICS = ("accuracy", "macro_f1", "zero_f1_classes")
Key = tuple[str, str, str]


class Rerun(Frozen):
    """One figure of one student."""

    participant: str
    model: str
    run: str
    metric: str
    shown: float | None
    """What the handed-in notebook shows; null where nothing was found."""
    ours: float | None
    """What our run of it printed."""
    low: float | None = None
    high: float | None = None
    """The range of reference runs."""

    @property
    def inside(self) -> str:
        """Whether our run's figure lies in the range; empty where either is missing."""
        if self.ours is None or self.low is None or self.high is None:
            return ""
        return "yes" if self.low <= self.ours <= self.high else "no"


def reruns(attempts: Mapping[str, Attempt], materials: Materials, scale: str) -> Iterator[Rerun]:
    """All figures that either notebook shows, of everybody who was executed."""
    expected = materials.assignment.expected.get(scale)
    for participant, attempt in attempts.items():
        evidence = attempt.evidence()
        if evidence is None or evidence.executed is None:
            continue
        shown = _figures(evidence, materials)
        ours = _figures(evidence.model_copy(update={"notebook": evidence.executed}), materials)
        for model, run, metric in sorted({*shown, *ours}):
            ranges = expected.metrics.get(model if run == "plain" else f"{model}_{run}", {}) if expected else {}
            interval = ranges.get(metric) or Interval()
            yield Rerun(
                participant=participant, model=model, run=run, metric=metric,
                shown=shown.get((model, run, metric)), ours=ours.get((model, run, metric)),
                low=interval.low, high=interval.high,
            )  # fmt: skip


def _figures(evidence: Evidence, materials: Materials) -> dict[Key, float]:
    """The last figure of each kind; those of the test set win."""
    found: dict[Key, tuple[bool, float]] = {}
    for item in observe_outputs(evidence, materials.facts):
        if not isinstance(item, Number) or item.metric not in METRICS or item.model is None or item.subject:
            continue
        key, test = (item.model, item.run or "plain", item.metric), item.split == "test"
        if key not in found or test or not found[key][0]:
            found[key] = (test, item.value)
    return {key: value for key, (_, value) in found.items()}


def write_reruns(workspace: Workspace, materials: Materials, attempts: Mapping[str, Attempt], scale: str) -> None:
    """rerun.csv: one row per figure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["participant", "model", "run", "metric", "shown", "rerun", "low", "high", "rerun_in_range"])
    for row in reruns(attempts, materials, scale):
        values = [row.shown, row.ours, row.low, row.high]
        writer.writerow(
            [row.participant, row.model, row.run, row.metric, *("" if v is None else v for v in values), row.inside]
        )
    workspace.write_bytes(FILE, text.getvalue().encode("utf-8-sig"))
