"""A notebook as JSON made into one shape: nbformat 4.5, joined sources, unique ids, sound outputs. Says what changed.

Ids that are missing are made from the position, so that the same notebook always gives the same bytes.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import nbformat

from grader.model.base import Frozen
from grader.model.submission import Flag

Cell = dict[str, Any]
OUTPUT_LIMIT = 2_000_000
"""Characters of one text output that are kept; of longer ones the beginning and the end."""
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Normalised(Frozen):
    """A notebook in the one shape."""

    notebook: dict[str, Any]
    flags: tuple[Flag, ...] = ()


class _Changes:
    """What had to be changed, by kind."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}

    def note(self, kind: str) -> None:
        self.found[kind] = self.found.get(kind, 0) + 1

    def flags(self) -> tuple[Flag, ...]:
        return tuple(
            Flag(kind=kind, why=_WHY[kind].format(times=times), blocking=kind in _BLOCKING)
            for kind, times in self.found.items()
        )


_WHY = {
    "duplicate_cell_ids": "{times} cell id(s) occurred more than once; they were made unique.",
    "odd_outputs": "{times} saved output(s) were not in the notebook format and were left out.",
    "odd_cells": "{times} cell(s) were not in the notebook format and were left out.",
    "huge_outputs": "{times} saved output(s) were longer than 2 million characters; their middle was left out.",
    "old_format": "The notebook is in an old format (version 3 or earlier); it was converted.",
}
_BLOCKING = frozenset({"odd_cells"})


def normalise(raw: dict[str, Any]) -> Normalised:
    """Bring any notebook that is JSON into the one shape; never raises for odd content."""
    changes = _Changes()
    if "worksheets" in raw or (isinstance(raw.get("nbformat"), int) and raw["nbformat"] < 4):
        raw = _upgraded(raw, changes)
    cells: list[Cell] = []
    ids: set[str] = set()
    for index, cell in enumerate(raw.get("cells") or []):
        kept = _cell(cell, changes)
        if kept is None:
            changes.note("odd_cells")
            continue
        cells.append({"id": _free_id(cell.get("id"), index, ids, changes), **kept})
    metadata = raw.get("metadata")
    notebook = {
        "cells": cells,
        "metadata": metadata if isinstance(metadata, dict) else {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return Normalised(notebook=notebook, flags=changes.flags())


def _upgraded(raw: dict[str, Any], changes: _Changes) -> dict[str, Any]:
    changes.note("old_format")
    try:
        with _quiet():
            return _converted(raw)
    except (KeyError, ValueError, TypeError, AttributeError, nbformat.ValidationError):
        return raw


def _converted(raw: dict[str, Any]) -> dict[str, Any]:
    whole = {**raw, "nbformat": raw.get("nbformat", 3), "metadata": raw.get("metadata") or {}}
    text = json.dumps({"nbformat_minor": 0, **whole})
    return dict(nbformat.reads(text, as_version=4))  # type: ignore[no-untyped-call]


@contextmanager
def _quiet() -> Iterator[None]:
    """nbformat logs what it finds odd, with the student's text."""
    logger = logging.getLogger("traitlets")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _free_id(wanted: object, index: int, ids: set[str], changes: _Changes) -> str:
    sound = wanted if isinstance(wanted, str) and _ID.fullmatch(wanted) else None
    if sound in ids:
        changes.note("duplicate_cell_ids")
        sound = None
    number, free = 0, sound or f"cell-{index}"
    while free in ids:
        number += 1
        free = f"cell-{index}-{number}"
    ids.add(free)
    return free


def _cell(cell: object, changes: _Changes) -> Cell | None:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return None
    metadata = cell.get("metadata")
    kept: Cell = {
        "cell_type": cell["cell_type"],
        "metadata": metadata if isinstance(metadata, dict) else {},
        "source": _joined(cell.get("source", cell.get("input", ""))),
    }
    if kept["cell_type"] != "code":
        attachments = cell.get("attachments")
        return {**kept, "attachments": attachments} if isinstance(attachments, dict) and attachments else kept
    outputs = cell.get("outputs")
    return {
        **kept,
        "execution_count": _count(cell.get("execution_count")),
        "outputs": [
            sound for output in (outputs if isinstance(outputs, list) else []) if (sound := _output(output, changes))
        ],
    }


def _joined(value: object) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _output(output: object, changes: _Changes) -> Cell | None:
    kind = output.get("output_type") if isinstance(output, dict) else None
    if not isinstance(output, dict) or kind not in _OUTPUTS:
        changes.note("odd_outputs")
        return None
    return _OUTPUTS[kind](output, changes)


def _stream(output: Cell, changes: _Changes) -> Cell:
    name = "stderr" if output.get("name") == "stderr" else "stdout"
    return {"output_type": "stream", "name": name, "text": _cut(_joined(output.get("text")), changes)}


def _error(output: Cell, changes: _Changes) -> Cell:
    lines = output.get("traceback")
    return {
        "output_type": "error",
        "ename": str(output.get("ename", "")),
        "evalue": _cut(str(output.get("evalue", "")), changes),
        "traceback": [_cut(line, changes) for line in lines if isinstance(line, str)]
        if isinstance(lines, list)
        else [],
    }


def _display(output: Cell, changes: _Changes) -> Cell:
    data, metadata = output.get("data"), output.get("metadata")
    return {
        "output_type": "display_data",
        "metadata": metadata if isinstance(metadata, dict) else {},
        "data": _bundle(data if isinstance(data, dict) else {}, changes),
    }


def _result(output: Cell, changes: _Changes) -> Cell:
    shown = _display(output, changes)
    return {**shown, "output_type": "execute_result", "execution_count": _count(output.get("execution_count"))}


_OUTPUTS = {"stream": _stream, "error": _error, "display_data": _display, "execute_result": _result}


def _bundle(data: Cell, changes: _Changes) -> Cell:
    kept: Cell = {}
    for mime, value in data.items():
        if mime.endswith("json"):
            kept[mime] = value
        elif isinstance(value, str | list):
            text = _joined(value)
            kept[mime] = _cut(text, changes) if mime.startswith("text/") else text
    return kept


def _cut(text: str, changes: _Changes) -> str:
    if len(text) <= OUTPUT_LIMIT:
        return text
    changes.note("huge_outputs")
    half = OUTPUT_LIMIT // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"
