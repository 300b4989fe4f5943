"""One notebook, executed in a place, with everything it produced kept: the order of events, deadlines, the verdict on
how it ended.

It doesn't say where the kernel runs (`places`), nor what the outputs mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.session import Session
from nbclient.exceptions import DeadKernelError

from grader.errors import SandboxError
from grader.execution import notebooks
from grader.execution.capture import Capture
from grader.execution.nouns import Job, Limits, Run, Status
from grader.execution.places import Place

_LOOK = 0.25
_NO_MEMORY = re.compile(r"MemoryError|(?:can't|cannot|not enough) .{0,20}memory|std::bad_alloc")
_FINISH = "__import__('IPython').get_ipython().kernel.grader_finish()"


class GarbledError(Exception):
    """The kernel sent what no kernel sends."""


class Reader(Session):
    """Reads messages of a kernel that is not to be trusted with anything."""

    def deserialize(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """One message, checked for the parts that every message has."""
        try:
            message: dict[str, Any] = super().deserialize(*args, **kwargs)
            parts = (message["header"], message["parent_header"], message["content"])
            if not all(isinstance(part, dict) for part in parts) or not isinstance(message["msg_type"], str):
                raise TypeError("a part of the message is missing")
        except Exception as error:
            raise GarbledError(f"{type(error).__name__}: {error}") from error
        return message


class Client(AsyncKernelClient):
    """A client of one kernel that asks the place, not a heartbeat, whether it lives."""

    place: Place

    async def is_alive(self) -> bool:
        """Whether the kernel's process runs."""
        return self.place.poll() is None

    def stop(self) -> None:
        """Close the two channels in use. `stop_channels` would first connect the others, to where a student may have put links."""
        for channel in (self._shell_channel, self._iopub_channel):
            if channel is not None:
                channel.stop()
        self.context.destroy(linger=0)


@dataclass
class Story:
    """What happened so far; filled while the notebook runs, so that nothing is lost when it is cut short."""

    ran: list[int] = field(default_factory=list)
    timed_out: list[int] = field(default_factory=list)
    ended_by: str | None = None
    """None, or what ended it early: "deadline", "stuck", "memory", "files", "died", "garbled", "start"."""
    exit_status: int | None = None


def execute(job: Job, place: Place) -> Run:
    """Run the notebook in the place, which is closed afterwards. Raises only for our own trouble."""
    began = time.monotonic()
    notebook = notebooks.fresh(job.notebook)
    capture, story = Capture(notebook, place.limits), Story()
    try:
        place.open()
        try:
            place.fill(job.files)
        except (OSError, ValueError) as error:
            return Run("skipped", f"Its files could not be put beside the notebook: {error}", boxed=place.boxed)
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:  # Windows' own kind can't do zmq
            runner.run(_perform(capture, story, place, notebooks.sequence(notebook, job.order)))
        place.sample()
        place.kill()
        place.trace.drain()
        if story.ended_by == "start":
            raise SandboxError(f"the notebook's kernel did not start: {_start_trouble(place)}")
        return _run(capture, story, place, job, began)
    finally:
        place.close()


async def _perform(capture: Capture, story: Story, place: Place, cells: Sequence[int]) -> None:
    """The kernel's life, watched."""
    loop = asyncio.get_running_loop()
    place.trace.follow(loop)
    watcher = asyncio.ensure_future(_watch(story, place))
    client = _client(place)
    try:
        await _connect(client, place)
        capture.kc = client
        await _cells(capture, story, client, cells)
        if story.ended_by is None:
            await _finish(client, place.limits.finish_seconds)
    except (DeadKernelError, ConnectionError):
        story.ended_by = story.ended_by or "died"
    except GarbledError:
        story.ended_by = story.ended_by or "garbled"
    except TimeoutError:
        story.ended_by = story.ended_by or "start"
    finally:
        story.exit_status = place.poll()
        watcher.cancel()
        client.stop()
        place.trace.unfollow(loop)
        capture.settle()


