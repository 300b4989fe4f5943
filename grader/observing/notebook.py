"""A notebook as observers read it: cells with code and outputs as plain, bounded text. Hostile or odd JSON is never an error.

It does not say what anything means, and it runs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from grader.model.finding import Citation

OUTPUT_CHARS = 200_000
"""Longest text kept of one output: its beginning and, where it is longer, its end."""
TOTAL_CHARS = 4_000_000
OUTPUT_LINES = 4_000
"""Likewise by lines."""
LINE_CHARS = 2_000
SOURCE_CHARS = 200_000
CELLS = 2_000
OUTPUTS = 500
QUOTE_CHARS = 300

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[A-Za-z]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Output:
    """One output of a cell."""

    cell: int
    index: int
    kind: Literal["stream", "result", "error"]
    text: str
    html: str = ""
    image: bool = False

    def cite(self, quote: str) -> Citation:
        """Where to find this line."""
        return Citation(where="notebook", cell=self.cell, output=self.index, quote=quote.strip()[:QUOTE_CHARS])


@dataclass(frozen=True)
class Cell:
    """One cell, with its index over all cells."""

    index: int
    kind: Literal["code", "markdown", "raw"]
    source: str
    outputs: tuple[Output, ...] = ()
    count: int | None = None
    """Execution count, where the cell ran."""

    def cite(self, quote: str) -> Citation:
        """Where to find this line of the source."""
        return Citation(where="notebook", cell=self.index, quote=quote.strip()[:QUOTE_CHARS])


def read_cells(notebook: dict[str, Any] | None) -> tuple[Cell, ...]:
    """All cells of a notebook, with at most `TOTAL_CHARS` of output text."""
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        return ()
    left = TOTAL_CHARS
    read: list[Cell] = []
    for index, raw in enumerate(cells[:CELLS]):
        cell = _read_cell(index, raw, left)
        left -= sum(len(output.text) + len(output.html) for output in cell.outputs)
        read.append(cell)
    return tuple(read)


def _read_cell(index: int, raw: object, left: int) -> Cell:
    if not isinstance(raw, dict):
        return Cell(index, "raw", "")
    kind = raw.get("cell_type")
    source = joined(raw.get("source"))[:SOURCE_CHARS]
    if kind != "code":
        return Cell(index, "markdown" if kind == "markdown" else "raw", source)
    outputs = raw.get("outputs")
    count = raw.get("execution_count")
    found = tuple(_read_outputs(index, outputs if isinstance(outputs, list) else [], left))
    return Cell(index, "code", source, found, count if isinstance(count, int) and not isinstance(count, bool) else None)


def _read_outputs(cell: int, outputs: list[Any], left: int) -> Iterator[Output]:
    for index, raw in enumerate(outputs[:OUTPUTS]):
        if left <= 0:
            return
        if isinstance(raw, dict):
            output = _read_output(cell, index, raw)
            left -= len(output.text) + len(output.html)
            yield output


def _read_output(cell: int, index: int, raw: dict[str, Any]) -> Output:
    kind = raw.get("output_type")
    if kind == "stream":
        return Output(cell, index, "stream", clean(joined(raw.get("text"))))
    if kind == "error":
        return Output(cell, index, "error", clean(f"{raw.get('ename')}: {raw.get('evalue')}"))
    data = raw.get("data")
    data = data if isinstance(data, dict) else {}
    image = any(str(name).startswith("image/") for name in data) or "application/vnd.plotly.v1+json" in data
    html = joined(data.get("text/html"))[:OUTPUT_CHARS]
    image = image or "<svg" in html or "<img" in html
    text = joined(data.get("text/plain")) or joined(data.get("text/markdown")) or joined(data.get("text/latex"))
    return Output(cell, index, "result", clean(text), html, image)


def joined(value: object) -> str:
    """nbformat's multi-line strings: a string or a list of strings; anything else is empty."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(item for item in value if isinstance(item, str))
    return ""


def clean(text: str) -> str:
    """Plain text as a reader sees it: no colours, progress bars in their last state, bounded in length and width."""
    text = shortened(text)
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    text = text.replace("\r\n", "\n")
    lines = [line if "\r" not in line else _last_state(line) for line in text.split("\n")]
    if len(lines) > OUTPUT_LINES:
        lines = [*lines[: OUTPUT_LINES * 3 // 4], "...", *lines[-OUTPUT_LINES // 4 :]]
    return _CONTROL.sub("", "\n".join(line[:LINE_CHARS] for line in lines).replace("\xa0", " ").replace("\u202f", " "))


def _last_state(line: str) -> str:
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


def shortened(text: str) -> str:
    """At most `OUTPUT_CHARS`: three quarters from the beginning and a quarter from the end."""
    if len(text) <= OUTPUT_CHARS:
        return text
    head = OUTPUT_CHARS * 3 // 4
    return f"{text[:head]}\n...\n{text[head - OUTPUT_CHARS :]}"
