"""An assignment that `grader assignment new` made: it validates, and submissions are graded, with no change to the grader."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.cli import main


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The root of a course that holds nothing but a new assignment."""
    (tmp_path / "assignments").mkdir()
    done = grader("assignment", "new", "week4", "--course", str(tmp_path))
    assert done.exit_code == 0, done.output
    return tmp_path


@dataclass(frozen=True)
class Said:
    exit_code: int
    output: str


def grader(*words: str) -> Said:
    """The command as a person calls it."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), pytest.raises(SystemExit) as ended:
        main(list(words))
    return Said(int(ended.value.code or 0), " ".join(said.getvalue().split()))


def hand_in(course: Path, **versions: dict[str, Any]) -> list[dict[str, Any]]:
    """Results of one submission for each notebook."""
    folder = course / "handed-in"
    folder.mkdir()
    for name, notebook in versions.items():
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook))
    out = course / "out"
    words = ["grade", str(folder), "--out", str(out), "--mode", "static", "--course", str(course)]
    done = grader(*words)
    assert done.exit_code in (0, 1), done.output
    return list(json.loads((out / "results.json").read_text()))


def made(course: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((course / "assignments" / "week4" / f"{name}.ipynb").read_text()))


def test_it_is_listed_and_valid(course: Path) -> None:
    listed = grader("assignment", "list", "--course", str(course))
    assert "week4" in listed.output
    valid = grader("assignment", "validate", "week4", "--static", "--course", str(course))
    assert (valid.exit_code, "week4: valid" in valid.output) == (0, True), valid.output


@pytest.mark.sandbox
@pytest.mark.slow
def test_its_solution_runs_in_the_sandbox_and_passes(course: Path, sandbox: None) -> None:
    valid = grader("assignment", "validate", "week4", "--course", str(course))
    assert (valid.exit_code, "week4: valid" in valid.output) == (0, True), valid.output


def test_its_solution_and_its_starter_are_graded(course: Path) -> None:
    rows = {
        row["participant"]["id"]: row
        for row in hand_in(course, **{n: made(course, n) for n in ("solution", "starter")})
    }
    verdicts = {name: row["findings"]["memo.sections"]["verdict"] for name, row in rows.items()}
    assert verdicts["solution"] == "passed"
    assert verdicts["starter"] != "passed"
    assert rows["solution"]["max"] == "10"
    assert [criterion["kind"] for criterion in rows["solution"]["sections"][0]["criteria"]] == ["manual"]
    assert (course / "out" / "feedback" / "solution.html").is_file()


def test_its_students_get_a_bundle_without_the_solution(course: Path) -> None:
    done = grader("assignment", "build", "week4", "--course", str(course))
    assert done.exit_code == 0, done.output
    assert b"6 * 7" not in (course / "assignments" / "week4" / "starter.ipynb").read_bytes()
    assert (course / "build" / "week4-student.zip").is_file()


def test_a_changed_source_is_noticed_until_it_is_built_again(course: Path) -> None:
    path = course / "assignments" / "week4" / "source.ipynb"
    path.write_text(path.read_text().replace("6 * 7", "7 * 6"))
    words = ("assignment", "validate", "week4", "--static", "--course", str(course))
    assert "is not what source.ipynb makes" in grader(*words).output
    assert grader("assignment", "build", "week4", "--course", str(course)).exit_code == 0
    assert grader(*words).exit_code == 0


@pytest.mark.parametrize("name", ["Week 5", "5th", "../week5", ""])
def test_a_name_that_will_not_do_is_refused(course: Path, name: str) -> None:
    assert grader("assignment", "new", name, "--course", str(course)).exit_code == 2


def test_an_assignment_is_never_written_over(course: Path) -> None:
    again = grader("assignment", "new", "week4", "--course", str(course))
    assert (again.exit_code, "exists already" in again.output) == (2, True)
