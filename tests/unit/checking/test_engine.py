from __future__ import annotations

import types
from decimal import Decimal
from typing import Any

import pytest

from grader.checking.api import Case, CheckFunction, CheckOptions, check, finding, not_assessed
from grader.checking.engine import bind, run_checks
from grader.checking.registry import Option, Registry
from grader.errors import CourseError
from grader.model.assignment import Assignment
from grader.model.evidence import Evidence
from grader.model.finding import Finding, Findings
from grader.model.observation import Observations
from grader.model.rubric import CheckLine, Rubric
from grader.model.submission import Flag


class SideOptions(CheckOptions):
    side: str = "left"
    """Which side is asked for."""
    limit: int


@check(CheckOptions)
def good(case: Case, options: CheckOptions) -> Finding:
    """Everything is fine,
    always.

    More for staff.
    """
    return finding("passed", student="fine", staff="fine", scale=case.scale)


@check(CheckOptions)
def bad(case: Case, options: CheckOptions) -> Finding:
    """Nothing is fine."""
    return finding("failed", student="no", staff="no")


@check(CheckOptions)
def unknown(case: Case, options: CheckOptions) -> Finding:
    """Nobody knows."""
    return not_assessed("?", "?")


@check(CheckOptions)
def broken(case: Case, options: CheckOptions) -> Finding:
    """It breaks."""
    raise ValueError("first line\nsecond " + "x" * 1000)


@check(CheckOptions)
def speechless(case: Case, options: CheckOptions) -> Finding:
    """It forgets to answer."""
    return None  # type: ignore[return-value]


@check(SideOptions)
def sided(case: Case, options: SideOptions) -> Finding:
    """The side is right."""
    return finding("passed", student=options.side, staff=str(options.limit))


def registry(*functions: CheckFunction) -> Registry:
    module = types.ModuleType("made_up")
    for function in functions or (good, bad, unknown, broken, speechless, sided):
        setattr(module, function.__name__, function)
        function.__module__ = "made_up"
    return Registry.of([module])


def line(identity: str, name: str, **more: Any) -> CheckLine:
    return CheckLine(id=identity, check=name, **more)


def rubric(*lines: CheckLine) -> Rubric:
    return Rubric(assignment="week3", max=Decimal(100), sections=(), checks=lines)


def run(*lines: CheckLine, public_only: bool = False, flag: str = "draft") -> Findings:
    assignment = Assignment(slug="week3", title="Week 3", rubric="rubrics/week3.yaml")
    evidence = Evidence(flags=(Flag(kind=flag, why="so it is"),))
    return run_checks(
        rubric(*lines), evidence, Observations(), assignment, registry(), scale="t4", public_only=public_only
    )


def verdicts(*lines: CheckLine, public_only: bool = False) -> dict[str, str]:
    return {name: item.verdict for name, item in run(*lines, public_only=public_only).findings.items()}


def test_each_line_gets_its_finding_in_the_rubrics_order() -> None:
    assert list(verdicts(line("b", "bad"), line("a", "good"), line("c", "unknown")).items()) == [
        ("b", "failed"),
        ("a", "passed"),
        ("c", "not_assessed"),
    ]


def test_the_scale_reaches_the_check() -> None:
    assert run(line("a", "good")).findings["a"].values == {"scale": "t4"}


def test_children_of_a_failed_line_are_not_assessed_and_say_why_even_when_they_stand_before_it() -> None:
    child, grandchild = line("child", "good", parent="top"), line("grandchild", "good", parent="child")
    found = run(child, grandchild, line("top", "bad", title="Top"))
    assert [item.verdict for item in found.findings.values()] == ["not_assessed", "not_assessed", "failed"]
    assert found.findings["grandchild"].student_text == "Not looked at, because “Top” has to be right first."
    assert "`top`" in found.findings["grandchild"].staff_text
    assert found.findings["child"].credit is None


