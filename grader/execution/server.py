"""The warm server: imports the heavy libraries once, then forks a ready kernel for each notebook.

Everything in its memory can be read by a student's code, since a kernel is a copy of it: it is given nothing but the
names of boxes. It must have one thread and must never compute before it forks, or copies hang (OpenMP).

    server --fork--> stepper --enters the box--> --fork--> kernel

The stepper stays outside the box's processes, says which process is the kernel, and later how it ended.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import logging
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import types
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grader.execution import kernel
from grader.execution.descend import descend
from grader.execution.namespaces import enter, give_up_capabilities

TRACE = 3
"""The number of the recorder's pipe in a forked kernel."""
_DRAWING = ("matplotlib", "matplotlib.pyplot")
_HEAVY = (
    "torch", "pandas", "sklearn.metrics", "sklearn.model_selection", "datasets", "peft", "safetensors.torch",
    "accelerate", "transformers", "tqdm.auto", "pyarrow.parquet", "torch.utils.data", "debugpy",
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.subshell_manager",
    # What ordinary notebooks were seen to import later by themselves.
    "IPython.core.magics.pylab", "IPython.core.magics.execution", "IPython.core.magics.ast_mod",
    "IPython.core.magic_arguments", "IPython.utils.module_paths", "pandas.io.formats.string", "pandas.io.formats.html",
    "peft.utils.transformers_weight_conversion", "PIL.PngImagePlugin", "encodings.unicode_escape",
    "matplotlib.backends.backend_agg", "sklearn.utils._estimator_html_repr", "torch._dynamo",
)  # fmt: skip
_FROM_TRANSFORMERS = (
    "AutoConfig", "AutoModel", "AutoModelForSequenceClassification", "AutoTokenizer", "DataCollatorWithPadding",
    "EarlyStoppingCallback", "ModernBertForSequenceClassification", "PreTrainedTokenizerFast",
    "Qwen2ForSequenceClassification", "Qwen2TokenizerFast", "Trainer", "TrainerCallback", "TrainingArguments",
    "get_linear_schedule_with_warmup", "set_seed",
)  # fmt: skip


def main(life: int, workers: Sequence[int], paths: Sequence[str], libraries: Sequence[str]) -> None:
    """Serve until the pipe `life` ends; each worker sends its requests through its own socket."""
    descend([Path(path) for path in paths])
    sys.path[:] = [entry for entry in sys.path if entry not in ("", str(Path(__file__).parents[2]))]
    kernel.extend_path(libraries)
    before = set(os.environ)
    preload()
    added = {name: value for name, value in os.environ.items() if name not in before}
    gc.collect()
    # The collector leaves these objects alone from now on, so that a kernel copies fewer pages.
    gc.freeze()
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    if threads != 1:
        _say(life, {"trouble": f"a library started {threads - 1} threads when it was imported"})
        return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _say(life, {"modules": sorted({name.partition(".")[0] for name in sys.modules})})
    _serve(life, {number: socket.socket(fileno=number) for number in workers}, added)


