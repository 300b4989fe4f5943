"""`release`, `backup`, `restore`: giving results out, and keeping them."""

from __future__ import annotations

from pathlib import Path

import click

from grader.catalog import Course
from grader.cli.app import app, course_option, err, json_option, out, own_name, print_json
from grader.cli.grading import default_jobs, folder, run_info
from grader.cli.progressbar import Bar
from grader.cli.tables import plain
from grader.errors import EXIT_DONE, EXIT_NEEDS_PERSON
from grader.pipeline import load_materials
from grader.pipeline.backup import backup, restore
from grader.pipeline.releasing import Released, release

SHOWN = 20


@app.command("release")
@click.argument("target", type=folder, metavar="DIR")
@click.option("--provisional", is_flag=True, help="Also give out what nobody has settled yet, marked as such.")
@click.option("--preview", is_flag=True, help="Write no release: only the pages in feedback/, and say what is open.")
@json_option
@course_option
def release_command(*, target: Path, provisional: bool, preview: bool, as_json: bool, course: Course) -> int:
    """Give out the results of DIR as the next numbered release, in releases/: worksheet, archive, pages, instructions.

    Refuses while anything is open. A later release holds only what changed since the one before.
    """
    materials = load_materials(course, str(run_info(target)["assignment"]))
    with Bar(err, quiet=as_json) as bar:
        done = release(
            target,
            materials,
            provisional=provisional,
            preview=preview,
            author=own_name(),
            jobs=default_jobs(),
            progress=bar,
        )
    if as_json:
        print_json(done.as_json())
    else:
        _say(done, target, preview=preview)
    return EXIT_NEEDS_PERSON if done.open else EXIT_DONE


def _say(done: Released, target: Path, *, preview: bool) -> None:
    for who, items in list(done.open.items())[:SHOWN]:
        first = f"{items[0].target}: {items[0].why}" if items[0].target else items[0].why
        more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
        out.print(plain(f"open  {who}: {first}{more}"), soft_wrap=True)
    if len(done.open) > SHOWN:
        out.print(f"open  ... and {len(done.open) - SHOWN} more participants")
    if preview:
        word = "would hold"
        out.print(f"pages to look at: {target / 'feedback'}", soft_wrap=True, markup=False)
    elif not done.changed:
        out.print("nothing has changed since the last release; none was written")
        return
    else:
        word = "holds"
    kind = "provisional release" if done.provisional else "release"
    out.print(f"{kind} {done.number} {word} {len(done.changed)} participants, {done.unchanged} unchanged")
    if done.written:
        out.print(f"first read {done.path / 'READ-ME-FIRST.txt'}", soft_wrap=True, markup=False)


@app.command("backup")
@click.argument("target", type=folder, metavar="DIR")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup_command(*, target: Path, file: Path) -> int:
    """Copy all of DIR into FILE (a zip), the ledger included; also while people review."""
    count = backup(target, file)
    out.print(f"{count} files in {file}: personal data, keep it where only graders can read it", soft_wrap=True)
    return EXIT_DONE


@app.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("target", type=folder, metavar="DIR")
def restore_command(*, file: Path, target: Path) -> int:
    """Unpack the backup FILE into the new folder DIR; every file is checked first."""
    out.print(f"{restore(file, target)} files in {target}", soft_wrap=True)
    return EXIT_DONE
