"""Give results out: what is still open, then a numbered release of exactly what the pages show. Later ones send only what changed.

Points are rounded once, in `grader.release.plan`: half up, to the decimals of the worksheet's maximum grade.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grader.errors import WorkspaceError
from grader.ledger import Ledger
from grader.model.base import SCHEMA, format_points
from grader.model.decision import Event, OpenItem
from grader.model.gradebook import Gradebook, GradebookRow
from grader.model.submission import Batch
from grader.pipeline.deciding import decided, events_of
from grader.pipeline.grading import judge_batch, stored_batch
from grader.pipeline.materials import Materials
from grader.pipeline.moodle import moodle_files
from grader.pipeline.outputs import gradebook_of, student_html, student_pages, write_outputs
from grader.pipeline.progress import Progress, RunLog, Silent
from grader.pipeline.released import FILE, RECORD, keep_gradebook
from grader.pipeline.results import Graded
from grader.workspace import Attempt, Workspace
from grader.workspace.files import sha256_of

ROUNDING = "half up, once, to the decimals of the worksheet's maximum grade"


@dataclass(frozen=True)
class Released:
    """What a release gives out, or would."""

    number: int
    path: Path
    written: bool
    provisional: bool
    changed: tuple[str, ...]
    """Participants who get something new."""
    unchanged: int
    open: dict[str, tuple[OpenItem, ...]]
    """Participants who are not settled, and why."""

    def as_json(self) -> dict[str, object]:
        """For other programs."""
        return {
            "release": self.number,
            "path": str(self.path),
            "written": self.written,
            "provisional": self.provisional,
            "changed": list(self.changed),
            "unchanged": self.unchanged,
            "open": {who: [item.model_dump() for item in items] for who, items in self.open.items()},
        }


def release(  # noqa: PLR0913  (options of one command)
    target: Path,
    materials: Materials,
    *,
    provisional: bool = False,
    preview: bool = False,
    author: str = "instructor",
    jobs: int = 1,
    progress: Progress | None = None,
) -> Released:
    """Write the next numbered release; with `preview` only the pages in feedback/, and what it would be.

    Raises WorkspaceError where something is open (unless `provisional`) or the class must be graded again first.
    """
    if not target.is_dir():
        raise WorkspaceError(
            "there is no such folder", where=str(target), todo="name an --out folder of `grader grade`"
        )
    with Workspace(target) as workspace:
        batch, graded, scale = settled_class(workspace, materials, jobs=jobs, progress=progress or Silent())
        waiting = {
            item.submission.participant.id: item.outcome.open
            for item in graded
            if item.outcome is not None and item.outcome.open
        }
        _adopt(workspace)
        before = _newest(workspace)
        number = (int(before["number"]) if before else 0) + 1
        book, contents = _contents(materials, batch, graded, scale=scale, jobs=jobs)
        changed = tuple(who for who, content in contents.items() if _sent(before, who) != content)
        done = Released(
            number=number,
            path=workspace.root / "releases" / str(number),
            written=bool(changed) and not preview,
            provisional=bool(waiting),
            changed=changed,
            unchanged=len(contents) - len(changed),
            open=waiting,
        )
        if waiting and not (provisional or preview):
            raise _refused(target, waiting)
        write_outputs(workspace, materials, batch, graded, scale=scale, jobs=jobs)
        if done.written:
            _write(workspace, done, book, contents, author=author)
        return done


def settled_class(
    workspace: Workspace, materials: Materials, *, jobs: int, progress: Progress
) -> tuple[Batch, list[Graded], str]:
    """Everybody with decisions applied; raises WorkspaceError where the stored class is not what grading gives now."""
    info = workspace.run_info() or {}
    batch = stored_batch(workspace)
    scale = str(info.get("scale") or materials.assignment.scale)
    attempts = {item.participant.id: workspace.attempt_for(item)[0] for item in batch.submissions if item.files}
    graded = judge_batch(batch, attempts, materials, scale, progress, jobs=jobs, store=False)
    if info.get("rubric_sha256") != materials.rubric_sha256 or any(_differs(item, attempts) for item in graded):
        raise WorkspaceError(
            "rubric, checks or ranges have changed since this class was graded",
            where=str(workspace.root),
            todo=f"`grader regrade {workspace.root} --because ...` shows what that does to whom, and applies it with --yes",
        )
    return batch, decided(graded, materials.rubric, events_of(workspace.root)), scale


def page_now(target: Path, materials: Materials, who: str) -> str:
    """One student's page as it would be given out now, without the class's figures; writes nothing."""
    workspace = Workspace(target)
    batch = stored_batch(workspace)
    found = [item for item in batch.submissions if item.participant.id == who]
    attempts = {item.participant.id: workspace.attempt_for(item)[0] for item in found if item.files}
    scale = str((workspace.run_info() or {}).get("scale") or materials.assignment.scale)
    judged = judge_batch(
        batch.model_copy(update={"submissions": tuple(found)}), attempts, materials, scale, Silent(), store=False
    )
    (item,) = decided(judged, materials.rubric, events_of(target))
    return student_html(item, materials, scale=scale, preview=False)


def _differs(item: Graded, attempts: Mapping[str, Attempt]) -> bool:
    attempt = attempts.get(item.submission.participant.id)
    stored = attempt.scorecard() if attempt is not None else None
    return attempt is not None and (stored is None or stored != item.judgement.scorecard)


def _refused(target: Path, waiting: Mapping[str, Sequence[OpenItem]]) -> WorkspaceError:
    some = [f"{who} ({len(items)})" for who, items in list(waiting.items())[:8]]
    rest = f" and {len(waiting) - len(some)} more" if len(waiting) > len(some) else ""
    return WorkspaceError(
        f"{len(waiting)} participants are not settled: {', '.join(some)}{rest}",
        where=str(target),
        todo=f"settle them with `grader review {target}`, or give out what there is, marked as not settled, with --provisional",
    )


def _contents(
    materials: Materials, batch: Batch, graded: Sequence[Graded], *, scale: str, jobs: int
) -> tuple[Gradebook, dict[str, str]]:
    """The whole gradebook, and by participant a hash of what it says to them.

    The class's figures on a page are left out of the hash: one resubmission would change everybody's page.
    """
    pages = student_pages(materials, graded, scale=scale, preview=False, jobs=jobs)
    own = student_pages(materials, graded, scale=scale, preview=False, jobs=jobs, with_class=False)
    book = gradebook_of(materials, batch, graded, pages, preview=False)
    return book, {row.participant_id: _content(row, own[row.participant_id]) for row in book.rows}


def _content(row: GradebookRow, page: bytes) -> str:
    grade = "" if row.grade is None else format_points(row.grade)
    own = [f"{who} {one.grade} {one.comment_html}" for who, one in sorted(row.own.items())]
    return sha256_of("\0".join([grade, row.comment_html, sha256_of(page), *own]).encode("utf-8", "replace"))


def _write(workspace: Workspace, done: Released, book: Gradebook, contents: Mapping[str, str], *, author: str) -> None:
    """The files for Moodle hold only what changed; gradebook.json holds everybody, and comes last: with it the release exists."""
    only = book.model_copy(update={"rows": tuple(row for row in book.rows if row.participant_id in set(done.changed))})
    columns = (workspace.run_info() or {}).get("columns")
    files = moodle_files(only, workspace.worksheet(), columns, note=_note(done), again=done.number > 1)
    if done.path.exists():  # left by a release that was killed before it existed
        shutil.rmtree(done.path)
    for name, data in files.items():
        workspace.write_bytes(f"releases/{done.number}/{name}", data)
    record = {
        "schema": SCHEMA,
        "number": done.number,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "author": author,
        "provisional": done.provisional,
        "rounding": ROUNDING,
        "changed": list(done.changed),
        "contents": dict(contents),
        "open": sorted(done.open),
    }
    workspace.write_json(f"releases/{done.number}/{RECORD}", record)
    keep_gradebook(workspace, done.number, book)
    _tell(workspace, record)
    RunLog(workspace.root / "run.log").write(f"release {done.number}: {len(done.changed)} participants")


def _note(done: Released) -> str:
    lines = [f"Release {done.number}: {len(done.changed)} participants"]
    lines[0] += f"; {done.unchanged} others are as they were given before." if done.unchanged else "."
    if done.provisional:
        lines.append(
            f"PROVISIONAL: {len(done.open)} of the class are not settled by a person; their grade is the middle of a range, "
            "and comment and page say so."
        )
    return "\n".join([*lines, f"Grades are rounded {ROUNDING}.", "", ""])


def _tell(workspace: Workspace, record: Mapping[str, Any]) -> None:
    """Into the ledger, once."""
    data = {name: record[name] for name in ("number", "provisional", "changed", "contents")}
    event = Event(author=str(record["author"]), kind="release", text=f"release {record['number']}", data=data)
    Ledger.of(workspace.root).append(event, once=f"release {record['number']}")


def _adopt(workspace: Workspace) -> None:
    """A release that was killed after it existed and before the ledger knew of it: somebody may have used it."""
    for record in _records(workspace):
        _tell(workspace, record)


def _records(workspace: Workspace) -> list[dict[str, Any]]:
    """release.json of every complete release, oldest first."""
    folder = workspace.root / "releases"
    complete = [path.parent for path in folder.glob(f"*/{FILE}") if path.parent.name.isdigit()]
    paths = sorted(complete, key=lambda path: int(path.name))
    return [json.loads((path / RECORD).read_text("utf-8")) for path in paths if (path / RECORD).is_file()]


def _newest(workspace: Workspace) -> dict[str, Any] | None:
    records = _records(workspace)
    return records[-1] if records else None


def _sent(before: Mapping[str, Any] | None, who: str) -> str | None:
    return before["contents"].get(who) if before else None
