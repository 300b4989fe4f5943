"""How decisions of people lie beside what was suggested, by criterion and by TA. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from grader.model.decision import Event
from grader.model.rubric import Rubric


class Agreement(NamedTuple):
    """How decisions lie beside what was suggested."""

    name: str
    decided: int
    same: int
    """Exactly as suggested; a range without a value can't be met exactly."""
    within: int
    """Within the suggested range."""
    shift: str
    """Mean difference in points from what was suggested, or from the middle of a range; with sign."""


class AgreementTable(NamedTuple):
    """By criterion, by TA, and where two people decided the same item, how often alike."""

    criteria: tuple[Agreement, ...]
    people: tuple[Agreement, ...]
    all: Agreement
    twice: int
    alike: int


def agreement(live: Sequence[Event], rubric: Rubric) -> AgreementTable:
    """Each person's newest decision on each item; where neither points nor a range were shown there is nothing to agree with."""
    newest: dict[tuple[str, str, str], Event] = {}
    for event in live:
        if event.kind == "decision" and event.points is not None:
            newest[event.participant, event.criterion, event.author] = event
    events = [event for event in newest.values() if _shown(event)]
    titles = {item.id: f"{item.id} {item.title}" for section in rubric.sections for item in section.criteria}
    groups: dict[tuple[str, str], list[Event]] = {}
    for event in newest.values():
        groups.setdefault((event.participant, event.criterion), []).append(event)
    pairs = [[one.points for one in group] for group in groups.values() if len(group) > 1]
    return AgreementTable(
        criteria=tuple(_row(titles[name], [e for e in events if e.criterion == name]) for name in titles),
        people=tuple(
            _row(name, [e for e in events if e.author == name]) for name in sorted({e.author for e in events})
        ),
        all=_row("All", events),
        twice=len(pairs),
        alike=sum(len(set(pair)) == 1 for pair in pairs),
    )


def _row(name: str, events: Sequence[Event]) -> Agreement:
    ranges = [_range(e) for e in events]
    differences = [_number(e.points) - (low + high) / 2 for e, (low, high) in zip(events, ranges, strict=True)]
    within = sum(low <= _number(e.points) <= high for e, (low, high) in zip(events, ranges, strict=True))
    mean = sum(differences, Decimal(0)) / len(differences) if differences else Decimal(0)
    sign = "+" if mean > 0 else "−" if mean < 0 else ""
    same = sum(bool(e.data.get("suggested")) and _number(e.points) == _number(e.data["suggested"]) for e in events)
    return Agreement(name, len(events), same, within, f"{sign}{abs(mean):.2f}" if differences else "")


def _shown(event: Event) -> bool:
    """A range from nothing to everything says nothing."""
    low, high, most = (_number(event.data.get(name)) for name in ("low", "high", "max"))
    return bool(event.data.get("suggested")) or (high > 0 and (low > 0 or high < most))


def _range(event: Event) -> tuple[Decimal, Decimal]:
    suggested = event.data.get("suggested")
    return _number(event.data.get("low", suggested)), _number(event.data.get("high", suggested))


def _number(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)
