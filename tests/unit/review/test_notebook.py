"""A notebook as HTML: whatever stands in it, only text, tables and pictures come out."""

from __future__ import annotations

import re
from typing import Any

import pytest
from bs4 import BeautifulSoup

from grader.review.notebook import ATTRIBUTES, TAGS, cell_views, harmless, markdown
from tests.payloads_feedback import PAYLOADS


def tags_and_attributes(html: str) -> tuple[set[str], set[tuple[str, str]]]:
    tags, attributes = set(), set()
    for tag in BeautifulSoup(html, "html.parser").find_all(True):
        tags.add(tag.name)
        attributes |= {(tag.name, name) for name in tag.attrs}
    return tags, attributes


@pytest.mark.parametrize("make", [markdown, harmless], ids=["markdown", "html"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_leaves_more_than_plain_markup(make: Any, payload: str) -> None:
    tags, attributes = tags_and_attributes(str(make(payload.encode("utf-8", "replace").decode())))
    assert tags <= TAGS
    assert attributes <= {(tag, name) for tag, names in ATTRIBUTES.items() for name in names}


def code(*outputs: object, source: object = "1") -> dict[str, Any]:
    return {"cells": [{"cell_type": "code", "source": source, "outputs": list(outputs)}]}


def only(notebook: dict[str, Any]) -> str:
    (cell,) = cell_views(notebook, {})
    return "".join([str(cell.body), *(str(out.body) for out in cell.outputs)])


def test_tables_of_data_frames_stay_tables() -> None:
    html = "<div><style>th{}</style><table border='1'><thead><tr><th>F1</th></tr></thead><tbody><tr><td>0.5</td></tr></tbody></table></div>"
    body = only(code({"output_type": "execute_result", "data": {"text/html": html, "text/plain": "F1"}}))
    assert "<td>0.5</td>" in body
    assert "style" not in body
    assert "border" not in body


def test_pictures_are_pictures_only_if_they_are_base64() -> None:
    assert '<img src="data:image/png;base64,aGVsbG8="' in only(code({"data": {"image/png": "aGVs\nbG8="}}))
    assert "script" not in only(code({"data": {"image/png": '"><script>1</script>', "text/plain": "figure"}}))
    svg = only(code({"data": {"image/svg+xml": "<svg onload='x'/>"}}))
    assert re.fullmatch(r'1<img src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+" alt="output image">', svg)


def test_colours_and_progress_bars_are_as_a_terminal_left_them() -> None:
    assert only(code({"output_type": "stream", "text": ["10%\r", "100%\n", "\x1b[31mred\x1b[0m\n"]})) == "1100%\nred\n"


def test_cells_keep_their_numbers_and_say_who_cites_them() -> None:
    notebook = {
        "cells": [{"cell_type": "markdown", "source": "a"}, "broken", {"cell_type": "code", "source": ["b", "c"]}]
    }
    views = cell_views(notebook, {2: ("1a",)})
    assert [(view.number, view.kind, view.cited) for view in views] == [(0, "markdown", ()), (2, "code", ("1a",))]


@pytest.mark.parametrize(
    "notebook",
    [
        None,
        {},
        {"cells": None},
        {"cells": [None, 3, {}]},
        code(None, 3, {}, {"data": 3}, {"data": {"text/html": 3}}, source=None),
    ],
)
def test_a_broken_notebook_is_shown_as_far_as_it_goes(notebook: Any) -> None:
    cell_views(notebook, {})


def test_links_lose_their_target() -> None:
    assert "evil" not in str(markdown("[click](https://evil.example/) <a href='https://evil.example'>x</a>"))
