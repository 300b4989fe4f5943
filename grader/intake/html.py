"""An HTML export of a notebook turned back into a notebook: code exact, outputs, Markdown, execution counts.

Reads what nbconvert 5 to 7 wrote (lab, classic, basic), which JupyterLab and VS Code use too. Pages saved out of an
editor are refused: they hold only what was on screen. Nothing is executed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from grader.intake.agreement import difference
from grader.intake.html_markdown import markdown_of
from grader.intake.html_outputs import output_of
from grader.intake.html_page import (
    ADVICE,
    Element,
    classes,
    decode,
    editor_of,
    parse,
    saved_editor,
    text_of,
    why_no_notebook,
)
from grader.intake.normalise import Normalised, normalise
from grader.model.base import Frozen
from grader.model.submission import Flag

Cell = dict[str, Any]
SOURCE_ID = "notebook-source"
SOURCE_TYPE = "application/x-ipynb+json"
MOST_PARTS = 50_000
"""Cells, prompts and outputs of a page; no real notebook has so many."""


class HtmlNotebook(Frozen):
    """What an HTML file held."""

    notebook: dict[str, Any] | None = None
    """nbformat 4, normalised; null if the page is no export of a notebook."""
    reason: str = ""
    """Why there is none, and what to hand in."""
    editor_page: bool = False
    """The page was saved out of an editor."""
    flags: tuple[Flag, ...] = ()


def notebook_from_html(data: bytes) -> HtmlNotebook:
    """Read an HTML file; says why where it holds no notebook."""
    text = decode(data)
    page = parse(text)
    editor = page is not None and saved_editor(page)
    cells = [] if page is None or editor else _cells(page)
    if page is None or not any(cell["cell_type"] != "raw" for cell in cells):
        kind = editor_of(text)
        return HtmlNotebook(reason=why_no_notebook(kind), editor_page=editor or kind is not None)
    python = {"language_info": {"name": "python"}}
    cut = _cut_off(text)
    visible = normalise({"cells": cells, "metadata": python, "nbformat": 4, "nbformat_minor": 5})
    carried = _carried(page)
    if carried is None:
        return HtmlNotebook(notebook=visible.notebook, flags=(*visible.flags, *cut, *_flags(cells, page)))
    if difference(carried.notebook, visible.notebook) is None:
        return HtmlNotebook(notebook=carried.notebook, flags=carried.flags)
    why = "The notebook carried inside the HTML file differs from the visible page; the visible page is graded."
    return HtmlNotebook(
        notebook=visible.notebook, flags=(*visible.flags, Flag(kind="carried_notebook_differs", why=why))
    )


def _cut_off(text: str) -> tuple[Flag, ...]:
    """A page that begins as a whole one and never ends: cells are missing. (Exports with the `basic` template have no such end.)"""
    if not re.search(r"<html\b", text[:20_000], re.IGNORECASE) or re.search(
        r"</(?:html|body)\s*>", text, re.IGNORECASE
    ):
        return ()
    why = f"The HTML file ends in the middle, as if it had not been saved or uploaded whole; what is there is graded. {ADVICE}"
    return (Flag(kind="page_cut_off", why=why),)


def _cells(page: Element) -> list[Cell]:
    """Cells in the order of the page. What follows a cell's start belongs to it: student HTML may break the nesting."""
    marked = [(kind, element) for element in page.iter("div") if (kind := _kind(element))]
    if len(marked) > MOST_PARTS:
        return []
    _part(marked)
    cells: list[Cell] = []
    starts: list[Element] = []
    for kind, element in marked:
        if kind == "text" and not (starts and any(above is starts[-1] for above in element.iterancestors("div"))):
            kind, element = "markdown", _wrapper(element)  # nbconvert 6.0 (lab) gives Markdown no cell of its own
            starts.append(element)
            cells.append(_empty(kind, element))
            _take_text(cells[-1], element)
        elif kind in ("code", "markdown"):
            starts.append(element)
            cells.append(_empty(kind, element))
        elif cells:
            _PARTS[kind](cells[-1], element)
    return _with_raw(cells, starts)


def _kind(element: Element) -> str | None:
    names = classes(element)
    if "jp-Cell" in names or ("cell" in names and names & {"code_cell", "text_cell"}):
        return "markdown" if names & {"jp-MarkdownCell", "text_cell"} else "code"
    return next((kind for marks, kind in _MARKS if names & marks), None)


