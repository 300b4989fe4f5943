"""Weeks 1 and 2 are files only: they bind to the engine, share week 3's stage, and their notebooks are told apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grader.catalog import Course
from grader.catalog.authoring import build_starter, solution_lines
from grader.errors import CourseError
from grader.pipeline import Request, grade, load_materials
from grader.pipeline.authoring import validate_assignment
from grader.pipeline.choosing import hint_of, hint_of_export
from grader.pipeline.demo import pack, samples
from grader.pipeline.progress import Silent
from grader.selfcheck.bundle import student_files
from grader.settings import Settings

COURSE = Course(Path(__file__).parents[3])
WEEKS = ("week1", "week2")
STATIC = Settings(mode="static")


def notebook(slug: str, name: str = "solution.ipynb") -> dict[str, Any]:
    data: dict[str, Any] = json.loads((COURSE.folder(slug) / name).read_text("utf-8"))
    return data


@pytest.mark.parametrize("slug", WEEKS)
def test_everything_that_belongs_to_it_is_in_order(slug: str) -> None:
    assert validate_assignment(COURSE, slug, Settings(mode="static"), Silent()) == []


@pytest.mark.parametrize("slug", WEEKS)
def test_it_shares_the_stage_of_week_3_with_all_names_for_it(slug: str) -> None:
    mine, theirs = load_materials(COURSE, slug), load_materials(COURSE, "week3")
    assert (mine.stage, mine.assignment.class_counts) == (theirs.stage, theirs.assignment.class_counts)
    assert mine.assignment.stage.dataset_aliases == theirs.assignment.stage.dataset_aliases
    assert mine.assignment.models["encoder"].parameters == theirs.assignment.models["encoder"].parameters
    assert mine.environment() == theirs.environment() or mine.assignment.stage.of == "week3"


@pytest.mark.parametrize("slug", WEEKS)
def test_its_solution_was_run_and_says_what_its_outputs_say(slug: str) -> None:
    cells = notebook(slug)["cells"]
    assert all(
        cell["outputs"] for cell in cells if cell["id"] in ("setup", "data", "train", "plain", "weighted", "tiers")
    )
    text = "\n".join("".join(cell["source"]) for cell in cells)
    assert "{{" not in text
    assert not any(output["output_type"] == "error" for cell in cells for output in cell.get("outputs", ()))


@pytest.mark.parametrize("slug", WEEKS)
def test_students_get_the_stage_and_no_line_of_the_solution(slug: str) -> None:
    files = student_files(COURSE, slug)
    assert f"assignments/{slug}/stage/true_size.json" in files
    assert b"of:" not in files[f"assignments/{slug}/assignment.yaml"]
    lines = [line for line in solution_lines(notebook(slug, "source.ipynb")) if len(line) > 30]
    assert lines
    starter = files["starter.ipynb"].decode()
    assert [line for line in lines if json.dumps(line)[1:-1] in starter] == []


@pytest.mark.parametrize("slug", (*WEEKS, "week3"))
def test_a_notebook_is_known_by_what_it_grew_from_although_its_metadata_is_gone(slug: str) -> None:
    for made in (notebook(slug), build_starter(notebook(slug, "source.ipynb"))):
        assert hint_of(COURSE, [{**made, "metadata": {}}]) == slug
    assert hint_of(COURSE, [{**notebook("week1"), "metadata": {"grader": {"assignment": slug}}}]) == slug


@pytest.mark.parametrize("metadata", [{}, {"grader": "x"}, {"grader": {"assignment": "week9"}}, [1], None])
def test_of_a_notebook_that_is_nobodys_the_assignments_are_listed(metadata: object) -> None:
    cells = [{"cell_type": "code", "source": "print('something quite different from all of them')"}]
    assert hint_of(COURSE, [{"cells": cells, "metadata": metadata}]) is None
    with pytest.raises(CourseError, match="week1, week2, week3"):
        COURSE.choose(None, None)


def test_a_notebook_from_scratch_is_known_by_a_model_that_only_one_assignment_has() -> None:
    def naming(model: str) -> dict[str, object]:
        return {"cells": [{"cell_type": "code", "source": f'AutoModel.from_pretrained("{model}")'}], "metadata": {}}

    assert hint_of(COURSE, [naming("Qwen/Qwen2.5-0.5B")]) == "week3"
    assert hint_of(COURSE, [naming("answerdotai/ModernBERT-base")]) is None  # all three have it


def test_a_class_is_what_most_of_its_notebooks_are(tmp_path: Path) -> None:
    for number, slug in enumerate(("week2", "week2", "week3")):
        (tmp_path / f"s{number}.ipynb").write_text(json.dumps({**notebook(slug), "metadata": {}}))
    assert hint_of_export(COURSE, tmp_path) == "week2"


@pytest.mark.parametrize("slug", WEEKS)
def test_without_execution_nothing_is_failed_that_was_not_agreed(slug: str, tmp_path: Path) -> None:
    found = samples(COURSE, slug)
    export, sheet = pack(found)
    (tmp_path / "export.zip").write_bytes(export)
    (tmp_path / "sheet.csv").write_bytes(sheet)
    request = Request(tmp_path / "export.zip", tmp_path / "out", tmp_path / "sheet.csv")
    graded = {one.submission.participant.id: one for one in grade(request, load_materials(COURSE, slug), STATIC)}
    for sample in found:
        agreed = sample.expect.get("findings") or {}
        verdicts = {name: one.verdict for name, one in graded[sample.participant].judgement.findings.findings.items()}
        assert "crashed" not in verdicts.values(), sample.name
        failed = {name for name, verdict in verdicts.items() if verdict == "failed"}
        assert failed <= {name for name, verdict in agreed.items() if verdict == "failed"}, sample.name
    assert (tmp_path / "out" / "moodle" / "worksheet.csv").is_file()
