"""A course folder: made whole, its people taken in, and who stands where over all its results folders. Grades nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from grader.catalog import Course
from grader.catalog.coursefile import COURSE_FILE
from grader.catalog.people import (
    EXTENSION_COLUMNS,
    EXTENSIONS,
    ROSTER,
    load_people,
    read_people,
    roster_bytes,
    table_bytes,
)
from grader.errors import CourseError, InputError
from grader.intake.rows import row_owner
from grader.model.assignment import zone_of
from grader.model.base import format_points
from grader.model.decision import Event
from grader.model.people import People, Person
from grader.model.scorecard import Adjustment
from grader.model.submission import Participant
from grader.model.worksheet import read_worksheet
from grader.pipeline.authoring import new_assignment
from grader.pipeline.deciding import by_participant, events_of
from grader.pipeline.reviewing import ReviewClass, Reviewed, load_class
from grader.scoring import adjusted
from grader.workspace import Workspace
from grader.workspace.files import write_atomic

FIRST = "week1"


def new_course(target: Path, *, title: str = "", timezone: str | None = None) -> list[Path]:
    """Write a course folder that validates as it is; returns the files."""
    if target.exists() and any(target.iterdir()):
        raise InputError("is not empty", where=str(target), todo="choose another name")
    try:
        zone = str(zone_of(timezone or "UTC"))
    except ValueError as error:
        raise InputError(str(error), todo="name it with --timezone") from None
    name = (title or target.name).replace("\\", "\\\\").replace('"', '\\"')
    files = {
        COURSE_FILE: COURSE.format(title=name, timezone=zone).encode(),
        ROSTER: roster_bytes(People()),
        EXTENSIONS: table_bytes(EXTENSION_COLUMNS, ()),
        ".gitignore": IGNORED.encode(),
        "README.md": README.format(title=title or target.name, first=FIRST).encode(),
    }
    for path, data in files.items():
        private = path.startswith("people/")
        write_atomic(target / path, data, mode=0o600 if private else 0o644)
    target.chmod(0o755)
    return [*(target / path for path in files), *new_assignment(Course(target), FIRST)]


@dataclass(frozen=True)
class TakenIn:
    """What taking in a list of people changed."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    """Students of the roster who are not in the list."""
    total: int


def take_in(course: Course, lists: Sequence[Path], *, complete: bool = False) -> TakenIn:
    """Merge lists of people into the roster. `complete`: who is in none of them has left the course."""
    before = load_people(course.root)
    listed = tuple(person for path in lists for person in read_people(path))
    try:
        after = before.merged(listed)
    except (ValueError, ValidationError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        where = ", ".join(map(str, lists))
        raise CourseError(what, where=where, todo="mend the list, or the roster's aliases") from None
    here = People(people=()).merged(listed)
    missing = tuple(
        person.key
        for person in after.people
        if person.role == "student" and not person.dropped and not _listed(person, here)
    )
    if complete:
        gone = set(missing)
        after = People(
            people=tuple(one.model_copy(update={"dropped": one.dropped or one.key in gone}) for one in after.people)
        )
    write_atomic(course.root / ROSTER, roster_bytes(after))
    known = set(before.people)
    added = len(before.people)
    return TakenIn(
        added=tuple(person.key for person in after.people[added:]),
        changed=tuple(person.key for person in after.people[:added] if person not in known),
        missing=missing,
        total=len(after.people),
    )


def _listed(person: Person, here: People) -> bool:
    return any(person.marks & one.marks or (not one.marks and person.names & one.names) for one in here.people)


@dataclass(frozen=True)
class Place:
    """Where one person stands in one assignment."""

    participant: str
    state: str
    """`nothing`, `draft`, `unreadable`, `needs a person`, `graded`, `reviewed`, `released`, `changed since`."""
    total: str | None = None
    attempts: int = 0
    late_seconds: int | None = None
    release: int | None = None
    open: int = 0


@dataclass(frozen=True)
class PersonRow:
    """One person over the term."""

    key: str
    name: str
    known: bool
    """Whether the roster knows them."""
    dropped: bool = False
    places: dict[str, Place] = field(default_factory=dict)
    """By assignment."""


@dataclass(frozen=True)
class CourseStatus:
    """Everybody and every assignment."""

    assignments: tuple[str, ...]
    folders: dict[str, str]
    """Results folder by assignment."""
    rows: tuple[PersonRow, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """For other programs."""
        return asdict(self)


def results_folders(course: Course, named: Sequence[Path] = ()) -> list[Path]:
    """The folders named, or all below the course's `results`, oldest grading first."""
    if named:
        return list(named)
    base = course.root / course.file().results
    return sorted(
        (path.parent for path in base.glob("*/run.json")), key=lambda path: (path / "run.json").stat().st_mtime
    )


