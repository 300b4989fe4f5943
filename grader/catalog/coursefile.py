"""course.yaml: what all assignments of a course share. Every field may be left out, and so may the file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from grader.catalog.yamlfile import read_yaml, validated
from grader.model.assignment import zone_of
from grader.model.base import Artefact

COURSE_FILE = "course.yaml"


class CourseFile(Artefact):
    """The course's own settings."""

    title: str = ""
    """For the head of pages, where an assignment names no course."""
    timezone: str | None = None
    """The clock of all assignments that name none."""
    worksheet_timezone: str | None = None
    """The clock of whoever downloads the worksheets."""
    results: str = "results"
    """Where results folders lie, from the course folder."""
    ledgers: str | None = None
    """A folder on a local disk for the ledgers of all results folders; null: each in its own results folder."""
    earlier: tuple[str, ...] = Field(default=())
    """Results folders, or folders of them, of earlier terms: compared with for similar submissions."""

    @field_validator("timezone", "worksheet_timezone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None:
            zone_of(name)
        return name


def load_course_file(root: Path) -> CourseFile:
    """The file, or what holds without one."""
    path = root / COURSE_FILE
    if not path.is_file():
        return CourseFile()
    data, lines = read_yaml(path)
    return validated(CourseFile, data, path=path, lines=lines)
