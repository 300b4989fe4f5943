"""What goes back to Moodle: per participant a grade, a comment and a page.

Points here are the rubric's, not yet scaled or rounded.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from grader.model.base import Frozen, Points


class OwnGrade(Frozen):
    """What one member of a team gets where it is not the team's."""

    grade: Points | None
    comment_html: str


class GradebookRow(Frozen):
    """One participant or team."""

    participant_id: str
    """Moodle's participant number, `g<group id>` for a team, or a file stem."""
    name: str | None = None
    """Full name, for the archive's folder; null when the export is blind."""
    grade: Points | None = None
    """Points of the rubric; null for no grade (never 0 for nothing handed in)."""
    comment_html: str = ""
    """HTML for Moodle's comment field; empty for none."""
    page: bytes | None = Field(default=None, repr=False)
    """The feedback page, one self-contained HTML file; null for none."""
    feedback_name: str = "feedback.html"
    """File name under which the page is given back."""
    members: tuple[str, ...] = ()
    """For a team: the participant numbers that get its grade."""
    own: dict[str, OwnGrade] = Field(default={})
    """Members with a grade or comment of their own, by participant number."""


class Gradebook(Frozen):
    """All rows of one release."""

    maximum: Points = Decimal(100)
    """Points of the rubric in all; grades are scaled from this to the worksheet's `Maximum grade`."""
    rows: tuple[GradebookRow, ...] = ()
    numbered: bool = True
    """The ids are Moodle's; false for plain files, which no archive can bring back."""

    @property
    def teams(self) -> bool:
        """A team assignment: the archive then goes by group ids."""
        return self.numbered and any(row.participant_id.startswith("g") for row in self.rows)

    @model_validator(mode="after")
    def _each_person_once(self) -> Self:
        ids = [row.participant_id for row in self.rows]
        people = [person for row in self.rows for person in (row.members or (row.participant_id,))]
        if len(set(ids)) != len(ids) or len(set(people)) != len(people):
            raise ValueError("a participant occurs twice in the gradebook")
        if self.maximum <= 0:
            raise ValueError("the maximum must be above zero")
        return self
