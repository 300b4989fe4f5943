"""Many notebooks executed at once, each in a worker process of its own kind, results as they come.

Whatever one submission does, it costs only itself: a worker that dies is replaced and its notebook tried once more.
Nothing is stored here; who calls keeps what comes out.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Any

from grader.errors import GraderError, SandboxError
from grader.execution import cgroups, layout, wire
from grader.execution.box import Bubblewrap
from grader.execution.descend import UNPRIVILEGED, unreadable
from grader.execution.nouns import Job, Limits, Run, Stage
from grader.execution.portable import PlainPool
from grader.execution.warm import Server

_START = "import sys; sys.path[:] = {path!r}; from grader.execution.worker import main; main({handle}, {parent})"
_SLACK = 90.0


class WorkerDiedError(SandboxError):
    """A worker ended without a word: killed by somebody, or by the machine for want of memory."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """What every worker of a pool is told."""

    stage: Stage
    limits: Limits
    boxed: bool
    groups: dict[str, str]
    server: Server | None

    @property
    def most_seconds(self) -> float:
        """After this a worker is given up."""
        return self.limits.start_seconds + self.limits.notebook_seconds + _SLACK


class _Worker:
    """Our side of one worker process."""

    def __init__(self, setting: _Setting, number: int) -> None:
        self._setting, self.number = setting, number
        self._server = setting.server.sockets[number].fileno() if setting.server else None
        self.pipe, far = Pipe()
        path = [entry for entry in dict.fromkeys([str(layout.HERE.parents[1]), *sys.path]) if entry]
        code = _START.format(path=path, handle=far.fileno(), parent=os.getpid())
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            pass_fds=[handle for handle in (far.fileno(), self._server) if handle is not None],
            env={"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"},
            start_new_session=True,
        )  # fmt: skip
        far.close()
        if setting.boxed:
            cgroups.enter(setting.groups, self._process.pid)
        self.job: Job | None = None
        self.tries = 0
        self.until = time.monotonic() + 60.0
        self._greet()

    def _greet(self) -> None:
        setting = self._setting
        paths = [str(path) for path in layout.needed(setting.stage)]
        modules = sorted(setting.server.modules) if setting.server else []
        more = {"boxed": setting.boxed, "cgroups": setting.groups, "paths": paths, "modules": modules}
        self.pipe.send_bytes(wire.dump_setup(setting.stage, setting.limits, server=self._server, **more))
        if not self.pipe.poll(60.0):
            self.end()
            raise SandboxError("a worker process did not start within a minute")
        told = self.receive()
        if isinstance(told, GraderError):
            self.end()
            raise told

    def give(self, job: Job, tries: int) -> None:
        """Start it on a job."""
        self.job, self.tries = job, tries
        self.until = time.monotonic() + self._setting.most_seconds
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send_bytes(wire.dump_job(job))

    def receive(self) -> Run | GraderError | None:
        """What it says: a result, our own trouble, or None for anything else."""
        try:
            data = self.pipe.recv_bytes()
            told: dict[str, Any] = json.loads(data)
        except (EOFError, OSError, ValueError):
            return WorkerDiedError(
                f"the worker process ended unexpectedly (exit status {self._ended()})",
                todo="run the same command again: it goes on where it stopped; with fewer --jobs if memory is short",
            )
        if "trouble" in told:
            what, where, todo = told["trouble"]
            return SandboxError(what, where=where, todo=todo)
        return wire.load_run(data[len(b'{"run": ') : -1]) if "run" in told else None

    def end(self) -> None:
        """Kill it; everything in its box dies with it."""
        self._process.kill()
        self._process.wait()
        self.pipe.close()

    def _ended(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(5.0)
        return None


class Pool:
    """Workers with one stage and one set of limits."""

    def __init__(self, setting: _Setting, count: int, why_not_warm: str | None = None) -> None:
        self._setting = setting
        self.why_not_warm = why_not_warm
        """Why every kernel is started afresh although warm ones were asked for; None if all is well."""
        self._workers = [self._first(number) for number in range(count)]

    def map(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Run]]:
        """Execute every job; results as they finish. `jobs` may be a generator: it is read only as needed."""
        source = iter(jobs)
        again: collections.deque[Job] = collections.deque()
        while True:
            for place, worker in enumerate(self._workers):
                if worker.job is None and not self._feed(place, source, again):
                    break
            busy = [worker for worker in self._workers if worker.job is not None]
            if not busy:
                return
            yield from self._collect(busy, again)

    def close(self) -> None:
        """End every worker."""
        for worker in self._workers:
            worker.end()

    def _feed(self, place: int, source: Iterator[Job], again: collections.deque[Job]) -> bool:
        tries = 2 if again else 1
        job = again.popleft() if again else next(source, None)
        if job is None:
            return False
        self._workers[place].give(job, tries)
        return True

    def _collect(self, busy: list[_Worker], again: collections.deque[Job]) -> Iterator[tuple[Job, Run]]:
        first = min(worker.until for worker in busy)
        ready = wait([worker.pipe for worker in busy], timeout=max(0.0, first - time.monotonic()))
        for worker in busy:
            job = worker.job
            assert job is not None
            if worker.pipe in ready:
                answer = worker.receive()
                worker.job = None
            elif time.monotonic() >= worker.until:
                answer = SandboxError("it did not end in time, not even when it was killed")
            else:
                continue
            run = self._judge(worker, answer, again, job)
            if run is not None:
                yield job, run

    def _first(self, number: int) -> _Worker:
        """A worker; what it says is wrong with the machine is believed at once, a sudden end only the second time."""
        try:
            return _Worker(self._setting, number)
        except WorkerDiedError:
            return _Worker(self._setting, number)

    def _fresh(self, number: int) -> _Worker:
        """A new worker in the place of one that ended; a busy machine gets a second and a third chance."""
        for pause in (1.0, 5.0):
            try:
                return _Worker(self._setting, number)
            except SandboxError:
                time.sleep(pause)
        return _Worker(self._setting, number)

    def _judge(
        self, worker: _Worker, answer: Run | GraderError | None, again: collections.deque[Job], job: Job
    ) -> Run | None:
        """The result, or None if the job is to be tried once more, with a new worker in any case of trouble."""
        if isinstance(answer, Run):
            return answer
        worker.end()
        self._workers[worker.number] = self._fresh(worker.number)
        if worker.tries < 2:
            again.append(job)
            return None
        what = answer.text() if isinstance(answer, GraderError) else "the worker process answered nonsense"
        return Run("crashed", f"The grader could not execute it, twice: {what}", boxed=self._setting.boxed)


@contextlib.contextmanager
def open_pool(
    stage: Stage, *, limits: Limits | None = None, jobs: int = 1, boxed: bool = True, warm: bool = True
) -> Iterator[Pool | PlainPool]:
    """A pool of `jobs` workers. `boxed=False` is for one's own notebook only; nothing ever chooses it by itself.

    `warm=False`: every kernel is started afresh, as it also is where a notebook needs it.
    """
    stage = insist_on_stage(stage)
    if not boxed:
        yield PlainPool(stage, limits or Limits())
        return
    _insist_on_box(stage)
    with contextlib.ExitStack() as stack:
        groups = cgroups.make_base(UNPRIVILEGED if os.geteuid() == 0 else None)
        janitor = cgroups.watch_over(groups)
        if janitor is not None:
            stack.enter_context(janitor)
        stack.callback(cgroups.unmake, groups)
        server, trouble = None, None
        if warm:
            server = Server(stage, max(1, jobs))
            stack.callback(server.end)
            trouble = server.await_ready()
        setting = _Setting(stage, limits or Limits(), boxed, groups, None if trouble else server)
        pool = Pool(setting, max(1, jobs), why_not_warm=trouble)
        stack.callback(pool.close)
        yield pool


def execute(job: Job, stage: Stage, limits: Limits | None = None, *, boxed: bool = True) -> Run:
    """One notebook by itself: the function to map over a cluster."""
    with open_pool(stage, limits=limits, boxed=boxed, warm=False) as pool:
        return next(run for _, run in pool.map([job]))


def try_box(stage: Stage, limits: Limits) -> None:
    """Start an empty box in the way a pool would; raises with the reason if that fails."""
    stage = insist_on_stage(stage)
    _insist_on_box(stage)
    _Worker(_Setting(stage, limits, True, {}, None), 0).end()


def why_not_warm(stage: Stage) -> str | None:
    """Start the warm server as a pool would, and end it; None if kernels can be forked from it."""
    server = Server(insist_on_stage(stage), 1)
    try:
        return server.await_ready()
    finally:
        server.end()


def insist_on_stage(stage: Stage) -> Stage:
    """The stage with paths that hold in any working folder."""
    for place in (stage.hub, stage.data):
        if place is not None and not place.is_dir():
            raise GraderError("the stage is missing", where=str(place), todo="python -m reference stage")
    return dataclasses.replace(stage, hub=stage.hub and stage.hub.resolve(), data=stage.data and stage.data.resolve())


def _insist_on_box(stage: Stage) -> None:
    if Bubblewrap.find() is None:
        raise SandboxError(
            "bubblewrap is missing, so there is no box for other people's code", todo="apt-get install bubblewrap"
        )
    closed = unreadable(layout.needed(stage)) if os.geteuid() == 0 else []
    if closed:
        raise SandboxError(
            "the notebooks run as an ordinary user, who may not read this", where=str(closed[0]),
            todo=f"chmod -R go+rX {closed[0]}",
        )  # fmt: skip
