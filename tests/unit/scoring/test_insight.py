"""Item analysis, verdicts over attempts and marking times, on classes where the right figures are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from grader.model.decision import Event
from grader.model.rubric import Criterion, Rubric, Section, Texts
from grader.model.scorecard import CriterionScore, Scorecard, SectionScore
from grader.scoring.insight import agreement_rows, item_rows, move_rows, time_rows

TEXTS = Texts(asked="a", met="b", half="c", missed="d", staff="e")
NAMES = ("same", "good", "bad", "open")


def rubric() -> Rubric:
    criteria = tuple(Criterion(id=name, title=name, max=Decimal(10), kind="manual", texts=TEXTS) for name in NAMES)
    return Rubric(
        assignment="x",
        max=Decimal(40),
        sections=(Section(id="s", title="S", max=Decimal(40), criteria=criteria),),
        checks=(),
    )


def card(**points: int) -> Scorecard:
    scores = tuple(
        CriterionScore(id=name, points=Decimal(points.get(name, 5)), low=Decimal(0), high=Decimal(10), max=Decimal(10),
                       kind="manual", settled=name != "open")
        for name in NAMES
    )  # fmt: skip
    zero = Decimal(0)
    section = SectionScore(id="s", points=zero, low=zero, high=zero, max=Decimal(40), settled=False, criteria=scores)
    return Scorecard(status="graded", sections=(section,))


def test_items_say_what_separates_and_what_everybody_has() -> None:
    rows = {
        row.criterion: row for row in item_rows(rubric(), [card(same=10, good=n, bad=10 - n // 2) for n in range(11)])
    }
    assert (rows["same"].full, rows["same"].separates) == (1.0, None)
    assert rows["same"].note == "nearly everybody earns all of it"
    assert (rows["good"].mean, rows["good"].none) == (0.5, round(1 / 11, 3))
    assert rows["bad"].separates is not None
    assert rows["bad"].separates < -0.9
    assert "look at what is asked" in rows["bad"].note
    assert rows["open"].people == 0


def test_few_people_have_no_correlation() -> None:
    rows = item_rows(rubric(), [card(good=n) for n in range(9)])
    assert {row.separates for row in rows} == {None}


def test_verdicts_over_attempts_are_counted_both_ways() -> None:
    pairs = [
        ({"a": "failed"}, {"a": "passed"}),
        ({"a": "failed"}, {"a": "passed", "b": "passed"}),
        ({"a": "passed"}, {"a": "failed"}),
    ]
    assert [(row.before, row.after, row.people) for row in move_rows(pairs)] == [
        ("failed", "passed", 2),
        ("passed", "failed", 1),
    ]


def event(number: int, who: str, minute: int, **more: object) -> Event:
    at = datetime(2026, 11, 25, 9, tzinfo=UTC) + timedelta(minutes=minute)
    return Event.model_validate(
        {"id": number, "at": at, "author": "Tom", "kind": "decision", "participant": who, **more}
    )


def test_time_is_counted_between_events_and_pauses_are_not() -> None:
    (row,) = time_rows([event(1, "a", 0), event(2, "a", 4), event(3, "b", 10), event(4, "c", 90), event(5, "c", 92)])
    assert (row.submissions, row.minutes_all, row.minutes_median) == (3, 12.0, 4.0)
    (lead,) = time_rows([event(1, "a", 0), event(2, "", 5, kind="release")])
    assert (lead.submissions, lead.minutes_all) == (1, 0.0)


def test_agreement_is_by_criterion_and_leaves_out_what_nobody_decided() -> None:
    data = {"suggested": "5", "low": "4", "high": "6"}
    live = [
        event(1, "a", 0, criterion="good", points="6", data=data),
        event(2, "b", 1, criterion="good", points="8", data=data),
        event(3, "c", 2, criterion="bad", points="8"),
    ]
    (row,) = agreement_rows(live, rubric())
    assert (row.criterion, row.decided, row.within, row.same, row.shift) == ("good", 2, 1, 0, "+2.00")
