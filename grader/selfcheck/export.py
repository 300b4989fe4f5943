"""One's own notebook as the HTML page that Moodle takes: looks as nbconvert's, carries the notebook, stays small.

The page is read back with the grader's own reader before it is handed out. Nothing is executed, and whether the work
is any good is not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import InputError
from grader.intake.html import notebook_from_html
from grader.intake.html_page import ADVICE
from grader.intake.notebooks import choose_notebook
from grader.model.submission import ChosenNotebook
from grader.selfcheck.checking import modules_beside
from grader.selfcheck.htmlpage import linked_cells, page_of
from grader.selfcheck.progress import Part, progress
from grader.selfcheck.report import hand_in_too
from grader.selfcheck.shrink import STEPS, heaviest, shrink, weight, without_widget_state

Notebook = dict[str, Any]
MEGABYTE = 1_000_000
DEFAULT_MB = 20
"""Moodle sites usually allow 20 MB or more for one file."""
MERGE_MARK = re.compile(rb"^<{7} ", re.MULTILINE)


@dataclass(frozen=True)
class Exported:
    """The page and what its author should know."""

    html: bytes
    missing: tuple[str, ...]
    """What is not in the notebook yet: one kind sentence each."""
    changed: tuple[str, ...]
    """What was made smaller."""
    fits: bool
    """The page is below the limit."""


def export_notebook(path: Path, *, limit: int = DEFAULT_MB * MEGABYTE) -> Exported:
    """The page of a notebook (.ipynb, or .html to be made again); InputError if it can't be read as one."""
    whole, odd = read_notebook(path)
    notebook, changed = without_widget_state(whole)
    done = [*odd, *changed]
    steps = iter(STEPS)
    html = b""
    while True:
        if weight(notebook) < limit:  # the page carries the notebook, so a heavier one can't fit
            html = page_of(notebook, path)
            if len(html) <= limit:
                break
        step = next(steps, None)
        if step is None:
            break
        notebook, changed = shrink(notebook, step)
        done += changed
    html = html or page_of(notebook, path)
    fits = len(html) <= limit
    missing = [*_unfinished(whole), *_reads_back(html, whole)]
    missing += [hand_in_too(module.name) for module in modules_beside(path, whole)]
    missing += [] if fits else [_too_big(html, limit, notebook)]
    return Exported(html, tuple(missing), tuple(done), fits)


def read_notebook(path: Path) -> tuple[Notebook, list[str]]:
    """The notebook in a file, in the one shape that grading uses, and what had to be changed for that."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", where=str(path), todo="name your notebook") from None
    if MERGE_MARK.search(data):
        todo = "choose one version (`git checkout --ours FILE` or `--theirs FILE`), look at it in Jupyter, and save it"
        raise InputError("holds two versions between the marks of a git merge (<<<<<<<)", where=str(path), todo=todo)
    chosen = choose_notebook({path.name: data})
    if any(flag.kind == "notebook_repaired" for flag in chosen.flags):
        todo = "open it where you worked (Jupyter, Colab), save or download it again, and take that"
        raise InputError("is cut off or damaged: cells would be missing", where=str(path), todo=todo)
    if chosen.notebook is None:
        raise InputError(_unreadable(path, chosen), where=str(path), todo=ADVICE.replace("Please hand in", "Name"))
    return dict(chosen.notebook), [flag.why for flag in chosen.flags]


def _unreadable(path: Path, chosen: ChosenNotebook) -> str:
    """Why, without the advice, which stands below it."""
    named = [flag.why for flag in chosen.flags if flag.kind == "notebook_unreadable"]
    if not named:
        return f"is no notebook (a {path.suffix or 'nameless'} file)"
    why = named[0].removeprefix(f"{path.name}: ").replace(ADVICE, "").strip()
    return f"is no notebook that can be read. {why}"


def _reads_back(html: bytes, notebook: Notebook) -> Iterator[str]:
    if not notebook["cells"]:
        return
    read = notebook_from_html(html)
    if read.notebook is None:
        yield "The page could not be read back: please hand in the .ipynb itself beside it."
    elif any(flag.kind == "carried_notebook_differs" for flag in read.flags):
        yield (
            "Some of your text shows differently on the page than in the notebook (often an HTML tag that is not closed). "
            "The page is graded as it shows; hand in the .ipynb beside it to be on the safe side."
        )


# -- what is not there yet ---------------------------------------------------------------------------------------------


def _unfinished(notebook: Notebook) -> Iterator[str]:
    """What a reader would miss, from the cells alone; cells count from 0, as everywhere in the grader's texts."""
    state = progress(notebook)
    language = _language(notebook)
    if language not in ("python", "ipython", ""):
        yield f"The notebook says that its language is {language!r:.40}: is this the right file?"
    if not state.code_cells:
        yield "There are no code cells: is this the right file?"
    elif state.state == "starter":
        yield "This is still the starter: nothing is written yet. Write, run and save your notebook before you export it."
        return
    elif state.never_run:
        yield (
            "No cell has been run, so there are no outputs to grade. Runtime > Run all, save, and export again "
            "(in Colab: File > Download > Download .ipynb, then export that file)."
        )
    elif state.not_run:
        yield f"{_cells(state.not_run)} no output and no number: run the whole notebook once more, then save."
    if state.to_write:
        yield f"{_cells(state.to_write)} the starter's text in it still (YOUR CODE HERE or YOUR ANSWER HERE)."
    for part, name in state.errors[:5]:
        yield f"{_capital(part)} ends with an error ({name}). If you fixed it, run it again so that the page shows the result."
    linked = linked_cells(notebook)
    if linked:
        where = ", ".join(str(index) for index in linked[:12])
        yield (
            f"Cell {where} shows something that lies on the web; it is not in the page. Put pictures into the notebook "
            "(drag them into the cell), and make plots with matplotlib."
        )


def _language(notebook: Notebook) -> str:
    """As the notebook names it; empty where it names none."""
    for part in ("language_info", "kernelspec"):
        about = notebook["metadata"].get(part)
        named = (
            (about.get("name") if part == "language_info" else about.get("language"))
            if isinstance(about, dict)
            else None
        )
        if isinstance(named, str):
            return named.lower()
    return ""


def _cells(parts: Sequence[Part]) -> str:
    if len(parts) == 1:
        return f"{_capital(parts[0])} has"
    shown = ", ".join(str(part.cell) for part in parts[:12]) + (" ..." if len(parts) > 12 else "")
    return f"Cells {shown} have"


def _too_big(html: bytes, limit: int, notebook: Notebook) -> str:
    index, size = heaviest(notebook)
    return (
        f"The page has {len(html) / MEGABYTE:.1f} MB, more than the {limit / MEGABYTE:.0f} MB asked for. Cell {index} alone holds "
        f"{size / MEGABYTE:.1f} MB of output: show less of it there (fewer rows, a smaller picture), run it again and export."
    )


def _capital(part: Part) -> str:
    return str(part).replace("cell", "Cell", 1)
