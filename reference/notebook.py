"""Runs the source notebook on the stage and keeps its outputs; the memo's figures are filled from what it measured.

A cell whose metadata holds `reference.template` is text with Python expressions in double braces, `{{accuracy | .3f}}`; each
is evaluated in the notebook after its last cell and formatted. So the memo can't disagree with the outputs above it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from reference.errors import RunError


def refresh(source: Path, stage: Path, *, report: Callable[[str], None]) -> None:
    """Executes `source` on the stage and writes it back with outputs and figures."""
    notebook = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]
    environment = {
        "HF_HUB_CACHE": str((stage / "hub").resolve()),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "COURSE_DATA": str((stage / "data").resolve()),
        "TOKENIZERS_PARALLELISM": "false",
    }
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
            on_cell_start=lambda cell, cell_index: report(f"cell {cell_index}"),
        )
        try:
            _execute(client, notebook, os.environ | environment)
        except CellExecutionError as error:
            raise RunError(f"The source notebook fails on the stage: {error}") from error
    for cell in notebook.cells:
        _tidy(cell)
    nbformat.validate(notebook)
    nbformat.write(notebook, source)  # type: ignore[no-untyped-call]


def _execute(client: NotebookClient, notebook: Any, environment: dict[str, str]) -> None:
    with client.setup_kernel(env=environment):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        for index, cell in enumerate(notebook.cells):
            template = cell.metadata.get("reference", {}).get("template")
            if template:
                cell.source = _filled(client, template, index)
                notebook.cells[index] = cell  # nbclient puts the cell that it executed in its place


_FILL = """
import re as _re
print(_re.sub(r"{{{{(.+?)(?: \\| ([^|}}]+))?}}}}", lambda found: format(eval(found[1]), found[2] or ""), {template!r}), end="")
"""


def _filled(client: NotebookClient, template: str, index: int) -> str:
    asked = nbformat.v4.new_code_cell(_FILL.format(template=template))  # type: ignore[no-untyped-call]
    client.execute_cell(asked, index, store_history=False)
    return "".join(
        output.text for output in asked.outputs if output.output_type == "stream" and output.name == "stdout"
    )


def _tidy(cell: Any) -> None:
    """Drops what differs from machine to machine and helps nobody: progress bars, warnings with paths of libraries."""
    if cell.cell_type != "code":
        return
    cell.outputs = [output for output in cell.outputs if not _is_noise(output)]
    cell.metadata.pop("execution", None)


def _is_noise(output: Any) -> bool:
    noise = ("it/s]", "site-packages", "LOAD REPORT")
    return output.output_type == "stream" and output.name == "stderr" and any(part in output.text for part in noise)
