"""The same pure function over many items on several processors. Starts no notebook; what it runs is our own code."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import TypeVar

from grader.errors import MachineError
from grader.execution.worker import end_with

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
FEW = 8
"""Below this many items one process is as fast."""


def in_parallel(function: Callable[[ItemT], ResultT], items: Sequence[ItemT], *, jobs: int) -> Iterator[ResultT]:
    """Results in the order of `items`. Forked, so that neither function nor items are copied; where a system can't fork, in turn.

    Raises what the function raised, and MachineError where a process was killed twice at the same item.
    """
    if jobs < 2 or len(items) < FEW or "fork" not in multiprocessing.get_all_start_methods():
        yield from map(function, items)
        return
    readers = [_start(function, items[number::jobs]) for number in range(jobs)]
    for index in range(len(items)):
        try:
            answer = readers[index % jobs].recv()
        except (EOFError, OSError):  # the process was killed, as a system short of memory does: another one goes on
            readers[index % jobs] = _start(function, items[index::jobs])
            answer = _second(readers[index % jobs])
        if isinstance(answer, BaseException):
            raise answer
        yield answer


def _start(function: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> Connection:
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    context.Process(target=_work, args=(function, items, writer, os.getpid()), daemon=True).start()
    writer.close()
    return reader


def _second(reader: Connection) -> object:
    try:
        return reader.recv()
    except (EOFError, OSError) as error:
        raise MachineError(
            "a process of the grader was ended from outside, twice at the same submission",
            todo="see whether this machine runs out of memory; run the same command again with --jobs 1: it goes on where it was",
        ) from error


def _work(function: Callable[[ItemT], ResultT], items: Sequence[ItemT], writer: Connection, parent: int) -> None:
    end_with(parent)  # it shares the lock of the results folder, which must not outlive the grader
    # What the class needs was made before: the collector need not look through it again and again.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    for item in items:
        try:
            answer: object = function(item)
        except Exception as error:  # handed to the process that asked, which raises it
            answer = error
        writer.send(answer)
