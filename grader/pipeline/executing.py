"""From a submission's files to evidence: choose the notebook, run it, keep what the run showed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

from grader.execution import Job, Limits, PlainPool, Pool, Run, Stage, gpu_devices, open_pool
from grader.execution.cluster import Cluster, open_cluster
from grader.intake.notebooks import choose_notebook
from grader.model.evidence import CellError, Evidence, Execution, Reloaded
from grader.model.submission import ChosenNotebook, Flag, Submission
from grader.observing import measure_saved
from grader.pipeline.materials import Materials
from grader.settings import Settings

VALUE_CHARS = 2000
BESIDE_BYTES = 64 << 20
PREFLIGHT = resources.files("grader.selfcheck").joinpath("preflight.py").read_bytes()
"""Students import it from beside their notebook; a copy that was handed in takes its place."""
FULL: dict[str, Any] = {
    "cell_seconds": 7200.0,
    "notebook_seconds": 14400.0,
    "start_seconds": 180.0,
    "memory_mb": 32_768,
    "work_mb": 8192,
    "temp_mb": 4096,
    "file_mb": 4096,
    "harvest_bytes": 512 << 20,
}
"""Limits in full mode: an hour of training on real models, with room."""
NOT_BESIDE = (".ipynb", ".html", ".htm", ".zip")


@dataclass(frozen=True)
class Task:
    """One submission on its way to evidence."""

    submission: Submission
    files: Mapping[str, bytes]
    chosen: ChosenNotebook

    @property
    def key(self) -> str:
        """The participant's id."""
        return self.submission.participant.id


def make_task(submission: Submission, files: Mapping[str, bytes]) -> Task:
    """Look into the files once."""
    return Task(submission, files, choose_notebook(files))


def static_evidence(task: Task, environment: str, *, why: str = "not executed: static mode") -> Evidence:
    """Evidence without a run."""
    return _evidence(task, environment, Execution(mode="static", status="skipped", why=why))


def execute(tasks: Sequence[Task], materials: Materials, settings: Settings) -> Iterator[tuple[Task, Evidence]]:
    """Run every task's notebook; yields as they finish. What can't be run is evidence too."""
    environment = materials.environment()
    by_key = {task.key: task for task in tasks}
    jobs = [_job(task) for task in tasks if task.chosen.notebook is not None]
    for task in tasks:
        if task.chosen.notebook is None:
            yield task, static_evidence(task, environment, why="no notebook to run")
    if not jobs:
        return
    again: list[tuple[Job, Run]] = []
    with workplace(materials, settings) as pool:
        for job, run in pool.map(jobs):
            order = saved_order(by_key[job.key].chosen.notebook or {})
            if order is not None and any(name in ("NameError", "UnboundLocalError") for _, name, _ in run.errors):
                again.append((replace(job, order=order), run))
            else:
                yield by_key[job.key], run_evidence(by_key[job.key], run, environment, settings)
        first = {job.key: run for job, run in again}
        for job, run in pool.map([job for job, _ in again]) if again else ():
            better, reordered = (run, True) if len(run.errors) < len(first[job.key].errors) else (first[job.key], False)
            task = by_key[job.key]
            yield task, run_evidence(task, better, environment, settings, reordered=reordered)


def workplace(materials: Materials, settings: Settings) -> AbstractContextManager[Pool | PlainPool | Cluster]:
    """Where notebooks are executed: workers of this machine, or a cluster's."""
    stage, limits = stage_of(materials, settings), limits_of(materials, settings)
    if settings.cluster is None:
        return open_pool(stage, limits=limits, jobs=settings.jobs, boxed=settings.boxed)
    return open_cluster(settings.cluster, stage, limits=limits, tls=settings.cluster_tls)


def stage_of(materials: Materials, settings: Settings) -> Stage:
    """What stands ready around a notebook: stand-ins in a dry run, the real things in full mode."""
    aliases = materials.assignment.stage.model_dump(mode="json")
    models = {role: facts.checkpoint for role, facts in materials.assignment.models.items()}
    if settings.mode == "full":
        devices = gpu_devices()
        config = {"steps": 0, "models": models, "real_gpu": bool(devices), **aliases}
        return Stage(hub=settings.hub, data=settings.data, inside_config=config, devices=devices)
    folder = materials.stage
    return Stage(
        hub=folder / "hub" if folder and (folder / "hub").is_dir() else None,
        data=folder / "data" if folder and (folder / "data").is_dir() else None,
        inside_config={"models": models, **aliases},
    )


