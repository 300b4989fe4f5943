"""Reads a memo out of a submission: where it is, its parts, its sentences, its numbers traced to the outputs, its claims.

It gives no points and judges no style; what it can't understand (another language, a drawing) it says it did not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from grader.model.assignment import Assignment
from grader.model.evidence import Evidence
from grader.model.memo import Memo, MemoNumber, MemoRead, Passage
from grader.model.observation import Number, Observations
from grader.model.rubric import Rubric
from grader.observing.memo_claims import claims_of
from grader.observing.memo_classes import ClassNames
from grader.observing.memo_figures import decimal_comma, figures
from grader.observing.memo_layout import Placed, heading_names, named_sections, place
from grader.observing.memo_overlap import copied_words
from grader.observing.memo_parts import block_sections, parts_of, rehomed, speaks_of
from grader.observing.memo_refuted import refuted_claims
from grader.observing.memo_subjects import subject_of
from grader.observing.memo_tables import tables_of
from grader.observing.memo_text import Line, read_lines
from grader.observing.memo_trace import Tracer, memo_number
from grader.observing.memo_words import language_of, tags_of
from grader.observing.notebook import read_cells

MAX_CHARS = 400_000
MAX_PASSAGES = 1_500
MAX_NUMBERS = 3_000
MAX_IN_PASSAGE = 100
"""Numbers of one sentence or row that are followed; a sentence with more is no sentence."""
SENTENCE_CHARS = 1_500
FEWEST_PARTS = 3
"""So many headings that aren't known still part a memo; the parts' content says what they are."""
SENTENCE_WORDS = 4
"""Shorter lines may well stand twice."""
OPENING_WORDS = 4
"""A sentence of at most so many words may stand for a heading (`OK, the weighting.`)."""

_SENTENCE = re.compile(r"(?<=[.!?])[\"”“')\]]?\s+(?=[\"„“'(\[+]?[A-ZÄÖÜÀ-Þ¿¡0-9.])|(?<=[。！？])\s*")
_ASKED = re.compile(r"^\W*(?:q|a|question|answer|frage|antwort)\s?[:.]\s", re.IGNORECASE)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|approx|ca|bzw|z\.b|etc|et al|resp|no|nr|fig|sec|acc|ex|cf|d\.h|"
    r"p\.ej)\.)$",
    re.IGNORECASE,
)


def read_memo(evidence: Evidence, assignment: Assignment, rubric: Rubric, seen: Observations) -> Memo:
    """The memo of one submission; one with nothing in it if the student wrote none."""
    lines, truncated = _lines(evidence)
    placed = place(lines, rubric, assignment.memo_aids)
    tracer = Tracer.of(seen, assignment.memo_aids.figures)
    names = ClassNames(assignment.memo_aids.classes, tracer.numbers)
    passages = rehomed(tuple(_once(_passages(placed, assignment, rubric, tracer)))[:MAX_PASSAGES])
    passages = tuple(item.model_copy(update={"classes": names.in_text(item.text)}) for item in passages)
    written = " ".join(item.text for item in passages if item.kind != "heading" and item.memo)
    counts = [copied_words(item.text, assignment.memo_aids) for item in passages if item.memo]
    total = sum(words for _, words in counts)
    found = tuple(islice(_numbers(passages, tracer, comma=decimal_comma(written)), MAX_NUMBERS))
    return Memo(
        where="none" if not written else "document" if evidence.memo_text else "cells",
        language=language_of(written),
        parts=parts_of(placed, passages, rubric),
        passages=passages,
        numbers=found,
        claims=claims_of(passages),
        refuted=refuted_claims(passages, tables_of(tracer.numbers, passages, found)),
        copied=sum(taken for taken, _ in counts) / total if total else 0.0,
        outputs=sum(1 for item in seen.of(Number) if item.source == "recorded"),
        truncated=truncated or len(passages) == MAX_PASSAGES or len(found) == MAX_NUMBERS,
    )


def memo_observation(memo: Memo) -> MemoRead:
    """The memo as something that checks can look at."""
    return MemoRead(source="recorded", memo=memo)


def _lines(evidence: Evidence) -> tuple[list[tuple[Line, int | None]], bool]:
    """All lines of text: a separate document first, then the notebook's text cells. Blocks are numbered through."""
    texts: list[tuple[str, int | None]] = [(evidence.memo_text, None)] if evidence.memo_text else []
    texts.extend(
        (cell.source, cell.index)
        for cell in read_cells(evidence.notebook)
        if cell.kind != "code" and cell.source.strip()
    )
    left, offset = MAX_CHARS, 0
    lines: list[tuple[Line, int | None]] = []
    for text, cell in texts:
        found = read_lines(text[: max(0, left)])
        lines.extend((replace(line, block=line.block + offset), cell) for line in found)
        offset = max((line.block for line, _ in lines), default=0) + 1
        left -= len(text)
    return lines, left < 0


