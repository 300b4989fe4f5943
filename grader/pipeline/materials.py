"""The course's side of a run: assignment, rubric, checks and stage, loaded once and fingerprinted."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import grader.model
import grader.observing
from grader.catalog import Course
from grader.checking.engine import bind
from grader.checking.registry import Registry
from grader.checks import collect
from grader.execution.versions import library_versions, recorder_hash
from grader.model.assignment import Assignment, LatePolicy
from grader.model.base import sorted_sets
from grader.model.rubric import Rubric
from grader.workspace.folder import fingerprint

PARSERS = ("markdown-it-py", "beautifulsoup4", "lxml", "pydantic")
"""Libraries whose other version may read a text otherwise."""
WHEN: dict[str, Any] = {
    "due": None,
    "cutoff": None,
    "timezone": None,
    "worksheet_timezone": None,
    "extensions": (),
    "attempts": "last",
}
"""Dates may be moved, time granted and another attempt chosen while a class is graded: that is computed anew each time."""


@dataclass(frozen=True)
class Materials:
    """Everything of the course that grading depends on."""

    course: Course
    assignment: Assignment
    rubric: Rubric
    registry: Registry
    stage: Path | None

    @cached_property
    def rubric_sha256(self) -> str:
        """Changes when anything changes that a mark depends on, but no student's file."""
        aids = sorted_sets(self.assignment.memo_aids.model_dump())
        model = self.assignment.model_dump(mode="json", exclude={*WHEN, "memo_aids"})
        return fingerprint({"rubric": self.rubric.model_dump(mode="json"), "assignment": model, "aids": aids})

    @cached_property
    def readers_key(self) -> str:
        """Changes when the same evidence could be read otherwise."""
        facts = self.facts.model_dump(mode="json", exclude={"memo_aids"})
        aids = sorted_sets(self.assignment.memo_aids.model_dump())
        told = {"facts": facts, "aids": aids, "headings": self.headings.model_dump(mode="json")}
        return fingerprint({**told, "code": _readers_hash(), "python": list(sys.version_info[:3])})

    @cached_property
    def facts(self) -> Assignment:
        """The assignment as readers of evidence see it: without what only judging and scoring may depend on."""
        unseen = {"expected": {}, "late": LatePolicy(), **WHEN, "limits": {}, "scale": ""}
        return self.assignment.model_copy(update=unseen)

    @cached_property
    def headings(self) -> Rubric:
        """The rubric as the memo reader sees it: sections with their headings, no points, no checks."""
        none = Decimal(0)
        sections = tuple(item.model_copy(update={"criteria": (), "max": none}) for item in self.rubric.sections)
        unseen = {"sections": sections, "checks": (), "version": "", "max": none, "step": none}
        return self.rubric.model_copy(update=unseen)

    def environment(self) -> str:
        """Changes when another execution could show something else: stage, aliases, recorder, libraries."""
        return fingerprint(
            {
                "stage": _folder_hash(self.stage) if self.stage else "",
                "aliases": self.assignment.stage.model_dump(mode="json"),
                "recorder": recorder_hash(),
                "libraries": library_versions(),
            }
        )


def load_materials(course: Course, slug: str) -> Materials:
    """Read and bind everything; CourseError names what is wrong."""
    assignment = course.load(slug)
    rubric = course.rubric(assignment)
    own = course.checks(slug)
    registry = collect(*([own] if own else []))
    bind(rubric, registry, path=str(course.root / assignment.rubric))
    return Materials(course, assignment, rubric, registry, course.stage(slug))


def _folder_hash(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        total.update(path.relative_to(folder).as_posix().encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _readers_hash() -> str:
    folders = [Path(str(module.__file__)).parent for module in (grader.model, grader.observing)]
    files = sorted(path for folder in folders for path in folder.iterdir() if path.suffix in (".py", ".yaml"))
    versions = "".join(metadata.version(name) for name in PARSERS)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files) + versions.encode()).hexdigest()
