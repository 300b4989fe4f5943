"""A script that the notebook starts (`!python train.py --lr 2e-4`, `%%bash`, `subprocess.run`) runs in the notebook's process.

In a process of its own nothing of it would be recorded, and libraries would be imported again. It sees what it would see
there: its arguments, its folder, `__name__ == "__main__"`; what it changes (arguments, environment, folder) is put back. Only
plain commands: one that needs a shell goes to the shell.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import re
import runpy
import shlex
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .inside_session import Session, from_notebook, wrap

_LINE = re.compile(r"^(?P<indent>\s*)get_ipython\(\)\.system\((?P<command>.*)\)$")
_STARTS = re.compile(
    r"(?:\w+=\S*\s+)*(?:(?:\S*/)?(?:python[\d.]*|accelerate\s+launch|torchrun)|\{sys\.executable\})\s.*\.py\b"
)
_MAGIC = "run_as_process"
_SHELL = re.compile(r"[;&|<>`*?]|\$\(")
_MERGED = re.compile(r"\s2>(?:&1|\s?/dev/null)(?=\s|$)")
_TEE = re.compile(r"\s*(?:\|\s*tee(?P<more>\s+-a)?|(?P<only>>>?))\s+(?P<file>[\w./-]+)\s*$")
HERE = "run in the notebook's process"
_UNDERSTOOD = {
    "capture_output",
    "check",
    "cwd",
    "encoding",
    "env",
    "shell",
    "stderr",
    "stdout",
    "text",
    "universal_newlines",
}
_FLAGS = ("-u", "-q", "-B", "-s", "-E")
_VALUED = ("-W", "-X")


class Command:
    """A command line, or its words, taken apart."""

    def __init__(self, line: str | Sequence[Any], folder: Path | None = None) -> None:
        """Raises ValueError where it needs a shell or starts no script that is there."""
        self.folder = folder or Path.cwd()
        self.log: str | None = None
        self.appends = self.silent = False
        words = self._words(line) if isinstance(line, str) else [os.fsdecode(word) for word in line]
        self.environment = dict(_settings(words))
        words = words[len(self.environment) :]
        if not words or not re.fullmatch(r"(?:\S*/)?(?:python[\d.]*|accelerate|torchrun)", words[0]):
            raise ValueError("no Python")
        self.script, *self.arguments = _without_options(words[1:])
        if not (self.folder / self.script).is_file():
            raise ValueError("no such script")

    def _words(self, line: str) -> list[str]:
        line = _MERGED.sub("", f" {line.strip()} ").strip()
        kept = _TEE.search(line)
        self.log = kept["file"] if kept else None
        self.appends = bool(kept and (kept["more"] or kept["only"] == ">>"))
        self.silent = bool(kept and kept["only"])
        line = line[: kept.start()] if kept else line
        if _SHELL.search(line):
            raise ValueError("needs a shell")
        return shlex.split(line)


def _settings(words: list[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name.isidentifier():
            return
        yield name, value


def _without_options(words: list[str]) -> list[str]:
    """From the script on; options of the interpreter or the launcher stand before it."""
    at = next((place for place, word in enumerate(words) if word.endswith(".py")), len(words))
    before = [word for word in words[:at] if not word.startswith("--") and word not in _FLAGS]
    values = [word for place, word in enumerate(before) if place and before[place - 1] in _VALUED]
    if set(before) - {"launch", *_VALUED, *values} or at == len(words):
        raise ValueError("not understood")
    return words[at:]


def install(session: Session) -> None:
    """Shell lines that start a script become a magic of ours."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return

    def started(line: str = "") -> None:
        try:
            command = Command(line)
        except ValueError:
            shell.system(line)
            return
        session.compat("!python", HERE)
        shell.user_ns["_exit_code"] = _run(command)

    shell.register_magic_function(started, "line", _MAGIC)
    shell.input_transformers_post.append(_rewritten)
    for name in ("bash", "sh"):
        original = shell.find_cell_magic(name)
        if original is not None:
            shell.register_magic_function(_cell(session, original), "cell", name)
    wrap(subprocess, "run", lambda run: _called(session, run))
    wrap(os, "system", lambda system: _of_system(session, system))
    os.system.__module__ = "os"  # where pickle looks for it: posix still has the original


