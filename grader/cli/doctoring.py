"""`doctor` and `demo`: what this machine can do, and the embedded sample class."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from grader.catalog import Course
from grader.cli.app import app, course_option, err, json_option, out, print_json
from grader.cli.grading import default_jobs
from grader.cli.progressbar import Bar
from grader.cli.tables import plain, results_table
from grader.errors import EXIT_DONE, EXIT_MACHINE
from grader.execution import Machine, probe
from grader.execution.versions import library_versions
from grader.pipeline import Request, grade, load_materials, results_json
from grader.pipeline.demo import differences, pack, samples, scale_for
from grader.settings import Settings

DEMO_CELL_SECONDS = 45.0
"""One sample loops for ever; every other cell of ours ends within some seconds."""
UNTIL_THEN = (
    "Until then: `grader grade --mode static` judges code and saved outputs without running anything; "
    "`grader check` and `grader demo` run your own notebook and our samples without a sandbox, and say so."
)
ROOM_MB = 2048
"""Free disk space below which a class's results could fill the disk."""


@app.command("doctor")
@json_option
def doctor_command(*, as_json: bool) -> int:
    """Say what this machine can do, each lack with the command that mends it."""
    machine = probe(try_warm=True)
    libraries = library_versions()
    free = shutil.disk_usage(Path.cwd()).free >> 20
    if as_json:
        print_json({**asdict(machine), "libraries": libraries, "free_mb": free})
    else:
        for good, what, mend in _rows(machine, libraries, free):
            out.print(plain("ok  " if good else "--  "), plain(what), soft_wrap=True, style="" if good else "yellow")
            if mend and not good:
                out.print(plain(f"      -> {mend}"), soft_wrap=True)
        if not machine.box:
            out.print(plain(UNTIL_THEN), soft_wrap=True)
    return EXIT_DONE if machine.box else EXIT_MACHINE


def _rows(machine: Machine, libraries: dict[str, str], free: int) -> list[tuple[bool, str, str | None]]:
    missing = [name for name, version in libraries.items() if version == "missing"]
    have = ", ".join(f"{name} {version}" for name, version in libraries.items() if version != "missing")
    who = "root; notebooks run as an unprivileged user" if machine.root else "an ordinary user"
    return [
        (
            True,
            f"{machine.system}, Python {machine.python}, {machine.cores} processors, {machine.memory_mb} MB, as {who}",
            None,
        ),
        (machine.box, "sandbox: works" if machine.box else f"sandbox: {machine.box_trouble}", machine.box_mend),
        (
            machine.warm,
            "warm kernels: work" if machine.warm else f"warm kernels: {machine.warm_trouble}",
            "notebooks start in fresh kernels: some seconds each, same results" if machine.box else None,
        ),
        (
            bool(machine.control_groups),
            f"memory limits: control groups {machine.control_groups}"
            if machine.control_groups
            else "memory limits: a watchdog that looks four times a second, for want of control groups",
            machine.control_groups_mend,
        ),
        (True, f"GPU: {', '.join(machine.gpu) or 'none; only --mode full needs one'}", None),
        (free >= ROOM_MB, f"disk: {free} MB free here", "free some space, or choose another --out"),
        (
            not missing,
            f"libraries: {have or 'none'}",
            f"missing {', '.join(missing)}: pip install 'llm-course-grader[run]'",
        ),
    ]


@app.command("demo")
@click.option(
    "--out",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    help="Results folder (default: a new one in the temporary folder).",
)
@click.option("--assignment", "slug", help="Whose golden cases (default: the only assignment's).")
@click.option("--jobs", type=click.IntRange(1, 256), help="Notebooks executed at the same time.")
@json_option
@course_option
def demo_command(*, target: Path | None, slug: str | None, jobs: int | None, as_json: bool, course: Course) -> int:
    """Grade the embedded sample class, packed as a Moodle export, and hold each sample against its agreed verdict."""
    chosen = course.choose(slug or ("week3" if "week3" in course.slugs() else None))
    found = samples(course, chosen)
    machine = probe()
    if not machine.box:
        err.print(
            f"not sandboxed: {machine.box_trouble}. These are our own samples, so they run all the same.",
            style="yellow",
            markup=False,
        )
        err.print(f"  -> {machine.box_mend}", markup=False)
    folder = target or Path(tempfile.mkdtemp(prefix="grader-demo-"))
    export, worksheet = _packed(folder, pack(found))
    materials = load_materials(course, chosen)
    settings = Settings(
        jobs=jobs or default_jobs(),
        boxed=machine.box,
        scale=scale_for(materials.assignment),
        cell_seconds=DEMO_CELL_SECONDS,
    )
    with Bar(err, quiet=as_json) as bar:
        graded = grade(Request(export, folder / "results", worksheet), materials, settings, bar)
    wrong = list(differences(found, graded))
    if as_json:
        print_json({"results": results_json(graded), "differences": [asdict(item) for item in wrong]})
        return EXIT_DONE if not wrong else EXIT_MACHINE
    out.print(results_table(results_json(graded), [line.id for line in materials.rubric.checks]))
    for item in wrong:
        out.print(plain(item.text()), style="red", soft_wrap=True)
    agreed = len(found) - len({item.sample for item in wrong})
    out.print(f"{agreed} of {len(found)} samples got their agreed verdicts.")
    out.print(f"overview   {folder / 'results' / 'index.html'}", soft_wrap=True, markup=False)
    out.print(f"pages      {folder / 'results' / 'feedback'}", soft_wrap=True, markup=False)
    out.print(f"for Moodle {folder / 'results' / 'moodle'} (a preview)", soft_wrap=True, markup=False)
    return EXIT_DONE if not wrong else EXIT_MACHINE


def _packed(folder: Path, packed: tuple[bytes, bytes]) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    export, worksheet = folder / "LLM-ENG-Week 3 homework-1.zip", folder / "Grades-LLM-ENG-Week 3 homework-1.csv"
    export.write_bytes(packed[0])
    worksheet.write_bytes(packed[1])
    return export, worksheet
