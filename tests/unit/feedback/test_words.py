"""Words and number formats that people read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from grader.feedback import words
from grader.feedback.text import clean, clip, inline, rich
from grader.model.evidence import ExecutionStatus, Mode
from grader.model.finding import Source, Verdict
from tests import builders_feedback as build


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [("83.5", "83.50", "83.5"), ("78", "88", "78–88"), ("0", "100", "0–100"), ("17.00", "17", "17")],
)
def test_a_range_is_shown_only_where_there_is_one(low: str, high: str, text: str) -> None:
    assert words.span(Decimal(low), Decimal(high)) == text


def test_points_carry_a_true_minus_and_no_needless_zeros() -> None:
    assert [words.points(Decimal(text)) for text in ("-5.00", "1E+2", "0.50")] == ["−5", "100", "0.5"]
    assert [words.signed(Decimal(text)) for text in ("-5", "2")] == ["−5", "+2"]


@pytest.mark.parametrize(
    ("low", "high", "reached"),
    [
        ("0", "0", ("missed",)),
        ("0", "1.5", ("missed", "half")),
        ("1.5", "4", ("half",)),
        ("3", "6", ("half", "met")),
        ("0", "6", ("missed", "half", "met")),
        ("6", "6", ("met",)),
        ("4.5", "6", ("met",)),
    ],
)
def test_levels_are_all_that_the_range_reaches(low: str, high: str, reached: tuple[str, ...]) -> None:
    assert words.levels(Decimal(low), Decimal(high), Decimal(6)) == reached


def test_a_criterion_without_points_has_no_level() -> None:
    assert words.levels(Decimal(0), Decimal(0), Decimal(0)) == ()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.6, "1 min"), (61, "1 min 1 s"), (7200, "2 h 0 min"), (12, "12 s")],
)
def test_times_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert words.seconds(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (40, "40 seconds"),
        (1, "1 second"),
        (3600, "1 hour"),
        (97_000, "1 day 2 hours"),
        (172_800, "2 days"),
        (90, "1 minute"),
    ],
)
def test_lateness_is_said_in_two_words(seconds: int, text: str) -> None:
    assert words.lateness(seconds) == text


def test_every_verdict_mode_source_and_ending_has_words() -> None:
    assert set(words.VERDICTS) == set(Verdict.__args__)
    assert set(words.MODES) == set(Mode.__args__)
    assert set(words.SOURCES) == set(Source.__args__)
    assert set(words.ENDINGS) == set(ExecutionStatus.__args__)


def test_verdicts_are_told_apart_without_colour() -> None:
    marks = list(words.VERDICTS.values())
    assert len({mark.icon for mark in marks}) == len({mark.word for mark in marks}) == len(marks)


@pytest.mark.parametrize(
    ("cell", "output", "where", "text"),
    [
        (12, 2, "notebook", "cell 12, output 2"),
        (0, None, "notebook", "cell 0"),
        (14, 0, "executed", "cell 14, output 0, when run again"),
        (None, None, "adapter", "in the saved weights"),
        (3, None, "memo", "cell 3, in the memo"),
        (None, None, "notebook", "in your notebook"),
    ],
)
def test_a_place_can_be_found(cell: int | None, output: int | None, where: str, text: str) -> None:
    assert words.place(build.cite("x", cell, output, where)) == text


def test_code_in_backticks_is_marked_and_everything_is_escaped() -> None:
    assert inline("set `a < b` & go\nnow") == "set <code>a &lt; b</code> &amp; go<br>now"


def test_a_lone_backtick_stays_one() -> None:
    assert inline("it's a ` and more `` than\n`that\nis`") == "it&#39;s a ` and more `` than<br>`that<br>is`"


def test_blank_lines_make_paragraphs() -> None:
    assert rich("one\n\n \n two", 100) == "<p>one</p><p>two</p>"
    assert rich("", 100) == ""


def test_cutting_keeps_whole_words_where_it_can() -> None:
    assert clip("some words that go on", 12) == "some words …"
    assert clip("x" * 50, 10) == "x" * 10 + " …"
    assert clip("  short ", 10) == "short"


def test_characters_that_no_page_can_hold_are_replaced_and_turning_ones_dropped() -> None:
    assert clean("a\x00b\ud800c\u202ed\u2066e\r\nf\tg") == "a\ufffdb\ufffdcde\nf\tg"


def test_marks_that_belong_to_a_script_stay() -> None:
    assert clean("שלום\u200f e\u0301 👩🏽\u200d💻") == "שלום\u200f e\u0301 👩🏽\u200d💻"


def test_unknown_ids_are_made_readable() -> None:
    assert words.humanised("decoder.padding_side") == "Decoder: padding side"
    assert words.humanised("") == ""
