"""Which system calls a notebook may not make, as a filter program for the Linux kernel.

The namespaces of the box do the isolating. This takes away entry points that no notebook needs (and that have had
holes), and socket families which a network namespace doesn't cover: AF_VSOCK reaches the host of a virtual machine.
It stands alone (standard library only), because it also runs inside the box.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARG0, _ARG1, _ARG2 = 0, 4, 16, 24, 32

# Numbers from the kernel's syscall tables. 424-463 are the same on every architecture.
_COMMON = (
    425, 426, 427,  # io_uring_setup, io_uring_enter, io_uring_register
    428, 429, 430, 431, 432, 433, 442,  # open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr
    438, 440, 447,  # pidfd_getfd, process_madvise, memfd_secret
)  # fmt: skip
_X86_64 = (
    101, 310, 311, 312,  # ptrace, process_vm_readv, process_vm_writev, kcmp
    165, 166, 155, 161, 272, 308,  # mount, umount2, pivot_root, chroot, unshare, setns
    321, 298, 323, 248, 249, 250,  # bpf, perf_event_open, userfaultfd, add_key, request_key, keyctl
    175, 313, 176, 246, 320, 169,  # init_module, finit_module, delete_module, kexec_load, kexec_file_load, reboot
    163, 167, 168, 179, 303, 304,  # acct, swapon, swapoff, quotactl, name_to_handle_at, open_by_handle_at
    103, 135, 154, 172, 173, 278, 212,  # syslog, personality, modify_ldt, iopl, ioperm, vmsplice, lookup_dcookie
    164, 227, 159, 170, 171,  # settimeofday, clock_settime, adjtimex, sethostname, setdomainname
    29, 64, 68, 319,  # shmget, semget, msgget, memfd_create: memory that belongs to no process and no folder
)  # fmt: skip
_AARCH64 = (
    117, 270, 271, 272, 40, 39, 41, 51, 97, 268, 280, 241, 282, 217, 218, 219, 105, 273, 106, 104, 294, 142,
    89, 224, 225, 60, 264, 265, 116, 92, 75, 18, 170, 112, 171, 161, 162, 194, 190, 186, 279,
)  # fmt: skip
# architecture -> (audit number, socket, clone, ioctl, denied)
_TABLES = {
    "x86_64": (0xC000003E, 41, 56, 16, _X86_64),
    "aarch64": (0xC00000B7, 198, 220, 29, _AARCH64),
}
_CLONE3 = 435
_NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* flag of clone(2)
_FAMILIES = (1, 2, 10)  # unix, inet, inet6: all end inside the box
_NETLINK = 16
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_X32 = 0x40000000


def supported() -> bool:
    """Whether there is a table for this processor."""
    return platform.machine() in _TABLES


def program() -> bytes:
    """The filter as classic BPF."""
    arch, socket, clone, ioctl, denied = _TABLES[platform.machine()]
    refuse = _ERRNO | errno.EPERM
    code = [_op(_LOAD, _ARCH), _op(_EQUAL, arch, 1, 0), _op(_RETURN, _KILL), _op(_LOAD, _NUMBER)]
    if platform.machine() == "x86_64":
        code += [_op(_AT_LEAST, _X32, 0, 1), _op(_RETURN, _KILL)]
    # The flags of clone3 lie in memory, out of a filter's sight; told that it is missing, libc uses clone.
    code += [_op(_EQUAL, _CLONE3, 0, 1), _op(_RETURN, _ERRNO | errno.ENOSYS)]
    for number in (*denied, *_COMMON):
        code += [_op(_EQUAL, number, 0, 1), _op(_RETURN, refuse)]
    code += [_op(_EQUAL, clone, 0, 4), _op(_LOAD, _ARG0), _op(_BITS, _NEW_NAMESPACES, 0, 1)]
    code += [_op(_RETURN, refuse), _op(_RETURN, _ALLOW)]
    code += [_op(_EQUAL, ioctl, 0, 5), _op(_LOAD, _ARG1)]
    code += [_op(_EQUAL, _TERMINAL_INPUT[0], 1, 0), _op(_EQUAL, _TERMINAL_INPUT[1], 0, 1)]
    code += [_op(_RETURN, refuse), _op(_RETURN, _ALLOW)]
    return b"".join(code + _sockets(socket))


def install() -> None:
    """Put the filter on this process and all that come from it, for good. Needs no privilege."""
    code = program()

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    libc = ctypes.CDLL(None, use_errno=True)
    argument = Program(len(code) // 8, code)
    no_new_privileges, set_seccomp, by_filter = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(set_seccomp, by_filter, ctypes.byref(argument), 0, 0):
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")


def _sockets(socket: int) -> list[bytes]:
    """Only the families above, and netlink as NETLINK_ROUTE: libzmq aborts where getifaddrs finds none."""
    count = len(_FAMILIES)
    code = [_op(_EQUAL, socket, 0, count + 5), _op(_LOAD, _ARG0)]
    code += [_op(_EQUAL, family, count - position + 3, 0) for position, family in enumerate(_FAMILIES)]
    code += [_op(_EQUAL, _NETLINK, 0, 2), _op(_LOAD, _ARG2), _op(_EQUAL, 0, 1, 0)]
    return [*code, _op(_RETURN, _ERRNO | errno.EAFNOSUPPORT), _op(_RETURN, _ALLOW)]


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
