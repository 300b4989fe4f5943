"""A student's page as plain values, in the order in which it is read. Knows no looks; shows no text meant for staff."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import quote

from grader.feedback import words
from grader.feedback.blocks import CriterionView, FindingView, Limits, criterion_view, finding_view
from grader.feedback.charts import Charts, charts_of
from grader.feedback.inputs import PageInput
from grader.feedback.plots import Meter, meter
from grader.feedback.text import clip
from grader.model.rubric import CheckLine, Section
from grader.model.scorecard import Lateness, Scorecard, SectionScore
from grader.model.submission import file_stem

UNSETTLED = {
    "not_assessed": "Could not be seen in what was handed in. It costs you nothing until a person has looked.",
    "crashed": "Our check stopped. It costs you nothing.",
}
REACH = 3
"""So many criteria are named at the top as worth most."""
ORDER = {"failed": 0, "partial": 1, "crashed": 2, "not_assessed": 3, "passed": 4}


@dataclass(frozen=True)
class SectionView:
    """One of the memo's sections."""

    anchor: str
    number: int
    title: str
    points: str
    max: str
    settled: bool
    meter: Meter
    criteria: tuple[CriterionView, ...]
    findings: tuple[FindingView, ...]
    in_order: tuple[FindingView, ...]
    charts: Charts


class Link(NamedTuple):
    """To something on the page."""

    anchor: str
    title: str


class Todo(NamedTuple):
    """Something to do, and where on the page it stands."""

    links: tuple[Link, ...]
    text: str


@dataclass(frozen=True)
class Glance:
    """The total and how it comes about."""

    total: str
    max: str
    range: bool
    """Low and high differ: it is no mark yet."""
    settled: bool
    meter: Meter | None
    sum: str
    adjustments: tuple[tuple[str, str, str], ...]
    """(kind, points with sign, why)."""


@dataclass(frozen=True)
class PageView:
    """All of the page."""

    lang: str
    title: str
    course: str
    assignment: str
    name: str
    participant: str
    group: str
    files: tuple[str, ...]
    more_files: int
    late: str
    due: str
    when: str
    preview: bool
    state: str
    """`marked`, `none`, `unreadable`."""
    draft: bool
    glance: Glance
    sections: tuple[SectionView, ...]
    elsewhere: tuple[FindingView, ...]
    elsewhere_in_order: tuple[FindingView, ...]
    charts: Charts
    """Plots that no section claims."""
    first: tuple[Todo, ...]
    reach: tuple[Todo, ...]
    """The criteria with most points still to gain."""
    open: tuple[Todo, ...]
    comment: str
    requests: tuple[tuple[str, str, str], ...]
    """(about what, what was asked, what was answered)."""
    made: tuple[str, ...]
    errors: tuple[tuple[str, str], ...]
    """(cell, what it ended with)."""


def page_view(data: PageInput, limits: Limits) -> PageView:
    """Everything that the template prints."""
    card, submission = data.scorecard, data.submission
    lines = _findings(data, limits)
    sections = _sections(data, lines, limits)
    shown = {section.id for section in data.rubric.sections}
    loose = [view for line, view in lines if line.section not in shown]
    who = submission.participant
    title = clip(data.assignment_title or data.rubric.title or data.rubric.assignment, 200)
    return PageView(
        lang="en",
        title=title,
        course=clip(data.course_title, 200),
        assignment=title,
        name=clip(who.name or "", 200),
        participant=clip(who.id, 100),
        group=clip(who.group or "", 100),
        files=tuple(clip(file.path, 120) for file in submission.files[:6]),
        more_files=max(len(submission.files) - 6, 0),
        late=words.lateness(card.lateness.seconds) if card.lateness.seconds else "",
        due=_due(card.lateness),
        when=words.moment(card.lateness.submitted) if card.lateness.submitted else "",
        preview=data.preview,
        state={"no_submission": "none", "unreadable": "unreadable"}.get(card.status, "marked"),
        draft=submission.draft,
        glance=_glance(card, limits),
        sections=sections,
        elsewhere=tuple(view for view in loose if view.verdict != "passed"),
        elsewhere_in_order=tuple(view for view in loose if view.verdict == "passed"),
        charts=charts_of(data, None),
        first=tuple(_first(view for _, view in lines)),
        reach=tuple(_reach(card, sections)),
        open=tuple(_open(data, sections, lines)),
        comment=clip(data.comments.get("", ""), limits.comment),
        requests=tuple(_requests(data, limits)),
        made=tuple(_made(data)),
        errors=_errors(data, limits),
    )


def _due(late: Lateness) -> str:
    if late.due is None:
        return ""
    why = {"extension": ", extended for you", "own date": ", your own date"}.get(late.because, "")
    return f"{words.moment(late.due)} ({late.timezone}{why})"


def page_name(participant: str) -> str:
    """The page's file name as an address relative to the results folder."""
    return f"feedback/{quote(file_stem(participant), safe='')}.html"


def _findings(data: PageInput, limits: Limits) -> list[tuple[CheckLine, FindingView]]:
    """The rubric's check lines that have an answer, in its order; what needs work first."""
    views = [
        (line, finding_view(line, data.findings[line.id], data.rubric, anchor=f"f{index}", limits=limits))
        for index, line in enumerate(data.rubric.checks)
        if line.id in data.findings
    ]
    return sorted(views, key=lambda pair: ORDER[pair[1].verdict])


