"""Moodle's own exports, made from a class whose names are known (seed.json): to each what is theirs, nobody lost, nothing invented."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from grader.errors import ExportError
from grader.intake.export import Export, open_export
from grader.intake.notebooks import choose_notebook

DATA = Path(__file__).parents[2] / "data" / "moodle"
SHEETS = {
    "blind-folders-admin": "blind-worksheet-admin",
    "blind-folders-decsep": "blind-worksheet-decsep",
    "main-folders-suspended": "main-worksheet-suspended",
}
EXPORTS = sorted(path.stem for path in DATA.glob("*.zip"))
PERSONAL = [name for name in EXPORTS if not name.startswith(("team", "text"))]


def opened(name: str, *, sheet: bool = True) -> Export:
    table = DATA / f"{SHEETS.get(name, name.split('-')[0] + '-worksheet')}.csv"
    return open_export(DATA / f"{name}.zip", worksheet=table if sheet else None)


def rows_of(name: str) -> list[dict[str, str]]:
    table = DATA / f"{SHEETS.get(name, name.split('-')[0] + '-worksheet')}.csv"
    return list(csv.DictReader(io.StringIO(table.read_text("utf-8-sig"))))


def number(row: dict[str, str]) -> str:
    found = re.search(r"(\d+)$", next(iter(row.values())))
    assert found
    return found[1]


def true_names() -> dict[str, str]:
    """Participant number -> full name, from worksheets that show names."""
    seed = {user["fullname"] for user in json.loads((DATA / "seed.json").read_text())["users"].values()}
    names = {}
    for name in ("blind-folders-admin", "main-folders-suspended", "flow-folders", "grouped-folders", "scaled-folders"):
        for row in rows_of(name):
            shown = re.sub(r"^Participant \d+ \((.*)\)$", r"\1", row["Full name"], flags=re.DOTALL).strip()
            assert shown in seed
            names[number(row)] = shown
    return names


def author(files: dict[str, bytes]) -> str | None:
    """Whom the seeded notebook says it is by."""
    chosen = choose_notebook(files)
    first: Any = chosen.notebook["cells"][0]["source"] if chosen.notebook else ""  # type: ignore[index]
    return first.partition("\nby ")[2] or None


@pytest.mark.parametrize("name", PERSONAL)
def test_every_notebook_lies_with_its_author(name: str) -> None:
    names = true_names()
    export = opened(name)
    told = {
        one.participant.id: author(export.files(one.participant.id)) for one in export.batch.submissions if one.files
    }
    assert {pid: by for pid, by in told.items() if by} == {pid: names[pid] for pid, by in told.items() if by}
    assert sum(by is None for by in told.values()) <= 1  # one student handed in a page that is no notebook


@pytest.mark.parametrize("name", [name for name in EXPORTS if not name.startswith("team")])
def test_everybody_in_the_worksheet_is_in_the_batch_once(name: str) -> None:
    ids = [one.participant.id for one in opened(name).batch.submissions]
    assert sorted(ids) == sorted(number(row) for row in rows_of(name))


@pytest.mark.parametrize("name", EXPORTS)
def test_the_worksheet_adds_people_but_no_files(name: str) -> None:
    with_sheet, without = opened(name), opened(name, sheet=False)
    files = {one.participant.id: one.sha256 for one in with_sheet.batch.submissions if one.files}
    assert files == {one.participant.id: one.sha256 for one in without.batch.submissions}


@pytest.mark.parametrize("name", ["main-folders", "main-flat"])
def test_names_are_the_true_ones_and_statuses_as_seeded(name: str) -> None:
    batch = opened(name).batch
    by_name = {one.participant.name: one for one in batch.submissions}
    names = true_names()
    assert {one.participant.id: one.participant.name for one in batch.submissions} == {
        one.participant.id: names[one.participant.id] for one in batch.submissions
    }
    assert (by_name["Dora Draft"].status, by_name["Dora Draft"].draft) == ("draft", True)
    assert (by_name["Nora Nothing"].status, by_name["Nora Nothing"].files) == ("none", ())
    assert by_name["Lars Late"].late_seconds == 26 * 3600
    assert by_name["+Plus -Minus"].late_seconds == 40
    assert by_name["Ext Granted"].extension == "Sunday, 22 November 2026, 8:05 AM"
    assert {one.status for one in batch.submissions} == {"submitted", "draft", "none"}


def test_folders_keep_what_flat_exports_lose() -> None:
    folders, flat = opened("main-folders"), opened("main-flat")
    assert set(folders.files("23")) == {"a/homework.ipynb", "b/homework.ipynb"}
    assert set(flat.files("23")) == {"homework.ipynb"}
    assert (folders.batch.style, flat.batch.style) == ("folders", "flat")
    assert any("flat" in note for note in flat.batch.notes)
    assert folders.batch.notes == ()


@pytest.mark.parametrize("name", [name for name in EXPORTS if name.startswith("blind")])
@pytest.mark.parametrize("sheet", [True, False])
def test_blind_exports_stay_blind(name: str, sheet: bool) -> None:
    batch = opened(name, sheet=sheet).batch
    assert batch.blind
    assert {(one.participant.name, one.participant.email) for one in batch.submissions} == {(None, None)}


@pytest.mark.parametrize("name", ["team-folders", "team-flat"])
def test_teams_go_by_group_id_and_know_their_members(name: str) -> None:
    export = opened(name)
    seen = {
        one.participant.id: (author(export.files(one.participant.id)), len(one.participant.members))
        for one in export.batch.submissions
    }
    assert seen == {
        "g0": ("default group", 17), "g1": ("Team Alpha", 0), "g2": ("Equipe 2", 3), "g3": ("other Alpha", 0), "98": (None, 0)
    }  # fmt: skip
    assert export.batch.teams
    assert "81, 84, 85, 87" in export.batch.notes[0]
    twins = [one for one in export.batch.submissions if one.participant.id in ("g1", "g3")]
    assert all(flag.blocking for one in twins for flag in one.flags)


def test_an_online_text_is_the_memo_of_its_author() -> None:
    export = opened("text-folders")
    chosen = choose_notebook(export.files("64"))
    assert (chosen.path, chosen.memo_path) == ("homework4.ipynb", "onlinetext.html")
    assert chosen.memo_text == "My **essay**, by José Ángel Núñez-García"
    plugins = {
        file.path: file.plugin for one in export.batch.submissions if one.participant.id == "64" for file in one.files
    }
    assert plugins == {"homework4.ipynb": "file", "onlinetext.html": "onlinetext"}


def test_a_suspended_student_without_row_is_kept_and_flagged() -> None:
    export = open_export(DATA / "main-folders-suspended.zip", worksheet=DATA / "main-worksheet.csv")
    susi = next(one for one in export.batch.submissions if one.participant.id == "5")
    assert (susi.participant.name, susi.status, [flag.kind for flag in susi.flags]) == (
        "Susi Suspended", "submitted", ["not_in_worksheet"]
    )  # fmt: skip


def test_a_worksheet_of_another_assignment_is_refused() -> None:
    with pytest.raises(ExportError, match="different assignments"):
        open_export(DATA / "main-folders.zip", worksheet=DATA / "blind-worksheet.csv")


def test_locked_grades_and_maxima_are_read() -> None:
    batch = open_export(DATA / "main-folders.zip", worksheet=DATA / "main-worksheet-overridden.csv").batch
    assert [one.participant.id for one in batch.submissions if one.grade_locked] == ["24"]
    decimal_comma = open_export(DATA / "main-folders.zip", worksheet=DATA / "main-worksheet-decsep.csv").batch
    assert {str(one.maximum_grade) for one in decimal_comma.submissions} == {"100.00"}


@pytest.mark.parametrize("name", [name for name in EXPORTS if "folders" in name])
def test_an_unpacked_folder_is_as_good_as_the_zip(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(DATA / f"{name}.zip") as archive:
        archive.extractall(tmp_path / "unpacked" / "around")
    zipped, unpacked = opened(name, sheet=False), open_export(tmp_path / "unpacked")
    assert {one.participant.id: one.sha256 for one in zipped.batch.submissions} == {
        one.participant.id: one.sha256 for one in unpacked.batch.submissions
    }
