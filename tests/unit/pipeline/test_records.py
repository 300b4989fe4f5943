"""What is known of people: in one table, handed out, without names, or gone for good."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from grader.catalog import Course
from grader.errors import CourseError, InputError
from grader.ledger import Ledger, ledger_file
from grader.pipeline import Request, grade, load_materials, regrade
from grader.pipeline.adjusting import adjust
from grader.pipeline.course import course_status, new_course, take_in
from grader.pipeline.forgetting import everything_about, forget
from grader.pipeline.gradebook import anonymous_csv, gradebook_csv, import_grades
from grader.pipeline.released import newest_release
from grader.pipeline.releasing import release
from grader.settings import Settings
from grader.workspace import Workspace

DATA = Path(__file__).parents[2] / "data" / "moodle"
STATIC = Settings(mode="static")
LARS = ("Lars Late", "s14@example.org")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with one released class, one class of teams, time granted and a grade from elsewhere."""
    root = tmp_path_factory.mktemp("records") / "course"
    new_course(root)
    course = Course(root)
    take_in(course, [DATA / "main-worksheet-overrides.csv"])
    (root / "people" / "extensions.csv").write_text(f"assignment,who,until\nweek1,{LARS[1]},2027-01-01\n")
    export = root.parent / "export"
    for name in ("José Ángel Núñez-García_24", "Lars Late_13"):
        folder = export / f"{name}_assignsubmission_file"
        folder.mkdir(parents=True)
        shutil.copy(course.folder("week1") / "solution.ipynb", folder / "homework.ipynb")
    materials = load_materials(course, "week1")
    out = root / "results" / "week1"
    grade(Request(export, out, DATA / "main-worksheet.csv"), materials, STATIC)
    adjust(out, "13", Decimal(1), because="said something about Lars", author="Ada")
    adjust(out, "24", Decimal(2), because="fine", author="Ada")
    release(out, materials, provisional=True)
    teams = root / "results" / "teams"
    grade(Request(DATA / "team-folders.zip", teams, DATA / "team-worksheet.csv"), materials, STATIC)
    (root.parent / "old.csv").write_text("email,grade\ns14@example.org,7.5\ns01@example.org,8\nx@y.org,1\n")
    assert import_grades(course, root.parent / "old.csv", "essay") == (2, ["x@y.org"])
    return root


@pytest.fixture
def course(played: Path, tmp_path: Path) -> Course:
    shutil.copytree(played, tmp_path / "course")
    return Course(tmp_path / "course")


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_one_row_a_student_and_nothing_is_empty_never_zero(course: Course) -> None:
    named = [course.root / "results" / "week1"]
    rows = {row["Email address"]: row for row in table(gradebook_csv(course, named))}
    assert len(rows) == 25
    assert (rows[LARS[1]]["week1"], rows[LARS[1]]["essay"]) == ("6", "7.5")
    assert (rows["s12@example.org"]["week1"], rows["s12@example.org"]["essay"]) == ("", "")
    assert rows["s10@example.org"]["Full name"].startswith("'=SUM")


def test_what_nobody_settled_stays_out_of_the_gradebook_unless_asked_for(course: Course) -> None:
    named = [course.root / "results" / "teams"]
    settled = {row["week1"] for row in table(gradebook_csv(course, named))}
    assert settled == {""}
    assert "5" in {row["week1"] for row in table(gradebook_csv(course, named, everything=True))}


