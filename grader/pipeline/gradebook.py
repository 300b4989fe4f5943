"""All grades of a term in one table, grades from elsewhere beside them, and the same without anybody's name for research."""

from __future__ import annotations

import csv
import io
import random
import secrets
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from grader.catalog import Course
from grader.catalog.people import load_people, table_bytes
from grader.errors import CourseError, InputError
from grader.model.base import format_points
from grader.model.people import Person
from grader.model.submission import Participant
from grader.pipeline.course import PersonRow, course_status, results_folders
from grader.pipeline.forgetting import GRADES
from grader.workspace import Workspace
from grader.workspace.files import write_atomic

FEWEST = 10
"""Fewer people could be told apart by their results."""
GIVEN = ("reviewed", "released", "changed since")
"""States whose total is more than a suggestion."""


def gradebook_csv(course: Course, named: Sequence[Path] = (), *, everything: bool = False) -> bytes:
    """One row per student: who, then the total of each assignment and of what was imported; empty: none, never 0.

    Only what a person has settled counts, unless `everything`.
    """
    status = course_status(course, named)
    past = _past(course)
    people = {person.key: person for person in course.people().people}
    header = ["Full name", "Email address", "ID number", *status.assignments, *past]
    rows = []
    for row in status.rows:
        person = people.get(row.key)
        totals = [_total(row, slug, everything=everything) for slug in status.assignments]
        earlier = ["" if person is None else _of(person, table) for table in past.values()]
        who = (
            [row.name, person.email, person.id_number] if person else [row.name, row.key if "@" in row.key else "", ""]
        )
        rows.append([*who, *totals, *earlier])
    return table_bytes(header, rows)


def _total(row: PersonRow, slug: str, *, everything: bool) -> str:
    place = row.places.get(slug)
    if place is None or place.total is None or not (everything or place.state in GIVEN):
        return ""
    return place.total


def import_grades(course: Course, file: Path, name: str) -> tuple[int, list[str]]:
    """Keep grades from elsewhere as `name`; returns how many, and who is not in the roster.

    The file has a column of people (`who`, `email`, `id_number` or `name`) and a column `grade`.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"{name!r} can't be a name", todo="use letters, digits, - and _")
    if name in course.slugs():
        raise InputError(f"{name} is an assignment of this course", todo="choose another name with --as")
    people = load_people(course.root)
    rows, strangers = [], []
    for line, cells in _rows(file):
        who = next((cells[key] for key in ("id_number", "email", "who", "name", "full name") if cells.get(key)), "")
        grade = cells.get("grade", "").strip()
        try:
            shown = format_points(_number(grade)) if grade not in ("", "-") else ""
        except ValueError:
            todo = "write grades as plain numbers, and nothing for no grade"
            raise CourseError(f"{grade!r} is no grade", where=f"{file}:{line}", todo=todo) from None
        person = people.find(who)
        if person is None:
            strangers.append(who)
        elif shown:
            rows.append([person.key, shown])
    write_atomic(course.root / GRADES / f"{name}.csv", table_bytes(("who", "grade"), rows))
    return len(rows), strangers


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise ValueError(text) from None
    if not value.is_finite() or value < 0:
        raise ValueError(text)
    return value


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"can't be read: {error}", where=str(file), todo="save it as CSV, UTF-8") from error
    first = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max((",", ";", "\t"), key=first.count))
    reader.fieldnames = [(name or "").strip().casefold() for name in reader.fieldnames or ()]
    if "grade" not in reader.fieldnames:
        raise CourseError("has no column `grade`", where=str(file), todo="columns: id_number, email or name; and grade")
    for row in reader:
        yield reader.line_num, {key: (value or "").strip() for key, value in row.items() if key}


def _past(course: Course) -> dict[str, dict[str, str]]:
    """Imported grades by name: person's key -> grade."""
    found = {}
    for path in sorted((course.root / GRADES).glob("*.csv")):
        found[path.stem] = {cells["who"]: cells["grade"] for _, cells in _rows(path)}
    return found


def _of(person: Person, table: Mapping[str, str]) -> str:
    return next((table[mark] for mark in (person.key, person.email, person.id_number) if mark in table), "")


def anonymous_csv(course: Course, named: Sequence[Path] = ()) -> bytes:
    """Results without anybody's name, number, text, file or hour: one row per person and assignment.

    Pseudonyms are drawn anew each time and kept nowhere; rows are shuffled. Refused for fewer than ten people.
    """
    people, rows = course.people(), list[tuple[str, dict[str, Any]]]()
    for root in results_folders(course, named):
        workspace = Workspace(root)
        slug = str((workspace.run_info() or {}).get("assignment", ""))
        for result in workspace.read_json(root / "results.json") or []:
            who = result["participant"]
            participant = Participant(id=who["id"], name=who["name"], email=who["email"])
            person = people.match(participant)
            key = person.key if person else who["email"] or f"{slug}:{who['id']}"
            rows.append((key, _bare(slug, result)))
    if len({key for key, _ in rows}) < FEWEST:
        raise InputError(
            f"fewer than {FEWEST} people: somebody could be told by their results", todo="export larger classes only"
        )
    drawn = random.SystemRandom()
    pseudonyms = {key: secrets.token_hex(4) for key in {key for key, _ in rows}}
    drawn.shuffle(rows)
    columns = ["person", *dict.fromkeys(name for _, row in rows for name in row)]
    made = [{"person": pseudonyms[key], **row} for key, row in rows]
    return table_bytes(columns, ([str(row.get(name, "")) for name in columns] for row in made))


def _bare(slug: str, result: Mapping[str, Any]) -> dict[str, Any]:
    late = result["submission"]["late_seconds"]
    row: dict[str, Any] = {
        "assignment": slug,
        "status": result["status"],
        "late": "" if late is None else "yes" if late else "no",
        "attempts": result.get("attempts", {}).get("handed_in", ""),
        "total": result["total"] or "",
        "max": result["max"],
    }
    for section in result["sections"]:
        row |= {f"criterion.{item['id']}": item["points"] or "" for item in section["criteria"]}
    return row | {f"check.{name}": found["verdict"] for name, found in result["findings"].items()}
