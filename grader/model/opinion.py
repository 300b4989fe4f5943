"""What a language model would give, where an instructor asked one. It widens a suggestion's range at most, and never decides."""

from __future__ import annotations

from grader.model.base import Artefact, Frozen, Points


class Opinion(Frozen):
    """On one criterion."""

    low: Points
    high: Points
    quotes: tuple[str, ...]
    """Each stands in the memo word for word; others were thrown away."""
    why: str = ""
    """The model's reason, cut; for staff."""


class Opinions(Artefact):
    """On one submission's memo."""

    model: str
    """Its name, as asked for."""
    memo_sha256: str
    """Of the text that was sent: another memo makes them void."""
    items: dict[str, Opinion] = {}
    """By criterion id."""
