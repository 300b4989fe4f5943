"""Exports that Moodle or people make odd: everybody is kept, nothing is guessed, and trouble of one stays with that one."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path

import pytest

from grader.errors import ExportError
from grader.intake.export import Export, open_export
from grader.intake.limits import IntakeLimits
from grader.model.submission import Submission
from tests.builders_intake import HEADER, export, notebook, sheet_row, worksheet, zipped

GOOD = notebook("x = 1", ran=True)
ANN = "Ann Lee_7_assignsubmission_file"
BOB = "Bob_8_assignsubmission_file"
SMALL = IntakeLimits(file_bytes=200_000, submission_bytes=400_000, files=20, ratio_from=10_000)


def one(opened: Export, participant: str = "7") -> Submission:
    return next(each for each in opened.batch.submissions if each.participant.id == participant)


def kinds(submission: Submission) -> list[str]:
    return [flag.kind for flag in submission.flags]


def paths(submission: Submission) -> list[str]:
    return [file.path for file in submission.files]


def handed_in(tmp_path: Path, data: bytes, name: str = "hw.zip") -> Export:
    """Ann hands in something odd, Bob a plain notebook."""
    return open_export(export(tmp_path, {f"{ANN}/{name}": data, f"{BOB}/hw.ipynb": GOOD}), limits=SMALL)


# names


@pytest.mark.parametrize(
    ("entry", "participant", "path"),
    [
        ("Ann Lee_7_assignsubmission_file/hw.ipynb", "7", "hw.ipynb"),
        ("Ann Lee_7_assignsubmission_file_/hw.ipynb", "7", "hw.ipynb"),
        ("Ann Lee_7_assignsubmission_file_hw.ipynb", "7", "hw.ipynb"),
        ("A_B_ C_7_assignsubmission_file/a/b/hw.ipynb", "7", "a/b/hw.ipynb"),
        ("Ann_7_assignsubmission_file_x_12_assignsubmission_file_y.ipynb", "7", "x_12_assignsubmission_file_y.ipynb"),
        ("Ann_7_assignsubmission_file/x_12_assignsubmission_file_/y.ipynb", "7", "x_12_assignsubmission_file_/y.ipynb"),
        ("_7_assignsubmission_file/hw.ipynb", "7", "hw.ipynb"),
        ("123 45_7_assignsubmission_file/hw.ipynb", "7", "hw.ipynb"),
        ("Default group_assignsubmission_file/hw.ipynb", "g0", "hw.ipynb"),
        ("Default group_assignsubmission_file_hw.ipynb", "g0", "hw.ipynb"),
        ("outer/inner/Ann_7_assignsubmission_file/hw.ipynb", "7", "hw.ipynb"),
    ],
)
def test_an_entry_belongs_to_its_number(tmp_path: Path, entry: str, participant: str, path: str) -> None:
    opened = open_export(
        export(tmp_path, {entry: GOOD, "__MACOSX/._x": b"", ".DS_Store": b""} if "/" in entry else {entry: GOOD})
    )
    assert [(each.participant.id, paths(each)) for each in opened.batch.submissions] == [(participant, [path])]
    assert opened.files(participant) == {path: GOOD}


def test_same_names_stay_two_people_and_one_number_under_two_names_is_flagged(tmp_path: Path) -> None:
    opened = open_export(
        export(
            tmp_path,
            {
                "Alex Kim_1_assignsubmission_file/a.ipynb": GOOD,
                "Alex Kim_2_assignsubmission_file/a.ipynb": notebook("y"),
                "Eve_3_assignsubmission_file/a.ipynb": GOOD,
                "Adam_3_assignsubmission_file/b.ipynb": GOOD,
            },
        )
    )
    assert [(each.participant.id, kinds(each)) for each in opened.batch.submissions] == [
        ("1", []),
        ("2", []),
        ("3", ["identity"]),
    ]
    assert opened.files("1") != opened.files("2")


def test_files_of_nobody_are_named_in_the_notes(tmp_path: Path) -> None:
    opened = open_export(export(tmp_path, {f"{ANN}/hw.ipynb": GOOD, "stray.ipynb": GOOD}))
    assert any("stray.ipynb" in note for note in opened.batch.notes)


def test_two_ways_of_one_student_are_one_submission(tmp_path: Path) -> None:
    members = {
        f"{ANN}/onlinetext.html": b"<p>mine</p>",
        "Ann Lee_7_assignsubmission_onlinetext/onlinetext.html": b"<p>text</p>",
    }
    submission = one(open_export(export(tmp_path, members)))
    assert {(file.path, file.plugin) for file in submission.files} == {
        ("onlinetext.html", "file"),
        ("onlinetext (2).html", "onlinetext"),
    }
    assert kinds(submission) == ["name_collision", "several_plugins"]


def test_entries_that_occur_twice(tmp_path: Path) -> None:
    target = tmp_path / "twice.zip"
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(target, "w") as archive:
        for name, data in (
            (f"{ANN}/a.ipynb", b"1"),
            (f"{ANN}/a.ipynb", b"1"),
            (f"{BOB}/a.ipynb", b"1"),
            (f"{BOB}/a.ipynb", b"2"),
        ):
            archive.writestr(name, data)
    opened = open_export(target)
    assert (paths(one(opened)), kinds(one(opened))) == (["a.ipynb"], ["duplicate_file"])
    assert (paths(one(opened, "8")), kinds(one(opened, "8"))) == (["a (2).ipynb", "a.ipynb"], ["name_collision"])


# zips of students


def test_members_of_a_zip_lie_under_its_name(tmp_path: Path) -> None:
    inner = zipped(
        {
            "hw.ipynb": GOOD,
            "adapters/adapter_model.safetensors": b"x",
            "__MACOSX/._hw.ipynb": b"x",
            "more.zip": zipped({"b.md": "b"}),
        }
    )
    opened = handed_in(tmp_path, inner)
    assert paths(one(opened)) == [
        "hw.zip/adapters/adapter_model.safetensors",
        "hw.zip/hw.ipynb",
        "hw.zip/more.zip/b.md",
    ]
    assert kinds(one(opened)) == []


@pytest.mark.parametrize(
    "name",
    [
        "../x.ipynb",
        "a/../../x.ipynb",
        "/etc/x.ipynb",
        "C:\\x.ipynb",
        "..\\x.ipynb",
        "a//x.ipynb",
        "./x.ipynb",
        "a\nb.ipynb",
    ],
)
def test_names_that_lead_outside_are_left_out(tmp_path: Path, name: str) -> None:
    opened = handed_in(tmp_path, zipped({name: GOOD, "ok.ipynb": GOOD}))
    assert (paths(one(opened)), kinds(one(opened))) == (["hw.zip/ok.ipynb"], ["unsafe_name"])


def test_over_long_names_are_cut_not_lost(tmp_path: Path) -> None:
    (path,) = paths(one(handed_in(tmp_path, zipped({"作" * 300 + ".ipynb": GOOD}))))
    assert path.startswith("hw.zip/作作") and path.endswith("作.ipynb") and len(path.split("/")[1].encode()) <= 240


def test_names_in_the_old_encodings_are_read(tmp_path: Path) -> None:
    data = zipped({"Losung.ipynb": GOOD})
    utf8, dos = data.replace(b"Losung", "Lö".encode() + b"ung"), data.replace(b"Losung", b"L\x94sung")
    assert paths(one(handed_in(tmp_path, utf8))) == ["hw.zip/Löung.ipynb"]
    assert paths(one(handed_in(tmp_path, dos))) == ["hw.zip/Lösung.ipynb"]


def linked() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        info = zipfile.ZipInfo("hw.ipynb")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return target.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped({"hw.ipynb": GOOD}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(signature) + offset] |= 1
    return bytes(data)


def unusual_method() -> bytes:
    data = bytearray(zipped({"hw.ipynb": GOOD}))
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", data, data.find(signature) + offset, 9)
    return bytes(data)


def wrong_checksum() -> bytes:
    data = bytearray(zipped({"hw.ipynb": GOOD}))
    data[data.find(b"PK\x01\x02") + 16] ^= 0xFF
    data[data.find(b"PK\x03\x04") + 14] ^= 0xFF
    return bytes(data)


def quine() -> bytes:
    inner = b"0" * 100
    for _ in range(4):
        inner = zipped({"inner.zip": inner})
    return inner


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"not a zip at all", "bad_zip"),
        (b"PK\x03\x04 cut off", "bad_zip"),
        (zipped({"a": b"x" * 5000})[:-10], "bad_zip"),
        (linked(), "file_left_out"),
        (encrypted(), "file_left_out"),
        (unusual_method(), "file_left_out"),
        (wrong_checksum(), "file_left_out"),
        (zipped({"bomb.ipynb": b"0" * 190_000}), "file_left_out"),
        (zipped({f"{number}.txt": b"x" for number in range(300)}), "bad_zip"),
        (zipped({f"{number}.txt": os.urandom(150_000) for number in range(5)}), "file_left_out"),
        (quine(), "archive_unread"),
    ],
)
def test_a_bad_zip_is_flagged_and_harms_nobody_else(tmp_path: Path, data: bytes, kind: str) -> None:
    opened = handed_in(tmp_path, data)
    if data.startswith(b"PK"):
        assert kind in kinds(one(opened))
    assert all(flag.blocking for flag in one(opened).flags)
    assert (one(opened, "8").status, paths(one(opened, "8")), kinds(one(opened, "8"))) == (
        "submitted",
        ["hw.ipynb"],
        [],
    )
    assert opened.files("8") == {"hw.ipynb": GOOD}


def test_a_file_of_which_nothing_can_be_read_makes_the_submission_unreadable(tmp_path: Path) -> None:
    opened = handed_in(tmp_path, os.urandom(300_000), "huge.ipynb")
    assert (one(opened).status, one(opened).sha256, kinds(one(opened))) == ("unreadable", None, ["file_left_out"])


def test_a_directory_that_belies_its_count_is_not_read(tmp_path: Path) -> None:
    data = bytearray(zipped({str(number): b"" for number in range(300)}))
    struct.pack_into("<HH", data, data.rfind(b"PK\x05\x06") + 8, 1, 1)
    submission = one(handed_in(tmp_path, bytes(data)))
    assert submission.flags[0].why == "hw.zip was not unpacked: its directory is larger than 20 entries can be."


def test_reading_again_gives_the_same_bytes_and_hash(tmp_path: Path) -> None:
    path = export(tmp_path, {f"{ANN}/hw.zip": zipped({"b": "1", "a": "2"})})
    first, second = open_export(path), open_export(path)
    assert first.files("7") == first.files("7") == second.files("7")
    assert one(first).sha256 == one(second).sha256 is not None
    assert first.files("99") == {}


# the export as a whole


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06", zipped({"a": b"x" * 9000})[:-30]])
def test_a_broken_export_says_what_and_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(content)
    with pytest.raises(ExportError) as raised:
        open_export(path)
    assert raised.value.where == str(path) and raised.value.todo


def test_an_export_without_moodle_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="as Moodle names them"):
        open_export(export(tmp_path, {"ann.ipynb": GOOD}))
    with pytest.raises(ExportError, match="no such file"):
        open_export(tmp_path / "absent.zip")
    with pytest.raises(ExportError, match="empty"):
        open_export(export(tmp_path, {}))


def test_single_notebooks_go_by_file_stem(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("ann.ipynb", "ann.html", "bob.ipynb"):
        (tmp_path / "in" / name).write_bytes(GOOD)
    (tmp_path / "in" / "eve.ipynb").symlink_to("/etc/passwd")
    opened = open_export(tmp_path / "in")
    assert {each.participant.id: (each.status, paths(each)) for each in opened.batch.submissions} == {
        "ann": ("submitted", ["ann.html", "ann.ipynb"]),
        "bob": ("submitted", ["bob.ipynb"]),
        "eve": ("unreadable", []),
    }
    assert opened.batch.style == "single"
    alone = open_export(tmp_path / "in" / "ann.ipynb")
    assert [(each.participant.id, paths(each)) for each in alone.batch.submissions] == [("ann", ["ann.ipynb"])]


def test_single_notebooks_take_no_worksheet(tmp_path: Path) -> None:
    (tmp_path / "ann.ipynb").write_bytes(GOOD)
    with pytest.raises(ExportError, match="no participant numbers"):
        open_export(tmp_path / "ann.ipynb", worksheet=worksheet(tmp_path, sheet_row(7)))


def test_links_and_pipes_in_an_unpacked_export_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "in" / ANN
    folder.mkdir(parents=True)
    (folder / "hw.ipynb").write_bytes(GOOD)
    (folder / "link.ipynb").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.ipynb")
    submission = one(open_export(tmp_path / "in"))
    assert (paths(submission), kinds(submission)) == (["hw.ipynb"], ["file_left_out"] * 3)


# the worksheet


def merged(
    tmp_path: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8-sig", columns: dict[str, str] | None = None
) -> Export:
    sheet = worksheet(tmp_path, *rows, header=header, encoding=encoding)
    return open_export(export(tmp_path, {f"{ANN}/hw.ipynb": GOOD}), worksheet=sheet, columns=columns)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Submitted for grading -  - ", ("submitted", False, 0, [])),
        ("Submitted for grading - Graded -  - ", ("submitted", False, 0, [])),
        ("Submitted for grading - 1 day 2 hours late -  - ", ("submitted", False, 93_600, [])),
        ("Submitted for grading - 3 mins 5 secs late - Extension granted until: Sunday, 7:36 AM -  - ", ("submitted", False, 185, [])),
        ("Graded - follow up submission received - 2 years 1 day late -  - ", ("submitted", False, 63_158_400, [])),
        ("Draft (not submitted) -  - ", ("draft", True, 0, ["draft"])),
        ("Entwurf (nicht abgegeben) -  - ", ("draft", True, 0, ["draft"])),
        ("Zur Bewertung abgegeben -  - ", ("submitted", False, 0, [])),
        ("Zur Bewertung abgegeben - 2 Tage 3 Stunden zu spät -  - ", ("submitted", False, None, ["status_unread"])),
        ("評定のため提出済み -  - ", ("submitted", False, None, ["status_unread"])),
        ("", ("submitted", False, None, ["status_unread"])),
        ("No submission -  - ", ("submitted", False, None, ["status_differs"])),
    ],
)  # fmt: skip
def test_statuses_are_read_or_left_open(tmp_path: Path, status: str, expected: object) -> None:
    submission = one(merged(tmp_path, sheet_row(7, "Ann Lee", status)))
    assert (submission.status, submission.draft, submission.late_seconds, kinds(submission)) == expected
    assert submission.status_text == status


def test_people_without_files(tmp_path: Path) -> None:
    opened = merged(
        tmp_path,
        sheet_row(7, "Ann Lee"),
        sheet_row(9, "Nora", "No submission - Assignment is overdue by: 3 days -  - "),
        sheet_row(10, "Lost", "Submitted for grading -  - "),
        sheet_row(11, "Strange", "何か -  - "),
    )
    told = {each.participant.id: (each.status, each.late_seconds, kinds(each)) for each in opened.batch.submissions}
    assert told == {
        "7": ("submitted", 0, []),
        "9": ("none", None, []),
        "10": ("unreadable", None, ["files_missing"]),
        "11": ("none", None, []),
    }


def test_a_number_with_another_name_is_flagged_but_never_moved(tmp_path: Path) -> None:
    assert kinds(one(merged(tmp_path, sheet_row(7, "Lee, Ann".replace(",", ""))))) == []
    assert kinds(one(merged(tmp_path, sheet_row(7, "Bob Lee")))) == ["identity"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252"])
def test_worksheets_in_other_encodings_are_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ExportError, match="not UTF-8") as raised:
        merged(tmp_path, sheet_row(7, "Änn Lee"), encoding=encoding)
    assert "Download the grading worksheet" in str(raised.value.todo)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (['"Participant 7",short'], "Row 2 has 2 cells, the header has 10"),
        ([sheet_row(7), sheet_row(7)], "Participant 7 has more than one row"),
        ([sheet_row(7).replace("Participant 7", "Ann")], "Row 2 has no participant number"),
    ],
)
def test_a_damaged_worksheet_is_refused_with_its_row(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        merged(tmp_path, *rows)


def test_unknown_languages_need_their_columns_named(tmp_path: Path) -> None:
    header = HEADER.replace("Identifier", "Идентификатор").replace("Status", "Состояние")
    with pytest.raises(ExportError, match="No column is known as 'identifier'") as raised:
        merged(tmp_path, sheet_row(7, "Ann Lee"), header=header)
    assert "--columns identifier=HEADER" in str(raised.value.todo)
    named = merged(tmp_path, sheet_row(7, "Ann Lee"), header=header, columns={"identifier": "Идентификатор"})
    assert (one(named).participant.name, one(named).late_seconds, one(named).status_text) == ("Ann Lee", None, None)
    with pytest.raises(ExportError, match="No column is headed 'X'"):
        merged(tmp_path, sheet_row(7), columns={"status": "X"})
    with pytest.raises(ExportError, match="No column has the role 'nonsense'"):
        merged(tmp_path, sheet_row(7), columns={"nonsense": "X"})


def test_semicolons_are_read_with_a_note(tmp_path: Path) -> None:
    row = sheet_row(7, "Ann Lee").replace('","', '";"')
    opened = merged(tmp_path, row, header=HEADER.replace(",", ";"))
    assert one(opened).participant.name == "Ann Lee"
    assert any("not separated by commas" in note for note in opened.batch.notes)
