"""Makes the starter and the solution of an assignment from its one source notebook.

Pure: notebook JSON in, notebook JSON out; nothing is executed.

The marks are those that nbgrader and otter authors know, each on a line of its own, in code and in text:

    ### BEGIN SOLUTION ... ### END SOLUTION            replaced by a prompt (one # or <!-- --> will do)
    # BEGIN SOLUTION NO PROMPT ... # END SOLUTION      removed, no prompt
    ### BEGIN HIDDEN TESTS ... ### END HIDDEN TESTS    removed, no prompt
    \"\"\" # BEGIN PROMPT ... \"\"\" # END PROMPT            what students see in place of the solution before it
    x = 5  # SOLUTION                                  becomes `x = ...`
    print(x)  # SOLUTION NO PROMPT                     the line is removed

A cell whose metadata says `nbgrader: {solution: true}` and that holds no mark is replaced as a whole.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from grader.errors import CourseError

Notebook = dict[str, Any]
Cell = dict[str, Any]
Version = Literal["starter", "solution"]

CODE_PROMPT = ("# YOUR CODE HERE", "raise NotImplementedError()")
TEXT_PROMPT = ("YOUR ANSWER HERE",)
AUTHOR_METADATA = ("reference",)
"""Cell metadata for the authors' own tools; neither version carries it."""

_OPEN = r"(?P<indent>[ \t]*)(?:\#{1,3}|<!--)[ \t]*"
_CLOSE = r"[ \t]*(?:-->)?[ \t]*"
_BEGIN = re.compile(_OPEN + r"BEGIN (?P<what>SOLUTION|HIDDEN TESTS)(?P<bare> NO PROMPT)?" + _CLOSE)
_END = re.compile(_OPEN + r"END (?P<what>SOLUTION|HIDDEN TESTS)" + _CLOSE)
_BEGIN_PROMPT = re.compile(r"""[ \t]*(?:\"{3}|'{3})[ \t]*\#[ \t]*BEGIN PROMPT[ \t]*""")
_END_PROMPT = re.compile(r"""[ \t]*(?:\"{3}|'{3})[ \t]*;?[ \t]*\#[ \t]*END PROMPT[ \t]*""")
_LINE = re.compile(r"(?P<code>.*?\S)[ \t]*\#{1,3}[ \t]*SOLUTION(?P<bare> NO PROMPT)?[ \t]*")
_MARK = re.compile(r"[ \t]*(?:\#{1,3}|<!--|\"{3}|'{3}).*\b(?:BEGIN|END) (?:SOLUTION|HIDDEN TESTS|PROMPT)\b.*")


def build_starter(source: Notebook) -> Notebook:
    """What students get: solutions, hidden tests and every output removed, prompts in their place."""
    made = _built(source, "starter")
    made.get("metadata", {}).pop("widgets", None)
    return made


def build_solution(source: Notebook) -> Notebook:
    """What instructors read: the source without its marks, outputs kept."""
    return _built(source, "solution")


def solution_lines(source: Notebook) -> list[str]:
    """Every line that only the solution may hold, stripped; for a look at whether a starter gives one away."""
    starter = {line.strip() for cell in build_starter(source)["cells"] for line in _text(cell).splitlines()}
    whole = [line.strip() for cell in build_solution(source)["cells"] for line in _text(cell).splitlines()]
    return [line for line in dict.fromkeys(whole) if line and line not in starter]


def _built(source: Notebook, version: Version) -> Notebook:
    cells = source.get("cells")
    if not isinstance(cells, list):
        raise CourseError(
            "The source is not a notebook of format 4: it has no list of cells.",
            todo="Save it with Jupyter, or convert it with `jupyter nbconvert --to notebook`.",
        )
    made = copy.deepcopy({key: value for key, value in source.items() if key != "cells"})
    made["cells"] = [_cell(cell, version, number) for number, cell in enumerate(cells)]
    return made


def _cell(cell: Cell, version: Version, number: int) -> Cell:
    made = copy.deepcopy(cell)
    for key in AUTHOR_METADATA:
        made.get("metadata", {}).pop(key, None)
    code = cell.get("cell_type") == "code"
    made["source"] = _Reader(_text(cell), where=f"cell {number}", code=code).version(version, whole=_is_answer(cell))
    if version == "starter":
        if code:
            made |= {"outputs": [], "execution_count": None}
        _drop_unused_attachments(made)
    return made


def _text(cell: Cell) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _is_answer(cell: Cell) -> bool:
    noted = cell.get("metadata", {}).get("nbgrader")
    return isinstance(noted, dict) and bool(noted.get("solution"))


