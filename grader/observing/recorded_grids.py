"""Tables in outputs as grids of text: where rows and columns are (DataFrames, Markdown, box drawing, aligned), not what they mean."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import lxml.html

from grader.observing.recorded_values import whole

ROWS, COLUMNS, CELL_CHARS = 700, 60, 300

_BARS = re.compile(r"[|│┃║]")
_RULE = re.compile(r"^[\s\-=+|:─━═╌┄┼┿╇╋╪┬┴├┤┌┐└┘╭╮╰╯│┃║╒╕╘╛╞╡╤╧┡┩╔╗╚╝╠╣╦╩╬┏┓┗┛┳┻*_~]+$")
_GAP = re.compile(r" {2,}|\t+")
_MEASURED = re.compile(r"(?<!\br)[:=]\s{0,3}[-+~]?(?!0\b)\d|\s[-+~]?(?:\d+[.,]\d+|\d{2,})\s?%?$")
"""A value stands behind the words: a line of results, no head (`macro F1 0.20`)."""
_CUT_NUMBER = re.compile(r":\s{0,3}\d{1,3}$")
"""`trainable: 2,263,936` cut at its commas."""
_LABELLED = re.compile(r"(?<!\br)(?<!\bk)(?<!rank)(?<!alpha)(?<!lr)\s{0,3}[:=]\s{0,3}[-+~]?\d")


@dataclass(frozen=True)
class Grid:
    """A table: one label per column (empty for an index), rows of as many cells, and the line that each row was."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[str, ...]
    wraps: bool = False
    """Printed in parts: further columns follow in the next table."""


@dataclass(frozen=True)
class Line:
    """A line outside of any table."""

    text: str


def blocks(text: str) -> list[Line | Grid]:
    """The text's lines in order, tables among them recognised."""
    lines = text.split("\n")
    found: list[Line | Grid] = []
    at = 0
    while at < len(lines):
        reader = _piped if _BARS.search(lines[at]) else _comma_separated if lines[at].count(",") > 1 else _aligned
        grid, after = reader(lines, at)
        if grid is None:
            after = max(after, at + 1)
            found.extend(Line(line) for line in lines[at:after])
        else:
            _append(found, grid)
        at = after
    return found


def _append(found: list[Line | Grid], grid: Grid) -> None:
    """Add a table; one that continues a wrapped DataFrame is joined to it."""
    before = next((item for item in reversed(found) if isinstance(item, Grid) or item.text.strip()), None)
    if isinstance(before, Grid) and before.wraps and len(before.rows) == len(grid.rows):
        while found[-1] is not before:
            found.pop()
        rows = tuple(left + right[1:] for left, right in zip(before.rows, grid.rows, strict=True))
        found[-1] = replace(before, header=before.header + grid.header[1:], rows=rows, wraps=grid.wraps)
    else:
        found.append(grid)


def is_rule(line: str) -> bool:
    """A line that only draws."""
    return bool(line.strip()) and bool(_RULE.match(line))


def _piped(lines: list[str], start: int) -> tuple[Grid | None, int]:
    """A table whose cells are told apart by bars."""
    rows: list[tuple[str, ...]] = []
    quotes: list[str] = []
    at = start
    if _is_prose(_split_bars(lines[start])) and not is_rule(lines[start]):
        return None, start + 1
    while at < len(lines) and len(rows) <= ROWS and (is_rule(lines[at]) or _BARS.search(lines[at])):
        if not is_rule(lines[at]):
            rows.append(_split_bars(lines[at]))
            quotes.append(lines[at])
        at += 1
    if len(rows) < 2 or _is_prose(rows[0]):
        return None, start + 1
    if not any(whole(cell) for row in rows[1:] for cell in row):
        return None, at
    grid = _grid(rows[0], rows[1:], quotes[1:])
    return grid, at if grid else start + 1


def _split_bars(line: str) -> tuple[str, ...]:
    line = line.strip()
    line = line[1:] if _BARS.match(line) else line
    line = line[:-1] if line and _BARS.match(line[-1]) else line
    return tuple(cell.strip().strip("*`").strip()[:CELL_CHARS] for cell in _BARS.split(line)[:COLUMNS])


