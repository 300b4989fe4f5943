"""The verbs of a run: grade an export, grade again from evidence. Each loads, calls the stages in order and stores.

Killed at any moment, the next call goes on where it stopped: originals, evidence and scorecards are stored one by one,
and what is stored is not made again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grader
from grader.catalog import Course
from grader.errors import WorkspaceError
from grader.execution.versions import library_versions
from grader.intake.export import open_export
from grader.ledger.book import ELSEWHERE
from grader.model.base import SCHEMA
from grader.model.evidence import Evidence
from grader.model.submission import Batch, Flag, Submission
from grader.observing.likeness import likeness_of
from grader.pipeline.attempts import counting
from grader.pipeline.deciding import decided, events_of
from grader.pipeline.executing import Task, execute, make_task, static_evidence
from grader.pipeline.judging import judge
from grader.pipeline.materials import Materials
from grader.pipeline.outputs import write_outputs
from grader.pipeline.parallel import in_parallel
from grader.pipeline.progress import Progress, RunLog, Silent
from grader.pipeline.reading import kept_or_read
from grader.pipeline.rerun import write_reruns
from grader.pipeline.results import Graded
from grader.settings import Settings
from grader.workspace import Attempt, Workspace
from grader.workspace.files import sha256_of
from grader.workspace.folder import WORKSHEET

BATCH_FILE = "batch.json"


@dataclass(frozen=True)
class Request:
    """What `grader grade` was asked to do."""

    export: Path
    out: Path
    worksheet: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


def grade(request: Request, materials: Materials, settings: Settings, progress: Progress | None = None) -> list[Graded]:
    """Grade an export into a results folder; returns everybody's result, in the order of the batch."""
    told = progress or Silent()
    export = open_export(request.export, worksheet=request.worksheet, columns=dict(request.columns))
    with Workspace(request.out) as workspace:
        scale = scale_of(materials, settings)
        _same_run(workspace, materials, settings, scale)
        _place_ledger(workspace, materials.course)
        log = RunLog(workspace.root / "run.log")
        started = _now()
        terms = {"export": request.export.name, "columns": dict(request.columns)}
        write_run(workspace, materials, settings.mode, scale, {"started": started, **terms})
        workspace.write_json(BATCH_FILE, export.batch.model_dump(mode="json"))
        if request.worksheet is not None:
            workspace.write_bytes(WORKSHEET, export.worksheet or b"")
        attempts = dict(_take_in(export.batch, export.files, workspace))
        log.write(f"took in {len(export.batch.submissions)} participants, {len(attempts)} with files")
        _gather(attempts, materials, settings, log, told)
        batch, attempts = counting(workspace, export.batch, attempts, materials, scale)
        workspace.write_json(BATCH_FILE, batch.model_dump(mode="json"))
        graded = decided(
            judge_batch(batch, attempts, materials, scale, told, jobs=settings.jobs),
            materials.rubric,
            events_of(workspace.root),
        )
        if settings.mode == "full":
            write_reruns(workspace, materials, attempts, scale)
        graded = write_outputs(workspace, materials, batch, graded, scale=scale, jobs=settings.jobs)
        write_run(
            workspace,
            materials,
            settings.mode,
            scale,
            {"started": started, "finished": _now(), **terms},
        )
        log.write("done")
        return graded


def scale_of(materials: Materials, settings: Settings) -> str:
    """The reference ranges in force; raises WorkspaceError for a scale that nothing was recorded at."""
    own = "full" if settings.mode == "full" and "full" in materials.assignment.expected else materials.assignment.scale
    wanted = settings.scale or own
    if settings.scale is not None and wanted not in materials.assignment.expected:
        known = ", ".join(sorted(materials.assignment.expected)) or "none recorded yet"
        raise WorkspaceError(
            f"there are no reference ranges of scale {wanted!r}",
            where=str(materials.course.root / "reference" / "expected"),
            todo=f"choose one of: {known}; or record them with `python -m reference record --scale {wanted}`",
        )
    return wanted


def _same_run(workspace: Workspace, materials: Materials, settings: Settings, scale: str) -> None:
    """An existing folder goes on only under the terms that it was begun with."""
    before = workspace.run_info()
    if before is None:
        return
    if int(before.get("schema", 0)) > SCHEMA:
        raise WorkspaceError("was written by a newer grader", where=str(workspace.root), todo="update grader")
    terms = {
        "assignment": materials.assignment.slug,
        "rubric_sha256": materials.rubric_sha256,
        "mode": settings.mode,
        "scale": scale,
    }
    changed = [name for name, value in terms.items() if before.get(name) != value]
    if changed:
        words = ", ".join(name.replace("_sha256", "") for name in changed)
        raise WorkspaceError(
            f"was graded with another {words}",
            where=str(workspace.root),
            todo=f"`grader regrade {workspace.root} --because ...` shows what the change does and applies it with --yes; "
            "or grade into a new --out",
        )


def _place_ledger(workspace: Workspace, course: Course) -> None:
    """A new folder's ledger lies where the course says that ledgers lie."""
    ledgers = course.file().ledgers
    if ledgers is None or workspace.run_file.exists() or (workspace.root / ELSEWHERE).exists():
        return
    own = f"{workspace.root.name}-{sha256_of(str(workspace.root.resolve()).encode())[:8]}.sqlite"
    workspace.write_text(ELSEWHERE, f"{(course.root / ledgers).resolve() / own}\n")


