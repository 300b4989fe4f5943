"""Which assignment notebooks are of, where a course has several: what their metadata says, else whose starter they grew from, else
whose model they name.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from grader.catalog import Course
from grader.intake.export import open_export
from grader.intake.notebooks import choose_notebook
from grader.workspace import Workspace

ENOUGH = 12
"""So many notebooks of a class are asked."""
TELLING = 20
"""Shorter lines stand in anybody's notebook."""
LEAST = 0.2
"""Share of a starter's own lines that must have stayed in a notebook."""
Notebook = Mapping[str, Any]


def hint_of_export(course: Course, export: Path, target: Path | None = None) -> str | None:
    """The assignment that a results folder was begun with, else the one that most notebooks of the export are of."""
    before = Workspace(target).run_info() if target is not None else None
    if before is not None:
        return str(before.get("assignment"))
    if len(course.slugs()) < 2:
        return None
    opened = open_export(export)
    with_files = [item.participant.id for item in opened.batch.submissions if item.files]
    notebooks = (choose_notebook(opened.files(who)).notebook for who in with_files[:ENOUGH])
    return hint_of(course, [notebook for notebook in notebooks if notebook is not None])


def hint_of(course: Course, notebooks: Iterable[Notebook]) -> str | None:
    """What most of them are of; null where none says."""
    known = course.slugs()
    starters = _starters(course, known) if len(known) > 1 else {}
    models = _models(course, known) if len(known) > 1 else {}
    votes = Counter(
        slug
        for notebook in notebooks
        if (slug := _named(notebook, known) or _grown_from(notebook, starters) or _names_model(notebook, models))
    )
    best = votes.most_common(2)
    return best[0][0] if best and (len(best) == 1 or best[0][1] > best[1][1]) else None


def _named(notebook: Notebook, known: list[str]) -> str | None:
    metadata = notebook.get("metadata")
    own = metadata.get("grader") if isinstance(metadata, Mapping) else None
    slug = own.get("assignment") if isinstance(own, Mapping) else None
    return slug if isinstance(slug, str) and slug in known else None


def _starters(course: Course, known: list[str]) -> dict[str, frozenset[str]]:
    """Lines that stand in one assignment's starter and in no other's."""
    lines = {slug: _lines(_read(course.folder(slug) / "starter.ipynb")) for slug in known}
    return {
        slug: mine.difference(*(others for other, others in lines.items() if other != slug))
        for slug, mine in lines.items()
    }


def _grown_from(notebook: Notebook, starters: Mapping[str, frozenset[str]]) -> str | None:
    mine = _lines(notebook)
    shares = sorted(((len(own & mine) / len(own), slug) for slug, own in starters.items() if own), reverse=True)
    if not shares or shares[0][0] < LEAST or (len(shares) > 1 and shares[0][0] < 2 * shares[1][0]):
        return None
    return shares[0][1]


def _models(course: Course, known: list[str]) -> dict[str, frozenset[str]]:
    """Checkpoints that one assignment uses and no other does."""
    used = {slug: {facts.checkpoint for facts in course.load(slug).models.values()} for slug in known}
    return {
        slug: frozenset(mine.difference(*(others for other, others in used.items() if other != slug)))
        for slug, mine in used.items()
    }


def _names_model(notebook: Notebook, models: Mapping[str, frozenset[str]]) -> str | None:
    text = _text(notebook)
    found = [slug for slug, names in models.items() if any(name.rpartition("/")[2] in text for name in names)]
    return found[0] if len(found) == 1 else None


def _text(notebook: Notebook | None) -> str:
    cells = (notebook or {}).get("cells")
    texts = [cell.get("source", "") for cell in cells if isinstance(cell, Mapping)] if isinstance(cells, list) else []
    return "\n".join(text if isinstance(text, str) else "".join(map(str, text)) for text in texts)


def _lines(notebook: Notebook | None) -> frozenset[str]:
    lines = _text(notebook).splitlines()
    return frozenset("".join(line.split()) for line in lines if len(line.strip()) >= TELLING)


def _read(path: Path) -> Notebook | None:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None
