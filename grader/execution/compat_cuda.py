"""A GPU for code that takes one for granted: "cuda" is the processor, and the notebook is shown the course's GPU.

Only the notebook's own code is told that there is a GPU, so that `fp16=torch.cuda.is_available()` says what it says on
the student's machine; libraries are told the truth. Nothing here makes tensors behave differently.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from .inside_session import Session, from_notebook, wrap

FACTORIES = (
    "tensor",
    "as_tensor",
    "zeros",
    "ones",
    "empty",
    "full",
    "arange",
    "linspace",
    "rand",
    "randn",
    "randint",
    "randperm",
    "eye",
    "zeros_like",
    "ones_like",
    "full_like",
    "empty_like",
    "rand_like",
    "randn_like",
    "randint_like",
    "logspace",
)
METHODS = ("to", "cuda", "new_zeros", "new_ones", "new_full", "new_empty", "new_tensor")
CAPABILITY = {"T4": (7, 5), "P100": (6, 0), "V100": (7, 0), "A100": (8, 0), "L4": (8, 9), "H100": (9, 0)}
MEMORY = 15_828_320_256
QUIET = (
    "reset_peak_memory_stats",
    "reset_max_memory_allocated",
    "reset_accumulated_memory_stats",
    "ipc_collect",
    "set_device",
    "empty_cache",
    "init",
    "set_per_process_memory_fraction",
    "reset_max_memory_cached",
)

WEIGHED = ("cross_entropy", "nll_loss")

Original = Callable[..., Any]


def install(session: Session) -> None:
    """Map devices as soon as torch is there."""
    session.hooks.when("torch", session.guard(lambda torch: _patch(session, torch)))
    session.hooks.when("torch.nn.functional", session.guard(lambda module: _losses(session, module)))
    session.hooks.when("safetensors.torch", session.guard(lambda module: _map_in(session, module, "load_file")))


def _patch(session: Session, torch: Any) -> None:
    from torch.utils import _device

    # `with torch.device("meta")` knows torch's factories by identity, and looks them up only once: let it do so now.
    _device._device_constructors()
    for name in FACTORIES:
        _map_in(session, torch, name)
    for name in METHODS:
        _map_in(session, torch.Tensor, name)
    for name in ("load", "set_default_device"):
        _map_in(session, torch, name)
    wrap(torch.Tensor, "pin_memory", lambda original: lambda tensor, *args, **kwargs: tensor)
    wrap(torch.Tensor, "cuda", lambda original: lambda tensor, *args, **kwargs: _used(session, tensor))
    wrap(torch, "compile", lambda original: _uncompiled(session))
    torch.Generator = _generator(session, torch.Generator)
    _shown(session, torch)
    for name in QUIET:
        wrap(torch.cuda, name, lambda original: lambda *args, **kwargs: None)
    torch.cuda.Event = _event_class(session)


def _used(session: Session, value: Any) -> Any:
    session.gpu_used = True
    return value


def _map_in(session: Session, owner: Any, name: str) -> None:
    def make(original: Original) -> Original:
        def mapped(*args: Any, **kwargs: Any) -> Any:
            for item in (*args[:3], *kwargs.values()):
                if _is_gpu(item):
                    session.gpu_used = True
                    args = tuple(_to_cpu(value) for value in args)
                    kwargs = {key: _to_cpu(value) for key, value in kwargs.items()}
                    break
            else:
                if name == "to" and len(args) > 1 and type(args[1]) is int:
                    return original(args[0], "cpu", *args[2:], **kwargs)
                if type(kwargs.get("device")) is int:
                    kwargs["device"] = "cpu"
            return original(*args, **kwargs)

        return mapped

    wrap(owner, name, make)


def _is_gpu(value: Any) -> bool:
    if type(value) is str:
        return value.startswith(("cuda", "mps"))
    return type(value).__name__ == "device" and value.type in ("cuda", "mps")


def _to_cpu(value: Any) -> Any:
    return "cpu" if _is_gpu(value) else value


def _generator(session: Session, base: Any) -> Any:
    class AnyGenerator(type(base)):  # type: ignore[misc]
        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, base)

    class Generator(base, metaclass=AnyGenerator):  # type: ignore[misc]
        """torch.Generator, always on the processor."""

        def __new__(cls, device: Any = "cpu") -> Any:
            return base.__new__(cls, device=_to_cpu(device))

    Generator.__module__ = "torch"
    Generator.__qualname__ = "Generator"
    return Generator


def _uncompiled(session: Session) -> Original:
    def compile(model: Any = None, **kwargs: Any) -> Any:
        session.compat("torch.compile", "left out: it changes speed, not results")
        return model if model is not None else lambda function: function

    return compile


def _shown(session: Session, torch: Any) -> None:
    """What the notebook's own code is told about the GPU."""
    name = str(session.config.get("gpu") or "Tesla T4")
    capability = next((value for key, value in CAPABILITY.items() if key in name.split()), (7, 5))
    properties = SimpleNamespace(
        name=name, total_memory=MEMORY, major=capability[0], minor=capability[1], multi_processor_count=40
    )
    answers: dict[str, Original] = {
        "is_available": lambda *args, **kwargs: True,
        "device_count": lambda *args, **kwargs: 1,
        "current_device": lambda *args, **kwargs: 0,
        "get_device_name": lambda *args, **kwargs: name,
        "get_device_capability": lambda *args, **kwargs: capability,
        "get_device_properties": lambda *args, **kwargs: properties,
        # As torch does: on a GPU older than Ampere it answers for emulation, too, unless told not to.
        "is_bf16_supported": lambda including_emulation=True: capability[0] >= 8 or including_emulation,
        "mem_get_info": lambda *args, **kwargs: (MEMORY - (1 << 30), MEMORY),
        "memory_summary": lambda *args, **kwargs: "(no GPU here)",
        "utilization": lambda *args, **kwargs: 0,
        "temperature": lambda *args, **kwargs: 40,
    }
    for key, answer in answers.items():
        wrap(torch.cuda, key, _to_notebook(answer))
    wrap(torch.cuda, "synchronize", lambda original: lambda *args, **kwargs: _waits(session))
    accelerator = getattr(torch, "accelerator", None)
    answers["current_accelerator"] = lambda *args, **kwargs: torch.device("cuda")
    if accelerator is not None:
        for key in ("is_available", "device_count", "current_accelerator"):
            wrap(accelerator, key, _to_notebook(answers[key]))
        wrap(accelerator, "synchronize", lambda original: lambda *args, **kwargs: _waits(session))


