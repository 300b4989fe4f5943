"""The public checks on one's own notebook: same engine, same texts as after submission, nothing stored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grader.catalog import Course
from grader.intake.export import open_export
from grader.intake.notebooks import choose_notebook
from grader.model.finding import Finding
from grader.model.rubric import CheckLine
from grader.pipeline.choosing import hint_of
from grader.pipeline.executing import execute, make_task, static_evidence
from grader.pipeline.judging import judge
from grader.pipeline.materials import Materials
from grader.pipeline.results import Graded
from grader.selfcheck.progress import progress
from grader.selfcheck.wheel import wheel_name
from grader.settings import Settings

LIBRARIES = {"torch": "torch", "transformers": "transformers", "peft": "peft", "accelerate": "accelerate", "datasets": "datasets",
    "sklearn": "scikit-learn", "matplotlib": "matplotlib"}  # fmt: skip
"""What course notebooks import: module -> name under which it is installed."""


LARGEST_MODULE = 1 << 20


def how_to_install() -> str:
    """The command that a student types in the folder of the bundle."""
    return f'python -m pip install "{wheel_name()}[run]"   (the file lies in the folder of the assignment)'


def missing_libraries() -> tuple[str, ...]:
    """Without these a notebook of the course can't be run here. Nothing is imported."""
    return tuple(name for module, name in LIBRARIES.items() if find_spec(module) is None)


def check_notebook(path: Path, materials: Materials, settings: Settings, *, public_only: bool = True) -> Graded:
    """Run the public check lines (or all that the course has) on one notebook or HTML file, with the modules that it imports."""
    export = open_export(path)
    submission = export.batch.submissions[0]
    files = dict(export.files(submission.participant.id))
    task = make_task(submission, files)
    if task.chosen.notebook is not None:
        files |= {module.name: module.read_bytes() for module in modules_beside(path, task.chosen.notebook)}
        task = replace(task, files=files)
    if settings.mode == "static" or task.chosen.notebook is None:
        evidence = static_evidence(task, "")
    else:
        ((_, evidence),) = execute([task], materials, settings)
    scale = settings.scale or materials.assignment.scale
    return Graded(submission, evidence, judge(submission, evidence, materials, scale=scale, public_only=public_only))


def modules_beside(path: Path, notebook: Mapping[str, Any]) -> list[Path]:
    """Modules of the student's own that the notebook imports from beside it; a copy of preflight.py is everybody's."""
    code = "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    lines = re.findall(r"^[ \t]*(?:from|import)[ \t]+([\w., \t]+)", code, re.MULTILINE)
    names = {name for line in lines for name in re.findall(r"\w+", line)} - {"preflight"}
    found = (path.parent / f"{name}.py" for name in sorted(names))
    return [module for module in found if module.is_file() and module.stat().st_size <= LARGEST_MODULE]


def public_lines(materials: Materials) -> list[CheckLine]:
    """The check lines that students may run, in the rubric's order."""
    return [line for line in materials.rubric.checks if line.public]


def public_findings(graded: Graded, materials: Materials) -> Iterator[tuple[str, str, Finding]]:
    """(id, title, finding) of every public line, in the rubric's order."""
    found = graded.judgement.findings.findings
    for line in public_lines(materials):
        if line.id in found:
            yield line.id, line.title or line.id, found[line.id]


def after_submission(materials: Materials) -> list[str]:
    """Titles of what is checked only after submission."""
    return [line.title or line.id for line in materials.rubric.checks if not line.public]


def memo_gaps(path: Path, materials: Materials) -> list[str]:
    """What the lines that look for the memo's parts say, where all is written but not all found. Nothing is run."""
    wanted = {line.id for line in materials.rubric.checks if line.check == "memo_sections"}
    graded = check_notebook(path, materials, Settings(mode="static"))
    if graded.evidence.notebook is None or any(part.text for part in progress(graded.evidence.notebook).to_write):
        return []  # the cells themselves say so
    found = [found for name, _, found in public_findings(graded, materials) if name in wanted]
    return [item.student_text for item in found if item.verdict != "passed"]


def assignment_hint(path: Path, course: Course) -> str | None:
    """Which of the course's assignments a notebook or page is of, as far as it shows."""
    try:
        notebook = choose_notebook({path.name: path.read_bytes()}).notebook
    except OSError:
        return None
    return hint_of(course, [notebook]) if notebook is not None else None
