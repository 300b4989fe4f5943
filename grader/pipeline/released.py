"""A release kept beside its Moodle files: every row of the gradebook, so that another way back to Moodle gives the same."""

from __future__ import annotations

from typing import Any

from grader.errors import WorkspaceError
from grader.model.base import Artefact
from grader.model.gradebook import Gradebook, GradebookRow
from grader.model.submission import file_stem
from grader.workspace import Workspace
from grader.workspace.files import read_artefact, sha256_of, write_artefact

FILE = "gradebook.json"
RECORD = "release.json"


class KeptGradebook(Artefact):
    """releases/<n>/gradebook.json; the pages lie beside it in pages/, known by their hashes."""

    gradebook: Gradebook
    """Without pages."""
    pages: dict[str, str]
    """SHA-256 by participant."""


def keep_gradebook(workspace: Workspace, number: int, gradebook: Gradebook) -> None:
    """Write it into a release's folder; pages first."""
    pages = {}
    for row in gradebook.rows:
        if row.page is not None:
            workspace.write_bytes(f"releases/{number}/pages/{file_stem(row.participant_id)}.html", row.page)
            pages[row.participant_id] = sha256_of(row.page)
    bare = tuple(row.model_copy(update={"page": None}) for row in gradebook.rows)
    kept = KeptGradebook(gradebook=gradebook.model_copy(update={"rows": bare}), pages=pages)
    write_artefact(workspace.root / "releases" / str(number) / FILE, kept)


def newest_release(workspace: Workspace) -> tuple[int, Gradebook]:
    """The number of the newest complete release, and what it gives to whom; raises WorkspaceError if there is none."""
    folder = workspace.root / "releases"
    numbers = [int(path.parent.name) for path in folder.glob(f"*/{FILE}") if path.parent.name.isdigit()]
    if not numbers:
        raise WorkspaceError(
            "nothing was released yet", where=str(workspace.root), todo=f"`grader release {workspace.root}` first"
        )
    number = max(numbers)
    kept = read_artefact(folder / str(number) / FILE, KeptGradebook)
    assert kept is not None
    rows = tuple(_with_page(workspace, number, row, kept.pages) for row in kept.gradebook.rows)
    return number, kept.gradebook.model_copy(update={"rows": rows})


def contents_of(workspace: Workspace, number: int) -> dict[str, str]:
    """By participant a hash of what a release says to them, the class's figures on the page aside."""
    record: dict[str, Any] = workspace.read_json(workspace.root / "releases" / str(number) / RECORD) or {}
    return dict(record.get("contents", {}))


def _with_page(workspace: Workspace, number: int, row: GradebookRow, pages: dict[str, str]) -> GradebookRow:
    if row.participant_id not in pages:
        return row
    path = workspace.root / "releases" / str(number) / "pages" / f"{file_stem(row.participant_id)}.html"
    data: Any = path.read_bytes() if path.is_file() else None
    if data is None or sha256_of(data) != pages[row.participant_id]:
        raise WorkspaceError(
            "a released page is missing or was changed", where=str(path), todo="release again; nothing was sent"
        )
    return row.model_copy(update={"page": data})
