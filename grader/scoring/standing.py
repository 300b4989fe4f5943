"""Events about one participant into what stands: after undoing, the newest of each kind counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grader.model.base import format_points
from grader.model.decision import Event, Held, Request, Standing
from grader.model.rubric import Rubric

CHANGED = "the answer has changed since it was decided"


def standing(
    events: Iterable[Event], *, rubric: Rubric, answers: Mapping[str, str], submission_sha256: str | None
) -> Standing:
    """What stands about one participant. `answers`: hash of the answer by criterion id, as handed in now."""
    own = list(events)
    gone = undone(own)
    live = [event for event in own if event.id not in gone]
    maxima = {item.id: item.max for section in rubric.sections for item in section.criteria}

    def held(event: Event) -> Held:
        same = event.submission_sha256 == (submission_sha256 or "")
        if not same and event.answer_sha256 != answers.get(event.criterion):
            return Held(event=event, fits=False, why=CHANGED)
        most = maxima.get(event.criterion)
        if event.kind == "decision" and most is not None and (event.points or 0) > most:
            given = format_points(event.points) if event.points is not None else "?"
            return Held(
                event=event, fits=False, why=f"{given} points were given; it is worth {format_points(most)} now"
            )
        return Held(event=event)

    return Standing(
        decisions={event.criterion: held(event) for event in live if event.kind == "decision"},
        verdicts={event.criterion: held(event) for event in live if event.kind == "verdict"},
        comments={name: event for name, event in _newest(live, "comment").items() if event.text.strip()},
        adjustments=tuple(event for event in live if event.kind == "adjustment" and event.points),
        flags=tuple(event for event in live if event.kind == "flag"),
        requests=_requests(live),
        assigned=assigned_to(live),
    )


def undone(events: Iterable[Event]) -> set[int]:
    """Ids of events that were taken back. An undo that was itself undone takes nothing back."""
    gone: set[int] = set()
    for event in sorted(events, key=lambda item: item.id, reverse=True):
        if event.kind == "undo" and event.id not in gone and event.refers is not None:
            gone.add(event.refers)
    return gone


def assigned_to(live: Iterable[Event]) -> str:
    """The TA who has the submission; the newest assignment counts."""
    given = [event for event in live if event.kind == "assignment"]
    return str(given[-1].data.get("to", "")) if given else ""


def _newest(live: Iterable[Event], kind: str) -> dict[str, Event]:
    return {event.criterion: event for event in live if event.kind == kind}


def _requests(live: list[Event]) -> tuple[Request, ...]:
    answers = {event.refers: event for event in live if event.kind == "answer"}
    return tuple(Request(asked=event, answer=answers.get(event.id)) for event in live if event.kind == "request")
