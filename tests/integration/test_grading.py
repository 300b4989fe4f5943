"""A class from Moodle's export to its pages and back, in static mode: nothing is executed here."""

from __future__ import annotations

import csv
import json
import os
import zipfile
from pathlib import Path

import pytest

from grader.catalog import Course
from grader.errors import ExportError, WorkspaceError
from grader.model.results import Results
from grader.pipeline import Materials, Request, grade, load_materials, regrade, results_json
from grader.settings import Settings

ROOT = Path(__file__).parents[2]
MOODLE = ROOT / "tests" / "data" / "moodle"
STATIC = Settings(mode="static")


@pytest.fixture(scope="module")
def materials() -> Materials:
    return load_materials(Course(ROOT), "week3")


def request_for(name: str, out: Path) -> Request:
    return Request(MOODLE / f"{name}-folders.zip", out, MOODLE / f"{name}-worksheet.csv")


@pytest.fixture(scope="module")
def graded_class(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("main") / "results"
    grade(request_for("main", out), materials, STATIC)
    return out


def results(out: Path) -> list[dict[str, object]]:
    return list(json.loads((out / "results.json").read_text("utf-8")))


def test_everybody_in_the_worksheet_is_in_the_results_once(graded_class: Path) -> None:
    with (MOODLE / "main-worksheet.csv").open(encoding="utf-8-sig", newline="") as file:
        people = sorted(row["Identifier"].removeprefix("Participant ") for row in csv.DictReader(file))
    assert len(people) == 25
    assert sorted(row["participant"]["id"] for row in results(graded_class)) == people  # type: ignore[index]


def test_results_follow_the_published_schema(graded_class: Path) -> None:
    assert len(Results.validate_python(results(graded_class))) == 25


def test_nothing_handed_in_is_no_grade_and_no_zero(graded_class: Path, materials: Materials) -> None:
    nothing = [row for row in results(graded_class) if row["status"] in ("no_submission", "unreadable")]
    assert nothing
    assert {row["total"] for row in nothing} == {None}


def test_every_participant_has_a_page_and_pages_link_from_the_overview(graded_class: Path) -> None:
    pages = {path.stem for path in (graded_class / "feedback").glob("*.html")}
    assert pages == {row["participant"]["id"] for row in results(graded_class)}  # type: ignore[index]
    overview = (graded_class / "index.html").read_text("utf-8")
    assert [page for page in pages if f"feedback/{page}.html" not in overview] == []


def test_the_log_holds_no_name(graded_class: Path) -> None:
    log = (graded_class / "run.log").read_text("utf-8")
    assert not any(name in log for name in ("Kim", "Zoë", "@", "Draft"))


def test_the_same_export_again_changes_nothing(graded_class: Path, materials: Materials) -> None:
    before = {path: path.read_bytes() for path in graded_class.rglob("*.json") if path.name != "run.json"}
    grade(request_for("main", graded_class), materials, STATIC)
    assert {path: path.read_bytes() for path in graded_class.rglob("*.json") if path.name != "run.json"} == before


def test_another_mode_is_refused_with_a_pointer_to_regrade(graded_class: Path, materials: Materials) -> None:
    with pytest.raises(WorkspaceError, match="another mode") as caught:
        grade(request_for("main", graded_class), materials, Settings(mode="dry-run"))
    assert "grader regrade" in (caught.value.todo or "")


@pytest.mark.parametrize("name", ["blind", "text", "flow", "grouped", "scaled", "team"])
def test_every_kind_of_export_is_graded_and_comes_back(name: str, materials: Materials, tmp_path: Path) -> None:
    done = grade(request_for(name, tmp_path / "out"), materials, STATIC)
    assert len(done) == len({item.submission.participant.id for item in done})
    archive = zipfile.ZipFile(tmp_path / "out" / "moodle" / "feedback.zip")
    assert archive.testzip() is None


def test_a_scale_costs_the_worksheet_and_not_the_pages(materials: Materials, tmp_path: Path) -> None:
    grade(request_for("scaled", tmp_path / "out"), materials, STATIC)
    assert not (tmp_path / "out" / "moodle" / "worksheet.csv").exists()
    assert "scale" in (tmp_path / "out" / "moodle" / "READ-ME-FIRST.txt").read_text("utf-8").lower()


def test_a_regrade_without_changes_changes_nobody(graded_class: Path, materials: Materials) -> None:
    changes, done = regrade(graded_class, materials, because="a look", apply=False)
    assert (changes, len(done)) == ([], 25)


def test_a_regrade_shows_the_difference_and_makes_it_only_when_told(materials: Materials, tmp_path: Path) -> None:
    out = tmp_path / "out"
    single = tmp_path / "homework.ipynb"
    single.write_text((ROOT / "assignments" / "week3" / "solution.ipynb").read_text("utf-8"))
    grade(Request(single, out), materials, STATIC)
    harder = _with_other_maximum(materials)
    before = (out / "results.json").read_bytes()
    shown, _ = regrade(out, harder, because="1b is worth less", apply=False)
    assert (out / "results.json").read_bytes() == before
    made, graded = regrade(out, harder, because="1b is worth less", apply=True)
    assert shown == made
    assert [change.criteria for change in made] == [("1b", "1c")]
    assert results(out) == results_json(graded)
    assert json.loads((out / "run.json").read_text())["regrades"][0]["because"] == "1b is worth less"
    again, _ = regrade(out, harder, because="again", apply=False)
    assert again == []


def _with_other_maximum(materials: Materials) -> Materials:
    from dataclasses import replace

    sections = list(materials.rubric.sections)
    criteria = [
        item.model_copy(update={"max": item.max + {"1b": -4, "1c": 4}.get(item.id, 0), "kind": "manual"})
        if item.id in ("1b", "1c")
        else item
        for item in sections[0].criteria
    ]
    sections[0] = sections[0].model_copy(update={"criteria": tuple(criteria)})
    return replace(materials, rubric=materials.rubric.model_copy(update={"sections": tuple(sections)}))


def test_a_changed_submission_is_the_next_attempt(materials: Materials, tmp_path: Path) -> None:
    single, out = tmp_path / "homework.ipynb", tmp_path / "out"
    text = (ROOT / "assignments" / "week3" / "starter.ipynb").read_text("utf-8")
    single.write_text(text)
    grade(Request(single, out), materials, STATIC)
    single.write_text(text.replace("YOUR ANSWER HERE", "An answer."))
    (second,) = grade(Request(single, out), materials, STATIC)
    assert second.attempt == 2
    assert (out / "submissions" / "homework" / "1" / "scorecard.json").exists()


def test_a_broken_export_says_what_to_do(materials: Materials, tmp_path: Path) -> None:
    bad = tmp_path / "export.zip"
    bad.write_bytes(b"PK\x03\x04 this is no zip")
    with pytest.raises(ExportError) as caught:
        grade(Request(bad, tmp_path / "out"), materials, STATIC)
    assert caught.value.todo


def test_one_hopeless_submission_stops_nobody(materials: Materials, tmp_path: Path) -> None:
    folder = tmp_path / "class"
    folder.mkdir()
    solution = (ROOT / "assignments" / "week3" / "solution.ipynb").read_text("utf-8")
    (folder / "right.ipynb").write_text(solution)
    (folder / "broken.ipynb").write_bytes(b'{"cells": [' + b"[" * 100_000)
    (folder / "binary.ipynb").write_bytes(os.urandom(2000))
    (folder / "odd.ipynb").write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": [], "cells": [3, None]})
    )
    (folder / "empty.html").write_bytes(b"")
    done = {
        item.submission.participant.id: item for item in grade(Request(folder, tmp_path / "out"), materials, STATIC)
    }
    assert set(done) == {"right", "broken", "binary", "odd", "empty"}
    assert done["right"].judgement.scorecard.total is not None
    assert {done[name].judgement.scorecard.total for name in ("broken", "binary", "empty")} == {None}
