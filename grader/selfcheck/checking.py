"""The public checks on one's own notebook: same engine, same texts as after submission, nothing stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.intake.export import open_export
from grader.model.finding import Finding
from grader.pipeline.executing import execute, make_task, static_evidence
from grader.pipeline.judging import judge
from grader.pipeline.materials import Materials
from grader.pipeline.results import Graded
from grader.settings import Settings


def check_notebook(path: Path, materials: Materials, settings: Settings) -> Graded:
    """Run the public check lines on one notebook or HTML file, with its folder's small files beside it."""
    export = open_export(path)
    submission = export.batch.submissions[0]
    task = make_task(submission, export.files(submission.participant.id))
    if settings.mode == "static" or task.chosen.notebook is None:
        evidence = static_evidence(task, "")
    else:
        ((_, evidence),) = execute([task], materials, settings)
    scale = settings.scale or materials.assignment.scale
    return Graded(submission, evidence, judge(submission, evidence, materials, scale=scale, public_only=True))


def public_findings(graded: Graded, materials: Materials) -> Iterator[tuple[str, str, Finding]]:
    """(id, title, finding) of every public line, in the rubric's order."""
    found = graded.judgement.findings.findings
    for line in materials.rubric.checks:
        if line.public and line.id in found:
            yield line.id, line.title or line.id, found[line.id]


def after_submission(materials: Materials) -> list[str]:
    """Titles of what is checked only after submission."""
    return [line.title or line.id for line in materials.rubric.checks if not line.public]


def memo_gaps(path: Path, materials: Materials) -> list[str]:
    """What the lines that look for the memo's parts say, where not all are there. Nothing is run."""
    wanted = {line.id for line in materials.rubric.checks if line.check == "memo_sections"}
    graded = check_notebook(path, materials, Settings(mode="static"))
    found = [found for name, _, found in public_findings(graded, materials) if name in wanted]
    return [item.student_text for item in found if item.verdict != "passed"]


def assignment_hint(path: Path) -> str | None:
    """The assignment that a notebook's metadata names, if any."""
    try:
        data: Any = json.loads(path.read_bytes())
        hint = data["metadata"]["grader"]["assignment"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return hint if isinstance(hint, str) else None
