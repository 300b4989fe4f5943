"""Where a kernel runs: in a box with a fresh interpreter. Without a box: `portable`.

Each place offers the same few things: it takes the files, starts a kernel, is asked whether the kernel lives, passes a
signal, is killed, and gives up what was left. `warm` adds the kernel that is forked from a warm server.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.execution import layout
from grader.execution.box import Box, Bubblewrap, put
from grader.execution.cgroups import Cgroup
from grader.execution.fences import Gauge, rlimits
from grader.execution.harvest import harvest
from grader.execution.nouns import Limits, Stage
from grader.execution.trace import Trace

PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}
"""The kernel's sockets by name; a number is part of a file's name, or a port."""


class Place(ABC):
    """One notebook's kernel and all that surrounds it."""

    boxed = True
    warm = False

    transport = "ipc"

    def __init__(self, stage: Stage, limits: Limits, *, trace: Trace | None = None) -> None:
        self.stage, self.limits = stage, limits
        self.trace = trace or Trace(limits)
        self.ports = dict(PORTS)
        self.sockets = ""
        """The folder of the kernel's sockets, as we see it."""
        self.work = -1
        """A handle on the folder the notebook runs in."""

    @abstractmethod
    def open(self) -> None:
        """Make the place."""

    @property
    def address(self) -> str:
        """Where the kernel listens, as we see it."""
        return f"{self.sockets}/s"

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Put the submission's files in; raises OSError or ValueError if they don't fit."""
        put(self.work, files)

    @abstractmethod
    def launch(self, connection: Mapping[str, Any]) -> None:
        """Start a kernel that listens as `connection` says."""

    @abstractmethod
    def poll(self) -> int | None:
        """The kernel's exit status, None while it lives."""

    @abstractmethod
    def interrupt(self) -> None:
        """What the stop button does."""

    @abstractmethod
    def kill(self) -> None:
        """End everything; the files stay readable."""

    @abstractmethod
    def close(self) -> None:
        """Remove everything."""

    def complaint(self) -> str:
        """What the interpreter said before the kernel took over."""
        return ""

    def sample(self) -> str | None:
        """A limit that is passed now: "memory", "files" or None."""
        return None

    def usage(self) -> tuple[float, float, bool]:
        """(processor seconds, most memory in MB, whether memory ran out) so far."""
        return 0.0, 0.0, False

    def harvest(self, given: Mapping[str, bytes]) -> tuple[dict[str, bytes], tuple[tuple[str, int], ...]]:
        """The files of interest and the names of the others; after `kill`."""
        return harvest(self.work, self.limits, given) if self.work >= 0 else ({}, ())

    def _start_file(self, *, sockets: str, **more: Any) -> dict[str, Any]:
        """What `kernel` needs to know; the student's code can read it."""
        return {
            "connection_file": f"{sockets}/kernel.json", "inside_config": dict(self.stage.inside_config),
            "message_bytes": self.limits.message_bytes, **more,
        }  # fmt: skip


class BoxPlace(Place):
    """A box; its kernel is a fresh interpreter (a cold start)."""

    def __init__(self, stage: Stage, limits: Limits, *, bwrap: Bubblewrap, cgroup: Cgroup | None) -> None:
        super().__init__(stage, limits)
        self.box = Box(bwrap, stage, limits)
        self.cgroup = cgroup
        self.gauge: Gauge | None = None

    def open(self) -> None:
        """Make the place."""
        self.box.start(self._command(), keep=self._keep())
        self.gauge = Gauge(self.box.pid, self.limits, self.cgroup)
        for pid in (self.box.pid, *self.box.command_pids()):
            self.begin(pid)
        self.work, self.sockets = self.box.work, self.box.inside(layout.SOCKETS)

    def launch(self, connection: Mapping[str, Any]) -> None:
        """Start a kernel that listens as `connection` says."""
        self.write_start_files(connection, self.trace.write_end)
        self.box.go()
        self.trace.let_go()

    def begin(self, kernel: int) -> None:
        """The kernel is about to run: fence its process and count from here."""
        if self.cgroup:
            self.cgroup.add(kernel)
        if self.gauge:
            self.gauge.begin()
        with contextlib.suppress(OSError):
            # When the whole machine runs out of memory, this is what has to go.
            Path(f"/proc/{kernel}/oom_score_adj").write_text("1000")

    def write_start_files(self, connection: Mapping[str, Any], trace: int) -> None:
        """Put the two files that the kernel starts from into its folder of sockets."""
        start = self._start_file(
            inside=layout.INSIDE, libraries=libraries(layout.LIBRARY), work=layout.WORK, seccomp=True,
            sockets=layout.SOCKETS, trace_fd=trace, rlimits=rlimits(self.limits, fenced=self.cgroup is not None),
        )  # fmt: skip
        listens = {**connection, "ip": f"{layout.SOCKETS}/s"}
        for name, content in (("start.json", start), ("kernel.json", listens)):
            Path(self.sockets, name).write_text(json.dumps(content), "utf-8")

    def poll(self) -> int | None:
        """The kernel's exit status, None while it lives."""
        return self.box.poll()

    def interrupt(self) -> None:
        """What the stop button does."""
        for pid in self.box.command_pids()[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)

    def kill(self) -> None:
        """End everything; the files stay readable."""
        self.box.kill()

    def close(self) -> None:
        """Remove everything."""
        self.box.close()
        self.trace.close()
        if self.cgroup:
            self.cgroup.close()

    def complaint(self) -> str:
        """What the interpreter said before the kernel took over."""
        return self.box.complaint()

    def sample(self) -> str | None:
        """A limit that is passed now."""
        return self.gauge.sample() if self.gauge else None

    def usage(self) -> tuple[float, float, bool]:
        """(processor seconds, most memory in MB, whether memory ran out) so far."""
        if self.gauge is None:
            return 0.0, 0.0, False
        return self.gauge.cpu_seconds, self.gauge.peak_mb, self.gauge.ran_out

    def _command(self) -> list[str]:
        return [sys.executable, f"{layout.INSIDE}/kernel.py", f"{layout.SOCKETS}/start.json"]

    def _keep(self) -> tuple[int, ...]:
        return (self.trace.write_end,)


def libraries(ours: str) -> list[str]:
    """Folders of libraries, with our own package last."""
    return [*map(str, layout.libraries()), ours]
