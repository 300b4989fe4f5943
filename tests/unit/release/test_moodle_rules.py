"""Our reading of Moodle's rules against what a real Moodle 5.1 did (experiments.json): otherwise a round trip would prove nothing."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from grader.release.moodle_rules import (
    MoodleRefusalError,
    Site,
    TakenRow,
    archive_owner,
    read_archive_as_moodle,
    read_worksheet_as_moodle,
)

DATA = Path(__file__).parents[2] / "data" / "moodle"
SEEN: Any = json.loads((DATA / "experiments.json").read_text())
HEADER = ["Identifier", "Grade", "Last modified (grade)", "Feedback comments"]
PEOPLE = {str(number) for number in range(1, 27)}


def sheet(*rows: list[str], header: list[str] = HEADER, quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    target = io.StringIO()
    writer = csv.writer(target, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
    writer.writerows([header, *rows])
    return target.getvalue().encode()


def taken(data: bytes, **site: str) -> dict[str, TakenRow]:
    return read_worksheet_as_moodle(data, site=Site.model_validate(site), participants=PEOPLE)


@pytest.mark.parametrize("seen", SEEN["backslash"])
def test_backslashes_do_what_they_did_in_moodle(seen: list[Any]) -> None:
    style, comment, grade, stored, _, _, next_grade, next_comment, _ = seen
    quoting = csv.QUOTE_ALL if style == "QUOTE_ALL" else csv.QUOTE_MINIMAL
    data = sheet(["Participant 24", "71", "-", comment], ["Participant 12", "72", "-", "next row"], quoting=quoting)
    expected = {"24": (grade, stored), "12": (next_grade, next_comment)}
    assert {one: (row.grade, row.comment) for one, row in taken(data).items()} == {
        one: value for one, value in expected.items() if value != (None, None)
    }


@pytest.mark.parametrize("seen", SEEN["grade_formats"])
def test_grades_are_read_as_moodle_read_them(seen: list[Any]) -> None:
    text, stored = seen[0], seen[1]
    row = taken(sheet(["Participant 24", text, "-", "c"]))["24"]
    assert row.grade == (None if stored == -1 else Decimal(str(stored)))


@pytest.mark.parametrize(("text", "grade"), [("85,5", "85.5"), ("85.5", "85.5"), ("1.050,5", "1.05")])
def test_grades_on_a_site_with_decimal_commas(text: str, grade: str) -> None:
    assert taken(sheet(["Participant 24", text, "-", ""]), decimal=",")["24"].grade == Decimal(grade)


@pytest.mark.parametrize("seen", [one for one in SEEN["zipnames"] if "entry" in one], ids=lambda one: one["entry"])
def test_entries_of_an_archive_go_where_they_went(seen: dict[str, Any]) -> None:
    found = archive_owner(seen["entry"], PEOPLE)
    assert (found is not None, found[1] if found else None) == (seen["accepted"], seen["as"])


@pytest.mark.parametrize(
    ("identifier", "number"),
    [
        ("Participant 24", "24"),
        ("Participant 24 ", "24"),
        ("abcdefghijkl24", "24"),
        ("Participant 0024", "24"),
        ("Participant24", "4"),
    ],
)
def test_the_word_of_the_identifier_is_only_counted(identifier: str, number: str) -> None:
    assert list(taken(sheet([identifier, "50", "-", "x"]))) == [number]


@pytest.mark.parametrize("identifier", ["Participant 24.0", "Participant 24x", "José Ángel Núñez-García", "7"])
def test_other_identifiers_stop_moodle(identifier: str) -> None:
    with pytest.raises(MoodleRefusalError, match="database error"):
        taken(sheet([identifier, "50", "-", "x"]))


@pytest.mark.parametrize(
    "header", [HEADER[1:], [*HEADER[:1], *HEADER[2:]], [one.lower() for one in HEADER], ["Identifier;Grade"]]
)
def test_missing_columns_stop_moodle(header: list[str]) -> None:
    with pytest.raises(MoodleRefusalError, match="could not read"):
        taken(sheet(header=header))


def test_one_row_of_another_length_voids_the_file() -> None:
    assert taken(sheet(["Participant 24", "50", "-", "x"], ["Participant 12", "50", "-"])) == {}


def test_blank_lines_doubles_and_strangers_are_passed_over() -> None:
    rows = [["Participant 24", "50", "-", "a"], ["Participant 24", "60", "-", "b"], ["Participant 999", "70", "-", "c"]]
    assert taken(sheet(*rows) + b"\n\n") == {"24": TakenRow(grade=Decimal(50), comment="a")}


def test_a_comments_column_in_the_first_place_is_overlooked() -> None:
    data = sheet(["c", "Participant 24", "50", "-"], header=["Feedback comments", *HEADER[:3]])
    assert taken(data) == {"24": TakenRow(grade=Decimal(50), comment=None)}


@pytest.mark.parametrize("name", ["main-folders", "blind-flat"])
def test_the_files_of_a_real_round_trip_read_as_they_were_stored(name: str) -> None:
    folder = DATA / "roundtrip"
    data = (folder / f"{name}.csv").read_bytes()
    wanted = {row["Identifier"].split()[1]: row for row in csv.DictReader(io.StringIO(data.decode(), newline=""))}
    found = read_worksheet_as_moodle(data, site=Site(), participants=wanted)
    assert {one: (str(row.grade.normalize()) if row.grade else "", row.comment) for one, row in found.items()} == {
        one: (row["Grade"], row["Feedback comments"]) for one, row in wanted.items()
    }
    pages = read_archive_as_moodle((folder / f"{name}.zip").read_bytes(), participants=wanted)
    assert set(pages) == set(wanted) and all(len(files) == 1 for files in pages.values())


def test_what_is_no_zip_changes_nothing() -> None:
    assert read_archive_as_moodle(b"nothing", participants=PEOPLE) == {}
    with pytest.raises(MoodleRefusalError, match="too long"):
        archive_owner("x_24_assignsubmission_file/" + "n" * 263 + ".html", PEOPLE)