async def _watch(story: Story, place: Place) -> None:
    """Look at the limits that the Linux kernel doesn't hold by itself."""
    while True:
        await asyncio.sleep(_LOOK)
        passed = place.sample()
        if passed:
            story.ended_by = story.ended_by or passed
            place.kill()
            return


async def _cells(capture: Capture, story: Story, client: Client, cells: Sequence[int]) -> None:
    """Each cell in turn; one that takes too long is interrupted, and all is killed if that doesn't help."""
    place = client.place
    end = time.monotonic() + place.limits.notebook_seconds
    for index in cells:
        if time.monotonic() >= end:
            story.ended_by = "deadline"
            return
        story.ran.append(index)
        capture.heard = False
        task = asyncio.ensure_future(capture.async_execute_cell(capture.nb.cells[index], index))
        try:
            await _one_cell(task, story, place, end)
        finally:
            if not task.done():
                task.cancel()
        if not capture.heard and not await _heard(client, client.kernel_info()):
            # A message over the limit ends the connection on which outputs come.
            raise GarbledError("no outputs arrive")


async def _one_cell(task: asyncio.Future[Any], story: Story, place: Place, end: float) -> None:
    allowed = min(place.limits.cell_seconds, end - time.monotonic())
    done, _ = await asyncio.wait({task}, timeout=allowed)
    if not done:
        story.timed_out.append(story.ran[-1])
        place.interrupt()
        done, _ = await asyncio.wait({task}, timeout=place.limits.grace_seconds)
    if not done:
        story.ended_by = story.ended_by or "stuck"
        place.kill()
        await asyncio.wait({task}, timeout=place.limits.grace_seconds)
    if task.done():
        task.result()


async def _connect(client: Client, place: Place) -> None:
    """Start the kernel and wait until it answers on both channels."""
    end = time.monotonic() + place.limits.start_seconds
    place.launch({**place.ports, "ip": place.address, "transport": place.transport, "key": client.session.key.decode(),
                  "signature_scheme": client.session.signature_scheme})  # fmt: skip
    await _until_listening(client, place, end)
    client.start_channels(stdin=False, hb=False, control=False)
    client.allow_stdin = False
    while time.monotonic() < end:
        request = client.kernel_info()
        with contextlib.suppress(Empty):
            while True:
                answer = await client.get_shell_msg(timeout=1)
                if answer["parent_header"].get("msg_id") == request and await _heard(client, request):
                    return
        if place.poll() is not None:
            break
    raise TimeoutError


async def _heard(client: Client, request: str) -> bool:
    """Whether what the kernel publishes arrives too."""
    with contextlib.suppress(Empty):
        while True:
            message = await client.get_iopub_msg(timeout=0.5)
            idle = message["content"].get("execution_state") == "idle"
            if idle and message["parent_header"].get("msg_id") == request:
                return True
    return False


async def _until_listening(client: Client, place: Place, end: float) -> None:
    """Only then is it safe to connect once and for all: the student can put a link where a socket was."""
    for port in (place.ports["shell_port"], place.ports["iopub_port"]):
        while not _listens(place, port):
            if place.poll() is not None or time.monotonic() >= end:
                raise TimeoutError
            await asyncio.sleep(0.01)


def _listens(place: Place, port: int) -> bool:
    file = place.transport == "ipc"
    with socket.socket(socket.AF_UNIX if file else socket.AF_INET) as probe:
        try:
            probe.connect(f"{place.address}-{port}" if file else (place.address, port))
        except OSError:
            return False
    return True


