"""Worksheet and archive for every export of the seeded class and for hostile content, each read back with Moodle's rules."""

from __future__ import annotations

import csv
import io
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.errors import ExportError, GraderError
from grader.model.gradebook import Gradebook, GradebookRow
from grader.model.worksheet import read_worksheet
from grader.release.archive import archive_notes, feedback_archive
from grader.release.instructions import import_instructions
from grader.release.moodle_rules import Site, TakenRow, read_archive_as_moodle, read_worksheet_as_moodle
from grader.release.plan import plan_worksheet
from grader.release.roundtrip import check_round_trip
from grader.release.worksheet import harmless, worksheet_bytes
from tests.builders_intake import HEADER, sheet_row

DATA = Path(__file__).parents[2] / "data" / "moodle"
SHEETS = sorted(path.name for path in DATA.glob("*.csv") if "scaled" not in path.name)
PAGE = b"<!doctype html><title>feedback</title>"


def row(number: str, grade: str | None = "85", comment: str = "<p>Well done</p>", **more: Any) -> GradebookRow:
    return GradebookRow(
        participant_id=number, grade=None if grade is None else Decimal(grade), comment_html=comment, **more
    )


def book(*rows: GradebookRow, **more: Any) -> Gradebook:
    return Gradebook(rows=rows, **more)


