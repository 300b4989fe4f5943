"""Where the memo is and which part of it stands under which section's heading: by the heading's words, else by its number.

Headings may be renamed, reordered, merged or missing. Under the wrong heading nothing is lost: the scoring reads the whole memo.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache

from grader.model.memo import MemoAids
from grader.model.rubric import Rubric
from grader.observing.memo_text import Line, label_of
from grader.observing.memo_words import normal

MEMO_TITLE = re.compile(
    r"\b(?:m[eé]mo|memorandum|memorando|report|write-?up|homework questions?|bericht|informe|rapport|relat[oó]rio)\b|备忘录|报告"
)
_PROMPT = re.compile(
    r"(?:write|type|put|enter|insert|add|your|double-?click|replace|edit) .{0,40}\b(?:here|this (?:cell|text|line)|"
    r"to edit)\b|^\W*(?:todo|tbd|n/?a|xxx|\.\.\.|…|-)\W*$"
    r"|^\W*your (?:answer|text|memo|analysis|response)\W*$|^\W*(?:begin|end) solution\W*$|"
    r"^\W*[(\[]?\d{1,3} ?(?:points?|pts|punkte|puntos)[)\]]?\W*$"
    r"|^\W*(?:ihre?|deine?) antwort(?: hier)?\W*$|^\W*(?:tu )?respuesta(?: aquí)?\W*$|^\W*在此.{0,10}\W*$"
)
_IMPERATIVE = re.compile(
    r"^\W*(?:compare|describe|explain|discuss|analy[sz]e|report|use|write|state|identify|propose|translate|include|"
    r"what|why|how|where|which|would|does|did|"
    r"summari[sz]e|give|recommend|break|form|test|your)\b"
)
_POINTS = re.compile(r"\(?\d{1,3} ?(?:points?|pts|punkte|puntos|%|分)\)?")
_STRIP = re.compile(r"[^\w&+/'’\- ]+")
_PARTS = re.compile(r"\b(?:and|und|y|et)\b|[&+/,;]|与|和|及")
RUN_IN = 7
"""Headings from this level on are bold words or labels in running text."""
SIMILAR = 0.86
Names = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Placed:
    """A line with its cell and the section that it stands under."""

    line: Line
    cell: int | None
    section: str | None = None
    shared: tuple[str, ...] = ()
    """All sections that the heading above it names."""
    memo: bool = True
    opens: bool = False
    """Bold words that head no known section stood above it: something new begins."""


def key_of(text: str) -> str:
    """A line as it is compared with the starter's prompts."""
    return " ".join(_STRIP.sub(" ", normal(text)).split())


def is_prompt(line: Line, aids: MemoAids) -> bool:
    """The line is the starter's, or stands for an answer that was never written."""
    plain = normal(line.text)
    if _PROMPT.search(plain) and len(plain) < 120:
        return True
    if key_of(line.text) in aids.prompts:
        return True
    return line.emphasised and _IMPERATIVE.match(plain) is not None and len(plain) < 300


def heading_names(rubric: Rubric) -> Names:
    """Per section the words that head it, ready to be compared."""
    return tuple(
        (section.id, tuple(dict.fromkeys(key_of(name) for name in (section.title, *section.headings))))
        for section in rubric.sections
    )


@lru_cache(maxsize=4096)
def named_sections(heading: str, names: Names) -> tuple[str, ...]:
    """The sections that a heading's words name; several for a merged heading."""
    label = label_of(heading)
    words = key_of(_POINTS.sub(" ", label[1] if label and label[1] else heading))
    if not words or len(words.split()) > 14:
        return ()
    exact = [section for section, known in names if any(_same(words, name) for name in known)]
    if exact:
        return tuple(exact[:1])
    parts = tuple(piece.strip() for piece in _PARTS.split(words) if piece.strip())
    return tuple(section for section, known in names if any(_contains(words, parts, name) for name in known))


def _same(words: str, name: str) -> bool:
    """Equal but for a slip of the pen."""
    if words == name:
        return True
    if min(len(name), len(words)) < 8 or abs(len(name) - len(words)) > 4:
        return False
    return SequenceMatcher(None, words, name).ratio() >= SIMILAR


