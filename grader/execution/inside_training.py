"""Training runs: which parameters train, how many steps were made, what the steps changed, and when it is enough.

A run is one optimizer. Only its steps are cut short: after `steps` real ones (at least 4) further steps change nothing,
and further training passes skip the layers (`inside_feeding.shallow_pass`), so that any loop ends soon and normally.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .inside_feeding import Feeding
from .inside_models import Models
from .inside_session import Session, sha256, short_dtype, wrap

REAL_STEPS = 4
SAMPLE = 65_536
NAMES_PER_RECORD = 250


@dataclass
class Kept:
    """A parameter as it was before the first step; the parameter itself is not held."""

    name: str
    parameter: weakref.ref[Any]
    before: Any
    part: str
    """`adapter`, `head` or `base`."""
    sha256: str | None = None
    """Of the whole tensor, for the head."""


@dataclass
class Run:
    """One optimizer at work on one model."""

    number: int
    model: int
    backbone: weakref.ref[Any]
    kept: list[Kept]
    steps: int = 0
    real: int = 0
    said: int = 0


class Training:
    """Watches optimizers."""

    def __init__(self, session: Session, models: Models, feeding: Feeding) -> None:
        self._session = session
        self._models = models
        self._feeding = feeding
        self._runs: weakref.WeakKeyDictionary[Any, list[Run]] = weakref.WeakKeyDictionary()
        self._all: list[Run] = []
        self.limit = int(session.config.get("steps", REAL_STEPS))
        """Real steps per run; 0 means that nothing is cut."""
        if self.limit:
            self.limit = max(REAL_STEPS, self.limit)
        self.on_step: Callable[[int, int], object] = lambda run, model: None
        """Told before every step: run, model."""

    def install(self) -> None:
        """Put the hooks in place."""
        self._session.hooks.when("torch", self._session.guard(self._patch))
        self._session.at_cell_end.append(self.flush)

    def _patch(self, torch: Any) -> None:
        from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

        before = self._session.guard(self._before_step)
        register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: before(optimizer))
        renew = self._session.guard(self.renew)

        def make(original: Any) -> Any:
            def __init__(optimizer: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
                original(optimizer, *args, **kwargs)
                renew(optimizer)

            return __init__

        wrap(Optimizer, "__init__", make)

    def renew(self, optimizer: Any) -> None:
        """A new training of the models that this optimizer holds: nothing is cut yet."""
        self._runs.pop(optimizer, None)
        owned = _owned(optimizer)
        for backbone in list(self._feeding.cheap):
            if any(id(parameter) in owned for parameter in self._models.root_of(backbone).parameters()):
                self._feeding.cheap.discard(backbone)

    def _before_step(self, optimizer: Any) -> None:
        runs = self._runs.get(optimizer)
        if runs is None:
            runs = self._runs[optimizer] = self._begin(optimizer)
        for run in runs:
            run.steps += 1
            self._session.guard(self.on_step)(run.number, run.model)
            self._feeding.stepped(run.model)
            backbone = run.backbone()
            if backbone is not None and backbone in self._feeding.cheap:
                _forget_gradients(optimizer)
            else:
                run.real += 1
            if self.limit and run.real >= self.limit and backbone is not None:
                self._feeding.cheap.add(backbone)

    def _begin(self, optimizer: Any) -> list[Run]:
        owned = _owned(optimizer)
        runs = []
        for backbone in self._models.backbones():
            around = list(self._models.around(backbone))
            if any(id(parameter) in owned for _, parameter, _ in around):
                runs.append(self._start(backbone, around, owned, optimizer))
        return runs

    def _start(self, backbone: Any, around: list[tuple[str, Any, bool]], owned: set[int], optimizer: Any) -> Run:
        trains = [(name, p) for name, p, _ in around if id(p) in owned and p.requires_grad]
        kept = [
            Kept(name, weakref.ref(p), _sample(p), part, sha256(p) if part == "head" else None)
            for name, p, inner in around
            if (part := _part(name, inner)) != "base" or p.requires_grad
        ]
        run = Run(len(self._all) + 1, self._models.id_of(backbone), weakref.ref(backbone), kept)
        self._all.append(run)
        self._describe(run, backbone, trains, around, type(optimizer).__name__)
        return run

    def _describe(self, run: Run, backbone: Any, trains: Any, around: Any, optimizer: str) -> None:
        wraps = self._models.root_of(backbone)
        self._session.emit(
            "run",
            run=run.number,
            model=run.model,
            arch=getattr(backbone.config, "model_type", None),
            root=type(wraps).__name__,
            optimizer=optimizer,
            base_dtype=self._models.base_dtype(backbone),
            head_dtype=next((short_dtype(p.dtype) for n, p, inner in around if _part(n, inner) == "head"), None),
            parameters=sum(p.numel() for _, p, _ in around),
            head_names=[name for name, _, inner in around if _part(name, inner) == "head"],
        )
        inner = {id(p) for p in backbone.parameters()}
        rows = [[name, list(p.shape), id(p) in inner] for name, p in trains]
        for start in range(0, max(1, len(rows)), NAMES_PER_RECORD):
            part = rows[start : start + NAMES_PER_RECORD]
            self._session.emit("trainable", run=run.number, model=run.model, names=part, more=start > 0)

    def flush(self) -> None:
        """Say what changed in each run that went on since the last time."""
        for run in self._all:
            if run.said != run.steps:
                run.said = run.steps
                self._say(run)

    def _say(self, run: Run) -> None:
        changed: dict[str, bool | None] = {"adapter": None, "head": None, "base": None}
        head = []
        for kept in run.kept:
            parameter = kept.parameter()
            if parameter is None:
                continue
            differs = _differs(_sample(parameter), kept.before)
            changed[kept.part] = bool(changed[kept.part]) or differs
            if kept.part == "head":
                head.append([kept.name, list(parameter.shape), kept.sha256, sha256(parameter)])
        self._session.emit(
            "trained", run=run.number, model=run.model, steps=run.steps, real=run.real, changed=changed, head=head
        )


def _owned(optimizer: Any) -> set[int]:
    return {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}


def _part(name: str, inner: bool) -> str:
    if "lora_" in name and inner:
        return "adapter"
    return "base" if inner else "head"


def _forget_gradients(optimizer: Any) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def _sample(parameter: Any) -> Any:
    flat = parameter.detach().reshape(-1)
    step = max(1, flat.numel() // SAMPLE)
    return flat[::step].clone()


def _differs(now: Any, before: Any) -> bool:
    import torch

    return now.shape != before.shape or now.dtype != before.dtype or not torch.equal(now.cpu(), before.cpu())
