"""A snapshot in the form that Moodle itself exports: names of the zip's entries, and a grading worksheet in English."""

from __future__ import annotations

import csv
import html
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal

from grader.model.base import Frozen
from grader.model.moodle_names import folder_name
from grader.moodlesite.answers import FileInfo, Person, SubmissionRow
from grader.moodlesite.reading import DueDates, Snapshot

DEFAULT_GROUP = "Default group"
STATES = {"submitted": "Submitted for grading", "draft": "Draft (not submitted)", "reopened": "Reopened"}
PAGE = '<!DOCTYPE html><html><head><meta charset="UTF-8"></head><body>{}</body></html>'
NAME_BYTES = 150
UNITS = (("day", 86_400), ("hour", 3_600), ("min", 60), ("sec", 1))


class Member(Frozen):
    """One entry of the export: a file on the site, or a text."""

    entry: str
    file: FileInfo | None = None
    text: str | None = None


def owner_of(snapshot: Snapshot, row: SubmissionRow) -> str:
    """Participant number, or `g<group id>` for a team."""
    return f"g{row.groupid}" if row.userid == 0 else snapshot.numbers[row.userid]


def members(snapshot: Snapshot) -> Iterator[tuple[SubmissionRow, list[Member]]]:
    """What everybody handed in, under the names that Moodle's zip would give."""
    groups = group_names(snapshot)
    people = {person.id: person for person in snapshot.people}
    for row in snapshot.submissions:
        if row.userid == 0:
            name = groups.get(row.groupid, DEFAULT_GROUP)
            folder = f"{_name(name)}_{row.groupid}" if row.groupid else DEFAULT_GROUP
        else:
            name = "Participant" if snapshot.assignment.info.blind else people[row.userid].fullname
            folder = f"{_name(name)}_{snapshot.numbers[row.userid]}"
        yield row, list(_members(row, folder))


def _members(row: SubmissionRow, folder: str) -> Iterator[Member]:
    for file in row.plugin("file").files:
        yield Member(entry=f"{folder}_assignsubmission_file{file.filepath}{file.filename}", file=file)
    if text := row.plugin("onlinetext").text:
        yield Member(entry=f"{folder}_assignsubmission_onlinetext/onlinetext.html", text=PAGE.format(text))


def _name(name: str) -> str:
    """As Moodle cleans it, without the underscore that it puts for `?` and `*`, and short enough for any disk."""
    clean = " ".join(folder_name(name).replace("_", " ").split())
    return clean.encode()[:NAME_BYTES].decode("utf-8", "ignore").strip() or "Participant"


def group_names(snapshot: Snapshot) -> dict[int, str]:
    """Names of the teams by group id; where two have the same, the id is added, so that they can be told apart."""
    names = {person.groupid: person.groupname for person in snapshot.people if person.groupid}
    times = Counter(_name(name) for name in names.values())
    return {
        number: name if times[_name(name)] == 1 and _name(name) != DEFAULT_GROUP else f"{_name(name)} (group {number})"
        for number, name in names.items()
    }


def worksheet_bytes(snapshot: Snapshot, dues: Mapping[int, DueDates], comments: Mapping[int, str]) -> bytes:
    """The worksheet as Moodle would write it in English, but with exact times; `dues` by submission id.

    As there, due dates have a column only where somebody has one of their own.
    """
    common = snapshot.assignment.info.duedate
    overridden = any(due.own != common for due in dues.values())
    teams, blind = snapshot.assignment.info.teamsubmission, snapshot.assignment.info.blind
    handed_in = {row.groupid if teams else row.userid: row for row in snapshot.submissions}
    groups = group_names(snapshot)
    rows = []
    for person in sorted(snapshot.people, key=lambda one: int(snapshot.numbers[one.id])):
        row = handed_in.get(person.groupid if teams else person.id)
        extension = snapshot.flags[person.id].extensionduedate if person.id in snapshot.flags else 0
        cells = {"Identifier": f"Participant {snapshot.numbers[person.id]}"}
        if not blind:
            cells |= {
                "Full name": person.fullname,
                "ID number": person.idnumber or "",
                "Email address": person.email or "",
            }
        due = dues.get(row.id, DueDates(common)) if row else DueDates(common)
        cells["Status"] = status_text(row, due.in_force, extension)
        if overridden:
            cells["Due date"] = f"@{due.own}" if due.own else "-"
        if teams:
            cells["Group"] = groups.get(person.groupid, DEFAULT_GROUP)
        rows.append(cells | _grade_cells(snapshot, person, row, comments.get(person.id, "")))
    return _written(rows)


def _grade_cells(snapshot: Snapshot, person: Person, row: SubmissionRow | None, comment: str) -> dict[str, str]:
    maximum, grade = snapshot.assignment.info.grade, snapshot.grades.get(person.id)
    given = None if grade is None else grade.points
    return {
        "Grade": "" if given is None else f"{given:.2f}",
        **(
            {"Maximum grade": f"{Decimal(maximum):.2f}"} if maximum >= 0 else {"Scale": f"scale {-maximum} of the site"}
        ),
        "Last modified (submission)": f"@{row.timemodified}" if row else "-",
        "Last modified (grade)": "-" if grade is None else f"@{grade.timemodified}",
        "Feedback comments": plain_text(comment),
    }


def _written(rows: list[dict[str, str]]) -> bytes:
    target = io.StringIO(newline="")
    header = [name for name in rows[0] if name != "ID number" or any(row[name] for row in rows)] if rows else []
    writer = csv.DictWriter(target, header, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell.replace("\x00", "") for name, cell in row.items()} for row in rows)
    return target.getvalue().encode("utf-8-sig", "replace")


def status_text(row: SubmissionRow | None, due: int, extension: int) -> str:
    """Moodle's words for where a submission stands."""
    anything = row is not None and (row.plugin("file").files or row.plugin("onlinetext").text)
    if row is None or (not anything and row.status != "submitted"):
        parts = ["No submission"]
    else:
        parts = [STATES.get(row.status, row.status)]
        late = row.timemodified - due if due else 0
        if row.status == "submitted" and late > 0:
            parts.append(f"{duration(late)} late")
    if extension:
        parts.append(f"Extension granted until: @{extension}")
    return " - ".join([*parts, " - "])


def duration(seconds: int) -> str:
    """`1 day 2 hours 5 secs`: Moodle names the two largest units only, we all of them."""
    parts = []
    for unit, length in UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " ".join(parts)


def plain_text(comment: str) -> str:
    """A comment's words without its tags, as Moodle's own worksheet has it."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", comment)).split())
