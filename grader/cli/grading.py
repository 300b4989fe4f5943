"""`grade`, `regrade`, `status`, `explain`: what instructors run on a class."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import click

from grader.catalog import Course
from grader.cli.app import app, course_option, err, json_option, out, own_name, print_json
from grader.cli.progressbar import Bar
from grader.cli.tables import plain, points, results_table, span, verdict
from grader.errors import EXIT_DONE, EXIT_NEEDS_PERSON, InputError, WorkspaceError
from grader.model.scorecard import Scorecard
from grader.pipeline import (
    Graded,
    Request,
    grade,
    load_materials,
    needs_person,
    regrade,
    results_json,
)
from grader.pipeline.asking import Endpoint, ask_about
from grader.pipeline.choosing import hint_of_export
from grader.pipeline.reviewing import class_outcomes
from grader.settings import Settings
from grader.workspace import Workspace

folder = click.Path(path_type=Path, file_okay=False)


def default_jobs() -> int:
    """As many notebooks at once as this process may use processors, at most 8."""
    return max(1, min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))


@app.command("grade")
@click.argument("export", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--worksheet",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Moodle's grading worksheet (CSV).",
)
@click.option(
    "--columns", multiple=True, metavar="FIELD=HEADER", help="Header word of a worksheet column in another language."
)
@click.option("--assignment", "slug", help="Which assignment (default: what the notebooks show, or the only one).")
@click.option("--out", "target", type=folder, required=True, help="Results folder; an existing one is gone on with.")
@click.option(
    "--jobs", type=click.IntRange(1, 256), help="Notebooks executed at the same time (default: processors, at most 8)."
)
@click.option(
    "--mode",
    type=click.Choice(["dry-run", "full", "static"]),
    default="dry-run",
    show_default=True,
    help="How notebooks are executed.",
)
@click.option("--scale", help="Reference ranges for recorded metrics (default: the assignment's).")
@click.option("--cell-seconds", type=float, help="Time limit of one cell.")
@click.option("--notebook-seconds", type=float, help="Time limit of one notebook.")
@click.option("--memory-mb", type=int, help="Memory limit of one notebook in MiB.")
@click.option("--hub", type=folder, help="Full mode: the hub cache with the real models.")
@click.option("--data", type=folder, help="Full mode: the folder with the real data set.")
@click.option("--cluster", metavar="tls://HOST:PORT", help="Execute on the workers of this Dask scheduler.")
@click.option("--cluster-tls", type=folder, help="Folder with our ca.pem, cert.pem, key.pem for the cluster.")
@json_option
@course_option
def grade_command(  # noqa: PLR0913  (one parameter an option)
    *,
    export: Path,
    worksheet: Path | None,
    columns: tuple[str, ...],
    slug: str | None,
    target: Path,
    jobs: int | None,
    as_json: bool,
    course: Course,
    **limits: Any,
) -> int:
    """Grade EXPORT: Moodle's zip of all submissions, a folder of it, or single notebooks and HTML files.

    Writes results.json, index.html, feedback/ and a preview of the Moodle files in moodle/.
    """
    settings = Settings(jobs=jobs or default_jobs(), **limits)
    if settings.mode == "full" and (settings.hub is None or settings.data is None):
        raise InputError("full mode needs the real models and data", todo="name them with --hub and --data")
    if settings.cluster_tls is not None and settings.cluster is None:
        raise InputError(
            "--cluster-tls names certificates, but there is no --cluster", todo="add --cluster tls://HOST:8786"
        )
    if settings.mode == "full" and settings.cluster is not None:
        raise InputError("full mode is for one machine", todo="leave --cluster out: models and data don't travel")
    chosen = course.choose(slug, None if slug else hint_of_export(course, export, target))
    materials = load_materials(course, chosen)
    request = Request(export, target, worksheet, _columns(columns))
    with Bar(err, quiet=as_json) as bar:
        graded = grade(request, materials, settings, bar)
    results = results_json(graded)
    if as_json:
        print_json(results)
    else:
        out.print(results_table(results, [line.id for line in materials.rubric.checks]))
        _summary(graded, target)
    return EXIT_NEEDS_PERSON if needs_person(graded) else EXIT_DONE


def _columns(pairs: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, header = pair.partition("=")
        if not equals:
            raise InputError(f"--columns {pair!r} is not FIELD=HEADER", todo="for example --columns grade=Bewertung")
        found[name.strip()] = header.strip()
    return found


def _summary(graded: list[Graded], target: Path) -> None:
    waiting = [item for item in graded if item.card.status in ("needs_review", "unreadable")]
    nothing = [item for item in graded if item.card.status == "no_submission"]
    out.print(f"{len(graded)} participants: {len(waiting)} need a person, {len(nothing)} handed in nothing.")
    out.print(f"overview   {target / 'index.html'}", soft_wrap=True, markup=False)
    out.print(f"feedback   {target / 'feedback'}", soft_wrap=True, markup=False)
    out.print(f"for Moodle {target / 'moodle'} (a preview: nothing is released yet)", soft_wrap=True, markup=False)
    if not graded:
        return
    if any(not item.evidence.execution.boxed and item.evidence.execution.cells_run for item in graded):
        err.print("not sandboxed: these notebooks ran with your own rights", style="yellow")


@app.command("regrade")
@click.argument("target", type=folder, metavar="DIR")
@click.option("--because", "reason", required=True, help="Why, in a sentence; kept in the results folder.")
@click.option("--yes", is_flag=True, help="Apply the difference; without it, it is only shown.")
@click.option("--scale", help="Grade against other reference ranges.")
@json_option
@course_option
def regrade_command(*, target: Path, reason: str, yes: bool, scale: str | None, as_json: bool, course: Course) -> int:
    """Grade DIR again from stored evidence, after a change of rubric, checks or ranges. Executes nothing."""
    info = run_info(target)
    materials = load_materials(course, str(info["assignment"]))
    with Bar(err, quiet=as_json) as bar:
        changes, graded = regrade(
            target,
            materials,
            because=reason,
            apply=yes,
            scale=scale,
            jobs=default_jobs(),
            author=own_name(),
            progress=bar,
        )
    if as_json:
        print_json([change.as_json() for change in changes])
    else:
        for change in changes:
            out.print(plain(change.text()), soft_wrap=True)
        done = "applied" if yes else "shown only; add --yes to apply"
        out.print(f"{len(changes)} of {len(graded)} change ({done})")
    return EXIT_NEEDS_PERSON if needs_person(graded) else EXIT_DONE


@app.command("ask")
@click.argument("target", type=folder, metavar="DIR")
@click.option("--url", required=True, help="OpenAI-compatible endpoint, such as https://host/v1.")
@click.option("--model", required=True, help="Which of its models.")
@click.option("--key-env", metavar="VARIABLE", help="Environment variable that holds the key.")
@click.option("--timeout", type=float, default=120.0, show_default=True, help="Seconds to wait for one answer.")
@course_option
def ask_command(*, target: Path, url: str, model: str, key_env: str | None, timeout: float, course: Course) -> int:
    """Ask a language model about the memos in DIR. It decides nothing: a regrade may widen ranges by what it quotes.

    Sends the rubric and each memo's text, names taken out. Nothing is ever sent unless this command is run.
    """
    key = os.environ.get(key_env, "") if key_env else ""
    if key_env and not key:
        raise InputError(f"the environment variable {key_env} is not set", todo="export the endpoint's key in it")
    materials = load_materials(course, str(run_info(target)["assignment"]))
    with Workspace(target) as workspace, Bar(err) as bar:
        asked = ask_about(workspace, materials, Endpoint(url, model, key=key, timeout=timeout), bar)
    out.print(
        f"{asked.answered} answered, {asked.kept} known already, {asked.unusable} without anything that the memo bears out"
    )
    out.print(
        f'grader regrade {target} --because "a language model was asked" shows what that would change', soft_wrap=True
    )
    return EXIT_DONE


def run_info(target: Path) -> dict[str, Any]:
    """run.json of a results folder; raises WorkspaceError with what to do."""
    return dict(_read(target / "run.json"))


def _results(target: Path) -> list[dict[str, Any]]:
    return list(_read(target / "results.json"))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise WorkspaceError(
            "holds no graded batch", where=str(path.parent), todo="name the --out folder of an earlier `grader grade`"
        ) from None
    except ValueError as error:
        raise WorkspaceError(
            f"is damaged: {error}", where=str(path), todo="run the same `grader grade` again: it is written anew"
        ) from error


@app.command("status")
@click.argument("target", type=folder, metavar="DIR")
@json_option
def status_command(*, target: Path, as_json: bool) -> int:
    """Where a graded class stands: who is graded, who needs a person and why, what is settled."""
    info, outcomes = run_info(target), class_outcomes(target)
    cards = {who: outcome.card for who, outcome in outcomes.items()}
    counts = Counter(card.status for card in cards.values())
    waiting = {who: card for who, card in cards.items() if card.status in ("needs_review", "unreadable")}
    handed_in = [outcome for outcome in outcomes.values() if outcome.card.status != "no_submission"]
    settled, open_items = sum(one.settled for one in handed_in), sum(len(one.open) for one in handed_in)
    if as_json:
        found = {"assignment": info["assignment"], "counts": counts, "settled": settled, "open": open_items}
        print_json(
            {**found, "needs_person": [{"participant": who, "why": _why(card)} for who, card in waiting.items()]}
        )
        return EXIT_NEEDS_PERSON if waiting else EXIT_DONE
    out.print(
        f"{info['assignment']}, {info['mode']}, ranges {info['scale']}, {info.get('finished') or 'not finished'}",
        markup=False,
    )
    for name, count in sorted(counts.items()):
        out.print(f"{count:4} {name}", markup=False)
    for who, card in waiting.items():
        out.print(plain(f"  {who}: {'; '.join(_why(card)[:3])}"), soft_wrap=True)
    out.print(f"{settled} of {len(handed_in)} settled, {open_items} items open", markup=False)
    return EXIT_NEEDS_PERSON if waiting else EXIT_DONE


def _why(card: Scorecard) -> list[str]:
    reasons = [f"{item.criterion}: {item.why}" if item.criterion else item.why for item in card.review]
    return reasons or ["nothing that could be graded"]


@app.command("explain")
@click.argument("target", type=folder, metavar="DIR")
@click.argument("participant")
@json_option
def explain_command(*, target: Path, participant: str, as_json: bool) -> int:
    """Follow one participant's points: criterion, finding, citation."""
    row = next((item for item in _results(target) if item["participant"]["id"] == participant), None)
    if row is None:
        raise InputError(
            f"there is no participant {participant!r}", where=str(target), todo="`grader status` lists them"
        )
    if as_json:
        print_json(row)
        return EXIT_DONE
    _explain(row)
    return EXIT_DONE


