"""Control groups for boxes, version 1 or 2, where this process may make them.

A group's folder is made beforehand by whoever is allowed to (root, or systemd for a user); without one, `fences`
watches by itself. Groups of a grader that was killed are cleared away by the next one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from grader.execution.nouns import MB, Limits

_V1 = ("memory", "pids", "cpuacct")
_PREFIX = "grader-"
_JANITOR = """
import os, sys, time
sys.stdin.buffer.read()
for _ in range(500):
    left = [folder for folder in sys.argv[1:] if os.path.isdir(folder)]
    for folder in left:
        for group in [os.path.join(folder, name) for name in os.listdir(folder)] + [folder]:
            try: os.rmdir(group)
            except OSError: pass
    if not left: break
    time.sleep(0.02)
"""


def make_base(owner: int | None = None) -> dict[str, str]:
    """Controller -> a new folder for the groups of this process's boxes; empty if that isn't allowed here.

    `owner`: the unprivileged user who will make the groups.
    """
    places = _places()
    made: dict[str, str] = {}
    for controller, place in places.items():
        try:
            sweep(place)
            folder = place / f"{_PREFIX}{os.getpid()}"
            folder.mkdir(exist_ok=True)
            made[controller] = str(folder)
            _open_up(folder, owner)
        except OSError:
            unmake(made)
            return {}
    return made


def watch_over(base: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    """A small process that removes the folders when this one ends, even if it is killed; ends with its standard input."""
    if not base:
        return None
    arguments = [sys.executable, "-I", "-S", "-c", _JANITOR, *sorted(set(base.values()))]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, start_new_session=True, env={})


def unmake(base: Mapping[str, str]) -> None:
    """Remove the folders again; boxes must have ended."""
    for folder in set(base.values()):
        for group in [*Path(folder).glob("*/"), Path(folder)]:
            _remove(group)


def sweep(place: Path) -> None:
    """Remove what graders left that were killed."""
    for folder in place.glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX)
        if pid.isdigit() and not Path("/proc", pid).exists():
            for group in [*folder.glob("*/"), folder]:
                _remove(group, patience=0.0)


class Cgroup:
    """The group of one box."""

    def __init__(self, base: Mapping[str, str], name: str, limits: Limits) -> None:
        self._folders = {controller: Path(folder, name) for controller, folder in base.items()}
        for folder in set(self._folders.values()):
            folder.mkdir(exist_ok=True)
        memory, pids = limits.memory_mb * MB, limits.processes
        if "unified" in self._folders:
            settings = {"memory.max": memory, "memory.swap.max": 0, "memory.oom.group": 1, "pids.max": pids}
            self._set("unified", settings)
        else:
            self._set("memory", {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory})
            self._set("pids", {"pids.max": pids})

    def add(self, pid: int) -> None:
        """Put a process in, and all that it will start."""
        for folder in set(self._folders.values()):
            with contextlib.suppress(ProcessLookupError):
                (folder / "cgroup.procs").write_text(str(pid))

    @property
    def peak_mb(self) -> float:
        """The most memory used."""
        return (self._number("memory.max_usage_in_bytes") or self._number("memory.peak")) / MB

    @property
    def cpu_seconds(self) -> float:
        """Processor time used."""
        return self._number("cpuacct.usage") / 1e9 or self._count("cpu.stat", "usage_usec") / 1e6

    @property
    def killed(self) -> int:
        """How often something was killed for want of memory."""
        return self._count("memory.oom_control", "oom_kill") + self._count("memory.events", "oom_kill")

    def close(self) -> None:
        """Remove it; its processes must have ended."""
        for folder in set(self._folders.values()):
            _remove(folder)

    def _set(self, controller: str, settings: Mapping[str, int]) -> None:
        folder = self._folders[controller]
        for name, value in settings.items():
            if (folder / name).exists():
                (folder / name).write_text(str(value))

    def _read(self, name: str) -> str:
        for folder in set(self._folders.values()):
            with contextlib.suppress(OSError):
                return (folder / name).read_text()
        return ""

    def _number(self, name: str) -> int:
        text = self._read(name).strip()
        return int(text) if text.isdigit() else 0

    def _count(self, name: str, key: str) -> int:
        pairs = (line.split() for line in self._read(name).splitlines())
        return next((int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] == key), 0)


def _places() -> dict[str, Path]:
    """Controller -> our own place in it, of whichever version has the memory controller."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    own = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    paths = {name: path for _, names, path in own for name in names.split(",")}
    v1 = {
        controller: Path(mount[1] + paths.get(controller, ""))
        for controller in _V1
        for mount in mounts
        if mount[2] == "cgroup" and controller in mount[3].split(",")
    }
    if "memory" in v1 and "pids" in v1:
        return v1
    roots = [mount[1] for mount in mounts if mount[2] == "cgroup2"]
    if not roots:
        return {}
    place = Path(roots[0] + (paths.get("", "") if os.geteuid() else ""))
    return {"unified": place} if _delegated(place) else {}


def _delegated(place: Path) -> bool:
    """Whether groups below ours may have limits of memory and number, which needs us out of the way first."""
    try:
        offered = (place / "cgroup.controllers").read_text().split()
    except OSError:
        return False
    return {"memory", "pids"} <= set(offered) and os.access(place / "cgroup.subtree_control", os.W_OK)


def enter(base: Mapping[str, str], pid: int) -> None:
    """Version 2 lets a user move processes only below a folder of their own: put a worker there first."""
    if "unified" in base:
        workers = Path(base["unified"], "workers")
        workers.mkdir(exist_ok=True)
        (workers / "cgroup.procs").write_text(str(pid))


def _open_up(folder: Path, owner: int | None) -> None:
    """Hand the folder to `owner`; in version 2 also pass the controllers on."""
    control = folder / "cgroup.subtree_control"
    if control.exists():
        _pass_on(folder.parent)
        control.write_text("+memory +pids")
    if owner is not None:
        for path in (folder, folder / "cgroup.procs", folder / "tasks", control):
            if path.exists():
                os.chown(path, owner, owner)


def _pass_on(place: Path) -> None:
    """Let groups below `place` have limits. A group that does so may hold no process: ours move beside."""
    control = place / "cgroup.subtree_control"
    if {"memory", "pids"} <= set(control.read_text().split()):
        return
    try:
        control.write_text("+memory +pids")
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        aside = place / "grader-beside"
        aside.mkdir(exist_ok=True)
        for pid in (place / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (aside / "cgroup.procs").write_text(pid)
        control.write_text("+memory +pids")


def _remove(folder: Path, patience: float = 2.0) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() >= end:
                return
            time.sleep(0.02)
