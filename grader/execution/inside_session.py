"""What the parts of the recorder share, and small helpers to wrap functions without anyone noticing.

It records nothing itself.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .inside_imports import ImportHooks
from .inside_wire import Guard, Wire


class Session:
    """One notebook's recording."""

    def __init__(self, fd: int, config: dict[str, Any]) -> None:
        _HOME[0] = str(Path.cwd())
        self.wire = Wire(fd)
        self.config = config
        self.guard = Guard(self.wire)
        self.hooks = ImportHooks()
        self.at_cell_end: list[Callable[[], object]] = []
        """Called after every executed cell and at the end; each must be quick and may be called again."""
        self.at_cell_start: list[Callable[[], object]] = []
        self.gpu_used = False
        """The notebook put something on "cuda" (which is the processor here)."""
        self.quantized_next = False
        """The load that comes next asked for quantisation, which can't be had here."""
        self.on_sync: Callable[[str], object] = lambda kind: None
        """Told whenever the notebook waits for the GPU, or copies a result from it."""
        self.on_event: Callable[[], object] = lambda: None
        """Told whenever the notebook records an event of the GPU, which keeps time on the GPU itself."""
        self._compat_seen: set[tuple[str, str]] = set()

    def emit(self, kind: str, **fields: Any) -> None:
        """Send one record."""
        self.wire.emit(kind, **fields)

    def compat(self, name: str, how: str) -> None:
        """Note that something old, or of another machine, was mapped or ignored (once per way)."""
        if (name, how) not in self._compat_seen:
            self._compat_seen.add((name, how))
            self.emit("compat", name=name, how=how)

    def stage_gap(self, what: str, name: str) -> None:
        """Note that the notebook asked for something that the stage does not have (once)."""
        if ("stage_gap", f"{what} {name}") not in self._compat_seen:
            self._compat_seen.add(("stage_gap", f"{what} {name}"))
            self.emit("stage_gap", what=what, name=str(name)[:300])

    def flush(self) -> None:
        """Let every part say what it still holds."""
        for action in self.at_cell_end:
            self.guard(action)()

    def start_cell(self) -> None:
        """A code cell is about to run."""
        self.wire.cell += 1
        for action in self.at_cell_start:
            self.guard(action)()


def wrap(owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace `owner.name` by `make(original)` that carries the original's name, module and signature."""
    raw = owner.__dict__.get(name) if isinstance(owner, type) else None
    if isinstance(raw, classmethod):
        setattr(owner, name, classmethod(_like(raw.__func__, make)))
    elif isinstance(raw, staticmethod):
        setattr(owner, name, staticmethod(_like(raw.__func__, make)))
    elif hasattr(owner, name):
        setattr(owner, name, _like(getattr(owner, name), make))


def _like(original: Callable[..., Any], make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[..., Any]:
    return functools.wraps(original)(make(original))


_HOME = [""]
"""Where the notebook lies."""
_NOT_OWN = ("site-packages", "dist-packages", "preflight.py")


def from_notebook(depth: int = 2) -> bool:
    """Whether the caller of the function that asks is the notebook or a module beside it, not a library."""
    try:
        names = sys._getframe(depth).f_globals
    except ValueError:
        return False
    return names.get("__name__") == "__main__" or _lies_in(_HOME[0], str(names.get("__file__") or ""))


@functools.lru_cache(maxsize=4_000)
def _lies_in(home: str, file: str) -> bool:
    path = Path(file)
    return bool(home) and path.is_relative_to(home) and not set(_NOT_OWN) & set(path.parts)


def short_dtype(dtype: Any) -> str:
    """`torch.bfloat16` -> `bfloat16`."""
    return str(dtype).removeprefix("torch.")


def sha256(tensor: Any) -> str:
    """Of a tensor's raw bytes, as safetensors stores them."""
    import torch

    with torch.no_grad():
        raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return hashlib.sha256(raw.numpy().tobytes()).hexdigest()
