"""Team assignments: the export has one entry per team, the worksheet one row per student; the team's name joins them.

Two teams of one name can't be told apart in the worksheet; their members are listed as open, never dealt out by guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from grader.intake.names import DEFAULT_TEAM, EntryName, same_team
from grader.intake.owners import Owner, Roster
from grader.intake.rows import row_owner
from grader.model.moodle_names import folder_name
from grader.model.submission import Flag, Participant
from grader.model.worksheet import Worksheet, WorksheetRow

Names = Mapping[str, list[EntryName]]


def team_roster(names: Names, sheet: Worksheet | None) -> Roster:
    """One owner per team that handed in, and one per student whose team did not."""
    rows = _rows_by_team(names, sheet)
    twins = _same_named(names)
    owners = [_team(number, entries, sheet, rows[number], twins) for number, entries in names.items()]
    claimed = {row.number for found in rows.values() for row in found}
    if sheet:
        owners += [
            row_owner(sheet, row, handed_in=False, blind=False) for row in sheet.rows if row.number not in claimed
        ]
    ordered = sorted(owners, key=lambda owner: (not owner.participant.id.startswith("g"), int(owner.number)))
    return Roster(owners=tuple(ordered), teams=True, notes=_notes(rows, twins))


def _rows_by_team(names: Names, sheet: Worksheet | None) -> dict[str, list[WorksheetRow]]:
    if sheet is None:
        return {number: [] for number in names}
    return {
        number: [row for row in sheet.rows if same_team(entries[0].name, sheet.cell(row, "group") or "")]
        for number, entries in names.items()
    }


def _same_named(names: Names) -> frozenset[str]:
    """Numbers of teams whose names can't be told apart."""
    times = Counter(folder_name(entries[0].name) for entries in names.values())
    return frozenset(number for number, entries in names.items() if times[folder_name(entries[0].name)] > 1)


def _team(
    number: str, entries: list[EntryName], sheet: Worksheet | None, rows: list[WorksheetRow], twins: frozenset[str]
) -> Owner:
    flags = []
    members = tuple(row.number for row in rows)
    if number in twins:
        why = f"Several teams have this name, so its members are open; they are among {', '.join(members)}."
        flags.append(Flag(kind="team_members_open", why=why))
        members = ()
    elif not rows:
        flags.append(Flag(kind="team_members_open", why="The worksheet names no member of this team.", blocking=False))
    if number == DEFAULT_TEAM:
        why = (
            "People in no group: Moodle takes no feedback file back for them, only grade and comment by the worksheet."
        )
        flags.append(Flag(kind="default_team", why=why, blocking=False))
    name = entries[0].name
    participant = Participant(id=f"g{number}", name=name, group=name, members=members)
    if sheet is None or not rows:
        return Owner(number=number, participant=participant, status="submitted", flags=tuple(flags))
    # One submission: where Moodle dates it differently for its members, the kindest date is the team's.
    each = [row_owner(sheet, row, handed_in=True, blind=False) for row in rows]
    base = min(each, key=lambda one: (one.late_seconds is None, one.late_seconds or 0, one.extension is None))
    update = {"number": number, "participant": participant, "flags": (*base.flags, *flags)}
    return base.model_copy(update=update)


def _notes(rows: dict[str, list[WorksheetRow]], twins: frozenset[str]) -> tuple[str, ...]:
    if not twins or not any(rows.values()):
        return ()
    people = sorted({row.number for number in twins for row in rows[number]}, key=int)
    teams = ", ".join(f"g{number}" for number in sorted(twins, key=int))
    return (
        f"Teams {teams} have the same name; which of them {', '.join(people)} belong to, the worksheet doesn't say.",
    )
