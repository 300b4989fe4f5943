"""Moodle's grading worksheet filled in: the downloaded words and columns, rows only for people who get something."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from decimal import Decimal

from grader.model.gradebook import Gradebook
from grader.release.plan import Plan, Planned, plan_worksheet


def worksheet_bytes(
    original: bytes, gradebook: Gradebook, *, columns: Mapping[str, str] | None = None, name: str = "worksheet"
) -> bytes:
    """The worksheet to upload (UTF-8, commas). What it can't say is in `plan_worksheet(...).notes`."""
    return written(plan_worksheet(original, gradebook, columns=columns, name=name))


def written(plan: Plan) -> bytes:
    """A plan as a file."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(plan.sheet.header)
    writer.writerows(_cells(plan, planned) for planned in plan.rows)
    return target.getvalue().encode("utf-8-sig" if plan.sheet.bom else "utf-8")


def _cells(plan: Plan, planned: Planned) -> list[str]:
    cells = [harmless(cell) for cell in planned.row.cells]
    columns = plan.sheet.columns
    cells[columns["grade"]] = "" if planned.grade is None else _number(planned.grade, comma=plan.comma)
    if "comments" in columns:
        cells[columns["comments"]] = planned.comment
    return cells


def _number(grade: Decimal, *, comma: bool) -> str:
    text = format(grade, "f")
    return text.replace(".", ",") if comma else text


def harmless(cell: str) -> str:
    """A foreign cell with a blank between a backslash and what it would escape; Moodle doesn't read these cells."""
    return re.sub(r'\\(?="|$)', r"\\ ", cell.replace("\x00", ""))
