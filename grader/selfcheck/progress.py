"""How far a notebook is: which of the starter's parts are still to write, which cells were run, which ended with an error.

Looks at the cells alone. Whether what is written is any good is not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Cell = Mapping[str, Any]
State = Literal["starter", "half", "finished"]
LONGEST = 80
_TODO = re.compile(r"^[ \t#]*YOUR (?:CODE|ANSWER) HERE[ \t.]*$", re.MULTILINE)
_HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t#]*$", re.MULTILINE)
_SAYS_NOTHING = re.compile(r"YOUR (?:CODE|ANSWER) HERE|raise NotImplementedError|[%!]")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Part:
    """A cell, in words by which its author finds it."""

    cell: int
    """Index over all cells, from 0."""
    heading: str
    """The nearest heading; empty where there is none above."""
    line: str
    """Its first line that says something."""
    text: bool = False
    """A cell of prose, not of code."""

    def __str__(self) -> str:
        said = ": ".join(part for part in (self.heading, self.line) if part)
        return f"cell {self.cell} ({said})" if said else f"cell {self.cell}"


@dataclass(frozen=True)
class Progress:
    """What is there, and what is not there yet."""

    code_cells: int
    """Code cells that are not blank."""
    to_write: tuple[Part, ...]
    """Cells that hold the starter's prompt still."""
    parts: int
    """Cells that the starter left to the student, as far as the notebook still says so."""
    not_run: tuple[Part, ...]
    """Written code cells without output and without a count."""
    errors: tuple[tuple[Part, str], ...]
    """Written cells whose saved output ends with an error, and its name."""

    @property
    def state(self) -> State:
        """Nothing written, some of it, or all."""
        if not self.to_write:
            return "finished"
        return "half" if len(self.to_write) < self.parts else "starter"

    @property
    def never_run(self) -> bool:
        """No written code cell was run."""
        written = self.code_cells - sum(not part.text for part in self.to_write)
        return written > 0 and len(self.not_run) >= written


def progress(notebook: Mapping[str, Any]) -> Progress:
    """Of a notebook in the grader's one shape."""
    places = {part.cell: part for part in _places(notebook["cells"])}
    cells = dict(enumerate(notebook["cells"]))
    code = [index for index, cell in cells.items() if cell["cell_type"] == "code" and cell["source"].strip()]
    open_ = [index for index, cell in cells.items() if _TODO.search(cell["source"])]
    written = [index for index in code if index not in open_]
    idle = [index for index in written if not cells[index]["outputs"] and cells[index]["execution_count"] is None]
    return Progress(
        code_cells=len(code),
        to_write=tuple(places[index] for index in open_),
        parts=len({*open_, *(index for index, cell in cells.items() if _is_students(cell))}),
        not_run=tuple(places[index] for index in idle),
        errors=tuple((places[index], name) for index in written for name in _errors(cells[index])),
    )


def describe(notebook: Mapping[str, Any], index: int) -> Part:
    """One cell in words."""
    return next((part for part in _places(notebook["cells"]) if part.cell == index), Part(index, "", ""))


def _places(cells: list[Cell]) -> list[Part]:
    heading, places = "", []
    for index, cell in enumerate(cells):
        text = cell["cell_type"] != "code"
        found = _HEADING.findall(_FENCE.sub("", cell["source"])) if text else []
        if found:
            heading = _short(found[0])
        places.append(Part(index, heading, "" if found else _first_line(cell["source"]), text))
        if found:
            heading = _short(found[-1])
    return places


def _first_line(source: str) -> str:
    lines = [line.strip().lstrip("# ").strip() for line in source.splitlines()]
    return _short(next((line for line in lines if line and not _SAYS_NOTHING.match(line)), ""))


def _short(text: str) -> str:
    text = " ".join(re.sub(r"[*_`]", "", text).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"


def _is_students(cell: Cell) -> bool:
    noted = cell["metadata"].get("nbgrader")
    return isinstance(noted, dict) and bool(noted.get("solution"))


def _errors(cell: Cell) -> list[str]:
    return [str(output.get("ename")) for output in cell["outputs"] if output["output_type"] == "error"][:1]
