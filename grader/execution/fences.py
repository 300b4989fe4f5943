"""How much a box uses, measured from outside, and the fences of a single process.

Where a control group is allowed (`cgroups`), the Linux kernel holds the limit of memory itself; else the gauge looks
several times a second and says when it is enough. Either way it watches the number of files, which no control group
counts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from grader.execution import layout
from grader.execution.cgroups import Cgroup
from grader.execution.nouns import MB, Limits

_FOLDERS = (layout.WORK, layout.KAGGLE, "/tmp", "/dev/shm")
# What a process with the torch libraries in it has set aside without using it.
_RESERVED_MB = 3072
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def rlimits(limits: Limits, *, fenced: bool) -> list[list[int]]:
    """(what, soft, hard) for the kernel's process; `fenced`: a control group holds the memory."""
    import resource  # not on Windows, where there is no box

    seconds = int(limits.notebook_seconds * 4) + 60
    exact = {
        resource.RLIMIT_FSIZE: limits.file_mb * MB,
        resource.RLIMIT_NPROC: limits.processes + _others(),
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 64 * 1024,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if not fenced:
        exact[resource.RLIMIT_DATA] = (limits.memory_mb + _RESERVED_MB) * MB
    return [[resource.RLIMIT_CPU, seconds, seconds + 5], *([kind, value, value] for kind, value in exact.items())]


def _others() -> int:
    """Until Linux 5.14 the limit counted the user's processes outside the box too."""
    release = os.uname().release.split(".")
    if [int(part) for part in release[:2] if part.isdigit()] >= [5, 14]:
        return 0
    return sum(1 for _ in Path("/proc").glob("[0-9]*/task/*"))


class Gauge:
    """Watches one box."""

    def __init__(self, box_pid: int, limits: Limits, cgroup: Cgroup | None) -> None:
        self._limits, self._cgroup = limits, cgroup
        self._root = Path(f"/proc/{box_pid}/root")
        self._names = _namespace(box_pid)
        self._shared = 0.0
        self._cpu = self._peak = 0.0

    def begin(self) -> None:
        """Count from now: what a forked kernel shares with the warm server isn't its own."""
        self._shared = sum(_resident_mb(pid) for pid in self._pids())

    @property
    def peak_mb(self) -> float:
        """The most memory seen."""
        return round(self._cgroup.peak_mb if self._cgroup else self._peak, 1)

    @property
    def cpu_seconds(self) -> float:
        """Processor time used."""
        return round(self._cgroup.cpu_seconds if self._cgroup else self._cpu, 2)

    @property
    def ran_out(self) -> bool:
        """Whether the Linux kernel had to kill something for want of memory."""
        return bool(self._cgroup and self._cgroup.killed)

    def sample(self) -> str | None:
        """Look once; "memory" or "files" if the box uses more of it than it may."""
        stored, files = self._stored()
        if files > self._limits.files:
            return "files"
        if self._cgroup:
            return None
        pids = list(self._pids())
        self._cpu = max(self._cpu, sum(_cpu_seconds(pid) for pid in pids))
        used = stored + sum(_resident_mb(pid) for pid in pids) - self._shared
        if used > self._limits.memory_mb:
            # Shared memory is in a file of the memory file systems, or in none: counted once either way.
            shared = sum(_own_share_mb(pid, "Pss_Shmem:") for pid in pids)
            used = max(stored, shared) + sum(_own_share_mb(pid, "Pss_Anon:") for pid in pids)
        self._peak = max(self._peak, used)
        return "memory" if used > self._limits.memory_mb else None

    def _pids(self) -> Iterator[int]:
        for entry in os.listdir("/proc"):  # noqa: PTH208 - several times a second
            if entry.isdigit() and self._names and _namespace(int(entry)) == self._names:
                yield int(entry)

    def _stored(self) -> tuple[float, int]:
        """(MB, number) of the files in the box's memory file systems."""
        size, count = 0.0, 0
        for folder in _FOLDERS:
            with contextlib.suppress(OSError):
                facts = os.statvfs(f"{self._root}{folder}")
                size += (facts.f_blocks - facts.f_bfree) * facts.f_frsize / MB
                count += facts.f_files - facts.f_ffree
        return size, count


def _namespace(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115
    except OSError:
        return None


def _field(path: str, name: str) -> int:
    """A `Name:  123 kB` line of a file in /proc."""
    with contextlib.suppress(OSError), open(path) as file:  # noqa: PTH123
        for line in file:
            if line.startswith(name):
                return int(line.split()[1])
    return 0


def _resident_mb(pid: int) -> float:
    """Memory of its own and shared memory (`mmap` without a file); files of libraries don't count."""
    return sum(_field(f"/proc/{pid}/status", name) for name in ("RssAnon:", "RssShmem:")) / 1024


def _own_share_mb(pid: int, name: str) -> float:
    return _field(f"/proc/{pid}/smaps_rollup", name) / 1024


def _cpu_seconds(pid: int) -> float:
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        # The second field is the command in brackets, and may hold anything.
        fields = file.read().rsplit(")", 1)[1].split()
        return sum(int(field) for field in fields[11:15]) / _TICKS
    return 0.0
