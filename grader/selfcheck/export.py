"""One's own notebook as the HTML page that Moodle takes: looks as nbconvert's, carries the notebook, stays small.

The page is read back with the grader's own reader before it is handed out. Nothing is executed, and whether the work
is any good is not asked here.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from grader.errors import InputError
from grader.intake.html import SOURCE_ID, SOURCE_TYPE, notebook_from_html
from grader.intake.notebooks import choose_notebook
from grader.selfcheck.shrink import STEPS, heaviest, shrink, without_widget_state

Notebook = dict[str, Any]
MEGABYTE = 1_000_000
DEFAULT_MB = 20
"""Moodle sites usually allow 20 MB or more for one file."""
TEMPLATE = """{%- extends "lab/index.html.j2" -%}
{%- block data_text scoped -%}
<div class="jp-RenderedText jp-OutputArea-output output_text {{ extra_class }}" data-mime-type="text/plain">
<pre>{{- output.data["text/plain"] | ansi2html -}}</pre>
</div>
{%- endblock -%}
"""
"""nbconvert's own, but text that was displayed can be told from text that was printed (class `output_text`)."""
_TODO = re.compile(r"^[ \t#]*YOUR (?:CODE|ANSWER) HERE[ \t.]*$", re.MULTILINE)


@dataclass(frozen=True)
class Exported:
    """The page and what its author should know."""

    html: bytes
    missing: tuple[str, ...]
    """What is not in the notebook yet: one kind sentence each."""
    changed: tuple[str, ...]
    """What was made smaller."""
    fits: bool
    """The page is below the limit."""


def export_notebook(path: Path, *, limit: int = DEFAULT_MB * MEGABYTE) -> Exported:
    """The page of a notebook (.ipynb, or .html to be made again); InputError if it can't be read as one."""
    whole = read_notebook(path)
    notebook, changed = without_widget_state(whole)
    html = _page(notebook, path)
    done = list(changed)
    for step in STEPS:
        if len(html) <= limit:
            break
        notebook, changed = shrink(notebook, step)
        if changed:
            html = _page(notebook, path)
            done += changed
    fits = len(html) <= limit
    missing = [*_unfinished(whole), *_reads_back(html), *([] if fits else [_too_big(html, limit, notebook)])]
    return Exported(html, tuple(missing), tuple(done), fits)


def read_notebook(path: Path) -> Notebook:
    """The notebook in a file, in the one shape that grading uses."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", where=str(path), todo="name your notebook") from None
    chosen = choose_notebook({path.name: data})
    if chosen.notebook is None:
        why = " ".join(flag.why for flag in chosen.flags)
        raise InputError(f"is no notebook that can be read. {why}", where=str(path), todo="save it again and retry")
    return dict(chosen.notebook)


def _page(notebook: Notebook, path: Path) -> bytes:
    """nbconvert's page with the notebook in its head, where no unclosed tag of the student's can swallow it."""
    from nbconvert import HTMLExporter  # half a second that other commands need not pay

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exporter: Any = HTMLExporter(  # type: ignore[no-untyped-call]
            template_name="lab", raw_template=TEMPLATE, embed_images=True
        )
        resources = {"metadata": {"name": path.stem, "path": str(path.resolve().parent)}}
        node: Any = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
        body, _ = exporter.from_notebook_node(node, resources=resources)
    place = re.search(r"<head>\s*(<meta charset[^>]*>)?", body)
    at = place.end() if place else 0
    return f"{body[:at]}\n{_carried(notebook)}\n{body[at:]}".encode("utf-8", "replace")


def _carried(notebook: Notebook) -> str:
    """JSON in a script of a type that no browser runs; no `<` is left that could end it or open a comment."""
    text = json.dumps(notebook, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="{SOURCE_TYPE}" id="{SOURCE_ID}">{text}</script>'


def _reads_back(html: bytes) -> Iterator[str]:
    read = notebook_from_html(html)
    if read.notebook is None:
        yield f"The page could not be read back ({read.reason}): please hand in the .ipynb itself beside it."
    elif any(flag.kind == "carried_notebook_differs" for flag in read.flags):
        yield (
            "Some of your text shows differently on the page than in the notebook (often an HTML tag that is not closed). "
            "The page is graded as it shows; hand in the .ipynb beside it to be on the safe side."
        )


# -- what is not there yet ---------------------------------------------------------------------------------------------


def _unfinished(notebook: Notebook) -> Iterator[str]:
    """What a reader would miss, from the cells alone; cells count from 0, as everywhere in the grader's texts."""
    cells = list(enumerate(notebook["cells"]))
    code = [(index, cell) for index, cell in cells if cell["cell_type"] == "code" and cell["source"].strip()]
    blank = [index for index, cell in cells if _TODO.search(cell["source"])]
    idle = [index for index, cell in code if not cell["outputs"] and cell["execution_count"] is None]
    idle = [index for index in idle if index not in blank]
    failed = [(index, name) for index, cell in code for name in _errors(cell)]
    if not code:
        yield "There are no code cells: is this the right file?"
    elif len(idle) == len([index for index, _ in code if index not in blank]):
        yield (
            "No cell has been run, so there are no outputs to grade. Runtime > Run all, save, and export again "
            "(in Colab: File > Download > Download .ipynb, then export that file)."
        )
    elif idle:
        yield f"{_cells(idle)} not been run since the outputs were last cleared; run the whole notebook once, then save."
    if blank:
        yield f"{_cells(blank)} the starter's text in it still (YOUR CODE HERE or YOUR ANSWER HERE)."
    for index, name in failed[:5]:
        yield f"Cell {index} ends with an error ({name}). If you fixed it, run it again so that the page shows the result."


def _errors(cell: Mapping[str, Any]) -> Iterable[str]:
    return [str(output.get("ename")) for output in cell["outputs"] if output["output_type"] == "error"][:1]


def _cells(indexes: list[int]) -> str:
    shown = ", ".join(str(index) for index in indexes[:12]) + (" ..." if len(indexes) > 12 else "")
    return f"Cell {shown} has" if len(indexes) == 1 else f"Cells {shown} have"


def _too_big(html: bytes, limit: int, notebook: Notebook) -> str:
    index, size = heaviest(notebook)
    return (
        f"The page has {len(html) / MEGABYTE:.1f} MB, more than the {limit / MEGABYTE:.0f} MB asked for. Cell {index} alone holds "
        f"{size / MEGABYTE:.1f} MB of output: show less of it there (fewer rows, a smaller picture), run it again and export."
    )
