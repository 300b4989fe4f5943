"""Pages about the class as a whole: requests, agreement, people and their links, release, the audit."""

from __future__ import annotations

from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from flask import Flask, Response, abort, make_response, redirect, render_template, request, url_for

from grader.errors import InputError
from grader.feedback.words import span
from grader.model.decision import Event, Outcome
from grader.pipeline.released import FILE
from grader.review.common import context, desk, person_or_404
from grader.review.items import when
from grader.review.queue import Filter, natural
from grader.review.security import cookie_name, lead_only, visitor
from grader.review.tables import audit_csv, audit_json, read_requests
from grader.scoring.agreement import agreement

LARGEST_CSV = 1_000_000


def routes(app: Flask) -> None:
    """Add them."""
    for path, name, view in (
        ("/requests", "requests", show_requests),
        ("/agreement", "agreement", show_agreement),
        ("/people", "people", show_people),
        ("/release", "release", show_release),
        ("/audit.csv", "audit_csv", audit_as_csv),
        ("/audit.json", "audit_json", audit_as_json),
    ):
        app.add_url_rule(path, name, view)
    for path, name, view in (
        ("/requests/import", "import_requests", import_requests),
        ("/people/grant", "grant", grant),
        ("/people/revoke", "revoke", revoke),
        ("/assign", "assign", assign),
        ("/assign/evenly", "assign_evenly", assign_evenly),
        ("/leave", "leave", leave),
    ):
        app.add_url_rule(path, name, view, methods=["POST"])


def show_requests() -> str:
    """Requests for a regrade: those that wait first."""
    found = []
    for who in sorted(desk().people, key=natural):
        person = desk().people[who].submission.participant
        for one in desk().outcome(who).standing.requests:
            found.append({"who": who, "name": person.name or who, "asked": one.asked, "answer": one.answer})
    found.sort(key=lambda one: one["answer"] is not None)
    return render_template("requests.html", **context(Filter()), found=found, once=token_urlsafe(12), trouble=[])


@lead_only
def import_requests() -> Any:
    """A CSV of requests; all rows or none."""
    sent = request.files.get("file")
    data = sent.read(LARGEST_CSV + 1) if sent is not None else b""
    if len(data) > LARGEST_CSV:
        abort(413, "This file is too large.")
    rows, trouble = read_requests(data, desk().people, desk().rubric)
    if trouble:
        text = render_template("requests.html", **context(Filter()), found=[], once=token_urlsafe(12), trouble=trouble)
        return text, 400
    waiting = {
        (who, one.asked.criterion, one.asked.text)
        for who in desk().people
        for one in desk().outcome(who).standing.requests
    }
    events = [
        desk().people[row.who].event("request", visitor().name, row.criterion, text=row.text)
        for row in rows
        if (row.who, row.criterion, row.text) not in waiting
    ]
    desk().append_all(events, once=request.form.get("once") or None)
    return redirect(url_for("requests"), 303)


def show_agreement() -> str:
    """How often people confirm what is suggested, by criterion and by TA."""
    return render_template("agreement.html", **context(Filter()), table=agreement(desk().live(), desk().rubric))


@lead_only
def show_people() -> str:
    """Who has a link, and who has what."""
    return _people()


def _people(link: str = "", name: str = "") -> str:
    counts: dict[str, list[int]] = {}
    for who in desk().people:
        outcome = desk().outcome(who)
        if outcome.card.status != "no_submission":
            count = counts.setdefault(outcome.standing.assigned, [0, 0])
            count[0] += 1
            count[1] += outcome.settled
    tas = [person.name for person in desk().access.people() if person.state == "open"]
    return render_template(
        "people.html", **context(Filter()), people=desk().access.people(), counts=counts, tas=tas, link=link, named=name,
        once=token_urlsafe(12),
    )  # fmt: skip


@lead_only
def grant() -> Any:
    """A new personal link; shown this once."""
    name, role = request.form.get("name", "").strip(), request.form.get("role", "ta")
    if role not in ("ta", "lead"):
        abort(400, "There is no such role.")
    try:
        secret = desk().access.grant(name, "lead" if role == "lead" else "ta", by=visitor().name)
    except InputError as error:
        abort(400, error.what)
    return _people(link=url_for("enter", _external=True) + f"#{secret}", name=name)


@lead_only
def revoke() -> Any:
    """Ends somebody's link and sessions at once."""
    desk().access.revoke(request.form.get("name", ""), by=visitor().name)
    return redirect(url_for("people"), 303)


@lead_only
def assign() -> Any:
    """Gives one submission to a TA, or to nobody."""
    person, to = person_or_404(request.form.get("who", "")), request.form.get("to", "").strip()[:80]
    desk().append(person.event("assignment", visitor().name, data={"to": to}), once=request.form.get("once") or None)
    return redirect(url_for("submission", who=person.id), 303)


@lead_only
def assign_evenly() -> Any:
    """Shares out what is open and has nobody among the TAs that were ticked, in random but repeatable order."""
    tas = [name for name in request.form.getlist("ta") if name in {p.name for p in desk().access.people()}]
    if not tas:
        abort(400, "Choose at least one TA.")
    free = [
        who
        for who in desk().people
        if not desk().outcome(who).standing.assigned
        and not desk().outcome(who).settled
        and desk().outcome(who).card.status != "no_submission"
    ]
    shuffled = sorted(free, key=_shuffle)
    events = [
        desk().people[who].event("assignment", visitor().name, data={"to": tas[number % len(tas)]})
        for number, who in enumerate(shuffled)
    ]
    desk().append_all(events, once=request.form.get("once") or None)
    return redirect(url_for("people"), 303)


def _shuffle(who: str) -> bytes:
    return sha256(who.encode("utf-8", "surrogatepass")).digest()


@lead_only
def show_release() -> str:
    """What is open, every page as it would be given out, and what was released."""
    rows = []
    for who in sorted(desk().people, key=natural):
        outcome, person = desk().outcome(who), desk().people[who].submission.participant
        if outcome.card.status != "no_submission":
            rows.append({"who": who, "name": person.name or who, "open": outcome.open, "total": _total(outcome)})
    done: list[Event] = [event for event in desk().events() if event.kind == "release"]
    folder = desk().root / "releases"
    complete = {path.parent.name for path in folder.glob(f"*/{FILE}")}
    return render_template(
        "release.html",
        **context(Filter()),
        rows=rows,
        waiting=[row for row in rows if row["open"]],
        releases=[event for event in done if str(event.data.get("number")) in complete],
        root=str(desk().root),
        when=when,
    )


def _total(outcome: Outcome) -> str:
    low, high = outcome.card.low, outcome.card.high
    return "" if low is None or high is None else span(low, high)


@lead_only
def audit_as_csv() -> Response:
    """Every event, for a spreadsheet."""
    return _download(audit_csv(desk().events()), "audit.csv", "text/csv")


@lead_only
def audit_as_json() -> Response:
    """Every event, whole."""
    return _download(audit_json(desk().events()), "audit.json", "application/json")


def _download(data: bytes, name: str, kind: str) -> Response:
    response = Response(data, mimetype=kind)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def leave() -> Response:
    """Ends this session."""
    desk().access.leave(request.cookies.get(cookie_name(), ""))
    response = make_response(redirect(url_for("enter"), 303))
    response.delete_cookie(cookie_name(), path="/")
    return response