def _sections(data: PageInput, lines: list[tuple[CheckLine, FindingView]], limits: Limits) -> tuple[SectionView, ...]:
    scores = {score.id: score for score in data.scorecard.sections}
    return tuple(
        _section(data, section, scores[section.id], lines=lines, number=number, limits=limits)
        for number, section in enumerate(data.rubric.sections, start=1)
        if section.id in scores
    )


def _section(
    data: PageInput,
    section: Section,
    score: SectionScore,
    *,
    lines: list[tuple[CheckLine, FindingView]],
    number: int,
    limits: Limits,
) -> SectionView:
    mine = [view for line, view in lines if line.section == section.id]
    anchors = {line.id: (view.anchor, view.title) for line, view in lines}
    known = {item.id: item for item in score.criteria}
    return SectionView(
        anchor=f"s{number}",
        number=number,
        title=section.title,
        points=words.span(score.low, score.high),
        max=words.points(score.max),
        settled=score.settled,
        meter=meter(score.low, score.high, score.max),
        criteria=tuple(
            criterion_view(item, known[item.id], data, anchor=f"s{number}c{index}", checks=anchors, limits=limits)
            for index, item in enumerate(section.criteria)
            if item.id in known
        ),
        findings=tuple(view for view in mine if view.verdict != "passed"),
        in_order=tuple(view for view in mine if view.verdict == "passed"),
        charts=charts_of(data, section.id),
    )


def _glance(card: Scorecard, limits: Limits) -> Glance:
    low, high = card.low, card.high
    known = card.total is not None and low is not None and high is not None
    return Glance(
        total=words.span(low, high) if low is not None and high is not None and known else "",
        max=words.points(card.max),
        range=known and low != high,
        settled=known and low == high and all(section.settled for section in card.sections),
        meter=meter(low, high, card.max) if low is not None and high is not None and known else None,
        sum=words.span(
            sum((section.low for section in card.sections), Decimal(0)),
            sum((section.high for section in card.sections), Decimal(0)),
        ),
        adjustments=tuple(
            (item.kind.replace("_", " "), words.signed(item.points), clip(item.why, limits.text))
            for item in card.adjustments
        ),
    )


def _first(views: Iterable[FindingView]) -> Iterable[Todo]:
    """What to mend, and what it would free."""
    for view in views:
        if view.verdict == "failed":
            yield Todo((Link(view.anchor, view.title),), f"caps {view.capped}" if view.capped else "")


def _reach(card: Scorecard, sections: Iterable[SectionView]) -> Iterable[Todo]:
    """What is missing costs most here; caps are listed elsewhere, and what is settled can gain nothing."""
    views = {item.id: item for section in sections for item in section.criteria}
    scores = [item for section in card.sections for item in section.criteria]
    left = [item for item in scores if not item.settled and not item.capped_by and views[item.id].missing]
    for item in sorted(left, key=lambda each: (each.low - each.max, each.id))[:REACH]:
        if item.max - item.low >= 1:
            view = views[item.id]
            yield Todo(
                (Link(view.anchor, f"{item.id} {view.title}"),), f"up to {words.points(item.max - item.low)} points"
            )


def _open(
    data: PageInput, sections: tuple[SectionView, ...], lines: list[tuple[CheckLine, FindingView]]
) -> Iterable[Todo]:
    """What a person has still to settle. Review items' own words are for staff: here they are said anew."""
    asked = {item.criterion for item in data.scorecard.review}
    if "" in asked:
        yield Todo((), "The submission as a whole: a person looks at its files, origin or state.")
    yield from (Todo((), clip(flag.why, 400)) for flag in data.flags)
    for verdict, text in UNSETTLED.items():
        links = tuple(Link(view.anchor, view.title) for _, view in lines if view.verdict == verdict)
        if links:
            yield Todo(links, text)
    differing = tuple(
        Link(view.anchor, view.title) for line, view in lines if line.id in asked and view.verdict not in UNSETTLED
    )
    if differing:
        yield Todo(differing, "What was seen in two places does not agree; a person compares.")
    waiting = sum(not item.settled for section in sections for item in section.criteria)
    if waiting:
        which = "One criterion" if waiting == 1 else f"{waiting} criteria"
        yield Todo((), f"{which} of the memo: a person confirms what is suggested, or decides.")


def _requests(data: PageInput, limits: Limits) -> Iterable[tuple[str, str, str]]:
    titles = {item.id: f"{item.id} {item.title}" for section in data.rubric.sections for item in section.criteria}
    for one in data.requests[:20]:
        about = clip(titles.get(one.criterion, "The submission as a whole"), 200)
        yield about, clip(one.asked, limits.comment), clip(one.answer, limits.comment)


def _made(data: PageInput) -> Iterable[str]:
    run = data.execution
    yield words.MODES[run.mode]
    if words.ENDINGS[run.status]:
        yield words.ENDINGS[run.status]
    if run.reordered:
        yield "The cells were run in the order of their saved execution counts."
    if data.expected is not None and data.expected.metrics:
        source = data.expected.provenance or "the course’s own runs"
        yield f"Expected ranges: scale “{clip(data.expected.scale, 60)}”, from {clip(source, 400)}."
    yield (
        "Points for the memo are suggestions of a program, made from what it found and quotes here, until a person "
        "confirms them. Length, style and vocabulary earn nothing and cost nothing."
    )
    yield "Cells are counted from 0 over all cells of the notebook, text cells included; outputs from 0 within a cell."
    yield f"Rubric {clip(data.rubric.assignment, 60)}, version {clip(data.rubric.version, 40)}."


def _errors(data: PageInput, limits: Limits) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"cell {error.cell}", clip(f"{error.name}: {error.value}", limits.quote))
        for error in data.execution.errors[:3]
    )
