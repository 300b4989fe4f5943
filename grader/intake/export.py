"""Moodle's export of an assignment as a batch: who handed in what, nobody lost, nobody mixed up, nothing invented.

Knows names, numbers and files. It doesn't look into notebooks and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from grader.errors import ExportError
from grader.intake.handin import Piece, described, fingerprint, read_files
from grader.intake.limits import IntakeLimits
from grader.intake.names import EntryName, is_junk, parse_entry
from grader.intake.owners import Owner
from grader.intake.people import owners_of
from grader.intake.sources import DiskEntry, Entry, entries_of
from grader.model.submission import Batch, Flag, Participant, Submission
from grader.model.worksheet import Worksheet, read_worksheet

SINGLE = (".ipynb", ".html", ".htm")
DEFAULT_LIMITS = IntakeLimits()
Handins = dict[str, list[tuple[EntryName, Entry]]]


class Export:
    """An opened export: the batch as a value, and the files of each submission on demand."""

    def __init__(
        self, batch: Batch, pieces: Mapping[str, list[Piece]], limits: IntakeLimits, worksheet: bytes | None
    ) -> None:
        self.batch = batch
        self.worksheet = worksheet
        """The worksheet's bytes as downloaded, for the release; null without one."""
        self._pieces = pieces
        self._limits = limits

    def files(self, participant_id: str) -> dict[str, bytes]:
        """Contents by path, in order of path, read anew; members of submitted zips lie under `<zip name>/`."""
        return read_files(self._pieces.get(participant_id, ()), self._limits)[0]


def open_export(
    path: Path,
    *,
    worksheet: Path | None = None,
    columns: Mapping[str, str] | None = None,
    limits: IntakeLimits = DEFAULT_LIMITS,
) -> Export:
    """Open Moodle's zip, a folder of it, one notebook or HTML file, or a folder of such; merge the worksheet."""
    if not path.exists():
        raise ExportError("There is no such file or folder.", where=str(path))
    data = _bytes_of(worksheet) if worksheet else None
    sheet = read_worksheet(data, columns=columns, name=str(worksheet)) if data is not None else None
    if path.is_file() and path.suffix.lower() in SINGLE:
        return _singles(path, [DiskEntry(path, path.name)], limits, sheet)
    entries = [entry for entry in entries_of(path, limits) if not is_junk(entry.name)]
    prefix = _outer_folder(entries)
    parsed = [(parse_entry(entry.name[len(prefix) :]), entry) for entry in entries]
    if not any(name for name, _ in parsed):
        return _without_moodle_names(path, entries, limits, sheet)
    return _moodle(path, parsed, limits, sheet, data)


def _moodle(
    path: Path,
    parsed: list[tuple[EntryName | None, Entry]],
    limits: IntakeLimits,
    sheet: Worksheet | None,
    data: bytes | None,
) -> Export:
    handins: Handins = {}
    foreign = []
    for name, entry in parsed:
        if name:
            handins.setdefault(name.number, []).append((name, entry))
        else:
            foreign.append(entry.name)
    roster = owners_of(
        {number: [name for name, _ in files] for number, files in handins.items()}, sheet, where=str(path)
    )
    pieces = {
        owner.participant.id: [
            Piece(entry=entry, plugin=name.plugin, path=name.path) for name, entry in handins.get(owner.number, ())
        ]
        for owner in roster.owners
    }
    names = [name for name, _ in parsed if name]
    flat = all(name.flat for name in names)
    batch = Batch(
        name=path.name,
        style="flat" if flat else "folders",
        blind=roster.blind,
        teams=roster.teams,
        submissions=tuple(_submission(owner, pieces[owner.participant.id], limits) for owner in roster.owners),
        notes=(*roster.notes, *_layout_notes(names, foreign)),
    )
    return Export(batch, pieces, limits, data)


