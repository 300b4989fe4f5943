"""Everything that a course holds of one person: handed out, or removed. Backups and Moodle itself are beyond its reach."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.catalog import Course
from grader.catalog.people import EXTENSIONS, ROSTER, roster_bytes
from grader.errors import InputError
from grader.ledger import Ledger, ledger_file
from grader.ledger.book import scrubbed
from grader.model.base import Artefact
from grader.model.people import People, Person
from grader.model.submission import Batch, Participant, Submission, file_stem
from grader.model.worksheet import read_worksheet
from grader.pipeline.course import members, results_folders
from grader.pipeline.deciding import decided, events_of
from grader.pipeline.grading import judge_batch, stored_batch
from grader.pipeline.materials import load_materials
from grader.pipeline.outputs import write_outputs
from grader.pipeline.progress import Silent
from grader.pipeline.released import FILE, KeptGradebook
from grader.workspace import Workspace
from grader.workspace.files import DIGEST, write_artefact, write_atomic
from grader.workspace.folder import WORKSHEET

GRADES = "people/grades"
SMALL = 5_000_000
"""Larger files are looked through by name only."""


@dataclass(frozen=True)
class Found:
    """Where one person stands in one results folder."""

    root: Path
    own: frozenset[str]
    """Participant numbers that are theirs alone: submissions to be removed."""
    teams: frozenset[str]
    """Teams that they are a member of: those stay, without them."""
    numbers: frozenset[str]
    """All numbers that mean them, as a member of a team too."""


@dataclass
class Forgotten:
    """What was removed, and where the name still stands."""

    person: str
    folders: dict[str, int] = field(default_factory=dict)
    """Submissions removed, by results folder."""
    left: list[str] = field(default_factory=list)
    """Files in which name, address or number still occur: others' work, or teams'."""
    notes: list[str] = field(default_factory=list)


def person_of(course: Course, who: str) -> Person:
    """The person of the roster, or somebody who only stands in worksheets; InputError if it is nobody or several."""
    known = course.people().find(who)
    if known is not None:
        return known
    alone = People(people=(Person(name=who, email=who if "@" in who else "", id_number="" if "@" in who else who),))
    for root in results_folders(course):
        for submission in stored_batch(Workspace(root)).submissions:
            for one in members(root, submission.participant):
                if alone.match(one) is not None:
                    return Person(name=one.name or "", email=one.email or "", id_number=one.id_number or "")
    raise InputError(
        f"nobody here is {who!r}", where=str(course.root), todo="give e-mail address, ID number or full name"
    )


def find(course: Course, person: Person, named: Sequence[Path] = ()) -> Iterator[Found]:
    """All results folders that know the person."""
    alone = People(people=(person,)) if course.people().find(person.key) is None else course.people()
    for root in results_folders(course, named):
        own: set[str] = set()
        teams: set[str] = set()
        numbers: set[str] = set()
        for submission in stored_batch(Workspace(root)).submissions:
            mine = [one.id for one in members(root, submission.participant) if _is(alone, one, person)]
            if mine:
                numbers |= set(mine)
                (teams if submission.participant.members else own).add(submission.participant.id)
        if numbers:
            yield Found(root, frozenset(own), frozenset(teams), frozenset(numbers))


def _is(people: People, participant: Participant, person: Person) -> bool:
    found = people.match(participant)
    return found is not None and found.key == person.key


def forget(course: Course, who: str, named: Sequence[Path] = (), *, author: str = "instructor") -> Forgotten:
    """Remove the person from roster, time granted, past grades, and every results folder with its ledger and releases."""
    person = person_of(course, who)
    done = Forgotten(person.key)
    places = list(find(course, person, named))
    _forget_in_course(course, person)
    for found in places:
        with Workspace(found.root) as workspace:
            _forget_in(workspace, found, author)
            done.notes += _rebuilt(course, workspace)
        done.folders[str(found.root)] = len(found.own)
        if found.teams:
            done.notes.append(f"{found.root}: what {', '.join(sorted(found.teams))} handed in together stays")
    done.left = sorted(_left(course, person, [Path(root) for root in done.folders]))
    return done


def _forget_in(workspace: Workspace, found: Found, author: str) -> None:
    root = workspace.root
    for who in found.own:
        shutil.rmtree(root / "submissions" / file_stem(who), ignore_errors=True)
        for page in [
            *root.glob(f"feedback/{file_stem(who)}.html"),
            *root.glob(f"releases/*/pages/{file_stem(who)}.html"),
        ]:
            page.unlink()
    shutil.rmtree(root / "moodle", ignore_errors=True)
    for name in ("index.html", "overview.csv", "overview.parquet"):
        (root / name).unlink(missing_ok=True)
    for path in [*root.glob("*.json"), *root.glob("releases/*/*.json"), *root.glob("submissions/*/*/submission.json")]:
        data = json.loads(path.read_text("utf-8"))
        write_atomic(path, (json.dumps(scrubbed(data, found.numbers), ensure_ascii=False, indent=1) + "\n").encode())
    _redigest(root)
    columns = (workspace.run_info() or {}).get("columns") or {}
    for path in [root / WORKSHEET, *root.glob("releases/*/worksheet.csv")]:
        if path.is_file():
            write_atomic(path, _without_rows(path.read_bytes(), found.numbers, columns))
    for path in root.glob("releases/*/feedback.zip"):
        write_atomic(path, _without_entries(path.read_bytes(), found.own))
    for path in [root / "run.log", *root.glob("releases/*/*.txt")]:
        if path.is_file():
            text = path.read_text("utf-8", "replace")
            for number in found.numbers:
                text = re.sub(rf"(?<![\w.]){re.escape(number)}(?![\w.])", "(forgotten)", text)
            write_atomic(path, text.encode())
    if ledger_file(root).is_file():
        Ledger.of(root).forget(found.own, found.numbers, author=author)


def _redigest(root: Path) -> None:
    """Artefacts carry a digest of themselves; those that were rewritten get a new one."""
    kinds: dict[str, type[Artefact]] = {FILE: KeptGradebook, "submission.json": Submission}
    for path in [*root.glob(f"releases/*/{FILE}"), *root.glob("submissions/*/*/submission.json")]:
        data = json.loads(path.read_text("utf-8"))
        data.pop(DIGEST, None)
        write_artefact(path, kinds[path.name].model_validate(data))


def _without_rows(data: bytes, numbers: Collection[str], columns: dict[str, str]) -> bytes:
    """A worksheet without these participants."""
    sheet = read_worksheet(data, columns=columns)
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=sheet.delimiter, lineterminator="\n")
    writer.writerow(sheet.header)
    writer.writerows(row.cells for row in sheet.rows if row.number not in numbers)
    return text.getvalue().encode("utf-8-sig" if sheet.bom else "utf-8")


def _without_entries(data: bytes, numbers: Collection[str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            if not any(f"_{number}_assign" in info.filename for number in numbers):
                new.writestr(info, old.read(info))
    return made.getvalue()


def _rebuilt(course: Course, workspace: Workspace) -> list[str]:
    """Overview, tables and the preview for Moodle without the person; nothing is graded otherwise than before."""
    info = workspace.run_info() or {}
    materials = load_materials(course, str(info.get("assignment")))
    if materials.rubric_sha256 != info.get("rubric_sha256"):
        return [f"{workspace.root}: the rubric has changed since; `grader regrade` writes the overview again"]
    batch: Batch = stored_batch(workspace)
    scale = str(info.get("scale") or materials.assignment.scale)
    attempts = {item.participant.id: workspace.attempt_for(item)[0] for item in batch.submissions if item.files}
    graded = judge_batch(batch, attempts, materials, scale, Silent(), store=False)
    write_outputs(
        workspace, materials, batch, decided(graded, materials.rubric, events_of(workspace.root)), scale=scale
    )
    return []


def _forget_in_course(course: Course, person: Person) -> None:
    people = course.people()
    if (course.root / ROSTER).is_file():
        kept = People(people=tuple(one for one in people.people if one.key != person.key))
        write_atomic(course.root / ROSTER, roster_bytes(kept))
    for path in [course.root / EXTENSIONS, *(course.root / GRADES).glob("*.csv")]:
        if path.is_file():
            rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
            kept_rows = [row for place, row in enumerate(rows) if place == 0 or not _names(row, person)]
            text = io.StringIO(newline="")
            csv.writer(text, lineterminator="\n").writerows(kept_rows)
            write_atomic(path, text.getvalue().encode("utf-8-sig"))


def _names(row: list[str], person: Person) -> bool:
    alone = People(people=(person,))
    return any(cell.strip() and alone.find(cell) is not None for cell in row)


def _left(course: Course, person: Person, roots: list[Path]) -> Iterator[str]:
    words = [word.encode() for word in (person.name, person.email, person.id_number) if len(word) > 3]
    for root in [*roots, course.root / "people"]:
        for path in sorted(root.rglob("*")) if root.is_dir() else []:
            if path.is_file() and path.stat().st_size <= SMALL and any(word in path.read_bytes() for word in words):
                yield str(path)


def everything_about(course: Course, who: str, file: Path) -> int:
    """A zip of all that is held of one person, to hand out to them; returns how many files."""
    person = person_of(course, who)
    pieces: dict[str, bytes] = {"person.json": _json(person.model_dump(mode="json"))}
    dates = [(slug, one) for slug in course.slugs() for one in course.load(slug).extensions]
    granted = [
        {"assignment": slug, "until": one.until.isoformat(), "why": one.why}
        for slug, one in dates
        if People(people=(person,)).find(one.who) is not None
    ]
    pieces["extensions.json"] = _json(granted)
    for found in find(course, person):
        for name, data in _pieces(found):
            pieces[f"{found.root.name}/{name}"] = data
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in pieces.items():
            archive.writestr(name, data)
    write_atomic(file, made.getvalue())
    return len(pieces)


def _pieces(found: Found) -> Iterator[tuple[str, bytes]]:
    about = found.own | found.teams
    workspace = Workspace(found.root)
    rows = workspace.read_json(found.root / "results.json") or []
    yield "results.json", _json([row for row in rows if row["participant"]["id"] in about])
    events = [event for event in events_of(found.root) if event.participant in about]
    mine = [one for one in events if str(one.data.get("member", "")) in found.numbers | {""}]
    yield "decisions.json", _json([event.model_dump(mode="json") for event in mine])
    for who in sorted(about):
        folder = found.root / "submissions" / file_stem(who)
        pages = [
            *found.root.glob(f"releases/*/pages/{file_stem(who)}.html"),
            found.root / f"feedback/{file_stem(who)}.html",
        ]
        for path in [*sorted(folder.rglob("*")), *pages]:
            if path.is_file():
                yield path.relative_to(found.root).as_posix(), path.read_bytes()


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")
