"""`course gradebook|grades|person|anonymous` and `forget`: what is known of people, given out, taken in, or removed."""

from __future__ import annotations

from pathlib import Path

import click

from grader.catalog import Course
from grader.cli.app import app, course_option, err, out, own_name
from grader.cli.course import course_group
from grader.cli.tables import plain
from grader.errors import EXIT_DONE, EXIT_NEEDS_PERSON
from grader.pipeline.forgetting import everything_about, find, forget, person_of
from grader.pipeline.gradebook import anonymous_csv, gradebook_csv, import_grades
from grader.workspace.files import write_atomic

new_file = click.Path(dir_okay=False, path_type=Path)


@course_group.command("gradebook")
@click.argument("file", type=new_file)
@click.option("--all", "everything", is_flag=True, help="Also totals that nobody has settled yet (middles of ranges).")
@course_option
def gradebook_command(*, file: Path, everything: bool, course: Course) -> int:
    """Write all totals of the term to FILE (CSV): one row per student, empty for no grade."""
    write_atomic(file, gradebook_csv(course, everything=everything))
    out.print(plain(f"wrote {file}"), soft_wrap=True)
    return EXIT_DONE


@course_group.command("grades")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "name", required=True, help="Under which name they stand in the gradebook.")
@course_option
def grades_command(*, file: Path, name: str, course: Course) -> int:
    """Take in grades from elsewhere: a CSV with email, id_number or name, and grade."""
    count, strangers = import_grades(course, file, name)
    out.print(f"{count} grades taken in as {name}", markup=False)
    for who in strangers:
        err.print(plain(f"not in the roster: {who}"), soft_wrap=True)
    return EXIT_NEEDS_PERSON if strangers else EXIT_DONE


@course_group.command("person")
@click.argument("person")
@click.argument("file", type=new_file)
@course_option
def person_command(*, person: str, file: Path, course: Course) -> int:
    """Write everything that is held of PERSON to FILE (zip), to hand out to them."""
    count = everything_about(course, person, file)
    out.print(plain(f"wrote {count} files to {file}"), soft_wrap=True)
    return EXIT_DONE


@course_group.command("anonymous")
@click.argument("file", type=new_file)
@course_option
def anonymous_command(*, file: Path, course: Course) -> int:
    """Write results without names, numbers, texts or dates to FILE (CSV), for research; refused below ten people."""
    write_atomic(file, anonymous_csv(course))
    out.print(plain(f"wrote {file}"), soft_wrap=True)
    return EXIT_DONE


@app.command("forget")
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do it; without it, only say what would go.")
@course_option
def forget_command(*, person: str, yes: bool, course: Course) -> int:
    """Remove PERSON (e-mail, ID number or full name) from roster, results, releases and ledgers of the course.

    Backups, exports that lie elsewhere and Moodle itself are not touched.
    """
    if not yes:
        for place in find(course, person_of(course, person)):
            shared = f", a member of {', '.join(sorted(place.teams))}" if place.teams else ""
            out.print(plain(f"{place.root}: {len(place.own)} submissions{shared}"), soft_wrap=True)
        out.print("shown only; add --yes to remove them for good")
        return EXIT_DONE
    done = forget(course, person, author=own_name())
    for root, count in done.folders.items():
        out.print(plain(f"{root}: {count} submissions removed"), soft_wrap=True)
    for note in done.notes:
        out.print(plain(note), soft_wrap=True)
    for path in done.left:
        out.print(plain(f"the name still stands in {path}: a person looks"), soft_wrap=True)
    return EXIT_NEEDS_PERSON if done.left else EXIT_DONE
