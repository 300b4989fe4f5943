"""A student's notebook as HTML that runs nothing and asks for nothing: shown in a sandboxed frame besides."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from grader.feedback.text import clean

LONGEST = 20_000
"""Characters of one source or output."""
LARGEST_IMAGE = 4_000_000
MOST_CELLS = 1_000
MOST_OUTPUTS = 60
_WORDS = (
    "p br hr h1 h2 h3 h4 h5 h6 ul ol li dl dt dd em strong b i s del sub sup code pre blockquote table thead tbody tfoot tr th td "
    "caption span div a kbd small u"
)
TAGS = set(_WORDS.split())
ATTRIBUTES = {"td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"}}
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_REWRITTEN = re.compile(r"^.*\r(?!\n)", re.MULTILINE)


@dataclass(frozen=True)
class OutputView:
    """One output of a cell."""

    kind: str
    """`text`, `error`, `html` or `image`."""
    body: Markup


@dataclass(frozen=True)
class CellView:
    """One cell."""

    number: int
    """From 0 over all cells, as citations count."""
    kind: str
    body: Markup
    outputs: tuple[OutputView, ...]
    cited: tuple[str, ...]
    """Criteria and checks that cite it."""


def cell_views(notebook: Mapping[str, Any] | None, cited: Mapping[int, tuple[str, ...]]) -> list[CellView]:
    """All cells; whatever shape they have, something readable comes out."""
    cells = notebook.get("cells", []) if notebook else []
    views = []
    for number, cell in enumerate(cells[:MOST_CELLS] if isinstance(cells, list) else []):
        if isinstance(cell, dict):
            views.append(_cell(number, cell, cited.get(number, ())))
    return views


def markdown(text: str) -> Markup:
    """Markdown made harmless; links lose their target."""
    return harmless(_markdown().render(clean(text)[:LONGEST]))


def harmless(html: str) -> Markup:
    """Foreign HTML with only what shows text and tables."""
    return Markup(nh3.clean(html, tags=TAGS, attributes=ATTRIBUTES, strip_comments=True, link_rel=None))


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")


def _cell(number: int, cell: Mapping[str, Any], cited: tuple[str, ...]) -> CellView:
    source = _joined(cell.get("source", ""))
    if cell.get("cell_type") == "markdown":
        return CellView(number, "markdown", markdown(source), (), cited)
    outputs = cell.get("outputs")
    views = [_output(item) for item in (outputs if isinstance(outputs, list) else [])[:MOST_OUTPUTS]]
    kind = "code" if cell.get("cell_type") == "code" else "raw"
    return CellView(number, kind, escape(_cut(source)), tuple(view for view in views if view is not None), cited)


def _output(output: object) -> OutputView | None:
    if not isinstance(output, dict):
        return None
    if output.get("output_type") == "error":
        lines = output.get("traceback")
        text = "\n".join(map(str, lines)) if isinstance(lines, list) else ""
        return OutputView("error", escape(_cut(_plain(text or f"{output.get('ename')}: {output.get('evalue')}"))))
    if "text" in output:
        return OutputView("text", escape(_cut(_plain(_joined(output["text"])))))
    data = output.get("data")
    return _rich(data) if isinstance(data, dict) else None


def _rich(data: Mapping[str, Any]) -> OutputView | None:
    for kind in ("image/png", "image/jpeg", "image/gif", "image/webp"):
        if kind in data and (image := _image(kind, _joined(data[kind]))):
            return OutputView("image", image)
    if "image/svg+xml" in data:
        packed = base64.b64encode(_joined(data["image/svg+xml"]).encode("utf-8", "replace")).decode()
        return OutputView("image", _image("image/svg+xml", packed) or Markup())
    if "text/html" in data:
        made = harmless(clean(_joined(data["text/html"]))[: LONGEST * 3])
        if made.striptags().strip():
            return OutputView("html", made)
    if "text/markdown" in data:
        return OutputView("html", markdown(_joined(data["text/markdown"])))
    plain = _joined(data.get("text/plain", ""))
    return OutputView("text", escape(_cut(_plain(plain)))) if plain else None


def _image(kind: str, packed: str) -> Markup | None:
    """Only as the picture of an `img`, where nothing in it can run or load."""
    packed = re.sub(r"\s", "", packed)
    if len(packed) > LARGEST_IMAGE:
        return Markup("<p>{}</p>").format("(a very large image, not shown)")
    try:
        base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return None
    return Markup('<img src="data:{};base64,{}" alt="output image">').format(kind, packed)


def _plain(text: str) -> str:
    """As a terminal would leave it: no colours, progress bars only in their last state."""
    return _REWRITTEN.sub("", _ANSI.sub("", text.replace("\r\n", "\n")))


def _joined(text: object) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _cut(text: str) -> str:
    text = clean(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n… ({len(text) - LONGEST:,} more characters)"
