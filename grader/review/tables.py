"""Events as tables: the audit, and requests that come in as CSV. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from grader.feedback.rows import guard
from grader.model.decision import Event
from grader.model.rubric import Rubric
from grader.pipeline.reviewing import Reviewed

COLUMNS = ("id", "at", "author", "kind", "participant", "criterion", "points", "verdict", "text", "refers",
           "answer_sha256", "submission_sha256", "data")  # fmt: skip
MOST_ROWS = 2_000


class Asked(NamedTuple):
    """One row of a CSV of requests."""

    who: str
    criterion: str
    text: str


def audit_csv(events: Iterable[Event]) -> bytes:
    """One row per event; text that a spreadsheet would run gets an apostrophe."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    for event in events:
        fields = event.model_dump(mode="json")
        cells = [fields[name] if name != "data" else json.dumps(fields[name], ensure_ascii=False) for name in COLUMNS]
        writer.writerow(["" if cell is None else guard(cell) if isinstance(cell, str) else cell for cell in cells])
    return target.getvalue().encode("utf-8-sig", "replace")


def audit_json(events: Iterable[Event]) -> bytes:
    """As they are stored."""
    return json.dumps([event.model_dump(mode="json") for event in events], ensure_ascii=False, indent=1).encode(
        "utf-8", "replace"
    )


def read_requests(data: bytes, people: Mapping[str, Reviewed], rubric: Rubric) -> tuple[list[Asked], list[str]]:
    """Rows of a CSV with the columns participant (or e-mail, or name), criterion (may be empty) and text; and what is wrong."""
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        return [], [f"This is no CSV in UTF-8: {error}"]
    if not rows or not {"participant", "text"} <= set(rows[0]):
        return [], ["The first line must name the columns participant, criterion and text; then one request a line."]
    criteria = {item.id for section in rubric.sections for item in section.criteria}
    found, trouble = [], []
    for number, row in enumerate(rows[:MOST_ROWS], start=2):
        who, text = _who(row.get("participant") or "", people), (row.get("text") or "").strip()
        criterion = (row.get("criterion") or "").strip()
        if who is None:
            trouble.append(f"Line {number}: {row.get('participant') or 'nobody'} is not one participant of this class.")
        elif not text:
            trouble.append(f"Line {number}: there are no words.")
        elif criterion and criterion not in criteria:
            trouble.append(f"Line {number}: there is no criterion {criterion}.")
        else:
            found.append(Asked(who, criterion, text[:6000]))
    return found, trouble


def _who(text: str, people: Mapping[str, Reviewed]) -> str | None:
    """By number, e-mail or full name, if that is one person only."""
    text = text.strip().removeprefix("Participant ").strip()
    if text in people:
        return text
    hits = [
        name
        for name, one in people.items()
        if text
        and text.casefold()
        in {(field or "").casefold() for field in (one.submission.participant.email, one.submission.participant.name)}
    ]
    return hits[0] if len(hits) == 1 else None