def _drop_unused_attachments(cell: Cell) -> None:
    """A picture that only the removed answer showed must not travel with the starter."""
    attached = cell.get("attachments")
    if attached:
        used = {name: data for name, data in attached.items() if f"attachment:{name}" in cell["source"]}
        cell["attachments"] = used
        if not used:
            del cell["attachments"]


@dataclass
class _Reader:
    """One cell's text, read line by line."""

    text: str
    where: str
    code: bool
    _made: list[str] = field(default_factory=list)

    def version(self, version: Version, *, whole: bool) -> str:
        """The cell's text in that version; `whole`: without a mark all of it is the answer."""
        lines = self.text.split("\n")
        if version == "solution":
            kept = list(self._solution(lines))
        elif whole and not any(self._marked(line) for line in lines):
            kept = self._prompt("")
        else:
            kept = list(self._starter(lines))
        return "\n".join(kept)

    def _marked(self, line: str) -> bool:
        return bool(_MARK.fullmatch(line) or (self.code and _LINE.fullmatch(line)))

    def _prompt(self, indent: str) -> list[str]:
        return [indent + line for line in (CODE_PROMPT if self.code else TEXT_PROMPT)]

    def _starter(self, lines: list[str]) -> Iterator[str]:
        regions = [region for region in self._regions(lines) if region[0] != "plain" or region[2]]
        following = [*(kind for kind, _, _ in regions[1:]), "plain"]
        for (kind, indent, body), after in zip(regions, following, strict=True):
            if kind == "plain":
                yield from (kept for line in body if (kept := self._blanked(line)) is not None)
            elif kind == "PROMPT":
                yield from body
            elif kind == "SOLUTION" and after != "PROMPT":
                yield from self._prompt(indent)

    def _solution(self, lines: list[str]) -> Iterator[str]:
        for kind, _, body in self._regions(lines):
            if kind == "PROMPT":
                continue
            for line in body:
                marked = _LINE.fullmatch(line) if self.code else None
                yield marked["code"] if marked else line

    def _blanked(self, line: str) -> str | None:
        """A line of the starter; None where it goes away."""
        marked = _LINE.fullmatch(line) if self.code else None
        if not marked:
            return line
        if marked["bare"]:
            return None
        return _without_value(marked["code"])

    def _regions(self, lines: list[str]) -> Iterator[tuple[str, str, list[str]]]:
        """(kind, indent, lines) in order; kind is plain, SOLUTION, BARE, HIDDEN TESTS or PROMPT."""
        plain: list[str] = []
        rest = iter(enumerate(lines, start=1))
        for number, line in rest:
            begin = _BEGIN.fullmatch(line)
            if begin or _BEGIN_PROMPT.fullmatch(line):
                yield "plain", "", plain
                plain = []
                what = begin["what"] if begin else "PROMPT"
                body = self._until_end(rest, what, number)
                yield "BARE" if begin and begin["bare"] else what, begin["indent"] if begin else "", body
            elif _MARK.fullmatch(line):
                raise self._problem(number, f"{line.strip()!r} has no beginning that belongs to it")
            else:
                plain.append(line)
        yield "plain", "", plain

    def _until_end(self, rest: Iterator[tuple[int, str]], what: str, start: int) -> list[str]:
        body: list[str] = []
        for number, line in rest:
            end = _END.fullmatch(line)
            if (end and end["what"] == what) or (what == "PROMPT" and _END_PROMPT.fullmatch(line)):
                return body
            if _MARK.fullmatch(line):
                raise self._problem(number, f"{line.strip()!r} inside {what} that begins in line {start}")
            body.append(line)
        raise self._problem(start, f"BEGIN {what} has no END {what}")

    def _problem(self, line: int, what: str) -> CourseError:
        return CourseError(
            what,
            where=f"{self.where}, line {line}",
            todo="Put each BEGIN and its END on lines of their own; they don't nest.",
        )


def _without_value(line: str) -> str:
    """`x = 5` as `x = ...`, `return 5` as `return ...`, anything else as `...`, indented as it was."""
    code = line.lstrip()
    indent = line[: len(line) - len(code)]
    try:
        statement = ast.parse(code).body[0]
    except (SyntaxError, IndexError, ValueError):
        return f"{indent}..."
    value = getattr(statement, "value", None)
    if isinstance(statement, ast.Expr) or not isinstance(value, ast.expr):
        return f"{indent}..."
    return f"{indent}{code.encode()[: value.col_offset].decode()}..."