def _client(place: Place) -> Client:
    context = zmq.asyncio.Context()
    # What a hostile kernel can make us hold: messages, not bytes, so both numbers matter.
    context.setsockopt(zmq.MAXMSGSIZE, place.limits.message_bytes)
    context.setsockopt(zmq.RCVHWM, 50)
    context.setsockopt(zmq.RECONNECT_IVL, -1)
    context.setsockopt(zmq.LINGER, 0)
    client = Client(context=context, session=Reader(key=os.urandom(32).hex().encode()))
    client.place = place
    client.transport, client.ip = place.transport, place.address
    for name, number in place.ports.items():
        setattr(client, name, number)
    return client


async def _finish(client: Client, seconds: float) -> None:
    """Let the recorder say what it still holds."""
    request = client.execute(_FINISH, silent=True, store_history=False, allow_stdin=False)
    end = time.monotonic() + seconds
    with contextlib.suppress(Empty):
        while time.monotonic() < end:
            answer = await client.get_shell_msg(timeout=max(0.0, end - time.monotonic()))
            if answer["parent_header"].get("msg_id") == request:
                return


def _start_trouble(place: Place) -> str:
    told = [record.get("error") for record in place.trace.records([]) if record.get("t") == "kernel_error"]
    return str(told[-1] if told else place.complaint() or "no answer in time")[-1500:]


def _run(capture: Capture, story: Story, place: Place, job: Job, began: float) -> Run:
    """Everything that was produced, after the end of everything in the place."""
    cpu, memory, ran_out = place.usage()
    files, left = place.harvest(job.files)
    executed = notebooks.plain(capture.nb)
    errors = notebooks.errors(executed)
    status, why = _verdict(story, place.limits, errors=errors, no_memory=ran_out)
    return Run(
        status=status, why=why, seconds=round(time.monotonic() - began, 3), cpu_seconds=cpu,
        peak_memory_mb=memory, cells_run=len(story.ran), boxed=place.boxed, warm=place.warm, executed=executed,
        trace=place.trace.records(story.ran), trace_truncated=place.trace.truncated, trace_dropped=place.trace.dropped,
        files=files, left=left, errors=errors, cut=tuple(sorted(capture.cut)), timed_out=tuple(story.timed_out),
    )  # fmt: skip


def _verdict(
    story: Story, limits: Limits, *, errors: Sequence[tuple[int, str, str]], no_memory: bool
) -> tuple[Status, str]:
    """How it ended, in one word and in one sentence."""
    where = f"cell {story.ran[-1]}" if story.ran else "the start"
    if (
        story.ended_by == "memory"
        or no_memory
        or any(_NO_MEMORY.search(f"{name}: {value}") for _, name, value in errors)
    ):
        return "out_of_memory", f"It needed more than {limits.memory_mb} MB of memory in {where}."
    if story.ended_by == "files":
        return "crashed", f"It was stopped in {where} because it made more than {limits.files} files."
    if story.ended_by in ("deadline", "stuck") or story.timed_out:
        return "timeout", _too_slow(story, limits)
    if story.ended_by == "died":
        return "crashed", f"The notebook's process ended in {where} (exit status {story.exit_status})."
    if story.ended_by == "garbled":
        return "crashed", f"What the notebook's process sent could not be read any more, in {where}."
    if errors:
        cell, name, _ = errors[0]
        more = f", and {len(errors) - 1} more cells with errors" if len(errors) > 1 else ""
        return "error", f"Cell {cell} ended with {name}{more}; the other cells were run."
    return "ok", f"All {len(story.ran)} code cells ran."


def _too_slow(story: Story, limits: Limits) -> str:
    if not story.timed_out:
        return f"The notebook took longer than {limits.notebook_seconds:g} s in all; the remaining cells were not run."
    cells = ", ".join(str(cell) for cell in story.timed_out)
    ending = "and was interrupted; later cells were run as far as time allowed"
    if story.ended_by == "stuck":
        ending = "and ignored being interrupted, so everything was stopped"
    allowed = f"{limits.cell_seconds:g} s, {limits.notebook_seconds:g} s in all"
    return f"Cell {cells} took longer than it may ({allowed}) {ending}."
