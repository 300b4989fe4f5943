"""What a student is told about the notebook, as plain values for the terminal, the page and JSON alike.

Verdicts are the engine's; here they are only put in order: what to mend, what to look at, what can't be seen yet
because it is not written yet. Shows nothing that is meant for staff.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from grader.model.finding import Citation, Finding
from grader.model.rubric import CheckLine
from grader.pipeline.materials import Materials
from grader.pipeline.results import Graded
from grader.selfcheck.checking import after_submission, public_lines
from grader.selfcheck.explaining import explanation
from grader.selfcheck.progress import Part, Progress, describe, progress

Group = Literal["fix", "look", "unseen", "later", "ok"]
ORDER: tuple[Group, ...] = ("fix", "look", "unseen", "later", "ok")
MOST_ERRORS = 3
NO_NOTEBOOK = "There is no notebook in this file."


@dataclass(frozen=True)
class Row:
    """One check's answer."""

    id: str
    title: str
    group: Group
    """`fix` mend it, `look` half of it or works, `unseen` can't be told from here, `later` not written yet, `ok`."""
    finding: Finding
    places: tuple[tuple[str, str], ...]
    """(where in words, quoted line)."""
    why: str
    """The explanation, as Markdown; empty where nothing is to be mended."""


@dataclass(frozen=True)
class Report:
    """All of it, in the order in which it is read."""

    title: str
    headline: str
    """Where the notebook stands, in one sentence."""
    next: tuple[str, ...]
    """What to do now, first things first."""
    rows: tuple[Row, ...]
    to_write: tuple[Part, ...]
    notes: tuple[str, ...]
    """How the run went, and what was odd."""
    looked: str
    """How this was looked at."""
    ran: bool
    """The notebook was run, not only read."""
    after_submission: tuple[str, ...]

    def group(self, name: Group) -> tuple[Row, ...]:
        """The rows of one group."""
        return tuple(row for row in self.rows if row.group == name)

    @property
    def done(self) -> bool:
        """Nothing is left to do or to look at."""
        return not self.to_write and all(row.group == "ok" for row in self.rows)


def report_of(graded: Graded, materials: Materials, *, modules: Sequence[str] = ()) -> Report:
    """Everything that `grader check` says. `modules`: files beside the notebook that it imports."""
    notebook = graded.evidence.notebook
    state = progress(notebook) if notebook is not None else None
    rows = sorted(_rows(graded, materials, state), key=lambda row: ORDER.index(row.group))
    return Report(
        title=materials.assignment.title,
        headline=_headline(state, rows),
        next=tuple(_next(graded, state, rows)),
        rows=tuple(rows),
        to_write=state.to_write if state else (),
        notes=(*(hand_in_too(name) for name in modules), *_notes(graded, state)),
        looked=_looked(graded),
        ran=graded.evidence.execution.status != "skipped",
        after_submission=tuple(after_submission(materials)),
    )


# -- rows --------------------------------------------------------------------------------------------------------------


def _rows(graded: Graded, materials: Materials, state: Progress | None) -> Iterator[Row]:
    found = graded.judgement.findings.findings
    for line in public_lines(materials):
        if line.id in found:
            finding = found[line.id]
            group = _group(line, finding, state)
            about = materials.registry.describe(line.check)
            why = explanation(about) if group in ("fix", "look") else ""
            yield Row(line.id, line.title or line.id, group, finding, tuple(_places(graded, finding)), why)


def _group(line: CheckLine, finding: Finding, state: Progress | None) -> Group:
    if finding.verdict == "passed":
        return "ok"
    if state is not None and _waits(line, finding, state):
        return "later"
    return {"failed": "fix", "partial": "look"}.get(finding.verdict, "unseen")  # type: ignore[return-value]


def _waits(line: CheckLine, finding: Finding, state: Progress) -> bool:
    """Whether the answer only says that something is missing which the notebook shows to be unwritten yet."""
    if line.check == "memo_sections":
        return any(part.text for part in state.to_write)
    seen = finding.source in ("dry_run", "artifact") or finding.citations
    missing = finding.verdict in ("not_assessed", "crashed") or not seen
    return missing and any(not part.text for part in state.to_write)


def _places(graded: Graded, finding: Finding) -> Iterator[tuple[str, str]]:
    for place in finding.citations[:2]:
        yield _where(graded, place), place.quote[:140]


def _where(graded: Graded, place: Citation) -> str:
    notebook = graded.evidence.notebook
    if place.cell is None or notebook is None:
        return {"adapter": "in the saved weights", "memo": "in the memo"}.get(place.where, "in your notebook")
    part = describe(notebook, place.cell)
    return f"cell {place.cell} ({part.heading[:40].strip()})" if part.heading else f"cell {place.cell}"


