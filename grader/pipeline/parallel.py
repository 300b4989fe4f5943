"""The same pure function over many items on several processors. Starts no notebook; what it runs is our own code."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import TypeVar

from grader.execution.worker import end_with

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
FEW = 8
"""Below this many items one process is as fast."""


def in_parallel(function: Callable[[ItemT], ResultT], items: Sequence[ItemT], *, jobs: int) -> Iterator[ResultT]:
    """Results in the order of `items`. Forked, so that neither function nor items are copied; where a system can't fork, in turn."""
    if jobs < 2 or len(items) < FEW or "fork" not in multiprocessing.get_all_start_methods():
        yield from map(function, items)
        return
    context = multiprocessing.get_context("fork")
    readers = []
    for number in range(jobs):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(function, items[number::jobs], writer, os.getpid()), daemon=True)
        process.start()
        writer.close()
        readers.append(reader)
    for index in range(len(items)):
        answer = readers[index % jobs].recv()
        if isinstance(answer, BaseException):
            raise answer
        yield answer


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
