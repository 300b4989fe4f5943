"""In which precision training computes: autocast contexts and gradient scalers, as the code asks for them.

On this machine some of them do nothing; that they were asked for is what is recorded.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from .inside_session import Session, short_dtype, wrap

DEFAULTS = {"cuda": "float16", "cpu": "bfloat16"}


def real_gpu() -> bool:
    """Whether torch itself was built for a GPU and has one; what the notebook is told doesn't count."""
    torch = sys.modules["torch"]
    return bool(torch.version.cuda) and int(torch._C._cuda_getDeviceCount()) > 0


class Precision:
    """Keeps the autocast contexts that are open."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._asked: dict[int, str | None] = {}
        self._open: list[str | None] = []
        self._seen: Counter[tuple[int, str]] = Counter()
        self._scaled = False

    def install(self) -> None:
        """Put the hooks in place."""
        self._session.hooks.when("torch.amp.autocast_mode", self._session.guard(self._patch))
        self._session.hooks.when("torch.amp.grad_scaler", self._session.guard(self._patch_scaler))
        self._session.at_cell_end.append(self.flush)

    def forward(self, model: int, trains: bool, size: int) -> None:
        """A pass of a model."""
        dtype = self._open[-1] if self._open else None
        if trains and dtype:
            self._seen[(model, dtype)] += 1

    def flush(self) -> None:
        """Say what was open during training passes since the last time."""
        for (model, dtype), n in self._seen.items():
            self._session.emit("autocast", model=model, dtype=dtype, n=n)
        self._seen.clear()

    def _patch(self, module: Any) -> None:
        wrap(module.autocast, "__init__", self._made)
        wrap(module.autocast, "__enter__", self._entered)
        wrap(module.autocast, "__exit__", self._left)

    def _made(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __init__(  # noqa: N807
            context: Any, device_type: Any, dtype: Any = None, enabled: bool = True, *args: Any, **kw: Any
        ) -> None:
            asked = short_dtype(dtype) if dtype is not None else DEFAULTS.get(str(device_type))
            # Without a GPU half precision costs six times the time and shows nothing: compute in full, remember what was asked.
            original(context, device_type, dtype, enabled and real_gpu(), *args, **kw)
            context.__dict__["_asked"] = asked if enabled else None

        return __init__

    def _entered(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __enter__(context: Any) -> Any:  # noqa: N807
            self._open.append(context.__dict__.get("_asked"))
            return original(context)

        return __enter__

    def _left(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __exit__(context: Any, *exception: Any) -> Any:  # noqa: N807
            if self._open:
                self._open.pop()
            return original(context, *exception)

        return __exit__

    def _patch_scaler(self, module: Any) -> None:
        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def scale(scaler: Any, outputs: Any) -> Any:
                if not self._scaled:
                    self._scaled = True
                    self._session.emit("scaler")
                return original(scaler, outputs)

            return scale

        wrap(module.GradScaler, "scale", make)
        self._session.at_cell_start.append(self._again)

    def _again(self) -> None:
        self._scaled = False
