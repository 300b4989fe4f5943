"""Grade again from stored evidence and show the difference before it takes effect. Executes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grader.errors import WorkspaceError
from grader.model.base import format_points
from grader.model.scorecard import Scorecard
from grader.pipeline.grading import judge_batch, stored_batch, write_run
from grader.pipeline.materials import Materials
from grader.pipeline.outputs import write_outputs
from grader.pipeline.progress import Progress, Silent
from grader.pipeline.results import Graded
from grader.workspace import Workspace


@dataclass(frozen=True)
class Change:
    """What a regrade does to one participant."""

    participant: str
    before: str
    after: str
    criteria: tuple[str, ...]
    """Criteria and checks whose answer changes."""

    def text(self) -> str:
        """One line for a terminal."""
        return f"{self.participant}: {self.before} -> {self.after}  {', '.join(self.criteria)}"

    def as_json(self) -> dict[str, object]:
        """For other programs."""
        return {
            "participant": self.participant,
            "before": self.before,
            "after": self.after,
            "changed": list(self.criteria),
        }


def regrade(  # noqa: PLR0913  (options of one command)
    target: Path,
    materials: Materials,
    *,
    because: str,
    apply: bool,
    scale: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[list[Change], list[Graded]]:
    """The changes, and everybody's new result; stored only with `apply`."""
    told = progress or Silent()
    if not target.is_dir():
        raise WorkspaceError(
            "there is no such folder", where=str(target), todo="name the --out folder of `grader grade`"
        )
    with Workspace(target) as workspace:
        info = workspace.run_info() or {}
        batch = stored_batch(workspace)
        attempts = {item.participant.id: workspace.attempt_for(item)[0] for item in batch.submissions if item.files}
        before = {key: attempt.scorecard() for key, attempt in attempts.items()}
        in_force = scale or str(info.get("scale") or materials.assignment.scale)
        graded = judge_batch(batch, attempts, materials, in_force, told, jobs=jobs, store=apply)
        changes = [
            change
            for item in graded
            if (change := _change(item, before.get(item.submission.participant.id))) is not None
        ]
        if apply:
            write_outputs(workspace, materials, batch, graded, scale=in_force, jobs=jobs)
            history = [
                *info.get("regrades", []),
                {"at": datetime.now(UTC).isoformat(timespec="seconds"), "because": because},
            ]
            times: dict[str, Any] = {
                name: info[name] for name in ("started", "finished", "export", "columns") if name in info
            }
            write_run(workspace, materials, str(info.get("mode", "dry-run")), in_force, {**times, "regrades": history})
        return changes, graded


def _change(item: Graded, card: Scorecard | None) -> Change | None:
    new = item.judgement.scorecard
    old_points, new_points = _points(card), _points(new)
    if (_total(card), old_points) == (_total(new), new_points):
        return None
    names = tuple(name for name in new_points | old_points if new_points.get(name) != old_points.get(name))
    return Change(item.submission.participant.id, _total(card), _total(new), names)


def _points(card: Scorecard | None) -> dict[str, object]:
    if card is None:
        return {}
    return {item.id: (item.points, item.low, item.high) for section in card.sections for item in section.criteria}


def _total(card: Scorecard | None) -> str:
    return "none" if card is None or card.total is None else format_points(card.total)
