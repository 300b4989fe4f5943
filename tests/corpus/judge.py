"""Generated notebooks through intake, execution and judgement, each verdict held against its truth.

Nothing is stored, and points are not looked at.
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
from grader.model.evidence import Evidence
from grader.model.submission import Participant, Submission
from grader.pipeline.executing import Task, execute, make_task, static_evidence
from grader.pipeline.judging import judge
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
    """By stage: read, execute, judge."""
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
    """All notebooks of these seeds, as they finish. Where nothing is executed, each is made when its turn comes."""
    together = [[seed] for seed in seeds] if settings.mode == "static" else [list(seeds)]
    for some in together:
        made = {str(seed): _make(seed) for seed in some}
        waiting = {key: judged for key, (judged, _) in made.items()}
        yield from judge_tasks([task for _, task in made.values()], waiting, settings, materials(root))


def _make(seed: int) -> tuple[Judged, Task]:
    chosen = draw(seed)
    name, data = as_file(chosen)
    start = time.perf_counter()
    task = task_of(str(seed), {name: data})
    judged = Judged(str(seed), chosen.describe(), truth(chosen), seconds={"read": time.perf_counter() - start})
    return judged, task


def judge_tasks(
    tasks: list[Task], waiting: dict[str, Judged], settings: Settings, parts: Materials
) -> Iterator[Judged]:
    """Each task's evidence, observations and findings into its `Judged`."""
    static = settings.mode == "static"
    found = ((task, static_evidence(task, "")) for task in tasks) if static else execute(tasks, parts, settings)
    for task, evidence in found:
        judged = waiting[task.key]
        _look(judged, task, evidence, settings, parts)
        yield judged


def _look(judged: Judged, task: Task, evidence: Evidence, settings: Settings, parts: Materials) -> None:
    start = time.perf_counter()
    concluded = judge(task.submission, evidence, parts, scale=settings.scale or parts.assignment.scale)
    findings = concluded.findings.findings
    judged.verdicts = {name: finding.verdict for name, finding in findings.items()}
    judged.why = {name: finding.staff_text for name, finding in findings.items()}
    judged.seconds |= {"execute": evidence.execution.seconds, "judge": time.perf_counter() - start}
    judged.execution = evidence.execution.status
    judged.errors = [f"cell {error.cell}: {error.name}: {error.value[:200]}" for error in evidence.execution.errors]
    judged.flags = [f"{flag.kind}: {flag.why}" for flag in concluded.flags]


def as_records(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """For a JSON file."""
    return [{**vars(one), "truth": {name: sorted(right) for name, right in one.truth.items()}} for one in judged]


def from_record(record: dict[str, Any]) -> Judged:
    """Back from a JSON file."""
    return Judged(**{**record, "truth": {name: frozenset(right) for name, right in record["truth"].items()}})


def pretty(notebook: dict[str, Any]) -> str:
    """The notebook as text, for looking at one."""
    out = io.StringIO()
    for index, cell in enumerate(notebook["cells"]):
        out.write(f"#%% {index} {cell['cell_type']}\n{cell['source']}\n")
        for output in cell.get("outputs", []):
            out.write(f"--> {output.get('text') or output.get('data', {}).get('text/plain')}\n")
    return out.getvalue()
