"""The recorder's records, read outside the box: bounded, and tied to the cells of the notebook.

Everything in them is a claim of the student's process. What they mean is for `observing` to say.
"""

from __future__ import annotations

import bisect
import contextlib
import json
import os
from asyncio import AbstractEventLoop
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grader.execution.nouns import MB, Limits

_MARK = "grader_cell"
_F_SETPIPE_SZ = 1031


class Trace:
    """One end of a pipe whose other end lies in the kernel's process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.read_end, self.write_end = self._ends()
        self._lines: list[bytes] = []
        self._size = 0
        self._open = bytearray()
        self._overlong = False
        self.truncated = False
        """It wrote more than may be kept."""
        self.dropped = 0
        """Lines that were too long or no records."""

    def _ends(self) -> tuple[int, int]:
        import fcntl  # not on Windows, where no pipe is used

        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(write_end, _F_SETPIPE_SZ, MB)
        return read_end, write_end

    def follow(self, loop: AbstractEventLoop) -> None:
        """Read whenever there is something to read."""
        loop.add_reader(self.read_end, self.drain)

    def unfollow(self, loop: AbstractEventLoop) -> None:
        """Stop that."""
        loop.remove_reader(self.read_end)

    def drain(self) -> None:
        """Take what is in the pipe now; never waits."""
        for _ in range(64):
            try:
                piece = os.read(self.read_end, 1 << 16)
            except BlockingIOError:
                return
            if not piece:
                return
            self._feed(piece)

    def let_go(self) -> None:
        """Close our copy of the writing end, once the kernel has its own."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def close(self) -> None:
        """Let go of both ends."""
        self.let_go()
        if self.read_end >= 0:
            os.close(self.read_end)
            self.read_end = -1

    def records(self, ran: Sequence[int]) -> tuple[dict[str, Any], ...]:
        """Every record with its `cell`; `ran` are the indices of the code cells in the order they were begun."""
        parsed = [record for line in self._lines if (record := self._parse(line)) is not None]
        marks = [record.get("exec") for record in parsed if record.get("t") == _MARK]
        begun = [number for number in marks if isinstance(number, int)]
        return tuple({**record, "cell": _cell(record.get("exec"), begun, ran)} for record in _told(parsed))

    def _feed(self, piece: bytes) -> None:
        *ended, rest = piece.split(b"\n")
        for part in ended:
            self._open += part
            self._end_line()
        if len(self._open) + len(rest) > self._limits.trace_line_bytes:
            self._overlong = True
            self._open.clear()
        else:
            self._open += rest

    def _end_line(self) -> None:
        line = bytes(self._open)
        self._open.clear()
        if self._overlong or len(line) > self._limits.trace_line_bytes:
            self.dropped += 1
        elif self._size + len(line) > self._limits.trace_bytes:
            self.truncated = True
        elif line:
            self._lines.append(line)
            self._size += len(line)
        self._overlong = False

    def _parse(self, line: bytes) -> dict[str, Any] | None:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            return record
        self.dropped += 1
        return None


class FileTrace(Trace):
    """The same from a file that the kernel writes, read when all is over."""

    def __init__(self, limits: Limits, path: Path) -> None:
        self._path, self._at = path, 0
        super().__init__(limits)

    def _ends(self) -> tuple[int, int]:
        return -1, -1

    def follow(self, loop: AbstractEventLoop) -> None:
        """Nothing to do while it runs."""

    def unfollow(self, loop: AbstractEventLoop) -> None:
        """As above."""

    def drain(self) -> None:
        """Take what was written since the last look."""
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            file.seek(self._at)
            while piece := file.read(1 << 16):
                self._at += len(piece)
                self._feed(piece)


def _told(parsed: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Records without the marks; one that says it is of a cell before the one that runs is marked as `late`: the recorder
    writes none."""
    now = 0
    for record in parsed:
        number = record.get("exec")
        if record.get("t") == _MARK:
            now = max(now, number) if isinstance(number, int) else now
        else:
            plain = {key: value for key, value in record.items() if key != "late"}
            yield {**plain, "late": True} if isinstance(number, int) and number < now else plain


def _cell(number: object, begun: Sequence[int], ran: Sequence[int]) -> int | None:
    """The cell during which IPython's event `number` fell; cells within cells belong to the outer one."""
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    position = bisect.bisect_right(begun, number) - 1 if begun else number - 1
    return ran[position] if 0 <= position < len(ran) else None