@pytest.mark.parametrize(
    ("text", "words"), [("email,mark\na,1\n", "no column"), ("email,grade\na,good\n", "is no grade")]
)
def test_grades_that_cant_be_read_are_refused(course: Course, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(CourseError, match=words):
        import_grades(course, tmp_path / "x.csv", "quiz")


def places_of(root: Path, words: tuple[str, ...]) -> list[str]:
    """Files in which one of the words stands, archives looked into."""
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    data = b"".join(name.encode() + archive.read(name) for name in archive.namelist())
            if any(word.encode() in data for word in words):
                found.append(path.relative_to(root).as_posix())
    return found


def test_forgetting_leaves_no_name_address_or_words_anywhere(course: Course) -> None:
    words = (*LARS, "something about Lars")
    assert len(places_of(course.root, words)) > 8
    before = {row["participant"]["id"]: row for row in results(course, "week1")}
    done = forget(course, LARS[1], author="Ada")
    assert places_of(course.root, words) == []
    assert done.left == []
    assert not list((course.root / "results" / "week1" / "submissions").glob("13"))
    after = {row["participant"]["id"]: row for row in results(course, "week1")}
    assert after == {who: row for who, row in before.items() if who != "13"}
    assert course.people().find("S14") is None


def results(course: Course, name: str) -> list[dict[str, dict[str, str]]]:
    return list(json.loads((course.root / "results" / name / "results.json").read_text("utf-8")))


def test_everything_goes_on_for_the_others_after_somebody_was_forgotten(course: Course) -> None:
    out, materials = course.root / "results" / "week1", load_materials(course, "week1")
    forget(course, "Lars Late", author="Ada")
    kinds = [event.kind for event in Ledger.of(out).events()]
    assert kinds == ["adjustment", "release", "forgotten"]
    number, book = newest_release(Workspace(out))
    assert (number, "13" in {row.participant_id for row in book.rows}) == (1, False)
    changes, graded = regrade(out, materials, because="to see", apply=True)
    assert (changes, len(graded)) == ([], 24)
    assert release(out, materials, provisional=True).changed == ()
    with pytest.raises(Exception, match="only ever appended"), Ledger.of(out).database.writing() as connection:
        connection.execute("DELETE FROM events")
    assert b"about Lars" not in ledger_file(out).read_bytes()
    assert {row.name for row in course_status(course).rows}.isdisjoint({"Lars Late"})


def test_a_member_of_a_team_is_forgotten_and_the_team_stays(course: Course) -> None:
    done = forget(course, "s03@example.org", author="Ada")
    assert any("g2" in note for note in done.notes)
    members = next(item for item in stored(course) if item["participant"]["id"] == "g2")["participant"]["members"]
    assert members == ["88", "89"]
    assert places_of(course.root, ("Anne-Marie Saint-Just", "s03@example.org")) == []


def stored(course: Course) -> list[dict[str, dict[str, str]]]:
    return list(json.loads((course.root / "results" / "teams" / "batch.json").read_text("utf-8"))["submissions"])


@pytest.mark.parametrize("who", ["Alex Kim", "nobody@example.org"])
def test_a_name_that_two_people_have_or_nobody_forgets_nobody(course: Course, who: str) -> None:
    with pytest.raises(InputError, match="nobody here is"):
        forget(course, who, author="Ada")


def test_somebody_gets_everything_that_is_theirs_and_nothing_of_others(course: Course, tmp_path: Path) -> None:
    everything_about(course, "s01@example.org", tmp_path / "mine.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        names = set(archive.namelist())
        whole = b"".join(archive.read(name) for name in names)
        events = json.loads(archive.read("week1/decisions.json"))
    assert {"person.json", "week1/results.json", "week1/submissions/24/1/original/homework.ipynb"} <= names
    assert [event["text"] for event in events if event["kind"] == "adjustment"] == ["fine"]
    assert b"Lars" not in whole
    assert (tmp_path / "mine.zip").stat().st_mode & 0o077 == 0


def test_the_table_for_research_holds_nobodys_name_number_or_address(course: Course) -> None:
    data = anonymous_csv(course)
    rows = table(data)
    assert len(rows) > 25
    people = course.people().people
    assert not [
        word
        for one in people
        for word in (one.email, one.id_number, one.name)
        if len(word) > 2 and word.encode() in data
    ]
    assert {row["person"] for row in rows}.isdisjoint({row["person"] for row in table(anonymous_csv(course))})


def test_a_small_class_is_not_exported_for_research(tmp_path: Path) -> None:
    new_course(tmp_path / "small")
    small = Course(tmp_path / "small")
    grade(
        Request(small.folder("week1") / "solution.ipynb", small.root / "results" / "one"),
        load_materials(small, "week1"),
        STATIC,
    )
    with pytest.raises(InputError, match="fewer than 10"):
        anonymous_csv(small)
