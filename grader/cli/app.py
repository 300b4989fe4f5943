"""The `grader` command: its groups, how errors are printed, and the exit codes."""

from __future__ import annotations

import getpass
import io
import json
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

import grader
from grader.catalog import Course, find_course
from grader.errors import GraderError

MODULES = ("assignments", "course", "doctoring", "grading", "moodle", "records", "releasing", "reviewing", "students")
STUDENTS = ("check", "checks", "export")
"""Commands of the module `students`: they start without what only graders need."""
_WIDE = 120
out = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
err = Console(stderr=True, highlight=False)
F = TypeVar("F", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(grader.__version__, prog_name="grader")
def app() -> None:
    """Grades notebooks of a course on LLM engineering, from a Moodle export to feedback pages and back.

    Instructors begin with `grader demo`, then `grader grade`. Students use `grader check`.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 done and some need a person, 2 wrong input, 3 this machine can't."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old terminal of Windows can't show every name and heading
    words = sys.argv[1:] if arguments is None else arguments
    for module in ("students",) if words[:1] and words[0] in STUDENTS else MODULES:
        import_module(f"grader.cli.{module}")  # adds its commands to the app
    try:
        code = app.main(args=arguments, prog_name="grader", standalone_mode=False)
    except click.exceptions.Abort as abort:
        if isinstance(abort.__cause__, EOFError):  # an input that ended too soon: our trouble, nobody stopped anything
            raise abort.__cause__ from None
        err.print("stopped; what was done is kept: run the same command again to go on")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except GraderError as error:
        err.print(error.text(), style="red", markup=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        err.print("stopped; what was done is kept: run the same command again to go on")
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def course_option(function: F) -> F:
    """`--course`, turned into a Course as the keyword `course`."""

    @click.option(
        "--course",
        "course_folder",
        envvar="GRADER_COURSE",
        type=click.Path(path_type=Path),
        help="Course folder (default: GRADER_COURSE, else the nearest folder upwards with assignments/).",
    )
    @wraps(function)
    def wrapped(*args: Any, course_folder: Path | None, **rest: Any) -> Any:
        return function(*args, course=open_course(course_folder), **rest)

    return wrapped  # type: ignore[return-value]


def open_course(folder: Path | None) -> Course:
    """The course that commands work on."""
    return find_course(Path.cwd(), option=folder)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")


def print_json(value: Any) -> None:
    """Plain JSON on standard output."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    click.echo(json.dumps(value, ensure_ascii=not encoding.startswith("utf"), indent=1))


def own_name() -> str:
    """Who is at the keyboard, for the ledger."""
    try:
        return getpass.getuser() or "instructor"
    except (KeyError, OSError, ImportError):
        return "instructor"
