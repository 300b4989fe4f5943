"""What goes into an execution and what comes out: plain, frozen, picklable data.

It does not say how anything is run, and it holds nothing about who handed the notebook in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal["ok", "error", "timeout", "out_of_memory", "crashed", "skipped"]
MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """One notebook to execute."""

    key: str
    """The caller's name for it; comes back unchanged, and is never shown to the notebook."""
    notebook: Mapping[str, Any]
    """An nbformat 4 notebook as a JSON object. Its saved outputs are left out of the execution."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Relative path -> content: put beside the notebook before it runs."""
    order: tuple[int, ...] | None = None
    """Indices of cells in the order to run them; None means from top to bottom."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one submission may use. The defaults suit a dry run of some 15 seconds."""

    cell_seconds: float = 120.0
    """A cell that takes longer is interrupted, and killed with its box if it ignores that."""
    grace_seconds: float = 10.0
    """For a cell to end after it was interrupted."""
    notebook_seconds: float = 300.0
    """All cells together; then everything in the box is killed."""
    start_seconds: float = 60.0
    """Until the kernel answers for the first time."""
    finish_seconds: float = 20.0
    """For the recorder to say what it still holds, after the last cell."""
    memory_mb: int = 4096
    """Everything in the box together: processes and the files in its memory file systems."""
    processes: int = 256
    """Processes and threads."""
    files: int = 20_000
    """Files and folders in the box's writable places together."""
    open_files: int = 1024
    """Open at the same time, per process."""
    file_mb: int = 1024
    """Size of one file."""
    work_mb: int = 1024
    """Size of the folder in which the notebook runs."""
    temp_mb: int = 512
    """Size of /tmp, and of /dev/shm."""
    cell_output_bytes: int = 4 * MB
    """Output kept of one cell; of long printed text the beginning and the end are kept."""
    notebook_output_bytes: int = 24 * MB
    """Output kept of all cells together."""
    message_bytes: int = 8 * MB
    """One message from the kernel."""
    harvest_bytes: int = 64 * MB
    """Content of the files that are taken out of the box."""
    harvest_files: int = 200
    """Number of files that are taken out of the box."""
    trace_bytes: int = 16 * MB
    """What the recorder may write."""
    trace_line_bytes: int = 64 * 1024
    """One record of the recorder."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands ready around the notebook."""

    hub: Path | None = None
    """A hub cache (models--ORG--NAME/...), mounted read-only."""
    data: Path | None = None
    """The course's data set, mounted read-only; the notebook finds it in COURSE_DATA."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Further environment variables of the kernel; they win over ours."""
    inside_config: Mapping[str, Any] = field(default_factory=dict)
    """Handed to the recorder in the kernel. The student's code can read it: no secrets, no expected values."""
    devices: tuple[str, ...] = ()
    """Device files to let in, such as /dev/nvidia0 (full mode on a GPU); empty means no GPU in the box."""


@dataclass(frozen=True, slots=True)
class Run:
    """What an execution left. Everything in it came from the student's process or was measured from outside."""

    status: Status
    """How it ended; the worst thing that happened."""
    why: str
    """The same as one plain sentence for people."""
    seconds: float = 0.0
    """Wall time from the start of the box to its end."""
    cpu_seconds: float = 0.0
    """Processor time of everything in the box."""
    peak_memory_mb: float = 0.0
    """The most memory that everything in the box used at once."""
    cells_run: int = 0
    """Code cells that were begun."""
    boxed: bool = True
    """False: it ran without a sandbox."""
    warm: bool = False
    """True: its kernel was forked from the warm server."""
    executed: Mapping[str, Any] = field(default_factory=dict)
    """The notebook with what this execution printed and showed, up to the limit that ended it."""
    trace: tuple[Mapping[str, Any], ...] = ()
    """The recorder's records, each with `cell`, its index over all cells of the notebook, or None."""
    trace_truncated: bool = False
    """True: the recorder wrote more than may be kept."""
    trace_dropped: int = 0
    """Lines of the recorder that could not be read."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Relative path -> content of the files of interest that the notebook left."""
    left: tuple[tuple[str, int], ...] = ()
    """(relative path, size) of what it left beside those."""
    errors: tuple[tuple[int, str, str], ...] = ()
    """(cell, name, value) of every exception that a cell ended with."""
    cut: tuple[int, ...] = ()
    """Cells whose output was too long to be kept whole."""
    timed_out: tuple[int, ...] = ()
    """Cells that were interrupted because they took too long."""
    reloaded: tuple[Mapping[str, Any], ...] = ()
    """Adapters that it left, loaded again in a fresh box: `path`, `difference` of the answers (relative), or `error`."""
