"""What can go wrong on our side, and how a command ends.

    GraderError                    exit 3 unless a subclass says otherwise
    +-- InputError                 exit 2: what the user gave is wrong
    |   +-- CourseError            a file of the course (assignment, rubric, stage, reference range)
    |   +-- ExportError            the Moodle export or worksheet as a whole
    |   +-- WorkspaceError         a results folder that can't be used as asked
    +-- MachineError               exit 3: this machine can't do it
        +-- SandboxError           no box for foreign code
        +-- StorageError           disk full, read-only, damaged artefact
        +-- MoodleSiteError        the Moodle site refuses, or answers what can't be used
            +-- ConnectionLostError  no answer: whether it did what was asked is not known

Trouble with one submission is never an exception here: it is data (a status, a flag, a verdict).
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_NEEDS_PERSON = 1
EXIT_INPUT = 2
EXIT_MACHINE = 3


class GraderError(Exception):
    """Something went wrong that a person must mend. `what` happened, `where`, and what `todo` about it."""

    exit_code = EXIT_MACHINE

    def __init__(self, what: str, *, where: str | None = None, todo: str | None = None) -> None:
        """Keep the three parts apart so that every command prints them alike."""
        self.what = what
        self.where = where
        self.todo = todo
        super().__init__(self.text())

    def text(self) -> str:
        """One to three lines for a terminal."""
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.todo:
            lines.append(f"  -> {self.todo}")
        return "\n".join(lines)


class InputError(GraderError):
    """What the user gave can't be used."""

    exit_code = EXIT_INPUT


class CourseError(InputError):
    """A file of the course is missing or wrong; `where` names file and, where known, line."""


class ExportError(InputError):
    """The export or the worksheet as a whole can't be read."""


class WorkspaceError(InputError):
    """The results folder can't be used in the way asked for."""


class MachineError(GraderError):
    """This machine can't do what was asked."""


class SandboxError(MachineError):
    """There is no box to run foreign code in."""


class StorageError(MachineError):
    """Reading or writing failed: disk full, read-only, or an artefact that was damaged."""


class MoodleSiteError(MachineError):
    """The Moodle site refuses, or answers something that can't be used; `code` is Moodle's own word for it."""

    def __init__(self, what: str, *, where: str | None = None, todo: str | None = None, code: str = "") -> None:
        """`code` as in `invalidtoken`; empty where the trouble is not Moodle's own."""
        super().__init__(what, where=where, todo=todo)
        self.code = code


class ConnectionLostError(MoodleSiteError):
    """No answer came: whether the site did what was asked is not known until it is read back."""
