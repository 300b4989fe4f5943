"""One bubblewrap box: started, filled with a submission's files, killed.

What is in the box says `layout`; which kernel runs in it says `places`. A box leaves nothing behind: its folders are
in memory, and when this process dies for whatever reason, everything in the box dies with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from grader.errors import SandboxError
from grader.execution import layout
from grader.execution.nouns import Limits, Stage

_PASSWD = b"student:x:1000:1000:student:/run/home:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
_READY_SECONDS = 30.0
_END_SECONDS = 10.0
# Prints a line once every mount is in place, then waits for ours before it becomes the real command.
_GATE = 'echo ready; read go || exit 1; exec "$@" >/dev/null </dev/null'


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """The bwrap that this machine has."""

    path: str
    """Where it is."""
    disable_userns: bool
    """Whether it knows --disable-userns (0.8 and later)."""

    @classmethod
    def find(cls) -> Bubblewrap | None:
        """The one on the usual paths, or None."""
        path = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin") or shutil.which("bwrap")
        if path is None:
            return None
        words = subprocess.run([path, "--help"], capture_output=True, text=True, check=False).stdout
        return cls(path, "--disable-userns" in words)


class Box:
    """A sandbox that is ready and waits: files can be put in, then `go` starts its command."""

    def __init__(self, bwrap: Bubblewrap, stage: Stage, limits: Limits) -> None:
        self._bwrap, self._stage, self._limits = bwrap, stage, limits
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints = -1
        self._first = -1
        self.pid = 0
        """The first process in the box, by our count of processes."""
        self.work = -1
        """A handle on the folder the notebook runs in; it outlives the box's processes."""

    def start(self, command: Sequence[str], *, keep: Sequence[int] = ()) -> None:
        """Build the box; `command` waits in it for `go`. Handles in `keep` are open in there under their numbers."""
        passwd, (told, tell) = _in_memory(_PASSWD), os.pipe()
        env = layout.environment(self._stage)
        options = layout.flags(
            self._stage, self._limits, passwd=passwd, disable_userns=self._bwrap.disable_userns, env=env
        )
        # As a file: the command line of the first process can be read in the box, and would show our paths.
        arguments = _in_memory(b"".join(os.fsencode(word) + b"\0" for word in [*options, "--info-fd", str(tell)]))
        self._complaints = _in_memory(b"")
        self._process = subprocess.Popen(
            [self._bwrap.path, "--args", str(arguments), "--", "/bin/sh", "-c", _GATE, "sh", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints,
            pass_fds=(passwd, tell, arguments, *keep), env={},
        )  # fmt: skip
        for handle in (passwd, tell, arguments):
            os.close(handle)
        self._await_ready(told)
        self.work = os.open(self.inside(layout.WORK), os.O_RDONLY | os.O_DIRECTORY)

    def inside(self, path: str) -> str:
        """The path under which we reach `path` of the box, while it lives."""
        return f"/proc/{self.pid}/root{path}"

    def go(self) -> None:
        """Let the command run."""
        assert self._process is not None and self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"go\n")
            self._process.stdin.flush()

    def poll(self) -> int | None:
        """The exit status, once the box has ended."""
        return self._process.poll() if self._process else -1

    def command_pids(self) -> list[int]:
        """The children of the box's first process: the command, by our count."""
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/task/{self.pid}/children") as file:  # noqa: PTH123
            return [int(word) for word in file.read().split()]
        return []

    def kill(self) -> None:
        """End everything in the box; its files stay readable through `work`."""
        if self._process is None:
            return
        if self._first >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()
        self._await_end()

    def close(self) -> None:
        """Kill, and let go of the files too."""
        self.kill()
        for handle in (self.work, self._complaints, self._first):
            if handle >= 0:
                os.close(handle)
        self.work = self._complaints = self._first = -1

    def complaint(self) -> str:
        """What bubblewrap or the command said before the kernel took over."""
        return os.pread(self._complaints, 4000, 0).decode("utf-8", "replace").strip()

    def _await_ready(self, told: int) -> None:
        """Until the shell in the box says so: from then on every mount is as it will be."""
        assert self._process is not None and self._process.stdout is not None
        end = time.monotonic() + _READY_SECONDS
        words = b""
        while not words.endswith(b"ready\n"):
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
            piece = os.read(self._process.stdout.fileno(), 64) if ready else b""
            if not piece:
                os.close(told)
                self._process.kill()
                self._process.wait()
                raise SandboxError(f"the sandbox did not start: {self.complaint() or 'no reason given'}")
            words += piece
        self.pid = int(json.loads(os.read(told, 4096))["child-pid"])
        self._first = os.pidfd_open(self.pid)
        os.close(told)

    def _await_end(self) -> None:
        """The first process ends after all others: from then on nothing writes any more."""
        if self._first >= 0:
            poll = select.poll()
            poll.register(self._first, select.POLLIN)
            poll.poll(_END_SECONDS * 1000)


def put(folder: int, files: Mapping[str, bytes]) -> None:
    """Write a submission's files below an open folder, before any of its code runs."""
    for name, content in files.items():
        path = PurePosixPath(name)
        parts = path.parts
        if path.is_absolute() or not parts or ".." in parts or "\0" in name:
            raise ValueError(f"not a path below the notebook's folder: {name!r}")
        with contextlib.ExitStack() as stack:
            here = folder
            for part in parts[:-1]:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=here)
                here = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                stack.callback(os.close, here)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            handle = os.open(parts[-1], flags, 0o644, dir_fd=here)
            with os.fdopen(handle, "wb") as file:
                file.write(content)


def _in_memory(content: bytes) -> int:
    handle = os.memfd_create("grader")
    os.write(handle, content)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle
