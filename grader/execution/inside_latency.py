"""How inference time is taken: which passes lie between two looks at a clock, their batches, what ran before.

Only clocks that the notebook itself reads count. It records counts, never times: on this machine they mean nothing.
"""

from __future__ import annotations

import linecache
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from types import FrameType
from typing import Any

from .inside_feeding import Feeding
from .inside_session import Session, from_notebook, wrap

CLOCKS = (
    "time",
    "perf_counter",
    "monotonic",
    "process_time",
    "thread_time",
    "time_ns",
    "perf_counter_ns",
    "monotonic_ns",
)
READS = ("cpu", "item", "tolist", "numpy")
_TAKEN_OFF = re.compile(rb"[ \t)]{0,20}-[ \t]{0,20}[A-Za-z_(]")


@dataclass
class Timed:
    """What was timed of one model in one cell."""

    passes: int = 0
    segments: int = 0
    before: int = 0
    """Passes of this model in the cell before the first timed one."""
    sizes: Counter[int] = field(default_factory=Counter)
    synchronised: int = 0
    """Segments with a wait for the GPU between the first pass and the closing look at the clock."""
    read: int = 0
    """Segments in which a result was copied from the device, which waits too."""


class Latency:
    """Watches the notebook's clocks."""

    def __init__(self, session: Session, feeding: Feeding) -> None:
        self._session = session
        self._feeding = feeding
        self._timed: dict[int, Timed] = {}
        self._untimed: Counter[int] = Counter()
        self._since: Counter[tuple[int, int]] = Counter()
        """(model, batch size) -> passes since the clock was last looked at."""
        self._trained = False
        self._waited: set[str] = set()
        self._marks: dict[int, dict[tuple[str, int], int]] = {}
        self._running = False
        self._closed: set[int] = set()
        """Models of the segment that the last look closed; empty where nothing lay before it."""
        self._ended = False
        """The last look only ended a measurement (`time() - start`): what follows it is timed by none that begins."""
        self._kinds: dict[tuple[str, int, str, int], bool] = {}

    def install(self) -> None:
        """Put the hooks in place."""
        import time
        import timeit

        read = self._session.guard(self._read)
        for name in CLOCKS:
            wrap(time, name, lambda original: _clock(original, read))
        timeit.default_timer = time.perf_counter
        wrap(timeit.Timer, "timeit", self._bracket)
        self._session.hooks.when("IPython.core.magics.execution", self._session.guard(self._patch_magic))
        self._session.hooks.when("torch", self._session.guard(self._patch_reads))
        self._session.on_sync = self._synced
        self._session.on_event = self._event
        self._session.at_cell_start.append(self._start)
        self._session.at_cell_end.append(self.flush)

    def _patch_magic(self, module: Any) -> None:
        wrap(module.Timer, "timeit", self._bracket)

    def _patch_reads(self, torch: Any) -> None:
        for name in READS:
            wrap(torch.Tensor, name, self._reading)

    def _reading(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def read(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            if self._since:
                self._waited.add("read")
            return original(tensor, *args, **kwargs)

        return read

    def _bracket(self, original: Callable[..., Any]) -> Callable[..., Any]:
        look = self._session.guard(self.look)

        def timeit(*args: Any, **kwargs: Any) -> Any:
            look()
            try:
                return original(*args, **kwargs)
            finally:
                look(ends=True)

        return timeit

    def forward(self, model: int, trains: bool, size: int) -> None:
        """A pass of a model."""
        self._trained |= trains
        self._since[(model, size)] += 1
        self._waited.clear()

    def _event(self) -> None:
        self._synced("sync")
        self._session.guard(self.look)()

    def _synced(self, kind: str) -> None:
        if self._since:
            self._waited.add(kind)

    def _read(self, frame: FrameType) -> None:
        code = frame.f_code
        key = (code.co_filename, code.co_firstlineno, code.co_name, frame.f_lasti)
        if key not in self._kinds:
            self._kinds[key] = _ends(frame)
        self.look(ends=self._kinds[key])

    def look(self, *, ends: bool = False) -> None:
        """The notebook looked at a clock: what ran since the last look was timed, if there was one.

        `ends`: only to end a measurement. From there to a look that may begin one, nothing is timed.
        """
        models = {model for model, _ in self._since}
        # From the look that closed one model's timing to the first of the next model's lies that one's warm-up.
        gap = bool(self._closed) and not self._closed & models
        between = self._ended and not ends
        timed = self._running and bool(models) and not self._trained and not gap and not between
        self._closed = models if timed else set()
        if timed:
            self._count()
        else:
            for (model, _), n in self._since.items():
                self._untimed[model] += n
        self._running = True
        self._ended = ends
        self._since.clear()
        self._waited.clear()
        self._trained = False
        self._marks = {model: self._feeding.evaluated(model) for model in self._feeding.known()}

    def _count(self) -> None:
        for model in {model for model, _ in self._since}:
            timed = self._timed.setdefault(model, Timed(before=self._untimed[model]))
            timed.segments += 1
            timed.synchronised += "sync" in self._waited
            timed.read += "read" in self._waited
            self._feeding.retime(model, self._marks.get(model, {}))
        for (model, size), n in self._since.items():
            self._timed[model].passes += n
            self._timed[model].sizes[size] += n

    def _start(self) -> None:
        self._running = self._ended = False
        self._closed = set()
        self._since.clear()
        self._untimed.clear()
        self._trained = False

    def flush(self) -> None:
        """Say what was timed since the last time."""
        for model, timed in self._timed.items():
            self._session.emit(
                "latency",
                model=model,
                passes=timed.passes,
                segments=timed.segments,
                before=timed.before,
                sizes={str(size): n for size, n in timed.sizes.most_common(5)},
                synchronised=timed.synchronised,
                read=timed.read,
                gpu=self._session.gpu_used,
            )
        self._timed.clear()


def _clock(original: Callable[..., Any], read: Callable[[FrameType], Any]) -> Callable[..., Any]:
    def clock() -> Any:
        if from_notebook():
            read(sys._getframe(1))
        return original()

    return clock


def _ends(frame: FrameType) -> bool:
    """Something is taken off the clock's time where it is read: `clock() - start`."""
    place = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), (None,) * 4)
    _, line, _, column = place
    if line is None or column is None:
        return False
    return _TAKEN_OFF.match(linecache.getline(frame.f_code.co_filename, line).encode()[column:]) is not None
