"""Our own grader on the same notebooks: box, recorder, checks, score and page included, and steps uncut as everywhere else.

Whole commands are measured, each in a process of its own. The processor time of kernels that were forked from the warm server is taken
from their evidence, since nobody waits for them; it is measured outside the box.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.model.evidence import Evidence
from grader.workspace import read_artefact
from tests.benchmarks.metering import Cost, run
from tests.benchmarks.notebooks import cells, class_notebook, notebook

ROOT = Path(__file__).resolve().parents[2]
DRIVER = """
import dataclasses, functools, sys
sys.path.insert(0, {root!r})
from grader.pipeline import executing
stage_of = executing.stage_of
def uncut(*given):
    stage = stage_of(*given)
    return dataclasses.replace(stage, inside_config={{**stage.inside_config, "steps": 0}})
executing.stage_of = uncut
executing.open_pool = functools.partial(executing.open_pool, warm={warm})
from grader.cli import main
sys.argv = ["grader", *{words!r}]
main()
"""


@dataclass(frozen=True)
class Graded:
    """One run of `grader grade`."""

    cost: Cost
    """Kernels included."""
    evidence: dict[str, Evidence]
    out: Path


class Bench:
    """Classes of notebooks in a folder, and our command on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "home").mkdir(parents=True, exist_ok=True)

    def grade(self, name: str, notebooks: Iterable[dict[str, Any]], *, jobs: int, warm: bool = True) -> Graded:
        """Grade a class from the beginning."""
        place, out = self.folder / name, self.folder / f"{name}-out"
        place.mkdir()
        for number, made in enumerate(notebooks):
            (place / f"s{number:03}.ipynb").write_text(json.dumps(made))
        cost = self._run(
            ["grade", str(place), "--out", str(out), "--jobs", str(jobs), "--assignment", "week3"], warm=warm
        )
        files = sorted(out.glob("submissions/*/1/evidence.json"))
        evidence = {path.parent.parent.name: found for path in files if (found := read_artefact(path, Evidence))}
        forked = sum(found.execution.cpu_seconds or 0.0 for found in evidence.values() if found.execution.warm)
        return Graded(Cost(cost.wall, round(cost.cpu + forked, 2)), evidence, out)

    def regrade(self, out: Path) -> Cost:
        """Grade a graded class again from its evidence, and apply it."""
        return self._run(["regrade", str(out), "--because", "a benchmark", "--yes"])

    def _run(self, words: list[str], *, warm: bool = True) -> Cost:
        code = DRIVER.format(root=str(ROOT), warm=warm, words=[*words, "--json", "--course", str(ROOT)])
        return run([sys.executable, "-c", code], cwd=self.folder, home=self.folder / "home")


def ten(bench: Bench, count: int) -> dict[str, Any]:
    """What is held against the peers: one after another and two at a time, the warm server's start included."""
    found = {}
    for jobs in (1, 2):
        graded = bench.grade(f"ten-{jobs}", [notebook(cells(number)) for number in range(count)], jobs=jobs)
        _insist(graded, count)
        found[f"jobs_{jobs}"] = {"wall": graded.cost.wall, "cpu": graded.cost.cpu}
    one = bench.grade("one", [notebook(cells(0))], jobs=1)
    found["start"] = {"wall": one.cost.wall, "cpu": one.cost.cpu}
    each = (found["jobs_1"]["cpu"] - one.cost.cpu) / (count - 1)
    found["each_beyond_the_first"] = {
        "cpu": round(each, 3), "wall": round((found["jobs_1"]["wall"] - one.cost.wall) / (count - 1), 3)
    }  # fmt: skip
    return found


def parts(bench: Bench, recorder: dict[str, Any], count: int) -> dict[str, Any]:
    """Where the processor seconds of one submission go; what every run needs once is taken off by a run of one."""
    nothing = notebook([("code", "pass")])
    few, many = bench.grade("empty-1", [nothing], jobs=1), bench.grade("empty-11", [nothing] * 11, jobs=1)
    one, whole = (bench.grade(f"real-{size}", [notebook(cells(n)) for n in range(size)], jobs=1) for size in (1, count))
    _insist(whole, count)
    for path in whole.out.rglob("reading.json"):
        path.unlink()
    anew, kept, start = bench.regrade(whole.out), bench.regrade(whole.out), bench.regrade(one.out)
    own = recorder["notebook_seconds"]["plain"]
    each = (whole.cost.cpu - one.cost.cpu) / (count - 1)
    return {
        "whole": round(each, 3), "own_code": own, "beyond_own_code": round(each - own, 3),
        "recorder": round(recorder["notebook_seconds"]["recorded"] - own, 3),
        "box_fork_kernel_capture": round((many.cost.cpu - few.cost.cpu) / 10, 3),
        "reading_checks_score_page": round((anew.cpu - start.cpu) / (count - 1), 3),
        "the_same_from_kept_readings": round((kept.cpu - start.cpu) / (count - 1), 3),
    }  # fmt: skip


