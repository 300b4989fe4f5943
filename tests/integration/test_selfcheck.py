"""What a student does with the bundle alone, by the commands: check, export, explain. Nothing is executed here."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import grader.cli.assignments
import grader.cli.students  # noqa: F401
from grader.catalog import Course
from grader.cli.app import app
from grader.pipeline import load_materials
from grader.selfcheck.bundle import write_bundle
from grader.selfcheck.checking import check_notebook, public_findings
from grader.settings import Settings

ROOT = Path(__file__).parents[2]
HOME = ROOT / "assignments" / "week3"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("student")
    zipfile.ZipFile(write_bundle(Course(ROOT), "week3", folder / "week3.zip")).extractall(folder)
    (folder / "week3" / "homework.ipynb").write_bytes((HOME / "solution.ipynb").read_bytes())
    return folder / "week3"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False, catch_exceptions=False)


def found(course: Path, notebook: Path) -> dict[str, Any]:
    materials = load_materials(Course(course), "week3")
    graded = check_notebook(notebook, materials, Settings(mode="static"))
    return {name: item.model_dump(mode="json") for name, _, item in public_findings(graded, materials)}


def test_the_bundle_says_what_the_instructors_course_says(bundle: Path) -> None:
    assert found(bundle, bundle / "homework.ipynb") == found(ROOT, HOME / "solution.ipynb")


def test_the_exported_page_gets_the_verdicts_of_the_notebook(bundle: Path) -> None:
    page = bundle / "page.html"
    assert run("export", bundle / "homework.ipynb", "-o", page).return_value in (0, 1)
    assert found(bundle, page) == found(bundle, bundle / "homework.ipynb")


def test_check_finds_the_bundle_that_the_notebook_lies_in(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("check", bundle / "homework.ipynb", "--static", "--json")
    assert set(json.loads(done.stdout)["findings"]) == {name for name, _ in _public_lines()}


def _public_lines() -> list[tuple[str, bool]]:
    rubric = load_materials(Course(ROOT), "week3").rubric
    return [(line.id, line.public) for line in rubric.checks if line.public]


def test_check_says_what_comes_later_and_where_the_why_stands(bundle: Path) -> None:
    done = run("check", bundle / "starter.ipynb", "--static")
    assert "Checked only after submission: Encoder: results in the expected range" in done.stdout
    assert "staff" not in done.stdout


def test_a_notebook_outside_every_course_is_told_where_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = tmp_path / "homework.ipynb"
    notebook.write_bytes((HOME / "starter.ipynb").read_bytes())
    with pytest.raises(Exception, match="bundle"):
        run("check", notebook, "--static")


def test_export_works_without_a_course_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = tmp_path / "homework.ipynb"
    cells = [{"cell_type": "code", "metadata": {}, "source": "1", "outputs": [], "execution_count": None}]
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    done = run("export", notebook)
    assert done.return_value == 1
    assert "No cell has been run" in done.stdout
    assert (tmp_path / "homework.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_export_in_a_course_names_the_parts_of_the_memo_that_are_missing(bundle: Path) -> None:
    cells = [
        {"cell_type": "code", "metadata": {}, "source": "1", "outputs": [], "execution_count": 1},
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": "## Latency\n\nThe encoder needs 10 ms per complaint, the decoder 27.",
        },
    ]
    notebook = bundle / "half.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    missing = json.loads(run("export", notebook, "--json").stdout)["missing"]
    assert any("parts of the memo" in sentence for sentence in missing)


def test_export_never_overwrites_the_page_that_it_reads(tmp_path: Path) -> None:
    page = tmp_path / "homework.html"
    page.write_text("<html></html>")
    with pytest.raises(Exception, match="overwrite"):
        run("export", page)
    assert page.read_text() == "<html></html>"


@pytest.mark.parametrize("name", ["padding_side", "decoder.padding_side"])
def test_a_check_explains_itself_by_its_name_and_by_its_id(name: str, bundle: Path) -> None:
    said = run("checks", name, "--course", bundle).stdout
    assert 'tokenizer.padding_side = "left"' in said and "last position" in said
