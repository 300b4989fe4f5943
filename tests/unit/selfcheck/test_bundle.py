"""What students get holds all they need and nothing that is hidden: proved by content."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import grader
from grader.catalog import Course
from grader.catalog.authoring import solution_lines
from grader.checks import collect
from grader.errors import CourseError
from grader.pipeline import load_materials
from grader.selfcheck.bundle import student_files, write_bundle
from grader.selfcheck.checking import check_notebook
from grader.selfcheck.explaining import documents, explanations
from grader.selfcheck.export import export_notebook
from grader.selfcheck.page import report_page
from grader.selfcheck.report import report_of
from grader.selfcheck.wheel import version, wheel, wheel_name
from grader.settings import Settings

ROOT = Path(__file__).parents[3]
TELLING = 25
"""Characters from which a line of the solution can't stand elsewhere by chance."""


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return student_files(Course(ROOT), "week3")


def unpacked(files: dict[str, bytes]) -> dict[str, bytes]:
    """The bundle's files, those in the wheel among them."""
    whole = {name: data for name, data in files.items() if not name.endswith(".whl")}
    for name in files.keys() - whole.keys():
        with zipfile.ZipFile(io.BytesIO(files[name])) as archive:
            whole |= {f"{name}/{inner}": archive.read(inner) for inner in archive.namelist()}
    return whole


def words(files: dict[str, bytes]) -> str:
    """All text in the bundle, also as it reads once JSON's and YAML's quoting is undone."""
    texts = [data.decode("utf-8", "replace") for name, data in unpacked(files).items() if "/stage/" not in name]
    undone = [text.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\") for text in texts]
    return re.sub(r"\s+", " ", "\n".join([*texts, *undone]))


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for name, item in value.items():
            if not name.startswith("encoder_full"):  # weeks 1 and 2, which the lecture shows: the baseline
                yield from numbers(item)
    elif isinstance(value, float):
        yield value


def test_no_line_that_only_the_solution_has_is_in_it(files: dict[str, bytes]) -> None:
    source = json.loads((ROOT / "assignments" / "week3" / "source.ipynb").read_text("utf-8"))
    telling = [re.sub(r"\s+", " ", line) for line in solution_lines(source) if len(line) >= TELLING]
    shown = words(files)
    assert len(telling) > 50
    assert [line for line in telling if line in shown] == []


def test_no_text_for_staff_and_no_word_on_how_points_are_suggested_is_in_it(files: dict[str, bytes]) -> None:
    rubric = load_materials(Course(ROOT), "week3").rubric
    shown = words(files)
    criteria = [item for section in rubric.sections for item in section.criteria]
    hidden = [
        text for item in criteria for text in (item.texts.staff, item.texts.met, item.texts.half, item.texts.missed)
    ]
    sentences = [part.strip() for text in hidden for part in re.split(r"(?<=[.;])\s", text) if len(part) >= TELLING]
    assert len(sentences) > 50
    assert [text for text in sentences if re.sub(r"\s+", " ", text) in shown] == []
    assert "suggest" not in files["rubrics/week3.yaml"].decode()


def test_no_expected_figure_is_in_it(files: dict[str, bytes]) -> None:
    """Figures of three digits and more: 0.5 stands everywhere. A share is looked for as per cent, too.

    What a criterion's own question tells (the lecture's figures of week 2, as the baseline) is meant to be read.
    """
    shown = words(files)
    rubric = load_materials(Course(ROOT), "week3").rubric
    for item in (item for section in rubric.sections for item in section.criteria):
        shown = shown.replace(re.sub(r"\s+", " ", item.texts.asked), "")
    found = []
    for path in sorted((ROOT / "reference" / "expected").glob("*.json")):
        for value in numbers(json.loads(path.read_text("utf-8"))):
            for text in {f"{value:g}", f"{100 * value:g}"}:
                if len(text.replace(".", "").strip("0")) >= 3 and re.search(
                    rf"(?<![\d.]){re.escape(text)}(?!\w)", shown
                ):
                    found.append((path.name, text))
    assert found == []
    assert not any(
        word in name for name in files for word in ("expected", "golden", "solution", "source.ipynb", "provenance")
    )


def test_the_memo_readers_aids_hold_nothing_of_the_lecture(files: dict[str, bytes]) -> None:
    assert set(json.loads(files["assignments/week3/memo_aids.json"])) == {"prompts", "classes"}


def test_every_file_is_one_that_was_chosen(files: dict[str, bytes]) -> None:
    outside = [
        name
        for name in files
        if not name.startswith("assignments/week3/stage/") and not name.startswith("docs/checks/")
    ]
    assert sorted(outside) == [
        "README.md", "assignments/week3/assignment.yaml", "assignments/week3/memo_aids.json", wheel_name(), "preflight.py",
        "rubrics/week3.yaml", "starter.ipynb",
    ]  # fmt: skip


def test_the_wheel_holds_the_package_and_nothing_of_a_course(files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(files[wheel_name()])) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"grader", f"llm_course_grader-{version()}.dist-info"}
    assert not [name for name in names if name.endswith((".ipynb", ".parquet", ".safetensors", ".pyc"))]
    assert {
        "grader/selfcheck/preflight.py",
        "grader/selfcheck/explanations.yaml",
        "grader/feedback/templates/parts.html",
    } <= set(names)


