"""Notices that a file was saved: by looking, once a second, which works on every system and on network drives."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

Stamp = tuple[int, int]
EVERY_SECONDS = 1.0


def saves(path: Path, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Yields after each save, once the file stays the same for one look; a file that is away is waited for."""
    checked = _stamp(path)
    while True:
        sleep(EVERY_SECONDS)
        seen = _stamp(path)
        while seen != checked:
            sleep(EVERY_SECONDS)
            again = _stamp(path)
            if again == seen and seen is not None:
                checked = seen
                yield
            seen = again
            if seen is None:
                break


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
