"""`review`: the web application for TAs, their links, and what goes in and out of the ledger by file."""

from __future__ import annotations

import importlib
import signal
import webbrowser
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from grader.catalog import find_course
from grader.cli.app import app, err, out, own_name
from grader.cli.grading import default_jobs, folder, run_info
from grader.errors import EXIT_DONE, CourseError, GraderError, InputError, MachineError
from grader.ledger import Access, Ledger, ledger_file
from grader.ledger.book import ELSEWHERE
from grader.pipeline import Materials, load_materials
from grader.pipeline.releasing import page_now, release
from grader.workspace import write_atomic

DEFAULT_PORT = 8765


@app.command("review")
@click.argument("target", type=folder, metavar="DIR")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any that is free."
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; others than loopback need --url with https.",
)
@click.option("--url", help="The https address under which a reverse proxy brings TAs here.")
@click.option("--user-header", metavar="NAME", help="Header in which that proxy names the person it signed on.")
@click.option(
    "--ta", metavar="NAME", help="Print a personal link for this TA (a new one ends the old one), and serve nothing."
)
@click.option(
    "--lead", is_flag=True, help="With --ta: may also assign, release, give links and undo others' decisions."
)
@click.option("--revoke", metavar="NAME", help="End this TA's link and sessions at once, and serve nothing.")
@click.option(
    "--ledger", type=click.Path(path_type=Path, dir_okay=False), help="Keep the ledger in this file, on a local disk."
)
@click.option("--no-browser", is_flag=True, help="Only print the link.")
@click.option(
    "--course",
    "course_folder",
    envvar="GRADER_COURSE",
    type=click.Path(path_type=Path),
    help="Course folder, to show pages as they would be given out now.",
)
def review_command(  # noqa: PLR0913  (one parameter an option)
    *,
    target: Path,
    port: int,
    host: str,
    url: str | None,
    user_header: str | None,
    ta: str | None,
    lead: bool,
    revoke: str | None,
    ledger: Path | None,
    no_browser: bool,
    course_folder: Path | None,
) -> int:
    """Settle in the browser what the machine can't: confirm suggestions, change points, comment, flag.

    Opens a one-time link for you on this machine. TAs get their own with --ta. Stop it with Ctrl-C; every decision is on disk when
    the page shows it.
    """
    info = run_info(target)
    if ledger is not None:
        _keep_ledger_in(target, ledger)
    base = url or f"http://localhost:{port}"
    if ta is not None or revoke is not None:
        return _people(target, base, ta=ta, lead=lead, revoke=revoke)
    _refuse_open_network(host, url)
    terms = {"host": host, "port": port, "url": url, "user_header": user_header, "author": own_name()}
    materials = _materials(course_folder, str(info["assignment"]))
    _serve(target, materials=materials, browser=not no_browser, terms=terms)
    return EXIT_DONE


def _serve(target: Path, *, materials: Materials | None, browser: bool, terms: dict[str, Any]) -> None:
    review = _web()
    page_of = None if materials is None else partial(page_now, target, materials)

    def ready(link: str) -> None:
        out.print(f"review of {target}: this link opens once, for you", soft_wrap=True, markup=False)
        out.print(link, soft_wrap=True, markup=False)
        if browser:
            webbrowser.open(link)

    for one in (signal.SIGINT, signal.SIGTERM):  # also where whoever started it in the background had them ignored
        signal.signal(one, signal.default_int_handler)
    try:
        review.serve(review.Desk(target), review.Serving(**terms, page_of=page_of), ready)
    except KeyboardInterrupt:
        out.print("stopped; everything that was decided is kept")
    finally:
        if materials is not None:
            _refresh(target, materials)


def _refresh(target: Path, materials: Materials) -> None:
    """results.json, overview and pages as decided; what stands in the way is for `release` to say."""
    try:
        release(target, materials, preview=True, jobs=default_jobs())
    except GraderError as error:
        err.print(error.text(), style="yellow", markup=False, soft_wrap=True)


def _web() -> ModuleType:
    try:
        return importlib.import_module("grader.review")
    except ImportError as error:
        raise MachineError(
            f"the review needs {error.name}, which is not installed", todo="pip install 'llm-course-grader[review]'"
        ) from error


def _materials(course_folder: Path | None, slug: str) -> Materials | None:
    """Without the course everything can be reviewed; only pages can't be shown anew."""
    try:
        return load_materials(find_course(Path.cwd(), option=course_folder), slug)
    except CourseError:
        if course_folder is not None:
            raise
        return None


def _refuse_open_network(host: str, url: str | None) -> None:
    """Secrets never go over a network in the clear."""
    if host not in ("127.0.0.1", "localhost", "::1") and not (url or "").startswith("https://"):
        raise InputError(
            f"--host {host} would send links and students' names over the network unencrypted",
            todo="put a reverse proxy with https in front and name its address with --url https://...; or tunnel with ssh -L",
        )


def _people(target: Path, base: str, *, ta: str | None, lead: bool, revoke: str | None) -> int:
    access = Access(Ledger.of(target))
    if revoke is not None:
        done = access.revoke(revoke, by=own_name())
        out.print(f"{revoke}: link and sessions ended" if done else f"{revoke} had no link", markup=False)
    if ta is not None:
        secret = access.grant(ta, "lead" if lead else "ta", by=own_name())
        out.print(f"{base.rstrip('/')}/enter#{secret}", soft_wrap=True, markup=False)
    return EXIT_DONE


def _keep_ledger_in(target: Path, ledger: Path) -> None:
    """Only before anything was decided: events are never moved behind anybody's back."""
    place, now = ledger.absolute(), ledger_file(target)
    if now == place:
        return
    if now.is_file() and Ledger(now).last():
        raise InputError(
            "decisions stand in the ledger already",
            where=str(now),
            todo="`grader backup`, then move the file by hand and name it in ledger.path",
        )
    write_atomic(target / ELSEWHERE, f"{place}\n".encode())
