"""How Moodle 5.1 itself reads a worksheet and a feedback archive, oddities included, so that ours can be tried first.

Follows mod/assign/feedback/offline and feedback/file, lib/csvlib.class.php and unformat_float. Knows no users: who
exists is given.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection
from decimal import Decimal

from grader.model import php_csv
from grader.model.base import Frozen

PLUGINS = frozenset({("assignsubmission", "file"), ("assignsubmission", "onlinetext"), ("assignsubmission", "comments"),
                     ("assignfeedback", "file"), ("assignfeedback", "comments"), ("assignfeedback", "editpdf"),
                     ("assignfeedback", "offline")})  # fmt: skip


class Site(Frozen):
    """What the importing teacher's language and site make of a worksheet."""

    identifier: str = "Identifier"
    grade: str = "Grade"
    modified: str = "Last modified (grade)"
    comments: str = "Feedback comments"
    word: str = "Participant "
    """What stands before the number in the identifier; Moodle only counts its bytes."""
    decimal: str = "."
    maximum: Decimal = Decimal(100)


class TakenRow(Frozen):
    """What Moodle would take from one row; null: left as it is."""

    grade: Decimal | None = None
    comment: str | None = None


class MoodleRefusalError(Exception):
    """Moodle would refuse the file, or stop with an error."""


def read_worksheet_as_moodle(data: bytes, *, site: Site, participants: Collection[str]) -> dict[str, TakenRow]:
    """By participant number what the import would set; raises where Moodle stops, empty where it takes nothing."""
    rows = _moodle_rows(data)
    if not rows:
        raise MoodleRefusalError("Moodle could not read the uploaded worksheet (empty).")
    header = rows[0]
    places = {title: index for index, title in enumerate(header)}
    missing = [title for title in (site.identifier, site.grade, site.modified) if title not in places]
    if missing:
        raise MoodleRefusalError(f"Moodle could not read the uploaded worksheet (no column {missing[0]!r}).")
    comments = places.get(site.comments, 0)  # Moodle overlooks a comments column in the first place
    taken: dict[str, TakenRow] = {}
    for row in rows[1:]:
        number = _number(row[places[site.identifier]], site)
        if number in participants and number not in taken:
            comment = row[comments] if comments else None
            taken[number] = TakenRow(grade=_grade(row[places[site.grade]], site), comment=comment)
    return taken


def _moodle_rows(data: bytes) -> list[list[str]]:
    """Moodle reads the file, writes it anew and reads it once more; rows of unequal length void it."""
    text = data.decode("utf-8", errors="ignore").removeprefix("\ufeff").replace("\x00", "")
    text = re.sub(r"\r\n?", "\n", text).strip(" \t\n\r\x0b")
    first = [[cell or "" for cell in row] for row in php_csv.read_rows(text) if row != [None]]
    if len({len(row) for row in first}) > 1:
        return first[:1]
    again = php_csv.read_rows(php_csv.write_rows(first))
    return [[*(cell or "" for cell in row), *[""] * (len(first[0]) - len(row))] for row in again]


def _number(cell: str, site: Site) -> str:
    rest = cell.encode()[len(site.word.encode()) :].decode("utf-8", errors="replace")
    if not re.fullmatch(r"\s*[+-]?[0-9]+\s*", rest):
        raise MoodleRefusalError(f"Moodle would stop with a database error at the identifier {cell!r}.")
    return str(int(rest))


def _grade(cell: str, site: Site) -> Decimal | None:
    """unformat_float without strictness, then the bounds."""
    text = cell.strip(" \t\n\r\x00\x0b").replace(" ", "")
    if not text:
        return None
    found = re.match(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text.replace(site.decimal, "."), flags=re.ASCII)
    value = Decimal(found[0]) if found else Decimal(0)
    value = value.quantize(Decimal("0.00001"))
    return value if 0 <= value <= site.maximum else None


def read_archive_as_moodle(data: bytes, *, participants: Collection[str]) -> dict[str, dict[str, bytes]]:
    """By participant number (or group id) the files that the import would add, by their path."""
    taken: dict[str, dict[str, bytes]] = {}
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return taken
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if not info.is_dir() and (found := archive_owner(info.filename, participants)):
                number, path = found
                taken.setdefault(number, {})[path] = archive.read(info)
    return taken


def archive_owner(entry: str, participants: Collection[str]) -> tuple[str, str] | None:
    """Whom an entry of a feedback archive goes to, and under which path; null if Moodle passes over it."""
    parts = [part for part in entry.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    parts = [_param_file(part) for part in parts]
    if not parts or parts[-1].startswith((".", "~")):
        return None
    folder = "/import/" + "".join(f"{part}/" for part in parts[:-1])
    if len(folder) > 255 or len(parts[-1]) > 255:
        raise MoodleRefusalError(f"Moodle would stop with a database error: the path {entry[:60]!r}... is too long.")
    for index, part in enumerate(parts):
        pieces = part.split("_", 4)
        number = pieces[1].strip() if len(pieces) >= 4 else ""
        if not re.fullmatch(r"[+-]?\d+(\.0*)?", number, flags=re.ASCII):
            continue
        known = str(int(number.partition(".")[0]))
        if known in participants and (pieces[2], pieces[3]) in PLUGINS:
            rest = [pieces[4]] if len(pieces) == 5 else [""]
            return known, "/".join([*rest, *parts[index + 1 :]])
    return None


def _param_file(part: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f&<>\"`|':\\/]", "", part)
