"""How a run is done, as one frozen value. Only the cli, review and selfcheck read the environment and fill it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Settings:
    """Every setting of a run, with its default."""

    jobs: int = 1
    """Notebooks executed at the same time."""
    mode: Literal["dry-run", "full", "static"] = "dry-run"
    """`dry-run` on stand-ins, `full` with the real models, `static` without execution."""
    scale: str | None = None
    """Which reference ranges apply; null: the assignment's own."""
    boxed: bool = True
    """Run notebooks in the sandbox. False only for one's own notebook, never for a class."""
    cell_seconds: float | None = None
    """Time limit of one cell; null: the assignment's or the built-in limit."""
    notebook_seconds: float | None = None
    """Time limit of one notebook; null: the assignment's or the built-in limit."""
    memory_mb: int | None = None
    """Memory limit of one notebook in MiB; null: the assignment's or the built-in limit."""
    hub: Path | None = None
    """`full` mode: the real hub cache, mounted read-only."""
    data: Path | None = None
    """`full` mode: the folder with the real train, validation and test sets, mounted read-only."""
    cluster: str | None = None
    """Address of a Dask scheduler, `tls://HOST:8786`: notebooks are executed on its workers instead of here."""
    cluster_tls: Path | None = None
    """Folder with our certificate for the cluster: ca.pem, cert.pem, key.pem; null: Dask's own configuration."""
