"""What each row of the worksheet is to say: the only place where a grade is scaled and rounded.

Also lists what can't be given back. Rounding: half up, to as many decimals as the worksheet's `Maximum grade` has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from grader.errors import ExportError
from grader.model.base import Frozen
from grader.model.gradebook import Gradebook, GradebookRow
from grader.model.worksheet import Worksheet, WorksheetRow, is_locked, number_in, read_worksheet

NEEDED = ("identifier", "grade", "modified_grade")


class Note(Frozen):
    """Something that does not go back to Moodle as one might expect."""

    participant_id: str
    kind: str
    """`not_in_worksheet`, `locked`, `out_of_range`, `members_open`, `no_comment_column`, `comment_kept`,
    `not_in_archive`."""
    why: str


class Planned(Frozen):
    """One row of the worksheet to be written."""

    row: WorksheetRow
    grade: Decimal | None
    comment: str
    """HTML, safe in Moodle's CSV."""


class Plan(Frozen):
    """All rows, in the order of the worksheet."""

    sheet: Worksheet
    rows: tuple[Planned, ...]
    notes: tuple[Note, ...]
    comma: bool
    """Grades are written with a decimal comma, as the worksheet writes them."""


def plan_worksheet(
    original: bytes, gradebook: Gradebook, *, columns: Mapping[str, str] | None = None, name: str = "worksheet"
) -> Plan:
    """Decide what is written; raises where the assignment can't take grades in this way."""
    sheet = read_worksheet(original, columns=columns, name=name, needed=NEEDED)
    _refuse_scale(sheet, gradebook, name)
    notes: list[Note] = []
    wanted = _by_number(gradebook, sheet, notes)
    planned = [_planned(sheet, row, wanted[row.number], gradebook, notes) for row in sheet.rows if row.number in wanted]
    rows = [one for one in planned if one.grade is not None or one.comment]
    comma = any("," in (sheet.cell(row, "maximum") or "") for row in sheet.rows)
    return Plan(sheet=sheet, rows=tuple(rows), notes=tuple(notes), comma=comma)


def has_something(row: GradebookRow) -> bool:
    """Rows without grade and comment are left out: an empty comment cell would wipe one in Moodle."""
    return row.grade is not None or bool(row.comment_html.strip())


def scaled(grade: Decimal, maximum: Decimal, of: str) -> Decimal | None:
    """A grade out of `maximum` as one out of the cell `of` (`100.00`), rounded half up; null if out of range."""
    top = number_in(of)
    if top is None:
        return None
    places = len(re.sub(r".*?[.,]|^\d+$", "", of.strip()))
    exact = Fraction(grade) * Fraction(top) / Fraction(maximum)
    value = Decimal(exact.numerator) / Decimal(exact.denominator)
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return rounded if 0 <= rounded <= top else None


def safe_comment(html: str) -> str:
    """The same HTML without what harms it on the way: backslashes (Moodle's CSV), control signs, formulas."""
    text = html.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text).replace("\\", "&#92;").strip()
    return f"&#{ord(text[0])};{text[1:]}" if text[:1] in ("=", "+", "-", "@") else text


def _refuse_scale(sheet: Worksheet, gradebook: Gradebook, name: str) -> None:
    if all(row.grade is None for row in gradebook.rows) or "maximum" in sheet.columns:
        return
    if sheet.scale is not None:
        words = " ".join(sheet.scale.split())
        what = f"The assignment is graded with a scale ({words[:100]}): which points make which word, nobody said."
        todo = "Give the assignment a maximum grade in Moodle, or enter the scale's words there by hand."
        raise ExportError(what, where=name, todo=todo)
    todo = "If it is there under a word that is not known: --columns maximum=HEADER."
    raise ExportError("The worksheet has no maximum grade to scale to.", where=name, todo=todo)


def _by_number(gradebook: Gradebook, sheet: Worksheet, notes: list[Note]) -> dict[str, GradebookRow]:
    known = sheet.by_number()
    wanted: dict[str, GradebookRow] = {}
    for row in gradebook.rows:
        if not has_something(row):
            continue
        if row.participant_id.startswith("g") and not row.members:
            why = "Which students are in this team the worksheet doesn't tell, so nobody gets its grade: enter it by hand."
            notes.append(Note(participant_id=row.participant_id, kind="members_open", why=why))
            continue
        for number in row.members or (row.participant_id,):
            if number in known:
                own = row.own.get(number)
                wanted[number] = row if own is None else row.model_copy(update=dict(own))
            else:
                why = (
                    "There is no row with this number in the worksheet (suspended, another group, or not from Moodle)."
                )
                notes.append(Note(participant_id=number, kind="not_in_worksheet", why=why))
    return wanted


def _planned(
    sheet: Worksheet, row: WorksheetRow, wanted: GradebookRow, gradebook: Gradebook, notes: list[Note]
) -> Planned:
    def note(kind: str, why: str) -> None:
        notes.append(Note(participant_id=row.number, kind=kind, why=why))

    grade = None
    if wanted.grade is not None:
        grade = scaled(wanted.grade, gradebook.maximum, sheet.cell(row, "maximum") or "")
        if grade is None:
            note("out_of_range", f"{wanted.grade} of {gradebook.maximum} is out of range: Moodle would drop it.")
    if is_locked(sheet.cell(row, "changeable")):
        grade = None
        note(
            "locked", "The grade is locked or overridden in the gradebook, Moodle would drop it; only the comment goes."
        )
    comment = safe_comment(wanted.comment_html)
    if "comments" not in sheet.columns:
        if comment:
            note("no_comment_column", "The worksheet has no column for comments (switched off in the assignment).")
    elif not comment and (there := (sheet.cell(row, "comments") or "").strip()):
        comment = safe_comment(there.replace("&", "&amp;").replace("<", "&lt;"))
        note("comment_kept", "No comment of ours: the one in Moodle is kept, as plain text.")
    return Planned(row=row, grade=grade, comment=comment)
