"""A script that the notebook starts by a shell line (`!python train.py --lr 2e-4`) runs in the notebook's own process.

In a process of its own nothing of it would be recorded, and libraries would be imported again. It sees what it would see
there: its arguments, its folder, `__name__ == "__main__"`; what it changes (arguments, environment, folder) is put back. Only
plain commands: one that needs a shell goes to the shell.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import runpy
import shlex
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .inside_session import Session

_LINE = re.compile(r"^(?P<indent>\s*)get_ipython\(\)\.system\((?P<command>.*)\)$")
_STARTS = re.compile(
    r"(?:\w+=\S*\s+)*(?:(?:\S*/)?(?:python[\d.]*|accelerate\s+launch|torchrun)|\{sys\.executable\})\s.*\.py\b"
)
_MAGIC = "run_as_process"
_SHELL = re.compile(r"[;&|<>`*?]|\$\(")
_MERGED = re.compile(r"\s2>&1(?=\s|$)")
_TEE = re.compile(r"\s*(?:\|\s*tee(?P<more>\s+-a)?|(?P<only>>>?))\s+(?P<file>[\w./-]+)\s*$")
_FLAGS = ("-u", "-q", "-B", "-s", "-E")
_VALUED = ("-W", "-X")


class Command:
    """A command line, taken apart."""

    def __init__(self, line: str) -> None:
        """Raises ValueError where it needs a shell or starts no script that is there."""
        line = _MERGED.sub("", f" {line.strip()} ").strip()
        kept = _TEE.search(line)
        self.log = kept["file"] if kept else None
        self.appends = bool(kept and (kept["more"] or kept["only"] == ">>"))
        self.silent = bool(kept and kept["only"])
        line = line[: kept.start()] if kept else line
        if _SHELL.search(line):
            raise ValueError("needs a shell")
        words = shlex.split(line)
        self.environment = dict(_settings(words))
        words = words[len(self.environment) :]
        if not words or not re.fullmatch(r"(?:\S*/)?(?:python[\d.]*|accelerate|torchrun)", words[0]):
            raise ValueError("no Python")
        self.script, *self.arguments = _without_options(words[1:])
        if not Path(self.script).is_file():
            raise ValueError("no such script")


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
        session.compat("!python", "run in the notebook's process")
        shell.user_ns["_exit_code"] = _run(command)

    shell.register_magic_function(started, "line", _MAGIC)
    shell.input_transformers_post.append(_rewritten)


def _rewritten(lines: list[str]) -> list[str]:
    return [_as_magic(line) for line in lines]


def _as_magic(line: str) -> str:
    match = _LINE.match(line.rstrip("\n"))
    if match is None or not _STARTS.search(match["command"]):
        return line
    return f"{match['indent']}get_ipython().run_line_magic({_MAGIC!r}, {match['command']})\n"


def _run(command: Command) -> int:
    """The exit status; what goes wrong in the script is printed, as a process would."""
    before = (dict(os.environ), Path.cwd(), sys.argv, list(sys.path))
    os.environ.update(command.environment)
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
