"""`course new|people|status`: what a course is made of, and where its people stand over a term."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click
from rich import box
from rich.table import Table

from grader.catalog import Course
from grader.cli.app import app, course_option, err, json_option, out, own_name, print_json
from grader.cli.tables import plain
from grader.errors import EXIT_DONE, InputError
from grader.pipeline.adjusting import adjust
from grader.pipeline.course import CourseStatus, Place, course_status, new_course, take_in

a_file = click.Path(exists=True, dir_okay=False, path_type=Path)
a_folder = click.Path(exists=True, file_okay=False, path_type=Path)


@app.group("course")
def course_group() -> None:
    """The course: its folder, its people, and where they stand."""


@course_group.command("new")
@click.argument("name", type=click.Path(path_type=Path, file_okay=False))
@click.option("--title", default="", help="The course's name as people read it (default: NAME).")
@click.option("--timezone", help="The clock by which work is due, for instance Europe/Berlin (default: UTC).")
def new_command(*, name: Path, title: str, timezone: str | None) -> int:
    """Make a course folder called NAME, with a first assignment that validates as it is."""
    for path in new_course(name, title=title, timezone=timezone):
        out.print(plain(f"wrote {path}"), soft_wrap=True)
    return EXIT_DONE


@course_group.command("people")
@click.argument("lists", nargs=-1, type=a_file, metavar="[CSV]...")
@click.option("--complete", is_flag=True, help="The lists hold everybody: students who are in none have left.")
@json_option
@course_option
def people_command(*, lists: tuple[Path, ...], complete: bool, as_json: bool, course: Course) -> int:
    """Take people into the roster: Moodle's list of participants, its worksheet, or a plain CSV. Without: show it."""
    if lists:
        done = take_in(course, lists, complete=complete)
        if as_json:
            print_json(asdict(done))
            return EXIT_DONE
        out.print(f"{done.total} people: {len(done.added)} new, {len(done.changed)} changed")
        for key in done.missing:
            word = "left the course" if complete else "is in no list; --complete says that they left"
            out.print(plain(f"  {key} {word}"), soft_wrap=True)
        return EXIT_DONE
    people = course.people().people
    if as_json:
        print_json([person.model_dump(mode="json") for person in people])
        return EXIT_DONE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for word in ("name", "e-mail", "number", "role", "also"):
        table.add_column(word)
    for one in people:
        role = f"{one.role}, left" if one.dropped else one.role
        table.add_row(*(plain(cell) for cell in (one.name, one.email, one.id_number, role, "; ".join(one.aliases))))
    out.print(table)
    return EXIT_DONE


@course_group.command("status")
@click.argument("folders", nargs=-1, type=a_folder, metavar="[DIR]...")
@json_option
@course_option
def status_command(*, folders: tuple[Path, ...], as_json: bool, course: Course) -> int:
    """Who handed in what, and what of it is graded, reviewed and released, over all results folders.

    Without DIR: all that lie in the course's results folder.
    """
    status = course_status(course, folders)
    if as_json:
        print_json(status.as_json())
        return EXIT_DONE
    out.print(_table(status))
    for slug in status.assignments:
        counts: dict[str, int] = {}
        for row in status.rows:
            state = row.places[slug].state if slug in row.places else "not in the export"
            counts[state] = counts.get(state, 0) + 1
        words = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        out.print(plain(f"{slug}: {words if slug in status.folders else 'nothing graded yet'}"), soft_wrap=True)
    for note in status.notes:
        err.print(plain(note), soft_wrap=True)
    return EXIT_DONE


@app.command("adjust", context_settings={"ignore_unknown_options": True})
@click.argument("target", type=a_folder, metavar="DIR")
@click.argument("participant")
@click.argument("points")
@click.option("--because", "reason", required=True, help="Why, in a sentence; the student reads it.")
def adjust_command(*, target: Path, participant: str, points: str, reason: str) -> int:
    """Give or take POINTS (as +2 or -1.5) beside the rubric; PARTICIPANT may be one member of a team.

    It is an event like any decision: undone in the review, kept by a regrade, given out by the next release.
    """
    try:
        value = Decimal(points)
    except InvalidOperation:
        raise InputError(f"{points!r} is no number of points", todo="write it like +2 or -1.5") from None
    event = adjust(target, participant, value, because=reason, author=own_name())
    for_whom = f"member {event.data['member']} of {event.participant}" if event.data else event.participant
    out.print(
        plain(f"{event.points} points for {for_whom}: the next `grader release {target}` says so"), soft_wrap=True
    )
    return EXIT_DONE


def _table(status: CourseStatus) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("student", max_width=28, no_wrap=True, overflow="ellipsis")
    for slug in status.assignments:
        table.add_column(slug)
    for row in status.rows:
        marks = ", ".join(
            word for word, holds in (("left", row.dropped), ("not in the roster", not row.known)) if holds
        )
        name = f"{row.name} ({marks})" if marks else row.name
        table.add_row(plain(name), *(plain(_cell(row.places.get(slug))) for slug in status.assignments))
    return table


def _cell(place: Place | None) -> str:
    if place is None:
        return ""
    total = "" if place.total is None else f" {place.total}"
    number = "" if place.release is None else f" (release {place.release})"
    again = f", attempt {place.attempts}" if place.attempts > 1 else ""
    return f"{place.state}{total}{number}{', late' if place.late_seconds else ''}{again}"
