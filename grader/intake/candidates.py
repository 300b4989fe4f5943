"""One handed-in file read as a notebook, as far as it is one: JSON (mended where it can be) or HTML.

What a file is, its content says, not its name.
"""

from __future__ import annotations

import json
import re
from typing import Any

from grader.intake.html import notebook_from_html, squeezed
from grader.intake.html_page import ADVICE, looks_like_html
from grader.intake.normalise import normalise
from grader.model.base import Frozen
from grader.model.submission import Flag


class Candidate(Frozen):
    """A file that is, or was meant to be, a notebook."""

    path: str
    origin: str
    """`ipynb` or `html`, by content."""
    notebook: dict[str, Any] | None = None
    problem: str = ""
    """Why it could not be read."""
    editor_page: bool = False
    """A page saved out of an editor: no notebook, and no document either."""
    flags: tuple[Flag, ...] = ()

    def cells(self, kind: str) -> list[dict[str, Any]]:
        """Cells of one kind that are not empty."""
        cells = self.notebook["cells"] if self.notebook else []
        return [cell for cell in cells if cell["cell_type"] == kind and cell["source"].strip()]

    @property
    def code(self) -> list[str]:
        """Sources of the code cells without blanks, to tell whether two notebooks have the same code."""
        return [squeezed(cell["source"]) for cell in self.cells("code")]

    @property
    def prose(self) -> list[str]:
        """Words of the Markdown and raw cells, without signs."""
        text = " ".join(cell["source"] for cell in self.cells("markdown") + self.cells("raw"))
        return re.findall(r"\w+", re.sub(r"<[^<>]*>|\bdata:[^\s)]+", " ", text))

    @property
    def printed(self) -> str:
        """Everything that was printed, without blanks and without lines that a progress bar wrote over."""
        outputs = [output for cell in self.cells("code") for output in cell["outputs"]]
        text = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
        return squeezed(text)

    @property
    def ran(self) -> int:
        """Code cells with an execution count or an output."""
        return sum(1 for cell in self.cells("code") if cell["outputs"] or cell["execution_count"] is not None)


def read_candidate(path: str, data: bytes) -> Candidate:
    """Read a file named as a notebook or as HTML."""
    if data.startswith(b"%PDF"):
        return _failed(path, "It is a PDF file under another name. " + ADVICE)
    if data.startswith(b"PK\x03\x04"):
        return _failed(path, "It is a zip archive or office document under another name. " + ADVICE)
    if not data.strip():
        return _failed(path, "The file is empty. " + ADVICE)
    if looks_like_html(data) or not _looks_like_json(data):
        found = notebook_from_html(data)
        return Candidate(
            path=path,
            origin="html",
            notebook=found.notebook,
            problem=found.reason,
            editor_page=found.editor_page,
            flags=found.flags,
        )
    return _from_json(path, data)


def _failed(path: str, why: str) -> Candidate:
    return Candidate(path=path, origin="html" if path.lower().endswith(("html", "htm")) else "ipynb", problem=why)


def _from_json(path: str, data: bytes) -> Candidate:
    text = _text(data)
    flags: tuple[Flag, ...] = ()
    try:
        raw = _sound(json.loads(text, parse_constant=_nothing))
    except (ValueError, RecursionError) as error:
        raw = _sound(_mended(text))
        why = f"{path} is damaged JSON ({type(error).__name__}); what could be read is graded, cells may be missing."
        flags = (Flag(kind="notebook_repaired", why=why),)
    if not isinstance(raw, dict) or not isinstance(raw.get("cells", raw.get("worksheets")), list):
        return Candidate(path=path, origin="ipynb", problem="It is no notebook, or too damaged to be read. " + ADVICE)
    found = normalise(raw)
    return Candidate(path=path, origin="ipynb", notebook=found.notebook, flags=(*flags, *found.flags))


def _nothing(_: str) -> None:
    """NaN and Infinity, which JSON doesn't know."""


def _sound(raw: Any) -> Any:
    """The same with half characters (lone surrogates) replaced: no file could hold them."""
    text = json.dumps(raw, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(text.encode("utf-8", "replace"))
    return raw


def _looks_like_json(data: bytes) -> bool:
    return _text(data[:2000]).lstrip("\ufeff \t\r\n").startswith(("{", "<<<<<<<"))


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def _mended(text: str) -> dict[str, Any] | None:
    """Damaged JSON: merge marks and stray commas dropped; else all whole cells before the damage."""
    plain = re.sub(r"^(<<<<<<<|=======|>>>>>>>).*$\n?", "", text, flags=re.MULTILINE)
    plain = re.sub(r",(\s*[\]}])", r"\1", plain)
    try:
        raw = json.loads(plain, strict=False)
        return raw if isinstance(raw, dict) else None
    except (ValueError, RecursionError):
        return _whole_cells(text)


def _whole_cells(text: str) -> dict[str, Any] | None:
    start = re.search(r'"cells"\s*:\s*\[', text)
    decoder = json.JSONDecoder(strict=False)
    cells: list[Any] = []
    at = start.end() if start else len(text)
    while at < len(text):
        at = _next_object(text, at)
        try:
            cell, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        cells.append(cell)
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} if cells else None


def _next_object(text: str, at: int) -> int:
    found = re.compile(r"[\s,]*(?=\{)").match(text, at)
    return found.end() if found else len(text)
