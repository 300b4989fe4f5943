"""Makes this process as poor as Windows is, as far as that can be done here: run before `grader` is imported.

    python like_windows.py COMMAND ...        runs `grader COMMAND ...` in such a process (kernels are not changed)

Modules that Windows lacks can't be imported; what `os`, `signal`, `socket` and `select` lack there is gone; the event
loop can't watch pipes unless it is asked for by name; text files are cp1252 unless their encoding is named.
"""

from __future__ import annotations

import asyncio
import builtins
import ctypes
import importlib
import io
import os
import pathlib
import signal
import socket
import sys
from typing import Any

MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "crypt", "nis", "spwd", "posix_ipc")
OS = [
    "geteuid",
    "getuid",
    "getgid",
    "getegid",
    "setuid",
    "setgid",
    "seteuid",
    "fork",
    "forkpty",
    "setsid",
    "killpg",
    "getpgid",
    "setpgid",
    "sched_getaffinity",
    "sysconf",
    "uname",
    "chown",
    "lchown",
    "fchmod",
    "fchown",
    "memfd_create",
    "pidfd_open",
    "mkfifo",
    "mknod",
    "O_NOFOLLOW",
    "O_DIRECTORY",
    "O_NONBLOCK",
    "O_CLOEXEC",
    "WNOHANG",
    "WIFEXITED",
    "statvfs",
    "getloadavg",
    "nice",
    "openpty",
    "posix_spawn",
    "wait3",
    "wait4",
    "eventfd",
    "splice",
    "copy_file_range",
    "register_at_fork",
]
SIGNAL = [
    "SIGKILL",
    "SIGALRM",
    "SIGHUP",
    "SIGCHLD",
    "SIGUSR1",
    "SIGUSR2",
    "SIGSTOP",
    "SIGCONT",
    "SIGTSTP",
    "pidfd_send_signal",
    "alarm",
    "setitimer",
    "pthread_sigmask",
]
OTHERS = [
    "multiprocessing.connection",
    "subprocess",
    "tempfile",
    "click",
    "rich.console",
    "jupyter_client.launcher",
    "jupyter_client.asynchronous.client",
    "jupyter_client.session",
    "nbclient",
    "nbconvert",
    "nbformat",
    "zmq.asyncio",
    "numpy",
    "pyarrow.parquet",
    "lxml.html",
    "bs4",
    "PIL.Image",
    "pydantic",
    "yaml",
    "jinja2",
    "markdown_it",
    "markdownify",
    "safetensors",
    "nh3",
]
KEPT_FOR_OTHERS = {"WNOHANG", "WIFEXITED", "register_at_fork", "fork", "O_CLOEXEC", "posix_spawn", "SIGKILL", "killpg"}
"""What the standard library and other packages use here because they believe, rightly, that this is Linux."""


def impoverish() -> None:
    """Take away what Windows lacks. Everything that other packages need on Linux is loaded first."""
    for name in OTHERS:
        importlib.import_module(name)

    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for name in set(OS) - KEPT_FOR_OTHERS:
        if hasattr(os, name):
            delattr(os, name)
    for name in set(SIGNAL) - KEPT_FOR_OTHERS:
        if hasattr(signal, name):
            delattr(signal, name)
    pair, family = socket.socketpair, socket.AF_UNIX
    socket.socketpair = lambda *args: pair(family, *args[1:])  # Windows' Python makes one of two internet sockets
    del socket.AF_UNIX
    _no_library_of_the_system()
    _no_pipes_in_the_loop()
    _old_encoding()


def _no_library_of_the_system() -> None:
    real = ctypes.CDLL.__init__

    def init(self: Any, name: Any, *args: Any, **kwargs: Any) -> None:
        if name is None:
            raise TypeError("bad argument type for built-in operation")
        real(self, name, *args, **kwargs)

    ctypes.CDLL.__init__ = init  # type: ignore[method-assign]


def _no_pipes_in_the_loop() -> None:
    """`asyncio.run` gives Windows' own loop, which can't watch files or sockets."""

    class Proactor(asyncio.SelectorEventLoop):
        def add_reader(self, *args: Any) -> Any:
            raise NotImplementedError

        add_writer = add_reader

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            return Proactor()

    asyncio.set_event_loop_policy(Policy())


def _old_encoding() -> None:
    """Files without a named encoding are read and written as Windows does by default; only ours, not other packages'."""
    real = io.open

    def opened(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, *rest: Any, **more: Any) -> Any:
        ours = f"{os.sep}grader{os.sep}" in sys._getframe(1).f_code.co_filename
        if "b" not in mode and encoding in (None, "locale") and ours:
            encoding = "cp1252"
        return real(file, mode, buffering, encoding, *rest, **more)

    builtins.open = opened  # type: ignore[assignment]
    pathlib.io.open = opened  # type: ignore[attr-defined]


if __name__ == "__main__":
    impoverish()
    import types

    import grader.execution.machine
    from grader.cli import main

    grader.execution.machine.sys = types.SimpleNamespace(platform="win32")  # type: ignore[assignment]
    main(sys.argv[1:])
