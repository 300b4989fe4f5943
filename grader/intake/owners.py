"""The people of an export before their files are read. Nouns only."""

from __future__ import annotations

from grader.model.base import Frozen, Points
from grader.model.submission import Flag, Participant, SubmissionStatus


class Owner(Frozen):
    """One participant or team, with what the worksheet says."""

    number: str
    """Under which its files stand in the export: participant number, group id, or file stem."""
    participant: Participant
    status: SubmissionStatus
    draft: bool = False
    late_seconds: int | None = None
    extension: str | None = None
    submitted_text: str | None = None
    due_text: str | None = None
    cutoff_text: str | None = None
    status_text: str | None = None
    grade_locked: bool = False
    maximum_grade: Points | None = None
    flags: tuple[Flag, ...] = ()


class Roster(Frozen):
    """All owners, in order of number."""

    owners: tuple[Owner, ...]
    blind: bool = False
    teams: bool = False
    notes: tuple[str, ...] = ()
