"""A submitted notebook made fit to be executed, and an executed one made plain again.

Whatever shape the submitted JSON has, indices of cells stay what they were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nbformat import NotebookNode, from_dict

_KINDS = ("code", "markdown", "raw")
_FRAME = {"metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
_EVALUE = 2000


def fresh(notebook: Mapping[str, Any]) -> NotebookNode:
    """The same cells with new ids, without outputs and without metadata (which nbclient would obey)."""
    cells = notebook.get("cells")
    made = [_cell(cell, index) for index, cell in enumerate(cells if isinstance(cells, list) else [])]
    notebook_node: NotebookNode = from_dict({**_FRAME, "cells": made})  # type: ignore[no-untyped-call]
    return notebook_node


def sequence(notebook: NotebookNode, order: Sequence[int] | None) -> list[int]:
    """Indices of the code cells that have something to run, in the order asked for."""
    wanted = range(len(notebook.cells)) if order is None else order
    cells = [index for index in wanted if 0 <= index < len(notebook.cells)]
    return [i for i in cells if notebook.cells[i].cell_type == "code" and notebook.cells[i].source.strip()]


def sources(notebook: Mapping[str, Any]) -> list[str]:
    """The text of every code cell as submitted."""
    cells = notebook.get("cells")
    made = [_cell(cell, index) for index, cell in enumerate(cells if isinstance(cells, list) else [])]
    return [cell["source"] for cell in made if cell["cell_type"] == "code"]


def plain(notebook: NotebookNode) -> dict[str, Any]:
    """As JSON objects that any encoder takes: the kernel's messages are the student's to forge."""
    clean: dict[str, Any] = json.loads(json.dumps(notebook, default=str).encode("utf-8", "replace"))
    for cell in clean["cells"]:
        if cell["cell_type"] == "code" and not isinstance(cell.get("execution_count"), int):
            cell["execution_count"] = None
    return clean


def errors(notebook: Mapping[str, Any]) -> tuple[tuple[int, str, str], ...]:
    """(cell, name, value) of each error output."""
    return tuple(
        (index, str(output.get("ename", "")), str(output.get("evalue", ""))[:_EVALUE])
        for index, cell in enumerate(notebook["cells"])
        for output in cell.get("outputs", ())
        if output.get("output_type") == "error"
    )


def _cell(cell: object, index: int) -> dict[str, Any]:
    known = cell if isinstance(cell, dict) else {}
    kind = known.get("cell_type")
    source = known.get("source", "")
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    # Lone surrogates are valid in JSON, and in nothing that is sent to a kernel.
    clean = text.encode("utf-8", "replace").decode("utf-8")
    code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {
        "id": f"cell-{index}",
        "cell_type": kind if kind in _KINDS else "raw",
        "source": clean,
        "metadata": {},
        **code,
    }
