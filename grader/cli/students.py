"""`check`, `checks` and `export`: what students run on their own machine."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from grader.catalog import Course, find_course
from grader.checking.registry import Registry
from grader.checks import collect
from grader.cli.app import app, err, json_option, open_course, out, print_json
from grader.cli.selfreport import print_report, report_json
from grader.cli.tables import plain
from grader.errors import EXIT_DONE, EXIT_NEEDS_PERSON, CourseError, InputError
from grader.pipeline import load_materials
from grader.selfcheck.checking import (
    assignment_hint,
    check_notebook,
    how_to_install,
    memo_gaps,
    missing_libraries,
    modules_beside,
)
from grader.selfcheck.explaining import documents, explanation
from grader.selfcheck.export import DEFAULT_MB, MEGABYTE, export_notebook, read_notebook
from grader.selfcheck.report import report_of
from grader.selfcheck.watching import saves
from grader.settings import Settings
from grader.workspace.files import write_atomic

course_folder_option = click.option(
    "--course",
    "course_folder",
    envvar="GRADER_COURSE",
    type=click.Path(path_type=Path),
    help="Folder of the unpacked bundle or course (default: found from here or from the notebook, upwards).",
)


@app.command("check")
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--static", is_flag=True, help="Look at code and saved outputs only; run nothing.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write the findings as a page.")
@click.option("--watch", is_flag=True, help="Check again whenever the notebook is saved, until Ctrl+C.")
@click.option("--assignment", "slug", help="Which assignment (default: what the notebook says, or the only one).")
@json_option
@course_folder_option
def check_command(*, notebook: Path, watch: bool, **options: Any) -> int:
    """Check your own NOTEBOOK (.ipynb or .html) before you submit: the same checks as after submission.

    Your notebook is run in a sandbox where there is one, else in a temporary copy with your own rights. No network, no GPU and
    no account are needed; nothing leaves your machine.
    """
    code = _check(notebook, **options)
    for _ in saves(notebook) if watch else ():
        err.print(f"{datetime.now():%H:%M:%S} saved: checking again", markup=False)
        try:
            code = _check(notebook, **options)
        except InputError as error:  # half-written or broken for a moment: the next save may mend it
            err.print(error.text(), style="red", markup=False, soft_wrap=True)
    return code


def _check(
    notebook: Path, *, static: bool, page: Path | None, slug: str | None, as_json: bool, course_folder: Path | None
) -> int:
    read_notebook(notebook)  # or say why it can't be read
    course = _course_for(notebook, course_folder)
    materials = load_materials(course, course.choose(slug, assignment_hint(notebook, course)))
    graded = check_notebook(notebook, materials, _settings(static=static))
    beside = modules_beside(notebook, graded.evidence.notebook) if graded.evidence.notebook else []
    report = report_of(graded, materials, modules=[module.name for module in beside])
    if page is not None:
        from grader.selfcheck.page import report_page

        write_atomic(page, report_page(report).encode("utf-8", "replace"), mode=0o644)
    if as_json:
        print_json(report_json(report, graded.evidence.execution))
    else:
        print_report(report)
        if page is not None:
            out.print(plain(f"page: {page}"), soft_wrap=True)
    return EXIT_DONE if report.done else EXIT_NEEDS_PERSON


def _settings(*, static: bool) -> Settings:
    """How this machine can look at it: boxed, unboxed, or not running anything; said where it is less than asked for."""
    missing = () if static else missing_libraries()
    if static or missing:
        if missing:
            err.print(
                plain(f"running your notebook needs {', '.join(missing)}: only code and saved outputs are looked at")
            )
            err.print(plain(f"  -> {how_to_install()}"), soft_wrap=True)
        return Settings(mode="static")

    from grader.execution import probe

    err.print("running your notebook on small stand-ins, about half a minute", style="dim")
    if probe().box:
        return Settings()
    err.print("no sandbox on this machine: your notebook runs in a temporary copy with your own rights", style="yellow")
    return Settings(boxed=False)


@app.command("export")
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="The page to write.")
@click.option("--max-mb", type=click.FloatRange(min=0.1), default=DEFAULT_MB, show_default=True, help="Upload limit.")
@click.option("--assignment", "slug", help="Which assignment (default: what the notebook says, or the only one).")
@json_option
@course_folder_option
def export_command(
    *, notebook: Path, target: Path | None, max_mb: float, slug: str | None, as_json: bool, course_folder: Path | None
) -> int:
    """Make the HTML page of your NOTEBOOK for Moodle, and say what is still missing in it.

    The page looks as Jupyter's own export does and carries the notebook inside, so that nothing is lost. Works without a course
    folder; with one, the parts of the memo are looked for, too.
    """
    target = target or notebook.with_suffix(".html")
    if target.resolve() == notebook.resolve():
        raise InputError("would overwrite the file itself", where=str(target), todo="name another page with -o")
    exported = export_notebook(notebook, limit=int(max_mb * MEGABYTE))
    missing = [*exported.missing, *_memo_gaps(notebook, slug, course_folder)]
    write_atomic(target, exported.html, mode=0o644)
    if as_json:
        megabytes = round(len(exported.html) / MEGABYTE, 2)
        print_json({"page": str(target), "mb": megabytes, "missing": missing, "changed": list(exported.changed)})
    else:
        for sentence in exported.changed:
            out.print(plain(f"note: {sentence}"), soft_wrap=True)
        for sentence in missing:
            out.print(plain(f"look: {sentence}"), soft_wrap=True)
        ready = "still worth a look before you hand it in" if missing else "ready to hand in"
        out.print(plain(f"wrote {target} ({len(exported.html) / MEGABYTE:.1f} MB), {ready}"), soft_wrap=True)
    return EXIT_NEEDS_PERSON if missing else EXIT_DONE


def _memo_gaps(notebook: Path, slug: str | None, folder: Path | None) -> list[str]:
    """What the memo lacks, where there is a course that says which parts it has."""
    try:
        course = _course_for(notebook, folder)
    except CourseError:
        if folder is not None or slug is not None:
            raise
        return []
    return memo_gaps(notebook, load_materials(course, course.choose(slug, assignment_hint(notebook, course))))


def _course_for(notebook: Path, folder: Path | None) -> Course:
    """The course of the current folder, else the one that the notebook lies in."""
    try:
        return open_course(folder)
    except CourseError as error:
        if folder is not None:
            raise
        try:
            return find_course(notebook.resolve().parent)
        except CourseError:
            raise CourseError(
                error.what,
                where=error.where,
                todo="unpack the bundle that you were given for the assignment, and run this inside its folder "
                "(or name that folder with --course)",
            ) from None


@app.command("checks")
@click.argument("name", required=False, metavar="[ID]")
@json_option
@click.option("--docs", type=click.Path(file_okay=False, path_type=Path), help="Write all explanations as pages there.")
@course_folder_option
def checks_command(*, name: str | None, as_json: bool, docs: Path | None, course_folder: Path | None) -> int:
    """List the checks, or explain one: what it asks, why it matters, how to mend it."""
    registry = collect(*_own_checks(course_folder))
    if docs is not None:
        for page, text in documents(registry).items():
            write_atomic(docs / page, text.encode(), mode=0o644)
    name = _line_ids(course_folder).get(name, name) if name else None
    if name is None:
        found = {key: registry.describe(key).sentence for key in sorted(registry)}
        if as_json:
            print_json(found)
        else:
            for key, sentence in found.items():
                out.print(plain(f"{key:20} {sentence}"), soft_wrap=True)
        return EXIT_DONE
    _explain(registry, name, as_json=as_json)
    return EXIT_DONE


def _line_ids(folder: Path | None) -> dict[str, str]:
    """Check names by the ids of rubric lines (`decoder.padding_side`), where there is a course."""
    try:
        course = open_course(folder)
        rubrics = [course.rubric(course.load(slug)) for slug in course.slugs()]
    except CourseError:
        return {}
    return {line.id: line.check for rubric in rubrics for line in rubric.checks}


def _own_checks(folder: Path | None) -> list[Path]:
    """Folders of checks that the course has beside the built-in ones, where there is a course."""
    try:
        course = open_course(folder)
    except CourseError:
        return []
    return [own for slug in course.slugs() if (own := course.checks(slug)) is not None]


def _explain(registry: Registry, name: str, *, as_json: bool) -> None:
    if name not in registry:
        raise InputError(f"there is no check {name!r}", todo=f"checks: {', '.join(sorted(registry))}")
    about = registry.describe(name)
    if as_json:
        print_json({**asdict(about), "explanation": explanation(about)})
        return
    out.print(plain(about.name))
    out.print(plain(about.sentence), soft_wrap=True)
    for line in explanation(about).splitlines():
        out.print(plain(line), soft_wrap=True)
    for option in about.options:
        out.print(plain(f"  {option.name}: {option.doc}"), soft_wrap=True)
