"""The files of one submission, read without trust: zips unpacked, oddities flagged, hashes taken.

Doesn't look into notebooks.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from grader.intake.limits import IntakeLimits
from grader.intake.names import free_path, is_junk, shortened, unsafe
from grader.intake.sources import Entry
from grader.intake.unzip import RefusedError, entry_name, in_memory, looks_like_zip, open_zip, read_entry
from grader.model.submission import Flag, SubmittedFile

Reader = Callable[[int], bytes]
"""Reads one file of at most so many bytes, or raises `RefusedError`."""
ARCHIVES = (".rar", ".7z", ".tar", ".tgz", ".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class Piece:
    """One exported file of a submission and where it is to lie."""

    entry: Entry
    plugin: str
    path: str


class _Reading:
    """Collects files and flags of one submission while the budget lasts."""

    def __init__(self, limits: IntakeLimits) -> None:
        self.limits = limits
        self.files: dict[str, bytes] = {}
        self.plugins: dict[str, str] = {}
        self.flags: list[Flag] = []
        self.left = limits.submission_bytes

    def flag(self, kind: str, why: str, *, blocking: bool = True) -> None:
        if all((flag.kind, flag.why) != (kind, why) for flag in self.flags):
            self.flags.append(Flag(kind=kind, why=why, blocking=blocking))

    def add(self, path: str, data: bytes, plugin: str) -> None:
        """Keep a file; a zip is replaced by its members where it can be opened."""
        if self.files.get(path) == data:
            self.flag("duplicate_file", f"{path} is there twice with the same content.", blocking=False)
            return
        if path in self.files:
            new = free_path(path, self.files)
            self.flag("name_collision", f"Two different files are called {path}; the second is kept as {new}.")
            path = new
        if (
            looks_like_zip(path, data)
            and path.lower().count(".zip/") < self.limits.depth
            and self.unpack(path, data, plugin)
        ):
            return
        if path.lower().endswith((*ARCHIVES, ".zip")):
            self.flag(
                "archive_unread",
                f"{path} was not opened; look into it, or ask for the files themselves.",
            )
        self.files[path] = data
        self.plugins[path] = plugin

    def unpack(self, path: str, data: bytes, plugin: str) -> bool:
        """Add the members of a zip; false if it can't be opened at all."""
        before = len(self.files)
        try:
            archive = open_zip(in_memory(data), self.limits.files)
        except RefusedError as why:
            self.flag("bad_zip", f"{path} was not unpacked: {why}.")
            return False
        for info in archive.infolist():
            self.member(archive, info, path, plugin)
        return len(self.files) > before

    def member(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, plugin: str) -> None:
        name = entry_name(info)
        if name.endswith("/") or is_junk(name):
            return
        why = unsafe(name, self.limits)
        if why and "too long" in why:
            name = shortened(name, self.limits)
            why = unsafe(name, self.limits)
        if why:
            self.flag("unsafe_name", f"A member of {path} was left out: {why}.")
        elif self.room(f"{path}/{name}"):
            self.take(f"{path}/{name}", plugin, partial(read_entry, archive, info, self.limits))

    def room(self, path: str) -> bool:
        if len(self.files) < self.limits.files:
            return True
        self.flag("too_many_files", f"The submission has more than {self.limits.files} files; the rest was left out.")
        return False

    def take(self, path: str, plugin: str, read: Reader) -> None:
        try:
            data = read(self.left)
        except RefusedError as why:
            self.flag("file_left_out", f"{path} was left out: {why}.")
            return
        self.left -= len(data)
        self.add(path, data, plugin)


def read_files(
    pieces: Iterable[Piece], limits: IntakeLimits
) -> tuple[dict[str, bytes], dict[str, str], tuple[Flag, ...]]:
    """Contents by path (in order of path), the plugin of each, and what was odd."""
    reading = _Reading(limits)
    for piece in sorted(pieces, key=lambda piece: (piece.path, piece.plugin)):
        path = shortened(piece.path, limits)
        why = unsafe(path, limits)
        if why:
            reading.flag("unsafe_name", f"A file was left out: {why}.")
        elif reading.room(path):
            reading.take(path, piece.plugin, partial(piece.entry.read, limits))
    ordered = dict(sorted(reading.files.items()))
    return ordered, reading.plugins, tuple(reading.flags)


def described(files: dict[str, bytes], plugins: dict[str, str]) -> tuple[SubmittedFile, ...]:
    """The list of files that is kept with a submission."""
    return tuple(
        SubmittedFile(path=path, plugin=plugins[path], size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for path, data in files.items()
    )


def fingerprint(files: tuple[SubmittedFile, ...]) -> str | None:
    """One hash over all files in order of name; null without files."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{file.sha256}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest() if files else None
