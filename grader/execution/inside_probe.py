"""What padding does to the answers: a padded batch of the notebook's own against its single rows, once per model.

It changes nothing: no gradient, evaluation mode as it is, the random generator's state put back.
"""

from __future__ import annotations

import weakref
from typing import Any

from .inside_models import Models
from .inside_session import Session, short_dtype

ROWS = 4
TRIES = 6
LOOKS = 2


class Probe:
    """Waits for the next call of a whole model with a padded batch, and then looks."""

    def __init__(self, session: Session, models: Models) -> None:
        self._session = session
        self._models = models
        self._handles: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self._tries: dict[int, int] = {}
        self._done: dict[int, int] = {}
        self.busy = False

    def arm(self, backbone: Any) -> None:
        """Look at the next call of the model around this backbone."""
        number = self._models.id_of(backbone)
        root = self._models.root_of(backbone)
        if self._done.get(number, 0) >= LOOKS or self._tries.get(number, 0) >= TRIES:
            return
        if root in self._handles or root is backbone:
            return
        self._tries[number] = self._tries.get(number, 0) + 1
        look = self._session.guard(self._look)
        inner = weakref.ref(backbone)

        def called(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            alive = inner()
            if not self.busy and alive is not None:
                self._handles.pop(module).remove()
                look(module, alive, args, kwargs, output)

        self._handles[root] = root.register_forward_hook(called, with_kwargs=True)

    def disarm(self) -> None:
        """Leave nothing behind on any model."""
        for handle in list(self._handles.values()):
            handle.remove()
        self._handles.clear()

    def _look(self, root: Any, backbone: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
        import torch

        logits = _logits(output)
        if torch.is_grad_enabled() or root.training or logits is None or logits.ndim != 2:
            return
        rows = _padded_rows(args, kwargs, logits.shape[0], getattr(backbone.config, "pad_token_id", None))
        if not rows:
            return
        number = self._models.id_of(backbone)
        self._done[number] = self._done.get(number, 0) + 1
        state = torch.get_rng_state()
        self.busy = True
        try:
            with torch.no_grad():
                worst = max(self._difference(root, args, kwargs, logits, row=row, keep=keep) for row, keep in rows)
        finally:
            self.busy = False
            torch.set_rng_state(state)
        self._session.emit(
            "padding_effect", model=number, relative=worst, rows=len(rows), dtype=short_dtype(logits.dtype),
            base_dtype=self._models.base_dtype(backbone), cls=type(root).__name__,
        )  # fmt: skip

    def _difference(self, root: Any, args: Any, kwargs: dict[str, Any], logits: Any, *, row: int, keep: Any) -> float:
        size = logits.shape[0]
        alone = root(
            *(_single(item, size, row, keep) for item in args),
            **{key: _single(item, size, row, keep) for key, item in kwargs.items()},
        )
        single = _logits(alone)[0].float()
        batch = logits[row].float()
        return float((single - batch).abs().max() / single.abs().max().clamp_min(1e-12))


def _logits(output: Any) -> Any:
    if hasattr(output, "logits"):
        return output.logits
    if isinstance(output, dict):
        return output.get("logits")
    if isinstance(output, (tuple, list)):
        return next((item for item in output if getattr(item, "ndim", 0) == 2), None)
    return output if hasattr(output, "ndim") else None


def _padded_rows(args: Any, kwargs: dict[str, Any], size: int, pad: Any) -> list[tuple[int, Any]]:
    """Rows with padding, the most padded first, each with the columns that are not padding."""
    tables = [item for item in (*kwargs.values(), *args) if _is_table(item, size)]
    mask = kwargs.get("attention_mask", next((item for item in tables if bool((item <= 1).all())), None))
    if mask is None and tables and isinstance(pad, int):
        mask = (tables[0] != pad).long()
    if mask is None or not _is_table(mask, size):
        return []
    counts = (mask != 0).sum(dim=1)
    wanted = [row for row in counts.argsort().tolist() if 0 < int(counts[row]) < mask.shape[1]][:ROWS]
    return [(row, mask[row] != 0) for row in wanted]


def _is_table(item: Any, size: int) -> bool:
    return getattr(item, "ndim", 0) == 2 and item.shape[0] == size and not item.is_floating_point()


def _single(item: Any, size: int, row: int, keep: Any) -> Any:
    """One row of a batch, without its padding; anything that is no batch stays."""
    if not hasattr(item, "ndim") or item.ndim == 0 or item.shape[0] != size:
        return item
    one = item[row : row + 1]
    return one[:, keep] if item.ndim >= 2 and item.shape[1] == keep.shape[0] else one
