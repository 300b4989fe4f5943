"""Results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

MARKS = {
    "passed": ("ok", "green"),
    "partial": ("part", "yellow"),
    "failed": ("FAIL", "red"),
    "not_assessed": ("?", "cyan"),
    "crashed": ("!", "magenta"),
}
"""How a verdict is written in one word, with its colour."""


def plain(value: object) -> Text:
    """Foreign text: no markup, no control characters."""
    return Text("".join(char if char.isprintable() else " " for char in str(value)))


def verdict(word: str) -> Text:
    """A verdict's short mark."""
    mark, style = MARKS.get(word, (word, ""))
    return Text(mark, style=style)


def results_table(results: Sequence[dict[str, Any]], lines: Iterable[str], *, title: str = "") -> Table:
    """Students down, checks across, points at the end."""
    names = list(lines)
    table = Table(title=title or None, title_justify="left", pad_edge=False)
    table.add_column("participant", no_wrap=True)
    table.add_column("name", max_width=24, overflow="ellipsis", no_wrap=True)
    for name in names:
        table.add_column(Text(name.replace(".", "\n").replace("_", "\n")), justify="center")
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for row in results:
        table.add_row(*_cells(row, names))
    return table


def _cells(row: dict[str, Any], names: list[str]) -> list[Text]:
    findings = row["findings"]
    marks = [verdict(findings[name]["verdict"]) if name in findings else Text("") for name in names]
    return [
        plain(row["participant"]["id"]),
        plain(row["participant"]["name"] or ""),
        *marks,
        points(row),
        plain(row["status"]),
    ]


def points(row: dict[str, Any]) -> Text:
    """`72 (60-85)`; a dash where there is no total."""
    if row["total"] is None:
        return Text("-")
    span = "" if row["low"] == row["high"] else f" ({row['low']}-{row['high']})"
    return Text(f"{row['total']}{span}")
