"""What calls of torch and of plain Python mean: losses, autocast, scalers, partials, attributes set by name.

A part of `source_library.Library`, which looks its methods up by the called name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grader.observing.source_facts import Facts
from grader.observing.source_values import (
    UNKNOWN,
    Function,
    Instance,
    Lib,
    Loss,
    Output,
    Partial,
    Power,
    Scaler,
    Tokenizer,
    Trainer,
    Value,
    plain_dtype,
)

if TYPE_CHECKING:
    from grader.observing.source_walk import Walker


class TorchCalls:
    """Losses, contexts and plain Python."""

    walker: Walker

    def __init__(self, facts: Facts) -> None:
        """Facts are noted there."""
        self.facts = facts
        self.contexts: list[str] = []
        self.trainers: list[Trainer] = []

    def set_tokenizer(self, tokenizer: Tokenizer, name: str, value: Value) -> None:
        """`tokenizer.padding_side = ...`."""
        if name != "padding_side":
            return
        changed = value != tokenizer.side
        tokenizer.side = value if isinstance(value, str) and not (self.walker.uncertain and changed) else None
        tokenizer.explicit, tokenizer.cited = True, self.walker.cite()

    def set_part(self, owner: Value, name: str) -> None:
        """An attribute of a part of a model was set."""

    def _lib_crossentropyloss(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        return Loss(kwargs.get("weight", args[0] if args else None), kwargs.get("reduction") == "none")

    _lib_nllloss = _lib_crossentropyloss

    def _lib_cross_entropy(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        weight = kwargs.get("weight", args[2] if len(args) > 2 else None)
        return self._loss(weight, [*args, *kwargs.values()], rows=kwargs.get("reduction") == "none")

    _lib_nll_loss = _lib_cross_entropy

    def _loss(self, weight: Value, args: list[Value], *, rows: bool = False) -> Value:
        """Cross entropy is called: with which weights, for which model."""
        output = next((item for item in args if isinstance(item, Output)), None)
        trainer = self.trainers[-1] if self.trainers else None
        model = output.model if output else trainer.model if trainer else None
        if "no_grad" not in self.contexts and not (rows and weight is None):
            self.facts.loss(model, weight)
        return Output(model, rows) if model else UNKNOWN

    def weighed(self, loss: Output, weight: Power) -> None:
        """Losses of single examples are multiplied by something made from class counts."""
        if "no_grad" not in self.contexts:
            self.facts.loss(loss.model, weight)

    # contexts

    def _lib_autocast(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        given = kwargs.get("dtype", next((item for item in args if plain_dtype(item)), Lib("torch.float16")))
        enabled = kwargs.get("enabled", True)
        return ("context", f"autocast:{plain_dtype(given)}") if plain_dtype(given) and enabled is True else UNKNOWN

    def _lib_no_grad(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        return ("context", "no_grad")

    _lib_inference_mode = _lib_no_grad

    def _lib_gradscaler(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        return Scaler() if kwargs.get("enabled", True) is True else UNKNOWN

    def _lib_accelerator(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        precision = kwargs.get("mixed_precision")
        return Instance(attrs={"mixed_precision": precision})

    def enter(self, value: Value) -> int:
        """A `with` begins; how many contexts it opened."""
        if isinstance(value, tuple) and len(value) == 2 and value[0] == "context":
            self.contexts.append(value[1])
            return 1
        return 0

    def leave(self, entered: int) -> None:
        """A `with` ends."""
        for _ in range(entered):
            self.contexts.pop()

    # plain Python

    def _lib_partial(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        return Partial(args[0], tuple(args[1:]), kwargs) if args else UNKNOWN

    def _lib_field(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """A dataclass's field: its default, or what its factory makes."""
        factory = kwargs.get("default_factory")
        if isinstance(factory, Function | Partial):
            return self.walker.call_unknown(factory, {})
        return kwargs.get("default", UNKNOWN)

    def _lib_simplenamespace(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        return Instance(attrs=dict(kwargs))

    _lib_namespace = _lib_simplenamespace

    def _lib_setattr(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if len(args) == 3 and isinstance(args[0], Tokenizer) and isinstance(args[1], str):
            self.set_tokenizer(args[0], args[1], args[2])
        elif len(args) == 3 and isinstance(args[1], str):
            self.set_part(args[0], args[1])
        return None
