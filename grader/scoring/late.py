"""What lateness costs, with its arithmetic in words. Decides no dates: `dates` says how late it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from grader.model.assignment import LatePolicy
from grader.model.base import format_points
from grader.model.moodle_dates import days_later
from grader.model.scorecard import Adjustment, Lateness

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def late_adjustment(late: Lateness, policy: LatePolicy) -> tuple[Adjustment, ...]:
    """At most one adjustment. Unknown lateness costs nothing here; a flag asks a person."""
    if not late.seconds or policy.kind == "none" or not _passed(late, policy.grace):
        return ()
    cost, why = _steps(late, policy) if policy.kind == "steps" else _per_unit(late, policy)
    if policy.at_most is not None and cost > policy.at_most:
        cost, why = policy.at_most, f"{why}; never more than {format_points(policy.at_most)}"
    return (Adjustment(kind="late", points=-cost, why=_dated(late, why)),) if cost else ()


def _passed(late: Lateness, span: timedelta) -> bool:
    """Whether it came later than so long after the due date. Days end at the same hour on the clock, however long they are."""
    seconds = late.seconds or 0
    if late.due is None:
        return seconds > span.total_seconds()
    end = days_later(late.due, span.days, ZoneInfo(late.timezone)) + timedelta(seconds=span.seconds)
    return late.due.astimezone(UTC) + timedelta(seconds=seconds) > end


def _started(late: Lateness, unit: timedelta) -> int:
    """Units begun since the due date."""
    count = max(int((late.seconds or 0) / unit.total_seconds()) - 1, 0)
    while _passed(late, count * unit) if unit == DAY else count * unit.total_seconds() < (late.seconds or 0):
        count += 1
    return count


def _per_unit(late: Lateness, policy: LatePolicy) -> tuple[Decimal, str]:
    unit, word = (DAY, "day") if policy.kind == "per_day" else (HOUR, "hour")
    started, each = _started(late, unit), policy.points or Decimal(0)
    cost = started * each
    plural = word if started == 1 else f"{word}s"
    return cost, (
        f"{how_long(late)} late: {started} started {plural} x {format_points(each)} points = {format_points(cost)}"
    )


def _steps(late: Lateness, policy: LatePolicy) -> tuple[Decimal, str]:
    reached = [(after, points) for after, points in policy.steps if _passed(late, after)]
    if not reached:
        return Decimal(0), ""
    after, points = reached[-1]
    return points, f"{how_long(late)} late, more than {in_words(after)}: {format_points(points)} points"


def how_long(late: Lateness) -> str:
    """How late, in words; whole days by the clock."""
    span = timedelta(seconds=late.seconds or 0)
    if late.due is None or span < DAY:
        return in_words(span)
    at, zone = late.due.astimezone(UTC) + span, ZoneInfo(late.timezone)
    days = _started(late, DAY)
    days -= days_later(late.due, days, zone) > at
    return in_words(days * DAY + (at - days_later(late.due, days, zone)))


def in_words(span: timedelta) -> str:
    """The two largest units."""
    hours, rest = divmod(span.seconds, 3600)
    parts = [(span.days, "day"), (hours, "hour"), (rest // 60, "minute")]
    named = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in parts if count]
    return " ".join(named[:2]) or f"{span.seconds} seconds"


def _dated(late: Lateness, why: str) -> str:
    if late.due is None or late.submitted is None:
        return why
    return f"handed in {_day(late.submitted)}, due {_day(late.due)} ({late.timezone}); {why}"


def _day(moment: datetime) -> str:
    return f"{moment:%a %d %b %Y, %H:%M}"
