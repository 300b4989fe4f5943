"""Files that a notebook left, taken out of its box after everything in it was killed.

Through an open folder only, regular files only, no link ever followed, bounded in number, size and depth. It reads
bytes and understands none of them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from grader.execution.nouns import Limits

_INTERESTING = (".safetensors", ".json")
_DEPTH, _ENTRIES, _LISTED = 24, 20_000, 1000

Found = tuple[str, int, bool]


def harvest(
    folder: int, limits: Limits, given: Mapping[str, bytes]
) -> tuple[dict[str, bytes], tuple[tuple[str, int], ...]]:
    """(path -> content of what is of interest, (path, size) of the rest) below an open folder; not what was `given`."""
    return pick(_walk(folder), lambda path, size: _read(folder, path, size), limits, given)


def pick(
    found: Iterable[Found], read: Callable[[str, int], bytes | None], limits: Limits, given: Mapping[str, bytes]
) -> tuple[dict[str, bytes], tuple[tuple[str, int], ...]]:
    """What to keep of what was found; `read` gives the content of a path, or None."""
    kept: dict[str, bytes] = {}
    left: list[tuple[str, int]] = []
    room = limits.harvest_bytes
    for path, size, regular in sorted(found, key=_rank):
        wanted = regular and path.endswith(_INTERESTING) and size <= room and len(kept) < limits.harvest_files
        content = read(path, size) if wanted else None
        if content is None:
            if path not in given:
                left.append((printable(path), size))
        elif given.get(path) != content:
            kept[printable(path)] = content
            room -= len(content)
    return kept, tuple(left[:_LISTED])


def printable(path: str) -> str:
    """A path that any terminal, page and encoding can carry."""
    clean = path.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in clean)


def _rank(found: Found) -> tuple[int, int, str]:
    """Adapters first, then other weights, then the rest; small ones before large ones."""
    path, size, _ = found
    name = path.rsplit("/", 1)[-1]
    kind = 0 if name.startswith("adapter_") else 1 if name.endswith(".safetensors") else 2
    return kind, size, path


def gather(folder: Path) -> Iterator[Found]:
    """The same by paths, where there are no handles on folders; no link is followed."""
    seen = 0
    for place, folders, files in os.walk(folder):
        here = Path(place)
        if len(here.relative_to(folder).parts) >= _DEPTH:
            folders.clear()
        for name in files:
            seen += 1
            if seen > _ENTRIES:
                return
            status = (here / name).lstat()
            yield (here / name).relative_to(folder).as_posix(), status.st_size, stat.S_ISREG(status.st_mode)


def _walk(folder: int) -> Iterator[Found]:
    """(path, size, whether a regular file) of everything but folders."""
    waiting, seen = [("", 0)], 0
    while waiting:
        place, depth = waiting.pop()
        try:
            handle = os.open(place or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        except OSError:
            continue
        try:
            with os.scandir(handle) as entries:
                for entry in entries:
                    seen += 1
                    if seen > _ENTRIES:
                        return
                    path = f"{place}/{entry.name}" if place else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if depth < _DEPTH:
                            waiting.append((path, depth + 1))
                        continue
                    status = os.stat(entry.name, dir_fd=handle, follow_symlinks=False)
                    yield path, status.st_size, stat.S_ISREG(status.st_mode)
        except OSError:
            continue
        finally:
            os.close(handle)


def _read(folder: int, path: str, most: int) -> bytes | None:
    """The content of a regular file, or None if it is anything else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return file.read(most)
