"""What a reviewer settles, one item at a time, as plain values: a criterion, a check in doubt, the submission as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from secrets import token_urlsafe
from typing import Any

from markupsafe import Markup

from grader.feedback import words
from grader.feedback.text import clip, inline
from grader.ledger import Visitor
from grader.model.base import format_points
from grader.model.decision import Event, Held, OpenItem, Outcome, Request
from grader.model.finding import Citation
from grader.model.rubric import CheckLine, Criterion
from grader.model.scorecard import CriterionScore, Suggestion
from grader.pipeline.reviewing import Reviewed
from grader.review.desk import Desk
from grader.review.differences import changed_words
from grader.scoring import by_hand_card, undone

WHOLE = "-"
"""The submission as a whole, in addresses and element ids."""
BANKED = 9
LEAVE = "not_assessed"


@dataclass(frozen=True)
class Quote:
    """Student content, with the place in the notebook where it stands."""

    place: str
    text: str
    cell: int | None
    executed: bool


@dataclass(frozen=True)
class Line:
    """One event of an item's history."""

    id: int
    at: str
    author: str
    what: str
    text: str
    gone: bool
    may_undo: bool


@dataclass(frozen=True)
class Banked:
    """A comment that was given before, and to how many."""

    text: str
    count: int


@dataclass(frozen=True)
class Item:
    """Everything about one item."""

    kind: str
    """`criterion`, `check` or `submission`."""
    target: str
    key: str
    """For element ids and addresses."""
    title: str
    state: str
    """`settled`, `open`, `again`."""
    standing: str
    points: str
    max: str
    step: str
    low: str
    """Where counting up from starts while nothing is offered."""
    offer: str
    """Points that confirming gives; empty where only a range can be said, or nothing."""
    half: str
    asked: Markup
    staff: Markup
    seen: tuple[Markup, ...]
    missing: tuple[Markup, ...]
    unread: tuple[Markup, ...]
    caps: tuple[str, ...]
    reasons: tuple[str, ...]
    quotes: tuple[Quote, ...]
    again: str
    given: str
    """Points that were decided before it asked again."""
    difference: Markup
    """What the answer says now and did not say then."""
    verdict: str
    comment: str
    comment_seen: int
    seen_event: int
    flags: tuple[tuple[int, str, str, bool], ...]
    """(event, author, text, may be lowered by the visitor)."""
    requests: tuple[Request, ...]
    history: tuple[Line, ...]
    bank: tuple[Banked, ...]
    once: str


def items_of(desk: Desk, person: Reviewed, visitor: Visitor, only: str = "") -> list[Item]:
    """Everything to settle about one submission, questions first; `only`: one criterion."""
    outcome = desk.outcome(person.id)
    if only:
        found = make_item(desk, person, visitor, only)
        return [found] if found else []
    asked = dict.fromkeys(item.criterion for item in person.card.review if item.criterion)
    names = [*([WHOLE] if _whole_asked(person, outcome) else []), *asked]
    names += [item.id for section in desk.rubric.sections for item in section.criteria]
    made = (make_item(desk, person, visitor, name) for name in names)
    return [item for item in made if item is not None]


def _whole_asked(person: Reviewed, outcome: Outcome) -> bool:
    questions = any(not item.criterion for item in person.card.review) or person.card.status == "unreadable"
    whole = (*outcome.standing.flags, *(one.asked for one in outcome.standing.requests))
    return questions or any(not event.criterion for event in whole)


def make_item(desk: Desk, person: Reviewed, visitor: Visitor, name: str) -> Item | None:
    """One item by criterion or check id, or `-`; null if there is no such thing here."""
    found = desk.criterion(name)
    if found is not None:
        return _criterion(desk, person, visitor, found[1])
    line = next((one for one in desk.rubric.checks if one.id == name), None)
    return _question(desk, person, visitor, "" if name == WHOLE else name, line) if line or name == WHOLE else None


def score_of(desk: Desk, person: Reviewed, name: str) -> CriterionScore | None:
    """Points of a criterion as they count; of an unreadable submission as they would by hand."""
    card = desk.outcome(person.id).card
    if not card.sections and card.status == "unreadable":
        card = by_hand_card(card, desk.rubric)
    return next((item for section in card.sections for item in section.criteria if item.id == name), None)


