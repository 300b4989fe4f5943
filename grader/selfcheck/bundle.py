"""What students get of an assignment: a course folder of their own that `grader check` works in, without anything hidden.

Everything in it is chosen; nothing is copied because it lies there. No solution, no expected range, no text for staff.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from grader.catalog import Course
from grader.catalog.authoring import build_starter
from grader.catalog.yamlfile import read_yaml
from grader.checks import collect
from grader.errors import CourseError
from grader.model.assignment import Assignment
from grader.model.rubric import CheckLine, Criterion, Rubric
from grader.selfcheck.explaining import documents
from grader.selfcheck.wheel import wheel, wheel_name
from grader.workspace.files import write_atomic

Files = dict[str, bytes]
ASSIGNMENT_FIELDS = (
    "title",
    "rubric",
    "due",
    "cutoff",
    "timezone",
    "late",
    "models",
    "stage",
    "classes",
    "hardware",
    "limits",
)
MODEL_FIELDS = ("checkpoint", "checkpoint_dtype", "head", "architectures")
REFERENCE_FIELDS = ("reference_lora", "reference_trainable")
"""The course's own configuration: only where a public check compares with it in words."""
STAGE_PARTS = ("data", "hub", "true_size.json")
MARKS = ("BEGIN SOLUTION", "BEGIN HIDDEN TESTS", "# SOLUTION")
DATE = (2020, 1, 1, 0, 0, 0)


def bundle_path(course: Course, slug: str) -> Path:
    """Where `assignment build` writes it unless told otherwise."""
    return course.root / "build" / f"{slug}-student.zip"


def write_bundle(course: Course, slug: str, target: Path) -> Path:
    """The bundle as a zip; the same course always gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(student_files(course, slug).items()):
            info = zipfile.ZipInfo(f"{slug}/{name}", DATE)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    write_atomic(target, buffer.getvalue(), mode=0o644)
    return target


def student_files(course: Course, slug: str) -> Files:
    """Path -> content of everything in the bundle."""
    assignment, folder = course.load(slug), course.folder(slug)
    rubric = course.rubric(assignment)
    home = f"assignments/{slug}"
    made: Files = {
        "README.md": _guide(assignment, rubric).encode(),
        "starter.ipynb": _starter(folder / "source.ipynb"),
        wheel_name(): wheel(),
        "preflight.py": files("grader.selfcheck").joinpath("preflight.py").read_bytes(),
        f"{home}/assignment.yaml": _assignment(folder / "assignment.yaml", assignment, rubric),
        f"{home}/memo_aids.json": _memo_aids(assignment),
        assignment.rubric: _rubric(rubric, _own_names(course, slug)),
    }
    made |= {f"{home}/stage/{name}": data for name, data in _stage(course.stage(slug))}
    made |= {f"{home}/checks/{name}": data for name, data in _own_checks(course, slug, rubric)}
    own = course.checks(slug)
    named = {line.check for line in rubric.checks}
    pages = documents(collect(*([own] if own else [])))
    made |= {f"docs/checks/{name}": text.encode() for name, text in pages.items() if name.removesuffix(".md") in named}
    return made


def _starter(path: Path) -> bytes:
    try:
        made = build_starter(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise CourseError(
            f"can't be read: {error}", where=str(path), todo="restore it or save it with Jupyter"
        ) from error
    text = json.dumps(made, ensure_ascii=False, indent=1) + "\n"
    left = next((mark for mark in MARKS if mark in text), None)
    if left is not None:
        raise CourseError(
            f"its starter would still hold {left!r}: the solution would be given away",
            where=str(path),
            todo="put each mark on a line of its own in the source, and build again",
        )
    return text.encode()


def _assignment(path: Path, assignment: Assignment, rubric: Rubric) -> bytes:
    """What students may know; what the course or another assignment adds to it is written out, their files stay here."""
    data, _ = read_yaml(path)
    data["timezone"] = assignment.timezone
    data["stage"] = assignment.stage.model_dump(mode="json", exclude={"of"})
    compared = {line.model for line in rubric.checks if line.public and line.check == "trainable_params"}
    kept = {key: data[key] for key in ASSIGNMENT_FIELDS if key in data}
    kept["models"] = {
        role: {
            key: value
            for key, value in facts.items()
            if key in MODEL_FIELDS or (key in REFERENCE_FIELDS and role in compared)
        }
        for role, facts in (data.get("models") or {}).items()
    }
    return _yaml(kept)


def _memo_aids(assignment: Assignment) -> bytes:
    """Which text is the starter's, and the names of the classes; nothing of the lecture."""
    aids = assignment.memo_aids
    return json.dumps({"prompts": sorted(aids.prompts), "classes": list(aids.classes)}, ensure_ascii=False).encode()