def write_run(workspace: Workspace, materials: Materials, mode: str, scale: str, times: Mapping[str, Any]) -> None:
    """run.json: how and with what this folder was graded."""
    workspace.write_json(
        "run.json",
        {
            "schema": SCHEMA,
            "grader": grader.__version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "libraries": library_versions(),
            "assignment": materials.assignment.slug,
            "course": str(materials.course.root),
            "rubric_sha256": materials.rubric_sha256,
            "rubric": materials.rubric.model_dump(mode="json"),
            "environment": materials.environment(),
            "mode": mode,
            "scale": scale,
            **times,
        },
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _take_in(batch: Batch, files_of: Any, workspace: Workspace) -> Iterator[tuple[str, Attempt]]:
    """Store the originals of everybody who handed in something, anew where they were damaged on the disk."""
    for submission in batch.submissions:
        if not submission.files:
            continue
        attempt, new = workspace.attempt_for(submission)
        if new:
            attempt.store_submission(submission, files_of(submission.participant.id))
        elif not attempt.intact(submission):
            attempt.store_originals(files_of(submission.participant.id))
        yield submission.participant.id, attempt


def _gather(
    attempts: Mapping[str, Attempt], materials: Materials, settings: Settings, log: RunLog, told: Progress
) -> None:
    """Evidence for every attempt that has none yet."""
    environment = materials.environment()
    tasks, where = [], {}
    for key, attempt in attempts.items():
        submission = attempt.submission()
        if submission is None or _has_evidence(attempt, environment):
            continue
        where[key] = attempt
        tasks.append(make_task(submission, attempt.files()))
    told.begin("Running notebooks" if settings.mode != "static" else "Reading notebooks", len(tasks))
    for task, evidence in _run(tasks, materials, settings, environment):
        where[task.key].store_evidence(evidence)
        log.write(f"{task.key}: {evidence.execution.status} in {evidence.execution.seconds} s")
        told.step(task.key)


def _has_evidence(attempt: Attempt, environment: str) -> bool:
    """Evidence that showed a gap of the stage is made again once the stage has changed."""
    found = attempt.evidence()
    if found is None:
        return False
    gap = any(flag.kind == "stage_gap" for flag in found.flags)
    return not (gap and found.environment != environment)


def _run(
    tasks: list[Task], materials: Materials, settings: Settings, environment: str
) -> Iterator[tuple[Task, Evidence]]:
    if settings.mode == "static":
        return ((task, static_evidence(task, environment)) for task in tasks)
    return execute(tasks, materials, settings)


def judge_batch(  # noqa: PLR0913  (what a result depends on, and where it goes)
    batch: Batch,
    attempts: Mapping[str, Attempt],
    materials: Materials,
    scale: str,
    told: Progress,
    *,
    jobs: int = 1,
    store: bool = True,
) -> list[Graded]:
    """Everybody's result from stored evidence, in the order of the batch; with `store`, kept beside the evidence."""

    def one(submission: Submission) -> Graded:
        return _judge_one(submission, attempts.get(submission.participant.id), materials, scale, store=store)

    told.begin("Checking and scoring", len(batch.submissions))
    graded = []
    for item in in_parallel(one, batch.submissions, jobs=jobs):
        graded.append(item)
        told.step(item.submission.participant.id)
    return graded


def _judge_one(
    submission: Submission, attempt: Attempt | None, materials: Materials, scale: str, *, store: bool
) -> Graded:
    flags = _unchanged_identity(submission, attempt)
    evidence, digest = (attempt.evidence_with_digest() if attempt else None) or (Evidence(), "")
    reading = None
    if attempt is not None and digest:
        read = kept_or_read(attempt, evidence, digest, materials, keep=store)
        reading = replace(read, opinions=attempt.opinions())
    judgement = judge(submission, evidence, materials, scale=scale, reading=reading)
    if attempt is not None and store:
        attempt.store_answers(judgement.answers)
        attempt.store_findings(judgement.findings)
        attempt.store_scorecard(judgement.scorecard)
    return Graded(
        submission,
        _slim(evidence),
        judgement,
        attempt.number if attempt else None,
        flags,
        likeness=likeness_of(evidence, judgement.memo, judgement.seen),
    )


def _slim(evidence: Evidence) -> Evidence:
    """What pages and tables show of a run; the rest stays on disk, or a large class would fill the memory."""
    return evidence.model_copy(update={"trace": (), "saved": (), "notebook": None, "executed": None})


def _unchanged_identity(submission: Submission, attempt: Attempt | None) -> tuple[Flag, ...]:
    """The same number with another name than before is somebody for a person to look at."""
    stored = attempt.submission() if attempt else None
    if stored is None or stored.participant.name == submission.participant.name:
        return ()
    return (Flag(kind="renamed", why="this participant number stood for another name in an earlier export"),)


def stored_batch(workspace: Workspace) -> Batch:
    """The batch that a results folder was graded from."""
    data = workspace.read_json(workspace.root / BATCH_FILE)
    if data is None:
        raise WorkspaceError(
            "holds no graded batch",
            where=str(workspace.root),
            todo="name the --out folder of an earlier `grader grade`",
        )
    return Batch.model_validate(data)
