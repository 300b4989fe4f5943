"""The notebooks in tests/data/handwritten, written by hand in styles that the generator does not produce, and their truth.

What a case's truth doesn't name must not be `failed`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from grader.settings import Settings
from tests.corpus.judge import ROOT, Judged, judge_tasks, materials, task_of
from tests.corpus.truth import NOT_FAILED

FOLDER = ROOT / "tests" / "data" / "handwritten"


def judge_handwritten(settings: Settings, root: Path = ROOT) -> Iterator[Judged]:
    """All cases."""
    parts = materials(root)
    lines = [line.id for line in parts.rubric.checks]
    waiting, tasks = {}, []
    for name, case in json.loads((FOLDER / "truth.json").read_text(encoding="utf-8")).items():
        files = {name: (FOLDER / name).read_bytes()}
        files |= {Path(beside).name: (FOLDER / beside).read_bytes() for beside in case.get("beside", [])}
        right = {line: frozenset(case["truth"].get(line, NOT_FAILED)) for line in lines}
        waiting[name] = Judged(name, {"about": case["about"]}, right)
        tasks.append(task_of(name, files))
    yield from judge_tasks(tasks, waiting, settings, parts)
