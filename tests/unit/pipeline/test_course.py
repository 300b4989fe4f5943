"""The course folder: valid at once, its people under all their names, and where everybody stands."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import grader.cli.assignments
import grader.cli.course
import grader.cli.grading  # noqa: F401
from grader.catalog import Course
from grader.catalog.people import read_people
from grader.cli.app import app
from grader.errors import CourseError, InputError
from grader.ledger import Ledger
from grader.model.people import People, Person
from grader.model.submission import Participant
from grader.pipeline import Request, grade, load_materials
from grader.pipeline.course import course_status, new_course, take_in
from grader.pipeline.releasing import release
from grader.settings import Settings

DATA = Path(__file__).parents[2] / "data" / "moodle"
STATIC = Settings(mode="static")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    new_course(tmp_path / "course", title='A "nice" course', timezone="Europe/Berlin")
    return Course(tmp_path / "course")


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(item) for item in arguments], catch_exceptions=False, standalone_mode=False)


def test_a_new_course_is_valid_at_once(course: Course) -> None:
    done = run("assignment", "validate", "week1", "--static", "--course", course.root)
    assert (done.return_value, "week1: valid" in done.output) == (0, True)
    loaded = course.load("week1")
    assert (loaded.course, loaded.timezone) == ('A "nice" course', "Europe/Berlin")
    assert (course.root / "people" / "roster.csv").stat().st_mode & 0o077 == 0
    assert {"/people/", "/results/"} <= set((course.root / ".gitignore").read_text().split())


def test_a_course_never_overwrites_a_folder(course: Course) -> None:
    with pytest.raises(InputError, match="not empty"):
        new_course(course.root)


def test_a_time_zone_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no time zone"):
        new_course(tmp_path / "x", timezone="Berlin")
    assert not (tmp_path / "x").exists()


def test_a_worksheet_makes_a_roster_with_every_nasty_name_and_survives_a_spreadsheet(course: Course) -> None:
    done = take_in(course, [DATA / "main-worksheet-overrides.csv"])
    assert (done.total, len(done.added)) == (25, 25)
    people = course.people()
    names = {person.id_number: person.name for person in people.people}
    assert names["S10"] == "=SUM(A1:A9) Formula"
    assert names["S19"] == "A/B: Test? C\\D*|E"
    assert people.match(Participant(id="2", name="Alex Kim", email="s09@example.org")) == people.find("S09")
    with (course.root / "people" / "roster.csv").open(encoding="utf-8-sig", newline="") as file:
        assert all(not cell.startswith(("=", "+", "-", "@")) for row in csv.reader(file) for cell in row)
    again = take_in(course, [DATA / "main-worksheet-overrides.csv"])
    assert (again.added, again.changed, again.missing) == ((), (), ())


PARTICIPANTS = """\
\ufeff"First name",Surname,"Email address",Groups,Roles
Zoë,Müller,zoe@new.example,A,Student
Alex,Kim,a1@example.org,B,Student
Alex,Kim,a2@example.org,B,Student
Tom,Tutor,tom@example.org,,"Non-editing teacher"
Tess,Teacher,tess@example.org,,Teacher
"""
PLAIN = """\
name;email;id;aliases
Zoë Müller;zoe@example.org;S26;zoe@new.example
"""


def test_lists_of_any_kind_meet_in_one_roster(course: Course, tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text(PLAIN, "utf-8")
    (tmp_path / "participants.csv").write_text(PARTICIPANTS, "utf-8")
    take_in(course, [tmp_path / "plain.csv"])
    done = take_in(course, [tmp_path / "participants.csv"])
    assert (len(done.added), done.changed) == (4, ("S26",))
    people = course.people()
    zoe = people.find("zoe@example.org")
    assert zoe is not None
    assert (zoe.email, zoe.id_number) == ("zoe@new.example", "S26")
    assert people.find("Mu\u0308ller, Zoe\u0308") == zoe
    assert people.find("Alex Kim") is None
    assert {person.name: person.role for person in people.people if person.role != "student"} == {
        "Tom Tutor": "ta",
        "Tess Teacher": "teacher",
    }


def test_who_is_in_no_complete_list_has_left_and_can_come_back(course: Course, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,email\nAda,ada@x.org\nBob,bob@x.org\n")
    (tmp_path / "b.csv").write_text("name,email\nBob,bob@x.org\n")
    take_in(course, [tmp_path / "a.csv"])
    assert take_in(course, [tmp_path / "b.csv"]).missing == ("ada@x.org",)
    assert not any(person.dropped for person in course.people().people)
    take_in(course, [tmp_path / "b.csv"], complete=True)
    assert [person.name for person in course.people().people if person.dropped] == ["Ada"]
    take_in(course, [tmp_path / "a.csv"])
    assert not any(person.dropped for person in course.people().people)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("foo,bar\n1,2\n", "no column that names people"),
        ("name,email\nAda\n", "2: has 1 cells|has 1 cells"),
        ("email,aliases\n,x@y.org\n", "needs a name"),
    ],
)
def test_lists_that_cant_be_read_say_why(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(CourseError, match=words):
        read_people(tmp_path / "x.csv")


def test_two_people_never_share_an_address() -> None:
    with pytest.raises(ValueError, match="share"):
        People(people=(Person(name="A", email="a@x.org"), Person(name="B", aliases=("A@x.org",))))


def test_time_granted_in_the_private_file_reaches_the_person_under_any_name(course: Course, tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text(PLAIN, "utf-8")
    take_in(course, [tmp_path / "plain.csv"])
    path = course.root / "people" / "extensions.csv"
    path.write_text(
        "assignment,who,until,why\nweek1,Zoë Müller,2026-11-27 09:00,ill\nweek2,x,2026-11-28 09:00,\n", "utf-8"
    )
    (only,) = course.load("week1").dates.extensions
    assert {"s26", "zoe@new.example"} <= set(only.also)
    assert only.until.isoformat() == "2026-11-27T09:00:00+01:00"
    path.write_text("assignment,who,until,why\nweek1,Zoë Müller,soon,\n", "utf-8")
    with pytest.raises(CourseError, match="is no date"):
        course.load("week1")


def test_one_setting_places_all_ledgers_of_the_course(course: Course, tmp_path: Path) -> None:
    with (course.root / "course.yaml").open("a") as file:
        file.write(f"ledgers: {tmp_path / 'local'}\n")
    materials = load_materials(course, "week1")
    for name in ("one", "two"):
        grade(Request(course.folder("week1") / "solution.ipynb", course.root / "results" / name), materials, STATIC)
    places = {Ledger.of(course.root / "results" / name).path for name in ("one", "two")}
    assert len(places) == 2
    assert {path.parent for path in places} == {tmp_path / "local"}


def graded_class(course: Course, tmp_path: Path) -> Path:
    export = tmp_path / "export"
    for name in ("José Ángel Núñez-García_24", "Lars Late_13"):
        folder = export / f"{name}_assignsubmission_file"
        folder.mkdir(parents=True)
        shutil.copy(course.folder("week1") / "solution.ipynb", folder / "homework.ipynb")
    out = course.root / "results" / "week1"
    grade(Request(export, out, DATA / "main-worksheet.csv"), load_materials(course, "week1"), STATIC)
    return out


def test_status_says_of_everybody_where_they_stand(course: Course, tmp_path: Path) -> None:
    take_in(course, [DATA / "main-worksheet-overrides.csv"])
    (tmp_path / "plain.csv").write_text("name,email\nGhost,ghost@example.org\n")
    take_in(course, [tmp_path / "plain.csv"])
    out = graded_class(course, tmp_path)
    rows = {row.name: row for row in course_status(course).rows}
    assert rows["José Ángel Núñez-García"].places["week1"].state == "graded"
    assert rows["Lars Late"].places["week1"].late_seconds == 26 * 3600
    assert rows["Nora Nothing"].places["week1"].state == "nothing"
    assert rows["Ghost"].places == {}
    release(out, load_materials(course, "week1"), provisional=True)
    rows = {row.name: row for row in course_status(course).rows}
    assert (rows["Lars Late"].places["week1"].state, rows["Lars Late"].places["week1"].release) == ("released", 1)
    done = run("course", "status", "--course", course.root, "--json")
    assert {row["name"] for row in json.loads(done.output)["rows"]} == set(rows)
    assert "Lars Late" in run("course", "status", "--course", course.root).output


def test_time_granted_to_nobody_in_the_export_is_said(course: Course, tmp_path: Path) -> None:
    path = course.root / "people" / "extensions.csv"
    path.write_text("assignment,who,until\nweek1,24,2026-11-27 09:00\nweek1,nobody,2026-11-27 09:00\n")
    page = (graded_class(course, tmp_path) / "index.html").read_text("utf-8")
    assert page.count("was granted to") == 1
    assert "nobody" in page


def test_people_of_an_export_who_are_not_in_the_roster_are_shown(course: Course, tmp_path: Path) -> None:
    graded_class(course, tmp_path)
    assert {row.known for row in course_status(course).rows} == {False}
