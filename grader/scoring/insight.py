"""Which criteria separate, what became of verdicts over attempts, how long marking took. Counts and correlations only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import correlation, fmean, median, pstdev

from grader.model.decision import Event
from grader.model.insight import AgreementRow, ItemRow, MoveRow, TimeRow
from grader.model.rubric import Criterion, Rubric
from grader.model.scorecard import Scorecard
from grader.scoring.agreement import agreement

FEWEST = 10
"""Below this many people a correlation says nothing."""
PAUSE = timedelta(minutes=20)
"""A longer gap between two events was a pause, not reading."""
WORK = ("decision", "verdict", "comment", "flag", "adjustment", "answer")


def item_rows(rubric: Rubric, cards: Sequence[Scorecard]) -> tuple[ItemRow, ...]:
    """One row per criterion; only points that are settled count."""
    shares = [_shares(card) for card in cards]
    return tuple(_item(item, shares) for section in rubric.sections for item in section.criteria)


def _shares(card: Scorecard) -> dict[str, tuple[float, float]]:
    """(points, maximum) of everything that is settled."""
    items = [item for section in card.sections for item in section.criteria]
    return {
        item.id: (float(item.points), float(item.max)) for item in items if item.settled and item.points is not None
    }


def _item(item: Criterion, everybody: Sequence[Mapping[str, tuple[float, float]]]) -> ItemRow:
    known = [found for found in everybody if item.id in found and found[item.id][1] > 0]
    if not known:
        return ItemRow(criterion=item.id, title=item.title, people=0)
    shares = [found[item.id][0] / found[item.id][1] for found in known]
    rest = [sum(points for name, (points, _) in found.items() if name != item.id) for found in known]
    full, none = (sum(share == edge for share in shares) / len(shares) for edge in (1.0, 0.0))
    separates = None
    if len(known) >= FEWEST and pstdev(shares) > 0 and pstdev(rest) > 0:
        separates = round(correlation(shares, rest), 3)
    return ItemRow(
        criterion=item.id,
        title=item.title,
        people=len(known),
        mean=round(fmean(shares), 3),
        spread=round(pstdev(shares), 3),
        full=round(full, 3),
        none=round(none, 3),
        separates=separates,
        note=_note(full, none, separates, len(known)),
    )


def _note(full: float, none: float, separates: float | None, people: int) -> str:
    if people < FEWEST:
        return ""
    if full >= 0.95:
        return "nearly everybody earns all of it"
    if none >= 0.95:
        return "nearly nobody earns anything"
    if separates is not None and separates < 0:
        return "who is good elsewhere earns less here: look at what is asked"
    return "says little about the rest" if separates is not None and separates < 0.1 else ""


def move_rows(pairs: Iterable[tuple[Mapping[str, str], Mapping[str, str]]]) -> tuple[MoveRow, ...]:
    """From (verdicts before, verdicts after) of everybody's attempts, one after the other."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for before, after in pairs:
        counts.update((name, before[name], after[name]) for name in before if name in after)
    return tuple(
        MoveRow(check=check, before=before, after=after, people=count)
        for (check, before, after), count in sorted(counts.items())
    )


def time_rows(events: Iterable[Event]) -> tuple[TimeRow, ...]:
    """From the gaps between one person's events; a gap longer than a pause counts for nothing."""
    by_author: dict[str, list[Event]] = {}
    for event in events:
        if event.kind in WORK and event.participant and event.at is not None:
            by_author.setdefault(event.author, []).append(event)
    return tuple(_times(author, found) for author, found in sorted(by_author.items()))


def _times(author: str, events: Sequence[Event]) -> TimeRow:
    spent: dict[str, float] = {event.participant: 0.0 for event in events}
    for who, gap in _gaps(sorted(events, key=lambda event: event.id)):
        spent[who] += gap.total_seconds() / 60
    return TimeRow(
        author=author,
        submissions=len(spent),
        minutes_median=round(median(spent.values()), 1),
        minutes_all=round(sum(spent.values()), 1),
    )


def _gaps(events: Sequence[Event]) -> Iterator[tuple[str, timedelta]]:
    for before, after in pairwise(events):
        if before.at is not None and after.at is not None and after.at - before.at <= PAUSE:
            yield after.participant, after.at - before.at


def agreement_rows(live: Sequence[Event], rubric: Rubric) -> tuple[AgreementRow, ...]:
    """Criteria of which somebody decided a suggestion."""
    names = [item.id for section in rubric.sections for item in section.criteria]
    rows = agreement(live, rubric).criteria
    return tuple(
        AgreementRow(criterion=name, decided=row.decided, same=row.same, within=row.within, shift=row.shift)
        for name, row in zip(names, rows, strict=True)
        if row.decided
    )