def _criterion(desk: Desk, person: Reviewed, visitor: Visitor, item: Criterion) -> Item | None:
    score = score_of(desk, person, item.id)
    if score is None:
        return None
    outcome = desk.outcome(person.id)
    held = outcome.standing.decisions.get(item.id)
    hint = score.suggestion or Suggestion(low=score.low, high=score.high, state="needs_reading", confidence="open")
    titles = {line.id: line.title or words.humanised(line.id) for line in desk.rubric.checks}
    offer = score.points if score.points is not None or held is None else held.event.points
    return Item(
        **_common(desk, person, visitor, item.id),
        kind="criterion",
        title=item.title,
        state="settled" if score.settled else "again" if held is not None else "open",
        standing=_standing(score, held),
        points=words.span(score.low, score.high),
        max=words.points(item.max),
        step=format_points(desk.rubric.step),
        low=format_points(score.low),
        offer="" if offer is None else format_points(offer),
        half=format_points(item.max / 2),
        asked=inline(clip(item.texts.asked, 1200)),
        staff=inline(clip(item.texts.staff, 1200)),
        seen=_texts(hint.seen),
        missing=_texts(hint.missing),
        unread=_texts((*hint.not_judged, *hint.opinions)),
        caps=tuple(titles.get(name, name) for name in score.capped_by),
        reasons=(),
        quotes=_quotes(hint.citations),
        again=held.why if held is not None and not held.fits else "",
        given=words.points(held.event.points) if held and not held.fits and held.event.points is not None else "",
        difference=_difference(desk, person, item.id, held),
        verdict="",
    )


def _difference(desk: Desk, person: Reviewed, criterion: str, held: Held | None) -> Markup:
    found = desk.criterion(criterion)
    if held is None or held.fits or found is None:
        return Markup()
    section = found[0].id
    old = desk.earlier_answer(person.id, section, held.event.submission_sha256)
    return Markup() if old is None else changed_words(old, person.answers.texts.get(section, ""))


def _question(desk: Desk, person: Reviewed, visitor: Visitor, target: str, line: CheckLine | None) -> Item:
    outcome = desk.outcome(person.id)
    held = outcome.standing.verdicts.get(target)
    finding = person.findings.findings.get(target)
    asked = dict.fromkeys(item.why for item in person.card.review if item.criterion == target)
    waiting = _waits(outcome.open, target)
    verdict = held.event.verdict or LEAVE if held is not None and held.fits else ""
    state = "open" if waiting and held is None else "again" if waiting else "settled"
    return Item(
        **_common(desk, person, visitor, target),
        kind="check" if line else "submission",
        title=(line.title or words.humanised(line.id)) if line else "The submission as a whole",
        state=state,
        standing=f"decided by {held.event.author}" if held is not None and held.fits else "a person must look",
        points="",
        max="",
        step="",
        low="",
        offer="",
        half="",
        asked=Markup(),
        staff=inline(clip(finding.staff_text, 1200)) if finding and finding.staff_text not in asked else Markup(),
        seen=(),
        missing=(),
        unread=(),
        caps=tuple(item.id for s in desk.rubric.sections for item in s.criteria if _caps(item, target)),
        reasons=tuple(clip(why, 400) for why in asked),
        quotes=_quotes(finding.citations) if finding else (),
        again=held.why if held is not None and not held.fits else "",
        given="",
        difference=Markup(),
        verdict=verdict,
    )


def _waits(items: Iterable[OpenItem], target: str) -> bool:
    return any(item.kind in ("check", "submission") and item.target == target for item in items)


def _caps(item: Criterion, check: str) -> bool:
    return bool(check) and any(cap.check == check for cap in item.requires)


