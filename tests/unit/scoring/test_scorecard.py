from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from grader.model.assignment import Dates, LatePolicy
from grader.model.finding import Finding
from grader.model.rubric import Cap, CheckLine, Criterion, Rubric, Section, Texts
from grader.model.scorecard import Adjustment, Scorecard, Suggestion
from grader.model.submission import Flag, Participant, Submission
from grader.scoring import score, unscored

TEXTS = Texts(asked="a", met="b", half="c", missed="d", staff="e")
PADDING = "decoder.padding_side"


def criterion(name: str = "1a", maximum: str = "6", **other: object) -> Criterion:
    fields: dict[str, object] = {
        "id": name,
        "title": name,
        "max": Decimal(maximum),
        "kind": "suggested",
        "texts": TEXTS,
    }
    return Criterion.model_validate(fields | other)


def rubric(*criteria: Criterion) -> Rubric:
    total = sum((item.max for item in criteria), Decimal(0))
    section = Section(id="s", title="S", max=total, criteria=criteria)
    return Rubric(assignment="t", max=total, sections=(section,), checks=(CheckLine(id=PADDING, check="padding_side"),))


def suggestion(low: str, high: str) -> Suggestion:
    return Suggestion(low=Decimal(low), high=Decimal(high), state="found", confidence="firm")


def handed_in(**other: object) -> Submission:
    return Submission.model_validate({"participant": Participant(id="24"), "status": "submitted"} | other)


def card(*criteria: Criterion, findings: dict[str, Finding] | None = None, **other: object) -> Scorecard:
    suggestions = {item.id: suggestion("4", "5") for item in criteria}
    arguments: dict[str, object] = {"suggestions": suggestions} | other
    submission = arguments.pop("submission", handed_in())
    return score(rubric(*criteria), submission, findings=findings or {}, **arguments)  # type: ignore[arg-type]


def only(found: Scorecard) -> tuple[str, str, str, bool]:
    item = found.sections[0].criteria[0]
    return str(item.points), str(item.low), str(item.high), item.settled


def test_a_suggestion_is_a_range_and_its_middle_in_steps() -> None:
    assert only(card(criterion())) == ("4.5", "4", "5", False)
    assert only(card(criterion(), suggestions={"1a": suggestion("1", "2.5")})) == ("2.0", "1", "2.5", False)


def test_where_only_a_reader_can_tell_there_is_a_range_without_a_value_and_sums_count_its_middle() -> None:
    wide = suggestion("1", "4").model_copy(update={"confidence": "open"})
    found = card(criterion(), suggestions={"1a": wide})
    assert only(found) == ("None", "1", "4", False)
    assert (found.sections[0].points, found.total) == (Decimal("2.5"), Decimal("2.5"))
    nothing = wide.model_copy(update={"low": Decimal(0), "high": Decimal(0)})
    assert only(card(criterion(), suggestions={"1a": nothing})) == ("None", "0", "0", False)


def test_what_nothing_is_known_of_spans_everything_and_is_not_settled() -> None:
    assert only(card(criterion(kind="manual"))) == ("None", "0", "6", False)
    assert only(card(criterion(), suggestions={})) == ("None", "0", "6", False)


@pytest.mark.parametrize(
    ("verdict", "points", "settled"), [("passed", "6", True), ("partial", "3", True), ("failed", "0", True)]
)
def test_a_check_decides_an_auto_criterion(verdict: str, points: str, settled: bool) -> None:
    found = {PADDING: Finding.model_validate({"verdict": verdict})}
    item = card(criterion(kind="auto", check=PADDING), findings=found).sections[0].criteria[0]
    assert (item.points, item.settled) == (Decimal(points), settled)


def test_an_unknown_answer_decides_nothing() -> None:
    found = {PADDING: Finding(verdict="not_assessed")}
    assert only(card(criterion(kind="auto", check=PADDING), findings=found)) == ("None", "0", "6", False)


CAPPED = {"requires": (Cap(check=PADDING),)}


@pytest.mark.parametrize("verdict", ["passed", "partial", "not_assessed", "crashed"])
def test_only_a_failed_check_caps(verdict: str) -> None:
    found = {PADDING: Finding.model_validate({"verdict": verdict})}
    assert card(criterion(**CAPPED), findings=found).sections[0].criteria[0].capped_by == ()


def test_a_failed_check_caps_at_half_and_says_so() -> None:
    item = card(criterion(**CAPPED), findings={PADDING: Finding(verdict="failed")}).sections[0].criteria[0]
    assert (item.points, item.low, item.high, item.capped_by) == (3, 3, 3, (PADDING,))


