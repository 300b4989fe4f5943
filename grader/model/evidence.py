"""What can be known about one submission before anyone judges it: the notebook, what running it showed, what was saved.

Produced once by execution, stored, and read again by every later grading. Nothing here is a verdict.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from grader.model.base import Artefact, Frozen
from grader.model.submission import Flag

Mode = Literal["dry-run", "full", "static"]
ExecutionStatus = Literal["ok", "error", "timeout", "out_of_memory", "crashed", "skipped"]


class CellError(Frozen):
    """An exception that a cell of the dry run ended with."""

    cell: int
    """Index over all cells of the notebook, from 0."""
    name: str
    value: str
    """The exception's class and text, cut to 2,000 characters."""


class Execution(Frozen):
    """How the run of the notebook went."""

    mode: Mode = "static"
    status: ExecutionStatus = "skipped"
    why: str = ""
    """A plain sentence where the status is not `ok`."""
    seconds: float = 0.0
    cpu_seconds: float | None = None
    peak_memory_mb: float | None = None
    cells_run: int = 0
    boxed: bool = True
    warm: bool = False
    reordered: bool = False
    """True when the cells were run in the order of their saved execution counts."""
    errors: tuple[CellError, ...] = ()
    trace_truncated: bool = False


class Tensor(Frozen):
    """One tensor of a safetensors file, measured from outside without running anything."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    zero: bool | None = None
    """All elements exactly zero; null where not looked at."""
    sha256: str | None = None
    """Of the raw bytes, so that equal tensors can be told across files."""


class SavedFile(Frozen):
    """A file of weights that the run left behind, or that was handed in."""

    path: str
    origin: Literal["dry_run", "handed_in"]
    tensors: tuple[Tensor, ...] = ()
    config: dict[str, Any] | None = None
    """adapter_config.json beside it, if any."""
    sha256: str | None = None
    problem: str | None = None
    """Why it could not be read (broken header, pickle ...); such a file is never loaded."""


class Reloaded(Frozen):
    """An adapter that the run left, loaded again in a fresh box."""

    path: str
    difference: float | None = None
    """Largest difference of its answers from the live model's, relative to the largest answer; null where it was not loaded."""
    error: str | None = None


class Evidence(Artefact):
    """Everything that checks may look at."""

    submission_sha256: str | None = None
    """Which submission this is of."""
    environment: str = ""
    """Hash over stage, recorder and library versions: other value, other evidence."""
    notebook_sha256: str | None = None
    executed_sha256: str | None = None
    execution: Execution = Execution()
    trace: tuple[dict[str, Any], ...] = ()
    """Records of the recorder, in order; each a claim of the student's process (see `execution/inside.py`)."""
    saved: tuple[SavedFile, ...] = ()
    reloaded: tuple[Reloaded, ...] = ()
    left: tuple[str, ...] = ()
    """Paths of other files that the run left (names only)."""
    flags: tuple[Flag, ...] = ()
    """Oddities met while executing, e.g. gaps of the stage."""
    memo_text: str | None = None
    """A separate memo document as Markdown, if one was handed in."""
    notebook: dict[str, Any] | None = Field(default=None, exclude=True)
    """The notebook as submitted (nbformat 4); stored beside as notebook.ipynb."""
    executed: dict[str, Any] | None = Field(default=None, exclude=True)
    """The notebook with the dry run's outputs; stored beside as executed.ipynb."""
