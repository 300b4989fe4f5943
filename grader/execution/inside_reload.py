"""What a model answers at the moment when it is saved: so that the file can be loaded elsewhere and asked the same.

A few fixed rows of token ids, one at a time, without padding. It changes nothing: no gradient, every module's mode put
back, the random generator's state put back.
"""

from __future__ import annotations

from typing import Any

from .inside_feeding import Feeding
from .inside_models import Models
from .inside_session import Session

ROWS = 3
LENGTH = 10
SAVES = 4
"""So many saves of a notebook are asked."""


class Reload:
    """Asks models that are being saved."""

    def __init__(self, session: Session, models: Models, feeding: Feeding) -> None:
        self._session = session
        self._models = models
        self._feeding = feeding
        self._asked = 0

    def saved(self, what: Any, backbone: Any, path: str) -> None:
        """A model was saved under this path."""
        if self._asked >= SAVES or "checkpoint-" in path or not hasattr(what, "save_pretrained"):
            return
        self._asked += 1
        rows = _rows(backbone.config)
        logits = self._feeding.unseen(lambda: _ask(what, rows))
        if logits:
            self._session.emit(
                "probe", path=path, model=self._models.id_of(backbone), rows=rows, logits=logits, labels=len(logits[0]),
                name=str(getattr(backbone.config, "_name_or_path", "")), base_dtype=self._models.base_dtype(backbone),
            )  # fmt: skip


def _rows(config: Any) -> list[list[int]]:
    """Token ids that any vocabulary has, the padding's own not among them."""
    most = max(20, min(int(getattr(config, "vocab_size", 400)), 400)) - 10
    pad = getattr(config, "pad_token_id", None)
    ids = [5 + (11 * row + 17 * place) % most for row in range(ROWS) for place in range(LENGTH)]
    ids = [item + 1 if item == pad else item for item in ids]
    return [ids[row * LENGTH : (row + 1) * LENGTH] for row in range(ROWS)]


def _ask(model: Any, rows: list[list[int]]) -> list[list[float]]:
    import torch

    modes = {module: module.training for module in model.modules()}
    state = torch.get_rng_state()
    device = next(model.parameters()).device
    answers = []
    try:
        model.eval()
        with torch.no_grad():
            for row in rows:
                ids = torch.tensor([row], device=device)
                logits = getattr(model(input_ids=ids, attention_mask=torch.ones_like(ids)), "logits", None)
                if logits is None or logits.ndim != 2:
                    return []
                answers.append([float(f"{value:.6g}") for value in logits[0].float().tolist()])
    finally:
        for module, mode in modes.items():
            module.training = mode
        torch.set_rng_state(state)
    return answers
