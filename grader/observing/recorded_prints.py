"""Which print statement wrote a line: the names inside an f-string say what its words leave open.

`print(f"Accuracy: {dec_metrics['eval_accuracy']:.3f}")` prints a bare "Accuracy: 0.601"; the code knows that it is the decoder's.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from grader.observing.recorded_labels import NOTHING, Hints, read
from grader.observing.source_cells import Code

TEMPLATES = 200
EXPRESSION_CHARS = 160


@dataclass(frozen=True)
class Template:
    """The literal texts of one printed line, and between them what the fields' expressions say."""

    parts: tuple[str | Hints, ...]

    def fields(self, line: str) -> list[tuple[int, int, Hints]] | None:
        """Where each field stands in the line; null where the line is not this template's."""
        at = 0
        spans: list[tuple[int, int, Hints]] = []
        pending: Hints | None = None
        for part in self.parts:
            if isinstance(part, Hints):
                pending = part
                continue
            place = line.find(part, at)
            if place < 0 or (pending is None and not spans and line[:place].strip()):
                return None
            if pending is not None:
                spans.append((at, place, pending))
                pending = None
            at = place + len(part)
        if pending is not None:
            spans.append((at, len(line), pending))
        return spans


class Templates:
    """The printed lines of one cell, matched against its output in order."""

    def __init__(self, code: Code | None) -> None:
        """Collect them from the cell's tree."""
        self._templates = _collected(code.tree) if code else []
        self._last = -1

    def hints(self, line: str) -> list[tuple[int, int, Hints]]:
        """What the code says about the places of this line; empty where no template fits."""
        fitting = [(index, spans) for index, item in enumerate(self._templates) if (spans := item.fields(line))]
        if not fitting:
            return []
        index, spans = next(((index, spans) for index, spans in fitting if index > self._last), fitting[0])
        self._last = index
        return spans


def _collected(tree: ast.Module) -> list[Template]:
    try:
        return list(islice(_templates(tree), TEMPLATES))
    except RecursionError:  # a hostile expression, thousands deep
        return []


def _templates(tree: ast.Module) -> Iterator[Template]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in _PRINTERS:
            parts: list[str | ast.expr] = []
            for argument in node.args:
                parts.extend(_parts(argument))
            yield from _lines(parts)


_PRINTERS = ("print", "display", "Markdown", "info", "write", "append")


def _parts(node: ast.expr) -> list[str | ast.expr]:
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return [
            str(value.value) if isinstance(value, ast.Constant) else value.value
            for value in node.values
            if isinstance(value, ast.Constant | ast.FormattedValue)
        ]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return _format_parts(node.func.value, node.args)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_parts(node.left), *_parts(node.right)]
    return [node]


def _format_parts(template: ast.expr, arguments: list[ast.expr]) -> list[str | ast.expr]:
    if not isinstance(template, ast.Constant) or not isinstance(template.value, str):
        return []
    texts = re.split(r"\{[^{}]{0,60}\}", template.value[:5000])
    parts: list[str | ast.expr] = []
    for place, text in enumerate(texts):
        parts.append(text)
        if place < len(texts) - 1 and place < len(arguments):
            parts.append(arguments[place])
    return parts


def _lines(parts: list[str | ast.expr]) -> Iterator[Template]:
    """One template per printed line; only those with words and with a field that says something."""
    line: list[str | Hints] = []
    for part in parts:
        if isinstance(part, str):
            first, *rest = part.split("\n")
            line.append(first.strip())
            for text in rest:
                yield from _template(line)
                line = [text.strip()]
        else:
            line.append(_hints(part))
    yield from _template(line)


def _template(line: list[str | Hints]) -> Iterator[Template]:
    parts = tuple(part for part in line if part != "")
    words = sum(len(re.findall(r"[A-Za-z]", part)) for part in parts if isinstance(part, str))
    if words >= 2 and any(isinstance(part, Hints) and part != NOTHING for part in parts):
        yield Template(parts)


def _hints(node: ast.expr) -> Hints:
    try:
        return read(ast.unparse(node)[:EXPRESSION_CHARS])
    except (ValueError, RecursionError):
        return NOTHING
