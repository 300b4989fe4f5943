"""Which classes a sentence names: from the course's list, from the outputs, or put in quotation marks."""

from __future__ import annotations

import re
from collections.abc import Iterable

from grader.model.observation import Number

MIN_CHARS = 8
"""Shorter names are everyday words (`Fees`) and count only in quotation marks."""
_QUOTED = re.compile(r"[\"“„«‘]([A-Z][^\"“”„«»‘’]{6,90})[\"”“»’]")
_TIER = re.compile(
    r"^\W*\d|[<>≤≥]|\d\s?[-–]\s?\d|\b(?:epoch|rare|common|medium|frequent|tier|tail|head|mid|low|q[1-9])\b|\(\d+\+?\)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w']+")


class ClassNames:
    """Finds names of classes in sentences."""

    def __init__(self, course: Iterable[str], numbers: Iterable[Number]) -> None:
        subjects = (item.subject for item in numbers if item.subject and not _TIER.search(item.subject))
        self._known: dict[tuple[str, ...], str] = {}
        for name in (*course, *subjects):
            words = tuple(_WORD.findall(name.lower()))
            if len(words) > 1 and len(name) >= MIN_CHARS:
                self._known.setdefault(words, name)
        self._lengths = sorted({len(words) for words in self._known}, reverse=True)

    def in_text(self, text: str) -> frozenset[str]:
        """The classes that a sentence names."""
        words = tuple(_WORD.findall(text.lower().replace("’", "'")))
        runs = {words[start : start + size] for size in self._lengths for start in range(len(words) - size + 1)}
        found = {self._known[run] for run in runs if run in self._known}
        quoted = {match.strip(" .,;:") for match in _QUOTED.findall(text) if len(match.split()) > 1}
        known = {tuple(_WORD.findall(name.lower())) for name in found}
        return frozenset(found | {name for name in quoted if tuple(_WORD.findall(name.lower())) not in known})
