"""What the instructor does with the two files in Moodle, in which order, and what Moodle should answer."""

from __future__ import annotations

from grader.model.gradebook import Gradebook
from grader.release.archive import archive_notes, archive_rows
from grader.release.plan import Note, Plan

BOX = "'Allow updating records that have been modified more recently in Moodle than in the spreadsheet'"


def import_instructions(gradebook: Gradebook, plan: Plan | None, *, again: bool = False) -> str:
    """Plain text; `plan` is null where there is no worksheet and only the archive is given. `again`: not the first release."""
    lines = [*_worksheet_steps(plan, again=again), *_archive_steps(gradebook, after=plan is not None)]
    notes = [*(plan.notes if plan else ()), *archive_notes(gradebook)]
    if notes:
        lines += ["", "Not given back by these files, or not as one might expect:", *(_line(note) for note in notes)]
    return "\n".join(lines) + "\n"


def _worksheet_steps(plan: Plan | None, *, again: bool) -> list[str]:
    if plan is None:
        return ["There was no worksheet, so there is none to upload: grades and comments must be entered by hand."]
    grades = sum(1 for planned in plan.rows if planned.grade is not None)
    comments = len(plan.rows) if "comments" in plan.sheet.columns else 0
    steps = [
        "1. FIRST the worksheet: 'Submissions' > 'Actions' > 'Upload grading worksheet', worksheet.csv,",
        "   encoding UTF-8, separator comma, with your Moodle language as it was at the download.",
        f"   Moodle should answer: Updated {grades} grades and {comments} feedback instances.",
        "   If it says 'No modified grades found', nothing was taken: don't go on; tick the box",
        f"   {BOX}",
        "   and try again.",
    ]
    if again:
        steps.append("   Here tick that box at once: the worksheet was downloaded before the earlier release went in.")
    elif needs_box(plan):
        steps.append("   Here tick that box at once: people were graded before this worksheet was downloaded.")
    return steps


def needs_box(plan: Plan) -> bool:
    """Whether Moodle may take rows for outdated: graded before, with dates in another zone or language than it reads."""
    modified = plan.sheet.columns["modified_grade"]
    return any(planned.row.cells[modified].strip() not in ("", "-") for planned in plan.rows)


def _archive_steps(gradebook: Gradebook, *, after: bool) -> list[str]:
    pages = len(archive_rows(gradebook))
    first = "2. THEN" if after else "1."
    steps = [
        f"{first} the pages: 'Submissions' > 'Actions' > 'Upload multiple feedback files in a zip', feedback.zip.",
        f"   Pages in it: {pages}. Moodle says how many files were added or updated; in team assignments per member.",
    ]
    if after:
        steps.append("   Not the other way round: after the zip Moodle silently takes the worksheet for outdated.")
    return steps


def _line(note: Note) -> str:
    return f"- {note.participant_id}: {note.why}"
