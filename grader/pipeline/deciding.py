"""What people decided, applied to what was computed: events from the ledger, by participant, into outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from grader.ledger import Ledger, ledger_file
from grader.model.answers import Answers
from grader.model.decision import Event, Outcome
from grader.model.rubric import Rubric
from grader.model.scorecard import Scorecard
from grader.model.submission import Submission
from grader.pipeline.results import Graded
from grader.scoring import outcome, standing


def events_of(root: Path) -> list[Event]:
    """All events of a results folder; none where nobody has decided anything yet."""
    path = ledger_file(root)
    return Ledger(path).events() if path.is_file() else []


def by_participant(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Events by whom they are about."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.participant, []).append(event)
    return found


def outcome_of(
    card: Scorecard, rubric: Rubric, events: Sequence[Event], *, submission: Submission, answers: Answers | None
) -> Outcome:
    """One participant's outcome from their events."""
    hashes = answers.hashes if answers is not None else {}
    stands = standing(events, rubric=rubric, answers=hashes, submission_sha256=submission.sha256)
    return outcome(card, rubric, stands)


def decided(graded: Iterable[Graded], rubric: Rubric, events: Iterable[Event]) -> list[Graded]:
    """Everybody with what people decided about them."""
    found = by_participant(events)
    return [
        replace(
            item,
            outcome=outcome_of(
                item.judgement.scorecard,
                rubric,
                found.get(item.submission.participant.id, []),
                submission=item.submission,
                answers=item.judgement.answers,
            ),
        )
        for item in graded
    ]
