"""What a check answered about one submission."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from grader.model.base import Artefact, Frozen
from grader.model.submission import Flag

Verdict = Literal["passed", "partial", "failed", "not_assessed", "crashed"]
Source = Literal["recorded", "dry_run", "artifact", "source"]
"""Where something was seen: saved outputs, our own run, saved weights, or the code as text."""


class Citation(Frozen):
    """Where to look: a cell of the notebook, one of its outputs, or a saved file."""

    where: Literal["notebook", "executed", "adapter", "memo"] = Field(alias="in")
    cell: int | None = None
    """Index over all cells of notebook.ipynb, from 0."""
    output: int | None = None
    """Index among the cell's outputs, from 0; null for the cell's source."""
    quote: str = ""
    """The line or number itself, cut to 300 characters; student content, to be escaped."""


class Finding(Frozen):
    """One check line's answer."""

    verdict: Verdict
    credit: float | None = None
    """1.0 passed, 0.5 partial, 0.0 failed; null when not known."""
    source: Source | None = None
    student_text: str = ""
    """What the student reads: kind, concrete, with the line to change. Plain text; `code` in backticks."""
    staff_text: str = ""
    """What was seen where, and how sure."""
    citations: tuple[Citation, ...] = ()
    caps: bool = True
    """Whether a `failed` verdict caps the criteria that the rubric names (false: the numbers were not harmed)."""
    flags: tuple[Flag, ...] = ()
    """Conflicts and oddities that a person should settle."""
    values: dict[str, str | int | float | bool | None] = {}
    """Figures behind the verdict, for tables and plots."""


class Findings(Artefact):
    """All check lines' answers on one submission."""

    evidence_sha256: str = ""
    """Hash of the evidence.json that they were made from."""
    rubric_sha256: str = ""
    findings: dict[str, Finding] = {}
    """By check line id (`decoder.padding_side`)."""
