"""The whole way by web services with the real verbs: pull, grade, settle, release, push; then one student's mark is changed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import grader.cli.moodle  # noqa: F401  (adds its commands)
from grader.cli.app import app
from grader.intake.export import open_export
from grader.ledger import Ledger
from grader.pipeline import Request, grade
from grader.pipeline.releasing import release
from grader.pipeline.reviewing import load_class
from tests.builders_review import MOODLE, STATIC, materials, settle
from tests.fakes_moodle import TOKEN, FakeMoodle, Stored, Student, serving


@pytest.fixture(scope="module")
def site() -> Iterator[FakeMoodle]:
    """The class of the recorded exports, with all its names, in a Moodle that keeps state."""
    export = open_export(MOODLE / "main-folders.zip", worksheet=MOODLE / "main-worksheet.csv")
    students = []
    for number, one in enumerate(export.batch.submissions):
        who = one.participant
        files = [
            Stored(path.rpartition("/")[2], data, f"/{path.rpartition('/')[0]}/".replace("//", "/"))
            for path, data in export.files(who.id).items()
            if ".zip/" not in path
        ]
        status = "draft" if one.draft else "submitted" if files else "new"
        students.append(Student(500 + number, who.name or "", int(who.id), who.email or "", files, status=status))
    with serving(found := FakeMoodle(students)):
        yield found


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(
        app, [str(one) for one in arguments], standalone_mode=False, env={"GRADER_MOODLE_TOKEN": TOKEN}
    )
    assert done.exception is None, done.exception
    return done


def given(site: FakeMoodle) -> dict[str, tuple[Decimal, str, bytes]]:
    return {
        str(one.number): (one.grade, one.comment or "", one.feedback[0].data)
        for one in site.students.values()
        if one.grade is not None
    }


def sheet(folder: Path) -> dict[str, dict[str, str]]:
    text = (folder / "worksheet.csv").read_text("utf-8-sig")
    return {row["Identifier"].removeprefix("Participant "): row for row in csv.DictReader(io.StringIO(text))}


def test_pull_grade_release_push_and_a_changed_mark(site: FakeMoodle, tmp_path: Path) -> None:
    pulled, out = tmp_path / "pulled", tmp_path / "out"
    run("moodle", "pull", f"{site.address}/mod/assign/view.php?id=1", "--out", pulled)
    grade(Request(pulled / "export.zip", out, pulled / "worksheet.csv"), materials(), STATIC)
    settle(out)
    first = release(out, materials(), author="Ada")
    assert first.written

    shown = run("moodle", "push", out, "--pulled", pulled)
    assert "only shown" in shown.output
    assert given(site) == {}

    done = run("moodle", "push", out, "--pulled", pulled, "--yes")
    assert done.return_value == 0
    by_hand = sheet(out / "releases" / "1")
    expected = {who: row for who, row in by_hand.items() if row["Grade"]}
    found = given(site)
    assert {who: (value, comment) for who, (value, comment, _) in found.items()} == {
        who: (Decimal(row["Grade"]), row["Feedback comments"]) for who, row in expected.items()
    }
    assert {who: page for who, (_, _, page) in found.items()} == {
        who: (out / "releases" / "1" / "pages" / f"{who}.html").read_bytes() for who in expected
    }
    site.cron()
    assert {one.told for one in site.students.values() if str(one.number) in by_hand} == {1}
    assert {one.told for one in site.students.values() if str(one.number) not in by_hand} == {0}

    saves, records = site.calls.count("mod_assign_save_grade"), [one.record for one in site.students.values()]
    again = run("moodle", "push", out, "--pulled", pulled, "--yes")
    assert f"0 given, {len(by_hand)} unchanged, 0 skipped" in again.output
    assert (site.calls.count("mod_assign_save_grade"), [one.record for one in site.students.values()]) == (
        saves,
        records,
    )

    person: Any = next(one for one in load_class(out).people.values() if one.card.total is not None)
    Ledger.of(out).append(person.event("decision", "Ben", "1b", points="3"))
    second = release(out, materials(), author="Ben")
    assert second.changed == (person.id,)
    last = run("moodle", "push", out, "--pulled", pulled, "--yes")
    assert f"1 given, {len(by_hand) - 1} unchanged, 0 skipped" in last.output
    site.cron()
    assert {str(one.number): one.told for one in site.students.values() if one.told > 1} == {person.id: 2}
    assert (
        given(site)[person.id][0] == Decimal(sheet(out / "releases" / "2")[person.id]["Grade"]) != found[person.id][0]
    )
