"""Markdown or HTML into lines, list items, table rows and headings, in order, as plain text.

Markup is understood, not judged: `# Memo`, `<h2>`, a bold run-in and `Section 1:` all end up as headings. Nothing is rendered or run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag
from markdown_it import MarkdownIt

CELL_CHARS = 60_000
LINE_CHARS = 6_000
TABLE_BLOCKS = 100_000
"""Numbers of tables start here, those of paragraphs at 0."""
MAX_DEPTH = 60
"""Elements around a text that are looked at."""
WRAP_CHARS = 60
"""A line shorter than this was ended by its author, not by an editor."""

_BLOCKS = (
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "p",
    "li",
    "tr",
    "pre",
    "blockquote",
    "dt",
    "dd",
    "div",
    "summary",
    "td",
    "section",
)
_LABEL = re.compile(
    r"^\W{0,4}(?:(?:section|part|teil|abschnitt|secci[oó]n|sección|partie|question|q|memo|results?|§|第)\s*)?"
    r"(?P<number>[1-5一二三四五]|i{1,3}|iv|v)\s*(?:[.):：、]|-{1,2}|–|—|部分|\s-\s|(?-i:\s(?=[A-ZÄÖÜ])))\s*(?P<rest>.{0,90})$",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"^\W{0,4}(?:section|part|teil|abschnitt|secci[oó]n|partie|question|q|results?|§|第)\s*(?P<number>[1-5一二三四五]|"
    r"i{1,3}|iv|v)\b\W*(?P<rest>.{0,90})$",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"^\W{0,3}(?P<number>[1-5])\W{0,3}$")
_FIGURES = re.compile(r"\d+(?:[.,]\d+)*")
HEADING_WORDS = 6
_DECIMALS = re.compile(r"\d[.,]\d")
"""More than one of these make a line a row of figures (`Q1 (4-24): 0.010, 0.122`) and no heading."""
_NUMBERS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5}
_SENTENCE_INSIDE = re.compile(r"(?<!vs)(?<!no)[.!?]\s+(?=[A-Z0-9„“\"])")


_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])|opacity\s*:\s*0(?![.\d]*[1-9])|"
    r"(?<![-\w])color\s*:\s*(?:white|#fff(?:fff)?\b|transparent|rgba?\(\s*255\s*,\s*255\s*,\s*255)"
)


@dataclass(frozen=True)
class Line:
    """One line of text with its role."""

    text: str
    kind: Literal["heading", "prose", "item", "row"]
    block: int
    number: int | None = None
    """A heading's or label's own number, 1 to 5."""
    level: int = 9
    """1 to 6 for real headings, 7 for a bold line, 8 for a labelled one; 9 for text."""
    emphasised: bool = False
    """The whole line is in italics, as prompts often are."""
    header: str = ""
    """For a row: the header cells, joined with ` | `."""


_parser = MarkdownIt("commonmark", {"html": True, "breaks": False}).enable("table")


def read_lines(markdown: str) -> list[Line]:
    """The lines of one cell or document."""
    text = markdown[:CELL_CHARS].encode("utf-8", "replace").decode("utf-8")
    soup = BeautifulSoup(_parser.render(text), "lxml")
    for tag in soup(["script", "style", "svg", "img", "template", "iframe", "object"]):
        tag.decompose()
    for tag in soup.find_all(_is_hidden):
        tag.decompose()
    for line_break in soup("br"):
        line_break.replace_with("\n")
    return [line for number, block in enumerate(_blocks(soup)) for line in _lines_of(block, number)]


def _is_hidden(tag: Tag) -> bool:
    """Text that no reader of the page sees is no part of the memo."""
    return tag.has_attr("hidden") or _HIDDEN.search(str(tag.get("style", "")).lower()) is not None


class _Table:
    """What its rows have in common: the header, once it was read, and the block."""

    def __init__(self, number: int) -> None:
        self.block = TABLE_BLOCKS + number
        self.header: str | None = None


@dataclass
class _Block:
    """A stretch of text inside one element, without what elements inside it hold."""

    tag: Tag
    text: str
    first: bool = True
    """It begins the element, so that a bold start is a heading."""
    table: _Table | None = None


def _blocks(soup: BeautifulSoup) -> list[_Block]:
    """The document's text, grouped by the innermost block that it stands in; a table row is one block."""
    blocks: list[_Block] = []
    begun: set[int] = set()
    tables: dict[int, _Table] = {}
    for text in soup.find_all(string=True):
        if type(text) is not NavigableString or not text.strip():
            if blocks and type(text) is NavigableString and blocks[-1].tag.name != "tr":
                blocks[-1].text += str(text)
            continue
        tag, table = _home(text)
        if tag is None:
            continue
        if blocks and blocks[-1].tag is tag:
            blocks[-1].text += str(text)
            continue
        if tag.name == "tr" and id(tag) in begun:
            continue
        shared = tables.setdefault(id(table), _Table(len(tables))) if table is not None else None
        blocks.append(_Block(tag, str(text), id(tag) not in begun, shared))
        begun.add(id(tag))
    return blocks