def test_the_wheel_installs_and_names_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / wheel_name()).write_bytes(wheel())
    found = next(iter(metadata.distributions(path=[str(tmp_path / wheel_name())])))
    assert (found.metadata["Name"], found.version) == ("llm-course-grader", version())
    assert re.fullmatch(re.escape(grader.__version__) + r"\+[0-9a-f]{8}", version())  # another content, another version
    needs = found.requires or []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert [need for need in project["dependencies"] if need not in needs] == []
    assert any(need.startswith("torch") and 'extra == "run"' in need for need in needs)
    assert [entry.value for entry in found.entry_points if entry.name == "grader"] == ["grader.cli:main"]
    for line in (found.read_text("RECORD") or "").splitlines()[:-1]:
        name, digest, size = line.rsplit(",", 2)
        data = zipfile.ZipFile(tmp_path / wheel_name()).read(name)
        assert len(data) == int(size)
        assert digest == "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def test_no_page_that_students_make_tells_what_is_hidden(tmp_path: Path) -> None:
    """The self-check's page and the exported page of a finished homework, made with the bundle alone."""
    zipfile.ZipFile(write_bundle(planted(tmp_path / "course"), "week3", tmp_path / "week3.zip")).extractall(tmp_path)
    homework = ROOT / "assignments" / "week3" / "golden" / "08-bf16-training" / "homework.ipynb"
    materials = load_materials(Course(tmp_path / "week3"), "week3")
    page = report_page(report_of(check_notebook(homework, materials, Settings(mode="static")), materials))
    whole = {"page": page.encode(), "export": export_notebook(homework).html}
    assert b"SECRET-" not in b"".join(whole.values()) and b"0.731519" not in b"".join(whole.values())
    rubric = load_materials(Course(ROOT), "week3").rubric
    staff = [item.texts.staff for section in rubric.sections for item in section.criteria]
    shown = words(whole)
    assert [
        text for text in staff for part in re.split(r"(?<=[.;])\s", text) if len(part) >= TELLING and part in shown
    ] == []


def planted(folder: Path) -> Course:
    """The course with a secret at each place where one may stand."""
    for part in ("assignments", "rubrics"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("golden"))
    (folder / "reference" / "expected").mkdir(parents=True)
    expected = {
        "scale": "t4",
        "metrics": {"decoder": {"macro_f1": {"low": 0.731519, "high": 0.831519}}},
        "provenance": "SECRET-1",
    }
    (folder / "reference" / "expected" / "t4.json").write_text(json.dumps(expected))
    home = folder / "assignments" / "week3"
    (home / "expected").mkdir()
    (home / "expected" / "own.json").write_text(json.dumps({**expected, "scale": "own"}))
    (home / "stage" / "SECRET-2.txt").write_text("SECRET-2")
    (home / "notes.txt").write_text("SECRET-3")
    with (home / "assignment.yaml").open("a") as file:
        file.write("memo_aids: {key: SECRET-4}\nexpected: {}\n")
    rubric = (folder / "rubrics" / "week3.yaml").read_text("utf-8")
    rubric = rubric.replace(
        "check: metric_range, model: encoder", "check: metric_range, model: encoder, why: SECRET-5, todo: SECRET-6"
    )
    rubric = re.sub(r"staff: (>-\n\s+)?", lambda found: found[0] + ("SECRET-7 " if found[1] else ""), rubric)
    (folder / "rubrics" / "week3.yaml").write_text(rubric, "utf-8")
    return Course(folder)


def test_secrets_planted_in_a_course_do_not_come_through(tmp_path: Path) -> None:
    whole = b"\n".join(name.encode() + data for name, data in student_files(planted(tmp_path), "week3").items())
    assert b"SECRET-" not in whole and b"0.731519" not in whole and b"0.831519" not in whole


def test_a_starter_that_would_give_the_solution_away_is_refused(tmp_path: Path) -> None:
    course = planted(tmp_path)
    path = course.folder("week3") / "source.ipynb"
    source = json.loads(path.read_text("utf-8"))
    cell = {
        "cell_type": "code",
        "metadata": {},
        "source": "text = '''x ### BEGIN SOLUTION answer'''",
        "outputs": [],
        "execution_count": None,
    }
    path.write_text(json.dumps({**source, "cells": [*source["cells"], cell]}))
    with pytest.raises(CourseError, match="given away"):
        student_files(course, "week3")


def test_the_same_course_gives_the_same_zip_and_it_is_a_course(tmp_path: Path) -> None:
    first, second = (write_bundle(Course(ROOT), "week3", tmp_path / name).read_bytes() for name in ("a.zip", "b.zip"))
    assert first == second
    zipfile.ZipFile(io.BytesIO(first)).extractall(tmp_path)
    inside, outside = load_materials(Course(tmp_path / "week3"), "week3"), load_materials(Course(ROOT), "week3")
    assert [(line.id, line.public) for line in inside.rubric.checks] == [
        (line.id, line.public) for line in outside.rubric.checks
    ]
    assert inside.assignment.expected == {}
    assert inside.assignment.class_counts == outside.assignment.class_counts


def test_every_check_is_explained_and_the_pages_are_what_the_source_makes() -> None:
    registry = collect()
    assert set(explanations()) == set(registry)
    folder = ROOT / "docs" / "checks"
    assert {path.name: path.read_text("utf-8") for path in folder.glob("*.md")} == documents(registry)