def test_a_cap_above_what_was_earned_takes_nothing_and_is_not_named() -> None:
    item = (
        card(
            criterion(**CAPPED), findings={PADDING: Finding(verdict="failed")}, suggestions={"1a": suggestion("1", "2")}
        )
        .sections[0]
        .criteria[0]
    )
    assert (item.points, item.capped_by) == (Decimal("1.5"), ())


def test_a_failed_check_that_harmed_no_number_caps_nothing() -> None:
    found = {PADDING: Finding(verdict="failed", caps=False)}
    assert card(criterion(**CAPPED), findings=found).sections[0].criteria[0].capped_by == ()


@pytest.mark.parametrize("verdict", ["not_assessed", "crashed"])
def test_an_unknown_answer_that_could_cap_goes_to_a_person(verdict: str) -> None:
    found = {PADDING: Finding.model_validate({"verdict": verdict, "staff_text": "why"})}
    result = card(criterion(**CAPPED), findings=found)
    assert (result.status, [(item.criterion, item.why) for item in result.review]) == (
        "needs_review",
        [(PADDING, "why")],
    )


def test_an_unknown_answer_that_caps_nothing_waits_for_nobody() -> None:
    assert card(criterion(), findings={PADDING: Finding(verdict="not_assessed")}).status == "graded"


def test_a_draft_and_a_blocking_flag_go_to_a_person_and_information_does_not() -> None:
    draft = card(criterion(), submission=handed_in(draft=True))
    assert (draft.status, draft.total, draft.low, draft.high) == ("needs_review", None, None, None)
    assert draft.sections[0].points is not None
    assert card(criterion(), flags=[Flag(kind="x", why="y")]).status == "needs_review"
    assert card(criterion(), flags=[Flag(kind="x", why="y", blocking=False)]).status == "graded"


def test_nothing_handed_in_has_no_points_at_all() -> None:
    result = unscored(rubric(criterion()), handed_in(status="none"))
    assert (result.status, result.total, result.sections) == ("no_submission", None, ())
    assert unscored(rubric(criterion()), handed_in(status="unreadable")).status == "unreadable"


def test_lateness_comes_off_the_total_but_never_below_zero() -> None:
    policy = LatePolicy(kind="per_day", points=Decimal(5))
    result = card(criterion(), submission=handed_in(late_seconds=90000), dates=Dates(late=policy))
    assert result.adjustments == (
        Adjustment(kind="late", points=Decimal(-10), why="1 day 1 hour late: 2 started days x 5 points = 10"),
    )
    assert (result.total, result.low, result.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("policy", "seconds", "points"),
    [
        (LatePolicy(), 10**6, None),
        (LatePolicy(kind="per_day", points=Decimal(5)), 0, None),
        (LatePolicy(kind="per_day", points=Decimal(5)), 1, "-5"),
        (LatePolicy(kind="per_day", points=Decimal(5)), 86400, "-5"),
        (LatePolicy(kind="per_day", points=Decimal(5)), 86401, "-10"),
        (LatePolicy(kind="per_day", points=Decimal(5), grace=timedelta(minutes=15)), 900, None),
        (LatePolicy(kind="per_day", points=Decimal(5), at_most=Decimal(7)), 10**6, "-7"),
        (LatePolicy(kind="per_hour", points=Decimal("0.5")), 3601, "-1"),
        (LatePolicy(kind="steps", steps=((timedelta(0), Decimal(2)), (timedelta(days=2), Decimal(20)))), 100, "-2"),
        (LatePolicy(kind="steps", steps=((timedelta(0), Decimal(2)), (timedelta(days=2), Decimal(20)))), 200000, "-20"),
        (LatePolicy(kind="steps", steps=((timedelta(hours=1), Decimal(2)),)), 60, None),
    ],
)
def test_late_policies(policy: LatePolicy, seconds: int, points: str | None) -> None:
    found = card(criterion(), submission=handed_in(late_seconds=seconds), dates=Dates(late=policy)).adjustments
    assert [str(item.points.normalize()) for item in found] == (
        [] if points is None else [str(Decimal(points).normalize())]
    )


def test_unknown_lateness_costs_nothing() -> None:
    policy = LatePolicy(kind="per_day", points=Decimal(5))
    assert card(criterion(), submission=handed_in(late_seconds=None), dates=Dates(late=policy)).adjustments == ()