def _cell(session: Session, original: Callable[..., Any]) -> Callable[..., Any]:
    def cell(line: str, cell: str) -> Any:
        try:
            commands = [Command(row) for row in cell.splitlines() if row.strip() and not row.lstrip().startswith("#")]
        except ValueError:
            return original(line, cell)
        if line.strip() or not commands:
            return original(line, cell)
        session.compat("%%bash", HERE)
        for command in commands:
            _run(command)
        return None

    return cell


def _called(session: Session, original: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **given: Any) -> Any:
        command = _of_call(args, given) if from_notebook() else None
        if command is None:
            return original(*args, **given)
        session.compat("subprocess.run", HERE)
        caught = given.get("capture_output") or given.get("stdout") == subprocess.PIPE
        out, err = io.StringIO(), io.StringIO()
        with contextlib.ExitStack() as stack:
            if caught:
                stack.enter_context(contextlib.redirect_stdout(out))
                stack.enter_context(contextlib.redirect_stderr(err))
            status = _run(command, given.get("env"))
        texts = given.get("text") or given.get("universal_newlines") or given.get("encoding")
        shown = (
            [text.getvalue() if texts else text.getvalue().encode() for text in (out, err)] if caught else [None] * 2
        )
        if status and given.get("check"):
            raise subprocess.CalledProcessError(status, args[0], *shown)
        return subprocess.CompletedProcess(args[0], status, *shown)

    return run


def _of_call(args: tuple[Any, ...], given: Mapping[str, Any]) -> Command | None:
    """What `subprocess.run` was asked for, where it is a script and nothing else."""
    if len(args) != 1 or set(given) - _UNDERSTOOD or isinstance(args[0], str) != bool(given.get("shell")):
        return None
    try:
        return Command(args[0], Path(given["cwd"]) if given.get("cwd") else None)
    except (ValueError, TypeError):
        return None


def _of_system(session: Session, original: Callable[..., Any]) -> Callable[..., Any]:
    def system(line: Any) -> Any:
        try:
            command = Command(line) if from_notebook() and isinstance(line, str) else None
        except ValueError:
            command = None
        if command is None:
            return original(line)
        session.compat("os.system", HERE)
        return _run(command) << 8

    return system


def _rewritten(lines: list[str]) -> list[str]:
    return [_as_magic(line) for line in lines]


def _as_magic(line: str) -> str:
    match = _LINE.match(line.rstrip("\n"))
    if match is None or not _STARTS.search(match["command"]):
        return line
    return f"{match['indent']}get_ipython().run_line_magic({_MAGIC!r}, {match['command']})\n"


def _run(command: Command, environment: Mapping[str, str] | None = None) -> int:
    """The exit status; what goes wrong in the script is printed, as a process would."""
    before = (dict(os.environ), Path.cwd(), sys.argv, list(sys.path))
    os.environ.update({**(environment or {}), **command.environment})
    os.chdir(command.folder)
    sys.argv = [command.script, *command.arguments]
    sys.path.insert(0, str(Path(command.script).resolve().parent))
    try:
        with _kept(command):
            return _main(command.script)
    finally:
        os.environ.clear()
        os.environ.update(before[0])
        os.chdir(before[1])
        sys.argv, sys.path[:] = before[2], before[3]
        gc.collect()


def _main(script: str) -> int:
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        raise
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


class _Both:
    """What is printed goes into a file, and on unless it was sent there alone."""

    def __init__(self, *places: Any) -> None:
        self._places = places

    def write(self, text: str) -> int:
        for place in self._places:
            place.write(text)
        return len(text)

    def flush(self) -> None:
        for place in self._places:
            place.flush()

    def isatty(self) -> bool:
        """Never."""
        return False


@contextlib.contextmanager
def _kept(command: Command) -> Iterator[None]:
    if command.log is None:
        yield
        return
    with Path(command.log).open("a" if command.appends else "w", encoding="utf-8") as file:
        both = _Both(file) if command.silent else _Both(sys.stdout, file)
        with contextlib.redirect_stdout(both):
            yield