def _submission(owner: Owner, pieces: list[Piece], limits: IntakeLimits) -> Submission:
    files, plugins, flags = read_files(pieces, limits)
    listed = described(files, plugins)
    status = owner.status
    if pieces and status != "draft":
        status = "submitted" if files else "unreadable"
    return Submission(
        participant=owner.participant,
        status=status,
        files=listed,
        sha256=fingerprint(listed),
        draft=owner.draft,
        late_seconds=owner.late_seconds,
        extension=owner.extension,
        submitted_text=owner.submitted_text,
        due_text=owner.due_text,
        cutoff_text=owner.cutoff_text,
        status_text=owner.status_text,
        grade_locked=owner.grade_locked,
        maximum_grade=owner.maximum_grade,
        flags=(*owner.flags, *flags, *_plugin_flags(pieces)),
    )


def _plugin_flags(pieces: list[Piece]) -> tuple[Flag, ...]:
    plugins = sorted({piece.plugin for piece in pieces})
    if len(plugins) < 2:
        return ()
    return (
        Flag(kind="several_plugins", why=f"Handed in by several ways at once: {', '.join(plugins)}.", blocking=False),
    )


def _layout_notes(names: list[EntryName], foreign: list[str]) -> tuple[str, ...]:
    notes = []
    if any(name.flat for name in names):
        notes.append(
            "The export is flat: Moodle drops folders in it, and of files of one name only the last is there. "
            "If that can matter, download again with 'Download submissions in folders'."
        )
    if foreign:
        shown = ", ".join(foreign[:5]) + (" ..." if len(foreign) > 5 else "")
        notes.append(f"{len(foreign)} file(s) belong to nobody by their names and were left out: {shown}")
    return tuple(notes)


def _without_moodle_names(path: Path, entries: list[Entry], limits: IntakeLimits, sheet: Worksheet | None) -> Export:
    single = [
        entry for entry in entries if entry.name.lower().endswith(SINGLE) and ".ipynb_checkpoints/" not in entry.name
    ]
    if path.is_dir() and single:
        return _singles(path, single, limits, sheet)
    if not entries:
        raise ExportError(
            "The export is empty.", where=str(path), todo="Has anybody handed in? Download it from Moodle again."
        )
    raise ExportError(
        "No entry is named as Moodle names them (NAME_NUMBER_assignsubmission_file/...).",
        where=str(path),
        todo="Give the zip of 'Download all submissions', a folder of it, or a folder of .ipynb and .html files.",
    )


def _singles(path: Path, entries: Sequence[Entry], limits: IntakeLimits, sheet: Worksheet | None) -> Export:
    if sheet:
        raise ExportError(
            "Single notebooks carry no participant numbers, so a worksheet can't be matched to them.",
            where=str(path),
            todo="Leave --worksheet out, or give Moodle's export.",
        )
    pieces: dict[str, list[Piece]] = {}
    for entry in entries:
        stem = re.sub(r"^\.+|/|[\x00-\x1f]", "-", entry.name.rpartition(".")[0]) or "-"
        pieces.setdefault(stem, []).append(Piece(entry=entry, plugin="file", path=entry.name.rpartition("/")[2]))
    owners = [Owner(number=stem, participant=Participant(id=stem), status="submitted") for stem in sorted(pieces)]
    submissions = tuple(_submission(owner, pieces[owner.participant.id], limits) for owner in owners)
    return Export(Batch(name=path.name, style="single", submissions=submissions), pieces, limits, None)


def _outer_folder(entries: list[Entry]) -> str:
    """A folder that lies around the whole export because somebody packed it again."""
    prefix = ""
    while entries:
        first = {entry.name[len(prefix) :].partition("/")[:2] for entry in entries}
        folder, slash = next(iter(first))
        if len(first) > 1 or not slash or parse_entry(f"{folder}/x"):
            break
        prefix += folder + "/"
    return prefix


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExportError(f"The worksheet can't be read ({error.strerror}).", where=str(path)) from None
