"""A class of 30 through `grade` itself, here and on a cluster of three workers of which one is killed: are the results the same?

    python -m tests.benchmarks.cluster_class [COUNT]

Workers are processes of their own with certificates of their own, in network namespaces where this machine allows them.
Prints one JSON object; exits 1 if anything differs but times. Takes some minutes, most of them for warm servers to start.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "integration")]

from cluster_lab import Lab, lab  # noqa: E402

from grader.catalog import Course  # noqa: E402
from grader.pipeline import Request, grade, load_materials  # noqa: E402
from grader.pipeline.authoring import new_assignment  # noqa: E402
from grader.settings import Settings  # noqa: E402

TIMES = ("seconds", "cpu_seconds", "peak_memory_mb")


class Killer:
    """Progress that kills a worker when a third of the notebooks are done."""

    def __init__(self, found: Lab | None, count: int) -> None:
        self._lab, self._count, self._steps, self._running = found, count, Counter[str](), False

    def begin(self, what: str, total: int) -> None:
        self._running = what == "Running notebooks"

    def step(self, detail: str = "") -> None:
        if not self._running:
            return
        self._steps[detail] += 1
        if self._lab is not None and self._steps.total() == self._count // 3:
            self._lab.workers[0].send_signal(signal.SIGKILL)

    @property
    def each_once(self) -> bool:
        return self._steps.total() == len(self._steps) == self._count


def write_class(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        cells = [f"import time; time.sleep({number % 5 / 5}); x = {number}", "1 / 0" if number % 7 == 3 else "print('answer:', x * 7)",
                 f"open('left.json', 'w').write('[{number}]')"]  # fmt: skip
        notebook = {
            "cells": [
                {"cell_type": "code", "id": f"c{place}", "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
                for place, cell in enumerate(cells)
            ],
            "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
        }  # fmt: skip
        (folder / f"student-{number:02}.ipynb").write_text(json.dumps(notebook), "utf-8")


def lasting(out: Path) -> dict[str, Any]:
    """Everything that was stored, times aside."""
    found: dict[str, Any] = {}
    for path in sorted([out / "results.json", *out.glob("submissions/*/*/*")]):
        name = path.relative_to(out).as_posix()
        if path.suffix == ".ipynb" and path.is_file():
            found[name] = json.loads(path.read_text("utf-8"))
        elif path.name in ("results.json", "findings.json", "scorecard.json"):
            found[name] = json.loads(path.read_text("utf-8"), object_hook=_timeless)
        elif path.name == "evidence.json":
            told = json.loads(path.read_text("utf-8"), object_hook=_timeless)
            found[name] = {key: value for key, value in told.items() if key not in ("trace", "digest")}
    return found


def _timeless(value: dict[str, Any]) -> dict[str, Any]:
    return {
        key: item for key, item in value.items() if key not in (*TIMES, "digest", "evidence_sha256", "findings_sha256")
    }


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    try:
        (folder / "course" / "assignments").mkdir(parents=True)
        course = Course(folder / "course")
        new_assignment(course, "tiny")
        materials = load_materials(course, "tiny")
        write_class(folder / "class", count)
        times, results = {}, {}
        began = time.perf_counter()
        here = Killer(None, count)
        grade(Request(folder / "class", folder / "here"), materials, Settings(jobs=2), here)
        times["here"], results["here"] = time.perf_counter() - began, lasting(folder / "here")
        with lab(folder / "lab") as found:
            began = time.perf_counter()
            there = Killer(found, count)
            settings = Settings(jobs=2, cluster=found.address, cluster_tls=found.tls)
            grade(Request(folder / "class", folder / "there"), materials, settings, there)
            times["there"], results["there"] = time.perf_counter() - began, lasting(folder / "there")
            killed, apart = found.workers[0].poll() is not None, found.apart
        names = sorted({*results["here"], *results["there"]})
        differing = [name for name in names if results["here"].get(name) != results["there"].get(name)]
        told = {
            "class": count, "in_network_namespaces": apart, "worker_killed": killed, "files_compared": len(names),
            "differing": differing, "each_once": here.each_once and there.each_once,
            "seconds": {name: round(value, 1) for name, value in times.items()},
        }  # fmt: skip
        print(json.dumps(told, indent=1))
        sys.exit(bool(differing) or not told["each_once"])
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