def _to_notebook(answer: Original) -> Callable[[Original], Original]:
    def make(original: Original) -> Original:
        def told(*args: Any, **kwargs: Any) -> Any:
            return answer(*args, **kwargs) if from_notebook() else original(*args, **kwargs)

        return told

    return make


def _waits(session: Session) -> None:
    session.on_sync("sync")


def _event_class(session: Session) -> type:
    class Event:
        """torch.cuda.Event on the processor's clock."""

        def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
            self._at = 0

        def record(self, stream: Any = None) -> None:
            """Look at the clock."""
            session.gpu_used = True
            session.on_event()
            self._at = _now()

        def synchronize(self) -> None:
            """Nothing to wait for."""
            session.on_sync("sync")

        def wait(self, stream: Any = None) -> None:
            """Nothing to wait for."""

        def query(self) -> bool:
            """Always done."""
            return True

        def elapsed_time(self, other: Any) -> float:
            """Milliseconds, never zero."""
            return max(float(other._at - self._at) / 1e6, 1e-6)

    return Event


def _now() -> int:
    return time.perf_counter_ns()


def _losses(session: Session, functional: Any) -> None:
    def make(original: Original) -> Original:
        def loss(*args: Any, **kwargs: Any) -> Any:
            given: Any = args[0] if args else kwargs.get("input")
            weight: Any = kwargs.get("weight", args[2] if len(args) > 2 else None)
            if _is_wider(weight, given):
                session.compat(original.__name__, "logits in the type of the weights, as under autocast")
                given = given.to(weight.dtype)
                args, kwargs = ((given, *args[1:]), kwargs) if args else (args, {**kwargs, "input": given})
            return original(*args, **kwargs)

        return loss

    for name in WEIGHED:
        wrap(functional, name, make)
    wrap(functional, "linear", lambda original: _linear(session, original))


def _linear(session: Session, original: Original) -> Original:
    def linear(*args: Any, **kwargs: Any) -> Any:
        if len(args) > 1 and (_is_wider(args[0], args[1]) or _is_wider(args[1], args[0])):
            session.compat("linear", "input in the type of the weights, as under autocast")
            args = (args[0].to(args[1].dtype), *args[1:])
        return original(*args, **kwargs)

    return linear


def _is_wider(weight: Any, given: Any) -> bool:
    """float32 beside half precision; what is float64 would fail on any machine."""
    if getattr(weight, "dtype", None) is getattr(given, "dtype", None):
        return False
    return all(hasattr(item, "element_size") for item in (weight, given)) and (
        weight.is_floating_point()
        and given.is_floating_point()
        and (weight.element_size(), given.element_size()) == (4, 2)
    )