def _home(text: NavigableString) -> tuple[Tag | None, Tag | None]:
    """The row, or else the innermost block, that a text stands in, and its table."""
    inner: Tag | None = None
    row: Tag | None = None
    for tag in islice(text.parents, MAX_DEPTH):
        if row is None and tag.name == "tr":
            row = tag
        if tag.name == "table" and row is not None:
            return row, tag
        if inner is None and tag.name in _BLOCKS:
            inner = tag
    if inner is None:
        inner = text.parent
    return (row or inner), None


def _lines_of(block: _Block, number: int) -> Iterator[Line]:
    tag = block.tag
    if tag.name == "tr":
        yield from _row(tag, block.table or _Table(number))
        return
    if tag.name[0] == "h" and tag.name[1:].isdigit():
        yield _heading(" ".join(block.text.split()), int(tag.name[1]), number)
        return
    strong = _leading_strong(tag) if block.first else ""
    for index, plain in enumerate(_unwrapped(block.text)):
        yield from _line(plain[:LINE_CHARS], tag, number, strong if index == 0 else "")


def _unwrapped(text: str) -> list[str]:
    """A paragraph's lines, with those joined again that an editor has wrapped."""
    lines: list[str] = []
    for piece in text.split("\n"):
        plain = " ".join(piece.split())
        if not plain:
            continue
        wrapped = (
            bool(lines)
            and len(lines[-1]) >= WRAP_CHARS
            and lines[-1][-1] not in ".!?:;。！？；："
            and label_of(plain) is None
        )
        if wrapped or (lines and plain[0].islower() and label_of(lines[-1]) is None):
            lines[-1] += " " + plain
        else:
            lines.append(plain)
    return lines


def _row(tag: Tag, table: _Table) -> Iterator[Line]:
    cells = [" ".join(cell.get_text(" ").split()) for cell in tag.find_all(["td", "th"], recursive=False)]
    text = " | ".join(cells)[:LINE_CHARS]
    first = table.header is None
    if first:
        table.header = text
    if any(cells) and not (first and tag.find("td") is None):
        yield Line(text, "row", table.block, header="" if first else table.header or "")


def _leading_strong(tag: Tag) -> str:
    first = next((child for child in tag.children if isinstance(child, Tag) or str(child).strip()), None)
    return " ".join(first.get_text().split()) if isinstance(first, Tag) and first.name in ("strong", "b", "u") else ""


def _line(plain: str, tag: Tag, block: int, strong: str) -> Iterator[Line]:
    parent = tag.parent
    if tag.name == "p" and parent is not None and parent.name == "li" and parent.find("p", recursive=False) is tag:
        tag = parent  # a list whose items have blank lines between them
    kind: Literal["prose", "item"] = "item" if tag.name in ("li", "dd", "dt") else "prose"
    emphasis = tag.find(["em", "i"], recursive=False)
    emphasised = emphasis is not None and " ".join(emphasis.get_text().split()) == plain
    if strong and len(strong) <= 90 and plain.startswith(strong):
        yield _heading(strong, 7, block)
        rest = plain[len(strong) :].lstrip(" :.-–—")
        if rest:
            yield Line(rest, kind, block)
        return
    number = _list_number(tag) if kind == "item" else None
    label = label_of(plain)
    if number is not None and len(plain) <= 90 and not _SENTENCE_INSIDE.search(plain) and not _is_clause(plain):
        yield Line(str(number) if _tells(plain) else plain, "heading", block, number=number, level=8)
        if _tells(plain):
            yield Line(plain, kind, block)
    elif label is not None:
        yield Line(str(label[0]) if _tells(label[1]) else plain, "heading", block, number=label[0], level=8)
        if _tells(label[1]):
            yield Line(label[1], kind, block)
    else:
        yield Line(plain, kind, block, emphasised=emphasised)


def _is_clause(text: str) -> bool:
    """An item of a list inside a sentence, or a whole sentence, and so no heading."""
    return not _tells(text) and (text[-1] in ";," or (text[-1] == "." and len(text.split()) > HEADING_WORDS))


def _tells(text: str) -> bool:
    """A numbered line that is a heading and all that is written under it as well (`5. zeros: 33 of 46. get more data`)."""
    return len(text.split()) > HEADING_WORDS and len(_FIGURES.findall(text)) > 1


def _list_number(tag: Tag) -> int | None:
    parent = tag.parent
    if parent is None or parent.name != "ol":
        return None
    start = str(parent.get("start") or "1")
    siblings = parent.find_all("li", recursive=False)
    number = (int(start) if start.isdigit() and len(start) < 4 else 1) + siblings.index(tag)
    return number if number <= 5 else None


def _heading(text: str, level: int, block: int) -> Line:
    label = label_of(text)
    return Line(text[:300], "heading", block, number=label[0] if label else None, level=level)


def label_of(text: str) -> tuple[int, str] | None:
    """`Section 3: Tiers` -> (3, "Tiers"); null for a line that is no label."""
    if len(text) > 100 or _SENTENCE_INSIDE.search(text[4:]) or len(_DECIMALS.findall(text)) > 1:
        return None
    match = _LABEL.match(text) or _BARE.match(text) or _DIGIT.match(text)
    if match is None:
        return None
    found = match["number"].lower()
    number = _NUMBERS.get(found) or int(found)
    return number, (match.groupdict().get("rest") or "").strip()
