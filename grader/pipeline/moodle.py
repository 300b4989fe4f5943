"""What goes back to Moodle: worksheet, archive and the order of import, each read back by Moodle's rules first."""

from __future__ import annotations

from collections.abc import Mapping

from grader.errors import ExportError
from grader.model.gradebook import Gradebook
from grader.release.archive import feedback_archive
from grader.release.instructions import import_instructions
from grader.release.plan import Plan, plan_worksheet
from grader.release.roundtrip import check_round_trip
from grader.release.worksheet import written
from grader.workspace import Workspace

PREVIEW = (
    "A PREVIEW: these points are not settled by a person yet, and every comment says so.\n"
    "Import it only into a test course, or to look at it.\n\n"
)


def write_moodle_files(
    workspace: Workspace, gradebook: Gradebook, original: bytes | None, columns: Mapping[str, str] | None = None
) -> None:
    """Write moodle/worksheet.csv (where a worksheet was given), moodle/feedback.zip and moodle/READ-ME-FIRST.txt."""
    for name, data in moodle_files(gradebook, original, columns, note=PREVIEW).items():
        workspace.write_bytes(f"moodle/{name}", data)


def moodle_files(
    gradebook: Gradebook,
    original: bytes | None,
    columns: Mapping[str, str] | None = None,
    *,
    note: str = "",
    again: bool = False,
) -> dict[str, bytes]:
    """The files for Moodle by name, read back by its rules; raises GraderError if it would make anything else of them."""
    plan, trouble = _plan(gradebook, original, columns)
    sheet = written(plan) if plan is not None else None
    archive = feedback_archive(gradebook)
    check_round_trip(gradebook, archive=archive, worksheet=sheet, original=original, columns=columns)
    text = note + trouble + import_instructions(gradebook, plan, again=again)
    files = {"feedback.zip": archive, "READ-ME-FIRST.txt": text.encode("utf-8", "replace")}
    return files if sheet is None else {"worksheet.csv": sheet, **files}


def _plan(gradebook: Gradebook, original: bytes | None, columns: Mapping[str, str] | None) -> tuple[Plan | None, str]:
    """A worksheet that can't take points (a scale, unknown columns) costs the worksheet, not the pages."""
    if original is None:
        return None, ""
    try:
        return plan_worksheet(original, gradebook, columns=columns), ""
    except ExportError as error:
        return None, f"No worksheet was written. {error.text()}\n\n"
