"""`assignment list|validate|build|new`: what course authors run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from grader.catalog import Course
from grader.catalog.authoring import build_solution, build_starter
from grader.cli.app import app, course_option, err, json_option, out, print_json
from grader.cli.progressbar import Bar
from grader.cli.tables import plain
from grader.errors import EXIT_DONE, EXIT_INPUT
from grader.pipeline.authoring import new_assignment, validate_assignment
from grader.selfcheck.bundle import bundle_path, write_bundle
from grader.settings import Settings


@app.group("assignment")
def assignment() -> None:
    """Assignments of the course: list, validate, build, make new ones."""


@assignment.command("list")
@json_option
@course_option
def list_command(*, as_json: bool, course: Course) -> int:
    """List the course's assignments."""
    rows = []
    for slug in course.slugs():
        loaded = course.load(slug)
        rows.append({"slug": slug, "title": loaded.title, "due": loaded.due.isoformat() if loaded.due else None})
    if as_json:
        print_json(rows)
        return EXIT_DONE
    for row in rows:
        out.print(plain(f"{row['slug']:12} {row['title']}"))
    return EXIT_DONE


@assignment.command("build")
@click.argument("slug")
@click.option(
    "--out",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Zip file for students (default: build/SLUG-student.zip in the course folder).",
)
@course_option
def build_command(*, slug: str, target: Path | None, course: Course) -> int:
    """Make starter.ipynb and solution.ipynb from SLUG's source.ipynb, and the bundle that students get."""
    folder = course.folder(slug)
    source = json.loads((folder / "source.ipynb").read_text("utf-8"))
    for name, build in (("starter.ipynb", build_starter), ("solution.ipynb", build_solution)):
        (folder / name).write_text(json.dumps(build(source), ensure_ascii=False, indent=1) + "\n", "utf-8")
        out.print(plain(f"wrote {folder / name}"))
    out.print(plain(f"wrote {write_bundle(course, slug, target or bundle_path(course, slug))}"), soft_wrap=True)
    return EXIT_DONE


@assignment.command("validate")
@click.argument("slug")
@click.option("--static", is_flag=True, help="Don't run the solution on the stage.")
@json_option
@course_option
def validate_command(*, slug: str, static: bool, as_json: bool, course: Course) -> int:
    """Check everything that belongs to SLUG, and run its solution: it must pass every automatic check."""
    with Bar(err, quiet=as_json) as bar:
        problems = validate_assignment(course, slug, Settings(mode="static" if static else "dry-run"), bar)
    if as_json:
        print_json({"assignment": slug, "problems": problems})
    else:
        for problem in problems:
            out.print(plain(problem), soft_wrap=True)
        out.print(plain(f"{slug}: {'valid' if not problems else f'{len(problems)} problems'}"))
    return EXIT_INPUT if problems else EXIT_DONE


@assignment.command("new")
@click.argument("slug")
@course_option
def new_command(*, slug: str, course: Course) -> int:
    """Make a valid skeleton of an assignment called SLUG."""
    for path in new_assignment(course, slug):
        out.print(plain(f"wrote {Path(path)}"))
    return EXIT_DONE
