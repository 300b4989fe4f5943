"""The recorder that runs beside a student's code, in its process: what is loaded, fed, trained, saved and timed.

    install(trace_fd, config)   before the first cell, whether or not torch is imported already
    finish()                    after the last cell

Each record is one JSON line of at most 64 KB with "t" (its type) and "exec" (the n-th executed code cell, from 1):
`load` `reload` `lora` `run` `trainable` `trained` `trainer` `accelerator` `batches` `padding_effect` `loss` `sampler`
`autocast` `scaler` `save` `probe` `latency` `compat` `stage_gap` `recorder_error` `finish`. They are claims of a process that
the student controls: whoever reads them must expect anything. It judges nothing, and it imports nothing of ours but its
own parts.

config: `steps` (real optimizer steps per training run, 0 = all; else 4 or more), `gpu` (name that the notebook is shown), `shims`
(false: no compat), `real_gpu` (true: "cuda" is what it says), `hub_aliases` {other: stage's}, `dataset_aliases` [..],
`path_aliases` [..], `data` (the course's data folder; else COURSE_DATA).
"""

from __future__ import annotations

from typing import Any

from . import compat
from .inside_feeding import Feeding
from .inside_latency import Latency
from .inside_loss import Loss
from .inside_models import Models
from .inside_precision import Precision
from .inside_reload import Reload
from .inside_saving import Saving
from .inside_session import Session
from .inside_trainer import TrainerPart
from .inside_training import Training

_SESSIONS: list[Session] = []


def install(trace_fd: int, config: dict[str, object]) -> None:
    """Begin to record into a pipe. Never raises because of a missing library."""
    session = Session(trace_fd, dict(config))
    _SESSIONS.append(session)
    session.hooks.install()
    if config.get("shims", True):
        session.guard(compat.install)(session)
    models = Models(session)
    feeding = Feeding(session, models)
    precision = Precision(session)
    latency = Latency(session, feeding)
    training = Training(session, models, feeding)
    parts = (models, feeding, precision, latency, training, TrainerPart(session, training), Loss(session, training))
    saving = Saving(session, models)
    saving.on_saved = Reload(session, models, feeding).saved
    for part in (*parts, saving):
        session.guard(part.install)()

    def forward(model: int, trains: bool, size: int) -> None:
        session.guard(precision.forward)(model, trains, size)
        session.guard(latency.forward)(model, trains, size)

    feeding.on_forward = forward
    session.guard(_follow_cells)(session)


def _follow_cells(session: Session) -> None:
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return

    def started(info: Any) -> None:
        session.start_cell()

    def ended(result: Any) -> None:
        session.flush()
        session.guard(_missing_module)(session, result)

    shell.events.register("pre_run_cell", started)
    shell.events.register("post_run_cell", ended)


def _missing_module(session: Session, result: Any) -> None:
    error = result.error_in_exec
    if isinstance(error, ModuleNotFoundError) and error.name:
        session.stage_gap("module", error.name)


def finish() -> None:
    """Say what is still held, and that the notebook came to its end."""
    for session in _SESSIONS:
        session.flush()
        session.emit("finish", cells=session.wire.cell)