def _common(desk: Desk, person: Reviewed, visitor: Visitor, target: str) -> dict[str, Any]:
    """Fields that all kinds of items share."""
    outcome, events = desk.outcome(person.id), [e for e in desk.events(person.id) if e.criterion == target]
    comment = outcome.standing.comments.get(target)
    lead = visitor.role == "lead"
    return {
        "target": target,
        "key": target or WHOLE,
        "comment": comment.text if comment else "",
        "comment_seen": max((event.id for event in events if event.kind in ("comment", "undo")), default=0),
        "seen_event": max((e.id for e in events if e.kind in ("decision", "verdict", "undo")), default=0),
        "flags": tuple(
            (flag.id, flag.author, flag.text, lead or flag.author == visitor.name)
            for flag in outcome.standing.flags
            if flag.criterion == target
        ),
        "requests": tuple(one for one in outcome.standing.requests if one.asked.criterion == target),
        "history": tuple(history(events, desk.events(person.id), visitor)),
        "bank": bank(desk, target),
        "once": token_urlsafe(12),
    }


def history(events: list[Event], everything: list[Event], visitor: Visitor) -> Iterator[Line]:
    """Newest first; what was taken back stays, and says so."""
    gone, known = undone(everything), {event.id: event for event in everything}
    for event in reversed(events):
        target = known.get(event.refers or 0) if event.kind == "undo" else None
        mine = event.author == visitor.name or visitor.role == "lead"
        may_undo = mine and event.id not in gone and event.kind in ("decision", "verdict", "comment", "flag", "answer")
        yield Line(
            id=event.id,
            at=when(event),
            author=event.author,
            what=what(event) if target is None else f"took back what {target.author} did ({what(target)})",
            text=clip(event.text, 400),
            gone=event.id in gone,
            may_undo=may_undo,
        )


def when(event: Event) -> str:
    """In the time of the machine that serves."""
    return f"{event.at.astimezone():%Y-%m-%d %H:%M}" if event.at else ""


def what(event: Event) -> str:
    """An event in a few words."""
    if event.kind == "decision":
        given = words.points(event.points) if event.points is not None else "?"
        offered = event.data.get("suggested")
        return f"gave {given}" + (
            f" (suggested {offered})" if offered not in (None, "", format_points(event.points or Decimal(0))) else ""
        )
    if event.kind == "adjustment" and event.points is not None:
        return f"gave {words.signed(event.points)} beside the rubric"
    if event.kind == "verdict":
        return {"passed": "found it in order", "failed": "found it wrong", None: "looked; left it"}.get(
            event.verdict, "looked"
        )
    if event.kind == "assignment":
        return f"gave it to {event.data.get('to') or 'nobody'}"
    if event.kind == "undo":
        return f"took event {event.refers} back"
    return {"comment": "wrote", "flag": "flagged", "request": "entered a request", "answer": "answered"}.get(
        event.kind, event.kind
    )


def bank(desk: Desk, target: str) -> tuple[Banked, ...]:
    """Comments that stand anywhere on this item, most used first."""
    found: Counter[str] = Counter()
    for name in desk.people:
        comment = desk.outcome(name).standing.comments.get(target)
        if comment is not None:
            found[comment.text.strip()] += 1
    return tuple(Banked(text, count) for text, count in found.most_common(BANKED))


def _standing(score: CriterionScore, held: Held | None) -> str:
    if held is not None and held.fits:
        return f"decided by {held.event.author}"
    return words.standing(score)


def _texts(texts: tuple[str, ...]) -> tuple[Markup, ...]:
    return tuple(inline(clip(text, 600)) for text in texts[:8])


def _quotes(citations: Iterable[Citation]) -> tuple[Quote, ...]:
    """Each once."""
    made: dict[Quote, None] = {}
    for one in citations:
        made[Quote(words.place(one), clip(one.quote, 300), one.cell, one.where == "executed")] = None
    return tuple(made)[:8]


def cited_cells(desk: Desk, person: Reviewed) -> dict[int, tuple[str, ...]]:
    """By cell: which criteria and checks point at it."""
    found: dict[int, dict[str, None]] = {}
    for section in person.card.sections:
        for item in section.criteria:
            for one in item.suggestion.citations if item.suggestion else ():
                if one.cell is not None:
                    found.setdefault(one.cell, {})[item.id] = None
    titles = {line.id: line.title or words.humanised(line.id) for line in desk.rubric.checks}
    for name, finding in person.findings.findings.items():
        for one in finding.citations:
            if one.cell is not None:
                found.setdefault(one.cell, {})[titles.get(name, name)] = None
    return {cell: tuple(names) for cell, names in found.items()}
