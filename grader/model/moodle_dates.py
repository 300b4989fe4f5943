"""Dates as Moodle's worksheets write them, in the time zone of whoever downloaded the sheet. What is not known is not read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january januar jänner janvier enero",
            "february februar février febrero",
            "march märz mars marzo",
            "april avril abril",
            "may mai mayo",
            "june juni juin junio",
            "july juli juillet julio",
            "august août agosto",
            "september septembre septiembre",
            "october oktober octobre octubre",
            "november novembre noviembre",
            "december dezember décembre diciembre",
        ),
        start=1,
    )
    for name in names.split()
}
"""Names of months in the languages whose worksheets are known (`worksheet_words`)."""

_CLOCK = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp])?\.?(?:[Mm]\b)?")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:?\d{2})?")
_DOTS = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}),?\s+(\d{1,2}):(\d{2})")


def read_date(text: str | None, zone: tzinfo, *, later: bool = False) -> datetime | None:
    """The moment that a cell names, in that zone; null for `-`, an empty cell, or words that are not known.

    `later`: of the two moments that an hour repeated in autumn can mean, the later one.
    """
    words = (text or "").strip()
    if found := re.fullmatch(r"@(\d{1,11})", words):
        return datetime.fromtimestamp(int(found[1]), UTC).astimezone(zone)
    try:
        plain = _iso(words) or _dots(words) or _spoken(words)
    except ValueError:  # a day or an hour that doesn't exist
        return None
    if plain is None or plain.tzinfo is not None:
        return plain
    return at_wall(plain, zone, later=later)


def at_wall(plain: datetime, zone: tzinfo, *, later: bool = False) -> datetime:
    """A time on the clock of that zone as a moment: of an hour that is repeated the first or (`later`) the last."""
    both = [plain.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    return max(both, key=_utc) if later else min(both, key=_utc)


def exists(plain: datetime, zone: tzinfo) -> bool:
    """Whether the clock of that zone ever shows this time; in spring it leaves one hour out."""
    moment = plain.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return moment.replace(tzinfo=None) == plain.replace(tzinfo=None)


def days_later(moment: datetime, days: int, zone: tzinfo) -> datetime:
    """The same time on the clock so many days later, in UTC: a day across a change of the clocks has 23 or 25 hours."""
    wall = moment.astimezone(zone).replace(tzinfo=None, fold=0) + timedelta(days=days)
    return at_wall(wall, zone, later=True).astimezone(UTC)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _iso(words: str) -> datetime | None:
    return datetime.fromisoformat(words) if _ISO.fullmatch(words) else None


def _dots(words: str) -> datetime | None:
    found = _DOTS.fullmatch(words)
    if found is None:
        return None
    day, month, year, hour, minute = map(int, found.groups())
    return datetime(year, month, day, hour, minute)


def _spoken(words: str) -> datetime | None:
    """`Friday, 20 November 2026, 2:36 AM`, `Wednesday, September 23, 2020, 9:00 PM`, `Freitag, 20. November 2026, 14:36`."""
    clock = _CLOCK.search(words)
    if clock is None:
        return None
    rest = words[: clock.start()] + " " + words[clock.end() :]
    months = [MONTHS[word] for word in re.findall(r"[^\W\d_]+", rest.casefold()) if word in MONTHS]
    years, days = re.findall(r"(?<!\d)\d{4}(?!\d)", rest), re.findall(r"(?<!\d)\d{1,2}(?!\d)", rest)
    if [len(months), len(years), len(days)] != [1, 1, 1]:
        return None
    hour = int(clock[1])
    if clock[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if clock[4] in "Pp" else 0)
    return datetime(int(years[0]), months[0], int(days[0]), hour, int(clock[2]), int(clock[3] or 0))
