"""Tries worksheet and archive with Moodle's own rules before they are given out: to each their own."""

from __future__ import annotations

from collections.abc import Mapping

from grader.errors import GraderError
from grader.model.gradebook import Gradebook
from grader.model.worksheet import Worksheet, number_in
from grader.release.archive import archive_rows, file_name
from grader.release.moodle_rules import (
    MoodleRefusalError,
    Site,
    TakenRow,
    read_archive_as_moodle,
    read_worksheet_as_moodle,
)
from grader.release.plan import Plan, plan_worksheet


def check_round_trip(
    gradebook: Gradebook,
    *,
    archive: bytes | None = None,
    worksheet: bytes | None = None,
    original: bytes | None = None,
    columns: Mapping[str, str] | None = None,
) -> None:
    """Raise if Moodle would make anything else of the files than the gradebook says."""
    problems: list[str] = []
    try:
        if archive is not None:
            problems += _archive_problems(gradebook, archive)
        if worksheet is not None and original is not None:
            problems += _worksheet_problems(plan_worksheet(original, gradebook, columns=columns), worksheet)
    except MoodleRefusalError as refusal:
        problems.append(str(refusal))
    if problems:
        shown = "; ".join(problems[:5])
        todo = "Nothing was written. Please report this with the numbers above."
        raise GraderError(f"Moodle would misread what was prepared for it: {shown}", todo=todo)


def site_of(sheet: Worksheet, *, comma: bool) -> Site:
    """The importing site, as far as the downloaded worksheet shows it."""
    tops = [top for row in sheet.rows if (top := number_in(sheet.cell(row, "maximum"))) is not None]
    comments = sheet.columns.get("comments")
    return Site(
        identifier=sheet.header[sheet.columns["identifier"]],
        grade=sheet.header[sheet.columns["grade"]],
        modified=sheet.header[sheet.columns["modified_grade"]],
        comments="" if comments is None else sheet.header[comments],
        word=sheet.rows[0].word if sheet.rows else "",
        decimal="," if comma else ".",
        maximum=max(tops, default=Site().maximum),
    )


def _worksheet_problems(plan: Plan, worksheet: bytes) -> list[str]:
    numbers = frozenset(row.number for row in plan.sheet.rows)
    taken = read_worksheet_as_moodle(worksheet, site=site_of(plan.sheet, comma=plan.comma), participants=numbers)
    comments = "comments" in plan.sheet.columns
    wanted = {
        planned.row.number: TakenRow(grade=planned.grade, comment=planned.comment if comments else None)
        for planned in plan.rows
    }
    return [
        f"row of participant {number}"
        for number in sorted({*taken, *wanted})
        if taken.get(number) != wanted.get(number)
    ]


def _archive_problems(gradebook: Gradebook, archive: bytes) -> list[str]:
    wanted = {number: {f"/{file_name(row)}": page} for number, row, page in archive_rows(gradebook)}
    everybody = {row.participant_id.removeprefix("g") for row in gradebook.rows}
    taken = read_archive_as_moodle(archive, participants=everybody)
    return [f"page of participant {one}" for one in sorted({*taken, *wanted}) if taken.get(one) != wanted.get(one)]
