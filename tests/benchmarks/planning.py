"""Planning figures: how long do notebooks take, does the model predict real runs, how many workers for 10,000 submissions.

    python -m tests.benchmarks.planning               measure all (about ten minutes), then predict; writes results/planning.json
    python -m tests.benchmarks.planning --only PART   measure one part anew: class_30, class_200 or homework
    python -m tests.benchmarks.planning --graded DIR  homework times from a results folder of `grade` (your class, or `grader demo`)
    python -m tests.benchmarks.planning --predict     predict from the measurements kept there

Measured are: the golden homework notebooks of week 3 in dry runs, one at a time; cheap notebooks (most of them short, some long,
some failing) of which 30 and 200 run on this machine; and the 30 again on a cluster of three workers, one of which is killed in
the middle: with results identical to those of the local run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "integration")]

from cluster_lab import lab  # noqa: E402

from grader.catalog import Course  # noqa: E402
from grader.execution import Job, Limits, Run, Stage, open_pool  # noqa: E402
from grader.execution.cluster import open_cluster  # noqa: E402
from grader.model.submission import Participant, Submission  # noqa: E402
from grader.pipeline import load_materials  # noqa: E402
from grader.pipeline.demo import samples  # noqa: E402
from grader.pipeline.executing import _job as job_of  # noqa: E402
from grader.pipeline.executing import limits_of, make_task, stage_of  # noqa: E402
from grader.settings import Settings  # noqa: E402
from tests.benchmarks.planning_model import Plan, Worker, per_machine, predict, simulate, workers_needed  # noqa: E402

KEPT = Path(__file__).parent / "results" / "planning.json"
LIMITS = Limits(cell_seconds=6, notebook_seconds=12, memory_mb=1000)
LOCAL = 2
TIMEOUTS = 0.02
"""Share of a class that runs into its time limit: assumed, not measured."""


def cheap(count: int) -> list[Job]:
    """The same class each time: sleeps of log-normal length, a little computing, every tenth fails, every fiftieth hangs."""
    chance = random.Random(7)
    jobs = []
    for number in range(count):
        seconds = min(5.0, chance.lognormvariate(-0.6, 0.8))
        cells = [f"import time; time.sleep({seconds:.3f})", f"print(sum(i * i for i in range({number + 1} * 300)))"]
        cells += ["1 / 0"] if number % 10 == 9 else []
        cells += ["time.sleep(60)"] if number % 50 == 25 else []
        jobs.append(Job(str(number), {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}))
    return jobs


def local(count: int) -> tuple[dict[str, Any], dict[str, Run]]:
    """A run of `count` on this machine."""
    began = time.perf_counter()
    with open_pool(Stage(), limits=LIMITS, jobs=LOCAL, warm=False) as pool:
        start = time.perf_counter() - began
        runs = {job.key: run for job, run in pool.map(cheap(count))}
        wall = time.perf_counter() - began - start
    spent = sum(run.seconds for run in runs.values())
    overhead = max(0.0, (LOCAL * wall - spent) / count)
    services = [round(runs[str(number)].seconds + overhead, 3) for number in range(count)]
    return {
        "count": count,
        "workers": LOCAL,
        "wall": round(wall, 1),
        "start": round(start, 2),
        "services": services,
    }, runs


def lasting(run: Run) -> tuple[Any, ...]:
    texts = [[output.get("text", output.get("ename")) for output in cell["outputs"]] for cell in run.executed["cells"]]
    return run.status, run.why, run.cells_run, run.errors, run.timed_out, texts


def cluster(count: int, here: dict[str, Run]) -> dict[str, Any]:
    """The same on three workers of a cluster; one is killed when a third is done."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    results: list[tuple[str, Run]] = []
    try:
        with (
            lab(folder / "lab") as found,
            open_cluster(found.address, Stage(), limits=LIMITS, tls=found.tls, warm=False) as workers,
        ):
            while workers.threads < 3:
                time.sleep(0.05)
            began, killed = time.perf_counter(), 0.0
            for job, run in workers.map(cheap(count)):
                results.append((job.key, run))
                if len(results) == count // 3:
                    found.workers[0].send_signal(signal.SIGKILL)
                    killed = time.perf_counter() - began
            wall, apart = time.perf_counter() - began, found.apart
    finally:
        shutil.rmtree(folder)
    same = [key for key, run in results if lasting(run) == lasting(here[key])]
    return {
        "count": count, "workers": 3, "in_network_namespaces": apart, "killed_at": round(killed, 1), "wall": round(wall, 1),
        "results": len(results), "each_once": len({key for key, _ in results}) == len(results) == count,
        "identical_to_local": len(same),
    }  # fmt: skip


def homework() -> dict[str, Any]:
    """Golden notebooks of week 3 that run to their end, one worker, one at a time."""
    course = Course(ROOT)
    materials, settings = load_materials(course, "week3"), Settings()
    jobs = []
    for sample in samples(course, "week3"):
        if sample.files and sample.expect.get("execution") in (None, "ok", "error"):
            task = make_task(Submission(participant=Participant(id=sample.name), status="submitted"), sample.files)
            jobs += [job_of(task)] if task.chosen.notebook is not None else []
    services, rows, last = [], [], 0.0
    began = time.perf_counter()
    with open_pool(stage_of(materials, settings), limits=limits_of(materials, settings), jobs=1) as pool:
        start = last = time.perf_counter() - began
        for job, run in pool.map(jobs):
            now = time.perf_counter() - began
            services.append(round(now - last, 2))
            rows.append(
                {"case": job.key, "status": run.status, "cpu": run.cpu_seconds, "memory_mb": run.peak_memory_mb}
            )
            last = now
    return {"start": round(start, 1), "services": services, "notebooks": rows}


