"""Fetch an assignment's submissions from a Moodle site, in the form that `grade` takes: export.zip and worksheet.csv.

Stopped at any moment, the same command goes on: files that came are not fetched again, also not at the next pull.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grader.errors import WorkspaceError
from grader.intake.export import open_export
from grader.model.base import Frozen
from grader.moodlesite.answers import SubmissionRow
from grader.moodlesite.client import Place, Site
from grader.moodlesite.exporting import Member, members, owner_of, worksheet_bytes
from grader.moodlesite.giving import path_on, read_held
from grader.moodlesite.reading import Snapshot, due_of, open_assignment, read_snapshot
from grader.moodlesite.record import Pulled, PulledFile, PulledPerson, PulledSubmission
from grader.pipeline.progress import Progress, Silent
from grader.workspace import Workspace
from grader.workspace.files import read_artefact, write_artefact

RECORD = "moodle.json"
EXPORT = "export.zip"
WORKSHEET = "worksheet.csv"
COMING = ".coming"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


class PullSummary(Frozen):
    """What a pull brought."""

    name: str
    people: int
    submissions: int
    fetched: int
    """Files that were not here before."""
    kept: int
    """Files that were."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Piece:
    """One member of the export with the place of its bytes."""

    file: PulledFile
    at: Path | None
    """A file of its own; null: in the export of before."""
    data: bytes | None = None


def pull(site: Site, place: Place, out: Path, progress: Progress | None = None) -> PullSummary:
    """Read people, dates and attempts, fetch what is new, write all anew."""
    told = progress or Silent()
    with Workspace(out) as workspace:
        before = earlier(workspace, site, place)
        assignment = open_assignment(site, place.cmid)
        known = {person.userid: person.number for person in before.people} if before else {}
        snapshot = read_snapshot(site, assignment, known=known)
        dues = {}
        told.begin("Reading dates", len(snapshot.submissions))
        for row in snapshot.submissions:
            dues[row.id] = due_of(site, snapshot, row)
            told.step(owner_of(snapshot, row))
        comments = {
            userid: read_held(site, assignment, userid, grade).comment_shown
            for userid, grade in snapshot.grades.items()
        }
        store = _Store(workspace.root, site, before)
        pieces = [(row, list(store.pieces(found))) for row, found in _told(members(snapshot), snapshot, told)]
        store.write_zip([piece for _, found in pieces for piece in found])
        workspace.write_bytes(WORKSHEET, worksheet_bytes(snapshot, dues, comments))
        record = _record(snapshot, place, pieces)
        write_artefact(workspace.root / RECORD, _with_hashes(record, workspace.root))
        store.clear()
        return PullSummary(
            name=assignment.info.name,
            people=len(snapshot.people),
            submissions=len([1 for _, found in pieces if found]),
            fetched=store.fetched,
            kept=store.kept,
            notes=tuple(_notes(snapshot)),
        )


def earlier(workspace: Workspace, site: Site, place: Place) -> Pulled | None:
    """What was pulled into this folder before; raises if it was another assignment."""
    found = read_artefact(workspace.root / RECORD, Pulled)
    if found is not None and (found.site, found.cmid) != (site.address, place.cmid):
        todo = "pull into another --out"
        raise WorkspaceError("holds another assignment's submissions", where=str(workspace.root), todo=todo)
    return found


def _told(
    found: Iterator[tuple[SubmissionRow, list[Member]]], snapshot: Snapshot, told: Progress
) -> Iterator[tuple[SubmissionRow, list[Member]]]:
    told.begin("Fetching submissions", len(snapshot.submissions))
    for row, entries in found:
        yield row, entries
        told.step(owner_of(snapshot, row))


