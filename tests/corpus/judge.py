"""Generated notebooks through intake, execution, observers and checks, each held against its truth.

Nothing is scored or stored; the memo's suggestions are another matter.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from grader.catalog import Course
from grader.checking.engine import run_checks
from grader.model.evidence import Evidence
from grader.model.submission import Participant, Submission
from grader.observing import observe
from grader.pipeline.executing import Task, execute, make_task, static_evidence
from grader.pipeline.materials import Materials, load_materials
from grader.settings import Settings
from tests.corpus.choices import Choices, draw
from tests.corpus.notebook import build
from tests.corpus.truth import Verdicts, truth

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Judged:
    """One notebook's verdicts beside the right ones."""

    name: str
    about: dict[str, str]
    truth: dict[str, Verdicts]
    verdicts: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    """The checks' own words to staff."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By stage: read, execute, observe, check."""
    execution: str = ""
    errors: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)


@cache
def materials(root: Path = ROOT) -> Materials:
    """A course root's week 3."""
    return load_materials(Course(root), "week3")


def as_file(chosen: Choices) -> tuple[str, bytes]:
    """The notebook as it is handed in: a name and its bytes."""
    notebook = build(chosen)
    if chosen.form == "ipynb":
        return "homework.ipynb", json.dumps(notebook).encode()
    import nbformat
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(template_name=chosen.form).from_notebook_node(nbformat.from_dict(notebook))
    return "homework.html", page.encode()


def task_of(key: str, files: dict[str, bytes]) -> Task:
    """A submission of these files."""
    digest = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()
    return make_task(Submission(participant=Participant(id=key), status="submitted", sha256=digest), files)


def judge_seeds(seeds: Iterable[int], settings: Settings, root: Path = ROOT) -> Iterator[Judged]:
    """All notebooks of these seeds, as they finish."""
    waiting: dict[str, Judged] = {}
    tasks = []
    for seed in seeds:
        chosen = draw(seed)
        name, data = as_file(chosen)
        start = time.perf_counter()
        task = task_of(str(seed), {name: data})
        judged = Judged(str(seed), chosen.describe(), truth(chosen), seconds={"read": time.perf_counter() - start})
        waiting[str(seed)] = judged
        tasks.append(task)
    yield from judge_tasks(tasks, waiting, settings, materials(root))


def judge_tasks(
    tasks: list[Task], waiting: dict[str, Judged], settings: Settings, parts: Materials
) -> Iterator[Judged]:
    """Each task's evidence, observations and findings into its `Judged`."""
    static = settings.mode == "static"
    found = ((task, static_evidence(task, "")) for task in tasks) if static else execute(tasks, parts, settings)
    for task, evidence in found:
        judged = waiting[task.key]
        _look(judged, evidence, settings, parts)
        yield judged


def _look(judged: Judged, evidence: Evidence, settings: Settings, parts: Materials) -> None:
    start = time.perf_counter()
    seen, broken = observe(evidence, parts.assignment)
    middle = time.perf_counter()
    scale = settings.scale or parts.assignment.scale
    findings = run_checks(parts.rubric, evidence, seen, parts.assignment, parts.registry, scale=scale).findings
    end = time.perf_counter()
    judged.verdicts = {name: finding.verdict for name, finding in findings.items()}
    judged.why = {name: finding.staff_text for name, finding in findings.items()}
    judged.seconds |= {"execute": evidence.execution.seconds, "observe": middle - start, "check": end - middle}
    judged.execution = evidence.execution.status
    judged.errors = [f"cell {error.cell}: {error.name}: {error.value[:200]}" for error in evidence.execution.errors]
    judged.flags = [f"{flag.kind}: {flag.why}" for flag in (*evidence.flags, *broken)]


def as_records(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """For a JSON file."""
    return [{**vars(one), "truth": {name: sorted(right) for name, right in one.truth.items()}} for one in judged]


def pretty(notebook: dict[str, Any]) -> str:
    """The notebook as text, for looking at one."""
    out = io.StringIO()
    for index, cell in enumerate(notebook["cells"]):
        out.write(f"#%% {index} {cell['cell_type']}\n{cell['source']}\n")
        for output in cell.get("outputs", []):
            out.write(f"--> {output.get('text') or output.get('data', {}).get('text/plain')}\n")
    return out.getvalue()