@pytest.mark.parametrize("flag", ["page_cut_off", "notebook_repaired"])
def test_nothing_is_failed_where_cells_of_the_file_are_missing(flag: str) -> None:
    found = run(line("a", "bad"), line("b", "good"), flag=flag).findings
    assert [item.verdict for item in found.values()] == ["not_assessed", "passed"]
    assert "damaged" in found["a"].student_text
    assert "would be failed: no" in found["a"].staff_text


@pytest.mark.parametrize("parent", ["unknown", "broken", "good"])
def test_only_a_failed_parent_keeps_its_children_from_being_looked_at(parent: str) -> None:
    assert verdicts(line("top", parent), line("child", "bad", parent="top"))["child"] == "failed"


def test_a_check_that_breaks_down_costs_nothing_and_the_others_go_on() -> None:
    found = run(line("a", "broken"), line("b", "speechless"), line("c", "good")).findings
    assert [item.verdict for item in found.values()] == ["crashed", "crashed", "passed"]
    assert found["a"].credit is None
    assert "our mistake" in found["a"].student_text
    assert "xxx" not in found["a"].student_text
    assert "ValueError: first line second x" in found["a"].staff_text
    assert "in broken" in found["a"].staff_text
    assert len(found["a"].staff_text) < 700
    assert "returned NoneType" in found["b"].staff_text


def test_students_see_public_lines_only() -> None:
    assert verdicts(line("a", "good"), line("b", "bad", public=False), public_only=True) == {"a": "passed"}


def test_options_are_validated_and_handed_over() -> None:
    found = run(line("a", "sided", options={"side": "right", "limit": 3})).findings["a"]
    assert (found.student_text, found.staff_text) == ("right", "3")


def test_all_mistakes_of_a_rubric_are_told_at_once_with_their_lines() -> None:
    wrong = rubric(
        line("a", "goood"),
        line("b", "sided", options={"limit": "many", "sidee": "left"}),
        line("c", "good", parent="zzz"),
        line("d", "good", parent="e"),
        line("e", "good", parent="d"),
        line("a", "good"),
    )
    with pytest.raises(CourseError) as caught:
        bind(wrong, registry(), path="rubrics/week3.yaml")
    text = caught.value.text()
    for part in (
        "rubrics/week3.yaml",
        "check line `a`: there is no check `goood` (did you mean `good`?)",
        "check line `b`: option `limit`: input should be a valid integer",
        "option `sidee`",
        "options of `sided`: side, limit",
        "check line `c`: its parent `zzz` is not a check line",
        "check line `d`: its parents form a circle",
        "check line `e`: its parents form a circle",
        "check line `a`: two check lines have this id",
    ):
        assert part in text


def test_a_missing_option_is_named() -> None:
    with pytest.raises(CourseError, match="option `limit`: field required"):
        bind(rubric(line("a", "sided")), registry())


def test_describing_a_check_gives_its_sentence_and_options() -> None:
    shown = registry().describe("good")
    assert (shown.sentence, shown.details, shown.options) == ("Everything is fine, always.", "More for staff.", ())
    assert registry().describe("sided").options == (
        Option("side", "str", "left", False, "Which side is asked for."),
        Option("limit", "int", None, True, ""),
    )


def test_describing_a_check_that_does_not_exist_offers_the_nearest() -> None:
    with pytest.raises(CourseError, match="did you mean `good`"):
        registry().describe("goodd")


def test_two_checks_of_one_name_are_refused() -> None:
    one, two = types.ModuleType("made_up"), types.ModuleType("made_up")
    one.good = two.good = good  # type: ignore[attr-defined]
    good.__module__ = "made_up"
    with pytest.raises(CourseError, match="two checks are called `good`"):
        Registry.of([one, two])


def test_a_check_without_a_sentence_is_refused() -> None:
    @check(CheckOptions)
    def silent(case: Case, options: CheckOptions) -> Finding:
        return finding("passed", student="", staff="")

    with pytest.raises(CourseError, match="no docstring"):
        registry(silent)


def test_functions_imported_from_elsewhere_are_not_collected_twice() -> None:
    module = types.ModuleType("other")
    module.good = good  # type: ignore[attr-defined]
    good.__module__ = "made_up"
    assert list(Registry.of([module])) == []