class _Store:
    """Where the bytes of files come from: the export of before, a pull that was stopped, or the site."""

    def __init__(self, root: Path, site: Site, before: Pulled | None) -> None:
        self._root, self._site = root, site
        self._coming = root / COMING
        files = [file for one in before.submissions for file in one.files] if before else []
        self._before = {(file.path, file.size, file.modified): file for file in files if file.path}
        self._archive = _opened(root / EXPORT) if self._before else None
        self.fetched = self.kept = 0

    def pieces(self, found: Sequence[Member]) -> Iterator[_Piece]:
        """All members of one submission."""
        for member in found:
            if member.file is None:
                data = (member.text or "").encode("utf-8", "replace")
                sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
                file = PulledFile(entry=member.entry, path="", size=len(data), modified=0, sha1=sha1)
                yield _Piece(file, None, data)
            else:
                info = member.file
                path = path_on(self._site, info.fileurl)
                file = PulledFile(
                    entry=member.entry, path=path, size=info.filesize, modified=info.timemodified, sha1=""
                )
                yield self._piece(file)

    def _piece(self, file: PulledFile) -> _Piece:
        old = self._before.get((file.path, file.size, file.modified))
        data = self._member(old) if old else None
        if old is not None and data is not None:
            self.kept += 1
            return _Piece(file.model_copy(update={"sha1": old.sha1}), None, data)
        name = hashlib.sha256(f"{file.path} {file.size} {file.modified}".encode()).hexdigest()[:32]
        target = self._coming / name
        if target.is_file() and target.stat().st_size == file.size:
            self.kept += 1
            with target.open("rb") as stream:
                sha1 = hashlib.file_digest(stream, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()
        else:
            self._coming.mkdir(mode=0o700, exist_ok=True)
            part = target.with_suffix(".part")
            with part.open("w+b") as stream:
                sha1 = self._site.download(file.path, stream, size=file.size)
            part.replace(target)
            self.fetched += 1
        return _Piece(file.model_copy(update={"sha1": sha1}), target)

    def _member(self, old: PulledFile) -> bytes | None:
        if self._archive is None:
            return None
        try:
            data = self._archive.read(old.entry)
        except (KeyError, zipfile.BadZipFile, OSError):
            return None
        return data if hashlib.sha1(data, usedforsecurity=False).hexdigest() == old.sha1 else None

    def write_zip(self, pieces: Sequence[_Piece]) -> None:
        """The export, in place of the one before once it is whole."""
        temporary = self._root / ".writing-export"
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for piece in pieces:
                info = zipfile.ZipInfo(piece.file.entry, _LONG_AGO)
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
                with archive.open(info, "w") as target:
                    if piece.at is None:
                        target.write(piece.data or b"")
                    else:
                        with piece.at.open("rb") as source:
                            shutil.copyfileobj(source, target)
        temporary.chmod(0o600)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        if self._archive is not None:
            self._archive.close()
        temporary.replace(self._root / EXPORT)

    def clear(self) -> None:
        """The pull is complete; what came lies in the export."""
        shutil.rmtree(self._coming, ignore_errors=True)


def _opened(path: Path) -> zipfile.ZipFile | None:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile):
        return None


def _record(snapshot: Snapshot, place: Place, pieces: Sequence[tuple[SubmissionRow, list[_Piece]]]) -> Pulled:
    info = snapshot.assignment.info
    return Pulled(
        site=place.site,
        cmid=place.cmid,
        course=snapshot.assignment.course,
        assignment=info.id,
        maximum=info.grade,
        teams=info.teamsubmission,
        blind=info.blind,
        pulled_at=datetime.now(UTC).isoformat(timespec="seconds"),
        people=tuple(
            PulledPerson(number=snapshot.numbers[person.id], userid=person.id, groupid=person.groupid)
            for person in snapshot.people
        ),
        submissions=tuple(
            PulledSubmission(
                participant=owner_of(snapshot, row),
                id=row.id,
                userid=row.userid,
                groupid=row.groupid,
                attempt=row.attemptnumber,
                modified=row.timemodified,
                files=tuple(piece.file for piece in found),
            )
            for row, found in pieces
        ),
        made_up=tuple(sorted(snapshot.made_up)),
    )


def _with_hashes(record: Pulled, root: Path) -> Pulled:
    """What `grade` will say that it graded, by participant; also shows that it can read what was written."""
    if not any(one.files for one in record.submissions):
        return record
    batch = open_export(root / EXPORT, worksheet=root / WORKSHEET).batch
    hashes: Mapping[str, str | None] = {one.participant.id: one.sha256 for one in batch.submissions}
    found = tuple(one.model_copy(update={"sha256": hashes.get(one.participant)}) for one in record.submissions)
    return record.model_copy(update={"submissions": found})


def _notes(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.made_up:
        yield (
            f"The site gave no participant numbers for {len(snapshot.made_up)} people (they exist once somebody downloads "
            "the worksheet there). Theirs are made up: `grader moodle push` knows them, an upload by hand would ignore them."
        )
    if snapshot.left_out:
        yield f"{snapshot.left_out} submission(s) are of people who are suspended or no participants; they were left out."
    if snapshot.assignment.info.grade <= 0:
        yield "The assignment has no maximum grade (a scale, or none): it can be graded here, but not pushed."