def _is_prose(header: tuple[str, ...]) -> bool:
    """Not the head of a table: a single cell, a labelled number, or numbers only."""
    numbers = sum(1 for cell in header if whole(cell))
    return len(header) < 2 or any(_LABELLED.search(cell) for cell in header) or numbers > len(header) / 2


def _grid(
    header: tuple[str, ...], rows: list[tuple[str, ...]], quotes: list[str], *, wraps: bool = False
) -> Grid | None:
    width = len(header)
    kept = [(row, quote) for row, quote in zip(rows, quotes, strict=True) if len(row) == width]
    if not kept or width > COLUMNS:
        return None
    return Grid(header, tuple(row for row, _ in kept), tuple(quote for _, quote in kept), wraps)


def _comma_separated(lines: list[str], start: int) -> tuple[Grid | None, int]:
    """What `to_csv` writes: a line of labels, lines of as many cells."""
    header = _split_commas(lines[start])
    labels = all(
        cell == "" or (any(map(str.isalpha, cell)) and len(cell) < 40 and not _MEASURED.search(cell)) for cell in header
    )
    rows: list[tuple[str, ...]] = []
    at = start + 1
    while labels and at < len(lines) and len(rows) < ROWS:
        row = _split_commas(lines[at])
        if len(row) != len(header) or _is_results(row) or not any(whole(cell) for cell in row):
            break
        rows.append(row)
        at += 1
    return (_grid(header, rows, lines[start + 1 : at]), at) if rows else _aligned(lines, start)


def _is_results(row: tuple[str, ...]) -> bool:
    """A line of labelled numbers that only happens to have commas."""
    return any(_LABELLED.search(cell) for cell in row[1:]) or bool(row and _CUT_NUMBER.search(row[0]))


def _split_commas(line: str) -> tuple[str, ...]:
    try:
        return tuple(cell.strip()[:CELL_CHARS] for cell in next(csv.reader([line]), [])[:COLUMNS])
    except csv.Error:
        return ()


@dataclass(frozen=True)
class _Cell:
    text: str
    start: int
    end: int


def _aligned(lines: list[str], start: int) -> tuple[Grid | None, int]:
    """A table whose cells are told apart by runs of blanks: pandas, classification_report, padded f-strings."""
    head = _by_words(_head(lines[start]), lines[start + 1 : start + 4])
    if not head:
        return None, start
    if _is_series(head, lines, start):
        return _series(head, lines, start)
    rows: list[tuple[str, ...]] = []
    quotes: list[str] = []
    index: list[_Cell] = []
    at = after = start + 1
    blanks = 0
    while at < len(lines) and len(rows) < ROWS and blanks <= 1:
        line = lines[at]
        at += 1
        if not line.strip() or is_rule(line):
            blanks += not line.strip()
            continue
        row = _row(line, head)
        if row is None and not rows and _names_index(line):
            index = _cells(line)
            continue
        if row is None:
            break
        rows.append(_with_index(row, line, index, rows))
        quotes.append(line)
        blanks, after = 0, at
    if not rows:
        return None, start
    wraps = lines[start].rstrip().endswith("\\")
    upper = _upper_labels(lines[start - 1], head) if start else [""] * len(head)
    header = ("", *(f"{above} {cell.text}".strip() for above, cell in zip(upper, head, strict=True)))
    grid = _grid(header, rows, quotes, wraps=wraps)
    return (grid, after) if grid else (None, start)


def _by_words(head: list[_Cell], below: list[str]) -> list[_Cell]:
    """Narrow columns have one blank between their labels: as many words as the first row below has numbers are as many labels."""
    found = ((cell.start, word) for cell in head for word in re.finditer(r"\S+", cell.text))
    words = [_Cell(word[0], start + word.start(), start + word.end()) for start, word in found]
    counts = (sum(bool(whole(cell.text)) for cell in _split_numbers(_cells(line))) for line in below)
    return words if len(words) == next(filter(None, counts), 0) > len(head) else head


def _is_series(head: list[_Cell], lines: list[str], start: int) -> bool:
    """A Series with several index levels: the head names the levels, and the values have no label."""
    first = _cells(lines[start + 1]) if start + 1 < len(lines) else []
    labels = first[:-1]
    if len(head) < 2 or len(labels) != len(head) or not whole(first[-1].text):
        return False
    return all(label.start == name.start and not whole(label.text) for label, name in zip(labels, head, strict=True))


