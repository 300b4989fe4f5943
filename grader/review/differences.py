"""What changed between two answers, word by word, as HTML that only marks what came and went. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from markupsafe import Markup

from grader.feedback.text import clip

LONGEST = 6_000
AROUND = 12
"""Unchanged words shown beside a change."""


def changed_words(old: str, new: str) -> Markup:
    """Empty where nothing but spacing differs."""
    before, after = (re.findall(r"\S+", clip(text, LONGEST)) for text in (old, new))
    return Markup("") if before == after else Markup(" ").join(_pieces(before, after))


def _pieces(before: list[str], after: list[str]) -> Iterator[Markup]:
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            yield Markup("{}").format(_shortened(before[a:b]))
            continue
        if b > a:
            yield Markup("<del>{}</del>").format(" ".join(before[a:b]))
        if d > c:
            yield Markup("<ins>{}</ins>").format(" ".join(after[c:d]))


def _shortened(words: list[str]) -> str:
    if len(words) <= 2 * AROUND + 4:
        return " ".join(words)
    return " ".join([*words[:AROUND], "…", *words[-AROUND:]])
