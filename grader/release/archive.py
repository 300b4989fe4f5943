"""The archive for Moodle's "Upload multiple feedback files in a zip": one page per participant or team."""

from __future__ import annotations

import io
import re
import zipfile

from grader.model.gradebook import Gradebook, GradebookRow
from grader.release.plan import Note

NAME_LENGTH = 60
FILE_LENGTH = 100
_DROPPED = re.compile(r"[\x00-\x1f\x7f&<>\"`|':\\/?*_]")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The same rows give the same bytes."""


def feedback_archive(gradebook: Gradebook) -> bytes:
    """The zip to upload; who can't be in it is in `archive_notes`."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, row, page in archive_rows(gradebook):
            info = zipfile.ZipInfo(entry_path(row, number), _LONG_AGO)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, page)
    return target.getvalue()


def archive_rows(gradebook: Gradebook) -> list[tuple[str, GradebookRow, bytes]]:
    """Pages that Moodle can take, with the number that it looks for."""
    return [
        (number, row, row.page)
        for row in gradebook.rows
        if row.page is not None and (number := _number(gradebook, row)) is not None
    ]


def archive_notes(gradebook: Gradebook) -> tuple[Note, ...]:
    """Whose page Moodle can't be given in this way."""
    return tuple(
        Note(participant_id=row.participant_id, kind="not_in_archive", why=_why_not(gradebook, row))
        for row in gradebook.rows
        if row.page is not None and _number(gradebook, row) is None
    )


def _number(gradebook: Gradebook, row: GradebookRow) -> str | None:
    """Participant number, or in team assignments the group's; a student's own would there hit another group."""
    if not gradebook.numbered or gradebook.teams != row.participant_id.startswith("g"):
        return None
    number = row.participant_id.removeprefix("g")
    return number if re.fullmatch(r"[1-9][0-9]*", number) else None


def entry_path(row: GradebookRow, number: str) -> str:
    """`Name_24_assignsubmission_file/feedback.html`: the name is free text, but an underscore in it hides the entry."""
    name = _clean(row.name or "", NAME_LENGTH).lstrip("~") or "Participant"
    return f"{name}_{number}_assignsubmission_file/{file_name(row)}"


def file_name(row: GradebookRow) -> str:
    """The page's name as Moodle will keep it."""
    stem, _, ending = row.feedback_name.rpartition(".")
    return f"{_clean(stem or ending, FILE_LENGTH).lstrip('~') or 'feedback'}.{_clean(ending, 10) if stem else 'html'}"


def _clean(text: str, longest: int) -> str:
    plain = _DROPPED.sub(" ", text.encode("utf-8", "replace").decode())
    return " ".join(plain.split()).strip(". ")[:longest].strip(". ")


def _why_not(gradebook: Gradebook, row: GradebookRow) -> str:
    if gradebook.teams and row.participant_id == "g0":
        return "People in no group: Moodle takes no feedback file for them; give the page in another way."
    if gradebook.teams:
        return "In a team assignment Moodle takes feedback files for groups only; give the page in another way."
    return "This is no participant number of Moodle; give the page in another way."
