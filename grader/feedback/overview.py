"""The class overview as plain values: who stands where, what most missed, who needs a person. Names show: for staff."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from grader.feedback import words
from grader.feedback.inputs import OverviewInput, SimilarPair, StudentEntry
from grader.feedback.plots import Meter, histogram, meter
from grader.feedback.text import clip
from grader.feedback.view import page_name
from grader.feedback.words import Mark
from grader.model.attempts import AttemptChange
from grader.model.evidence import Execution
from grader.model.finding import Verdict
from grader.model.insight import Insight
from grader.model.scorecard import CriterionScore

SHORT: dict[Verdict, Mark] = {
    "passed": Mark("✓", "met", "p"),
    "partial": Mark("◐", "partly", "h"),
    "failed": Mark("✗", "to fix", "f"),
    "not_assessed": Mark("?", "not assessed", "n"),
    "crashed": Mark("!", "crashed", "c"),
}
STATUSES = {
    "graded": Mark("yes", "graded", "good"),
    "needs_review": Mark("eye", "needs a person", "open"),
    "no_submission": Mark("dash", "nothing handed in", "none"),
    "unreadable": Mark("no", "unreadable", "poor"),
}


@dataclass(frozen=True)
class Cell:
    """One table cell: what is shown and what it sorts by."""

    text: str
    key: float | str


@dataclass(frozen=True)
class Row:
    """One participant's line in the tables."""

    name: str
    participant: str
    group: str
    link: str
    status: Mark
    draft: bool
    late: Cell
    sections: tuple[Cell, ...]
    total: Cell
    verdicts: tuple[Mark | None, ...]
    seconds: Cell
    ending: str
    """How the run ended, where it did not end well."""
    why: str
    reasons: tuple[tuple[str, str], ...]
    """(about what, why) a person is needed."""


@dataclass(frozen=True)
class CheckColumn:
    """One check over the class."""

    title: str
    id: str
    counts: tuple[tuple[Mark, int], ...]


@dataclass(frozen=True)
class Missed:
    """Something that many had trouble with."""

    id: str
    title: str
    text: str
    meter: Meter


@dataclass(frozen=True)
class SectionColumn:
    """One section over the class."""

    title: str
    max: str
    median: str
    bars: tuple[tuple[float, float, float], ...]
    """(x, y, height) in a box of 100 by 30."""
    spoken: str


@dataclass(frozen=True)
class Again:
    """Somebody who handed in once more, and what changed."""

    row: Row
    attempt: str
    cells: str
    sections: str
    verdicts: str
    points: str


@dataclass(frozen=True)
class OverviewView:
    """All of the overview."""

    course: str
    assignment: str
    batch: str
    made_at: str
    preview: bool
    counts: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    waiting: tuple[Row, ...]
    trouble: tuple[Row, ...]
    sections: tuple[SectionColumn, ...]
    checks: tuple[CheckColumn, ...]
    missed_checks: tuple[Missed, ...]
    missed_criteria: tuple[Missed, ...]
    times: tuple[tuple[str, str], ...]
    again: tuple[Again, ...]
    similar: tuple[tuple[Row, Row, str, str], ...] | None
    earlier: tuple[tuple[Row, str, str, str], ...]
    insight: Insight
    notes: tuple[str, ...]


def overview_view(data: OverviewInput) -> OverviewView:
    """Everything that the template prints."""
    rows = tuple(_row(data, entry) for entry in data.students)
    return OverviewView(
        course=clip(data.course_title, 200),
        assignment=clip(data.assignment_title or data.rubric.title or data.rubric.assignment, 200),
        batch=clip(data.batch_name, 200),
        made_at=f"{data.made_at:%Y-%m-%d %H:%M}" if data.made_at else "",
        preview=data.preview,
        counts=tuple(_counts(data)),
        rows=rows,
        waiting=tuple(row for row in rows if row.reasons),
        trouble=tuple(row for row in rows if row.ending),
        sections=tuple(_section(data, index) for index in range(len(data.rubric.sections))),
        checks=tuple(_check(data, index, rows) for index in range(len(data.rubric.checks))),
        missed_checks=_missed_checks(data),
        missed_criteria=_missed_criteria(data),
        times=tuple(_times(data)),
        again=tuple(
            again_of(data, row, entry.change) for entry, row in zip(data.students, rows, strict=True) if entry.change
        ),
        earlier=tuple(_earlier(data, rows)),
        insight=data.insight,
        similar=None if data.similar is None else tuple(_similar(data, data.similar, rows)),
        notes=tuple(clip(note, 400) for note in data.notes),
    )