def _passages(placed: Iterable[Placed], assignment: Assignment, rubric: Rubric, tracer: Tracer) -> Iterator[Passage]:
    placed = list(placed)
    headed = any(item.section for item in placed)
    homes = _homes(placed, rubric, tracer, headed=headed)
    last: str | None = None
    for item in placed:
        line = item.line
        if line.kind == "heading":
            last = item.section if headed else next(iter(named_sections(line.text, heading_names(rubric))), last)
        for text in [line.text] if line.kind in ("heading", "row") else sentences(line.text):
            taken, words = copied_words(text, assignment.memo_aids)
            tags = tags_of(f"{text} {line.header}" if line.kind == "row" else text)
            if len(item.shared) > 1:
                last = speaks_of(tags, text, item.shared) or last
            elif headed:
                last = homes.get(line.block, item.section)
            else:
                last = homes.get(line.block) or _unheaded(text, tags, rubric) or last
            yield Passage(
                text=text,
                cell=item.cell,
                section=last,
                kind=line.kind,
                block=line.block,
                header=line.header,
                tags=tags,
                inside=tags_of(text) if line.kind == "row" else frozenset(),
                copied=taken / words if words else 0.0,
                memo=item.memo,
            )


def _once(passages: Iterable[Passage]) -> Iterator[Passage]:
    """Nothing is read twice: a sentence or row that stands in the memo again is left out."""
    seen: set[str] = set()
    for item in passages:
        if item.kind == "heading" or not item.memo or len(item.text.split()) < SENTENCE_WORDS:
            yield item
        elif item.text not in seen:
            seen.add(item.text)
            yield item


def _homes(placed: list[Placed], rubric: Rubric, tracer: Tracer, *, headed: bool) -> dict[int, str]:
    """Which section a paragraph is about that stands under no heading of a known section: by its opening words, else
    by what is said in it, or together below one heading that isn't known."""
    groups = _groups(placed)
    if headed:
        known = {item.section for item in placed if item.section}
        under = {block: group for block, group in groups.items() if group is not None}
        found = block_sections(_votes(placed, under, tracer))
        return {block: found[group] for block, group in under.items() if group in found and found[group] not in known}
    grouped = len(set(groups.values()) - {None}) >= FEWEST_PARTS  # one heading over everything is a title
    together = {block: group if grouped and group is not None else block for block, group in groups.items()}
    found = block_sections(_votes(placed, together, tracer))
    homes = {block: found[group] for block, group in together.items() if group in found}
    seen: set[int] = set()
    for item in placed:
        if item.line.kind == "heading" or item.line.block in seen:
            continue
        seen.add(item.line.block)
        first = sentences(item.line.text)
        if first and (named := _opening(first[0], rubric)) is not None:
            homes[item.line.block] = named
    return homes


def _groups(placed: list[Placed]) -> dict[int, int | None]:
    """Paragraph -> the heading below which it stands, as that heading's own number; null below none or a known one."""
    groups: dict[int, int | None] = {}
    heading: int | None = None
    for item in placed:
        if item.line.kind == "heading":
            heading = None if item.section else item.line.block
            continue
        heading = item.line.block if item.opens else heading
        if heading is not None or not item.section:
            groups.setdefault(item.line.block, heading)
    return groups


def _votes(
    placed: list[Placed], groups: dict[int, int], tracer: Tracer
) -> Iterator[tuple[int, str, frozenset[str], frozenset[str]]]:
    """What is said in each group of paragraphs, and which sections' figures stand there."""
    for item in placed:
        if item.line.kind != "heading" and item.memo and item.line.block in groups:
            for text in [item.line.text] if item.line.kind == "row" else sentences(item.line.text):
                tags = tags_of(f"{text} {item.line.header}" if item.line.kind == "row" else text)
                yield groups[item.line.block], text, tags, tracer.sections_of(figures(text))


def _opening(text: str, rubric: Rubric) -> str | None:
    """The section that a sentence opens: `Weighting.`, `Next: ...`."""
    text = _ASKED.sub("", text)
    opening = text.split(":")[0] if ":" in text[:30] else text
    if len(opening.split()) > OPENING_WORDS:
        return None
    named = named_sections(opening.strip(" .:!?"), heading_names(rubric))
    return named[0] if len(named) == 1 else None


def _unheaded(text: str, tags: frozenset[str], rubric: Rubric) -> str | None:
    """In a long paragraph on several sections: the one that a sentence opens or speaks of."""
    return _opening(text, rubric) or speaks_of(tags, text, tuple(section.id for section in rubric.sections))


def sentences(text: str) -> list[str]:
    """A paragraph's sentences; an abbreviation's full stop ends none."""
    pieces: list[str] = []
    for piece in _SENTENCE.split(text):
        if not piece.strip():
            continue
        if pieces and _ABBREVIATION.search(pieces[-1]):
            pieces[-1] += " " + piece.strip()
        else:
            pieces.append(piece.strip())
    return [piece[:SENTENCE_CHARS] for piece in pieces]


def _numbers(passages: tuple[Passage, ...], tracer: Tracer, *, comma: bool) -> Iterator[MemoNumber]:
    for index, passage in enumerate(passages):
        if passage.kind == "heading" or not passage.memo:
            continue
        named = tracer.named_in(passage.text)
        found: list[MemoNumber] = []
        for figure in figures(passage.text, comma=comma)[:MAX_IN_PASSAGE]:
            subject = subject_of(figure, passage)
            if passage.section == "next" or {"expectation", "hypothesis"} & passage.tags:
                subject = replace(subject, clear=False)
            found.append(memo_number(figure, subject, tracer.trace(figure, subject, named), index))
        yield from tracer.complete(found)
