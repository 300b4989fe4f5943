"""Moodle's grading worksheet as a value: which column is which, and one row per student.

Reads the bytes that were downloaded. It doesn't interpret a status (intake does) and doesn't write (release does).
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from grader.errors import ExportError
from grader.model import php_csv
from grader.model.base import Frozen
from grader.model.worksheet_words import HEADERS, NO, YES

Rows = list[list[str]]
DELIMITERS = (",", ";", "\t")
AGAIN = (
    "Download the grading worksheet from Moodle again and give that file unopened (a spreadsheet program changes it)."
)


class WorksheetRow(Frozen):
    """One student."""

    number: str
    """Participant number, without leading zeros."""
    word: str
    """What stands before the number in the identifier (`Participant `), as it stands."""
    line: int
    """Record in the file, the header being 1."""
    cells: tuple[str, ...]


class Worksheet(Frozen):
    """The file as downloaded."""

    header: tuple[str, ...]
    columns: dict[str, int]
    """Role (`identifier`, `grade` ...) -> index of the column."""
    rows: tuple[WorksheetRow, ...]
    delimiter: str = ","
    bom: bool = True

    def cell(self, row: WorksheetRow, role: str) -> str | None:
        """What stands in the column of that role; null where the worksheet has no such column."""
        index = self.columns.get(role)
        return None if index is None else row.cells[index]

    def by_number(self) -> dict[str, WorksheetRow]:
        """Rows by participant number."""
        return {row.number: row for row in self.rows}

    @property
    def scale(self) -> str | None:
        """The words of the scale that the assignment is graded with, if it is."""
        return next((self.cell(row, "scale") for row in self.rows), None) if "scale" in self.columns else None


def read_worksheet(
    data: bytes,
    *,
    columns: Mapping[str, str] | None = None,
    name: str = "worksheet",
    needed: tuple[str, ...] = ("identifier",),
) -> Worksheet:
    """Read a downloaded worksheet; `columns` names the columns (role -> header) that the word lists don't know."""
    text = _decoded(data, name)
    delimiter = _delimiter(text)
    header, *body = _records(text, delimiter, name)
    roles = _roles(header, columns or {}, name, needed)
    rows = tuple(_row(cells, line, roles["identifier"], name) for line, cells in enumerate(body, 2) if any(cells))
    _refuse_repeats(rows, name)
    return Worksheet(
        header=tuple(header), columns=roles, rows=rows, delimiter=delimiter, bom=data.startswith(b"\xef\xbb\xbf")
    )


def number_in(text: str | None) -> Decimal | None:
    """`100.00` or `100,00` as a number; null for anything else."""
    found = re.fullmatch(r"\s*(-?\d+)(?:[.,](\d+))?\s*", text or "", flags=re.ASCII)
    return Decimal(f"{found[1]}.{found[2] or 0}") if found else None


def is_locked(text: str | None) -> bool | None:
    """Whether "Grade can be changed" says no; null where its word is not known."""
    word = (text or "").strip()
    return False if word in YES else True if word in NO else None


def _decoded(data: bytes, name: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:200]:
        raise ExportError("The worksheet is UTF-16, not UTF-8: a spreadsheet program saved it.", where=name, todo=AGAIN)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"The worksheet is not UTF-8 (byte {error.start}): a spreadsheet program saved it."
        raise ExportError(what, where=name, todo=AGAIN) from None


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(DELIMITERS, key=first.count)


def _records(text: str, delimiter: str, name: str) -> Rows:
    """Rows of equal length, by the usual rules or else by PHP's (Moodle writes with those)."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    usual: Rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    php: Rows = [[cell or "" for cell in row] for row in php_csv.read_rows(unix, delimiter) if row != [None]]
    for rows in (usual, php):
        if len(rows) > 0 and len({len(row) for row in rows}) == 1:
            return rows
    if not usual:
        raise ExportError("The worksheet is empty.", where=name, todo=AGAIN)
    line = next(number for number, row in enumerate(usual, 1) if len(row) != len(usual[0]))
    what = f"Row {line} has {len(usual[line - 1])} cells, the header has {len(usual[0])}."
    raise ExportError(what, where=name, todo=AGAIN)


def _roles(header: list[str], columns: Mapping[str, str], name: str, needed: tuple[str, ...]) -> dict[str, int]:
    unknown = sorted(set(columns) - set(HEADERS))
    if unknown:
        raise ExportError(
            f"No column has the role {unknown[0]!r}.", where=name, todo=f"Roles are: {', '.join(HEADERS)}."
        )
    roles: dict[str, int] = {}
    for role, words in HEADERS.items():
        wanted = {columns[role]} if role in columns else words
        found = [index for index, word in enumerate(header) if word in wanted]
        if len(found) > 1:
            what = f"Columns {found[0] + 1} and {found[1] + 1} could both be {role!r}."
            raise ExportError(what, where=name, todo=f"Say which: --columns {role}=HEADER.")
        if role in columns and not found:
            raise ExportError(
                f"No column is headed {columns[role]!r}.", where=name, todo=f"It has: {', '.join(header)}."
            )
        if found:
            roles[role] = found[0]
    for role in needed:
        if role not in roles:
            what = f"No column is known as {role!r}; the header reads: {', '.join(header)[:300]}."
            raise ExportError(
                what,
                where=name,
                todo=f"Is it Moodle's grading worksheet? In another language: --columns {role}=HEADER.",
            )
    return roles


def _row(cells: list[str], line: int, identifier: int, name: str) -> WorksheetRow:
    found = re.fullmatch(r"(.*?)([0-9]+)\s*", cells[identifier], flags=re.DOTALL)
    if not found:
        what = f"Row {line} has no participant number in its identifier ({cells[identifier][:60]!r})."
        raise ExportError(what, where=name, todo=AGAIN)
    return WorksheetRow(number=str(int(found[2])), word=found[1], line=line, cells=tuple(cells))


def _refuse_repeats(rows: tuple[WorksheetRow, ...], name: str) -> None:
    repeated = [number for number, times in Counter(row.number for row in rows).items() if times > 1]
    if repeated:
        raise ExportError(f"Participant {repeated[0]} has more than one row.", where=name, todo=AGAIN)