def _row(data: OverviewInput, entry: StudentEntry) -> Row:
    who, card, run = entry.submission.participant, entry.scorecard, entry.execution
    scores = {score.id: score for score in card.sections}
    late = card.lateness.seconds
    ended = run.status not in ("ok", "skipped")
    return Row(
        name=clip(who.name or who.group or who.id, 120),
        participant=clip(who.id, 120),
        group=clip(who.group or "", 80),
        link=page_name(who.id) if entry.has_page else "",
        status=STATUSES[card.status],
        draft=entry.submission.draft,
        late=Cell(words.lateness(late) if late else "", late or 0),
        sections=tuple(
            Cell(words.span(score.low, score.high), float(score.points if score.points is not None else score.low))
            if (score := scores.get(section.id))
            else Cell("", -1)
            for section in data.rubric.sections
        ),
        total=_total(entry),
        verdicts=tuple(
            SHORT[entry.findings[line.id].verdict] if line.id in entry.findings else None for line in data.rubric.checks
        ),
        seconds=Cell(words.seconds(run.seconds) if run.seconds else "", run.seconds),
        ending=run.status.replace("_", " ") if ended else "",
        why=_ending(run) if ended else "",
        reasons=tuple(_reasons(data, entry)),
    )


def _ending(run: Execution) -> str:
    return clip(run.why or "; ".join(f"cell {item.cell}: {item.name}: {item.value}" for item in run.errors[:2]), 300)


def _total(entry: StudentEntry) -> Cell:
    card = entry.scorecard
    if card.total is None or card.low is None or card.high is None:
        return Cell("", -1)
    return Cell(words.span(card.low, card.high), float(card.total))


def _reasons(data: OverviewInput, entry: StudentEntry) -> Iterable[tuple[str, str]]:
    """Review items and blocking flags: each sentence once, with everything that it is about."""
    titles = {line.id: line.title or words.humanised(line.id) for line in data.rubric.checks}
    reasons: dict[str, dict[str, None]] = {}
    for item in entry.scorecard.review:
        reasons.setdefault(item.why, {})[titles.get(item.criterion, item.criterion)] = None
    for flag in (*entry.submission.flags, *entry.flags):
        if flag.blocking:
            reasons.setdefault(flag.why, {})
    if entry.scorecard.status == "unreadable" and not reasons:
        reasons["nothing that was handed in could be read"] = {}
    for why, about in reasons.items():
        yield clip("; ".join(filter(None, about)), 400), clip(why, 400)


def _counts(data: OverviewInput) -> Iterable[tuple[str, str]]:
    found = Counter(entry.scorecard.status for entry in data.students)
    yield str(len(data.students)), "participant" if len(data.students) == 1 else "participants"
    for status, mark in STATUSES.items():
        if found[status]:  # type: ignore[index]
            yield str(found[status]), mark.word  # type: ignore[index]
    totals = [(card.low, card.high) for card in (entry.scorecard for entry in data.students) if card.total is not None]
    if totals:
        yield _medians(totals), f"median of {words.points(data.rubric.max)}"


def _section(data: OverviewInput, index: int) -> SectionColumn:
    section = data.rubric.sections[index]
    scores = [score for entry in data.students for score in entry.scorecard.sections if score.id == section.id]
    values = [float(score.points) for score in scores if score.points is not None]
    counts = histogram([value / float(section.max) for value in values] if section.max else [])
    most = max(counts) or 1
    spoken = ", ".join(f"{count} at {tenth * 10} to {tenth * 10 + 10} %" for tenth, count in enumerate(counts) if count)
    return SectionColumn(
        title=section.title,
        max=words.points(section.max),
        median=_medians([(score.low, score.high) for score in scores]) if scores else "",
        bars=tuple(
            (tenth * 10 + 0.5, round(30 - 28 * count / most, 1), round(28 * count / most, 1))
            for tenth, count in enumerate(counts)
            if count
        ),
        spoken=f"How many earned which share of the points: {spoken or 'nobody yet'}.",
    )


def _medians(ranges: Sequence[tuple[Decimal | None, Decimal | None]]) -> str:
    """The median of the lowest and of the highest points: one figure once everything is settled."""
    return words.span(*(median([value or Decimal(0) for value in side]) for side in zip(*ranges, strict=True)))


def _check(data: OverviewInput, index: int, rows: tuple[Row, ...]) -> CheckColumn:
    line = data.rubric.checks[index]
    found = Counter(row.verdicts[index] for row in rows)
    counts = tuple((mark, found[mark]) for mark in SHORT.values() if found[mark])
    return CheckColumn(clip(line.title or words.humanised(line.id), 120), line.id, counts)


