"""What one row of the worksheet says of one student, in the model's words."""

from __future__ import annotations

from grader.intake.owners import Owner
from grader.intake.status import StatusWords, read_status
from grader.model.submission import DRAFT, Flag, Participant, SubmissionStatus
from grader.model.worksheet import Worksheet, WorksheetRow, is_locked, number_in


def row_owner(sheet: Worksheet, row: WorksheetRow, *, handed_in: bool, blind: bool) -> Owner:
    """What a worksheet's row says of one student."""
    text = sheet.cell(row, "status")
    words = read_status(text or "")
    locked = is_locked(sheet.cell(row, "changeable"))
    return Owner(
        number=row.number,
        participant=_participant(sheet, row, blind),
        status=_status(words, handed_in),
        draft=words.state == "draft",
        late_seconds=words.late_seconds if handed_in else None,
        extension=words.extension,
        submitted_text=sheet.cell(row, "modified_submission") if handed_in else None,
        due_text=sheet.cell(row, "due") or None,
        cutoff_text=sheet.cell(row, "cutoff") or None,
        status_text=text,
        grade_locked=locked is True,
        maximum_grade=number_in(sheet.cell(row, "maximum")),
        flags=_status_flags(words, text, handed_in),
    )


def _participant(sheet: Worksheet, row: WorksheetRow, blind: bool) -> Participant:
    """While marking is blind, names stay out, also where an administrator's worksheet has them."""
    if blind:
        return Participant(id=row.number)
    name = (sheet.cell(row, "name") or "").strip() or None
    return Participant(
        id=row.number,
        name=name,
        email=sheet.cell(row, "email") or None,
        id_number=sheet.cell(row, "id_number") or None,
        group=sheet.cell(row, "group") or None,
    )


def _status(words: StatusWords, handed_in: bool) -> SubmissionStatus:
    if handed_in:
        return "draft" if words.state == "draft" else "submitted"
    return "unreadable" if words.state in ("submitted", "draft") else "none"


def _status_flags(words: StatusWords, text: str | None, handed_in: bool) -> tuple[Flag, ...]:
    flags = []
    if words.state == "draft" and handed_in:
        flags.append(Flag(kind="draft", why=DRAFT))
    if words.state in ("submitted", "draft") and not handed_in:
        why = "The worksheet says that something was handed in, but the export has no file of it: download both again."
        flags.append(Flag(kind="files_missing", why=why))
    if words.state == "none" and handed_in:
        why = "The export has files, but the worksheet says that nothing was handed in: are they of the same day?"
        flags.append(Flag(kind="status_differs", why=why))
    if text is not None and handed_in and (words.unread or words.state is None):
        shown = ", ".join(words.unread) or "(empty)"
        why = f"The worksheet's status has words that are not known, so lateness and draft are open: {shown[:200]}"
        flags.append(Flag(kind="status_unread", why=why))
    return tuple(flags)
