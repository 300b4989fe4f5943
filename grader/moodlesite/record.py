"""What was pulled, as a file beside it: which number is which user, which attempt was taken, which bytes lie where.

Holds no names and no token.
"""

from __future__ import annotations

from grader.model.base import Artefact, Frozen


class PulledFile(Frozen):
    """One file of the export."""

    entry: str
    """Its name in the zip."""
    path: str
    """Where it lies on the site, below the site's address; empty for a text that was typed in."""
    size: int
    modified: int
    sha1: str


class PulledSubmission(Frozen):
    """One attempt as it was handed in."""

    participant: str
    """Participant number, or `g<group id>`."""
    id: int
    userid: int
    """0 for a team."""
    groupid: int
    attempt: int
    modified: int
    files: tuple[PulledFile, ...] = ()
    sha256: str | None = None
    """Over the files, as `results.json` has it: what was graded is what was pulled."""

    @property
    def mark(self) -> tuple[int, int, int]:
        """As the site tells it of an attempt."""
        return self.id, self.attempt, self.modified


class PulledPerson(Frozen):
    """One participant."""

    number: str
    userid: int
    groupid: int = 0


class Pulled(Artefact):
    """moodle.json."""

    site: str
    cmid: int
    course: int
    assignment: int
    maximum: int
    teams: bool
    blind: bool
    pulled_at: str
    people: tuple[PulledPerson, ...]
    submissions: tuple[PulledSubmission, ...]
    made_up: tuple[str, ...] = ()
    """Numbers that the site did not give: above all that a site can have, so that a worksheet with them hits nobody."""

    def userids(self) -> dict[str, int]:
        """User id by participant number."""
        return {person.number: person.userid for person in self.people}

    def by_participant(self) -> dict[str, PulledSubmission]:
        """What was handed in, by participant or team."""
        return {one.participant: one for one in self.submissions}
