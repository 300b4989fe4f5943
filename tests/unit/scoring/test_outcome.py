from __future__ import annotations

from decimal import Decimal

import pytest

from grader.model.decision import Event, Outcome
from grader.model.finding import Finding
from grader.model.rubric import Cap, CheckLine, Criterion, Rubric, Section, Texts
from grader.model.scorecard import Scorecard, Suggestion
from grader.model.submission import Flag, Participant, Submission
from grader.scoring import outcome, score, standing, undone, unscored

PADDING = "decoder.padding_side"
TEXTS = Texts(asked="a", met="b", half="c", missed="d", staff="e")
SEEN = "0" * 64
ANSWERS = {"1a": "aaa", "1b": "bbb"}


def rubric(maximum: str = "6") -> Rubric:
    capped = Criterion(
        id="1a", title="A", max=Decimal(maximum), kind="suggested", texts=TEXTS, requires=(Cap(check=PADDING),)
    )
    manual = Criterion(id="1b", title="B", max=Decimal(4), kind="manual", texts=TEXTS)
    total = capped.max + manual.max
    section = Section(id="s", title="S", max=total, criteria=(capped, manual))
    return Rubric(assignment="t", max=total, sections=(section,), checks=(CheckLine(id=PADDING, check="padding_side"),))


def card(verdict: str = "passed", *, draft: bool = False, flags: tuple[Flag, ...] = ()) -> Scorecard:
    finding = Finding.model_validate({"verdict": verdict, "staff_text": "not seen"})
    hint = Suggestion(low=Decimal(4), high=Decimal(5), state="found", confidence="firm")
    who = Submission(participant=Participant(id="24"), status="submitted", draft=draft, sha256=SEEN)
    return score(rubric(), who, findings={PADDING: finding}, suggestions={"1a": hint}, flags=flags)


def event(number: int, kind: str, criterion: str = "1a", **other: object) -> Event:
    fields = {"id": number, "author": "Ada", "kind": kind, "participant": "24", "criterion": criterion}
    about = {"submission_sha256": SEEN, "answer_sha256": ANSWERS.get(criterion, "")}
    return Event.model_validate({**fields, **about, **other})


def result(
    *events: Event,
    base: Scorecard | None = None,
    rules: Rubric | None = None,
    sha: str = SEEN,
    answers: dict[str, str] = ANSWERS,
) -> Outcome:
    rules = rules or rubric()
    stands = standing(events, rubric=rules, answers=answers, submission_sha256=sha)
    return outcome(base or card(), rules, stands)


def points(found: Outcome, name: str = "1a") -> tuple[str, str, str, bool]:
    (item,) = (item for section in found.card.sections for item in section.criteria if item.id == name)
    return str(item.points), str(item.low), str(item.high), item.settled


def open_items(found: Outcome) -> list[tuple[str, str]]:
    return [(item.kind, item.target) for item in found.open]


def test_without_decisions_the_card_is_what_counts() -> None:
    assert result().card == card()
    assert open_items(result()) == [("criterion", "1a"), ("criterion", "1b")]
    assert not result().settled


def test_a_decision_settles_its_criterion_and_the_sums_follow() -> None:
    found = result(event(1, "decision", points="5.5"))
    assert points(found) == ("5.5", "5.5", "5.5", True)
    assert points(found, "1b") == ("None", "0", "4", False)
    assert (found.card.total, found.card.low, found.card.high) == (Decimal("7.5"), Decimal("5.5"), Decimal("9.5"))
    assert found.card.sections[0].settled is False


def test_all_decided_is_settled_and_has_no_range() -> None:
    found = result(event(1, "decision", points="5.5"), event(2, "decision", "1b", points="3"))
    assert found.settled
    assert found.card.total == found.card.low == found.card.high == Decimal("8.5")
    assert found.card.sections[0].settled


def test_the_newest_decision_counts_and_undoing_it_brings_the_earlier_one_back() -> None:
    one, two = event(1, "decision", points="5"), event(2, "decision", points="2", author="Ben")
    back = event(3, "undo", refers=2)
    assert points(result(one, two))[0] == "2"
    assert points(result(one, two, back))[0] == "5"
    assert points(result(one, two, back, event(4, "undo", refers=3)))[0] == "2"
    assert undone([one, two, back, event(4, "undo", refers=3)]) == {3}


@pytest.mark.parametrize(
    ("sha", "answers", "kept"),
    [(SEEN, {"1a": "another reading"}, True), ("1" * 64, ANSWERS, True), ("1" * 64, {"1a": "changed"}, False)],
    ids=["regrade of the same files", "new files with the same answer", "new files with a changed answer"],
)
def test_a_decision_holds_until_the_answer_changes(sha: str, answers: dict[str, str], kept: bool) -> None:
    found = result(event(1, "decision", points="5.5"), sha=sha, answers=answers)
    assert points(found)[3] is kept
    if not kept:
        assert points(found) == ("4.5", "4", "5", False)
        assert [item.why for item in found.open if item.target == "1a"] == [
            "decided before, but the answer has changed since it was decided"
        ]


