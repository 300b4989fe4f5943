"""The roster on disk (`people/roster.csv`), time granted (`people/extensions.csv`), and lists of people from elsewhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from grader.errors import CourseError
from grader.model.assignment import Extension
from grader.model.people import People, Person, PersonRole, folded
from grader.model.spreadsheet import guarded, unguarded

ROSTER = "people/roster.csv"
EXTENSIONS = "people/extensions.csv"
COLUMNS = ("name", "email", "id_number", "aliases", "role", "dropped")
EXTENSION_COLUMNS = ("assignment", "who", "until", "why")
APART = ";"
"""Between the aliases of one person."""

HEADERS: dict[str, frozenset[str]] = {
    role: frozenset(words.split(" | "))
    for role, words in {
        "name": "name | full name | student | vollständiger name | nom complet | nombre completo",
        "first": "first name | vorname | prénom | nombre",
        "last": "last name | surname | nachname | nom | nom de famille | apellido(s) | apellidos",
        "email": "email | e-mail | email address | e-mail-adresse | adresse de courriel | dirección de correo | correo electrónico",
        "id_number": "id | id_number | id number | id-nummer | matrikelnummer | numéro d'identification | "
        "numéro d’identification | número de id",
        "username": "username | anmeldename | nom d'utilisateur | nom d’utilisateur | nombre de usuario",
        "aliases": "aliases | alias",
        "role": "role | roles | rolle | rollen | rôles",
        "dropped": "dropped | left",
    }.items()
}
"""Header words of Moodle's list of participants, of its worksheet, and of plain lists; case doesn't count."""
TEACHERS = ("teacher", "lehrer", "enseignant", "profesor", "trainer", "manager")
ASSISTANTS = ("non-editing", "ohne bearbeitungsrecht", "non-éditeur", "sin permiso", "ta", "tutor", "assistant")


def load_people(root: Path) -> People:
    """The roster; nobody where there is none."""
    path = root / ROSTER
    if not path.is_file():
        return People()
    return _whole(read_people(path), path)


def read_people(path: Path) -> tuple[Person, ...]:
    """People of Moodle's list of participants, of its worksheet, or of a plain CSV; CourseError that names the line."""
    header, rows = _table(path)
    # In a worksheet `ID` is Moodle's participant number, which is another one in each assignment.
    known = {role: words for role, words in HEADERS.items() if role != "id_number" or not _is_worksheet(header)}
    columns = {role: place for place, word in enumerate(header) for role, words in known.items() if word in words}
    if not columns.keys() & {"name", "first", "email"}:
        raise CourseError(
            f"has no column that names people; its header reads: {', '.join(header)[:200]}",
            where=str(path),
            todo="the first line must name columns: name, email, id_number, aliases, role, dropped",
        )
    found = []
    for line, row in rows:
        cells = {role: unguarded(row[place].strip()) for role, place in columns.items()}
        if any(cells.values()):
            found.append(_person(cells, path, line))
    return tuple(found)


def _is_worksheet(header: list[str]) -> bool:
    return "id" in header and bool({"bewertung", "status", "grade"} & set(header))


def _person(cells: dict[str, str], path: Path, line: int) -> Person:
    full = " ".join(filter(None, (cells.get("first"), cells.get("last"))))
    aliases = [part.strip() for part in cells.get("aliases", "").split(APART) if part.strip()]
    if cells.get("username"):
        aliases.append(cells["username"])
    try:
        return Person(
            name=cells.get("name") or full,
            email=cells.get("email", ""),
            id_number=cells.get("id_number", ""),
            aliases=tuple(alias for alias in aliases if folded(alias) != folded(cells.get("id_number", ""))),
            role=_role(cells.get("role", "")),
            dropped=cells.get("dropped", "").casefold() in ("yes", "1", "true", "x"),
        )
    except ValidationError as error:
        raise CourseError(
            error.errors()[0]["msg"], where=f"{path}:{line}", todo="complete or delete this line"
        ) from None


def _role(text: str) -> PersonRole:
    word = text.casefold()
    if any(part in word for part in ASSISTANTS[:-3]) or word in ASSISTANTS:
        return "ta"
    return "teacher" if any(part in word for part in TEACHERS) else "student"


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header in small letters, and rows of its length with their lines."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CourseError(f"can't be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError:
        raise CourseError("is not UTF-8", where=str(path), todo="save it as CSV, UTF-8") from None
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max((",", ";", "\t"), key=first.count))
    rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    if not rows:
        raise CourseError("is empty", where=str(path), todo="the first line must name columns")
    header = [cell.strip().casefold() for cell in rows[0][1]]
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise CourseError(
                f"has {len(row)} cells, the header has {len(header)}", where=f"{path}:{line}", todo="mend this line"
            )
    return header, rows[1:]


def _whole(people: Iterable[Person], path: Path) -> People:
    try:
        return People(people=tuple(people))
    except ValidationError as error:
        raise CourseError(
            error.errors()[0]["msg"], where=str(path), todo="each person once; other addresses go into `aliases`"
        ) from None


def roster_bytes(people: People) -> bytes:
    """roster.csv; opened in a spreadsheet, no name runs as a formula."""
    rows = [
        [person.name, person.email, person.id_number, APART.join(person.aliases), person.role, "yes" if person.dropped else ""]
        for person in people.people
    ]  # fmt: skip
    return table_bytes(COLUMNS, rows)


def table_bytes(header: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    """A table of plain texts."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig", "replace")


def load_extensions(root: Path, slug: str, people: People) -> list[dict[str, Any]]:
    """Time granted for this assignment, each with everything that means the same person."""
    path = root / EXTENSIONS
    if not path.is_file():
        return []
    header, rows = _table(path)
    if missing := [name for name in EXTENSION_COLUMNS[:3] if name not in header]:
        raise CourseError(
            f"has no column {missing[0]!r}", where=str(path), todo=f"columns: {', '.join(EXTENSION_COLUMNS)}"
        )
    found = []
    for line, row in rows:
        cells = {name: unguarded(cell.strip()) for name, cell in zip(header, row, strict=True)}
        if cells["assignment"] == slug:
            found.append(_granted(cells, people, f"{path}:{line}"))
    return found


def _granted(cells: dict[str, str], people: People, where: str) -> dict[str, Any]:
    try:
        until = datetime.fromisoformat(cells["until"])
    except ValueError:
        raise CourseError(
            f"{cells['until']!r} is no date", where=where, todo="write it like 2026-11-27 09:00"
        ) from None
    return {"who": cells["who"], "until": until, "why": cells.get("why", ""), "also": also(cells["who"], people)}


def also(who: str, people: People) -> tuple[str, ...]:
    """Everything else that means the person of that name or number."""
    person = people.find(who)
    return () if person is None else tuple(sorted(person.marks))


def extended(extension: Extension, people: People) -> Extension:
    """The same extension, with all that means its person."""
    return extension.model_copy(update={"also": also(extension.who, people)})
