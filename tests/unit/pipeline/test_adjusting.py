"""Points beside the rubric, for a team or one of its members: in the right rows, on the right pages, undone like any decision."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from grader.catalog import Course
from grader.errors import InputError
from grader.ledger import Ledger
from grader.model.decision import Event
from grader.pipeline import Materials, Request, grade, load_materials
from grader.pipeline.adjusting import adjust
from grader.pipeline.course import new_course
from grader.pipeline.releasing import release
from grader.settings import Settings

MOODLE = Path(__file__).parents[2] / "data" / "moodle"


@pytest.fixture
def materials(tmp_path: Path) -> Materials:
    new_course(tmp_path / "course")
    return load_materials(Course(tmp_path / "course"), "week1")


@pytest.fixture
def out(materials: Materials, tmp_path: Path) -> Path:
    target = tmp_path / "out"
    request = Request(MOODLE / "team-folders.zip", target, MOODLE / "team-worksheet.csv")
    grade(request, materials, Settings(mode="static"))
    return target


def given(out: Path, number: int) -> dict[str, tuple[str, str]]:
    path = out / "releases" / str(number) / "worksheet.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["Identifier"].split()[-1]: (row["Grade"], row["Feedback comments"]) for row in rows}


def test_a_member_alone_gets_another_grade_and_only_their_comment_says_so(out: Path, materials: Materials) -> None:
    release(out, materials, provisional=True)
    before = given(out, 1)
    assert {before[number][0] for number in ("102", "88", "89")} == {"50.00"}
    adjust(out, "g2", Decimal(1), because="extra experiment", author="Ada")
    adjust(out, "102", Decimal("-2.5"), because="left half-way", author="Ada")
    done = release(out, materials, provisional=True)
    assert done.changed == ("g2",)
    after = given(out, 2)
    assert {number: grade for number, (grade, _) in after.items()} == {"102": "35.00", "88": "60.00", "89": "60.00"}
    assert [number for number, (_, comment) in after.items() if "left half-way" in comment] == ["102"]
    assert all("extra experiment" in comment for _, comment in after.values())
    page = (out / "feedback" / "g2.html").read_text("utf-8")
    assert "extra experiment" in page
    assert "left half-way" not in page


def test_an_adjustment_that_is_undone_is_gone_and_none_leaves_the_range(out: Path, materials: Materials) -> None:
    event = adjust(out, "88", Decimal(-99), because="plagiarism", author="Ada")
    release(out, materials, provisional=True)
    assert given(out, 1)["88"][0] == "0.00"
    Ledger.of(out).append(Event(author="Ada", kind="undo", participant=event.participant, refers=event.id))
    release(out, materials, provisional=True)
    assert given(out, 2)["88"][0] == "50.00"


@pytest.mark.parametrize(("who", "why", "words"), [("4711", "x", "no participant"), ("g2", " ", "needs its reason")])
def test_an_adjustment_for_nobody_or_without_a_reason_is_refused(out: Path, who: str, why: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        adjust(out, who, Decimal(1), because=why, author="Ada")
