"""What reaches each model: how batches are padded, in training, in evaluation and while time is taken.

A batch counts as training when a gradient comes back through it. It records counts and sides, never texts or values.
Once a training run was long enough (see inside_training), further training passes skip the layers here.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

from .inside_models import Models
from .inside_probe import Probe
from .inside_session import Session

Fed = Counter[tuple[int, str, str, int]]
"""(model, phase, side, batch size) -> batches."""


class Feeding:
    """Watches every call of a backbone."""

    def __init__(self, session: Session, models: Models) -> None:
        self._session = session
        self._models = models
        self._probe = Probe(session, models)
        self._depth = 0
        self._fed: Fed = Counter()
        self._pending: list[tuple[int, str, int]] = []
        """Batches with gradients that no backward pass has reached yet."""
        self._frozen: list[tuple[int, str, int]] = []
        """Batches in training mode through a backbone in which nothing trains."""
        self.cheap: weakref.WeakSet[Any] = weakref.WeakSet()
        """Backbones whose training run was long enough."""
        self.on_forward: Callable[[int, bool, int], object] = lambda model, trains, size: None
        """Told of every pass: model, with gradients or not, batch size."""

    def install(self) -> None:
        """Put the hook in place."""
        self._session.hooks.when("transformers.modeling_utils", self._session.guard(self._patch))
        self._session.at_cell_end.append(self.flush)

    def unseen(self, action: Callable[[], Any]) -> Any:
        """Carry something out whose passes are ours and not the student's."""
        before, self._probe.busy = self._probe.busy, True
        try:
            return action()
        finally:
            self._probe.busy = before

    def _patch(self, modeling: Any) -> None:
        base = modeling.PreTrainedModel
        original = base.__call__

        def __call__(model: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
            if self._depth or self._probe.busy or model.base_model is not model:
                return original(model, *args, **kwargs)
            self._depth += 1
            try:
                return self._call(original, model, args, kwargs)
            finally:
                self._depth -= 1

        base.__call__ = __call__

    def _call(self, original: Callable[..., Any], model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        import torch

        grad = torch.is_grad_enabled()
        if grad and model.training and model in self.cheap:
            output = self._session.guard(shallow_pass)(model, args, kwargs)
            if output is not None:
                return output
        output = original(model, *args, **kwargs)
        self._session.guard(self._seen)(model, args, kwargs, output if grad else None)
        return output

    def _seen(self, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        ids, mask = inputs_of(args, kwargs)
        side, size = padding(ids, mask, getattr(model.config, "pad_token_id", None))
        number = self._models.id_of(model)
        self.on_forward(number, output is not None, size)
        if output is None:
            self._fed[(number, "eval", side, size)] += 1
            if side in ("left", "right", "both"):
                self._probe.arm(model)
            return
        entry = (number, side, size)
        hidden = next((item for item in _tensors(output) if item.requires_grad), None)
        if hidden is not None:
            self._pending.append(entry)
            hidden.register_hook(self._backward(entry))
        elif model.training:
            self._frozen.append(entry)
        else:
            self._fed[(number, "eval", side, size)] += 1

    def _backward(self, entry: tuple[int, str, int]) -> Callable[[Any], None]:
        def arrived(gradient: Any) -> None:
            self._settle(entry, "train")

        return arrived

    def _settle(self, entry: tuple[int, str, int], phase: str) -> None:
        if entry in self._pending:
            self._pending.remove(entry)
            self._fed[(entry[0], phase, entry[1], entry[2])] += 1

    def stepped(self, number: int) -> None:
        """An optimizer step of this model: passes through a frozen backbone were training, too."""
        for _, side, size in [item for item in self._frozen if item[0] == number]:
            self._fed[(number, "train", side, size)] += 1
        self._frozen = [item for item in self._frozen if item[0] != number]

    def known(self) -> set[int]:
        """Models that were fed in this cell."""
        return {key[0] for key in self._fed}

    def evaluated(self, number: int) -> dict[tuple[str, int], int]:
        """Batches without gradient so far in this cell, by side and size."""
        return {(key[2], key[3]): n for key, n in self._fed.items() if key[0] == number and key[1] == "eval"}

    def retime(self, number: int, before: dict[tuple[str, int], int]) -> None:
        """Batches without gradient since `before` were passed to take the time."""
        for (side, size), n in self.evaluated(number).items():
            timed = n - before.get((side, size), 0)
            if timed > 0:
                self._fed[(number, "eval", side, size)] -= timed
                self._fed[(number, "latency", side, size)] += timed

    def flush(self) -> None:
        """Say what was fed since the last time."""
        for entry in list(self._pending):
            self._settle(entry, "eval")
        for number, side, size in self._frozen:
            self._fed[(number, "other", side, size)] += 1
        self._frozen.clear()
        self._probe.disarm()
        groups: dict[tuple[int, str, str], Counter[int]] = {}
        for (number, phase, side, size), n in self._fed.items():
            if n > 0:
                groups.setdefault((number, phase, side), Counter())[size] += n
        self._fed.clear()
        for (number, phase, side), sizes in groups.items():
            self._session.emit(
                "batches",
                model=number,
                phase=phase,
                side=side,
                n=sum(sizes.values()),
                sizes={str(size): n for size, n in sizes.most_common(5)},
            )


def inputs_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """(input_ids, attention_mask) of a call; either may be null."""
    ids = kwargs.get("input_ids", args[0] if args else None)
    mask = kwargs.get("attention_mask", args[1] if len(args) > 1 else None)
    return ids, mask


def padding(ids: Any, mask: Any, pad: Any) -> tuple[str, int]:
    """On which side a batch is padded, and how many rows it has."""
    shown = mask if mask is not None and getattr(mask, "ndim", 0) == 2 else None
    if shown is None and ids is not None and getattr(ids, "ndim", 0) == 2 and isinstance(pad, int):
        shown = ids != pad
    if shown is None or not shown.shape[-1]:
        rows = ids if ids is not None else mask
        return "none", int(rows.shape[0]) if rows is not None and rows.ndim else 1
    real = shown != 0
    used = real.any(dim=1)
    left = bool((~real[:, 0] & used).any())
    right = bool((~real[:, -1] & used).any())
    side = "both" if left and right else "left" if left else "right" if right else "none"
    return side, int(real.shape[0])


def _tensors(output: Any) -> list[Any]:
    values = list(output.values()) if hasattr(output, "values") else list(output) if isinstance(output, tuple) else []
    return [item for item in values if hasattr(item, "register_hook")]


def shallow_pass(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a backbone returns, with its layers left out: right shapes, a gradient for whatever trains, no work.

    Only used in training, after enough real steps were made; the optimizer's steps on it change nothing.
    """
    import torch
    from transformers.modeling_outputs import BaseModelOutput, BaseModelOutputWithPast

    ids, _ = inputs_of(args, kwargs)
    if ids is None or kwargs.get("return_dict") is False or kwargs.get("output_attentions"):
        return None
    hidden = model.get_input_embeddings()(ids)
    anchor = _anchor(model)
    if anchor is not None:
        hidden = hidden + anchor.reshape(-1)[0].to(hidden.dtype) * 0
    if torch.is_autocast_enabled("cpu"):
        hidden = hidden.to(torch.get_autocast_dtype("cpu"))
    layers = getattr(model.config, "num_hidden_layers", 0)
    states = (hidden,) * (layers + 1) if kwargs.get("output_hidden_states") else None
    kind = BaseModelOutputWithPast if hasattr(model.config, "num_key_value_heads") else BaseModelOutput
    return kind(last_hidden_state=hidden, hidden_states=states)


def _anchor(model: Any) -> Any:
    """A parameter that trains: the way for gradients. Looked up once, as long as it still does."""
    known = _ANCHORS.get(model)
    anchor = known() if known is not None else None
    if anchor is None or not anchor.requires_grad:
        anchor = next((item for item in model.parameters() if item.requires_grad), None)
        if anchor is not None:
            _ANCHORS[model] = weakref.ref(anchor)
    return anchor


_ANCHORS: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()
