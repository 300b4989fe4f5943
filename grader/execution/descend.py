"""How a process that was started as root stops being root before it touches a student's code.

The interpreter may lie where only root can go (/root/.pyenv, mode 0700). So, in mounts of its own, the process covers
each closed folder with an empty one, in which only what it needs stands at its own path, read-only; then it becomes
an unprivileged user for good. For an ordinary user all this does nothing. It builds no sandbox: that is `box`.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from grader.errors import SandboxError

# systemd's documentation lists 60578-61183 as unused by anything: no person, no service has this number.
UNPRIVILEGED = 60600
CLONE_NEWNS = 0x20000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_SAMPLE = 3000
PR_SET_DUMPABLE, PR_CAPBSET_DROP = 4, 24
_libc: Any = ctypes.CDLL(None, use_errno=True) if hasattr(os, "geteuid") else None


def descend(paths: Sequence[Path]) -> None:
    """Become an unprivileged user who can still read `paths`; nothing to do unless we are root."""
    if os.geteuid() != 0:
        return
    closed = behind_closed_doors(paths)
    if closed:
        _own_mounts()
        for folder, needed in closed.items():
            _cover(folder, needed)
    _drop(UNPRIVILEGED)


def behind_closed_doors(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """The topmost folders that other users can't enter -> the needed paths below them."""
    closed: dict[Path, list[Path]] = {}
    for path in topmost(paths):
        door = next((folder for folder in reversed(path.parents) if not _others_may_enter(folder)), None)
        if door is not None:
            closed.setdefault(door, []).append(path)
    return closed


def topmost(paths: Iterable[Path]) -> list[Path]:
    """Existing paths, each also where its links lead, without those that lie below another."""
    wanted = {form for path in paths if path.exists() for form in (path.absolute(), path.resolve())}
    return sorted(path for path in wanted if not any(parent in wanted for parent in path.parents))


def unreadable(paths: Iterable[Path]) -> list[Path]:
    """Needed paths that hold something which is closed to other users: no mount helps there."""
    return [path for path in topmost(paths) if any(not _others_may_read(part) for part in _sample(path))]


def _sample(path: Path) -> Iterator[Path]:
    """The path and the first few thousand things below it: whoever closes one closes all (umask 077)."""
    below = (Path(folder, name) for folder, names, files in os.walk(path) for name in (*names, *files))
    return itertools.islice(itertools.chain([path], below), _SAMPLE)


def _others_may_read(path: Path) -> bool:
    mode = path.lstat().st_mode
    need = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
    return mode & need == need


def _others_may_enter(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _own_mounts() -> None:
    _call("unshare", _libc.unshare(CLONE_NEWNS))
    _mount(None, "/", None, MS_REC | MS_PRIVATE)


def _cover(folder: Path, needed: Sequence[Path]) -> None:
    """An empty folder on top of `folder`, with only `needed` in it."""
    handles: Mapping[Path, int] = {path: os.open(path, os.O_PATH) for path in needed}
    _mount("tmpfs", str(folder), "tmpfs", MS_NOSUID | MS_NODEV, data="mode=755,size=1m")
    for path, handle in handles.items():
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            path.mkdir(mode=0o755)
        else:
            path.touch()
        _mount(f"/proc/self/fd/{handle}", str(path), None, MS_BIND | MS_REC)
        _mount(None, str(path), None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
        os.close(handle)


def _drop(user: int) -> None:
    try:
        for capability in range(64):
            if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
                break
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except OSError as error:
        raise SandboxError(
            f"started as root, but becoming an ordinary user failed: {error.strerror}",
            todo="start grader as an ordinary user",
        ) from error
    # Becoming another user closes /proc/self to ourselves, which bubblewrap needs.
    _libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    os.chdir("/")


def _mount(source: str | None, target: str, kind: str | None, flags: int, *, data: str | None = None) -> None:
    def text(value: str | None) -> bytes | None:
        return None if value is None else os.fsencode(value)

    _call(f"mount on {target}", _libc.mount(text(source), text(target), text(kind), flags, text(data)))


def _call(what: str, result: int) -> None:
    if result:
        error = os.strerror(ctypes.get_errno())
        raise SandboxError(
            f"started as root with files that only root can reach, and {what} failed: {error}",
            todo="start grader as an ordinary user, or install Python where every user can read it (/usr, /opt)",
        )
