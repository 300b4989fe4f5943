"""Pages to look at: the queue, one submission, its notebook, what has changed. Nothing here changes anything but the visit."""

from __future__ import annotations

from pathlib import PurePosixPath

from flask import Flask, Response, abort, current_app, make_response, redirect, render_template, request, url_for

from grader.feedback.plots import meter
from grader.feedback.render import base_style
from grader.feedback.words import humanised, points, span
from grader.model.submission import file_stem
from grader.pipeline.reviewing import Reviewed
from grader.review import queue
from grader.review.common import context, desk, person_or_404, reviewed_head
from grader.review.items import cited_cells, history, items_of
from grader.review.notebook import cell_views, markdown
from grader.review.queue import Entry, Filter
from grader.review.security import PAGE_POLICY, STUDENT_POLICY, refuse_foreign_origin, set_session, visitor

MOST_CHANGES = 300


def routes(app: Flask) -> None:
    """Add them."""
    app.add_url_rule("/", "queue", show_queue)
    app.add_url_rule("/s/<who>", "submission", show_submission)
    app.add_url_rule("/s/<who>/notebook", "notebook", show_notebook)
    app.add_url_rule("/s/<who>/answer", "answer_text", show_answer)
    app.add_url_rule("/s/<who>/page", "page", show_page)
    app.add_url_rule("/s/<who>/file", "file", show_file)
    app.add_url_rule("/changes", "changes", show_changes)
    app.add_url_rule("/base.css", "base_style", show_base_style)
    app.add_url_rule("/enter", "enter", show_enter)
    app.add_url_rule("/enter", "come_in", come_in, methods=["POST"])


def show_base_style() -> Response:
    """Colours and type of the feedback pages: both look alike."""
    return Response(base_style(), mimetype="text/css")


def show_enter() -> str:
    """Takes the secret out of the address's fragment, which no server and no log sees."""
    return render_template("enter.html", refused="")


def come_in() -> Response:
    """A link's secret for a session."""
    refuse_foreign_origin()
    session = desk().access.enter(request.form.get("secret", "").strip())
    if session is None:
        words = "This link is not valid: it was used, replaced or revoked. Ask for a new one."
        return Response(render_template("enter.html", refused=words), status=403, mimetype="text/html")
    response = make_response(redirect(url_for("queue"), 303))
    set_session(response, session)
    return response


def show_queue() -> str:
    """Whom to look at."""
    wanted = Filter.of(request.args)
    if wanted.order == "random" and not wanted.seed:
        wanted = Filter.of({**request.args, "seed": visitor().name})
    entries = queue.ordered(_entries(), wanted, desk().chained)
    shown = [entry for entry in entries if queue.matches(entry, wanted, desk().rubric)]
    since = desk().access.visit(visitor().name, desk().last_event)
    fresh = [event for event in desk().events(after=since) if event.author != visitor().name and event.kind != "access"]
    return render_template(
        "queue.html",
        **context(wanted),
        rows=[_row(entry, wanted) for entry in shown],
        progress=_progress(entries),
        fresh=len(fresh),
        since=since,
        kinds=sorted({kind for entry in entries for kind in queue.flag_kinds(entry.person)}),
        tas=_tas(entries),
    )


def _entries() -> list[Entry]:
    return [Entry(person, desk().outcome(who)) for who, person in desk().people.items()]


def _tas(entries: list[Entry]) -> list[str]:
    names = {person.name for person in desk().access.people() if person.state == "open"}
    return sorted(names | {entry.outcome.standing.assigned for entry in entries} - {""})


def _progress(entries: list[Entry]) -> dict[str, int]:
    graded = [entry for entry in entries if entry.outcome.card.status != "no_submission"]
    open_items = sum(len(entry.outcome.open) for entry in graded)
    return {"all": len(graded), "settled": sum(entry.outcome.settled for entry in graded), "open": open_items}


def _row(entry: Entry, wanted: Filter) -> dict[str, object]:
    person, outcome = entry
    card, who = outcome.card, person.submission.participant
    scores = [item for section in card.sections for item in section.criteria]
    if wanted.by == "criterion":
        scores = [item for item in scores if item.id == wanted.criterion]
    low, high, top = card.low, card.high, card.max
    if wanted.by == "criterion" and scores:
        low, high, top = scores[0].low, scores[0].high, scores[0].max
    person_needed = [item for item in outcome.open if item.kind != "criterion"]
    return {
        "id": who.id,
        "name": who.name or who.group or who.id,
        "group": who.group or "",
        "status": card.status,
        "draft": person.submission.draft,
        "settled": sum(item.settled for item in scores),
        "criteria": len(scores),
        "done": outcome.settled,
        "points": "" if low is None or high is None else span(low, high),
        "max": points(top),
        "meter": None if low is None or high is None else meter(low, high, top),
        "why": person_needed[0].why if person_needed else "",
        "needs": len(person_needed),
        "again": sum(not held.fits for held in outcome.standing.decisions.values()),
        "ta": outcome.standing.assigned,
    }


