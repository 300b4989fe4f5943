"""What the words around a line say about its numbers: earlier lines, the print statement, the cell's code, the headings.

Nearer beats farther; two models named at one distance leave the question open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from grader.observing.notebook import Cell
from grader.observing.recorded_labels import DECODER, ENCODER, NOTHING, Hints, merged, normal, read, read_code
from grader.observing.recorded_prints import Templates
from grader.observing.recorded_words import GENERIC

_HEADING = re.compile(r"^\s{0,3}(#{1,6})\s+(.{1,300})$|^\s{0,3}(?:\*\*|__)(.{1,200}?)(?:\*\*|__)\s*:?\s*$")
_DECORATED = re.compile(r"^\s*[=\-#*~_>━─═█■●▶]{2,}")
BOLD_LEVEL = 7
ANNOUNCEMENT = 80
TIER_LABEL = 40
"""A longer line than this does not announce what the lines below measure."""


@dataclass
class Headings:
    """The Markdown headings above a cell, outermost first."""

    _open: list[tuple[int, Hints]] = field(default_factory=list)

    def pass_by(self, cell: Cell) -> None:
        """Take a Markdown cell's headings in."""
        for line in cell.source.split("\n")[:400]:
            match = _HEADING.match(line)
            if match:
                level = len(match[1]) if match[1] else BOLD_LEVEL
                self._open = [item for item in self._open if item[0] < level]
                self._open.append((level, _place_only(read(match[2] or match[3]))))

    def hints(self) -> Hints:
        """What they say together, the innermost first."""
        found = NOTHING
        for _, hints in reversed(self._open):
            found = merged(found, hints)
        return found


def _place_only(hints: Hints) -> Hints:
    """Headings tell model, run and split; never what a number measures."""
    return Hints(model=hints.model, both=hints.both, order=hints.order, run=hints.run, split=hints.split)


@dataclass
class Scope:
    """Walks down one cell's output lines and knows what was said above each."""

    far: Hints
    """The code's and the headings' hints."""
    templates: Templates
    block: Hints = NOTHING
    tier: str | None = None
    """Label of the tier or class that the lines below are about."""
    apart: bool = False
    """The output tells its runs apart by itself: what names a model and no run is the plain one, whatever stands above."""
    _hanging: tuple[int, Hints, str | None] = (0, NOTHING, None)

    def enter(self, line: str, *, has_number: bool) -> Hints:
        """What holds for this line besides its own words; the line then holds for those below it."""
        indent = len(line) - len(line.lstrip())
        above = self._hanging[1] if indent > self._hanging[0] else NOTHING
        tier = self._hanging[2] if indent > self._hanging[0] else None
        holds = merged(above, self.block)
        own = read(line.strip())
        if _heads(line, own, has_number=has_number):
            self._head(line, own)
        elif has_number and indent <= self._hanging[0]:
            self._hanging = (indent, _place_only(own), subject_of(line, own))
        self.tier_above = tier
        return holds

    tier_above: str | None = None

    def subject(self) -> str | None:
        """The tier that the present line stands under, if any."""
        return self.tier_above or self.tier

    def _head(self, line: str, own: Hints) -> None:
        reset = bool(_DECORATED.match(line))
        announces = reset or (line.rstrip().endswith((":", "{")) and len(line) < ANNOUNCEMENT)
        own = own if announces else _place_only(own)
        self.block = own if reset else merged(own, _place_only(self.block))
        if own.tier:
            self.tier = label_text(line)
        elif reset or own.model or own.both:
            self.tier = None
        self._hanging = (10_000, NOTHING, None)

    def outside(self, hints: Hints) -> Hints:
        """Complete a line's hints with the code's and the headings'."""
        if self.apart and hints.model and hints.run is None:
            hints = replace(hints, run="plain")
        return merged(hints, self.far)


def _heads(line: str, own: Hints, *, has_number: bool) -> bool:
    text = line.strip()
    if not text or len(text) > 160 or not any(char.isalpha() for char in text):
        return False
    if has_number:
        return bool(_DECORATED.match(line)) or text.endswith((":", "{", ": {", "…", "..."))
    return own != NOTHING or bool(_DECORATED.match(line))


def label_text(line: str) -> str:
    """A line's words without decoration."""
    return line.strip(" \t=-#*~_>━─═█■●▶:{'\"").strip()[:120]


_BEFORE_NUMBER = re.compile(r"^\s*(?P<label>[^:=|]{1,80}?)\s*(?::|=|\||\s{2,}|\s-\s)")


def subject_of(line: str, own: Hints) -> str | None:
    """The tier or class that a line begins with (`Rare (<28): encoder 0.05`); labels that mean something else are none."""
    tier = _tier_before_model(line)
    if tier:
        return tier
    match = _BEFORE_NUMBER.match(line)
    label = label_text(match["label"]) if match else ""
    if len(label) < 2 or (not any(char.isalpha() for char in label) and not own.tier):
        return None
    said = read(label)
    if said.tier:
        return label
    return None if said != NOTHING or GENERIC.fullmatch(normal(label)) else label


def _tier_before_model(line: str) -> str | None:
    """`rare (4-27) encoder 0.01`: what stands before the first model's name is a tier."""
    low = line.lower()
    places = [match.start() for pattern in (ENCODER, DECODER) if (match := pattern.search(low))]
    label = label_text(line[: min(places)]) if places else ""
    said = read(label) if 2 <= len(label) <= TIER_LABEL else NOTHING
    return label if said.tier and said.metric in (None, "support") and said.run is None else None


def tells_runs_apart(labels: Iterable[str], *, summary: bool) -> bool:
    """Some labels name a model with its run, others a model alone; `summary`: only where both models are named."""
    said = [read(label) for label in islice(labels, 200)]
    models = {item.model for item in said if item.model} | {role for item in said for role in item.order}
    named = any(item.run in ("weighted", "plain") and (item.model or item.both) for item in said)
    silent = any(item.model and item.run is None for item in said)
    return named and silent and (len(models) > 1 or not summary)


def far_hints(cell: Cell, headings: Headings, live: Hints) -> Hints:
    """What code and headings say for a whole cell; `live` is what following its variables showed."""
    code = read_code(cell.source)
    if live.model or live.both:
        code = replace(code, run=None)
    return merged(merged(live, code), headings.hints())


def f1_average(cells: Sequence[Cell]) -> str | None:
    """How the notebook averages F1, where all its code agrees; so a bare "F1" can be told."""
    code = "\n".join(cell.source for cell in cells if cell.kind == "code")
    named = set(re.findall(r"average\s?[=:]\s?[\"'](macro|micro|weighted)[\"']", code))
    return named.pop() if len(named) == 1 else None