def course_status(course: Course, named: Sequence[Path] = ()) -> CourseStatus:
    """Who handed in what, and what of it is graded, reviewed and released."""
    people, notes = course.people(), []
    newest: dict[str, ReviewClass] = {}
    for path in results_folders(course, named):
        slug = str((Workspace(path).run_info() or {}).get("assignment", path.name))
        if slug in newest:
            notes.append(f"{slug}: {path} is shown, {newest[slug].root} is older")
        newest[slug] = load_class(path)
    rows = {person.key: _row(person) for person in people.people if person.role == "student"}
    for slug, graded in newest.items():
        events = by_participant(events_of(graded.root))
        released = list(_releases(events.get("", [])))
        for reviewed in graded.people.values():
            for member in members(graded.root, reviewed.submission.participant):
                place = _place(graded, reviewed, events.get(reviewed.id, []), released, member=member.id)
                key, fallback = _who(people, member, slug)
                rows.setdefault(key, fallback).places[slug] = place
    shown = dict.fromkeys([*course.slugs(), *newest])
    return CourseStatus(
        assignments=tuple(shown),
        folders={slug: str(graded.root) for slug, graded in newest.items()},
        rows=tuple(rows.values()),
        notes=tuple(notes),
    )


def members(root: Path, participant: Participant) -> list[Participant]:
    """The people of a team as the worksheet has them; of anybody else that participant."""
    workspace = Workspace(root)
    data = workspace.worksheet() if participant.members else None
    if data is None:
        return [participant]
    columns = (workspace.run_info() or {}).get("columns") or {}
    sheet = read_worksheet(data, columns=columns)
    known = sheet.by_number()
    found = [known[number] for number in participant.members if number in known]
    return [row_owner(sheet, row, handed_in=True, blind=False).participant for row in found] or [participant]


def _row(person: Person) -> PersonRow:
    return PersonRow(person.key, person.name or person.key, known=True, dropped=person.dropped)


def _who(people: People, participant: Participant, slug: str) -> tuple[str, PersonRow]:
    person = people.match(participant)
    if person is not None:
        return person.key, _row(person)
    key = participant.id_number or participant.email or f"{slug}:{participant.id}"
    return key, PersonRow(key, participant.name or participant.group or participant.id, known=False)


def _releases(events: Iterable[Event]) -> Iterable[Event]:
    return (event for event in events if event.kind == "release")


def _place(
    graded: ReviewClass, reviewed: Reviewed, events: list[Event], releases: list[Event], *, member: str
) -> Place:
    outcome = reviewed.outcome(graded.rubric, events)
    own = tuple(
        Adjustment(kind="for you", points=one.points or Decimal(0), why=one.text)
        for one in outcome.members.get(member, ())
    )
    card = adjusted(outcome.card, own)
    given = [event for event in releases if reviewed.id in event.data.get("changed", ())]
    number = int(given[-1].data["number"]) if given else None
    since = bool(given) and any(event.id > given[-1].id for event in events)
    return Place(
        participant=reviewed.id,
        state=_state(reviewed, card.status, settled=outcome.settled, number=number, since=since),
        total=None if card.total is None else format_points(card.total),
        attempts=len(Workspace(graded.root).attempts(reviewed.id)),
        late_seconds=card.lateness.seconds,
        release=number,
        open=len(outcome.open),
    )


def _state(reviewed: Reviewed, status: str, *, settled: bool, number: int | None, since: bool) -> str:
    if status == "no_submission":
        return "nothing"
    if number is not None:
        return "changed since" if since else "released"
    if settled:
        return "reviewed"
    if reviewed.submission.draft:
        return "draft"
    return {"needs_review": "needs a person", "unreadable": "unreadable"}.get(status, "graded")


COURSE = """\
# What all assignments share. Every field is described in docs/course.md.
title: "{title}"
timezone: {timezone}        # the clock by which work is due, for instance Europe/Berlin
results: results           # where results folders lie; never in the repository
# worksheet_timezone: America/New_York   # of the teacher who downloads the worksheets, where it is another
# ledgers: /var/lib/grader/ledgers       # a folder on a local disk, where results lie on a network disk
# earlier: [../last-term/results]        # compared with for similar submissions
"""

IGNORED = """\
/people/
/results/
/build/
"""

README = """\
# {title}

    grader course people participants.csv       take in Moodle's list of participants
    grader assignment validate {first}
    grader grade EXPORT.zip --worksheet SHEET.csv --assignment {first} --out results/{first}
    grader course status

`people/` and `results/` hold personal data: they are kept out of the repository.
"""
