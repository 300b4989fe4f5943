"""What was handed in, by whom. Filled by intake; says nothing about its quality."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from grader.model.base import Artefact, Frozen, Points


class Flag(Frozen):
    """Something odd that a person should know or settle; costs nobody a point."""

    kind: str
    """Short machine word, for filters: `two_notebooks`, `stage_gap`, `conflict` ..."""
    why: str
    """One sentence for staff, without the student's name."""
    blocking: bool = True
    """True: a person must look (`needs_review`). False: only for information."""


DRAFT = "Moodle says that this is a draft, not submitted for grading: decide whether it counts."


def file_stem(participant: str) -> str:
    """A participant id as a file name that is safe everywhere and unique: odd ids get a hash behind."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", participant) and not participant.endswith("."):
        return participant
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", participant).strip("-")[:40]
    return f"{stem or 'participant'}-{hashlib.sha256(participant.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


class Participant(Frozen):
    """One row of an assignment in Moodle, or a team, or the stem of a single file."""

    id: str
    """Moodle's participant number as text, `g<group id>` for a team, or a file stem."""
    name: str | None = None
    """Full name as exported; null when the export is blind."""
    email: str | None = None
    """E-mail address from the worksheet, if it has that column."""
    id_number: str | None = None
    """The institution's number from the worksheet, if it has that column."""
    group: str | None = None
    """Group name, in team assignments."""
    members: tuple[str, ...] = ()
    """For a team: the participant numbers of its members, as far as the worksheet tells them apart."""


class SubmittedFile(Frozen):
    """One file of a submission, as Moodle exported it (members of a submitted zip are listed too)."""

    path: str
    """Relative POSIX path below the submission's `original/` folder."""
    plugin: str = "file"
    """Moodle's submission plugin: `file` or `onlinetext`."""
    size: int
    """Bytes."""
    sha256: str
    """Of the content, hexadecimal."""


SubmissionStatus = Literal["submitted", "draft", "none", "unreadable"]


class Submission(Artefact):
    """Everything known about one participant's hand-in before it was looked into."""

    participant: Participant
    status: SubmissionStatus
    """`none`: nothing handed in. `unreadable`: files, but none that can be graded."""
    files: tuple[SubmittedFile, ...] = ()
    """In order of path."""
    sha256: str | None = None
    """Over the submitted files in order of name; null without files."""
    draft: bool = False
    """Moodle says that it was not submitted for grading."""
    late_seconds: int | None = None
    """Seconds after the due date; 0 on time; null where the worksheet's words can't be read or there is none."""
    extension: str | None = None
    """The worksheet's own words on a granted extension."""
    submitted_text: str | None = None
    """The worksheet's own words on when it was last changed."""
    due_text: str | None = None
    """The worksheet's own words on a due date of this person's own."""
    cutoff_text: str | None = None
    """The same for a cut-off date."""
    status_text: str | None = None
    """The worksheet's Status cell as it stands."""
    grade_locked: bool = False
    """The worksheet says `Grade can be changed: No`."""
    maximum_grade: Points | None = None
    """The worksheet's `Maximum grade`."""
    flags: tuple[Flag, ...] = ()
    """What was odd about identity, files or choice of notebook."""


class Batch(Artefact):
    """One export: all its submissions, and people in the worksheet without one."""

    name: str
    """File name of the export, for people."""
    style: Literal["folders", "flat", "single"]
    """How the export was laid out; `single` for plain notebooks or HTML files."""
    blind: bool = False
    teams: bool = False
    submissions: tuple[Submission, ...] = ()
    """In order of participant id (numeric where possible)."""
    notes: tuple[str, ...] = ()
    """What intake noticed about the export as a whole, for the instructor."""


class ChosenNotebook(Frozen):
    """The notebook that is graded, out of the files of a submission."""

    path: str | None
    """Which file it came from; null if none could be found."""
    origin: Literal["ipynb", "html", "none"]
    notebook: dict[str, object] | None = None
    """nbformat 4 JSON, normalised (ids, joined sources); never executed yet."""
    memo_path: str | None = None
    """A separate memo document, where one was handed in."""
    memo_text: str | None = None
    """Its text as Markdown."""
    flags: tuple[Flag, ...] = ()
