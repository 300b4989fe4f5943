"""A rubric from disk, validated whole: totals add up, ids are unique, caps and parents point to something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from grader.catalog.yamlfile import line_of, read_yaml, validated
from grader.errors import CourseError
from grader.model.rubric import CheckLine, Rubric

LINE_FIELDS = set(CheckLine.model_fields) - {"options"}


def load_rubric(path: Path) -> Rubric:
    """Raises CourseError with file and line for whatever is wrong."""
    data, lines = read_yaml(path)
    rows = data.get("checks")
    if isinstance(rows, list):
        data = {**data, "checks": [_with_options(row) for row in rows]}
    rubric = validated(Rubric, data, path=path, lines=lines)
    mistakes = list(_mistakes(rubric))
    if mistakes:
        place, _ = mistakes[0]
        raise CourseError(
            "; ".join(f"line {line_of(where, lines)}: {what}" for where, what in mistakes),
            where=f"{path}:{line_of(place, lines)}",
            todo="correct what is named; docs/authoring.md describes every field",
        )
    return rubric


def _with_options(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    options = {**(row.get("options") or {}), **{key: row[key] for key in row if key not in LINE_FIELDS | {"options"}}}
    return {**{key: row[key] for key in row if key in LINE_FIELDS}, "options": options}


def _mistakes(rubric: Rubric) -> Iterator[tuple[tuple[Any, ...], str]]:
    yield from _totals(rubric)
    lines = {line.id for line in rubric.checks}
    yield from _duplicates("checks", (line.id for line in rubric.checks))
    yield from _duplicates("sections", (section.id for section in rubric.sections))
    yield from _duplicates("sections", (item.id for section in rubric.sections for item in section.criteria))
    sections = {section.id for section in rubric.sections}
    for index, line in enumerate(rubric.checks):
        if line.section is not None and line.section not in sections:
            yield ("checks", index, "section"), f"{line.id}: there is no section {line.section!r}"
    for number, section in enumerate(rubric.sections):
        for index, criterion in enumerate(section.criteria):
            place = ("sections", number, "criteria", index)
            for cap in criterion.requires:
                if cap.check not in lines:
                    yield (*place, "requires"), f"criterion {criterion.id}: there is no check line {cap.check!r}"
                if not 0 <= cap.at <= 1:
                    yield (*place, "requires"), f"criterion {criterion.id}: a cap is a share from 0 to 1, not {cap.at}"
            if criterion.check is not None and criterion.check not in lines:
                yield (*place, "check"), f"criterion {criterion.id}: there is no check line {criterion.check!r}"
            if criterion.kind == "auto" and criterion.check is None:
                yield place, f"criterion {criterion.id}: kind auto needs a check line in `check`"


def _totals(rubric: Rubric) -> Iterator[tuple[tuple[Any, ...], str]]:
    for number, section in enumerate(rubric.sections):
        total = sum((item.max for item in section.criteria), start=section.max * 0)
        if total != section.max:
            yield (
                ("sections", number, "max"),
                f"section {section.id}: its criteria add up to {total}, not {section.max}",
            )
    total = sum((section.max for section in rubric.sections), start=rubric.max * 0)
    if total != rubric.max:
        yield ("max",), f"the sections add up to {total}, not {rubric.max}"


def _duplicates(place: str, ids: Iterable[str]) -> Iterator[tuple[tuple[Any, ...], str]]:
    seen: set[str] = set()
    for item in ids:
        if item in seen:
            yield (place,), f"the id {item!r} stands twice"
        seen.add(item)
