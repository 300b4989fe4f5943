"""The self-check's report on a terminal and as JSON."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from grader.cli.app import out
from grader.cli.tables import plain
from grader.model.evidence import Execution
from grader.selfcheck.report import Report, Row

MARKS = {"fix": ("FAIL", "red"), "look": ("part", "yellow"), "unseen": ("?", "cyan"), "ok": ("ok", "green")}
MOST_PARTS = 6


def print_report(report: Report) -> None:
    """What is in order, what is not, and last what to do next: that stays in view."""
    for name in ("ok", "look", "fix", "unseen"):
        for row in report.group(name):
            _print_row(row, ran=report.ran)
    if not report.ran and report.group("unseen"):
        _say("     (not to be seen in code and outputs alone)")
    later = report.group("later")
    if later:
        _say(f"Not written yet, so not checked: {'; '.join(row.title for row in later)}.")
    if report.to_write:
        _say(f"Still to write ({len(report.to_write)}):")
        for part in report.to_write[:MOST_PARTS]:
            _say(f"  {part}")
        if len(report.to_write) > MOST_PARTS:
            _say(f"  ... and {len(report.to_write) - MOST_PARTS} more")
    for note in report.notes:
        _say(f"note: {note}")
    if report.after_submission:
        _say(f"Checked only after submission: {'; '.join(report.after_submission)}.")
    _say(report.looked)
    out.print()
    out.print(Text(report.headline, style="bold"), soft_wrap=True)
    for step in report.next:
        _say(f"-> {step}")


def _print_row(row: Row, *, ran: bool) -> None:
    word, style = MARKS[row.group]
    out.print(Text(f"{word:4}", style=style), plain(f"{row.title} [{row.id}]"))
    if row.group == "unseen" and not ran:
        return  # what to set in the code would read like a mistake where nobody has looked yet
    if row.group != "ok":
        _say(f"     {row.finding.student_text}")
        for place, quote in row.places:
            _say(f"     {place}: {quote}" if quote else f"     {place}")
    if row.why:
        _say(f"     why, and how to mend it: grader checks {row.id}")


def _say(text: str) -> None:
    out.print(plain(text), soft_wrap=True)


def report_json(report: Report, execution: Execution) -> dict[str, Any]:
    """The same for other programs; nothing meant for staff is in it."""
    return {
        "headline": report.headline,
        "next": list(report.next),
        "done": report.done,
        "to_write": [{"cell": part.cell, "heading": part.heading, "line": part.line} for part in report.to_write],
        "notes": list(report.notes),
        "execution": execution.model_dump(mode="json"),
        "findings": {
            row.id: {
                "group": row.group,
                **row.finding.model_dump(mode="json", by_alias=True, exclude={"staff_text", "flags"}),
            }
            for row in report.rows
        },
        "after_submission": list(report.after_submission),
    }