def _rubric(rubric: Rubric, own: frozenset[str]) -> bytes:
    """What is asked and what it is worth. Lines that students can't run stay as titles, so that they know of them."""
    lines = [line for line in rubric.checks if line.public or line.check not in own]
    public = {line.id for line in lines if line.public}
    sections = [
        {
            **section.model_dump(mode="json", exclude={"criteria"}),
            "criteria": [_criterion(item, public) for item in section.criteria],
        }
        for section in rubric.sections
    ]
    whole = rubric.model_dump(mode="json", exclude={"sections", "checks", "schema_version"})
    return _yaml(
        {**whole, "sections": sections, "checks": [_line(line, {line.id for line in lines}) for line in lines]}
    )


def _criterion(item: Criterion, public: set[str]) -> dict[str, Any]:
    decided = item.kind == "auto" and item.check in public
    texts = item.texts.model_dump(include={"asked", "met", "half", "missed"} if decided else {"asked"})
    return {
        "id": item.id,
        "title": item.title,
        "max": str(item.max),
        "kind": "auto" if decided else "manual",
        **({"check": item.check} if decided else {}),
        "requires": [cap.model_dump(mode="json") for cap in item.requires if cap.check in public],
        "texts": {"met": "", "half": "", "missed": "", **texts, "staff": ""},
    }


def _line(line: CheckLine, kept_ids: set[str]) -> dict[str, Any]:
    shown = {"id", "check", "model", "section", "title", "public"}
    shown |= {"why", "todo"} if line.public else set()
    shown |= {"parent"} if line.parent in kept_ids else set()
    kept = {key: value for key, value in line.model_dump(mode="json", include=shown).items() if value is not None}
    return {**kept, **line.options} if line.public else kept


def _own_names(course: Course, slug: str) -> frozenset[str]:
    folder = course.checks(slug)
    return frozenset(path.stem for path in folder.glob("*.py")) if folder else frozenset()


def _own_checks(course: Course, slug: str, rubric: Rubric) -> Iterator[tuple[str, bytes]]:
    """The assignment's own checks that students may run, with the helpers beside them."""
    folder = course.checks(slug)
    public = {line.check for line in rubric.checks if line.public}
    wanted = sorted(folder.glob("*.py")) if folder and public & _own_names(course, slug) else []
    for path in wanted:
        if path.stem in public or path.stem.startswith("_"):
            yield path.name, path.read_bytes()


def _stage(folder: Path | None) -> Iterator[tuple[str, bytes]]:
    if folder is None:
        return
    for part in STAGE_PARTS:
        place = folder / part
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                yield path.relative_to(folder).as_posix(), path.read_bytes()


def _yaml(value: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(dict(value), allow_unicode=True, sort_keys=False, width=120).encode()


def _guide(assignment: Assignment, rubric: Rubric) -> str:
    text = files("grader.selfcheck").joinpath("guide.yaml").read_text("utf-8")
    due = f"Due {assignment.due:%A, %d %B %Y, %H:%M %Z}." if assignment.due else ""
    parts = "\n".join(f"- {section.title} ({section.max} points)" for section in rubric.sections)
    fields = {"TITLE": assignment.title, "DUE": due, "PARTS": parts, "WHEEL": wheel_name()}
    guide = str(yaml.safe_load(text)["guide"])
    for name, value in fields.items():
        guide = guide.replace(f"%{name}%", value)
    return re.sub(r"\n{3,}", "\n\n", guide)
