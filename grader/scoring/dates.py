"""How late a submission is, from every input there is: the assignment's dates, the worksheet's, time granted to one person.

Where two inputs can be held against each other and don't agree, a person looks; nothing is charged twice. Costs nothing itself.
All reckoning is in UTC: Python takes two times of one zone apart by the clock on the wall, which changes twice a year.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from grader.model.assignment import Dates
from grader.model.moodle_dates import read_date
from grader.model.scorecard import Lateness
from grader.model.submission import Flag, Participant, Submission

MINUTE = 60
"""The worksheet's dates leave the seconds out."""
QUARTER = 15 * MINUTE
"""Time zones differ by multiples of this."""


def lateness_of(submission: Submission, dates: Dates) -> Lateness:
    """Seconds late with the dates that they come from; null where nothing says."""
    if submission.status == "none":
        return Lateness(timezone=dates.timezone)
    own = _own(submission.participant, dates)
    due, because = _due(submission, dates, own)
    # What Moodle says in words knows nothing of time that was granted here.
    words = None if own is not None and due == own else submission.late_seconds
    submitted = _read(submission.submitted_text, dates)
    seconds, flags = _seconds(words, due, submitted, submission, dates)
    if due is not None and seconds:
        submitted = due + timedelta(seconds=seconds)
    cutoff = _cutoff(submission, dates, due)
    zone = ZoneInfo(dates.timezone)
    return Lateness(
        seconds=seconds,
        due=_shown(due, zone),
        because=because,
        submitted=_shown(submitted, zone),
        cutoff=_shown(cutoff, zone),
        timezone=dates.timezone,
        flags=(*flags, *_after(submitted, cutoff)),
    )


def granted(person: Participant, dates: Dates) -> Iterator[int]:
    """Which of the assignment's extensions are this person's or team's, as indices."""
    names = {name.strip().casefold() for name in (person.id, person.email, person.id_number, person.group) if name}
    names |= set(person.members)
    for index, one in enumerate(dates.extensions):
        if names & {who.strip().casefold() for who in (one.who, *one.also)}:
            yield index


def _own(person: Participant, dates: Dates) -> datetime | None:
    return max((dates.extensions[index].until.astimezone(UTC) for index in granted(person, dates)), default=None)


def _read(text: str | None, dates: Dates, *, later: bool = False) -> datetime | None:
    """A date of the worksheet."""
    found = read_date(text, ZoneInfo(dates.worksheet_timezone), later=later)
    return None if found is None else found.astimezone(UTC)


def _due(submission: Submission, dates: Dates, own: datetime | None) -> tuple[datetime | None, str]:
    """The date in force and why: an own due date replaces the assignment's, an extension only ever gives more time."""
    override = _read(submission.due_text, dates, later=True)
    extension = _read(submission.extension, dates, later=True)
    due = None if dates.due is None else dates.due.astimezone(UTC)
    base, because = (override, "own date") if override is not None else (due, "assignment")
    for more in (extension, own):
        if more is not None and (base is None or more > base):
            base, because = more, "extension"
    return base, because


def _cutoff(submission: Submission, dates: Dates, due: datetime | None) -> datetime | None:
    cutoff = _read(submission.cutoff_text, dates, later=True) or dates.cutoff
    cutoff = None if cutoff is None else cutoff.astimezone(UTC)
    return max(cutoff, due) if cutoff is not None and due is not None else cutoff


def _seconds(
    words: int | None, due: datetime | None, submitted: datetime | None, submission: Submission, dates: Dates
) -> tuple[int | None, tuple[Flag, ...]]:
    """Seconds late from both inputs, as far as both are there."""
    if due is None or submitted is None:
        return _from_words(words, due, submission, dates)
    counted = int((submitted - due).total_seconds())
    if words is None:
        return max(counted, 0), ()
    if words == 0 and counted < MINUTE:
        return 0, ()
    if words and max(words, counted) < min(words + _slack(words), counted + MINUTE):
        return max(words, counted), ()
    return max(counted, 0), (_differ(words, counted, blocking=dates.late.kind != "none"),)


def _from_words(
    words: int | None, due: datetime | None, submission: Submission, dates: Dates
) -> tuple[int | None, tuple[Flag, ...]]:
    """When the hour of handing in is not known: what Moodle says in words, as far as it is about the date in force."""
    moodles = submission.late_seconds
    if words is not None or moodles is None:
        return words, ()
    if moodles == 0:
        return 0, ()
    theirs, _ = _due(submission, dates, None)
    if theirs is not None and due is not None:
        return max(int((theirs - due).total_seconds()) + moodles, 0), ()
    why = "Time was granted, but neither the assignment's due date nor the hour of handing in is known: is it late?"
    return None, (Flag(kind="dates", why=why, blocking=dates.late.kind != "none"),)


def _slack(words: int) -> int:
    """How much the words may leave out: Moodle names the two largest units."""
    if words >= 365 * 86_400:
        return 86_400
    return 3600 if words >= 86_400 else MINUTE if words >= 3600 else 1


def _differ(words: int, counted: int, *, blocking: bool) -> Flag:
    said = f"{timedelta(seconds=words)} late" if words else "on time"
    ours = f"{timedelta(seconds=counted)} late" if counted > 0 else "on time"
    why = f"Moodle says {said}, the due date in force here makes it {ours}: see which dates are right."
    apart = (words - counted) % QUARTER
    if words and min(apart, QUARTER - apart) <= MINUTE:
        why += " Does the worksheet show another time zone (`worksheet_timezone` in assignment.yaml)?"
    return Flag(kind="dates_differ", why=why, blocking=blocking)


def _after(submitted: datetime | None, cutoff: datetime | None) -> tuple[Flag, ...]:
    if submitted is None or cutoff is None or submitted <= cutoff:
        return ()
    return (Flag(kind="after_cutoff", why="It was handed in after the cut-off date: decide whether it counts."),)


def _shown(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    return None if moment is None else moment.astimezone(zone)
