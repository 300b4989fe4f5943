"""What students' commands write, in a real browser: the self-check's page has no barrier; neither page asks for anything outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from grader.catalog import Course
from grader.pipeline import load_materials
from grader.selfcheck.checking import check_notebook
from grader.selfcheck.export import export_notebook
from grader.selfcheck.page import report_page
from grader.selfcheck.report import report_of
from grader.settings import Settings

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
HOME = ROOT / "assignments" / "week3"
HOSTILE = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'><link rel=stylesheet href=https://x.example/a.css>"


def notebooks(folder: Path) -> dict[str, Path]:
    """Starter, half done, wrong, right; and one whose author means harm or knows no better."""
    starter, solution = (json.loads((HOME / name).read_text("utf-8")) for name in ("starter.ipynb", "solution.ipynb"))
    half = {**starter, "cells": [*solution["cells"][:13], *starter["cells"][13:]]}
    cell = {"cell_type": "code", "metadata": {}, "source": f"x = 1 # {HOSTILE}", "execution_count": None, "outputs": []}
    heading = {"cell_type": "markdown", "metadata": {}, "source": f"# {HOSTILE}"}
    todo = {**cell, "source": f"# {HOSTILE}\n# YOUR CODE HERE"}
    made = {"half": half, "hostile": {**starter, "cells": [heading, cell, todo]}}
    for name, notebook in made.items():
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook), "utf-8")
    return {
        "starter": HOME / "starter.ipynb",
        **{name: folder / f"{name}.ipynb" for name in made},
        "wrong": HOME / "golden" / "08-bf16-training" / "homework.ipynb",
        "right": HOME / "golden" / "01-right" / "homework.ipynb",
    }


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("students")
    materials = load_materials(Course(ROOT), "week3")
    made = {}
    for name, notebook in notebooks(folder).items():
        report = report_of(check_notebook(notebook, materials, Settings(mode="static")), materials)
        made[name] = folder / f"{name}.html"
        made[name].write_text(report_page(report), "utf-8")
        made[f"export of {name}"] = folder / f"export-{name}.html"
        made[f"export of {name}"].write_bytes(export_notebook(notebook).html)
    return made


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    contexts = []

    def opening(path: Path, *, width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.noted, page.refused = [], {}
        page.on("request", lambda request: page.noted.append(request.url))
        page.on("requestfailed", lambda request: page.refused.update({request.url: request.failure}))
        page.goto(path.as_uri())
        page.wait_for_timeout(50)
        return page

    yield opening
    for context in contexts:
        context.close()


NAMES = ("starter", "half", "wrong", "right", "hostile")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", NAMES)
def test_the_self_checks_page_has_no_barrier_and_fits(
    opened: Any, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    page = opened(pages[name], width=width, scheme=scheme)
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", NAMES)
def test_the_self_checks_page_asks_for_nothing_and_runs_nothing(opened: Any, pages: dict[str, Path], name: str) -> None:
    page = opened(pages[name])
    assert page.noted == [pages[name].as_uri()]
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.querySelectorAll('script, img, link').length") == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_exported_page_reaches_nothing_outside(opened: Any, pages: dict[str, Path], name: str) -> None:
    """Whatever the notebook itself holds, the page's policy keeps it from fetching or sending."""
    page = opened(pages[f"export of {name}"])
    outside = [url for url in page.noted if not url.startswith(("file:", "data:")) and page.refused.get(url) != "csp"]
    answered = page.evaluate("performance.getEntriesByType('resource').filter(e => e.transferSize > 0).length")
    assert (outside, answered) == ([], 0)
    assert page.evaluate("fetch('https://x.example/').then(() => 'sent', () => 'kept')") == "kept"
    assert "Week 3" in page.title() or page.evaluate("document.querySelectorAll('.jp-Cell').length") > 0
