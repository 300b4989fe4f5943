"""The Trainer's part: when it begins, its mixed precision, and the end of its epochs once enough steps were made.

It ends each epoch early by the Trainer's own means, so that evaluations, saves and the log per epoch stay as they are.
"""

from __future__ import annotations

import math
from typing import Any

from .inside_session import Session
from .inside_training import Training

EPOCHS = 200
"""More than this means that the length was given in steps over a stream."""


class TrainerPart:
    """Adds one callback to every Trainer."""

    def __init__(self, session: Session, training: Training) -> None:
        self._session = session
        self._training = training

    def install(self) -> None:
        """Put the hooks in place."""
        self._session.hooks.when("transformers.trainer", self._session.guard(self._patch))

    def _patch(self, module: Any) -> None:
        module.DEFAULT_CALLBACKS.append(self._callback_class(module.TrainerCallback))

    def _callback_class(self, base: Any) -> Any:
        part = self
        guard = self._session.guard

        class StepLimit(base):  # type: ignore[misc]
            """Ends epochs early."""

            def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                guard(part.began)(args, kwargs.get("optimizer"))

            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                guard(part.stepped)(state, control)

            def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                guard(part.epoch_ended)(args, state, control)

            def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                guard(part._training.flush)()

        return StepLimit

    def began(self, args: Any, optimizer: Any) -> None:
        """A call of `train()`: its precision, as asked for, and a fresh count of steps."""
        inner = getattr(optimizer, "optimizer", optimizer)
        if inner is not None:
            self._training.renew(inner)
        asked = getattr(args, "_asked_precision", {})
        self._session.emit(
            "trainer",
            fp16=bool(asked.get("fp16", args.fp16)),
            bf16=bool(asked.get("bf16", args.bf16)),
            epochs=args.num_train_epochs,
            max_steps=args.max_steps,
            batch_size=args.per_device_train_batch_size,
            accumulation=args.gradient_accumulation_steps,
            learning_rate=args.learning_rate,
        )

    def stepped(self, state: Any, control: Any) -> None:
        """Enough real steps: end this epoch here, and the training where it has no number of epochs."""
        limit = self._training.limit
        if limit and state.global_step >= limit:
            control.should_epoch_stop = True
            control.should_training_stop |= (state.num_train_epochs or 0) > EPOCHS

    def epoch_ended(self, args: Any, state: Any, control: Any) -> None:
        """What the rest of the epoch would have left: a whole epoch, and the log, evaluation and save due by steps."""
        if not self._training.limit or state.epoch is None:
            return
        state.epoch = min(float(math.ceil(state.epoch - 1e-9)), float(args.num_train_epochs))
        control.should_log = control.should_log or _by_steps(args.logging_strategy)
        control.should_evaluate = control.should_evaluate or _by_steps(args.eval_strategy)
        control.should_save = control.should_save or _by_steps(args.save_strategy)


def _by_steps(strategy: Any) -> bool:
    return str(getattr(strategy, "value", strategy)) == "steps"
