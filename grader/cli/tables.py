"""Results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

MARKS = {
    "passed": ("ok", "+", "green"),
    "partial": ("part", "~", "yellow"),
    "failed": ("FAIL", "x", "red"),
    "not_assessed": ("?", "?", "cyan"),
    "crashed": ("!", "!", "magenta"),
}
"""How a verdict is written in one word and in one character, with its colour."""
LEGEND = "+ passed   ~ partial   x failed   ? not assessed: a person looks   ! our program stumbled"


def plain(value: object) -> Text:
    """Foreign text: no markup, no control characters."""
    return Text("".join(char if char.isprintable() else " " for char in str(value)))


def verdict(word: str, *, short: bool = False) -> Text:
    """A verdict's mark."""
    mark, char, style = MARKS[word]
    return Text(char if short else mark, style=style)


def results_table(results: Sequence[dict[str, Any]], lines: Iterable[str]) -> Group:
    """Students down, numbered checks across, points at the end; a legend below."""
    names = list(lines)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("id", no_wrap=True, max_width=12, overflow="ellipsis")
    table.add_column("name", no_wrap=True, max_width=18, overflow="ellipsis")
    for number in range(1, len(names) + 1):
        table.add_column(str(number), justify="right", no_wrap=True, min_width=2)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for row in results:
        table.add_row(*_cells(row, names))
    numbered = "   ".join(f"{number} {name}" for number, name in enumerate(names, 1))
    return Group(table, Text(numbered, style="dim"), Text(LEGEND, style="dim"))


def _cells(row: dict[str, Any], names: list[str]) -> list[Text]:
    findings = row["findings"]
    marks = [verdict(findings[name]["verdict"], short=True) if name in findings else Text("") for name in names]
    return [
        plain(row["participant"]["id"]),
        plain(row["participant"]["name"] or ""),
        *marks,
        points(row),
        plain(row["status"]),
    ]


def points(row: dict[str, Any]) -> Text:
    """`72`, or `60-85` while a person has yet to settle it; a dash where there is no total."""
    return Text("-") if row["total"] is None else Text(span(row))


def span(row: dict[str, Any]) -> str:
    """Points of a submission, a section or a criterion as they stand."""
    return str(row["low"]) if row["low"] == row["high"] else f"{row['low']}-{row['high']}"
