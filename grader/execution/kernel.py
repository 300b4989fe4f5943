"""The kernel's own start, inside the box: fences of the process, the recorder, then stock ipykernel.

It runs beside the student's code and stands alone: standard library and ipykernel. What it does against output that is
too long is kindness to honest accidents; the limits that hold are outside, in `capture`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import signal
import sys
import traceback
import types
import warnings
from collections.abc import Sequence
from typing import Any

PACKAGE = "grader_inside"
INSIDE = "/run/grader-inside"
_NOTE = "\n[... {} characters left out by the grader ...]\n"


def main(path: str) -> None:
    """Cold start: this process becomes the kernel that the configuration at `path` describes."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs start-up time in every kernel
        config = json.load(file)
    sys.path[:] = [entry for entry in sys.path if entry not in ("", os.path.dirname(os.path.abspath(__file__)))]  # noqa: PTH100, PTH120
    sys.argv = ["ipykernel_launcher"]
    if "trace_file" in config:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        config["trace_fd"] = os.open(config["trace_file"], flags, 0o600)
    start(config)


def start(config: dict[str, Any]) -> None:
    """Become the kernel, or say why not."""
    try:
        become_kernel(config)
    except Exception:
        tell(config["trace_fd"], "kernel_error", error=traceback.format_exc()[-4000:])
        raise


def become_kernel(config: dict[str, Any]) -> None:
    """From a fresh interpreter, or from a child of the warm server, to a kernel that serves until it is killed."""
    os.chdir(config["work"])
    os.umask(0o077)
    _limit(config["rlimits"])
    package(config["inside"])
    extend_path(config["libraries"])
    if config["seccomp"]:
        importlib.import_module(f"{PACKAGE}.seccomp").install()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _silence()
    _seed()
    # A hint about Jupyter's own set-up, which isn't the notebook's affair.
    warnings.filterwarnings("ignore", message="IProgress not found")
    app = _application(config["connection_file"], boxed="trace_file" not in config)
    _cap_messages(app.session, config["message_bytes"])
    _mark_cells(app, config["trace_fd"])
    _record(app.kernel, config)
    app.start()


def package(folder: str) -> None:
    """Make our few files in `folder` importable as one package, without touching sys.path."""
    module = sys.modules.setdefault(PACKAGE, types.ModuleType(PACKAGE))
    module.__path__ = [folder]


def extend_path(folders: Sequence[str]) -> None:
    """Places of libraries that the interpreter doesn't know by itself (a user's own, a grader run from a folder)."""
    sys.path.extend(folder for folder in folders if folder not in sys.path)


def tell(fd: int, kind: str, **fields: Any) -> None:
    """One line on the recorder's pipe."""
    with contextlib.suppress(OSError):
        os.write(fd, json.dumps({"t": kind, **fields}).encode() + b"\n")


def _limit(limits: list[list[int]]) -> None:
    if not limits:
        return
    import resource  # not on Windows

    for kind, soft, hard in limits:
        ceiling = resource.getrlimit(kind)[1]
        allowed = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
        resource.setrlimit(kind, (min(soft, allowed), allowed))


def _silence() -> None:
    """Whatever was on 0, 1 and 2 was for the start only."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def _seed() -> None:
    """The same numbers for code that sets no seed, cold and warm: an execution can be repeated."""
    random.seed(0)
    try:
        numpy = importlib.import_module("numpy")
    except ImportError:
        return
    numpy.random.seed(0)


def _application(connection_file: str, *, boxed: bool) -> Any:
    app: Any = importlib.import_module("ipykernel.kernelapp").IPKernelApp.instance()
    alone = ["--IPKernelApp.parent_handle=0"] if boxed else []  # without a box nothing else ends it with its grader
    app.initialize(["-f", connection_file, "--HistoryManager.enabled=False", *alone])
    return app


def _record(kernel: Any, config: dict[str, Any]) -> None:
    """Start the recorder; leave a way to finish it that the student's names can't hide."""
    kernel.grader_finish = lambda: None
    folder = [entry for entry in sys.path if entry in ("", config["work"])]
    sys.path[:] = [entry for entry in sys.path if entry not in folder]
    try:
        inside = importlib.import_module(f"{PACKAGE}.inside")
        inside.install(config["trace_fd"], config["inside_config"])
        kernel.grader_finish = inside.finish
    except ModuleNotFoundError as error:
        if error.name != f"{PACKAGE}.inside":
            tell(config["trace_fd"], "recorder_error", where="install", error=str(error)[:500])
    except Exception as error:
        tell(config["trace_fd"], "recorder_error", where="install", error=f"{type(error).__name__}: {error}"[:500])
    finally:
        sys.path[:0] = folder


def _mark_cells(app: Any, fd: int) -> None:
    """Say at which of IPython's events each request began: a magic such as %%capture runs cells within a cell."""
    count, last = 0, None

    def mark(*_: object) -> None:
        nonlocal count, last
        count += 1
        request = (app.kernel.get_parent() or {}).get("header", {}).get("msg_id")
        if request != last:
            last = request
            tell(fd, "grader_cell", exec=count)

    app.shell.events.register("pre_run_cell", mark)


def _cap_messages(session: Any, limit: int) -> None:
    """Shorten what one message may not carry, so that an honest accident costs one output, not the notebook."""
    send = session.send
    most = limit // 4

    def shortened(value: Any) -> Any:
        if isinstance(value, str) and len(value) > most:
            return value[: most // 2] + _NOTE.format(len(value) - most) + value[-most // 2 :]
        return value

    def capped(stream: Any, message: Any, content: Any = None, *args: Any, **kwargs: Any) -> Any:
        body = message.get("content") if isinstance(message, dict) else content
        if isinstance(body, dict):
            if "text" in body:
                body["text"] = shortened(body["text"])
            if isinstance(body.get("data"), dict):
                body["data"] = {kind: shortened(value) for kind, value in body["data"].items()}
        return send(stream, message, content, *args, **kwargs)

    session.send = capped


if __name__ == "__main__":
    main(sys.argv[1])
