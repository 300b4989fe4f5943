"""Which of several attempts counts, by the assignment's policy, and what changed since the one before. Executes nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from grader.feedback import words
from grader.model.attempts import AttemptChange, CellChange, PointsChange, VerdictChange
from grader.model.evidence import Evidence
from grader.model.scorecard import Scorecard
from grader.model.submission import Batch, Submission
from grader.pipeline.judging import judge
from grader.pipeline.materials import Materials
from grader.pipeline.reading import kept_or_read
from grader.pipeline.results import Graded
from grader.workspace import Attempt, Workspace

SHOWN = 120
"""Characters of a cell that are shown."""
Chosen = dict[str, Attempt]


def counting(
    workspace: Workspace, batch: Batch, attempts: Mapping[str, Attempt], materials: Materials, scale: str
) -> tuple[Batch, Chosen]:
    """The batch with everybody's counting attempt in place of the newest, and where those lie."""
    policy = materials.assignment.attempts
    if policy == "last":
        return batch, dict(attempts)
    chosen: Chosen = {}
    submissions = []
    for submission in batch.submissions:
        who = submission.participant.id
        if who not in attempts:
            submissions.append(submission)
            continue
        known = workspace.attempts(who)
        attempt = known[0] if policy == "first" else _best(known, submission, materials, scale)
        chosen[who] = attempt
        submissions.append(_as_of(attempt, submission))
    return batch.model_copy(update={"submissions": tuple(submissions)}), chosen


def _as_of(attempt: Attempt, now: Submission) -> Submission:
    """An earlier hand-in with today's word on who it is and how much time they had."""
    then = attempt.submission()
    if then is None or then.sha256 == now.sha256:
        return now
    update: dict[str, Any] = {
        name: getattr(now, name)
        for name in ("participant", "extension", "due_text", "cutoff_text", "grade_locked", "maximum_grade")
    }
    if then.submitted_text is not None and (then.extension, then.due_text) != (now.extension, now.due_text):
        update["late_seconds"] = None  # Moodle's words were about the date of then
    return then.model_copy(update=update)


def _best(known: Sequence[Attempt], now: Submission, materials: Materials, scale: str) -> Attempt:
    """The highest total among those handed in before the cut-off, the earlier of equals; all, if none was in time."""
    cards = [(attempt, _card(attempt, _as_of(attempt, now), materials, scale)) for attempt in known]
    in_time = [pair for pair in cards if not any(flag.kind == "after_cutoff" for flag in pair[1].lateness.flags)]
    ranked = in_time or cards
    return max(ranked, key=lambda pair: (Decimal(-1) if pair[1].total is None else pair[1].total, -pair[0].number))[0]


def _card(attempt: Attempt, submission: Submission, materials: Materials, scale: str) -> Scorecard:
    evidence, digest = attempt.evidence_with_digest() or (Evidence(), "")
    reading = kept_or_read(attempt, evidence, digest, materials, keep=True) if digest else None
    return judge(submission, evidence, materials, scale=scale, reading=reading).scorecard


def with_attempts(workspace: Workspace, item: Graded) -> Graded:
    """Together with how often something was handed in, and what changed since the time before."""
    if item.attempt is None:
        return item
    who = item.submission.participant.id
    handed_in = len(workspace.attempts(who))
    return replace(item, handed_in=handed_in, change=change_since(workspace, who, item.attempt))


def change_since(workspace: Workspace, participant: str, number: int) -> AttemptChange | None:
    """What changed since the attempt before, from what is stored; null for a first attempt."""
    known = {attempt.number: attempt for attempt in workspace.attempts(participant)}
    earlier = [each for each in known if each < number]
    if number not in known or not earlier:
        return None
    now, then = known[number], known[max(earlier)]
    cards = (then.scorecard(), now.scorecard())
    return AttemptChange(
        attempt=number,
        before=then.number,
        cells=tuple(_cells(_notebook(then), _notebook(now))),
        sections=tuple(_sections(then, now)),
        verdicts=tuple(_verdicts(then, now)),
        points=tuple(_points(*cards)),
        other_rubric=all(cards) and len({card.rubric_sha256 for card in cards if card}) > 1,
    )


def _notebook(attempt: Attempt) -> list[tuple[str, str]]:
    evidence = attempt.evidence()
    cells = (evidence.notebook or {}).get("cells") if evidence else None
    found = [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    return [(str(cell.get("cell_type")), str(cell.get("source", ""))) for cell in found]


def _cells(then: list[tuple[str, str]], now: list[tuple[str, str]]) -> Iterator[CellChange]:
    matcher = difflib.SequenceMatcher(None, then, now, autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind == "equal":
            continue
        both = min(i2 - i1, j2 - j1)
        for place in range(j1, j2):
            yield _cell("changed" if place - j1 < both else "added", place, now[place])
        for place in range(i1 + both, i2):
            yield _cell("removed", place, then[place])


def _cell(kind: str, place: int, cell: tuple[str, str]) -> CellChange:
    text = " ".join(cell[1].split())[:SHOWN]
    return CellChange.model_validate({"kind": kind, "cell": place, "cell_type": cell[0], "text": text})


def _sections(then: Attempt, now: Attempt) -> Iterator[str]:
    before, after = then.answers(), now.answers()
    if before is None or after is None:
        return
    for name, text in after.texts.items():
        if before.texts.get(name, "") != text:
            yield name


def _verdicts(then: Attempt, now: Attempt) -> Iterator[VerdictChange]:
    before, after = then.findings(), now.findings()
    old = {name: found.verdict for name, found in before.findings.items()} if before else {}
    new = {name: found.verdict for name, found in after.findings.items()} if after else {}
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield VerdictChange(check=name, before=old.get(name, "none"), after=new.get(name, "none"))


def _points(then: Scorecard | None, now: Scorecard | None) -> Iterator[PointsChange]:
    old, new = _by_criterion(then), _by_criterion(now)
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield PointsChange(criterion=name, before=old.get(name, "none"), after=new.get(name, "none"))


def _by_criterion(card: Scorecard | None) -> dict[str, str]:
    items = [item for section in card.sections for item in section.criteria] if card else []
    return {item.id: words.span(item.low, item.high) for item in items}