def hand_in_too(name: str) -> str:
    """About a module of the student's own."""
    return f"The notebook imports {name} from beside it: hand it in, too (both in one .zip), or nobody else can run it."


# -- words -------------------------------------------------------------------------------------------------------------


def _headline(state: Progress | None, rows: list[Row]) -> str:
    if state is None:
        return NO_NOTEBOOK
    counts = {name: sum(row.group == name for row in rows) for name in ORDER}
    words: dict[Group, str] = {"fix": "to mend", "look": "to look at", "unseen": "not seen", "ok": "in order"}
    summary = ", ".join(f"{counts[name]} {words[name]}" for name in words if counts[name])
    if state.state == "starter":
        return f"This is still the starter: none of its {state.parts} parts is written yet."
    if state.state == "half":
        written = state.parts - len(state.to_write)
        return f"{written} of {state.parts} parts are written. Checks so far: {summary or 'none can be made yet'}."
    if counts["ok"] == len(rows):
        return "All that can be checked before you submit is in order."
    return f"Every part is written. Checks: {summary}."


def _next(graded: Graded, state: Progress | None, rows: list[Row]) -> Iterator[str]:
    if state is None:
        yield " ".join(flag.why for flag in graded.evidence.flags) or "Name the notebook (.ipynb) that you work in."
        return
    mend = [row.title for row in rows if row.group == "fix"]
    if mend:
        yield f"Mend first: {'; '.join(mend)}."
    if state.to_write:
        first = state.to_write[0]
        yield f"{'Begin' if state.state == 'starter' else 'Go on'} with {first}"
        if any(not part.text for part in state.to_write):
            yield "Before each training, let `preflight(model, tokenizer, training_args)` look at it: it takes a moment."
        return
    yield from _finish(graded, state, rows)


def _finish(graded: Graded, state: Progress, rows: list[Row]) -> Iterator[str]:
    if state.never_run or state.not_run:
        which = "No cell" if state.never_run else f"Not every cell (for one, {state.not_run[0]})"
        yield f"{which} was run before you saved, and results are read from saved outputs: Run all, save, check again."
    elif state.errors:
        part, name = state.errors[0]
        yield f"{part} shows an error ({name}) in what you saved: mend it, run it again and save."
    elif not any(row.group == "fix" for row in rows):
        open_ = any(row.group in ("look", "unseen") for row in rows)
        if graded.evidence.execution.mode == "static" and any(row.group == "unseen" for row in rows):
            yield "Check again without `--static`: the run on stand-ins may show what could not be read from the code."
        first = "Read what is marked, then hand in" if open_ else "Hand in"
        yield f"{first}: `grader export` makes the page for Moodle."


def _looked(graded: Graded) -> str:
    run = graded.evidence.execution
    if run.mode == "static" or run.status == "skipped":
        return "Only code, saved outputs and text were looked at; nothing was run."
    where = "in a closed sandbox" if run.boxed else "in a temporary copy, with your own rights (no sandbox here)"
    return (
        f"Your notebook was run once in {run.seconds:.0f} s on small stand-in models and data, {where}. That shows what your "
        "code does, not how good your models are; results are read from the outputs that you saved."
    )


def _notes(graded: Graded, state: Progress | None) -> Iterator[str]:
    run, evidence = graded.evidence.execution, graded.evidence
    if state is None:
        return  # why there is no notebook is said where it says what to do
    for record in evidence.trace:
        if record.get("t") == "stage_gap":
            asked = f"{record.get('what', 'thing')!s:.40} {record.get('name', '')!s:.80}"
            yield (
                f"Your notebook asks for the {asked}, which the stand-in run does not have. That is a gap on our side: "
                "what depends on it is looked at after you submit."
            )
    yield from (flag.why for flag in evidence.flags if flag.kind != "stage_gap")
    notebook = evidence.notebook or {"cells": []}
    unwritten = {part.cell for part in state.to_write}
    errors = [error for error in run.errors if error.cell not in unwritten]
    if unwritten:  # what follows an unwritten part fails for want of it
        errors = [error for error in errors if error.name not in ("NameError", "KeyError", "NotImplementedError")]
    for error in errors[:MOST_ERRORS]:
        said = f": {error.value}" if error.value else ""
        yield f"In the stand-in run {describe(notebook, error.cell)} ended with {error.name}{said[:200]}"
    if run.status not in ("ok", "error", "skipped"):
        yield f"The stand-in run ended early ({run.status.replace('_', ' ')}). {run.why}"