def _contains(words: str, parts: tuple[str, ...], name: str) -> bool:
    if not name.isascii() and name in words:
        return True
    return f" {name} " in f" {words} " or any(_same(piece, name) for piece in parts)


def place(lines: Iterable[tuple[Line, int | None]], rubric: Rubric, aids: MemoAids) -> list[Placed]:
    """Every line of the student's with the section that it stands under; prompts are gone."""
    placed = [Placed(line, cell) for line, cell in lines]
    names = heading_names(rubric)
    start = _start(placed, names)
    numbered = _numbers_count(placed[start:], names)
    ids = [section for section, _ in names]
    levels = _levels(placed[start:], names)
    current: tuple[str, ...] = ()
    level = 9
    run_in: Line | None = None
    result: list[Placed] = []
    for index, item in enumerate(placed):
        line = item.line
        if line.kind == "heading":
            found = tuple(section for section in named_sections(line.text, names) if levels[section] >= line.level)
            if not found and numbered and line.number and line.number <= len(ids) and index >= start:
                found = (ids[line.number - 1],)
            if found:
                current, level = found, line.level
            elif line.level <= min(level, 6):
                current, level = (), 9
            if found or is_prompt(line, aids) or key_of(line.text) in aids.prompts:
                result.append(replace(item, section=current[0] if current else None, shared=current))
                continue
        if is_prompt(line, aids):
            continue
        if line.kind == "heading" and line.level >= RUN_IN:
            run_in = line
            continue
        if run_in is not None:
            item = replace(item, line=_joined(run_in, line), opens=True)
            run_in = None
        result.append(replace(item, section=current[0] if current else None, shared=current, memo=index >= start))
    return _best_occurrences(result, bool(start))


def _levels(placed: list[Placed], names: Names) -> dict[str, int]:
    """Per section the highest level at which a heading names it: a bold `Cost.` inside a part opens no other part."""
    levels = {section: 99 for section, _ in names}
    for item in placed:
        if item.line.kind == "heading":
            for section in named_sections(item.line.text, names):
                levels[section] = min(levels[section], item.line.level)
    return levels


def _joined(run_in: Line, line: Line) -> Line:
    """`**Cost.** Ten runs.` is one sentence, where the bold words head no section."""
    return replace(line, text=f"{run_in.text.rstrip(' .:')}: {line.text}") if line.kind in ("prose", "item") else line


def _start(placed: list[Placed], names: Names) -> int:
    """Where the memo begins: at a heading that says so, if sections or text follow it."""
    titles = [
        index
        for index, item in enumerate(placed)
        if item.line.kind == "heading"
        and item.line.level <= 7
        and MEMO_TITLE.search(normal(item.line.text))
        and not named_sections(item.line.text, names)
    ]
    for index in reversed(titles):
        if sum(len(item.line.text.split()) for item in placed[index + 1 :] if item.line.kind != "heading") >= 15:
            return index
    return 0


def _numbers_count(placed: list[Placed], names: Names) -> bool:
    """Numbers alone are trusted only where three of them run through the memo and named headings don't contradict."""
    ids = [section for section, _ in names]
    seen: set[int] = set()
    for item in placed:
        number = item.line.number
        if item.line.kind != "heading" or not number or number > len(ids):
            continue
        named = named_sections(item.line.text, names)
        if named and ids[number - 1] not in named:
            return False
        seen.add(number)
    return len(seen) >= 3


def _best_occurrences(items: list[Placed], titled: bool) -> list[Placed]:
    """Without a memo heading: a section that is headed twice (lab and memo) is where the student wrote more."""
    if titled:
        return items
    runs: dict[str, dict[int, int]] = {}
    run = -1
    marks: list[int] = []
    for item in items:
        if item.line.kind == "heading" and item.section:
            run += 1
        marks.append(run)
        if item.section and item.line.kind != "heading":
            counts = runs.setdefault(item.section, {})
            counts[run] = counts.get(run, 0) + len(item.line.text.split())
    keep = {
        section: {number for number, words in counts.items() if words * 4 >= max(counts.values())}
        for section, counts in runs.items()
    }
    return [
        replace(item, section=None, shared=()) if item.section and mark not in keep.get(item.section, {mark}) else item
        for item, mark in zip(items, marks, strict=True)
    ]