def _wrapper(text: Element) -> Element:
    return next((above for above in text.iterancestors("div") if "jp-Cell-inputWrapper" in classes(above)), text)


def _part(marked: list[tuple[str, Element]]) -> None:
    """Take cells and outputs out of the content that an unclosed tag of a student swallowed them into."""
    content = {id(element) for kind, element in marked if kind in ("output", "text")}
    for kind, element in marked:
        if kind in ("code", "markdown", "output") and any(
            id(above) in content for above in element.iterancestors("div")
        ):
            element.getparent().remove(element)


def _empty(kind: str, element: Element) -> Cell:
    named = re.fullmatch(r"cell-id=([a-zA-Z0-9_-]{1,64})", element.get("id") or "")
    cell: Cell = {"cell_type": kind, "metadata": {}, "source": ""}
    if named:
        cell["id"] = named[1]
    return cell if kind == "markdown" else {**cell, "execution_count": None, "outputs": []}


def _loose_text(first: str | None, elements: Iterable[Element], stops: set[Element]) -> str:
    """Text that lies bare between cells: `first`, then elements up to the next cell."""
    parts = [first or ""]
    for element in elements:
        if element in stops:
            break
        parts += ["" if element.tag in _SILENT else text_of(element), element.tail or ""]
    return "".join(parts).strip()


def _with_raw(cells: list[Cell], elements: list[Element]) -> list[Cell]:
    """Raw cells put back: nbconvert writes their text bare before, between and after the others."""
    whole: list[Cell] = []
    starts = set(elements)
    for position, (cell, element) in enumerate(zip(cells, elements, strict=True)):
        parent = element.getparent()
        if position == 0 and parent is not None:
            whole += _raw(_loose_text(parent.text, parent.iterchildren(), starts))
        whole.append(cell)
        whole += _raw(_loose_text(element.tail, element.itersiblings(), starts))
    return whole


def _raw(text: str) -> list[Cell]:
    return [{"cell_type": "raw", "metadata": {}, "source": text}] if text else []


def _take_prompt(cell: Cell, element: Element) -> None:
    count = re.search(r"\[(\d{1,9})\]", text_of(element))
    if cell["cell_type"] == "code" and count:
        cell["execution_count"] = int(count[1])


def _take_source(cell: Cell, element: Element) -> None:
    blocks = element.findall(".//pre")
    source = text_of(blocks[-1] if blocks else element).removesuffix("\n")
    cell["source"] = source if source.strip() else ""


def _take_text(cell: Cell, element: Element) -> None:
    cell["source"] = "\n\n".join(part for part in (cell["source"], markdown_of(element)) if part)


def _take_output(cell: Cell, element: Element) -> None:
    output = output_of(element, cell.get("execution_count"))
    if output and cell["cell_type"] == "code":
        cell["outputs"].append(output)


_SILENT = ("script", "style", "link", "noscript")
_MARKS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"jp-InputArea-editor", "input_area"}), "source"),
    (frozenset({"jp-InputPrompt", "input_prompt"}), "prompt"),
    (frozenset({"jp-OutputArea-output", "output_subarea"}), "output"),
    (frozenset({"jp-MarkdownOutput", "text_cell_render"}), "text"),
)
_PARTS = {"prompt": _take_prompt, "source": _take_source, "text": _take_text, "output": _take_output}


def _flags(cells: list[Cell], page: Element) -> tuple[Flag, ...]:
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    flags = []
    if code and not any(cell["source"] for cell in code):
        why = f"The HTML file was exported without its code. {ADVICE}"
        flags.append(Flag(kind="code_hidden", why=why))
    if any(not str(image.get("src") or "data:").startswith(("data:", "http")) for image in page.iter("img")):
        flags.append(Flag(kind="images_missing", why="Pictures lie in files that were not handed in.", blocking=False))
    return tuple(flags)


def _carried(page: Element) -> Normalised | None:
    """The notebook that our own export puts into the page."""
    for script in page.iter("script"):
        if script.get("id") == SOURCE_ID and script.get("type") == SOURCE_TYPE:
            try:
                raw = json.loads(text_of(script).replace("&#13;", "\r"))
            except (ValueError, RecursionError):
                return None
            return normalise(raw) if isinstance(raw, dict) and isinstance(raw.get("cells"), list) else None
    return None
