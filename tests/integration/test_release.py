"""From settled outcomes to numbered releases: what the pages say is what worksheet and archive hold."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from grader.errors import StorageError, WorkspaceError
from grader.ledger import Ledger
from grader.model.decision import Event
from grader.pipeline.backup import backup, restore
from grader.pipeline.released import newest_release
from grader.pipeline.releasing import Released, release
from grader.pipeline.reviewing import load_class
from grader.release.moodle_rules import read_archive_as_moodle
from grader.workspace import Workspace
from tests.builders_review import graded_export, materials, settle


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return graded_export(tmp_path_factory.mktemp("class") / "out")


@pytest.fixture(scope="module")
def settled(graded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("settled") / "out"
    shutil.copytree(graded, out)
    settle(out)
    return out


@pytest.fixture
def out(settled: Path, tmp_path: Path) -> Path:
    shutil.copytree(settled, tmp_path / "out")
    return tmp_path / "out"


def make(out: Path, **options: Any) -> Released:
    return release(out, materials(), author="Ada", **options)


def rows(out: Path, number: int) -> dict[str, dict[str, str]]:
    text = (out / "releases" / str(number) / "worksheet.csv").read_text("utf-8-sig")
    return {row["Identifier"].removeprefix("Participant "): row for row in csv.DictReader(io.StringIO(text))}


def results(out: Path) -> dict[str, dict[str, Any]]:
    return {row["participant"]["id"]: row for row in json.loads((out / "results.json").read_text("utf-8"))}


def pages(out: Path, number: int) -> dict[str, bytes]:
    data = (out / "releases" / str(number) / "feedback.zip").read_bytes()
    taken = read_archive_as_moodle(data, participants=set(results(out)))
    return {who: files["/feedback.html"] for who, files in taken.items()}


def test_nothing_is_released_while_anything_is_open(graded: Path) -> None:
    with pytest.raises(WorkspaceError, match="not settled") as caught:
        make(graded)
    assert "grader review" in (caught.value.todo or "")
    assert not (graded / "releases").exists()


def test_worksheet_archive_pages_and_results_say_the_same(out: Path) -> None:
    done = make(out)
    assert (done.number, done.written, done.provisional) == (1, True, False)
    sheet, archive, said = rows(out, 1), pages(out, 1), results(out)
    given = {who for who, row in said.items() if row["total"] is not None}
    assert given
    assert {who for who, row in sheet.items() if row["Grade"]} == given
    for who in given:
        assert Decimal(sheet[who]["Grade"]) == Decimal(said[who]["total"])
        assert f'<p class="total">{said[who]["total"]} <small>of 100' in archive[who].decode()
        assert f"<strong>{said[who]['total']} of 100</strong>" in sheet[who]["Feedback comments"]
        assert (out / "releases" / "1" / "pages" / f"{who}.html").read_bytes() == archive[who]
        assert all(section["settled"] for section in said[who]["sections"])
    assert not any(b"Preview" in page for page in archive.values())
    assert not any("Preview" in row["Feedback comments"] for row in sheet.values())


def test_who_handed_in_nothing_gets_nothing_and_no_zero(out: Path) -> None:
    make(out)
    nothing = {who for who, row in results(out).items() if row["status"] == "no_submission"}
    assert nothing
    assert not nothing & set(rows(out, 1))
    assert not nothing & set(pages(out, 1))


def test_a_release_says_in_which_order_to_import_and_how_points_are_rounded(out: Path) -> None:
    make(out)
    text = (out / "releases" / "1" / "READ-ME-FIRST.txt").read_text("utf-8")
    assert text.index("FIRST the worksheet") < text.index("THEN the pages")
    assert "rounded half up, once" in text
    assert "PREVIEW" not in text


def test_a_second_release_sends_only_what_changed(out: Path) -> None:
    make(out)
    person = next(one for one in load_class(out).people.values() if one.card.total is not None)
    Ledger.of(out).append(person.event("decision", "Ben", "1b", points="3"))
    Ledger.of(out).append(person.event("comment", "Ben", "1b", text="On reflection, no."))
    before = results(out)[person.id]["total"]
    done = make(out)
    assert (done.number, done.changed) == (2, (person.id,))
    assert set(rows(out, 2)) == set(pages(out, 2)) == {person.id}
    assert Decimal(rows(out, 2)[person.id]["Grade"]) == Decimal(results(out)[person.id]["total"]) > Decimal(before)
    assert b"On reflection, no." in pages(out, 2)[person.id]
    assert "tick that box at once" in (out / "releases" / "2" / "READ-ME-FIRST.txt").read_text("utf-8")
    number, book = newest_release(Workspace(out))
    assert number == 2
    assert {row.participant_id for row in book.rows} >= set(rows(out, 1))


def test_without_a_change_there_is_no_release(out: Path) -> None:
    make(out)
    done = make(out)
    assert (done.written, done.changed) == (False, ())
    assert [path.name for path in (out / "releases").iterdir()] == ["1"]


def test_a_provisional_release_says_so_everywhere(graded: Path, tmp_path: Path) -> None:
    shutil.copytree(graded, tmp_path / "out")
    done = make(tmp_path / "out", provisional=True)
    assert done.provisional
    assert done.open
    assert "PROVISIONAL" in (done.path / "READ-ME-FIRST.txt").read_text("utf-8")
    who = next(who for who, row in rows(tmp_path / "out", 1).items() if row["Grade"])
    assert "not settled yet" in rows(tmp_path / "out", 1)[who]["Feedback comments"]
    assert b"Not settled yet" in pages(tmp_path / "out", 1)[who]


def test_a_preview_writes_pages_and_no_release(out: Path) -> None:
    done = make(out, preview=True)
    assert not done.written
    assert done.changed
    assert not (out / "releases").exists()
    assert all(section["settled"] for row in results(out).values() for section in row["sections"])


def test_a_release_killed_before_it_existed_is_made_anew_and_one_killed_after_is_known(out: Path) -> None:
    half = out / "releases" / "1"
    half.mkdir(parents=True)
    (half / "worksheet.csv").write_text("half a file")
    make(out)
    assert "half a file" not in (half / "worksheet.csv").read_text("utf-8-sig")
    ledger = Ledger.of(out).path
    for path in out.glob("ledger.sqlite*"):
        path.unlink()
    settle(out)
    assert make(out).changed == ()
    assert [event.text for event in Ledger(ledger).events(kind="release")] == ["release 1"]


def test_a_changed_rubric_must_be_graded_first(out: Path) -> None:
    from dataclasses import replace

    base = materials()
    other = replace(base, rubric=base.rubric.model_copy(update={"version": "2"}))
    with pytest.raises(WorkspaceError, match="have changed") as caught:
        release(out, other)
    assert "grader regrade" in (caught.value.todo or "")


def test_a_request_and_its_answer_stand_on_the_page(out: Path) -> None:
    ledger = Ledger.of(out)
    person = next(one for one in load_class(out).people.values() if one.card.total is not None)
    asked = ledger.append(person.event("request", "Ada", "2b", text="Please <b>look</b> again."))
    with pytest.raises(WorkspaceError, match="not settled"):
        make(out)
    ledger.append(person.event("answer", "Ada", "2b", text="We looked; it stays.", refers=asked.id))
    make(out)
    page = pages(out, 1)[person.id].decode()
    assert "Please &lt;b&gt;look&lt;/b&gt; again." in page
    assert "We looked; it stays." in page


def test_a_backup_holds_everything_and_comes_back_the_same(out: Path, tmp_path: Path) -> None:
    make(out)
    backup(out, tmp_path / "class.zip")
    restore(tmp_path / "class.zip", tmp_path / "again")
    assert Ledger.of(tmp_path / "again").events() == Ledger.of(out).events()

    def kept(root: Path) -> dict[str, bytes]:
        files = (path for path in root.rglob("*") if path.is_file())
        return {
            p.relative_to(root).as_posix(): p.read_bytes()
            for p in files
            if "ledger" not in p.name and p.name != ".lock"
        }

    assert kept(tmp_path / "again") == kept(out)
    assert make(tmp_path / "again").changed == ()
    assert (tmp_path / "again").stat().st_mode & 0o77 == 0


def test_a_damaged_or_hostile_backup_leaves_nothing_behind(out: Path, tmp_path: Path) -> None:
    backup(out, tmp_path / "good.zip")
    with zipfile.ZipFile(tmp_path / "good.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    damaged = {**members, "files/run.json": b"{}"}
    outside = {**members, "manifest.json": json.dumps({"schema": 1, "files": {"../evil": "0"}}).encode()}
    for name, content in {"damaged": damaged, "outside": outside}.items():
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for member, data in content.items():
                archive.writestr(member, data)
        with pytest.raises(StorageError):
            restore(tmp_path / f"{name}.zip", tmp_path / name)
        assert not (tmp_path / name).exists()
    assert not (tmp_path / "evil").exists()
    with pytest.raises(WorkspaceError, match="not empty"):
        restore(tmp_path / "good.zip", out)


def test_a_flag_of_a_person_keeps_the_release_back(out: Path) -> None:
    person = next(iter(load_class(out).people.values()))
    Ledger.of(out).append(Event(author="Ben", kind="flag", participant=person.id, text="same text as another"))
    with pytest.raises(WorkspaceError, match="not settled"):
        make(out)
