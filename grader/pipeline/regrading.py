"""Grade again from stored evidence and show the difference before it takes effect. Executes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grader.errors import WorkspaceError
from grader.ledger import Ledger
from grader.model.base import format_points
from grader.model.decision import Event, Outcome
from grader.model.rubric import Rubric
from grader.model.scorecard import Scorecard
from grader.model.submission import Batch
from grader.pipeline.deciding import by_participant, decided, events_of, outcome_of
from grader.pipeline.grading import judge_batch, stored_batch, write_run
from grader.pipeline.materials import Materials
from grader.pipeline.outputs import write_outputs
from grader.pipeline.progress import Progress, Silent
from grader.pipeline.results import Graded
from grader.workspace import Attempt, Workspace


@dataclass(frozen=True)
class Change:
    """What a regrade does to one participant."""

    participant: str
    before: str
    after: str
    criteria: tuple[str, ...]
    """Criteria whose points change, decisions of people included: what they decided stays."""
    again: tuple[str, ...] = ()
    """Criteria that were decided and ask again."""

    def text(self) -> str:
        """One line for a terminal."""
        again = f"; decided before, asks again: {', '.join(self.again)}" if self.again else ""
        return f"{self.participant}: {self.before} -> {self.after}  {', '.join(self.criteria)}{again}"

    def as_json(self) -> dict[str, object]:
        """For other programs."""
        return {
            "participant": self.participant,
            "before": self.before,
            "after": self.after,
            "changed": list(self.criteria),
            "asks_again": list(self.again),
        }


def regrade(  # noqa: PLR0913  (options of one command)
    target: Path,
    materials: Materials,
    *,
    because: str,
    apply: bool,
    scale: str | None = None,
    jobs: int = 1,
    author: str = "instructor",
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
        events = events_of(target)
        before = _outcomes(batch, attempts, _rubric_of(info, materials), events)
        in_force = scale or str(info.get("scale") or materials.assignment.scale)
        judged = judge_batch(batch, attempts, materials, in_force, told, jobs=jobs, store=apply)
        graded = decided(judged, materials.rubric, events)
        changes = [
            change
            for item in graded
            if (change := _change(item, before.get(item.submission.participant.id))) is not None
        ]
        if apply:
            graded = write_outputs(workspace, materials, batch, graded, scale=in_force, jobs=jobs)
            history = [
                *info.get("regrades", []),
                {"at": datetime.now(UTC).isoformat(timespec="seconds"), "because": because},
            ]
            times: dict[str, Any] = {
                name: info[name] for name in ("started", "finished", "export", "columns") if name in info
            }
            rows = [change.as_json() for change in changes]
            Ledger.of(target).append(Event(author=author, kind="regrade", text=because, data={"changes": rows}))
            write_run(workspace, materials, str(info.get("mode", "dry-run")), in_force, {**times, "regrades": history})
        return changes, graded


def _rubric_of(info: dict[str, Any], materials: Materials) -> Rubric:
    """The rubric that the folder was graded with, as copied into run.json."""
    return Rubric.model_validate(info["rubric"]) if "rubric" in info else materials.rubric


def _outcomes(batch: Batch, attempts: Mapping[str, Attempt], rubric: Rubric, events: list[Event]) -> dict[str, Outcome]:
    """What counted until now, by participant."""
    found, about = {}, by_participant(events)
    for item in batch.submissions:
        who = item.participant.id
        attempt = attempts.get(who)
        card = attempt.scorecard() if attempt is not None else None
        if attempt is not None and card is not None:
            found[who] = outcome_of(card, rubric, about.get(who, []), submission=item, answers=attempt.answers())
    return found


def _change(item: Graded, before: Outcome | None) -> Change | None:
    card = before.card if before is not None else None
    new = item.card
    old_points, new_points = _points(card), _points(new)
    again = tuple(sorted(_asking(item.outcome) - _asking(before)))
    if (_total(card), old_points) == (_total(new), new_points) and not again:
        return None
    names = tuple(name for name in new_points | old_points if new_points.get(name) != old_points.get(name))
    return Change(item.submission.participant.id, _total(card), _total(new), names, again)


def _asking(known: Outcome | None) -> set[str]:
    """Criteria and checks that a person decided and that ask again."""
    if known is None:
        return set()
    held = {**known.standing.decisions, **known.standing.verdicts}
    return {name for name, one in held.items() if not one.fits}


def _points(card: Scorecard | None) -> dict[str, object]:
    if card is None:
        return {}
    return {item.id: (item.points, item.low, item.high) for section in card.sections for item in section.criteria}


def _total(card: Scorecard | None) -> str:
    return "none" if card is None or card.total is None else format_points(card.total)