def test_points_beyond_a_lowered_maximum_ask_again_and_are_never_cut_silently() -> None:
    found = result(event(1, "decision", points="5.5"), rules=rubric("3"))
    assert points(found)[3] is False
    assert "5.5 points were given; it is worth 3 now" in found.open[0].why


def test_a_persons_decision_goes_above_a_cap() -> None:
    capped = card("failed")
    assert points(result(base=capped))[:3] == ("3.0", "3.0", "3.0")
    given = result(event(1, "decision", points="5"), base=capped)
    assert points(given)[0] == "5"
    assert given.card.sections[0].criteria[0].capped_by == ()
    low = result(event(1, "decision", points="2"), base=capped)
    assert low.card.sections[0].criteria[0].capped_by == (PADDING,)


def test_a_persons_verdict_on_a_check_puts_its_cap_on_or_off() -> None:
    unknown = card("not_assessed")
    assert unknown.status == "needs_review"
    assert open_items(result(base=unknown))[-1] == ("check", PADDING)
    wrong = result(event(1, "verdict", PADDING, verdict="failed"), base=unknown)
    assert points(wrong)[:3] == ("3.0", "3.0", "3.0")
    assert wrong.card.sections[0].criteria[0].capped_by == (PADDING,)
    assert (wrong.card.status, wrong.card.review) == ("graded", ())
    fine = result(event(1, "verdict", PADDING, verdict="passed"), base=card("failed"))
    assert points(fine) == ("4.5", "4", "5", False)
    looked = result(event(1, "verdict", PADDING), base=card("failed"))
    assert points(looked)[:3] == ("3.0", "3.0", "3.0")


def test_a_word_on_the_whole_submission_settles_what_was_asked_then_only() -> None:
    odd = card(flags=(Flag(kind="two", why="two notebooks"), Flag(kind="new", why="a later question")))
    said = event(1, "verdict", "", verdict="passed", data={"asked": ["two notebooks"]})
    found = result(said, base=odd)
    assert [item.why for item in found.open if item.kind == "submission"] == ["a later question"]


def test_a_draft_gets_a_grade_only_when_a_person_says_that_it_counts() -> None:
    draft = card(draft=True)
    asked = {"asked": [item.why for item in draft.review]}
    assert result(base=draft).card.total is None
    accepted = result(event(1, "verdict", "", verdict="passed", data=asked), base=draft)
    assert accepted.card.total == Decimal("6.5")
    refused = result(event(1, "verdict", "", verdict="failed", data=asked), base=draft)
    assert refused.card.total is None
    assert refused.settled


def test_an_unreadable_submission_can_be_graded_by_hand_or_closed() -> None:
    who = Submission(participant=Participant(id="24"), status="unreadable", sha256=SEEN)
    nothing = unscored(rubric(), who, [Flag(kind="unreadable", why="no notebook")])
    assert open_items(result(base=nothing)) == [("submission", "")]
    asked = {"asked": ["no notebook"]}
    closed = result(event(1, "verdict", "", verdict="failed", data=asked), base=nothing)
    assert closed.settled
    assert closed.card.total is None
    by_hand = (event(1, "decision", points="3"), event(2, "decision", "1b", points="2"))
    half = result(*by_hand, base=nothing)
    assert half.card.total is None
    whole = result(*by_hand, event(3, "verdict", "", verdict="passed", data=asked), base=nothing)
    assert (whole.settled, whole.card.total, whole.card.status) == (True, Decimal(5), "graded")


def test_nothing_handed_in_has_nothing_to_settle() -> None:
    nobody = unscored(rubric(), Submission(participant=Participant(id="24"), status="none"))
    assert result(base=nobody).settled


def test_flags_and_requests_keep_a_submission_open_until_lowered_or_answered() -> None:
    done = (event(1, "decision", points="5"), event(2, "decision", "1b", points="3"))
    flag, ask = event(3, "flag", text="copied?"), event(4, "request", "1b", text="please look again")
    assert open_items(result(*done, flag, ask)) == [("flag", "1a"), ("request", "1b")]
    assert result(*done, flag, ask, event(5, "undo", refers=3), event(6, "answer", "1b", refers=4)).settled


def test_the_newest_comment_stands_and_an_empty_one_takes_it_away() -> None:
    said = (event(1, "comment", text="well done"), event(2, "comment", text="very well done"))
    assert result(*said).standing.comments["1a"].text == "very well done"
    assert result(*said, event(3, "comment", text=" ")).standing.comments == {}
    assert result(*said).card == card()


def test_who_has_a_submission_is_the_newest_assignment() -> None:
    given = (event(1, "assignment", "", data={"to": "Ada"}), event(2, "assignment", "", data={"to": "Ben"}))
    assert result(*given).standing.assigned == "Ben"
    assert result(*given, event(3, "assignment", "", data={"to": ""})).standing.assigned == ""
