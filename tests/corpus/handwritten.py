"""The notebooks in tests/data/handwritten, written by hand in styles that the generator does not produce, and their truth.

Two forms: `.ipynb` with its truth in truth.json, and `.nb`, a text that begins with its truth (`read_text` says how).
What a case's truth doesn't name must not be `failed`; in a `.nb`, what is named neither there nor in `EASY` must be `passed`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from grader.pipeline.executing import Task
from grader.settings import Settings
from tests.corpus.judge import ROOT, Judged, judge_tasks, materials, task_of
from tests.corpus.truth import ANY, NOT_FAILED, Verdicts

FOLDER = ROOT / "tests" / "data" / "handwritten"
EASY = ("metrics.encoder", "metrics.decoder", "metrics.decoder_weighted", "integrity.memo_matches_outputs")
"""No range is known for most of these figures: anything but `failed`."""
PART = re.compile(r"^%%% (md|code|out|err|result|html|error)(?: (.*))?$", re.MULTILINE)


def judge_handwritten(settings: Settings, root: Path = ROOT, *, folder: Path = FOLDER) -> Iterator[Judged]:
    """All cases."""
    parts = materials(root)
    lines = [line.id for line in parts.rubric.checks]
    waiting, tasks = {}, []
    for judged, task in (*_listed(folder, lines), *_texts(folder, lines)):
        waiting[judged.name] = judged
        tasks.append(task)
    yield from judge_tasks(tasks, waiting, settings, parts)


def _listed(folder: Path, lines: list[str]) -> Iterator[tuple[Judged, Task]]:
    listed = folder / "truth.json"
    for name, case in json.loads(listed.read_text(encoding="utf-8")).items() if listed.exists() else ():
        files = {name: (folder / name).read_bytes()}
        files |= {Path(beside).name: (folder / beside).read_bytes() for beside in case.get("beside", [])}
        right = {line: frozenset(case["truth"].get(line, NOT_FAILED)) for line in lines}
        yield Judged(name, {"about": case["about"]}, right), task_of(name, files)


def _texts(folder: Path, lines: list[str]) -> Iterator[tuple[Judged, Task]]:
    for path in sorted(folder.glob("*.nb")):
        head, notebook = read_text(path.read_text(encoding="utf-8"))
        right = {line: _right(line, head.get("truth") or {}) for line in lines}
        data = json.dumps(notebook).encode()
        yield Judged(path.name, {"about": head["about"]}, right), task_of(path.name, {f"{path.stem}.ipynb": data})


def _right(line: str, named: dict[str, Any]) -> Verdicts:
    value = named.get(line)
    if value is None:
        return NOT_FAILED if line in EASY else frozenset({"passed"})
    return ANY if value == "any" else frozenset([value] if isinstance(value, str) else value)


def read_text(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Head (YAML) and notebook of a text in parts, each begun by a line `%%% KIND`.

    Kinds: `md`, `code` (`code 7`: its execution count, `code -`: never run), and a code cell's outputs: `out` and `err`
    (streams), `result` (plain text), `html` (a rich result), `error NAME: VALUE`.
    """
    pieces = PART.split(text)
    head = yaml.safe_load(pieces[0])
    cells: list[dict[str, Any]] = []
    for kind, argument, body in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        body = body.strip("\n")
        if kind == "md":
            cells.append({"cell_type": "markdown", "id": f"c{len(cells)}", "metadata": {}, "source": body})
        elif kind == "code":
            cells.append(_code(body, argument, cells))
        else:
            cells[-1]["outputs"].append(_output(kind, argument or "", body, cells[-1]["execution_count"]))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return head, {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}


def _code(body: str, argument: str | None, cells: list[dict[str, Any]]) -> dict[str, Any]:
    ran = [cell["execution_count"] or 0 for cell in cells if cell["cell_type"] == "code"]
    count = None if argument == "-" else int(argument) if argument else max(ran, default=0) + 1
    return {
        "cell_type": "code",
        "id": f"c{len(cells)}",
        "metadata": {},
        "source": body,
        "execution_count": count,
        "outputs": [],
    }


def _output(kind: str, argument: str, body: str, count: int | None) -> dict[str, Any]:
    if kind in ("out", "err"):
        return {"output_type": "stream", "name": f"std{kind}", "text": body + "\n"}
    if kind == "error":
        name, _, value = argument.partition(": ")
        return {"output_type": "error", "ename": name, "evalue": value, "traceback": [f"{name}: {value}"]}
    data = (
        {"text/plain": body}
        if kind == "result"
        else {"text/html": body, "text/plain": "<IPython.core.display.HTML object>"}
    )
    return {"output_type": "execute_result", "metadata": {}, "execution_count": count, "data": data}
