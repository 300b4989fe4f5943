"""A whole term: three assignments, forty people, extensions, late ones, a second try, teams, a regrade, somebody who leaves.

Nothing is executed (static mode). Every total that is given out is held against one that is reckoned here, by other code.
"""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from grader.catalog import Course
from grader.pipeline import Graded, Request, grade, load_materials
from grader.pipeline.adjusting import adjust
from grader.pipeline.course import course_status, take_in
from grader.pipeline.regrading import regrade
from grader.pipeline.releasing import Released, release
from grader.settings import Settings
from tests.builders_term import (
    STUDENTS,
    TERMS,
    ZONE,
    HandIn,
    Student,
    change_terms,
    course_at,
    homework,
    mark,
    moodle_files,
    roster_csv,
)

STATIC = Settings(mode="static")
DAY = timedelta(days=1)
NOTHING = {3, 17}
"""Who never hands in week 1."""
LATE1 = {
    5: DAY,
    6: 5 * DAY,
    7: timedelta(minutes=15),
    8: timedelta(minutes=16),
    9: 3 * DAY + timedelta(minutes=1),
    10: 12 * DAY,
}
"""After week 1's due date; between it and the fifth day clocks go back."""
ILL, LATER = 9, 6
"""Who has more time in Moodle from the start, and who is granted it in the course's own file after the release."""
AGAIN = {0: timedelta(hours=-1), 11: timedelta(hours=2, minutes=30), 12: timedelta(hours=40), 20: timedelta(0)}
"""Who hands in week 2 again after the feedback, and when."""
GONE = 25
TEAMS = {student.index: f"Team_{student.index // 4} / «ß»" for student in STUDENTS if student.index != GONE}