def limits_of(materials: Materials, settings: Settings) -> Limits:
    """The built-in limits, the assignment's (which are meant for dry runs) over them, the command's over those."""
    own = materials.assignment.limits if settings.mode != "full" else {}
    chosen: dict[str, Any] = {
        name: int(value) if isinstance(getattr(Limits(), name), int) else value for name, value in own.items()
    }
    if settings.mode == "full":
        chosen = dict(FULL)
    for name in ("cell_seconds", "notebook_seconds", "memory_mb"):
        value = getattr(settings, name)
        if value is not None:
            chosen[name] = value
    return Limits(**chosen)


def _job(task: Task) -> Job:
    root = PurePosixPath(task.chosen.path or "").parent
    beside = {"preflight.py": PREFLIGHT}
    total = 0
    for name, data in task.files.items():
        path = PurePosixPath(name)
        relative = path.relative_to(root) if path.is_relative_to(root) else path
        total += len(data)
        if path.suffix.lower() not in NOT_BESIDE and total <= BESIDE_BYTES:
            beside[relative.as_posix()] = data
    return Job(key=task.key, notebook=task.chosen.notebook or {}, files=beside)


def saved_order(notebook: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The order in which the student ran the cells, where the saved counts show another than top to bottom."""
    cells = notebook.get("cells", [])
    counted = [(cell.get("execution_count"), index) for index, cell in enumerate(cells) if cell["cell_type"] == "code"]
    numbers = [count for count, _ in counted if isinstance(count, int)]
    if not numbers or numbers == sorted(numbers):
        return None
    last = max(numbers)
    return tuple(
        index for _, index in sorted((count if isinstance(count, int) else last + 1, index) for count, index in counted)
    )


def run_evidence(task: Task, run: Run, environment: str, settings: Settings, *, reordered: bool = False) -> Evidence:
    """What a run left, as evidence."""
    execution = Execution(
        mode=settings.mode,
        status=run.status,
        why=run.why if run.status != "ok" else "",
        seconds=round(run.seconds, 2),
        cpu_seconds=round(run.cpu_seconds, 2),
        peak_memory_mb=round(run.peak_memory_mb, 1),
        cells_run=run.cells_run,
        boxed=run.boxed,
        warm=run.warm,
        reordered=reordered,
        errors=tuple(CellError(cell=cell, name=name, value=value[:VALUE_CHARS]) for cell, name, value in run.errors),
        trace_truncated=run.trace_truncated or run.trace_dropped > 0,
    )
    return _evidence(task, environment, execution, run)


def _evidence(task: Task, environment: str, execution: Execution, run: Run | None = None) -> Evidence:
    saved = measure_saved(task.files, "handed_in")
    return Evidence(
        submission_sha256=task.submission.sha256,
        environment=environment,
        execution=execution,
        trace=tuple(dict(record) for record in run.trace) if run else (),
        saved=(*(measure_saved(run.files, "dry_run") if run else ()), *saved),
        reloaded=tuple(Reloaded.model_validate(dict(item)) for item in run.reloaded) if run else (),
        left=tuple(name for name, _ in run.left) if run else (),
        flags=(*task.chosen.flags, *(_gaps(run.trace) if run else ())),
        memo_text=task.chosen.memo_text,
        notebook=dict(task.chosen.notebook) if task.chosen.notebook is not None else None,
        executed=dict(run.executed) if run and run.executed else None,
    )


def _gaps(trace: Sequence[Mapping[str, Any]]) -> tuple[Flag, ...]:
    """Things that the notebook asked for and the stage lacks: ours to mend, never the student's fault."""
    named = dict.fromkeys(
        (str(r.get("what", "?")), str(r.get("name", "?"))) for r in trace if r.get("t") == "stage_gap"
    )
    return tuple(
        Flag(
            kind="stage_gap",
            why=f"the stage lacks the {what} {name[:120]!r}: add it to assignment.yaml (stage: aliases) and grade again",
        )
        for what, name in named
    )
