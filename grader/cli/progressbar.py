"""A progress bar with the time left, on standard error so that output can be piped."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bar:
    """Shows the stages of a run; quiet where standard error is no terminal."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[detail]}"),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing."""
        self._bar.stop()

    def begin(self, what: str, total: int) -> None:
        """A new row."""
        self._task = self._bar.add_task(what, total=total, detail="")

    def step(self, detail: str = "") -> None:
        """One step of the newest row."""
        if self._task is not None:
            self._bar.update(self._task, advance=1, detail=detail)
