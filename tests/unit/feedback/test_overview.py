"""What staff see of a class, and the same as rows and as Moodle's comment."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

import pandas as pd
import pytest
from lxml import html
from lxml.html import HtmlElement

from grader.feedback import OverviewInput, class_overview, moodle_comment, overview_rows
from grader.model.scorecard import Adjustment
from grader.model.submission import Flag
from tests import builders_feedback as build


def tree(data: OverviewInput) -> HtmlElement:
    return html.fromstring(class_overview(data))


def said(element: HtmlElement) -> str:
    return re.sub(r"\s+", " ", element.text_content()).strip()


def table(page: HtmlElement, caption: str) -> HtmlElement:
    return next(item for item in page.xpath("//table") if said(item.xpath("./caption")[0]) == caption)


def test_everybody_has_a_line_with_a_link_to_the_page() -> None:
    rows = table(tree(build.overview()), "Points by student and section").xpath(".//tbody/tr")
    assert len(rows) == len(build.states())
    assert rows[1].xpath(".//th/a/@href") == ["feedback/25.html"]
    assert [said(cell) for cell in rows[1].xpath("./td")] == [
        "graded",
        "12–16",
        "12–16.5",
        "16–19.5",
        "11–20",
        "8.5–12",
        "49.5–74",
        "1 day 2 hours",
    ]


def test_somebody_without_a_page_has_no_link() -> None:
    entry = build.entry(build.nothing()).model_copy(update={"has_page": False})
    rows = table(tree(build.overview((entry,))), "Points by student and section").xpath(".//tbody/tr")
    assert rows[0].xpath(".//a") == []
    assert [said(cell) for cell in rows[0].xpath("./td")] == ["nothing handed in", "–", "–", "–", "–", "–", "–", ""]


def test_who_needs_a_person_is_told_with_every_reason_once() -> None:
    flag = Flag(kind="stage_gap", why="The stage lacks `bert-base`.")
    entry = build.entry(
        build.states()["doubts"], flags=(flag, flag, Flag(kind="note", why="only to know", blocking=False))
    )
    section = tree(build.overview((entry,))).get_element_by_id("person")
    assert [said(item) for item in section.xpath(".//ul/li/ul/li")] == [
        "Decoder: class weights reach the loss: STAFF-ONLY no trace of phase weighted",
        "F1 by frequency tier, both models: STAFF-ONLY KeyError: 'tiers'",
        "Numbers in the memo fit the outputs: STAFF-ONLY memo 0.31, output 0.13",
        "The stage lacks `bert-base`.",
    ]


def test_one_reason_names_all_that_it_is_about() -> None:
    section = tree(build.overview((build.entry(build.states()["static"]),))).get_element_by_id("person")
    reasons = [said(item) for item in section.xpath(".//ul/li/ul/li")]
    assert len(reasons) == 1
    assert reasons[0].startswith("Decoder: padding on the left; Decoder: trained head in what is saved; ")


def test_the_unreadable_need_a_person_even_without_a_reason_of_their_own() -> None:
    section = tree(build.overview((build.entry(build.states()["unreadable"]),))).get_element_by_id("person")
    assert [said(item) for item in section.xpath(".//ul/li/ul/li")] == ["nothing that was handed in could be read"]


def test_nobody_waiting_is_said() -> None:
    assert "Nobody, beyond confirming suggestions." in said(tree(build.overview((build.entry(build.page()),))))


def test_the_matrix_says_each_verdict_in_words_too() -> None:
    matrix = table(tree(build.overview((build.entry(build.states()["doubts"]),))), "Verdicts by student and check")
    words = [said(cell.xpath("./i")[0]) for cell in matrix.xpath(".//tbody/tr[1]/td")]
    assert sorted(set(words)) == ["crashed", "met", "not assessed", "partly", "to fix"]
    assert len(words) == len(build.rubric().checks)


def test_what_most_missed_comes_first() -> None:
    entries = tuple(build.entry(build.states()[name]) for name in ("weak", "harmless", "good"))
    missed = tree(build.overview(entries)).get_element_by_id("missed")
    assert (
        said(missed.xpath(".//ul[@class='miss bad']/li")[0]) == "Decoder: padding on the left2 to fix, 0 partly, of 3"
    )


def test_runs_that_ended_badly_are_listed_with_their_reason() -> None:
    trouble = tree(build.overview()).get_element_by_id("trouble")
    assert [said(cell) for cell in trouble.xpath(".//tbody/tr[1]/*")] == [
        "Alan Turing 26",
        "error",
        "1 min 4 s",
        "cell 19 ended with an error",
    ]


def test_similar_submissions_are_listed_or_said_not_to_have_been_looked_for() -> None:
    assert "the same memo, other names" in said(tree(build.overview()))
    assert "None found." in said(tree(build.overview(similar=())))
    assert "Nobody looked" in said(tree(build.overview(similar=None)))


@pytest.mark.parametrize("people", [0, 1, 3, 200])
def test_any_size_of_class_makes_a_page_of_bearable_size(people: int) -> None:
    text = class_overview(build.overview(build.many(people), similar=None))
    assert len(text.encode()) < 40_000 + 1_600 * people
    assert len(table(html.fromstring(text), "Points by student and section").xpath(".//tbody/tr")) == people


def test_its_only_script_is_its_own_and_named_in_the_policy() -> None:
    from base64 import b64encode
    from hashlib import sha256

    page = tree(build.overview())
    scripts = page.xpath("//script")
    digest = b64encode(sha256(scripts[0].text.encode()).digest()).decode()
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert (len(scripts), f"script-src 'sha256-{digest}'" in policy) == (1, True)
    assert all(re.match(r"#|feedback/", address) for address in page.xpath("//@href"))
    assert page.xpath("//@src|//@style|//@onclick") == []


def test_rows_are_flat_and_alike() -> None:
    rows = overview_rows(build.overview())
    assert len({tuple(row) for row in rows}) == 1
    weak = rows[1]
    assert {
        key: weak[key]
        for key in ("participant", "total", "low", "high", "adjustment", "section.systems", "criterion.1a")
    } == {
        "participant": "25",
        "total": 62.5,
        "low": 49.5,
        "high": 74.0,
        "adjustment": -10.0,
        "section.systems": 14.0,
        "criterion.1a": 3.0,
    }
    assert weak["check.decoder.padding_side"] == "failed"


def test_what_is_not_known_is_empty_and_never_zero() -> None:
    row = overview_rows(build.overview((build.entry(build.nothing()),)))[0]
    assert [
        row[key] for key in ("total", "low", "high", "section.systems", "criterion.1a", "check.decoder.padding_side")
    ] == [None] * 6


def test_rows_go_to_parquet_and_back() -> None:
    rows = overview_rows(build.overview(build.many(15)))
    buffer = io.BytesIO()
    pd.DataFrame(rows).to_parquet(buffer)
    back = pd.read_parquet(buffer)
    assert list(back["participant"]) == [row["participant"] for row in rows]


@pytest.mark.parametrize(
    "name",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "|cmd", "%x", "\ufeff=1", "\u200b=1"],
)
def test_no_cell_is_a_formula(name: str) -> None:
    entry = build.entry(build.page(build.submission("7", name)))
    row = overview_rows(build.overview((entry,)))[0]
    assert isinstance(row["name"], str)
    assert row["name"].startswith("'")
    text = io.StringIO()
    csv.DictWriter(text, list(row)).writerow(row)
    assert next(csv.reader(io.StringIO(text.getvalue())))[1] == row["name"]


@pytest.mark.parametrize("name", ["Ada", "O'Brien", "李", "a=b", "5"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    row = overview_rows(build.overview((build.entry(build.page(build.submission("7", name))),)))[0]
    assert row["name"] == name


def comment(name: str, *, preview: bool = True) -> str:
    data = build.states()[name]
    return moodle_comment(data.scorecard, data.rubric, preview=preview, draft=data.submission.draft)


def test_the_comment_has_points_by_section_and_says_preview() -> None:
    assert comment("weak") == (
        "<p><strong>Preview, not released.</strong> Points and words can still change.</p>"
        "<p><strong>49.5–74 of 100</strong> points (not settled yet)</p>"
        "<ul><li>Systems-level comparison: 12–16 of 20</li><li>Class weighting on the decoder: 12–16.5 of 20</li>"
        "<li>Per-class analysis: 16–19.5 of 25</li><li>Latency and deployment: 11–20 of 20</li>"
        "<li>What you would do next: 8.5–12 of 15</li>"
        "<li>Late: −10 (1 day 2 hours late: 2 started days x 5 points = 10)</li></ul>"
        "<p>The whole feedback is in the feedback file: one page that opens in any browser.</p>"
    )


def test_a_released_comment_has_no_preview_words() -> None:
    assert comment("good", preview=False).startswith("<p><strong>81.5 of 100</strong> points</p><ul>")


def test_who_handed_in_nothing_gets_no_comment() -> None:
    assert comment("nothing") == ""


def test_unreadable_and_draft_are_said() -> None:
    assert "could not be read" in comment("unreadable")
    assert "saved as a draft" in comment("draft")


def test_a_backslash_is_left_to_the_worksheet() -> None:
    card = build.page().scorecard.model_copy(
        update={"adjustments": (Adjustment(kind="late", points=Decimal(-1), why='C:\\"x\\'),)}
    )
    assert "(C:\\&#34;x\\)" in moodle_comment(card, build.rubric(), preview=False)