def _series(head: list[_Cell], lines: list[str], start: int) -> tuple[Grid | None, int]:
    rows: list[tuple[str, ...]] = []
    quotes: list[str] = []
    at = start + 1
    while at < len(lines) and len(rows) < ROWS:
        cells = _cells(lines[at])
        if not 2 <= len(cells) <= len(head) + 1 or not whole(cells[-1].text):
            break
        given = {cell.start: cell.text for cell in cells[:-1]}
        before = rows[-1] if rows else ("",) * len(head)
        labels = [given.get(name.start, old) for name, old in zip(head, before, strict=False)]
        rows.append((*labels, cells[-1].text))
        quotes.append(lines[at])
        at += 1
    return _grid((*(name.text for name in head), ""), rows, quotes), at


def _upper_labels(line: str, head: list[_Cell]) -> list[str]:
    """Labels of the line above (a column MultiIndex), where the labels below repeat."""
    above = _cells(line)
    repeated = len({cell.text for cell in head}) < len(head)
    if not repeated or len(above) < 2 or any(whole(cell.text) for cell in above):
        return [""] * len(head)
    return [next((up.text for up in reversed(above) if up.start < cell.end), "") for cell in head]


def _with_index(row: tuple[str, ...], line: str, index: list[_Cell], rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The row with the labels of a row MultiIndex, repeated where pandas leaves them blank."""
    if len(index) < 2 or not row[0]:
        return row
    cuts = [cell.start for cell in index]
    width = line.find(row[1], cuts[-1])
    parts = [line[start:end].strip() for start, end in zip(cuts, [*cuts[1:], width], strict=True)]
    before = rows[-1][0].split(" / ") if rows else []
    if len(before) == len(parts):
        keep = next((place for place, part in enumerate(parts) if part), len(parts))
        parts = before[:keep] + parts[keep:]
    return (" / ".join(parts), *row[1:])


def _head(line: str) -> list[_Cell]:
    """The column labels that a line may be, or nothing."""
    if len(line) > 1000 or not line.strip() or is_rule(line):
        return []
    cells = _cells(line.rstrip("\\ "))
    if any(_LABELLED.search(cell.text) or cell.text.endswith((":", "=", ",", "{")) for cell in cells):
        return []
    words = sum(
        1 for cell in cells if cell.text == "..." or (any(map(str.isalpha, cell.text)) and not whole(cell.text))
    )
    return cells if words and words == len(cells) and (len(cells) >= 2 or line[:1] == " ") else []


def _cells(line: str) -> list[_Cell]:
    cells: list[_Cell] = []
    at = 0
    for gap in _GAP.finditer(line):
        if gap.start() > at:
            cells.append(_Cell(line[at : gap.start()].strip(), at, gap.start()))
        at = gap.end()
    if line[at:].strip():
        cells.append(_Cell(line[at:].strip(), at, len(line.rstrip())))
    return cells[:COLUMNS]


def _names_index(line: str) -> bool:
    """pandas prints the index's names on a line of its own below the head."""
    cells = _cells(line)
    if line.startswith(" ") or any(char in line for char in ":=") or any(whole(cell.text) for cell in cells):
        return False
    return len(line.rstrip()) < 60 and (len(cells) == 1 or line.endswith("  "))


def _row(line: str, head: list[_Cell]) -> tuple[str, ...] | None:
    """The cells under each label, the row's own label first; null where the line doesn't fit under the head."""
    cells = _cells(line)
    if len(cells) < len(head):
        cells = _split_numbers(cells)
    labelled = len(cells) == len(head) + 1 and all(whole(cell.text) for cell in cells[1:])
    told = cells[1:] if labelled else cells  # a row's own label may be a range: `rare: 4-27`, `common (>=500)`
    if not any(whole(cell.text) for cell in cells) or any(_LABELLED.search(cell.text) for cell in told):
        return None
    if len(cells) == len(head):
        first_is_label = not whole(cells[0].text) or cells[-1].end - head[-1].end < 12
        return ("", *(cell.text for cell in cells)) if first_is_label else None
    fits = tuple(cell.text for cell in cells) if len(cells) == len(head) + 1 else None
    return _by_place(cells, head) if len(cells) < len(head) else fits


def _by_place(cells: list[_Cell], head: list[_Cell]) -> tuple[str, ...] | None:
    """Fewer cells than labels: each number goes under the label whose right end is nearest."""
    row = [""] * (len(head) + 1)
    for index, cell in enumerate(cells):
        if index == 0 and not whole(cell.text):
            row[0] = cell.text
            continue
        nearest = min(range(len(head)), key=lambda column: abs(head[column].end - cell.end))
        if abs(head[nearest].end - cell.end) > 3 or row[nearest + 1]:
            return None
        row[nearest + 1] = cell.text
    return tuple(row)


def _split_numbers(cells: list[_Cell]) -> list[_Cell]:
    """Tell apart numbers that only one blank separates."""
    split: list[_Cell] = []
    for cell in cells:
        words = cell.text.split(" ")
        tail = 0
        while tail < len(words) and whole(words[-1 - tail]):
            tail += 1
        if tail == 0 or len(words) == 1:
            split.append(cell)
            continue
        parts = [" ".join(words[: len(words) - tail]), *words[len(words) - tail :]]
        end = cell.start
        for part in filter(None, parts):
            end = min(cell.end, end + len(part) + 1)
            split.append(_Cell(part, end - len(part), end))
    return split


def html_text(html: str) -> str:
    """The text of an HTML output without tables."""
    try:
        root = lxml.html.fragment_fromstring(html, create_parent="div")
    except Exception:  # lxml raises several kinds on broken markup
        return ""
    for element in root.iter("script", "style"):
        element.clear()
    return str(root.text_content())


def html_grids(html: str) -> Iterator[Grid]:
    """The tables of an HTML output (DataFrames, styled ones, Trainer's progress)."""
    if "<table" not in html.lower():
        return
    try:
        root = lxml.html.fragment_fromstring(html, create_parent="div")
        tables = list(root.iter("table"))[:20]
    except Exception:  # as above: no markup of a student's may stop us
        return
    for table in tables:
        rows = [_html_row(element) for _, element in zip(range(ROWS + 5), table.iter("tr"), strict=False)]
        grid = _html_grid([row for row in rows if row])
        if grid is not None:
            yield grid


def _html_row(element: lxml.html.HtmlElement) -> list[tuple[str, bool]]:
    """(text, is a header cell) of each column, wide cells repeated."""
    row: list[tuple[str, bool]] = []
    for cell in element:
        if cell.tag in ("td", "th") and len(row) < COLUMNS:
            text = " ".join(str(cell.text_content()).split())[:CELL_CHARS]
            span = str(cell.get("colspan") or "1")
            times = min(int(span), COLUMNS) if span.isdigit() and len(span) < 4 else 1
            row.extend([(text, cell.tag == "th")] * max(1, times))
    return row


def _html_grid(rows: list[list[tuple[str, bool]]]) -> Grid | None:
    heads = 0
    while heads < len(rows) and all(is_head for _, is_head in rows[heads]):
        heads += 1
    heads = heads or 1
    body = rows[heads:]
    width = max((len(row) for row in rows), default=0)
    if not body or not 1 <= width <= COLUMNS:
        return None
    header = [" ".join(dict.fromkeys(filter(None, column))) for column in _columns(rows[:heads], width)]
    filled = _fill_down(body, width)
    return Grid(tuple(header), tuple(filled), tuple("  ".join(filter(None, row)) for row in filled))


def _columns(rows: list[list[tuple[str, bool]]], width: int) -> list[list[str]]:
    padded = [[""] * (width - len(row)) + [text for text, _ in row] for row in rows]
    return [[row[column] for row in padded] for column in range(width)]


def _fill_down(body: list[list[tuple[str, bool]]], width: int) -> list[tuple[str, ...]]:
    """Rows at full width; labels that span several rows (a MultiIndex) are repeated."""
    filled: list[tuple[str, ...]] = []
    for row in body:
        missing = width - len(row)
        before = filled[-1][:missing] if filled and row and row[0][1] else ("",) * missing
        filled.append((*before, *(text for text, _ in row)))
    return filled
