"""What a reviewer does with one submission: each an event. Saved when the answer comes, sent twice stored once."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Flask, abort, redirect, render_template, request, url_for

from grader.feedback.words import points as said
from grader.ledger import ConflictError
from grader.model.base import format_points
from grader.model.decision import Event
from grader.pipeline.reviewing import Reviewed
from grader.review.common import context, desk, person_or_404, reviewed_head
from grader.review.items import LEAVE, WHOLE, Item, items_of, make_item, score_of, what
from grader.review.queue import Filter
from grader.review.security import visitor

LONGEST = 6_000
VERDICTS = {"passed": "passed", "failed": "failed", LEAVE: None}


def routes(app: Flask) -> None:
    """Add them."""
    for name, view in {
        "decide": decide, "verdict": judge, "comment": comment, "flag": flag, "undo": undo, "ask": ask, "answer": answer,
    }.items():  # fmt: skip
        app.add_url_rule(f"/s/<who>/i/<key>/{name}", name, view, methods=["POST"])
    app.add_url_rule("/s/<who>/confirm", "confirm_rest", confirm_rest, methods=["POST"])


def decide(who: str, key: str) -> Any:
    """Points of a criterion."""
    person = person_or_404(who)
    found, score = desk().criterion(key), score_of(desk(), person, key)
    if found is None or score is None:
        abort(404, "There is no such criterion here.")
    given = _points(request.form.get("points", ""), found[1].max, desk().rubric.step)
    base = next((c for section in person.card.sections for c in section.criteria if c.id == key), score)
    offered = {
        "max": format_points(found[1].max),
        "suggested": "" if base.points is None or base.suggestion is None else format_points(base.points),
        "low": format_points(base.low),
        "high": format_points(base.high),
    }
    text = request.form.get("reason", "").strip()[:LONGEST]
    return _save(person, key, person.event("decision", visitor().name, key, points=given, text=text, data=offered))


def judge(who: str, key: str) -> Any:
    """What a person says of a check in doubt, or of the submission as a whole."""
    person, target = person_or_404(who), "" if key == WHOLE else key
    word = request.form.get("verdict", "")
    if word not in VERDICTS or (not target and word == LEAVE):
        abort(400, "This is no verdict.")
    asked = [item.why for item in person.card.review if item.criterion == target]
    event = person.event("verdict", visitor().name, target, verdict=VERDICTS[word], data={"asked": asked})
    return _save(person, key, event)


def comment(who: str, key: str) -> Any:
    """Words to the student; saved while they are written."""
    person, target = person_or_404(who), "" if key == WHOLE else key
    text = request.form.get("text", "").replace("\r\n", "\n").strip()[:LONGEST]
    item = _item(person, key)
    if text == item.comment.strip():
        return render_template("_saved.html", who=who, item=item, theirs=None)
    try:
        desk().append(person.event("comment", visitor().name, target, text=text), seen=_number("seen"))
    except ConflictError as conflict:
        desk().refresh()
        return render_template("_saved.html", who=who, item=_item(person, key), theirs=conflict.theirs)
    return render_template("_saved.html", who=who, item=_item(person, key), theirs=None)


def flag(who: str, key: str) -> Any:
    """Keeps the submission from being released until somebody lowers it."""
    person, target = person_or_404(who), "" if key == WHOLE else key
    text = request.form.get("text", "").strip()[:LONGEST]
    return _save(person, key, person.event("flag", visitor().name, target, text=text))


def undo(who: str, key: str) -> Any:
    """Takes an event back: one's own, or as a lead anybody's."""
    person, number = person_or_404(who), _number("event")
    known = {event.id: event for event in desk().live(who)}
    event = known.get(number)
    if event is None or event.kind not in ("decision", "verdict", "comment", "flag", "answer"):
        abort(400, "There is nothing to take back.")
    if event.author != visitor().name and visitor().role != "lead":
        abort(403, "Only its author or a lead may take this back.")
    return _save(person, key, person.event("undo", visitor().name, event.criterion, refers=number))


def ask(who: str, key: str) -> Any:
    """A student's request for a regrade, entered by staff."""
    key = request.form.get("about", key)
    person, target = person_or_404(who), "" if key == WHOLE else _item(person_or_404(who), key).target
    text = request.form.get("text", "").strip()[:LONGEST]
    if not text:
        abort(400, "A request needs the student's words.")
    return _save(person, key, person.event("request", visitor().name, target, text=text))


def answer(who: str, key: str) -> Any:
    """The answer to a request; it stands on the student's page after the next release."""
    person, number = person_or_404(who), _number("refers")
    known = {event.id: event for event in desk().live(who) if event.kind == "request"}
    text = request.form.get("text", "").strip()[:LONGEST]
    if number not in known or not text:
        abort(400, "An answer needs words, and a request that it answers.")
    target = known[number].criterion
    return _save(person, key, person.event("answer", visitor().name, target, text=text, refers=number))


def confirm_rest(who: str) -> Any:
    """All suggestions that are still open, as they stand; what has no suggestion stays open."""
    person = person_or_404(who)
    made = []
    for item in items_of(desk(), person, visitor()):
        if item.kind == "criterion" and item.state == "open" and item.offer:
            data = {"max": item.max, "suggested": item.offer, "together": True}
            made.append(person.event("decision", visitor().name, item.target, points=item.offer, data=data))
    desk().append_all(made, once=request.form.get("once") or None)
    return redirect(_back(who), 303)


def _save(person: Reviewed, key: str, event: Event) -> Any:
    """Store it and show the item as it is then; where somebody was faster, show theirs first."""
    once = request.form.get("once") or None
    seen = _number("seen") if event.kind in ("decision", "verdict") else None
    try:
        desk().append(event, once=once, seen=seen)
    except ConflictError as conflict:
        desk().refresh()
        return _answer(person, key, theirs=conflict.theirs, mine=event), 409
    return _answer(person, key)


def _answer(person: Reviewed, key: str, *, theirs: Event | None = None, mine: Event | None = None) -> Any:
    item = _item(person, key)
    values = {**reviewed_head(person), "item": item, "theirs": theirs, "mine": mine, "what": what, "said": said}
    if request.headers.get("HX-Request"):
        return render_template("_changed.html", **context(Filter.of(request.args)), **values)
    if theirs is not None:
        return render_template("conflict.html", **context(Filter.of(request.args)), **values)
    return redirect(_back(person.id) + f"#i-{key}", 303)


def _back(who: str) -> str:
    return url_for("submission", who=who) + ("?" + request.query_string.decode() if request.query_string else "")


def _item(person: Reviewed, key: str) -> Item:
    item = make_item(desk(), person, visitor(), key)
    if item is None:
        abort(404, "There is no such item here.")
    return item


def _number(name: str) -> int:
    value = request.form.get(name, "0")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else 0


def _points(text: str, most: Decimal, step: Decimal) -> str:
    """Between nothing and the maximum, in steps of the rubric."""
    try:
        value = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        abort(400, "These are no points.")
    if not value.is_finite() or not 0 <= value <= most or value % step:
        abort(400, f"Points go from 0 to {format_points(most)} in steps of {format_points(step)}.")
    return format_points(value)
