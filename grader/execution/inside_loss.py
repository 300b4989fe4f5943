"""Which weights reach the loss in training: only losses that a backward pass goes through count.

Weights that are applied by hand to single losses are read off the gradient. It records numbers per class, no examples.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from .inside_session import Session, wrap
from .inside_training import Training

CLASSES = 2_000
BATCHES = 12
LOSSES = {"cross_entropy": "weight", "nll_loss": "weight", "binary_cross_entropy_with_logits": "weight"}

Weights = tuple[float, ...] | None


class Loss:
    """Watches the loss functions of torch."""

    def __init__(self, session: Session, training: Training) -> None:
        self._session = session
        self._reached: dict[tuple[str, Weights], int] = {}
        """Since the last optimizer step."""
        self._by_run: dict[tuple[int, int, str, Weights], int] = {}
        self._factors: list[tuple[list[int], list[float]]] = []
        self._factors_of: dict[int, list[tuple[list[int], list[float]]]] = {}
        self._samplers: list[dict[str, Any]] = []
        self._known: tuple[weakref.ref[Any] | None, int, Weights] = (None, 0, None)
        training.on_step = self._stepped

    def install(self) -> None:
        """Put the hooks in place."""
        self._session.hooks.when("torch.nn.functional", self._session.guard(self._patch))
        self._session.hooks.when("torch.utils.data.sampler", self._session.guard(self._patch_sampler))
        self._session.at_cell_end.append(self.flush)

    def _patch(self, functional: Any) -> None:
        for name in LOSSES:
            wrap(functional, name, self._watched(name))

    def _watched(self, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        look = self._session.guard(self._look)

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def loss(*args: Any, **kwargs: Any) -> Any:
                value = original(*args, **kwargs)
                if getattr(value, "requires_grad", False):
                    look(name, value, args, kwargs)
                return value

            return loss

        return make

    def _look(self, name: str, value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        weight = kwargs.get(LOSSES[name], args[2] if len(args) > 2 else None)
        key = (name, self._values(weight))
        target = kwargs.get("target", args[1] if len(args) > 1 else None)
        single = value.ndim == 1 and key[1] is None and getattr(target, "ndim", 0) == 1
        reached = self._session.guard(self._reach)

        def arrived(gradient: Any) -> None:
            reached(key, target if single else None, gradient)

        value.register_hook(arrived)

    def _reach(self, key: tuple[str, Weights], target: Any, gradient: Any) -> None:
        self._reached[key] = self._reached.get(key, 0) + 1
        if target is not None and len(self._factors) < BATCHES:
            self._factors.append((target.detach().cpu().tolist(), gradient.detach().float().cpu().tolist()))

    def _values(self, weight: Any) -> Weights:
        if not hasattr(weight, "numel") or weight.numel() > CLASSES:
            return None
        known, version, values = self._known
        current: Any = weight
        if known is None or known() is not weight or version != current._version:
            values = tuple(round(item, 9) for item in current.detach().reshape(-1).double().cpu().tolist())
            self._known = (weakref.ref(weight), current._version, values)
        return values

    def _stepped(self, run: int, model: int) -> None:
        for (name, weights), calls in self._reached.items():
            key = (run, model, name, weights)
            self._by_run[key] = self._by_run.get(key, 0) + calls
        self._reached.clear()
        kept = self._factors_of.setdefault(run, [])
        kept.extend(self._factors[: BATCHES - len(kept)])
        self._factors.clear()
        for sampler in self._samplers:
            self._session.emit("sampler", run=run, model=model, **sampler)
        self._samplers.clear()

    def flush(self) -> None:
        """Say which losses were reached since the last time."""
        for (run, model, name, weights), calls in self._by_run.items():
            factors = [list(item) for item in self._factors_of.pop(run, [])]
            self._session.emit(
                "loss", run=run, model=model, name=name, weights=weights and list(weights), calls=calls, factors=factors
            )
        self._by_run.clear()

    def _patch_sampler(self, module: Any) -> None:
        note = self._session.guard(self._sampled)

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def __init__(sampler: Any, weights: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
                original(sampler, weights, *args, **kwargs)
                note(sampler.weights)

            return __init__

        wrap(module.WeightedRandomSampler, "__init__", make)

    def _sampled(self, weights: Any) -> None:
        values = sorted({round(item, 9) for item in weights.detach().reshape(-1).double().cpu().tolist()})
        self._samplers.append({"distinct": len(values), "low": values[0], "high": values[-1]})
