"""CSV as PHP reads and writes it (`fgetcsv`, `fputcsv` with a backslash as escape sign), for Moodle's worksheets.

It exists because no CSV library has PHP's escape rule: a backslash keeps the next quote from closing the cell,
and stays in the text.
"""

from __future__ import annotations

QUOTE = '"'
ESCAPE = "\\"


class _Reader:
    """One pass over a text; the state is the position."""

    def __init__(self, text: str, delimiter: str) -> None:
        self.text = text
        self.delimiter = delimiter
        self.at = 0
        self.unclosed = False

    def row(self) -> list[str | None]:
        """The next record; `[None]` for a blank line, as in PHP."""
        if self._end_of_line():
            self.at += 1
            return [None]
        cells: list[str | None] = [self._cell()]
        while self.at < len(self.text) and self.text[self.at] == self.delimiter:
            self.at += 1
            cells.append(self._cell())
        self.at += 1
        return cells

    def _end_of_line(self) -> bool:
        return self.at >= len(self.text) or self.text[self.at] == "\n"

    def _plain(self) -> str:
        start = self.at
        while not self._end_of_line() and self.text[self.at] != self.delimiter:
            self.at += 1
        return self.text[start : self.at]

    def _cell(self) -> str:
        start = self.at
        while not self._end_of_line() and self.text[self.at].isspace() and self.text[self.at] != self.delimiter:
            self.at += 1
        if self._end_of_line() or self.text[self.at] != QUOTE:
            self.at = start
            return self._plain()
        self.at += 1
        return self._quoted() + self._plain()

    def _quoted(self) -> str:
        parts: list[str] = []
        while self.at < len(self.text):
            sign = self.text[self.at]
            if sign == ESCAPE:
                parts.append(self.text[self.at : self.at + 2])
                self.at += 2
            elif sign != QUOTE:
                parts.append(sign)
                self.at += 1
            elif self.text[self.at + 1 : self.at + 2] == QUOTE:
                parts.append(QUOTE)
                self.at += 2
            else:
                self.at += 1
                return "".join(parts)
        self.unclosed = True
        return "".join(parts)


def read_rows(text: str, delimiter: str = ",") -> list[list[str | None]]:
    """All records (line ends are `\\n`); a blank line is `[None]`, a record that never closes a quote is lost."""
    reader = _Reader(text, delimiter)
    rows: list[list[str | None]] = []
    while reader.at < len(text):
        row = reader.row()
        if not reader.unclosed:
            rows.append(row)
    return rows


def write_rows(rows: list[list[str]]) -> str:
    """As `fputcsv`: a quote behind a backslash is not doubled (which is the trap)."""
    return "".join(",".join(_written(cell) for cell in row) + "\n" for row in rows)


def _written(cell: str) -> str:
    if not any(sign in cell for sign in ',"\\\n\r\t '):
        return cell
    escaped = False
    parts = [QUOTE]
    for sign in cell:
        if sign == QUOTE and not escaped:
            parts.append(QUOTE)
        escaped = sign == ESCAPE
        parts.append(sign)
    return "".join([*parts, QUOTE])