def show_submission(who: str) -> str:
    """Notebook on one side, what to settle on the other."""
    person, wanted = person_or_404(who), Filter.of(request.args)
    only = wanted.criterion if wanted.by == "criterion" else ""
    items = items_of(desk(), person, visitor(), only)
    entries = queue.ordered(_entries(), wanted, desk().chained)
    before, after, place, count = queue.around(entries, wanted, desk().rubric, who)
    evidence = desk().evidence(who)
    events = desk().events(who)
    return render_template(
        "submission.html",
        **context(wanted),
        **reviewed_head(person),
        items=items,
        sections=desk().rubric.sections,
        only=only,
        before=before,
        after=after,
        place=place,
        count=count,
        notebook=evidence is not None and evidence.notebook is not None,
        executed=evidence is not None and evidence.executed is not None,
        memo=evidence is not None and bool(evidence.memo_text),
        files=[file.path for file in person.submission.files],
        journal=list(history(events, events, visitor()))[:MOST_CHANGES],
        similar=_similar(person, only),
        tas=_tas(entries),
    )


def _similar(person: Reviewed, only: str) -> list[dict[str, str]]:
    """Nearly the same answers, with what they were given."""
    if not only:
        return []
    found = []
    for one in queue.alike(desk().answers(only), person.id)[:6]:
        held = desk().outcome(one.participant).standing.decisions.get(only)
        given = points(held.event.points) if held and held.fits and held.event.points is not None else ""
        found.append({"id": one.participant, "share": f"{one.share:.0%}", "points": given})
    return found


def show_notebook(who: str) -> Response:
    """For the sandboxed frame."""
    person = person_or_404(who)
    executed = request.args.get("executed") == "1"
    cells = cell_views(desk().notebook(who, executed=executed), cited_cells(desk(), person))
    return _student(render_template("notebook.html", cells=cells, heading="Notebook"), STUDENT_POLICY)


def show_answer(who: str) -> Response:
    """What a student wrote to one criterion's section, or a memo that came as a document."""
    person, criterion = person_or_404(who), request.args.get("criterion", "")
    evidence = desk().evidence(who)
    text = queue.answer_text(person, criterion, desk().rubric)
    if not criterion and evidence is not None and evidence.memo_text:
        text = evidence.memo_text
    found = desk().criterion(criterion)
    heading = found[0].title if found else "Memo"
    return _student(render_template("answer.html", body=markdown(text), heading=heading), STUDENT_POLICY)


def show_page(who: str) -> Response:
    """The student's page as it would be given out now."""
    person_or_404(who)
    live = current_app.extensions["page_of"]
    if live is not None:
        return _student(live(who), PAGE_POLICY)
    path = desk().root / "feedback" / f"{file_stem(who)}.html"
    if not path.is_file():
        abort(404, "There is no page for this participant.")
    return _student(path.read_text("utf-8"), PAGE_POLICY)


def show_file(who: str) -> Response:
    """An original, to be saved: a browser never shows it."""
    person = person_or_404(who)
    name = request.args.get("path", "")
    if person.attempt is None or name not in {file.path for file in person.submission.files}:
        abort(404, "There is no such file.")
    data = person.attempt.files().get(name)
    if data is None:
        abort(404, "There is no such file.")
    response = Response(data, mimetype="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=PurePosixPath(name).name)
    response.headers["Content-Security-Policy"] = STUDENT_POLICY
    return response


def show_changes() -> str:
    """What others did since the last visit."""
    since = request.args.get("since", type=int) or 0
    events = [event for event in desk().events(after=since) if event.kind != "access"]
    lines = history(events[-MOST_CHANGES:], events, visitor())
    about = {event.id: event for event in events}
    return render_template(
        "changes.html",
        **context(Filter()),
        lines=[(line, about[line.id].participant, about[line.id].criterion) for line in lines],
        since=since,
        humanised=humanised,
    )


def _student(text: str, policy: str) -> Response:
    response = Response(text.encode("utf-8", "replace"), mimetype="text/html")
    response.headers["Content-Security-Policy"] = policy
    return response
