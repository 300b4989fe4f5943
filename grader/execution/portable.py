"""One's own notebook, run without a sandbox in a temporary copy: on Linux, macOS and Windows alike.

For the owner of the notebook only, never for someone else's. The kernel is a process of its own that talks over
loopback with a signed connection; the recorder writes into a file, because not every system passes pipes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from grader.execution import layout
from grader.execution.harvest import gather, pick
from grader.execution.nouns import Job, Limits, Run, Stage
from grader.execution.places import Place, libraries
from grader.execution.trace import FileTrace

PASSED_ON = (
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "PROGRAMDATA", "PROCESSOR_ARCHITECTURE",
    "NUMBER_OF_PROCESSORS", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "LD_LIBRARY_PATH",
)  # fmt: skip
"""Of the environment: what Windows needs to start Python at all, and where libraries lie."""


class PortablePlace(Place):
    """A copy in a temporary folder."""

    boxed = False
    transport = "tcp"

    def __init__(self, stage: Stage, limits: Limits) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="grader-"))
        super().__init__(stage, limits, trace=FileTrace(limits, self._folder / "trace.jsonl"))
        self._process: Any = None

    def open(self) -> None:
        """Make the place."""
        for name in ("job", "k", "home", "tmp"):
            (self._folder / name).mkdir()
        self.sockets = str(self._folder / "k")
        self.ports = dict(zip(self.ports, _free_ports(len(self.ports)), strict=True))

    @property
    def address(self) -> str:
        """Where the kernel listens."""
        return "127.0.0.1"

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Put the submission's files in; raises OSError or ValueError if they don't fit."""
        for name, content in files.items():
            path = PurePosixPath(name)
            if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name:
                raise ValueError(f"not a path below the notebook's folder: {name!r}")
            target = self._folder / "job" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def launch(self, connection: Mapping[str, Any]) -> None:
        """Start a kernel that listens as `connection` says."""
        from jupyter_client.launcher import launch_kernel  # knows how Windows passes on an interrupt

        work = str(self._folder / "job")
        start = self._start_file(
            inside=str(layout.HERE), libraries=libraries(str(layout.HERE.parents[1])), sockets=self.sockets, work=work,
            seccomp=False, trace_file=str(self._folder / "trace.jsonl"), rlimits=[],
        )  # fmt: skip
        for name, content in (("start.json", start), ("kernel.json", dict(connection))):
            Path(self.sockets, name).write_text(json.dumps(content), "utf-8")
        command = [sys.executable, str(layout.HERE / "kernel.py"), f"{self.sockets}/start.json"]
        null = subprocess.DEVNULL
        self._process = launch_kernel(command, stdin=null, stdout=null, stderr=null, cwd=work, env=self._environment())

    def poll(self) -> int | None:
        """The kernel's exit status, None while it lives."""
        return None if self._process is None else self._process.poll()

    def interrupt(self) -> None:
        """What the stop button does."""
        if self._process is None or self._process.poll() is not None:
            return
        if sys.platform == "win32":
            from jupyter_client.win_interrupt import send_interrupt

            send_interrupt(self._process.win32_interrupt_event)
        else:
            _signal(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        """End the kernel and what it started."""
        if self._process is None:
            return
        if self._process.poll() is None:
            if sys.platform == "win32":
                tree = ["taskkill", "/T", "/F", "/PID", str(self._process.pid)]
                with contextlib.suppress(OSError):
                    subprocess.run(tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            else:
                _signal(self._process.pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Remove everything."""
        self.kill()
        self.trace.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def harvest(self, given: Mapping[str, bytes]) -> tuple[dict[str, bytes], tuple[tuple[str, int], ...]]:
        """The files of interest and the names of the others; after `kill`."""
        root = self._folder / "job"
        return pick(gather(root), lambda path, size: _content(root / path, size), self.limits, given)

    def _environment(self) -> dict[str, str]:
        places = {"HF_HUB_CACHE": self.stage.hub, "COURSE_DATA": self.stage.data}
        found = {name: str(place.absolute()) for name, place in places.items() if place is not None}
        home, temp = str(self._folder / "home"), str(self._folder / "tmp")
        own = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        homes = {"HOME": home, "USERPROFILE": home, "TMPDIR": temp, "TEMP": temp, "TMP": temp, "PATH": path}
        gpu = {} if self.stage.devices else {"CUDA_VISIBLE_DEVICES": ""}
        common = {**layout.common_environment(home), "PYTHONUTF8": "1"}
        return {**own, **common, **gpu, **homes, **found, **self.stage.env}


class PlainPool:
    """One notebook after the other, without workers."""

    why_not_warm = None

    def __init__(self, stage: Stage, limits: Limits) -> None:
        self._stage, self._limits = stage, limits

    def map(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Run]]:
        """Execute every job."""
        from grader.execution.runner import execute  # asyncio and nbclient: not for those who only look

        for job in jobs:
            yield job, execute(job, PortablePlace(self._stage, self._limits))


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


def _signal(pid: int, number: int) -> None:
    """To the kernel's own group of processes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _content(path: Path, most: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError:
        return None