class Term:
    """The course as it goes, and what is true of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.course: Course = course_at(root / "course")
        self.expected: dict[str, dict[int, Decimal | None]] = {}
        """By assignment and student, reckoned here."""

    def out(self, slug: str) -> Path:
        return self.course.root / "results" / slug

    def grade(self, slug: str, files: tuple[Path, Path]) -> list[Graded]:
        return grade(Request(files[0], self.out(slug), files[1]), load_materials(self.course, slug), STATIC)

    def release(self, slug: str) -> Released:
        return release(self.out(slug), load_materials(self.course, slug), author="Ada")

    def given(self, slug: str, week: int, releases: int) -> dict[int, str]:
        """The newest grade of everybody in the worksheets that went to Moodle, one after the other."""
        by_number = {f"Participant {student.number(week)}": student.index for student in STUDENTS}
        found: dict[int, str] = {}
        for number in range(1, releases + 1):
            with (self.out(slug) / "releases" / str(number) / "worksheet.csv").open(
                encoding="utf-8-sig", newline=""
            ) as file:
                found |= {by_number[row["Identifier"]]: row["Grade"] for row in csv.DictReader(file)}
        return found


def scaled(total: Decimal, maximum: int) -> str:
    return str((total * 100 / maximum).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


def late_days(due: datetime, at: datetime) -> int:
    """Started days by the clock of the course."""
    apart = at.astimezone(ZONE).replace(tzinfo=None) - due.astimezone(ZONE).replace(tzinfo=None)
    return math.ceil(apart / DAY)


def clipped(total: Decimal, maximum: int) -> Decimal:
    return min(max(total, Decimal(0)), Decimal(maximum))


def due(slug: str) -> datetime:
    moment: Any = TERMS[slug]["due"]
    return moment.replace(tzinfo=ZONE)  # type: ignore[no-any-return]


def week1(term: Term, points: dict[str, Decimal], *, each: int, later: bool) -> dict[int, Decimal | None]:
    found: dict[int, Decimal | None] = {}
    for student in STUDENTS:
        if student.index in NOTHING:
            found[student.index] = None
            continue
        after = LATE1.get(student.index, -DAY)
        at = (due("week1").replace(tzinfo=None) + after).replace(tzinfo=ZONE)
        until = due("week1") + (4 * DAY if student.index == ILL or (later and student.index == LATER) else timedelta(0))
        cost = 0 if at <= until + timedelta(minutes=15) else min(each * late_days(until, at), 12)
        found[student.index] = clipped(points[student.number(1)] - cost, 40)
    return found


def play_week1(term: Term) -> None:
    rubric = term.course.rubric(term.course.load("week1"))
    extension = (due("week1").replace(tzinfo=None) + 4 * DAY).replace(tzinfo=ZONE)
    handed_in = {
        student.index: HandIn(
            homework(rubric, student.name),
            LATE1.get(student.index, -DAY),
            extension if student.index == ILL else None,
        )
        for student in STUDENTS
        if student.index not in NOTHING
    }
    graded = term.grade("week1", moodle_files(term.root / "w1", 1, handed_in))
    flags = {item.submission.participant.id: {flag.kind for flag in item.flags} for item in graded}
    assert {kind for kinds in flags.values() for kind in kinds} <= {"after_cutoff"}
    points = mark(term.out("week1"), seed=1)
    assert term.release("week1").number == 1
    term.expected["week1"] = week1(term, points, each=2, later=False)
    check(term, "week1", 1, 40, releases=1)

    (term.course.root / "people" / "extensions.csv").write_text(
        f"assignment,who,until\nweek1,{STUDENTS[LATER].email},{due('week1').replace(tzinfo=None) + 4 * DAY}\n"
    )
    change_terms(term.course, "week1", late={"kind": "per_day", "points": 1, "grace": "PT15M", "at_most": 12})
    changes, _ = regrade(
        term.out("week1"), load_materials(term.course, "week1"), because="one point a day is enough", apply=True
    )
    before = term.expected["week1"]
    term.expected["week1"] = week1(term, points, each=1, later=True)
    moved = {
        student.number(1) for student in STUDENTS if before[student.index] != term.expected["week1"][student.index]
    }
    assert moved
    assert {change.participant for change in changes} == moved
    done = term.release("week1")
    assert set(done.changed) >= moved
    check(term, "week1", 1, 40, releases=2)


def week2_cost(after: timedelta) -> Decimal:
    return min(Decimal(math.ceil(max(after, timedelta(0)) / timedelta(hours=1))) / 2, Decimal(8))


def play_week2(term: Term) -> None:
    rubric = term.course.rubric(term.course.load("week2"))
    handed_in = {student.index: HandIn(homework(rubric, student.name), timedelta(hours=-2)) for student in STUDENTS}
    term.grade("week2", moodle_files(term.root / "w2", 2, handed_in))
    mark(term.out("week2"), seed=2)
    term.release("week2")

    again = handed_in | {
        index: HandIn(homework(rubric, STUDENTS[index].name, changed="tiers"), after) for index, after in AGAIN.items()
    }
    graded = term.grade("week2", moodle_files(term.root / "w2b", 2, again))
    reopened = {item.submission.participant.id for item in graded if item.outcome and item.outcome.open}
    assert reopened == {STUDENTS[index].number(2) for index in AGAIN}
    changes = {item.submission.participant.id: item.attempt for item in graded}
    assert {who for who, attempt in changes.items() if attempt == 2} == reopened
    points = mark(term.out("week2"), seed=22)
    done = term.release("week2")
    assert set(done.changed) <= reopened
    term.expected["week2"] = {
        student.index: clipped(points[student.number(2)] - week2_cost(AGAIN.get(student.index, -DAY)), 40)
        for student in STUDENTS
    }
    check(term, "week2", 2, 40, releases=2)


def play_week3(term: Term) -> None:
    rubric = term.course.rubric(term.course.load("week3"))
    here = [student for student in STUDENTS if student.index != GONE]
    numbers = {name: place for place, name in enumerate(dict.fromkeys(TEAMS[student.index] for student in here), 1)}
    late = {2: timedelta(hours=3), 4: 2 * DAY + timedelta(minutes=1)}
    handed_in = {
        place: HandIn(homework(rubric, name), late.get(place, -DAY)) for name, place in numbers.items() if place != 7
    }
    term.grade("week3", moodle_files(term.root / "w3", 3, handed_in, people=here, teams=TEAMS))
    points = mark(term.out("week3"), seed=3)
    own = {0: Decimal("-7.5"), 39: Decimal(200)}
    for index, change in own.items():
        adjust(term.out("week3"), STUDENTS[index].number(3), change, because="as agreed", author="Ada")
    adjust(term.out("week3"), "g3", Decimal("1.5"), because="well presented", author="Ada")
    term.release("week3")
    costs = {2: Decimal(5), 4: Decimal(20)}

    def total(student: Student) -> Decimal | None:
        place = numbers[TEAMS[student.index]]
        if place == 7:
            return None
        more = own.get(student.index, Decimal(0)) + (Decimal("1.5") if place == 3 else 0)
        return clipped(points[f"g{place}"] - costs.get(place, Decimal(0)) + more, 100)

    term.expected["week3"] = {student.index: total(student) for student in here}
    check(term, "week3", 3, 100, releases=1)


def check(term: Term, slug: str, week: int, maximum: int, *, releases: int) -> None:
    """What went to Moodle is what was reckoned here, for everybody, and nobody else got anything."""
    expected = {index: scaled(total, maximum) for index, total in term.expected[slug].items() if total is not None}
    assert term.given(slug, week, releases) == expected


@pytest.fixture(scope="module")
def term(tmp_path_factory: pytest.TempPathFactory) -> Term:
    played = Term(tmp_path_factory.mktemp("term"))
    take_in(played.course, [roster_csv(played.root / "people.csv", STUDENTS)])
    play_week1(played)
    play_week2(played)
    left = [student for student in STUDENTS if student.index != GONE]
    take_in(played.course, [roster_csv(played.root / "later.csv", left)], complete=True)
    play_week3(played)
    return played


def test_every_total_of_the_term_is_the_one_that_was_reckoned(term: Term) -> None:
    rows = {row.key: row for row in course_status(term.course).rows}
    assert len(rows) == len(STUDENTS) == 40
    for student in STUDENTS:
        places = rows[f"M{student.index:03}"].places
        for slug in ("week1", "week2", "week3"):
            expected = term.expected[slug].get(student.index)
            place = places.get(slug)
            found = None if place is None or place.total is None else Decimal(place.total)
            assert found == expected, (student, slug)


def test_everybody_stands_where_they_should(term: Term) -> None:
    rows = {row.key: row for row in course_status(term.course).rows}
    gone = rows[f"M{GONE:03}"]
    assert (gone.dropped, set(gone.places)) == (True, {"week1", "week2"})
    assert {row.known for row in rows.values()} == {True}
    states = {slug: {row.places[slug].state for row in rows.values() if slug in row.places} for slug in TERMS}
    assert states == {"week1": {"released", "nothing"}, "week2": {"released"}, "week3": {"released", "nothing"}}
    assert {row.places["week2"].attempts for row in rows.values()} == {1, 2}


def test_nobodys_page_names_anybody_else(term: Term) -> None:
    distinct = [student for student in STUDENTS if len(student.name) > 12]
    for student in distinct[:8]:
        page = term.out("week1") / "feedback" / f"{student.number(1)}.html"
        if page.is_file():
            text = page.read_text("utf-8")
            assert [other.name for other in distinct if other.name != student.name and other.name in text] == []


def test_the_reckoning_here_is_not_blind() -> None:
    """Seven times twenty-four hours after the due date it is eight on the clock, not nine."""
    before = datetime(2026, 10, 21, 9, tzinfo=ZONE)
    assert late_days(before, (before.astimezone(UTC) + 7 * DAY).astimezone(ZONE)) == 7
    assert late_days(before, datetime(2026, 10, 28, 9, 1, tzinfo=ZONE)) == 8
