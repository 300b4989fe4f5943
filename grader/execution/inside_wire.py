"""How records leave the student's process: one JSON line each, down a pipe that nothing here reads from.

It does not say what is worth recording. Whatever goes wrong in here stays in here: the student's code never sees it.
"""

from __future__ import annotations

import functools
import json
import os
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

LINE_BYTES = 64 * 1024
RECORDS = 20_000

P = ParamSpec("P")
T = TypeVar("T")


class Wire:
    """Writes records; counts executed code cells. Silent in forked children, and once the pipe is gone."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pid = os.getpid()
        self._left = RECORDS
        self._lock = threading.Lock()
        self.cell = 0
        """Executed code cells so far; the n-th is 1, and 0 is before the first."""

    def emit(self, kind: str, **fields: Any) -> None:
        """Send one record; an over-long one is sent without its lists."""
        record = {"t": kind, "exec": self.cell, **fields}
        line = _line(record)
        if len(line) > LINE_BYTES:
            short = {key: value for key, value in record.items() if not isinstance(value, (list, dict))}
            line = _line({**short, "cut": True})[:LINE_BYTES]
        with self._lock:
            if os.getpid() == self._pid and self._left > 0:
                self._left -= 1
                self._write(line)

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            self._left = 0


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, default=str, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


class Guard:
    """Runs a piece of the recorder so that its failure is reported and harms nobody."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._told: set[str] = set()

    def __call__(self, function: Callable[P, T]) -> Callable[P, T | None]:
        """The function, never raising an `Exception`."""

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                self.tell(function.__qualname__, error)
                return None

        return guarded

    def tell(self, where: str, error: Exception) -> None:
        """Report a failure of the recorder once per place."""
        if where not in self._told:
            self._told.add(where)
            self._wire.emit("recorder_error", where=where, error=f"{type(error).__name__}: {error}"[:500])
