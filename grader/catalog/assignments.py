"""Assignments from disk: assignment.yaml with the tables that it points to, and which assignments a course has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet

from grader.catalog.coursefile import CourseFile, load_course_file
from grader.catalog.people import extended, load_extensions, load_people
from grader.catalog.rubrics import load_rubric
from grader.catalog.yamlfile import Where, line_of, read_yaml, validated
from grader.errors import CourseError, WorkspaceError
from grader.model.assignment import Assignment, ExpectedRanges, StageAliases
from grader.model.base import SCHEMA
from grader.model.memo import MemoAids
from grader.model.people import People
from grader.model.rubric import Rubric

MARKER = "assignment.yaml"


class Course:
    """A course root: the folder that holds `assignments/` and `rubrics/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def slugs(self) -> list[str]:
        """Names of the assignments, sorted."""
        folder = self.root / "assignments"
        return sorted(path.parent.name for path in folder.glob(f"*/{MARKER}"))

    def folder(self, slug: str) -> Path:
        """Where an assignment's files lie; CourseError that lists what there is if it doesn't exist."""
        path = self.root / "assignments" / slug
        if not (path / MARKER).is_file():
            known = ", ".join(self.slugs()) or "none"
            raise CourseError(
                f"there is no assignment {slug!r}",
                where=str(self.root / "assignments"),
                todo=f"assignments here: {known}; `grader assignment new {slug}` makes one",
            )
        return path

    def choose(self, wanted: str | None, hint: str | None = None) -> str:
        """The assignment to use: the option, else a notebook's own word, else the only one, else an error."""
        known = self.slugs()
        if wanted is not None:
            self.folder(wanted)
            return wanted
        if hint in known:
            return str(hint)
        if len(known) == 1:
            return known[0]
        raise CourseError(
            "several assignments: say which" if known else "there are no assignments",
            where=str(self.root / "assignments"),
            todo=f"add --assignment with one of: {', '.join(known)}"
            if known
            else "`grader assignment new NAME` makes one",
        )

    def load(self, slug: str) -> Assignment:
        """The assignment, validated, with models, class counts and expected ranges."""
        return load_assignment(self.folder(slug), self.root)

    def rubric(self, assignment: Assignment) -> Rubric:
        """The rubric that the assignment names."""
        return load_rubric(self.root / assignment.rubric)

    def stage(self, slug: str) -> Path | None:
        """The stage folder, its own or the one that it shares; null if the assignment has none."""
        path = stage_folder(self.folder(self.load(slug).stage.of or slug))
        return path if path.is_dir() else None

    def file(self) -> CourseFile:
        """What all assignments share."""
        return load_course_file(self.root)

    def people(self) -> People:
        """The roster."""
        return load_people(self.root)

    def checks(self, slug: str) -> Path | None:
        """The folder of the assignment's own checks, if it has one."""
        path = self.folder(slug) / "checks"
        return path if path.is_dir() else None


def find_course(start: Path, *, option: Path | None = None, environment: str | None = None) -> Course:
    """`--course`, else GRADER_COURSE, else the nearest folder upwards with `assignments/`."""
    named = option or (Path(environment) if environment else None)
    if named is not None:
        if not (named / "assignments").is_dir():
            raise CourseError(
                "is no course folder: it has no assignments/",
                where=str(named),
                todo="name the folder above assignments/",
            )
        return Course(named.resolve())
    for folder in (start.resolve(), *start.resolve().parents):
        if any((folder / "assignments").glob(f"*/{MARKER}")):
            return Course(folder)
    raise CourseError(
        "no course here: no folder upwards has assignments/",
        where=str(start),
        todo="go to the course folder, or name it with --course or GRADER_COURSE",
    )


def load_assignment(folder: Path, root: Path) -> Assignment:
    """Read assignment.yaml and everything that it points to."""
    path = folder / MARKER
    data, lines = read_yaml(path)
    people = load_people(root)
    assignment = validated(Assignment, _with_shared(data, folder, root, people), path=path, lines=lines)
    if assignment.slug != folder.name:
        raise CourseError(
            f"slug is {assignment.slug!r}, but the folder is {folder.name!r}",
            where=f"{path}:{line_of(('slug',), lines)}",
            todo="leave slug out, or rename the folder",
        )
    _newer(assignment.schema_version, path)
    stage, aliases = _stage(assignment, folder, f"{path}:{line_of(('stage', 'of'), lines)}")
    return assignment.model_copy(
        update={
            "stage": aliases,
            "extensions": tuple(extended(one, people) for one in assignment.extensions),
            "models": _with_true_sizes(assignment, stage, path, lines),
            "class_counts": assignment.class_counts or _class_counts(stage, assignment.classes),
            "memo_aids": _memo_aids(folder / "memo_aids.json", assignment.memo_aids),
            "expected": {**_expected(root / "reference" / "expected"), **_expected(folder / "expected")},
        }
    )


def _with_shared(data: dict[str, Any], folder: Path, root: Path, people: People) -> dict[str, Any]:
    """The assignment's own words, over what the course says for all of them."""
    course = load_course_file(root)
    shared = {"course": course.title, "timezone": course.timezone, "worksheet_timezone": course.worksheet_timezone}
    own = [*(data.get("extensions") or ()), *load_extensions(root, folder.name, people)]
    return {"slug": folder.name, **{key: value for key, value in shared.items() if value}, **data, "extensions": own}


def stage_folder(folder: Path) -> Path:
    """Where an assignment's own stage lies."""
    return folder / "stage"


def _stage(assignment: Assignment, folder: Path, where: str) -> tuple[Path, StageAliases]:
    """The stage's folder and all names for what it holds; another assignment's where this one shares it."""
    other = assignment.stage.of
    if other is None:
        return stage_folder(folder), assignment.stage
    path = folder.parent / other / MARKER
    if not path.is_file() or other == folder.name:
        raise CourseError(f"there is no other assignment {other!r}", where=where, todo="name one that has a stage")
    data, lines = read_yaml(path)
    theirs = validated(StageAliases, data.get("stage") or {}, path=path, lines=lines)
    if theirs.of is not None:
        raise CourseError(
            f"{other!r} has no stage of its own, it shares {theirs.of!r}'s",
            where=where,
            todo=f"write `of: {theirs.of}`",
        )
    mine = assignment.stage
    both = StageAliases(
        of=other,
        hub_aliases={**theirs.hub_aliases, **mine.hub_aliases},
        dataset_aliases=tuple(dict.fromkeys([*theirs.dataset_aliases, *mine.dataset_aliases])),
        path_aliases=tuple(dict.fromkeys([*theirs.path_aliases, *mine.path_aliases])),
    )
    return stage_folder(path.parent), both


def _newer(version: int, path: Path) -> None:
    if version > SCHEMA:
        raise WorkspaceError("was written for a newer version of grader", where=str(path), todo="update grader")


def _with_true_sizes(assignment: Assignment, stage: Path, path: Path, lines: Where) -> dict[Any, Any]:
    table = stage / "true_size.json"
    sizes = _json(table).get("models", {}) if table.is_file() else {}
    found = {}
    for role, facts in assignment.models.items():
        known = sizes.get(facts.checkpoint)
        if known is None and not facts.parameters:
            raise CourseError(
                f"the true sizes of {facts.checkpoint} are not known",
                where=f"{path}:{line_of(('models', role), lines)}",
                todo=f"add them to {table} with `python -m reference stage`",
            )
        if known is None:
            found[role] = facts
            continue
        extra = {
            "parameters": {name: tuple(shape) for name, shape in known["parameters"].items()},
            "linear": tuple(name for name, module in known["modules"].items() if module["kind"] == "Linear"),
        }
        found[role] = facts.model_copy(update=extra)
    return found


def _memo_aids(path: Path, given: MemoAids) -> MemoAids:
    return MemoAids.model_validate(_json(path)) if path.is_file() else given


def _class_counts(stage: Path, classes: int | None) -> tuple[int, ...]:
    path = stage / "data" / "train.parquet"
    if classes is None or not path.is_file():
        return ()
    file = pyarrow.parquet.ParquetFile(path)  # `read_table` would import pandas for the same answer
    labels = file.read(columns=["label"]).column("label").to_pylist()
    file.close()
    counts = [0] * classes
    for label in labels:
        if not isinstance(label, int) or not 0 <= label < classes:
            raise CourseError(
                f"has the label {label!r}; labels go from 0 to {classes - 1}", where=str(path), todo="rebuild the stage"
            )
        counts[label] += 1
    return tuple(counts)


def _expected(folder: Path) -> dict[str, ExpectedRanges]:
    found = {}
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        data = _json(path)
        if not {"scale", "metrics"} <= data.keys():
            continue
        _newer(int(data.get("schema", SCHEMA)), path)
        metrics = {
            model: {name: value for name, value in (ranges or {}).items() if isinstance(value, dict)}
            for model, ranges in data["metrics"].items()
        }
        provenance = data.get("provenance", "")
        found[str(data["scale"])] = ExpectedRanges(
            scale=str(data["scale"]),
            provenance=provenance if isinstance(provenance, str) else json.dumps(provenance, ensure_ascii=False),
            metrics=metrics,
            latency=data.get("latency") or {},
        )
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CourseError(f"can't be read: {error}", where=str(path), todo="rebuild or restore it") from error
    if not isinstance(data, dict):
        raise CourseError("must hold one JSON object", where=str(path), todo="rebuild or restore it")
    return data