def large(bench: Bench, count: int) -> dict[str, Any]:
    """A class of two hundred: hangs, differences, memory, and grading it again."""
    graded = bench.grade("large", (class_notebook(number) for number in range(count)), jobs=2)
    runs = list(graded.evidence.values())
    private = [float(found[1]) for run_ in runs if (found := re.search(r"PRIVATE (\d+)", _printed(graded.out, run_)))]
    weights: dict[int, set[str]] = {}
    for key in graded.evidence:
        text = _printed(graded.out, graded.evidence[key], key)
        weights.setdefault(int(key[1:]) % 5, set()).update(re.findall(r"WEIGHTS (\w+)", text))
    again = [bench.regrade(graded.out) for _ in range(2)]
    for path in graded.out.rglob("reading.json"):
        path.unlink()
    anew = bench.regrade(graded.out)
    return {
        "submissions": count, "wall": graded.cost.wall, "cpu_each": round(graded.cost.cpu / count, 3),
        "not_ok": sorted({run_.execution.why for run_ in runs if run_.execution.status != "ok"}),
        "warm": sum(run_.execution.warm for run_ in runs), "seconds_each": _spread([run_.execution.seconds for run_ in runs]),
        "private_mb": _spread(private), "peak_mb": _spread([run_.execution.peak_memory_mb or 0.0 for run_ in runs]),
        "different_weights_per_seed": sorted({len(found) for found in weights.values()}),
        "regrade": {"wall": min(cost.wall for cost in again), "cpu": min(cost.cpu for cost in again)},
        "regrade_after_a_change_of_the_readers": {"wall": anew.wall, "cpu": anew.cpu},
    }  # fmt: skip


def scaling(bench: Bench, count: int) -> dict[str, float]:
    """Seconds for the same class with more workers, the start of the server included."""
    return {
        str(jobs): bench.grade(f"scaling-{jobs}", [notebook(cells(n)) for n in range(count)], jobs=jobs).cost.wall
        for jobs in (1, 2, 4)
    }


def warm_against_cold(bench: Bench) -> dict[str, Any]:
    """The same notebooks in forked and in fresh kernels: every output compared."""
    made = [class_notebook(number) for number in (0, 1)]
    found = {}
    for warm in (True, False):
        graded = bench.grade(f"warm-{warm}", made, jobs=2, warm=warm)
        assert {run_.execution.warm for run_ in graded.evidence.values()} == {warm}
        found[warm] = {key: _outputs(graded.out, key) for key in graded.evidence}
    different = [
        f"{key}, cell {cell}" for key in found[True] for cell, (one, other) in enumerate(zip(found[True][key], found[False][key], strict=True))
        if one != other
    ]  # fmt: skip
    return {"notebooks": len(made), "outputs": sum(map(len, found[True].values())), "different": different}


VARY = re.compile(
    r"PRIVATE \d+|[\d.]+\s?(?:s/it|it/s|examples/s|s)\b|\b\d\d:\d\d(?::\d\d)?\b|'[a-z_]*(?:runtime|per_second)': '?[\d.e-]+'?"
)
"""Times, speeds and memory: no two runs share them, warm or cold."""


def _outputs(out: Path, key: str) -> list[str]:
    executed = json.loads((out / "submissions" / key / "1" / "executed.ipynb").read_text("utf-8"))
    return [VARY.sub("", json.dumps(cell.get("outputs"))) for cell in executed["cells"] if cell["cell_type"] == "code"]


def _printed(out: Path, run_: Evidence, key: str | None = None) -> str:
    if key is None:
        key = next(path.parent.parent.name for path in out.glob("submissions/*/1/evidence.json") if _is(path, run_))
    return (out / "submissions" / key / "1" / "executed.ipynb").read_text("utf-8")


def _is(path: Path, run_: Evidence) -> bool:
    return bool(run_.executed_sha256) and run_.executed_sha256 in path.read_text("utf-8")


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 2), "p95": round(ordered[int(len(ordered) * 0.95)], 2),
        "most": round(ordered[-1], 2),
    }  # fmt: skip


def _insist(graded: Graded, count: int) -> None:
    states = [run_.execution.status for run_ in graded.evidence.values()]
    assert states == ["ok"] * count, [run_.execution.why for run_ in graded.evidence.values()]
    assert all(run_.execution.warm and run_.execution.boxed for run_ in graded.evidence.values())
    shutil.rmtree(graded.out / "moodle", ignore_errors=True)


def recorder_costs() -> dict[str, Any]:
    """See `recorder`."""
    words = [sys.executable, "-m", "tests.benchmarks.recorder"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))
