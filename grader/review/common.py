"""What several routes share: the desk of the running application, people by id, and the head of a submission."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app

from grader.feedback.plots import meter
from grader.feedback.words import lateness, points, span
from grader.pipeline.reviewing import Reviewed
from grader.review.desk import Desk
from grader.review.queue import Filter


def desk() -> Desk:
    """The class that the running application is about."""
    found = current_app.extensions["desk"]
    assert isinstance(found, Desk)
    return found


def person_or_404(who: str) -> Reviewed:
    """Somebody of this class."""
    found = desk().people.get(who)
    if found is None:
        abort(404, "There is no such participant in this class.")
    return found


def context(wanted: Filter) -> dict[str, Any]:
    """What every page's frame shows."""
    return {"wanted": wanted, "rubric": desk().rubric}


def reviewed_head(person: Reviewed) -> dict[str, Any]:
    """Name, state and total of a submission."""
    outcome, who = desk().outcome(person.id), person.submission.participant
    card = outcome.card
    scores = [item for section in card.sections for item in section.criteria]
    known = card.total is not None and card.low is not None and card.high is not None
    return {
        "who": who.id,
        "name": who.name or who.group or who.id,
        "group": who.group or "",
        "status": card.status,
        "draft": person.submission.draft,
        "late": lateness(person.submission.late_seconds) if person.submission.late_seconds else "",
        "total": span(card.low, card.high) if known and card.low is not None and card.high is not None else "",
        "top": points(card.max),
        "bar": meter(card.low, card.high, card.max)
        if known and card.low is not None and card.high is not None
        else None,
        "open": outcome.open,
        "settled_count": sum(item.settled for item in scores),
        "criteria_count": len(scores),
        "adjustments": card.adjustments,
        "assigned": outcome.standing.assigned,
        "attempt": person.attempt.number if person.attempt else 0,
    }
