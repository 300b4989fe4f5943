"""The words and number formats that people read on pages. Knows nothing of HTML."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from grader.model.base import format_points
from grader.model.evidence import ExecutionStatus, Mode
from grader.model.finding import Citation, Source, Verdict
from grader.model.scorecard import CriterionScore

Level = Literal["met", "half", "missed"]
LEVELS: tuple[Level, ...] = ("missed", "half", "met")
MISSED_BELOW = Decimal("0.25")
MET_FROM = Decimal("0.75")
MINUS = "−"
DASH = "–"


def moment(at: datetime) -> str:
    """`Wed 25 Nov 2026, 09:00`, in the zone that it carries."""
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M}"


class Mark(NamedTuple):
    """A state as people see it: the name of an icon, a word, and a tone of colour; never colour alone."""

    icon: str
    word: str
    tone: str


VERDICTS: dict[Verdict, Mark] = {
    "passed": Mark("yes", "met", "good"),
    "partial": Mark("half", "partly", "fair"),
    "failed": Mark("no", "to fix", "poor"),
    "not_assessed": Mark("eye", "a person will look", "open"),
    "crashed": Mark("tool", "our side", "open"),
}
LEVEL_MARKS: dict[Level, Mark] = {
    "met": Mark("yes", "met", "good"),
    "half": Mark("half", "half met", "fair"),
    "missed": Mark("no", "not met", "poor"),
}
OPEN = Mark("eye", "open", "open")
SOURCES: dict[Source, str] = {
    "recorded": "seen in the outputs saved in your notebook",
    "dry_run": "seen when your notebook was run again",
    "artifact": "seen in the weights that were saved",
    "source": "read in your code, which did not run this far",
}
MODES: dict[Mode, str] = {
    "dry-run": (
        "Your notebook was run once more in a closed box, on small stand-in models and a small data set, with only the "
        "optimizer steps cut short. That run shows what your code does, not how good your models are: your metrics, "
        "tables and timings are read from the outputs saved in your notebook."
    ),
    "full": "Your notebook was run once more in a closed box, with the real models and data.",
    "static": "Your notebook was read, not run: its code, its saved outputs and its memo.",
}
ENDINGS: dict[ExecutionStatus, str] = {
    "ok": "",
    "error": "The run went on to the end, but at least one cell stopped with an error.",
    "timeout": "The run was stopped at its time limit; what it had shown until then was used.",
    "out_of_memory": "The run was stopped at its memory limit; what it had shown until then was used.",
    "crashed": "The run ended early; what it had shown until then was used.",
    "skipped": "",
}
CONFIDENCE = {
    "firm": "shown by the evidence; a person confirms",
    "likely": "likely; a person confirms",
    "open": "wide open; a person decides",
}


def points(value: Decimal) -> str:
    """`−5`, `17.5`."""
    return format_points(value).replace("-", MINUS)


def signed(value: Decimal) -> str:
    """`+2`, `−5`."""
    return points(value) if value < 0 else f"+{points(value)}"


def span(low: Decimal, high: Decimal) -> str:
    """`83.5`, or `78–88` while it is open."""
    return points(low) if low == high else f"{points(low)}{DASH}{points(high)}"


def level(share: Decimal) -> Level:
    """Which of a rubric's three texts fits a share of the points."""
    if share < MISSED_BELOW:
        return "missed"
    return "met" if share >= MET_FROM else "half"


def levels(low: Decimal, high: Decimal, maximum: Decimal) -> tuple[Level, ...]:
    """All levels that a range of points reaches, lowest first."""
    if maximum <= 0:
        return ()
    first, last = (LEVELS.index(level(value / maximum)) for value in (low, high))
    return LEVELS[first : last + 1]


def standing(score: CriterionScore) -> str:
    """How final a criterion's points are, in words."""
    if score.settled:
        return "decided by a check" if score.kind == "auto" else "decided by a person"
    if score.kind == "suggested" and score.suggestion is not None:
        return CONFIDENCE[score.suggestion.confidence]
    return "a person decides"


def place(citation: Citation) -> str:
    """Where to look, in words."""
    named = {"notebook": "", "executed": "when run again", "adapter": "in the saved weights", "memo": "in the memo"}
    parts = []
    if citation.cell is not None:
        parts.append(f"cell {citation.cell}")
    if citation.output is not None:
        parts.append(f"output {citation.output}")
    return ", ".join([*parts, *filter(None, [named[citation.where]])]) or "in your notebook"


def seconds(value: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `1 h 5 min`."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def lateness(value: int) -> str:
    """`2 days 3 hours`."""
    days, rest = divmod(value, 86400)
    hours, rest = divmod(rest, 3600)
    named = [counted(days, "day"), counted(hours, "hour"), counted(rest // 60, "minute")]
    return " ".join([text for text in named if not text.startswith("0 ")][:2]) or counted(value, "second")


def counted(number: int, word: str) -> str:
    """`1 day`, `2 days`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def humanised(identifier: str) -> str:
    """`decoder.padding_side` -> `Decoder: padding side`, where a check line has no title."""
    text = identifier.replace("_", " ").replace(".", ": ", 1)
    return text[:1].upper() + text[1:]
