"""What a worksheet's Status cell says, as far as its words are known. Unknown words are left unread, never guessed."""

from __future__ import annotations

import re
from typing import Literal

from grader.model.base import Frozen
from grader.model.worksheet_words import DRAFT, EXTENSION, LATE, NEUTRAL, NOTHING, OVERDUE, SUBMITTED, UNITS


class StatusWords(Frozen):
    """One cell, read."""

    state: Literal["submitted", "draft", "none"] | None = None
    """Null where the words are not known."""
    late_seconds: int | None = None
    """0 on time; null where any part of the cell could not be read, or nothing was handed in."""
    extension: str | None = None
    """The date of an extension, in the worksheet's own words."""
    unread: tuple[str, ...] = ()
    """Parts that are not known."""


def read_status(text: str) -> StatusWords:
    """`Submitted for grading - 1 day 2 hours late -  - ` and its kin."""
    parts = [part.strip() for part in text.split(" - ") if part.strip(" -")]
    # A date or a word may hold the separator itself; known words that do are looked for first.
    whole = next((word for word in SUBMITTED if " - " in word and text.startswith(word)), None)
    if whole:
        parts = [whole, *(part.strip() for part in text[len(whole) :].split(" - ") if part.strip(" -"))]
    states: list[Literal["submitted", "draft", "none"]] = []
    extension, late, unread = None, 0, []
    for part in parts:
        if state := _state(part):
            states.append(state)
        elif granted := _after(part, EXTENSION):
            extension = granted
        elif (seconds := _late(part)) is not None:
            late = seconds
        elif part not in NEUTRAL and not _after(part, OVERDUE):
            unread.append(part)
    state = states[0] if states else None
    known = state in ("submitted", "draft") and not unread
    return StatusWords(state=state, late_seconds=late if known else None, extension=extension, unread=tuple(unread))


def _state(part: str) -> Literal["submitted", "draft", "none"] | None:
    if part in SUBMITTED:
        return "submitted"
    if part in DRAFT:
        return "draft"
    return "none" if part in NOTHING else None


def _after(part: str, beginnings: tuple[str, ...]) -> str | None:
    return next((part[len(start) :].strip() for start in beginnings if part.startswith(start)), None)


def _late(part: str) -> int | None:
    """`1 day 2 hours late` in seconds (Moodle names the two largest units only); null if it is not such a text."""
    end = next((end for end in LATE if part.endswith(end)), None)
    if end is None:
        return None
    duration = part[: -len(end)]
    if not re.fullmatch(r"(\d+ [a-z]+)( \d+ [a-z]+)*", duration, flags=re.ASCII):
        return None
    pairs = re.findall(r"(\d+) ([a-z]+)", duration)
    return sum(int(count) * UNITS[unit] for count, unit in pairs) if all(unit in UNITS for _, unit in pairs) else None
