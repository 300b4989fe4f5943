"""Several attempts of one participant: which counts, and what changed since the one before."""

from __future__ import annotations

from typing import Literal

from grader.model.base import Frozen

AttemptPolicy = Literal["last", "first", "best"]


class CellChange(Frozen):
    """One cell that is not what it was."""

    kind: Literal["added", "removed", "changed"]
    cell: int
    """Its place in this attempt; of a removed cell, in the one before."""
    cell_type: str
    text: str
    """How it begins now; of a removed cell, how it began."""


class VerdictChange(Frozen):
    """A check that answers otherwise."""

    check: str
    before: str
    after: str


class PointsChange(Frozen):
    """A criterion with other points, as computed."""

    criterion: str
    before: str
    after: str


class AttemptChange(Frozen):
    """What changed since the attempt before, for a marker."""

    attempt: int
    before: int
    cells: tuple[CellChange, ...] = ()
    sections: tuple[str, ...] = ()
    """Sections of the memo with another text."""
    verdicts: tuple[VerdictChange, ...] = ()
    points: tuple[PointsChange, ...] = ()
    other_rubric: bool = False
    """The attempt before was computed with another rubric: verdicts and points changed for that, too."""