def _missed_checks(data: OverviewInput) -> tuple[Missed, ...]:
    """Checks by how many of those with an answer did not pass."""
    made = []
    for line in data.rubric.checks:
        found = Counter(entry.findings[line.id].verdict for entry in data.students if line.id in entry.findings)
        known = found["passed"] + found["partial"] + found["failed"]
        bad = found["failed"] + found["partial"]
        if bad:
            text = f"{found['failed']} to fix, {found['partial']} partly, of {known}"
            bar = meter(_share(found["failed"], known), _share(bad, known), Decimal(1))
            title = line.title or words.humanised(line.id)
            made.append((found["failed"] / known, bad, Missed(line.id, title, text, bar)))
    return tuple(item for _, _, item in sorted(made, key=lambda each: each[:2], reverse=True)[:8])


def _missed_criteria(data: OverviewInput) -> tuple[Missed, ...]:
    """Criteria by the average share of their points, as far as it is known, lowest first."""
    scores: dict[str, list[CriterionScore]] = {}
    for entry in data.students:
        for score in (item for section in entry.scorecard.sections for item in section.criteria if item.max):
            scores.setdefault(score.id, []).append(score)
    made = []
    for item in (item for section in data.rubric.sections for item in section.criteria if item.id in scores):
        low, high = (_mean([getattr(one, side) / one.max for one in scores[item.id]]) for side in ("low", "high"))
        share = f"{low:.0%}" if low == high else f"{low * 100:.0f}{words.DASH}{high:.0%}"
        text = f"{share} of {words.points(item.max)}"
        made.append((low + high, Missed(item.id, item.title, text, meter(low, high, Decimal(1)))))
    return tuple(item for both, item in sorted(made, key=lambda each: each[0])[:8] if both < 2)


def _mean(shares: Sequence[Decimal]) -> Decimal:
    return round(sum(shares, Decimal(0)) / len(shares), 4)


def _share(part: int, whole: int) -> Decimal:
    return Decimal(part) / Decimal(whole) if whole else Decimal(0)


def _times(data: OverviewInput) -> Iterable[tuple[str, str]]:
    ran = sorted(entry.execution.seconds for entry in data.students if entry.execution.seconds > 0)
    if not ran:
        return
    yield "Runs", str(len(ran))
    yield "Median", words.seconds(median(ran))
    yield "Longest", words.seconds(ran[-1])
    yield "All together", words.seconds(sum(ran))
    memory = [entry.execution.peak_memory_mb for entry in data.students if entry.execution.peak_memory_mb]
    if memory:
        yield "Most memory", f"{max(memory):,.0f} MB"


def again_of(data: OverviewInput, row: Row, change: AttemptChange) -> Again:
    """What changed, for people."""
    titles = {section.id: section.title for section in data.rubric.sections}
    kinds = Counter(cell.kind for cell in change.cells)
    changed = [cell.cell for cell in change.cells if cell.kind != "removed"]
    where = f" (cells {', '.join(map(str, changed[:8]))}{', ...' if len(changed) > 8 else ''})" if changed else ""
    return Again(
        row=row,
        attempt=f"{change.attempt}, after {change.before}",
        cells=", ".join(f"{count} {kind}" for kind, count in kinds.items()) + where,
        sections=clip("; ".join(titles.get(name, name) for name in change.sections), 300),
        verdicts=clip("; ".join(f"{one.check}: {one.before} to {one.after}" for one in change.verdicts), 300),
        points=clip("; ".join(f"{one.criterion}: {one.before} to {one.after}" for one in change.points), 300)
        + (" (another rubric then)" if change.other_rubric else ""),
    )


def _earlier(data: OverviewInput, rows: tuple[Row, ...]) -> Iterable[tuple[Row, str, str, str]]:
    by_id = {entry.submission.participant.id: row for entry, row in zip(data.students, rows, strict=True)}
    for pair in data.earlier:
        if pair.here in by_id:
            where = clip(f"{pair.there} in {pair.folder}", 120)
            yield by_id[pair.here], where, f"{pair.share:.0%}", clip(pair.why, 300)


def _similar(
    data: OverviewInput, pairs: Iterable[SimilarPair], rows: tuple[Row, ...]
) -> Iterable[tuple[Row, Row, str, str]]:
    by_id = {entry.submission.participant.id: row for entry, row in zip(data.students, rows, strict=True)}
    for pair in pairs:
        first, second = (by_id.get(name) for name in pair.participants)
        if first and second:
            yield first, second, f"{pair.share:.0%}", clip(pair.why, 300)