OWN_COST = 0.8
"""Seconds a notebook beside its run: the bound that DESIGN sets for recorder, checks and page."""
START = 30.0
"""Until a worker is ready: Dask's process, the stage, a warm server with torch."""


def graded(folder: Path) -> dict[str, Any]:
    """The same from a results folder that `grade` left: one's own class, or the sample class of `grader demo`."""
    services, rows = [], []
    for path in sorted(folder.glob("submissions/*/*/evidence.json")):
        run = json.loads(path.read_text("utf-8"))["execution"]
        if run["mode"] != "dry-run" or run["status"] not in ("ok", "error"):
            continue
        services.append(round(run["seconds"] + OWN_COST, 2))
        rows.append({"status": run["status"], "cpu": run["cpu_seconds"], "memory_mb": run["peak_memory_mb"]})
    return {"start": START, "services": services, "notebooks": rows}


PARTS = ("class_30", "class_200", "homework")


def measure(part: str) -> dict[str, Any]:
    """One part of what is kept."""
    if part == "class_30":
        thirty, runs = local(30)
        return {"local_30": thirty, "cluster_30": cluster(30, runs)}
    if part == "class_200":
        return {"local_200": local(200)[0]}
    return {"homework": homework()}


def checked(told: dict[str, Any]) -> list[dict[str, Any]]:
    """What the model says of runs that were measured, from another run's distribution."""
    rows = []
    for name, other in (("local_30", "local_200"), ("local_200", "local_30")):
        if not {name, other} <= set(told):
            continue
        run = told[name]
        median, most = predict(told[other]["services"], run["count"], Plan(run["workers"], 0.0), rounds=200)
        rows.append(
            {"run": name, "from": other, "measured": run["wall"], "predicted": round(median, 1), "95 %": round(most, 1)}
        )
    if not {"cluster_30", "local_30"} <= set(told):
        return rows
    run = told["cluster_30"]
    workers = [Worker(lost_at=run["killed_at"]), Worker(), Worker()]
    done = simulate(told["local_30"]["services"], workers, notice=0.5)
    rows.append(
        {
            "run": "cluster_30",
            "from": "local_30, in order",
            "measured": run["wall"],
            "predicted": round(done.seconds, 1),
            "95 %": None,
        }
    )
    return rows


def planned(told: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Fewest workers for a class of week 3, by when, with and without losses."""
    measured = told["homework"]["services"]
    limit = 120.0 + statistics.mean(measured)
    hanging = max(1, round(TIMEOUTS * len(measured) * 10 / (1 - TIMEOUTS)))
    drawn = [*measured * 10, *[limit] * hanging]
    rows = []
    for hours in (1, 2, 4, 12):
        for losses in (0.0, 0.2):
            needed = workers_needed(drawn, count, hours * 3600, Plan(1, told["homework"]["start"], losses))
            rows.append(
                {"submissions": count, "within_hours": hours, "losses_per_worker_hour": losses, "workers": needed}
            )
    return rows


def machines(told: dict[str, Any]) -> list[dict[str, Any]]:
    peak = max(row["memory_mb"] for row in told["homework"]["notebooks"]) / 1024
    sizes = ((4, 16), (8, 32), (16, 64), (32, 128), (16, 32))
    return [
        {"cores": cores, "memory_gb": memory,
         "workers_by_limit": per_machine(cores, memory, server_gb=0.6, notebook_gb=4.0),
         "workers_by_peak": per_machine(cores, memory, server_gb=0.6, notebook_gb=1.5 * peak)}
        for cores, memory in sizes
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Planning figures.")
    parser.add_argument("--predict", action="store_true", help="From what is kept; measure nothing.")
    parser.add_argument("--only", choices=PARTS, help="Measure one part anew.")
    parser.add_argument("--graded", type=Path, help="Take the homework's times from this results folder.")
    parser.add_argument("--students", type=int, default=10_000)
    parser.add_argument("--kept", type=Path, default=KEPT)
    options = parser.parse_args()
    if options.graded:
        _keep(options.kept, {"homework": graded(options.graded)})
    for part in () if options.predict or options.graded else (options.only,) if options.only else PARTS:
        found = measure(part)
        _keep(options.kept, {"machine": f"{platform.machine()}, {os.cpu_count()} cores", **found})
        print(part, "measured", flush=True)
    told = _read(options.kept)
    told = _keep(options.kept, {"check": checked(told)})
    if "homework" in told:
        told = _keep(options.kept, {"plan": planned(told, options.students), "machines": machines(told)})
    for title in ("check", "plan", "machines"):
        print(title)
        for row in told.get(title, ()):
            print("  ", row)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def _keep(path: Path, more: dict[str, Any]) -> dict[str, Any]:
    told = {**_read(path), **more}
    path.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    return told


if __name__ == "__main__":
    main()
