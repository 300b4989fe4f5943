"""How a process steps into a box that bubblewrap keeps open, and gives up the powers that it needed for that."""

from __future__ import annotations

import ctypes
import os
from typing import Any

_NS_GET_USERNS = 0xB701
_PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
_CAPABILITY_VERSION = 0x20080522
_libc: Any = ctypes.CDLL(None, use_errno=True) if hasattr(os, "geteuid") else None


def enter(pid: int) -> None:
    """Step into every namespace of the box whose first process is `pid`; children are then born in the box."""
    import fcntl

    names = ("user", "net", "ipc", "uts", "cgroup", "pid", "mnt")
    handles = {name: os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in names}
    # With --disable-userns there are two user namespaces, and the mounts belong to the outer one.
    outer = fcntl.ioctl(handles["mnt"], _NS_GET_USERNS)
    try:
        _step(outer, "user")
        for name in names[1:]:
            _step(handles[name], name)
        if os.fstat(outer).st_ino != os.fstat(handles["user"]).st_ino:
            _step(handles["user"], "inner user")
    finally:
        for handle in (outer, *handles.values()):
            os.close(handle)


def give_up_capabilities() -> None:
    """Entering a user namespace gave all of them; none is needed, ever again."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            break
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if _libc.capset(ctypes.byref(header), ctypes.byref(nothing)):
        raise OSError(ctypes.get_errno(), "capabilities could not be given up")


def _step(handle: int, name: str) -> None:
    if _libc.setns(handle, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"entering the box's {name} namespace: {os.strerror(number)}")
