"""How far a run is: an interface for the cli's bar, and the run's log. Names, addresses and student text never get in here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol


class Progress(Protocol):
    """What the pipeline tells while it works."""

    def begin(self, what: str, total: int) -> None:
        """A stage with so many steps begins."""

    def step(self, detail: str = "") -> None:
        """One step is done; `detail` holds participant numbers only."""


class Silent:
    """Tells nothing."""

    def begin(self, what: str, total: int) -> None:
        """Ignored."""

    def step(self, detail: str = "") -> None:
        """Ignored."""


class RunLog:
    """Appends one line an event to DIR/run.log."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str) -> None:
        """A line with UTC time; a log that can't be written never stops a run."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{stamp} {' '.join(text.split())}\n")
        except OSError:
            return