def sheet(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode("utf-8-sig")


def lines(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def given_back(original: bytes, gradebook: Gradebook) -> list[list[str]]:
    """The worksheet's rows, after Moodle's rules have been tried on it."""
    data = worksheet_bytes(original, gradebook)
    check_round_trip(gradebook, worksheet=data, original=original, archive=feedback_archive(gradebook))
    return lines(data)[1:]


def notes(original: bytes, gradebook: Gradebook) -> list[tuple[str, str]]:
    return [(note.participant_id, note.kind) for note in plan_worksheet(original, gradebook).notes]


# the seeded class


@pytest.mark.parametrize("name", SHEETS)
def test_everybody_gets_their_own_grade_comment_and_page(name: str) -> None:
    original = (DATA / name).read_bytes()
    read = read_worksheet(original)
    people = [one.number for one in read.rows]
    names = {one.number: read.cell(one, "name") for one in read.rows}
    gradebook = book(
        *(
            row(one, str(50 + place), f'<p>{one} \\ "x"</p>\n=', name=names[one], page=PAGE + one.encode())
            for place, one in enumerate(people)
        )
    )
    written = worksheet_bytes(original, gradebook)
    archive = feedback_archive(gradebook)
    check_round_trip(gradebook, worksheet=written, original=original, archive=archive)
    assert lines(written)[0] == lines(original)[0]
    assert read_archive_as_moodle(archive, participants=people) == {
        one: {"/feedback.html": PAGE + one.encode()} for one in people
    }
    locked = {note.participant_id for note in plan_worksheet(original, gradebook).notes if note.kind == "locked"}
    assert locked == ({"24"} if "overridden" in name else set())


def test_german_sites_get_decimal_commas_and_their_own_words() -> None:
    original = (DATA / "main-worksheet-decsep.csv").read_bytes()
    gradebook = book(row("24", "83.5"))
    written = worksheet_bytes(original, gradebook)
    check_round_trip(gradebook, worksheet=written, original=original)
    assert lines(written)[1][:2] + lines(written)[1][4:6] == [
        "Teilnehmer/in24",
        "José Ángel Núñez-García",
        "83,50",
        "100,00",
    ]
    site = Site(
        identifier="ID", grade="Bewertung", modified="Zuletzt geändert (Bewertung)", comments="Feedback als Kommentar",
        word="Teilnehmer/in", decimal=",",
    )  # fmt: skip
    assert read_worksheet_as_moodle(written, site=site, participants={"24"}) == {
        "24": TakenRow(grade=Decimal("83.5"), comment="<p>Well done</p>")
    }


def test_scales_are_refused_with_their_reason() -> None:
    original = (DATA / "scaled-worksheet.csv").read_bytes()
    with pytest.raises(ExportError, match="graded with a scale \\(Poor Fair Good Very good\\)"):
        worksheet_bytes(original, book(row("127")))
    assert len(given_back(original, book(row("127", None)))) == 1  # a comment alone can go


def test_teams_get_their_grade_by_member_and_their_page_by_group() -> None:
    original = (DATA / "team-worksheet.csv").read_bytes()
    gradebook = book(
        row("g2", "91", members=("102", "88", "89"), page=PAGE, name="Équipe №2  b"),
        row("g1", "70", page=PAGE),
        row("g0", "60", members=("100", "83"), page=PAGE),
        row("98", "10", page=PAGE),
    )
    assert {cells[0]: cells[5] for cells in given_back(original, gradebook)} == {
        "Participant 102": "91.00", "Participant 88": "91.00", "Participant 89": "91.00",
        "Participant 100": "60.00", "Participant 83": "60.00", "Participant 98": "10.00",
    }  # fmt: skip
    assert notes(original, gradebook) == [("g1", "members_open")]
    assert [note.participant_id for note in archive_notes(gradebook)] == ["g0", "98"]
    everybody = {"1", "2", "0", "98", "102", "88"}
    assert set(read_archive_as_moodle(feedback_archive(gradebook), participants=everybody)) == {"1", "2"}


# one row at a time


@pytest.mark.parametrize(
    ("grade", "maximum", "of", "written"),
    [
        ("85", "100", "100.00", "85.00"),
        ("83.335", "100", "100.00", "83.34"),
        ("83.345", "100", "100.00", "83.35"),
        ("83.334999", "100", "100.00", "83.33"),
        ("62.5", "100", "10.00", "6.25"),
        ("1", "3", "100.00", "33.33"),
        ("2", "3", "10,0", "6,7"),
        ("84.5", "100", "100", "85"),
        ("0", "100", "100.00", "0.00"),
        ("100", "100", "17.50", "17.50"),
    ],
)
def test_grades_are_scaled_and_rounded_half_up_to_the_decimals_of_the_worksheet(
    grade: str, maximum: str, of: str, written: str
) -> None:
    gradebook = book(row("7", grade), maximum=Decimal(maximum))
    assert given_back(sheet(sheet_row(7, maximum=of)), gradebook)[0][4] == written


@pytest.mark.parametrize("grade", ["100.01", "-0.5"])
def test_grades_out_of_range_are_named_not_written(grade: str) -> None:
    gradebook = book(row("7", grade))
    assert given_back(sheet(sheet_row(7)), gradebook)[0][4] == ""
    assert notes(sheet(sheet_row(7)), gradebook) == [("7", "out_of_range")]


def test_only_people_who_get_something_have_a_row() -> None:
    original = sheet(sheet_row(7), sheet_row(8), sheet_row(9))
    gradebook = book(row("7", None, ""), row("8", None, "<p>late</p>"), row("9", "0", ""))
    assert [(cells[0], cells[4], cells[9]) for cells in given_back(original, gradebook)] == [
        ("Participant 8", "", "<p>late</p>"),
        ("Participant 9", "0.00", ""),
    ]


def test_a_comment_in_moodle_is_not_wiped_by_a_grade_without_one() -> None:
    original = sheet(sheet_row(7, comment="old & <b>"))
    assert given_back(original, book(row("7", "5", "")))[0][9] == "old &amp; &lt;b>"
    assert notes(original, book(row("7", "5", ""))) == [("7", "comment_kept")]


def test_locked_rows_and_people_without_row_are_listed() -> None:
    original = sheet(sheet_row(7, changeable="No"))
    gradebook = book(row("7"), row("99"))
    assert given_back(original, gradebook)[0][4] == ""
    assert notes(original, gradebook) == [("99", "not_in_worksheet"), ("7", "locked")]


def test_a_worksheet_without_comments_takes_grades_only() -> None:
    header = HEADER.replace(',"Feedback comments"', "")
    original = sheet(sheet_row(7).removesuffix(',""'), header=header)
    assert given_back(original, book(row("7")))[0][4] == "85.00"
    assert notes(original, book(row("7"))) == [("7", "no_comment_column")]


@pytest.mark.parametrize(
    ("cell", "kept"),
    [("C\\D", "C\\D"), ("ends\\", "ends\\ "), ('a\\"b', 'a\\ "b'), ("x\\\\", "x\\\\ "), ("=SUM(A1)", "=SUM(A1)")],
)
def test_foreign_cells_lose_only_the_trap(cell: str, kept: str) -> None:
    assert harmless(cell) == kept


def test_a_name_with_the_trap_swallows_no_neighbour() -> None:
    original = sheet(sheet_row(7, 'Tr\\"ap\\'), sheet_row(8, "Next"))
    assert [cells[4] for cells in given_back(original, book(row("7", "1"), row("8", "2")))] == ["1.00", "2.00"]


# names in the archive


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("A/B: Test? C\\D*|E", "A B Test C D E_7_assignsubmission_file"),
        ("Jean_Paul Test_User_99", "Jean Paul Test User 99_7_assignsubmission_file"),
        ("Dr. Dot. End..", "Dr. Dot. End_7_assignsubmission_file"),
        (".hidden", "hidden_7_assignsubmission_file"),
        ("~tilde", "tilde_7_assignsubmission_file"),
        ("..", "Participant_7_assignsubmission_file"),
        ("小明 王", "小明 王_7_assignsubmission_file"),
        ("=SUM(A1:A9) Formula", "=SUM(A1 A9) Formula_7_assignsubmission_file"),
        (None, "Participant_7_assignsubmission_file"),
    ],
)
def test_names_in_the_archive(name: str | None, folder: str) -> None:
    gradebook = book(row("7", name=name, page=PAGE))
    data = feedback_archive(gradebook)
    check_round_trip(gradebook, archive=data)
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == [f"{folder}/feedback.html"]