def _explain(row: dict[str, Any]) -> None:
    out.print(
        plain(f"{row['participant']['id']}  {row['participant']['name'] or ''}"),
        points(row),
        f"of {row['max']}, {row['status']}",
    )
    run = row["execution"]
    out.print(
        plain(f"run: {run['mode']}, {run['status']}, {run['cells_run']} cells in {run['seconds']} s {run['why']}")
    )
    for name, found in row["findings"].items():
        out.print(
            verdict(found["verdict"]),
            plain(f"{name} ({found['source'] or 'no source'}): {found['staff_text']}"),
            soft_wrap=True,
        )
        for place in found["citations"]:
            out.print(plain(f"      {_place(place)}: {place['quote'][:160]}"), soft_wrap=True)
    for section in row["sections"]:
        out.print(plain(f"{section['id']}: {span(section)} of {section['max']}"))
        for item in section["criteria"]:
            capped = f", capped by {', '.join(item['capped_by'])}" if item["capped_by"] else ""
            state = "settled" if item["settled"] else "a person decides" if item["points"] is None else "to confirm"
            out.print(plain(f"   {item['id']}: {span(item)} of {item['max']}, {state}{capped}"))
    _attempts(row.get("attempts") or {})
    for change in row["adjustments"]:
        out.print(plain(f"{change['kind']}: {change['points']} ({change['why']})"))
    for item in row["review"]:
        out.print(plain(f"to settle: {item['criterion']} {item['why']}"), soft_wrap=True)


def _attempts(attempts: dict[str, Any]) -> None:
    """What changed since the attempt before."""
    change = attempts.get("change")
    if not change:
        return
    out.print(plain(f"attempt {change['attempt']} of {attempts['handed_in']}; since attempt {change['before']}:"))
    for cell in change["cells"]:
        out.print(plain(f"   cell {cell['cell']} {cell['kind']}: {cell['text'][:100]}"), soft_wrap=True)
    for name in change["sections"]:
        out.print(plain(f"   the memo's part {name} reads otherwise"))
    for kind, key in (("verdicts", "check"), ("points", "criterion")):
        for item in change[kind]:
            out.print(plain(f"   {item[key]}: {item['before']} to {item['after']}"))


def _place(citation: dict[str, Any]) -> str:
    cell = "" if citation["cell"] is None else f" cell {citation['cell']}"
    output = "" if citation["output"] is None else f", output {citation['output']}"
    return f"{citation['in']}{cell}{output}"
