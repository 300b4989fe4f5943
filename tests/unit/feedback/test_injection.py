"""What others wrote is text on every page, whatever it tries to be."""

from __future__ import annotations

import re
from functools import cache

import pytest
from lxml import html
from lxml.html import HtmlElement

from grader.feedback import PageInput, class_overview, moodle_comment, student_page
from grader.feedback.text import clean
from grader.model.finding import Findings
from grader.model.observation import Observations
from grader.model.scorecard import Suggestion
from grader.observing.memo import read_memo
from grader.scoring.suggest import suggest
from tests import builders_feedback as build
from tests.builders_memos import assignment, cells, rubric
from tests.payloads_feedback import PAYLOADS, poisoned, poisoned_overview

HARMLESS = "plain words"
WRAPPING = {"p", "br", "code"}
"""All that text itself may bring: paragraphs, line breaks, `code`."""


def skeleton(page: str) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every element with its attributes; addresses and spoken labels are looked at by themselves."""
    rows = []
    for element in html.fromstring(page).iter():
        if isinstance(element, HtmlElement) and element.tag not in WRAPPING:
            kept = tuple(
                sorted((key, value) for key, value in element.attrib.items() if key not in ("href", "aria-label"))
            )
            rows.append((element.tag, kept))
    return rows


def addresses(page: str) -> set[str]:
    tree = html.fromstring(page)
    return {
        str(value)
        for name in ("href", "src", "action", "data", "poster", "srcset")
        for value in tree.xpath(f"//@{name}")
    }


@cache
def harmless_page() -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    return skeleton(student_page(poisoned(HARMLESS)))


@cache
def harmless_overview() -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    return skeleton(class_overview(poisoned_overview(HARMLESS)))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_in_a_student_page_becomes_markup(payload: str) -> None:
    page = student_page(poisoned(payload))
    assert skeleton(page) == harmless_page()
    assert all(re.fullmatch(r"#[a-z0-9-]+", address) for address in addresses(page))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_in_the_overview_becomes_markup(payload: str) -> None:
    page = class_overview(poisoned_overview(payload))
    assert skeleton(page) == harmless_overview()
    assert all(re.fullmatch(r"#[a-z0-9-]+|feedback/[A-Za-z0-9._-]+\.html", address) for address in addresses(page))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_in_the_comment_becomes_markup(payload: str) -> None:
    data = poisoned(payload)
    comment = moodle_comment(data.scorecard, data.rubric, preview=True)
    tags = {element.tag for element in html.fragment_fromstring(comment, create_parent="div").iter()}
    assert tags == {"div", "p", "strong", "ul", "li"}
    assert "<" not in re.sub(r"</?(?:p|strong|ul|li)>", "", comment)


@pytest.mark.parametrize(
    "payload", [text for text in PAYLOADS if "`" not in text and not re.search(r"\s{2}|[\n\t]", text)]
)
def test_it_is_shown_as_the_text_that_it_is(payload: str) -> None:
    tree = html.fromstring(student_page(poisoned(payload)))
    quotes = [element.text_content() for element in tree.xpath("//blockquote/p")]
    assert clean(payload).strip() in quotes


def test_there_are_enough_of_them() -> None:
    assert len(set(PAYLOADS)) >= 60


@pytest.mark.parametrize("payload", PAYLOADS)
def test_pages_can_be_written_as_utf8(payload: str) -> None:
    student_page(poisoned(payload)).encode()
    class_overview(poisoned_overview(payload)).encode()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_memo_is_text_all_the_way_from_the_reader_to_the_page(payload: str) -> None:
    """Through reading, contradicted claims, suggestions with quotes and table rows, onto the page."""
    table = "| tier | encoder F1 | decoder F1 |\n|---|---|---|\n| rare (<50) | 0.02 | 0.06 |\n| common (>400) | 0.50 | 0.47 |"
    text = (
        f"## Per-class analysis {payload}\n\n{table}\n\nThe decoder is better on the common classes {payload} \n\n"
        f"“{payload}” goes from 0.1 to 0.4.\n\n| class | encoder | decoder |\n|---|---|---|\n| {payload} | 0.1 | 0.4 |\n"
    )
    memo = read_memo(cells(text), assignment(), rubric(), Observations())
    found = suggest(memo, rubric(), Observations(), Findings())
    page = student_page(with_suggestions(found))
    known = {row[0] for row in harmless_page()} | WRAPPING
    assert {row[0] for row in skeleton(page)} <= known
    assert all(re.fullmatch(r"#[a-z0-9-]+", address) for address in addresses(page))
    assert not re.search(r"\son\w+\s*=\s*[\"']?\w", re.sub(r">[^<]*<", "><", page))


def with_suggestions(found: dict[str, Suggestion]) -> PageInput:
    """A page of somebody whose memo was read like this."""
    data = build.page()
    sections = tuple(
        section.model_copy(
            update={
                "criteria": tuple(
                    item.model_copy(update={"suggestion": found.get(item.id, item.suggestion)})
                    for item in section.criteria
                )
            }
        )
        for section in data.scorecard.sections
    )
    return data.model_copy(update={"scorecard": data.scorecard.model_copy(update={"sections": sections})})
