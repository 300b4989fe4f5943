"""A worker process: stops being root, then executes one notebook after the other for the grader that started it.

It keeps nothing from one notebook to the next, and ends with the pipe to its grader.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import itertools
import json
import os
import signal
import socket
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from grader.errors import GraderError, SandboxError
from grader.execution import wire
from grader.execution.box import Box, Bubblewrap
from grader.execution.cgroups import Cgroup
from grader.execution.coldness import why_cold
from grader.execution.descend import descend
from grader.execution.nouns import Job, Limits, Run, Stage
from grader.execution.places import BoxPlace, Place
from grader.execution.warm import WarmPlace

_PR_SET_PDEATHSIG = 1


def main(handle: int, parent: int) -> None:
    """Serve the grader at the other end of the pipe `handle`."""
    pipe: Connection[bytes, bytes] = Connection(handle)
    stage, limits, told = wire.load_setup(pipe.recv_bytes())
    try:
        if told["boxed"]:
            descend([Path(path) for path in told["paths"]])
        end_with(parent)
        worker = Worker(stage, limits, told)
    except GraderError as error:
        pipe.send_bytes(_trouble(error))
        return
    pipe.send_bytes(b'{"ready": true}')
    while True:
        try:
            request = pipe.recv_bytes()
        except EOFError:
            return
        pipe.send_bytes(worker.answer(request))


class Worker:
    """Executes jobs with one stage and one set of limits."""

    def __init__(self, stage: Stage, limits: Limits, told: dict[str, Any]) -> None:
        self._stage, self._limits = stage, limits
        self._boxed: bool = told["boxed"]
        self._groups: dict[str, str] = told["cgroups"]
        self._numbers = itertools.count()
        self._modules = frozenset(told["modules"])
        self._server = socket.socket(fileno=told["server"]) if told["server"] is not None else None
        self._bwrap = Bubblewrap.find()
        if self._boxed and self._bwrap is None:
            raise SandboxError("bubblewrap is missing", todo="apt-get install bubblewrap")
        if self._boxed and self._bwrap is not None:
            _try(Box(self._bwrap, stage, limits))

    def answer(self, request: bytes) -> bytes:
        """The result of a job, or our own trouble with it, as bytes."""
        try:
            return b'{"run": ' + wire.dump_run(self._execute(wire.load_job(request))) + b"}"
        except GraderError as error:
            return _trouble(error)
        except Exception as error:
            return _trouble(GraderError(f"{type(error).__name__}: {error}", where=_where(error)))

    def _execute(self, job: Job) -> Run:
        # Imported late: a process that may still be root loads no library that parses what others wrote.
        from grader.execution.reloading import reload_job, reloaded
        from grader.execution.runner import execute

        run = execute(job, self._place(job))
        again = reload_job(run, self._stage)
        if again is None:
            return run
        with contextlib.suppress(SandboxError):  # a file that can't be asked again costs nobody the run
            return dataclasses.replace(run, reloaded=reloaded(again, execute(again, self._place(again))))
        return run

    def _place(self, job: Job) -> Place:
        assert self._bwrap is not None
        name = f"box-{os.getpid()}-{next(self._numbers)}"
        cgroup = Cgroup(self._groups, name, self._limits) if self._groups else None
        if self._server is None or why_cold(job, self._modules):
            return BoxPlace(self._stage, self._limits, bwrap=self._bwrap, cgroup=cgroup)
        return WarmPlace(self._stage, self._limits, bwrap=self._bwrap, cgroup=cgroup, server=self._server)


def _try(box: Box) -> None:
    """Better now than with the first submission."""
    try:
        box.start(["/bin/true"])
    finally:
        box.close()


def end_with(parent: int) -> None:
    """Be killed when the grader is, for whatever reason (Linux only; elsewhere the pipe's end does it later)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(1)


def _trouble(error: GraderError) -> bytes:
    return json.dumps({"trouble": [error.what, error.where, error.todo]}).encode()


def _where(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
