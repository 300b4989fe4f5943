"""Feedback pages in a real browser: no barrier, no request, no script of anybody else, at every width, in light, dark and print."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from grader.feedback import class_overview, student_page
from tests import builders_feedback as build
from tests.payloads_feedback import PAYLOADS, poisoned, poisoned_overview

pytestmark = pytest.mark.e2e

WIDTHS = {"desktop": 1280, "tablet": 820, "phone": 390, "narrow": 320}
SCHEMES = ("light", "dark")
UNFOLD = "document.querySelectorAll('details').forEach(each => each.open = true)"


def pages() -> dict[str, str]:
    made = {name: student_page(data) for name, data in build.states().items()}
    made["overview"] = class_overview(build.overview())
    made["overview of 200"] = class_overview(build.overview(build.many(200), similar=None))
    made["overview of nobody"] = class_overview(build.overview(()))
    return made


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for name, text in pages().items():
        made[name] = folder / f"{name.replace(' ', '_')}.html"
        made[name].write_text(text, encoding="utf-8")
    return made


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Opens a file at a width and scheme; notes every request, dialog and console message."""
    contexts = []

    def opening(path: Path, *, width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.noted = []
        page.on("request", lambda request: page.noted.append(request.url))
        page.on("dialog", lambda dialog: (page.noted.append("dialog"), dialog.dismiss()))
        page.on("console", lambda message: page.noted.append(message.text))
        page.on("pageerror", lambda error: page.noted.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield opening
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", ["desktop", "phone"])
@pytest.mark.parametrize("name", [*build.states(), "overview", "overview of nobody"])
def test_axe_finds_no_barrier(opened: Any, files: dict[str, Path], name: str, width: str, scheme: str) -> None:
    page = opened(files[name], width=WIDTHS[width], scheme=scheme)
    page.evaluate(UNFOLD)
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.noted == [files[name].as_uri()]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [*build.states(), "overview", "overview of 200"])
def test_nothing_runs_over_the_edge(opened: Any, files: dict[str, Path], name: str, width: str) -> None:
    page = opened(files[name], width=WIDTHS[width])
    page.evaluate(UNFOLD)
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]


@pytest.mark.parametrize("name", [*build.states(), "overview"])
def test_a_page_asks_for_nothing_but_itself(opened: Any, files: dict[str, Path], name: str) -> None:
    page = opened(files[name])
    page.wait_for_timeout(50)
    assert page.noted == [files[name].as_uri()]


@pytest.mark.parametrize(
    ("make", "render"), [(poisoned, student_page), (poisoned_overview, class_overview)], ids=["page", "overview"]
)
def test_no_payload_runs_or_calls_out(opened: Any, tmp_path: Path, make: Any, render: Any) -> None:
    """The browser itself parses the same elements as with plain words in every field, runs nothing and asks for nothing."""
    path = tmp_path / "page.html"

    def parsed(text: str) -> str:
        path.write_text(render(make(text)), encoding="utf-8")
        page.noted.clear()
        page.goto(path.as_uri())
        assert page.noted == [path.as_uri()], text
        assert page.evaluate("window.pwned") is None, text
        names = page.evaluate("[...document.querySelectorAll('*:not(p,br,code)')].map(e => e.tagName).join(' ')")
        assert isinstance(names, str)
        return names

    path.write_text("<!DOCTYPE html><title>empty</title>", encoding="utf-8")
    page = opened(path)
    plain = parsed("plain words")
    assert [text for text in PAYLOADS if parsed(text) != plain] == []


def test_the_keyboard_reaches_the_points_first(opened: Any, files: dict[str, Path]) -> None:
    page = opened(files["weak"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the points"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0


def first_column(page: Any) -> list[str]:
    return page.locator("#points tbody th").all_inner_texts()


def test_the_overview_sorts_up_and_down_by_number_and_by_name(opened: Any, files: dict[str, Path]) -> None:
    page = opened(files["overview"])
    total = page.locator("#points thead th", has_text="Total")
    total.locator("button").click()
    shown = page.locator("#points tbody tr td:nth-last-child(2)").evaluate_all(
        "cells => cells.map(cell => Number(cell.dataset.v))"
    )
    assert shown == sorted(shown)
    assert total.get_attribute("aria-sort") == "ascending"
    total.locator("button").press("Enter")
    assert total.get_attribute("aria-sort") == "descending"
    page.locator("#points thead th button").first.click()
    names = first_column(page)
    assert names != sorted(names, reverse=True)
    assert len(names) == len(build.states())
    assert total.get_attribute("aria-sort") is None


def test_the_overview_is_whole_without_its_script(browser: Any, files: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(files["overview"].as_uri())
    assert page.locator("#points tbody tr").count() == len(build.states())
    assert page.locator("#points thead button").count() == 0
    context.close()


def test_paper_shows_everything_and_stays_light(opened: Any, files: dict[str, Path]) -> None:
    page = opened(files["weak"], width=680, scheme="dark")
    folded = page.locator("details:not([open])").count()
    assert folded > 0
    assert page.locator("details:not([open]) li:visible").count() == 0
    page.emulate_media(media="print")
    assert page.locator("details:not([open])").count() == folded
    assert page.locator("details:not([open]) li:visible").count() > folded
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".crit:visible").count() == sum(len(part.criteria) for part in build.rubric().sections)
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_right_to_left_names_do_not_turn_the_line(opened: Any, files: dict[str, Path]) -> None:
    page = opened(files["rtl"])
    box = page.locator("h1 bdi").bounding_box()
    whole = page.locator("h1").bounding_box()
    assert box["x"] > whole["x"] + 100
