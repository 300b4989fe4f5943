"""Kernels forked from the warm server, seen from the workers. `server` is the other side."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from grader.errors import SandboxError
from grader.execution import layout
from grader.execution.box import Bubblewrap
from grader.execution.cgroups import Cgroup
from grader.execution.nouns import Limits, Stage
from grader.execution.places import BoxPlace
from grader.execution.server import TRACE

_START = (
    "import sys; sys.path.insert(0, {root!r}); "
    "from grader.execution.server import main; main({life}, {workers}, {paths}, {libraries})"
)
_START_SECONDS = 300.0
# The box needs a process that keeps it open and does nothing; it ends when we do.
_HOLDER = ("/bin/sleep", "infinity")


class Server:
    """The warm server of one pool, and a socket to it for each worker."""

    def __init__(self, stage: Stage, count: int) -> None:
        self._life, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(count)]
        self.sockets = [near for near, _ in pairs]
        """Our ends: to be inherited by the workers."""
        theirs = [there.fileno() for _, there in pairs]
        code = _START.format(
            root=str(layout.HERE.parents[1]), life=far.fileno(), workers=theirs,
            paths=[str(path) for path in layout.needed(stage)], libraries=[str(path) for path in layout.libraries()],
        )  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, pass_fds=(far.fileno(), *theirs), env=layout.environment(stage), cwd="/",
            start_new_session=True,
        )  # fmt: skip
        for end in (far, *(there for _, there in pairs)):
            end.close()
        self.modules: frozenset[str] = frozenset()
        """Names of what it has imported, once it is ready."""

    def await_ready(self) -> str | None:
        """Wait for the imports; None, or why there is no warm server."""
        readable, _, _ = select.select([self._life], [], [], _START_SECONDS)
        told = json.loads(self._life.recv(1 << 18) or b"{}") if readable else {}
        self.modules = frozenset(told.get("modules", ()))
        if self.modules:
            return None
        return str(told.get("trouble") or f"the warm server did not start (exit status {self._process.poll()})")

    def end(self) -> None:
        """Stop it; kernels that it forked belong to their boxes."""
        self._process.kill()
        self._process.wait()
        for end in (self._life, *self.sockets):
            end.close()


class WarmPlace(BoxPlace):
    """A box whose kernel is forked from the warm server."""

    warm = True

    def __init__(
        self, stage: Stage, limits: Limits, *, bwrap: Bubblewrap, cgroup: Cgroup | None, server: socket.socket
    ) -> None:
        super().__init__(stage, limits, bwrap=bwrap, cgroup=cgroup)
        self._server = server
        self._stepper: socket.socket | None = None
        self._pid = 0
        self._ended: int | None = None

    def launch(self, connection: Mapping[str, Any]) -> None:
        """Have a kernel forked into the box."""
        self.write_start_files(connection, trace=TRACE)
        self.box.go()
        self._stepper, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = layout.environment(self.stage)
        request = {"box": self.box.pid, "start": f"{layout.SOCKETS}/start.json", "environment": environment}
        with far:
            handles = [far.fileno(), self.trace.write_end]
            socket.send_fds(self._server, [json.dumps(request).encode()], handles)
        self._stepper.settimeout(30.0)
        told = json.loads(self._stepper.recv(4096) or b"{}")
        if "pid" not in told:
            raise SandboxError(f"the warm server could not enter the sandbox: {told.get('trouble', 'it is gone')}")
        self._pid = int(told["pid"])
        self.begin(self._pid)
        self._stepper.send(b"go")
        self._stepper.setblocking(False)
        self.trace.let_go()

    def poll(self) -> int | None:
        """The kernel's exit status, None while it lives."""
        if self._ended is None and self._stepper is not None and self._pid:
            try:
                told = self._stepper.recv(4096)
            except BlockingIOError:
                return None
            except OSError:
                told = b""
            self._ended = int(json.loads(told)["ended"]) if told else -signal.SIGKILL
        return self._ended

    def interrupt(self) -> None:
        """What the stop button does."""
        if self._pid and self._ended is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGINT)

    def close(self) -> None:
        """Remove everything."""
        super().close()
        if self._stepper is not None:
            self._stepper.close()

    def _command(self) -> list[str]:
        return list(_HOLDER)

    def _keep(self) -> tuple[int, ...]:
        return ()
