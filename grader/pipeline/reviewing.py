"""A graded class as people review it: stored artefacts by participant, and what people decided. Judges nothing anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import WorkspaceError
from grader.model.answers import Answers
from grader.model.decision import Event, EventKind, Outcome
from grader.model.finding import Findings
from grader.model.rubric import Rubric
from grader.model.scorecard import Scorecard
from grader.model.submission import Submission
from grader.pipeline.deciding import by_participant, events_of, outcome_of
from grader.pipeline.grading import stored_batch
from grader.scoring import unscored
from grader.workspace import Attempt, Workspace


@dataclass(frozen=True)
class Reviewed:
    """One participant as stored."""

    submission: Submission
    attempt: Attempt | None
    card: Scorecard
    findings: Findings
    answers: Answers
    earlier: tuple[Attempt, ...] = ()
    """Attempts before the one that counts, newest first."""

    @property
    def id(self) -> str:
        """Participant id."""
        return self.submission.participant.id

    def outcome(self, rubric: Rubric, events: list[Event]) -> Outcome:
        """What counts with these events about this participant."""
        return outcome_of(self.card, rubric, events, submission=self.submission, answers=self.answers)

    def event(self, kind: EventKind, author: str, criterion: str = "", **fields: Any) -> Event:
        """An event about this submission as it is now, with the hashes of what was judged."""
        about = {
            "participant": self.id,
            "criterion": criterion,
            "answer_sha256": self.answers.hashes.get(criterion, ""),
            "submission_sha256": self.submission.sha256 or "",
        }
        return Event.model_validate({"kind": kind, "author": author, **about, **fields})


@dataclass(frozen=True)
class ReviewClass:
    """Everybody, with the rubric that they were graded by."""

    root: Path
    title: str
    rubric: Rubric
    people: dict[str, Reviewed]
    stamp: tuple[int, ...]
    """Changes when the class is graded again."""


def load_class(root: Path) -> ReviewClass:
    """Read everything that a reviewer sees of everybody; raises WorkspaceError if nothing was graded here."""
    workspace, stamp = Workspace(root), class_stamp(root)
    info = workspace.run_info()
    if info is None or "rubric" not in info:
        raise WorkspaceError(
            "holds no graded batch", where=str(root), todo="name the --out folder of an earlier `grader grade`"
        )
    rubric = Rubric.model_validate(info["rubric"])
    batch = stored_batch(workspace)
    people = {item.participant.id: _reviewed(workspace, item, rubric) for item in batch.submissions}
    title = rubric.title or str(info.get("assignment", ""))
    return ReviewClass(root, title, rubric, people, stamp)


def class_outcomes(root: Path) -> dict[str, Outcome]:
    """What counts for everybody right now, by participant: decisions since the last grading included."""
    loaded, events = load_class(root), by_participant(events_of(root))
    return {who: person.outcome(loaded.rubric, events.get(who, [])) for who, person in loaded.people.items()}


def class_stamp(root: Path) -> tuple[int, ...]:
    """Of the last grading: both files are written anew by it, one after the other."""
    paths = (root / "results.json", root / "run.json")
    return tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in paths)


def _reviewed(workspace: Workspace, submission: Submission, rubric: Rubric) -> Reviewed:
    attempt = workspace.attempt_for(submission)[0] if submission.files else None
    earlier = [one for one in workspace.attempts(submission.participant.id) if attempt and one.number < attempt.number]
    card = attempt.scorecard() if attempt is not None else None
    return Reviewed(
        submission=submission,
        attempt=attempt,
        card=card or unscored(rubric, submission),
        findings=(attempt.findings() if attempt is not None else None) or Findings(),
        answers=(attempt.answers() if attempt is not None else None) or Answers(),
        earlier=tuple(reversed(earlier)),
    )
