"""What course authors ask: is this assignment whole, and a skeleton to begin with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.catalog import Course
from grader.catalog.authoring import build_solution, build_starter, solution_lines
from grader.errors import CourseError, InputError
from grader.model.submission import ChosenNotebook, Participant, Submission
from grader.pipeline.demo import scale_for
from grader.pipeline.executing import Task, execute, static_evidence
from grader.pipeline.judging import judge
from grader.pipeline.materials import Materials, load_materials
from grader.pipeline.progress import Progress
from grader.settings import Settings
from grader.workspace.files import write_atomic

SLUG = re.compile(r"[a-z][a-z0-9_-]{0,39}")
UNRUN = ("metrics.", "integrity.")
"""Lines that judge recorded figures: without saved outputs there are none, without recorded ranges nothing to hold them against."""


def validate_assignment(course: Course, slug: str, settings: Settings, progress: Progress) -> list[str]:
    """Everything that is wrong with an assignment, one sentence each; runs the solution unless the mode is static."""
    materials = load_materials(course, slug)
    source = _source(course.folder(slug) / "source.ipynb")
    problems = list(_stale(course.folder(slug), source))
    progress.begin("Running the solution", 1)
    problems.extend(_solution_problems(source, materials, settings))
    progress.step()
    problems.extend(_starter_problems(source, materials))
    return problems


def _source(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CourseError(
            f"can't be read: {error}", where=str(path), todo="restore it; it is the one source of the homework"
        ) from error
    if not isinstance(data, dict):
        raise CourseError("is not a notebook", where=str(path), todo="save it with Jupyter")
    return data


def _stale(folder: Path, source: dict[str, Any]) -> Iterator[str]:
    for name, build in (("starter.ipynb", build_starter), ("solution.ipynb", build_solution)):
        path = folder / name
        if not path.is_file():
            yield f"{path} is missing: `grader assignment build {folder.name}`"
        elif [_code(cell) for cell in json.loads(path.read_text("utf-8"))["cells"]] != [
            _code(cell) for cell in build(source)["cells"]
        ]:
            yield f"{path} is not what source.ipynb makes: `grader assignment build {folder.name}`"


def _code(cell: dict[str, Any]) -> str:
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def _solution_problems(source: dict[str, Any], materials: Materials, settings: Settings) -> Iterator[str]:
    task = _task("solution", build_solution(source))
    if settings.mode == "static":
        evidence = static_evidence(task, "")
    else:
        ((_, evidence),) = execute([task], materials, settings)
        for error in evidence.execution.errors:
            yield f"the solution's cell {error.cell} fails on the stage: {error.name}: {error.value[:200]}"
        if evidence.execution.status != "ok":
            yield f"the solution does not run on the stage: {evidence.execution.status}, {evidence.execution.why}"
    ranges = scale_for(materials.assignment)
    exempt = () if ranges and _has_outputs(source) else UNRUN
    judgement = judge(task.submission, evidence, materials, scale=ranges or materials.assignment.scale)
    for name, found in judgement.findings.findings.items():
        must_pass = settings.mode != "static" and not name.startswith(exempt)
        if found.verdict not in (("passed",) if must_pass else ("passed", "partial", "not_assessed")):
            yield f"the solution gets {found.verdict} on {name}: {found.staff_text}"


def _has_outputs(notebook: dict[str, Any]) -> bool:
    return any(cell.get("outputs") for cell in notebook["cells"])


def _starter_problems(source: dict[str, Any], materials: Materials) -> Iterator[str]:
    starter = build_starter(source)
    text = "\n".join(_code(cell) for cell in starter["cells"])
    for line in solution_lines(source):
        if len(line) > 20 and line in text:
            yield f"the starter gives away a line of the solution: {line[:80]}"
    task = _task("starter", starter)
    judgement = judge(task.submission, static_evidence(task, ""), materials, scale=materials.assignment.scale)
    for name, found in judgement.findings.findings.items():
        if found.verdict == "crashed":
            yield f"{name} crashes on the starter: {found.staff_text}"


def _task(name: str, notebook: dict[str, Any]) -> Task:
    submission = Submission(participant=Participant(id=name), status="submitted")
    return Task(submission, {}, ChosenNotebook(path=f"{name}.ipynb", origin="ipynb", notebook=notebook))


def new_assignment(course: Course, slug: str) -> list[Path]:
    """Write a skeleton that validates and grades as it is; returns the files."""
    if not SLUG.fullmatch(slug):
        raise InputError(
            f"{slug!r} can't be a name", todo="use lower-case letters, digits, - and _, beginning with a letter"
        )
    folder = course.root / "assignments" / slug
    rubric = course.root / "rubrics" / f"{slug}.yaml"
    if folder.exists() or rubric.exists():
        raise InputError(f"{slug} exists already", where=str(folder), todo="choose another name, or remove it first")
    source = json.dumps(_skeleton_notebook(slug), indent=1).encode() + b"\n"
    parts = json.loads(source)
    files = {
        folder / "assignment.yaml": ASSIGNMENT.format(slug=slug).encode(),
        rubric: RUBRIC.format(slug=slug).encode(),
        folder / "source.ipynb": source,
        folder / "starter.ipynb": json.dumps(build_starter(parts), indent=1).encode() + b"\n",
        folder / "solution.ipynb": json.dumps(build_solution(parts), indent=1).encode() + b"\n",
    }
    for path, data in files.items():
        write_atomic(path, data, mode=0o644)
    return list(files)


def _skeleton_notebook(slug: str) -> dict[str, Any]:
    texts = [
        ("markdown", f"# {slug}\n\nSay what the homework is about."),
        (
            "code",
            "# Compute the answer.\n### BEGIN SOLUTION\nanswer = 6 * 7\n### END SOLUTION\nprint('answer:', answer)",
        ),
        (
            "markdown",
            "## Result\n\n### BEGIN SOLUTION\nThe answer is 42, because six times seven is forty-two.\n### END SOLUTION",
        ),
    ]
    cells: list[dict[str, Any]] = [
        {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text}
        | ({"execution_count": None, "outputs": []} if kind == "code" else {})
        for number, (kind, text) in enumerate(texts)
    ]
    metadata = {
        "grader": {"assignment": slug},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


ASSIGNMENT = """\
# Every field is described in docs/authoring.md.
title: "{slug}: say what it is about"
rubric: rubrics/{slug}.yaml
late: {{kind: none}}
"""

RUBRIC = """\
# Every field is described in docs/authoring.md. Criteria must add up to their section, sections to the whole.
assignment: {slug}
title: "{slug}"
max: 10
sections:
  - id: result
    title: Result
    max: 10
    headings: [result, answer, conclusion]
    criteria:
      - id: "1a"
        title: The result, with its reason
        max: 10
        kind: manual
        texts:
          asked: Say what you found and why it is so.
          met: Result and reason are here.
          half: The result is here; say why it is so.
          missed: We could not find your result.
          staff: Full marks need the number and the reason.
checks:
  - {{id: memo.sections, check: memo_sections, title: All sections are there, section: result}}
"""
