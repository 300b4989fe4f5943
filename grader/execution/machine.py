"""What this machine can do for execution, and the command that mends what it can't.

It finds out by trying: a file that exists is no proof that a sandbox starts.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from grader.errors import GraderError
from grader.execution import cgroups, pool, seccomp
from grader.execution.box import Bubblewrap
from grader.execution.nouns import Limits, Stage

_INSTALL = "apt-get install bubblewrap"
_STATIC = "use --mode static here, or run the grader on Linux"
_CONTAINER = (
    "allow the container to make namespaces: docker run --security-opt seccomp=unconfined "
    "--security-opt apparmor=unconfined --security-opt systempaths=unconfined ..."
)
_ELSEWHERE = (
    "this system forbids unprivileged namespaces: in a container, start it with permission to make them "
    "(docker run --security-opt seccomp=unconfined ...); on a machine of your own, see `man 7 user_namespaces`"
)
_IN_CONTAINER = ("/.dockerenv", "/run/.containerenv", "/run/secrets/kubernetes.io")
# Setting of the Linux kernel -> the value with which no unprivileged sandbox starts, and what to do about it.
_SETTINGS = {
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
    "kernel/unprivileged_userns_clone": ("0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    "user/max_user_namespaces": ("0", "sysctl -w user.max_user_namespaces=15000"),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found."""

    system: str
    """Operating system, its version, processor."""
    python: str
    """Version of the interpreter."""
    cores: int
    """Processors that this process may use."""
    memory_mb: int
    """Memory of the machine; 0 where unknown."""
    root: bool
    """Whether the grader was started as root; its workers then become an ordinary user."""
    box: bool
    """Whether foreign notebooks can be executed in a sandbox."""
    box_trouble: str | None
    """Why not."""
    box_mend: str | None
    """The command that mends it."""
    control_groups: str
    """"v1", "v2" or "": who holds the limit of memory; without them the grader watches by itself."""
    control_groups_mend: str | None
    """How to get them."""
    warm: bool
    """Whether kernels can be forked from a warm server."""
    warm_trouble: str | None
    """Why not."""
    gpu: tuple[str, ...]
    """Device files of GPUs."""


_GPU_FILES = ("nvidia[0-9]*", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "kfd", "dri/renderD*")


def gpu_devices(dev: Path = Path("/dev")) -> tuple[str, ...]:
    """Device files that a notebook needs to compute on this machine's GPUs; none where there is no GPU."""
    if not any(dev.glob("nvidia[0-9]*")) and not (dev / "kfd").exists():
        return ()
    return tuple(str(path) for pattern in _GPU_FILES for path in sorted(dev.glob(pattern)))


def probe(stage: Stage | None = None, *, try_warm: bool = False) -> Machine:
    """Try everything once; about half a second, and as long as the libraries take to import with `try_warm`."""
    trouble = _box_trouble(stage or Stage())
    cold = "not without the sandbox" if trouble else pool.why_not_warm(stage or Stage()) if try_warm else None
    groups = _control_groups() if trouble is None else ""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}", python=platform.python_version(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_mb=_memory_mb(), root=is_root,
        box=trouble is None, box_trouble=trouble and trouble[0], box_mend=trouble and trouble[1],
        control_groups=groups, control_groups_mend=None if groups or is_root else
        "systemd-run --user --scope -p Delegate=yes grader ...",
        warm=cold is None, warm_trouble=cold,
        gpu=tuple(sorted(str(path) for path in Path("/dev").glob("nvidia[0-9]*"))),
    )  # fmt: skip


def _box_trouble(stage: Stage) -> tuple[str, str | None] | None:
    """(what, what to do) if no sandbox starts."""
    if sys.platform != "linux":
        return f"there is no sandbox for {platform.system()}", _STATIC
    if not seccomp.supported():
        return f"there is no system call filter for {platform.machine()} processors yet", _STATIC
    if Bubblewrap.find() is None:
        return "bubblewrap is not installed", _INSTALL
    try:
        pool.try_box(stage, Limits())
    except GraderError as error:
        return error.what, error.todo or _mend()
    return None


def _mend() -> str:
    """What usually stands in the way of namespaces."""
    for name, (bad, command) in _SETTINGS.items():
        setting = Path("/proc/sys", name)
        if setting.is_file() and setting.read_text().strip() == bad:
            return command
    return _CONTAINER if any(Path(mark).exists() for mark in _IN_CONTAINER) else _ELSEWHERE


def _control_groups() -> str:
    base = cgroups.make_base()
    cgroups.unmake(base)
    return ("v2" if "unified" in base else "v1") if base else ""


def _memory_mb() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    except (ValueError, OSError, AttributeError):  # the last on Windows
        return 0
