"""What a submission answers to each section, as text: to compare answers, and to notice when one has changed."""

from __future__ import annotations

from grader.model.base import Artefact


class Answers(Artefact):
    """Read out of the memo; stored beside the scorecard so that a reviewer need not read the memo again."""

    texts: dict[str, str] = {}
    """By section id: what the student wrote there; the whole memo where sections can't be told apart."""
    hashes: dict[str, str] = {}
    """By criterion id: hash of that text, and of code and outputs where the criterion rests on them."""
