"""What a student does with the bundle alone, by the commands: check, export, explain. Nothing is executed here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import grader.cli.assignments
import grader.cli.students  # noqa: F401
from grader.catalog import Course
from grader.cli.app import app
from grader.errors import InputError
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


def test_check_says_what_comes_later(bundle: Path) -> None:
    done = run("check", bundle / "starter.ipynb", "--static")
    assert "Checked only after submission: Encoder: results in the expected range" in done.stdout
    assert "staff" not in done.stdout


def written(bundle: Path, *parts: int, name: str = "half.ipynb") -> Path:
    """The starter with some of its parts as the solution has them."""
    starter, solution = (json.loads((HOME / name).read_text("utf-8")) for name in ("starter.ipynb", "solution.ipynb"))
    cells = [solution["cells"][at] if at in parts else cell for at, cell in enumerate(starter["cells"])]
    (bundle / name).write_text(json.dumps({**starter, "cells": cells}), "utf-8")
    return bundle / name


def test_starter_half_done_and_finished_notebooks_are_told_different_and_helpful_things(bundle: Path) -> None:
    finished = HOME / "golden" / "01-right" / "homework.ipynb"
    starter, half, whole = (
        run("check", path, "--static", "--course", bundle, "--json")
        for path in (bundle / "starter.ipynb", written(bundle, 4, 8, 10, 12, 13, 14), finished)
    )
    told = [json.loads(done.stdout) for done in (starter, half, whole)]
    assert [answer["headline"] for answer in told] == [
        "This is still the starter: none of its 17 parts is written yet.",
        "6 of 17 parts are written. Checks so far: 5 in order.",
        "All that can be checked before you submit is in order.",
    ]
    groups = [{found["group"] for found in answer["findings"].values()} for answer in told]
    assert groups == [{"later"}, {"later", "ok"}, {"ok"}]
    assert told[0]["next"][0] == "Begin with cell 4 (Your predictions)"
    assert told[1]["next"][0].startswith("Go on with cell 16 (Class weights on the decoder: ")
    assert told[2]["next"] == ["Hand in: `grader export` makes the page for Moodle."]
    assert [done.return_value for done in (starter, half, whole)] == [1, 1, 0]


def test_what_fails_is_shown_with_its_place_and_where_it_is_explained(bundle: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    wrong = HOME / "golden" / "08-bf16-training" / "homework.ipynb"
    done = run("check", wrong, "--static", "--course", bundle, "--html", page)
    assert "FAIL Decoder: mixed precision that a T4 can do [decoder.mixed_precision]" in done.stdout
    assert "(Part A: the encoder): " in done.stdout
    assert "why, and how to mend it: grader checks decoder.mixed_precision" in done.stdout
    assert "-> Mend first: Decoder: mixed precision that a T4 can do." in done.stdout
    html = page.read_text("utf-8")
    assert "needs a GPU of the Ampere generation" in html and "<details>" in html
    assert "://" not in html


def test_a_machine_without_the_libraries_looks_at_the_code_and_says_what_to_install(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.cli.students.missing_libraries", lambda: ("torch", "peft"))
    done = run("check", bundle / "starter.ipynb", "--json")
    assert json.loads(done.stdout)["execution"]["mode"] == "static"
    assert "needs torch, peft" in done.stderr and "pip install" in done.stderr


@pytest.mark.parametrize(
    "content", [b"", b"no notebook", b'{"cells": [\n<<<<<<< HEAD\n]}', b'{"cells": [{"cell_type": "code", "sou']
)
def test_what_is_no_notebook_is_refused_and_not_checked(content: bytes, bundle: Path) -> None:
    (bundle / "broken.ipynb").write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.ipynb"):
        run("check", bundle / "broken.ipynb", "--static")


def test_what_could_not_be_seen_without_a_run_does_not_read_like_a_mistake(bundle: Path) -> None:
    padded = HOME / "golden" / "04-padding-right" / "homework.ipynb"
    done = run("check", padded, "--static", "--course", bundle)
    assert "?    Decoder: padding on the left [decoder.padding_side]" in done.stdout
    assert "Set `tokenizer.padding_side" not in done.stdout
    assert "-> Check again without `--static`" in done.stdout


def test_looking_imports_nothing_heavy(bundle: Path) -> None:
    code = (
        "import sys\nfrom grader.cli import main\n"
        f"try: main(['check', {str(bundle / 'homework.ipynb')!r}, '--static', '--json'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'pandas', 'matplotlib', 'nbconvert', 'flask', 'distributed', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=bundle, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert done.stderr.decode().strip() == "[]"


def test_modules_beside_the_notebook_are_named_so_that_they_get_handed_in(bundle: Path) -> None:
    cells = [
        {
            "cell_type": "code",
            "metadata": {},
            "source": "import helpers, json\nfrom preflight import preflight",
            "outputs": [],
            "execution_count": 1,
        }
    ]
    (bundle / "with.ipynb").write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    (bundle / "helpers.py").write_text("x = 1")
    (bundle / "other.py").write_text("x = 1")
    for command in (("check", "--static"), ("export",)):
        said = run(*command, "--assignment", "week3", bundle / "with.ipynb").stdout
        assert "helpers.py" in said and "hand it in" in said
        assert "other.py" not in said and "preflight.py" not in said


@pytest.mark.parametrize("case", ["01-right", "04-padding-right", "08-bf16-training", "13-two-sections-missing"])
def test_an_exported_homework_gets_the_same_findings_as_the_notebook_it_was_made_of(case: str, tmp_path: Path) -> None:
    """With all checks of the instructor's, the memo's among them: verdicts, words, places and figures."""
    notebook, page = HOME / "golden" / case / "homework.ipynb", tmp_path / "homework.html"
    run("export", notebook, "-o", page)
    materials = load_materials(Course(ROOT), "week3")
    before, after = (
        check_notebook(path, materials, Settings(mode="static"), public_only=False) for path in (notebook, page)
    )
    assert after.evidence.notebook == before.evidence.notebook
    assert after.judgement.findings.findings == before.judgement.findings.findings
    assert after.judgement.scorecard.sections == before.judgement.scorecard.sections


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
    missing = json.loads(run("export", notebook, "--assignment", "week3", "--json").stdout)["missing"]
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
