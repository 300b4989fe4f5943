"""What lateness costs, with its arithmetic in words. Knows no dates: intake says how many seconds late."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from grader.model.assignment import LatePolicy
from grader.model.base import format_points
from grader.model.scorecard import Adjustment
from grader.model.submission import Submission

UNIT = {"per_day": (86400, "day"), "per_hour": (3600, "hour")}


def late_adjustment(submission: Submission, policy: LatePolicy) -> tuple[Adjustment, ...]:
    """At most one adjustment. Unknown lateness costs nothing here; a flag of intake asks a person."""
    late = submission.late_seconds
    if not late or policy.kind == "none" or late <= policy.grace.total_seconds():
        return ()
    cost, why = _steps(late, policy) if policy.kind == "steps" else _per_unit(late, policy)
    if policy.at_most is not None and cost > policy.at_most:
        cost, why = policy.at_most, f"{why}; never more than {format_points(policy.at_most)}"
    return (Adjustment(kind="late", points=-cost, why=why),) if cost else ()


def _per_unit(late: int, policy: LatePolicy) -> tuple[Decimal, str]:
    seconds, word = UNIT[policy.kind]
    started = -(-late // seconds)
    each = policy.points or Decimal(0)
    plural = word if started == 1 else f"{word}s"
    return started * each, (
        f"{_words(late)} late: {started} started {plural} x {format_points(each)} points = {format_points(started * each)}"
    )


def _steps(late: int, policy: LatePolicy) -> tuple[Decimal, str]:
    reached = [(after, points) for after, points in policy.steps if late > after.total_seconds()]
    if not reached:
        return Decimal(0), ""
    after, points = max(reached, key=lambda step: step[0])
    return (
        points,
        f"{_words(late)} late, more than {_words(int(after.total_seconds()))}: {format_points(points)} points",
    )


def _words(seconds: int) -> str:
    span = timedelta(seconds=seconds)
    hours, rest = divmod(span.seconds, 3600)
    parts = [(span.days, "day"), (hours, "hour"), (rest // 60, "minute")]
    named = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in parts if count]
    return " ".join(named[:2]) or f"{seconds} seconds"
