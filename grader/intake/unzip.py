"""Zip archives read without trust: bounded in number, size, ratio and depth, without links, and nothing is written.

Trouble with a member leaves that member out and says why; it never stops the reading of the others.
"""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from grader.intake.limits import IntakeLimits

CHUNK = 1024 * 1024
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    ValueError,
)
"""What Python's zipfile raises on damaged, encrypted or exotic archives."""


class RefusedError(Exception):
    """A file that is not read; the text says why."""


def open_zip(source: IO[bytes], entries: int) -> zipfile.ZipFile:
    """Open an archive whose directory is of bearable size; raises `RefusedError`."""
    if _directory_bytes(source) > entries * 400:
        raise RefusedError(f"its directory is larger than {entries} entries can be")
    try:
        archive = zipfile.ZipFile(source)
    except (*_BROKEN, MemoryError) as error:
        raise RefusedError(f"it is no readable zip archive ({type(error).__name__})") from None
    if len(archive.filelist) > entries:
        raise RefusedError(f"it holds more than {entries} entries")
    return archive


def entry_name(info: zipfile.ZipInfo) -> str:
    """The name with `/` between parts; without the UTF-8 flag it is UTF-8 where it can be, else cp437."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: IntakeLimits, left: int) -> bytes:
    """Unpack one entry, counting the bytes that really come; raises `RefusedError`."""
    why = _why_not(info)
    if why:
        raise RefusedError(why)
    parts: list[bytes] = []
    total = 0
    try:
        with archive.open(info) as stream:
            for chunk in _chunks(stream):
                total += len(chunk)
                _refuse_size(total, info.compress_size, limits, left)
                parts.append(chunk)
    except _BROKEN as error:
        raise RefusedError(f"it is damaged or packed in an unusual way ({type(error).__name__})") from None
    return b"".join(parts)


def in_memory(data: bytes) -> IO[bytes]:
    """Bytes as a file."""
    return io.BytesIO(data)


def looks_like_zip(path: str, data: bytes) -> bool:
    """A zip by name; documents that are zips inside (docx, npz, pt) are files of their own."""
    return path.lower().endswith(".zip") and data[:2] == b"PK"


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _why_not(info: zipfile.ZipInfo) -> str | None:
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "it is a link or device, not a file"
    if info.flag_bits & 0x1:
        return "it is encrypted"
    return None


def _refuse_size(total: int, packed: int, limits: IntakeLimits, left: int) -> None:
    if total > limits.file_bytes:
        raise RefusedError(f"it is larger than {limits.file_bytes // (1024 * 1024)} MB")
    if total > left:
        raise RefusedError(f"the submission is larger than {limits.submission_bytes // (1024 * 1024)} MB")
    if total > limits.ratio_from and total > limits.ratio * max(packed, 1):
        raise RefusedError("it unpacks to far more than it is (a zip bomb?)")


def _directory_bytes(source: IO[bytes]) -> int:
    """Size of the central directory as the archive's end states it: zipfile reads so many bytes into memory."""
    source.seek(0, io.SEEK_END)
    size = source.tell()
    source.seek(max(0, size - 65_557))
    tail = source.read()
    source.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        return 0
    stated = int(struct.unpack("<L", tail[at + 12 : at + 16])[0])
    zip64 = tail.rfind(b"PK\x06\x06", 0, at)
    if stated == 0xFFFFFFFF and zip64 >= 0 and len(tail) >= zip64 + 48:
        stated = int(struct.unpack("<Q", tail[zip64 + 40 : zip64 + 48])[0])
    return min(stated, size)