def test_plain_files_can_not_go_back() -> None:
    gradebook = book(row("ann", page=PAGE), row("24", page=PAGE), numbered=False)
    assert zipfile.ZipFile(io.BytesIO(feedback_archive(gradebook))).namelist() == []
    assert [note.participant_id for note in archive_notes(gradebook)] == ["ann", "24"]


def test_nobody_is_in_a_gradebook_twice() -> None:
    for rows in (
        (row("7"), row("7")),
        (row("g1", members=("7", "8")), row("g2", members=("8",))),
        (row("g1", members=("7",)), row("7")),
    ):
        with pytest.raises(ValidationError, match="occurs twice"):
            book(*rows)


# the check itself


def test_the_check_sees_what_moodle_would_misread() -> None:
    original, gradebook = sheet(sheet_row(7), sheet_row(8)), book(row("7", page=PAGE), row("8", page=PAGE))
    good = worksheet_bytes(original, gradebook)
    for bad in (
        good.replace(b"85.00", b"86.00", 1),
        good.replace(b"Well done", b"Well \\", 1),
        good + b'""\n',
        b"",
        good.replace(b"Grade", b"grade", 1),
    ):
        with pytest.raises(GraderError, match="Moodle would misread"):
            check_round_trip(gradebook, worksheet=bad, original=original)
    swapped = feedback_archive(book(row("7", page=PAGE + b"8"), row("8", page=PAGE)))
    for archive in (swapped, feedback_archive(book(row("7", page=PAGE))), b""):
        with pytest.raises(GraderError, match="Moodle would misread"):
            check_round_trip(gradebook, archive=archive)


any_text = st.text(st.characters(exclude_categories=()), max_size=40)
nasty = st.lists(
    st.one_of(
        any_text,
        st.sampled_from(["\\", '"', '\\"', "\n", ",", "\r\n", "=1+1", "<p>", "&", "\x00", "\ufeff", "Participant 8"]),
    ),
    max_size=6,
)


@given(st.lists(st.tuples(nasty, nasty.map("".join), st.decimals(0, 100, places=3)), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_whatever_people_write_reaches_its_owner(people: list[tuple[list[str], str, Decimal]]) -> None:
    clean = ["".join(parts).replace("\x00", "").encode("utf-8", "replace").decode() for parts, _, _ in people]
    original = sheet(*(sheet_row(number, name) for number, name in enumerate(clean, 1)))
    gradebook = book(
        *(row(str(number), str(grade), comment, name=name, page=PAGE + str(number).encode())
          for number, ((_, comment, grade), name) in enumerate(zip(people, clean, strict=True), 1))
    )  # fmt: skip
    given_back(original, gradebook)


# what to do with them


def test_the_instructions_name_the_order_and_what_is_left() -> None:
    original = sheet(sheet_row(7), sheet_row(8, changeable="No"))
    gradebook = book(row("7", page=PAGE), row("8", page=PAGE), row("99", page=PAGE))
    text = import_instructions(gradebook, plan_worksheet(original, gradebook))
    assert text.index("worksheet.csv") < text.index("feedback.zip")
    assert "Updated 1 grades and 2 feedback instances" in text
    assert "Pages in it: 3" in text
    assert "- 99: There is no row" in text and "- 8: The grade is locked" in text
    assert "tick that box at once" not in text


def test_sheets_that_moodle_may_take_for_outdated_need_the_box() -> None:
    original = (DATA / "main-worksheet-graded.csv").read_bytes()
    gradebook = book(row("24"))
    assert "tick that box at once" in import_instructions(gradebook, plan_worksheet(original, gradebook))


def test_without_a_worksheet_only_the_archive_goes() -> None:
    text = import_instructions(book(row("7", page=PAGE)), None)
    assert "no worksheet" in text and "1. the pages" in text
