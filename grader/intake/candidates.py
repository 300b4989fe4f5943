"""One handed-in file read as a notebook, as far as it is one: JSON (mended where it can be) or HTML.

What a file is, its content says, not its name.
"""

from __future__ import annotations

import json
import re
from typing import Any

from grader.intake.agreement import cells_run, code_of
from grader.intake.html import notebook_from_html
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

    @property
    def code(self) -> list[str]:
        """Its code, as far as it has any."""
        return code_of(self.notebook) if self.notebook else []

    @property
    def is_prose(self) -> bool:
        """A notebook without any code cell."""
        return self.notebook is not None and all(cell["cell_type"] != "code" for cell in self.notebook["cells"])

    @property
    def ran(self) -> int:
        """How many of its cells were run."""
        return cells_run(self.notebook) if self.notebook else 0


def read_candidate(path: str, data: bytes) -> Candidate:
    """Read a file named as a notebook or as HTML."""
    if data.startswith(b"%PDF"):
        return _failed(path, "It is a PDF file under another name. " + ADVICE)
    if data.startswith((b"From: <Saved by", b"MIME-Version:")):
        return _failed(path, "It is a page saved by a browser as one file (MHTML). " + ADVICE)
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
    raw = _loaded(text)
    if raw is None:
        raw = _mended(text)
        why = f"{path} is damaged JSON; what could be read is graded, cells may be missing."
        flags = (Flag(kind="notebook_repaired", why=why),)
    if not isinstance(raw, dict) or not isinstance(raw.get("cells", raw.get("worksheets")), list):
        return Candidate(path=path, origin="ipynb", problem="It is no notebook, or too damaged to be read. " + ADVICE)
    found = normalise(raw)
    return Candidate(path=path, origin="ipynb", notebook=found.notebook, flags=(*flags, *found.flags))


def _loaded(text: str, *, strict: bool = True) -> Any:
    try:
        return _sound(json.loads(text, strict=strict, parse_constant=_nothing))
    except (ValueError, RecursionError):
        return None


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
    raw = _loaded(plain, strict=False)
    return raw if isinstance(raw, dict) else _whole_cells(text)


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
        cells.append(_loaded(json.dumps(cell)))
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} if cells else None


def _next_object(text: str, at: int) -> int:
    found = re.compile(r"[\s,]*(?=\{)").match(text, at)
    return found.end() if found else len(text)
