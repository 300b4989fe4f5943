"""Dates: who was due when, how late that is, and what it costs, whatever clocks and worksheets say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.model.assignment import Assignment, Dates, Extension, LatePolicy
from grader.model.moodle_dates import read_date
from grader.model.scorecard import Lateness
from grader.model.submission import Participant, Submission
from grader.scoring.dates import lateness_of
from grader.scoring.late import how_long, late_adjustment

BERLIN = ZoneInfo("Europe/Berlin")
DUE = datetime(2026, 11, 25, 9, 0, tzinfo=BERLIN)
FIVE = LatePolicy(kind="per_day", points=Decimal(5))
ADA = Participant(id="24", email="Ada@Example.org", id_number="S01")


def handed_in(at: str | None, late: int | None = None, **more: Any) -> Submission:
    fields = {"participant": ADA, "status": "submitted", "submitted_text": at, "late_seconds": late}
    return Submission.model_validate(fields | more)


def dates(**more: Any) -> Dates:
    fields = {"due": DUE, "late": FIVE, "timezone": "Europe/Berlin", "worksheet_timezone": "Europe/Berlin"}
    return Dates.model_validate(fields | more)


def late(at: str | None, words: int | None = None, *, terms: Dates | None = None, **more: Any) -> Lateness:
    return lateness_of(handed_in(at, words, **more), terms or dates())


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Friday, 20 November 2026, 2:36 AM", "2026-11-20T02:36"),
        ("Friday, 20 November 2026, 12:05 AM", "2026-11-20T00:05"),
        ("Friday, 20 November 2026, 12:05 PM", "2026-11-20T12:05"),
        ("Friday, 20 November 2026, 2:36\u202fPM", "2026-11-20T14:36"),
        ("Wednesday, September 23, 2020, 9:00 PM", "2020-09-23T21:00"),
        ("Freitag, 20. November 2026, 14:36", "2026-11-20T14:36"),
        ("viernes, 20 de noviembre de 2026, 14:36", "2026-11-20T14:36"),
        ("vendredi 20 novembre 2026, 14:36", "2026-11-20T14:36"),
        ("20.11.2026 02:36", "2026-11-20T02:36"),
        ("2026-11-20 02:36", "2026-11-20T02:36"),
        ("-", None),
        ("", None),
        (None, None),
        ("Friday, 31 November 2026, 2:36 AM", None),
        ("Friday, 20 November 2026, 25:00", None),
        ("Friday, 20 November 2026, 13:05 PM", None),
        ("20/11/2026 02:36", None),
        ("пятница, 20 ноября 2026, 14:36", None),
    ],
)
def test_dates_of_a_worksheet_are_read_or_left_unread(text: str | None, read: str | None) -> None:
    found = read_date(text, BERLIN)
    assert (None if found is None else f"{found:%Y-%m-%dT%H:%M}") == read


def test_a_moment_in_seconds_needs_no_zone() -> None:
    assert read_date("@1795593600", BERLIN) == datetime.fromtimestamp(1795593600, UTC)
    assert read_date("2026-11-20T02:36:00Z", BERLIN) == datetime(2026, 11, 20, 2, 36, tzinfo=UTC)


def test_before_class_on_wednesday_is_on_the_courses_clock_wherever_the_teacher_is() -> None:
    """Class starts at nine in Berlin; the teacher downloads in New York, where the sheet says 3:00 AM."""
    terms = dates(worksheet_timezone="America/New_York")
    assert late("Wednesday, 25 November 2026, 3:00 AM", terms=terms).seconds == 0
    found = late("Wednesday, 25 November 2026, 3:02 AM", terms=terms)
    assert found.seconds == 120
    assert f"{found.submitted:%H:%M}" == "09:02"


@pytest.mark.parametrize(
    ("at", "words", "seconds", "kinds"),
    [
        ("Wednesday, 25 November 2026, 8:59 AM", 0, 0, []),
        ("Wednesday, 25 November 2026, 9:00 AM", 40, 40, []),  # the sheet has no seconds, the words have
        ("Thursday, 26 November 2026, 11:22 AM", 26 * 3600, 26 * 3600 + 22 * 60, []),  # and the words no minutes
        ("Thursday, 26 November 2026, 11:22 AM", None, 26 * 3600 + 22 * 60, []),
        ("Wednesday, 25 November 2026, 8:00 AM", 3600, 0, ["dates_differ"]),
        ("Wednesday, 25 November 2026, 10:00 AM", 0, 3600, ["dates_differ"]),
        ("Mittwoch irgendwann", 7200, 7200, []),
        (None, None, None, []),
        (None, 0, 0, []),
    ],
)
def test_what_moodle_says_and_what_the_dates_say_are_held_against_each_other(
    at: str | None, words: int | None, seconds: int | None, kinds: list[str]
) -> None:
    found = late(at, words)
    assert (found.seconds, [flag.kind for flag in found.flags]) == (seconds, kinds)


def test_a_difference_of_whole_hours_points_at_the_time_zone() -> None:
    (flag,) = late("Wednesday, 25 November 2026, 3:30 AM", 1800).flags
    assert "worksheet_timezone" in flag.why
    assert flag.blocking
    (free,) = late("Wednesday, 25 November 2026, 3:30 AM", 1800, terms=dates(late=LatePolicy())).flags
    assert not free.blocking


@pytest.mark.parametrize("who", ["24", "ada@example.org", " S01 "])
def test_time_granted_here_counts_whatever_the_person_is_called_by(who: str) -> None:
    more = dates(extensions=(Extension(who=who, until=DUE + timedelta(days=2)),))
    found = late("Friday, 27 November 2026, 8:59 AM", 172_740, terms=more)
    assert (found.seconds, found.because, found.flags) == (0, "extension", ())
    assert late("Friday, 27 November 2026, 9:05 AM", 173_100, terms=more).seconds == 300


def test_an_extension_of_moodle_and_one_of_ours_the_later_counts_and_neither_takes_time_away() -> None:
    sheet = {"extension": "Thursday, 26 November 2026, 9:00 AM"}
    assert late("Thursday, 26 November 2026, 8:00 AM", 0, **sheet).because == "extension"
    more = dates(extensions=(Extension(who="24", until=DUE + timedelta(days=2)),))
    assert late("Friday, 27 November 2026, 9:00 AM", 86_400, terms=more, **sheet).seconds == 0
    less = dates(extensions=(Extension(who="24", until=DUE - timedelta(days=2)),))
    assert late("Wednesday, 25 November 2026, 9:00 AM", 0, terms=less).seconds == 0


def test_an_own_due_date_of_the_worksheet_replaces_the_assignments() -> None:
    own = {"due_text": "Tuesday, 24 November 2026, 9:00 AM"}
    found = late("Wednesday, 25 November 2026, 8:00 AM", 23 * 3600, **own)
    assert (found.seconds, found.because, found.flags) == (23 * 3600, "own date", ())


def test_time_granted_here_without_any_date_of_handing_in() -> None:
    more = (Extension(who="24", until=DUE + timedelta(days=2)),)
    assert late(None, 3 * 86_400, terms=dates(extensions=more)).seconds == 86_400
    assert late(None, 0, terms=dates(extensions=more)).seconds == 0
    unknown = late(None, 3600, terms=dates(due=None, extensions=more))
    assert (unknown.seconds, [flag.kind for flag in unknown.flags]) == (None, ["dates"])


def test_after_the_cut_off_a_person_decides_unless_more_time_was_granted() -> None:
    terms = dates(cutoff=DUE + timedelta(days=1))
    assert [flag.kind for flag in late("Thursday, 26 November 2026, 9:01 AM", terms=terms).flags] == ["after_cutoff"]
    assert late("Thursday, 26 November 2026, 9:00 AM", terms=terms).flags == ()
    sheet = {"extension": "Sunday, 29 November 2026, 9:00 AM"}
    assert late("Thursday, 26 November 2026, 9:01 AM", 0, terms=terms, **sheet).flags == ()


def test_the_arithmetic_names_both_dates() -> None:
    (found,) = late_adjustment(late("Thursday, 26 November 2026, 10:02 AM"), FIVE)
    assert found.points == -10
    assert found.why == (
        "handed in Thu 26 Nov 2026, 10:02, due Wed 25 Nov 2026, 09:00 (Europe/Berlin); "
        "1 day 1 hour late: 2 started days x 5 points = 10"
    )


@pytest.mark.parametrize(
    ("due", "at", "days"),
    [
        # Clocks go back on 25 October: the seventh day ends at nine on the clock, an hour later than 7 x 24 h.
        ("2026-10-21T09:00", "2026-10-28T09:00", 7),
        ("2026-10-21T09:00", "2026-10-28T09:01", 8),
        ("2026-10-24T09:00", "2026-10-25T09:00", 1),
        # Clocks go forward on 29 March: the day has 23 hours.
        ("2026-03-28T09:00", "2026-03-29T09:00", 1),
        ("2026-03-28T09:00", "2026-03-29T09:01", 2),
    ],
)
def test_a_day_ends_at_the_same_hour_on_the_clock_though_clocks_change(due: str, at: str, days: int) -> None:
    moment = datetime.fromisoformat(due).replace(tzinfo=BERLIN)
    (found,) = late_adjustment(late(at.replace("T", " "), terms=dates(due=moment)), FIVE)
    assert found.points == -5 * days


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC"])
def test_hours_and_seconds_are_real_ones_whatever_the_clock_says(zone: str) -> None:
    """From noon to noon over the night in which clocks go back there are 25 hours, in whatever zone dates are kept."""
    at = datetime(2026, 10, 24, 12, tzinfo=BERLIN).astimezone(ZoneInfo(zone))
    terms = dates(due=at, late=LatePolicy(kind="per_hour", points=Decimal(1)))
    found = late("2026-10-25 12:00", 25 * 3600, terms=terms)
    assert (found.seconds, found.flags) == (25 * 3600, ())
    assert late_adjustment(found, terms.late)[0].points == -25
    (by_day,) = late_adjustment(found, FIVE)
    assert by_day.why.endswith("1 day late: 1 started day x 5 points = 5")


def test_the_cut_off_is_a_moment_and_not_a_place_on_the_clock() -> None:
    """Half past two comes twice that night; the first of them is not after the second."""
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC).astimezone(BERLIN)
    terms = dates(due=second - timedelta(days=3), cutoff=second, late=LatePolicy())
    assert late("@1792888200", terms=terms).flags == ()  # half past two, the first time
    assert [flag.kind for flag in late("@1792891860", terms=terms).flags] == ["after_cutoff"]


ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"])
DUES = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1))
SECONDS = st.integers(0, 40 * 86_400)
COSTS = st.decimals(0, 20, places=1)


@st.composite
def policies(draw: st.DrawFn) -> LatePolicy:
    kind = draw(st.sampled_from(["none", "per_day", "per_hour", "steps"]))
    hours = sorted(draw(st.sets(st.integers(0, 400), min_size=1, max_size=4)))
    costs = sorted(draw(st.lists(COSTS, min_size=len(hours), max_size=len(hours))))
    return LatePolicy.model_validate(
        {
            "kind": kind,
            "points": draw(COSTS),
            "steps": tuple((timedelta(hours=hour), cost) for hour, cost in zip(hours, costs, strict=True)),
            "grace": timedelta(minutes=draw(st.integers(0, 3000))),
            "at_most": draw(st.none() | COSTS),
        }
    )


def cost_of(policy: LatePolicy, due: datetime, seconds: int, zone: str) -> Decimal:
    found = late_adjustment(Lateness(seconds=seconds, due=due, timezone=zone), policy)
    return -sum((item.points for item in found), Decimal(0))


@given(policies(), DUES, SECONDS, SECONDS, ZONES)
@example(FIVE, datetime(2026, 10, 24, 2, 30), 86_100, 86_400 + 300, "Europe/Berlin")
def test_later_never_costs_less_and_never_more_than_the_most(
    policy: LatePolicy, due: datetime, one: int, other: int, zone: str
) -> None:
    moment = due.replace(tzinfo=ZoneInfo(zone))
    less, more = (cost_of(policy, moment, seconds, zone) for seconds in sorted((one, other)))
    assert 0 <= less <= more
    assert policy.at_most is None or more <= policy.at_most
    if max(one, other) < policy.grace.total_seconds() - 7200 or policy.kind == "none":
        assert more == 0


@given(policies(), DUES, SECONDS, ZONES, st.integers(0, 30 * 86_400))
def test_more_time_never_costs_anybody_points(
    policy: LatePolicy, due: datetime, seconds: int, zone: str, more: int
) -> None:
    moment = due.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    handed = handed_in(f"@{int(moment.timestamp()) + seconds}")
    terms = Dates(due=moment, late=policy, timezone=zone, worksheet_timezone=zone)
    extended = terms.model_copy(update={"extensions": (Extension(who="24", until=moment + timedelta(seconds=more)),)})
    costs = [
        -sum((item.points for item in late_adjustment(lateness_of(handed, each), policy)), Decimal(0))
        for each in (terms, extended)
    ]
    assert costs[1] <= costs[0]


@given(DUES, SECONDS, ZONES, ZONES)
def test_the_teachers_zone_changes_nothing_but_the_hour_that_is_repeated(
    due: datetime, seconds: int, own: str, teachers: str
) -> None:
    moment = due.replace(tzinfo=ZoneInfo(own), second=0, microsecond=0).astimezone(UTC)
    shown = (moment + timedelta(seconds=seconds)).astimezone(ZoneInfo(teachers))
    text = f"{shown:%A}, {shown.day} {shown:%B %Y}, {shown:%I:%M %p}"
    terms = Dates(due=moment, late=FIVE, timezone=own, worksheet_timezone=teachers)
    found = lateness_of(handed_in(text), terms).seconds
    assert found is not None
    assert seconds - found in range(60) or shown.utcoffset() != shown.replace(fold=1 - shown.fold).utcoffset()


@given(st.integers(1, 40 * 86_400), DUES, ZONES)
def test_the_words_name_a_length_that_is_never_longer_than_it_was_by_the_clock(
    seconds: int, due: datetime, zone: str
) -> None:
    late = Lateness(seconds=seconds, due=due.replace(tzinfo=ZoneInfo(zone)), timezone=zone)
    started = int(cost_of(LatePolicy(kind="per_day", points=Decimal(1)), late.due or due, seconds, zone))
    days = how_long(late).split()[0] if "day" in how_long(late) else "0"
    assert int(days) in (started - 1, started)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"kind": "per_day"}, "needs `points`"),
        ({"kind": "steps"}, "needs `steps`"),
        ({"kind": "steps", "steps": [["P2D", 5], ["P1D", 10]]}, "later than the one before"),
        ({"kind": "steps", "steps": [["P1D", 5], ["P2D", 1]]}, "cost no less"),
        ({"kind": "per_day", "points": -5}, "negative"),
        ({"kind": "per_day", "points": 5, "grace": "-PT5M"}, "negative"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LatePolicy.model_validate(policy)


def assignment(**fields: Any) -> Assignment:
    return Assignment.model_validate({"slug": "x", "title": "X", "rubric": "r", **fields})


def test_times_in_assignment_yaml_are_on_the_courses_clock() -> None:
    found = assignment(
        due="2026-11-25 09:00", timezone="Europe/Berlin", extensions=[{"who": "1", "until": "2026-11-26 09:00"}]
    )
    assert found.due == DUE
    assert found.dates.extensions[0].until == DUE + timedelta(days=1)
    assert found.dates.worksheet_timezone == "Europe/Berlin"
    assert assignment(due="2026-11-25T09:00+01:00").dates.due == DUE


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"due": "2026-11-25 09:00"}, "needs `timezone`"),
        ({"due": "2026-11-25 09:00", "timezone": "Berlin"}, "no time zone 'Berlin'"),
        ({"due": "2026-11-25 09:00", "timezone": "../../etc/passwd"}, "no time zone"),
        ({"due": "2026-03-29 02:30", "timezone": "Europe/Berlin"}, "never was"),
        ({"due": "2026-11-25 09:00", "cutoff": "2026-11-24 09:00", "timezone": "Europe/Berlin"}, "before `due`"),
    ],
)
def test_dates_that_no_clock_shows_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        assignment(**fields)


def test_of_an_hour_that_is_repeated_in_autumn_the_later_is_due() -> None:
    found = assignment(due="2026-10-25 02:30", timezone="Europe/Berlin").due
    assert found is not None
    assert found.astimezone(UTC).hour == 1
