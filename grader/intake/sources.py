"""Where an export's bytes come from: a zip, or a folder on disk. Reads on demand and never follows links."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from grader.errors import ExportError
from grader.intake.limits import IntakeLimits
from grader.intake.unzip import RefusedError, entry_name, open_zip, read_entry

READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""No links, no waiting at a pipe; Windows knows neither, but would translate line ends."""


class Entry(Protocol):
    """One file of an export: a name with `/` between parts."""

    @property
    def name(self) -> str:
        """As exported, below the export's own folder."""

    def read(self, limits: IntakeLimits, left: int) -> bytes:
        """Its bytes, at most `left`; raises `RefusedError`."""


class DiskEntry:
    """A file in a folder."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name

    def read(self, limits: IntakeLimits, left: int) -> bytes:
        """Only of regular files that no link leads to."""
        try:
            with os.fdopen(os.open(self.path, READ), "rb") as stream:
                if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    raise RefusedError("it is a link or device, not a file")
                data = stream.read(min(left, limits.file_bytes) + 1)
        except OSError as error:
            raise RefusedError(f"it can't be read ({error.strerror})") from None
        if len(data) > min(left, limits.file_bytes):
            raise RefusedError("it is too large")
        return data


class ZipEntry:
    """A member of the export's zip; the archive is opened again for each reading, so nothing is held open."""

    def __init__(self, archive: Path, index: int, name: str) -> None:
        self.archive = archive
        self.index = index
        self.name = name

    def read(self, limits: IntakeLimits, left: int) -> bytes:
        """Bounded as all zips are."""
        with self.archive.open("rb") as stream:
            try:
                opened = open_zip(stream, limits.export_entries)
                return read_entry(opened, opened.infolist()[self.index], limits, left)
            except IndexError:
                raise RefusedError("the export changed while it was read") from None


def entries_of(path: Path, limits: IntakeLimits) -> list[Entry]:
    """All files of a zip or a folder, in the order in which they stand there (folders: by name)."""
    found = _in_folder(path, limits) if path.is_dir() else _in_zip(path, limits)
    if len(found) > limits.export_entries:
        raise ExportError(f"The export holds more than {limits.export_entries} files.", where=str(path))
    return found


def _in_zip(path: Path, limits: IntakeLimits) -> list[Entry]:
    with _opened(path) as stream:
        try:
            archive = open_zip(stream, limits.export_entries)
        except RefusedError as why:
            todo = "Download it from Moodle again (Submissions > Download all submissions) and give that file."
            raise ExportError(f"The export can't be opened: {why}.", where=str(path), todo=todo) from None
        return [
            ZipEntry(path, index, entry_name(info))
            for index, info in enumerate(archive.infolist())
            if not entry_name(info).endswith("/")
        ]


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise ExportError(f"The export can't be read ({error.strerror}).", where=str(path)) from None
    with stream:
        yield stream


def _in_folder(path: Path, limits: IntakeLimits) -> list[Entry]:
    found: list[Entry] = []
    for folder, folders, files in os.walk(path, followlinks=False):
        folders.sort()
        names = [*files, *(name for name in folders if Path(folder, name).is_symlink())]
        for file in sorted(names):
            full = Path(folder, file)
            found.append(DiskEntry(full, full.relative_to(path).as_posix()))
        if len(found) > limits.export_entries:
            break
    return found