def preload() -> None:
    """Import what notebooks use, as a kernel would see it."""
    with _in_a_notebook(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _drawing_folder():
            for name in _DRAWING:
                _load(name)
        for name in _HEAVY:
            _load(name)
        for name in _FROM_TRANSFORMERS:
            with contextlib.suppress(Exception):
                getattr(sys.modules["transformers"], name)
    kernel.package(str(Path(__file__).parent))
    for path in sorted(Path(__file__).parent.glob("inside*.py")):
        _load(f"{kernel.PACKAGE}.{path.stem}")


def _load(name: str) -> None:
    """A library that isn't installed is a notebook's affair; so is one that fails."""
    with contextlib.suppress(Exception):
        importlib.import_module(name)


@contextlib.contextmanager
def _in_a_notebook() -> Iterator[None]:
    """Libraries ask while they are imported whether this is a notebook: tqdm, transformers' bars, pandas' columns."""
    import builtins

    import IPython
    import IPython.core.getipython as source

    real, shell = source.get_ipython, types.SimpleNamespace(config={"IPKernelApp": {}}, kernel=object())
    everywhere: tuple[Any, ...] = (builtins, IPython, source)
    for module in everywhere:
        module.get_ipython = lambda: shell
    try:
        yield
    finally:
        IPython.get_ipython = source.get_ipython = real
        del everywhere[0].get_ipython


@contextlib.contextmanager
def _drawing_folder() -> Iterator[None]:
    """matplotlib wants to write while it is imported, and must not remember where."""
    own = os.environ.get("MPLCONFIGDIR", "")
    folder = tempfile.mkdtemp(prefix="grader-")
    os.environ["MPLCONFIGDIR"] = folder
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.getLogger("matplotlib.font_manager").setLevel(logging.NOTSET)
        shutil.rmtree(folder, ignore_errors=True)
        os.environ["MPLCONFIGDIR"] = own
        drawing = sys.modules.get("matplotlib")
        for name in ("get_configdir", "get_cachedir"):
            _forget_answer(getattr(drawing, name, None))


def _forget_answer(function: Any) -> None:
    """matplotlib keeps the answer in a closure of its own making (`_logged_cached`)."""
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    for name, cell in zip(names, getattr(function, "__closure__", None) or (), strict=True):
        if name == "called":
            cell.cell_contents = False


def _serve(life: int, workers: dict[int, socket.socket], added: dict[str, str]) -> None:
    """`added`: environment variables that libraries set while they were imported."""
    poll = select.poll()
    for number in (life, *workers):
        poll.register(number, select.POLLIN)
    while True:
        for number, _ in poll.poll():
            if number == life:
                return
            data, handles, _, _ = socket.recv_fds(workers[number], 1 << 16, 4)
            if not data:
                poll.unregister(number)
                continue
            request = json.loads(data)
            _step({**request, "environment": {**added, **request["environment"]}}, handles)


def _step(request: dict[str, Any], handles: list[int]) -> None:
    """Fork the stepper; it never comes back here."""
    if os.fork():
        for handle in handles:
            os.close(handle)
        return
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _accompany(request, socket.socket(fileno=handles[0]), handles[1])
        status = 0
    finally:
        os._exit(status)


def _accompany(request: dict[str, Any], worker: socket.socket, trace: int) -> None:
    """Enter the box, fork the kernel there, say its number, wait for the word to go, and for its end."""
    try:
        enter(request["box"])
    except OSError as error:
        worker.send(json.dumps({"trouble": str(error)}).encode())
        return
    wait, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        worker.close()
        _be_kernel(request, wait, trace)
    os.close(wait)
    os.close(trace)
    worker.send(json.dumps({"pid": pid}).encode())
    if worker.recv(16) == b"go":
        os.write(go, b"g")
    os.close(go)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        worker.send(json.dumps({"ended": os.waitstatus_to_exitcode(status)}).encode())


def _be_kernel(request: dict[str, Any], wait: int, trace: int) -> None:
    """In the box: become the kernel; never returns."""
    status = 70
    try:
        if os.read(wait, 1) == b"g":
            _forget(request["environment"], trace)
            config = json.loads(Path(request["start"]).read_text("utf-8"))
            kernel.start(config)
            status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 0
    finally:
        os._exit(status)


def _forget(environment: dict[str, str], trace: int) -> None:
    """Nothing of the server's own stays: handles, environment, capabilities, handlers, our modules."""
    os.setsid()
    os.dup2(trace, TRACE)
    os.closerange(TRACE + 1, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(environment)
    give_up_capabilities()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for name in [name for name in sys.modules if name.partition(".")[0] == "grader"]:
        del sys.modules[name]
    sys.argv = ["ipykernel_launcher"]


def _say(handle: int, told: dict[str, Any]) -> None:
    socket.socket(fileno=os.dup(handle)).send(json.dumps(told).encode())
