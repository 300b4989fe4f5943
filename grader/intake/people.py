"""Who is who: numbers in the export against rows of the worksheet.

Matches by number only; names are checked, never searched for.
"""

from __future__ import annotations

from collections.abc import Mapping

from grader.errors import ExportError
from grader.intake.names import EntryName, same_person
from grader.intake.owners import Owner, Roster
from grader.intake.rows import row_owner
from grader.intake.teams import team_roster
from grader.model.submission import Flag, Participant
from grader.model.worksheet import Worksheet, WorksheetRow
from grader.model.worksheet_words import PARTICIPANT_WORDS

Names = Mapping[str, list[EntryName]]


def owners_of(names: Names, sheet: Worksheet | None, *, where: str) -> Roster:
    """Everybody in the export and everybody in the worksheet, each once, in order of number."""
    if (sheet and "group" in sheet.columns) or any(
        entry.default_team for entries in names.values() for entry in entries
    ):
        return team_roster(names, sheet)
    rows = sheet.by_number() if sheet else {}
    if sheet:
        _refuse_strangers(names, sheet, where)
    blind = _blind(names, sheet)
    owners = [
        _owner(number, names.get(number, []), sheet, rows.get(number), blind)
        for number in sorted({*names, *rows}, key=int)
    ]  # fmt: skip
    return Roster(owners=tuple(owners), blind=blind, notes=_notes(owners, sheet, blind))


def _owner(
    number: str, entries: list[EntryName], sheet: Worksheet | None, row: WorksheetRow | None, blind: bool
) -> Owner:
    handed_in = bool(entries)
    if sheet and row:
        owner = row_owner(sheet, row, handed_in=handed_in, blind=blind)
    else:
        name = None if blind or not entries else entries[0].name
        owner = Owner(number=number, participant=Participant(id=number, name=name), status="submitted")
    flags = (*owner.flags, *_identity_flags(entries, owner.participant.name, known=row is not None or sheet is None))
    return owner.model_copy(update={"flags": flags})


def _identity_flags(entries: list[EntryName], name: str | None, *, known: bool) -> tuple[Flag, ...]:
    flags = []
    if not known:
        flags.append(
            Flag(kind="not_in_worksheet", why="This participant number is in the export but not in the worksheet.")
        )
    spellings = {entry.name for entry in entries}
    if len(spellings) > 1:
        flags.append(Flag(kind="identity", why="The export has this participant number under two different names."))
    if name and entries and not any(same_person(spelling, name) for spelling in spellings):
        flags.append(Flag(kind="identity", why="Export and worksheet give this participant number to different names."))
    return tuple(flags)


def _refuse_strangers(names: Names, sheet: Worksheet, where: str) -> None:
    """Export and worksheet of two different assignments have no number in common (numbers are unique on a site)."""
    if names and sheet.rows and not any(row.number in names for row in sheet.rows):
        raise ExportError(
            "No participant number of the export occurs in the worksheet: they are of different assignments or groups.",
            where=where,
            todo="Download both from the same assignment, with the same group chosen.",
        )


def _blind(names: Names, sheet: Worksheet | None) -> bool:
    """Marking is blind if folders are named by Moodle's word for a participant, or the worksheet has no names."""
    shown = {entry.name for entries in names.values() for entry in entries}
    if sheet and "name" not in sheet.columns:
        return True
    if sheet and any(_repeats_identifier(sheet, row) for row in sheet.rows):
        return True
    return bool(shown) and (shown <= PARTICIPANT_WORDS or (len(shown) == 1 and len(names) > 2))


def _repeats_identifier(sheet: Worksheet, row: WorksheetRow) -> bool:
    """An administrator's blind worksheet repeats the identifier before the name: `Participant 35 (...)`."""
    return (sheet.cell(row, "name") or "").startswith(row.cells[sheet.columns["identifier"]].strip() + " (")


def _notes(owners: list[Owner], sheet: Worksheet | None, blind: bool) -> tuple[str, ...]:
    notes = []
    missing = [owner.number for owner in owners if any(flag.kind == "not_in_worksheet" for flag in owner.flags)]
    if missing:
        notes.append(f"In the export but not in the worksheet (suspended, or another group?): {', '.join(missing)}")
    if sheet and blind and "name" in sheet.columns:
        notes.append("Marking is blind: the names in the worksheet are not carried over.")
    if sheet and sheet.delimiter != ",":
        notes.append(
            "The worksheet is not separated by commas: a spreadsheet program saved it, and may have changed dates."
        )
    return tuple(notes)
