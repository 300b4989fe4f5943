"""`moodle login`, `moodle pull`, `moodle push`: straight from a Moodle site and back, for teachers whose site allows it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import SecretStr
from rich.table import Table

from grader.cli.app import app, err, json_option, out, print_json
from grader.cli.progressbar import Bar
from grader.cli.tables import plain
from grader.errors import EXIT_DONE, EXIT_NEEDS_PERSON, InputError
from grader.model.base import format_points
from grader.moodlesite.client import Site, new_token, place_of
from grader.pipeline.moodle_pull import EXPORT, WORKSHEET, pull
from grader.pipeline.moodle_push import STATES, Part, PushOptions, PushReport, push
from grader.workspace.files import write_atomic

folder = click.Path(path_type=Path, file_okay=False)
VARIABLE = "GRADER_MOODLE_TOKEN"


@app.group("moodle")
def moodle_group() -> None:
    """Fetch submissions from a Moodle site and give released grades back, by its web services."""


def token_option(function: Any) -> Any:
    """`--token-file`; a token is never an argument, where every process list would show it."""
    return click.option(
        "--token-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"File that holds the token and nothing else (default: the environment variable {VARIABLE}).",
    )(function)


def _token(file: Path | None) -> SecretStr:
    if file is None:
        text = os.environ.get(VARIABLE, "")
    else:
        try:
            text = file.read_text("utf-8")
            if file.stat().st_mode & 0o077:
                err.print(f"{file} can be read by others: chmod 600 it", style="yellow", markup=False)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                "the token can't be read", where=str(file), todo="`grader moodle login` writes it"
            ) from error
    if not text.strip().isalnum():
        todo = f"name it with --token-file, or set {VARIABLE}; docs/moodle.md says how to get one"
        raise InputError("there is no token for Moodle", todo=todo)
    return SecretStr(text.strip())


@moodle_group.command("login")
@click.argument("address")
@click.option("--user", required=True, help="Your user name in Moodle.")
@click.option(
    "--token-file", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where to keep it (0600)."
)
def login_command(*, address: str, user: str, token_file: Path) -> int:
    """Ask the site at ADDRESS for a token with your password, which is asked for and not kept."""
    password = SecretStr(click.prompt("Password", hide_input=True, err=True))
    token = new_token(address, user, password)
    write_atomic(token_file, token.get_secret_value().encode() + b"\n", mode=0o600)
    out.print(f"token kept in {token_file}", markup=False, soft_wrap=True)
    return EXIT_DONE


@moodle_group.command("pull")
@click.argument("address")
@click.option(
    "--out", "target", type=folder, required=True, help="Where to write; an existing one is brought up to date."
)
@token_option
@json_option
def pull_command(*, address: str, target: Path, token_file: Path | None, as_json: bool) -> int:
    """Fetch the submissions of the assignment at ADDRESS (https://.../mod/assign/view.php?id=123).

    Writes export.zip and worksheet.csv for `grader grade`, and moodle.json for `grader moodle push`. Changes nothing in Moodle.
    """
    place = place_of(address)
    with Site(place.site, _token(token_file)) as site, Bar(err, quiet=as_json) as bar:
        done = pull(site, place, target, bar)
    if as_json:
        print_json(done.model_dump(mode="json"))
        return EXIT_DONE
    out.print(plain(f"{done.name}: {done.people} participants, {done.submissions} with a submission"))
    out.print(f"{done.fetched} files fetched, {done.kept} were here already")
    for note in done.notes:
        err.print(note, style="yellow", markup=False, soft_wrap=True)
    todo = f"grader grade {target / EXPORT} --worksheet {target / WORKSHEET} --out ..."
    out.print(f"now: {todo}", markup=False, soft_wrap=True)
    return EXIT_DONE


@moodle_group.command("push")
@click.argument("target", type=folder, metavar="DIR")
@click.option(
    "--pulled", type=folder, required=True, help="The folder of `grader moodle pull` that DIR was graded from."
)
@click.option("--yes", "apply", is_flag=True, help="Do it; without this it is only shown.")
@click.option(
    "--overwrite",
    multiple=True,
    metavar="ID|all",
    help="Replace what somebody else gave this participant; may be repeated.",
)
@click.option("--quiet", is_flag=True, help="Keep Moodle from telling the students.")
@click.option("--workflow", type=click.Choice(STATES), help="Set this marking workflow state (default: leave it).")
@click.option("--leave-out", multiple=True, type=click.Choice(get_args(Part)), help="Don't give comments, or pages.")
@token_option
@json_option
def push_command(*, target: Path, pulled: Path, token_file: Path | None, as_json: bool, **options: Any) -> int:
    """Give the newest release of DIR back to Moodle: grades, comments, pages. Shows what it would do; --yes does it.

    What is there already is left alone, and so is what somebody else gave. Everything given is read back.
    """
    with Bar(err, quiet=as_json) as bar:
        report = push(target, pulled, _token(token_file), PushOptions(**options), bar)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _show(report)
        for note in report.notes:
            err.print(note, style="yellow", markup=False, soft_wrap=True)
    return EXIT_NEEDS_PERSON if report.needs_person else EXIT_DONE


def _show(report: PushReport) -> None:
    table = Table(box=None, header_style="bold")
    for title in ("participant", "", "grade", ""):
        table.add_column(title)
    doing = {"give": "given" if report.applied else "to give", "skip": "SKIPPED", "unchanged": ""}
    for step in report.steps:
        if step.kind != "unchanged":
            grade = "" if step.grade is None else format_points(step.grade)
            table.add_row(plain(step.participant), doing[step.kind], grade, plain(step.why))
    if table.row_count:
        out.print(table)
    counts = {kind: sum(1 for step in report.steps if step.kind == kind) for kind in doing}
    done = "done" if report.applied else "only shown; add --yes to do it"
    out.print(
        f"release {report.release}: {counts['give']} {doing['give']}, {counts['unchanged']} unchanged, "
        f"{counts['skip']} skipped ({done})"
    )
