"""Pages as exporters really wrote them (nbconvert 5.6 to 7.17; one saved again by a browser), against their notebook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grader.intake.html import notebook_from_html
from grader.intake.html_markdown import markdown_of
from grader.intake.html_page import parse

DATA = Path(__file__).parents[2] / "data" / "html"
SAMPLES = sorted(path.name for path in DATA.glob("*.html"))
SOURCE: Any = json.loads((DATA / "homework.ipynb").read_text())
PROSE = """# Week 3: ModernBERT *vs* Qwen2.5

Text with **bold**, `code_x`, [a link](https://example.org/x_y) & $x_1^2$ and

$$\\sum_i a_i < 3$$

- a
- b
  - c

| tier | F1 |
| --- | --- |
| head | 0.61 |

```
x = 1

y = 2
```

1. one
2. two

> quoted"""


def read(name: str) -> list[dict[str, Any]]:
    found = notebook_from_html((DATA / name).read_bytes())
    assert found.notebook and found.flags == ()
    cells: list[dict[str, Any]] = found.notebook["cells"]
    return cells


@pytest.mark.parametrize("name", SAMPLES)
def test_code_kinds_and_counts_are_those_of_the_notebook(name: str) -> None:
    cells = read(name)
    assert [(cell["cell_type"], cell.get("execution_count")) for cell in cells] == [
        (cell["cell_type"], cell.get("execution_count")) for cell in SOURCE["cells"]
    ]
    assert [cell["source"] for cell in cells if cell["cell_type"] != "markdown"] == [
        "".join(cell["source"]) for cell in SOURCE["cells"] if cell["cell_type"] != "markdown"
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_prose_comes_back_as_markdown(name: str) -> None:
    cells = [cell["source"] for cell in read(name) if cell["cell_type"] == "markdown"]
    assert cells[0].startswith(PROSE)
    assert cells[1] == "## Memo\n\nThe *last* cell."


@pytest.mark.parametrize("name", SAMPLES)
def test_outputs_come_back(name: str) -> None:
    outputs = [output for cell in read(name) if cell["cell_type"] == "code" for output in cell["outputs"]]
    shown = [
        (
            output["output_type"],
            output.get("name") or output.get("ename") or list(output["data"]),
            output.get("execution_count"),
        )
        for output in outputs
    ]
    assert shown == [
        ("stream", "stdout", None),
        ("stream", "stderr", None),
        ("display_data", ["text/html"], None),
        ("execute_result", ["text/html"], 3),
        ("display_data", ["image/png"], None),
        ("display_data", ["image/svg+xml"], None),
        ("display_data", ["text/markdown"], None),
        ("display_data", ["text/latex"], None),
        ("execute_result", ["text/plain"], 2),
        ("stream", "stdout", None),
        ("error", "KeyError", None),
        ("error", "SyntaxError", None),
        ("display_data", ["text/html"], None),
        ("stream", "stdout", None),
        ("stream", "stdout", None),
    ]
    assert outputs[0]["text"].strip().startswith("hello <b> &amp; é 作业 🎉\n")
    assert outputs[0]["text"].endswith("100%|#####| 2/2\n\n")
    assert outputs[1]["text"] == "/usr/lib/x.py:3: UserWarning: a < b\n  warn()\n"
    assert "<td>No log</td>" in outputs[2]["data"]["text/html"]
    assert "<th>F1 &lt; 0.5</th>" in outputs[3]["data"]["text/html"]
    assert outputs[4]["data"] == {"image/png": "iVBORw0KGgp4eHh4"}
    assert outputs[8]["data"] == {"text/plain": "{'eval_f1': 0.6123,\n 'eval_loss': 1.2}"}
    assert (outputs[10]["evalue"], outputs[10]["traceback"][-1]) == ("'label: a\\nb'", "KeyError: 'label: a\\nb'")
    assert outputs[11]["evalue"] == "invalid syntax"
    assert outputs[13]["text"] == "after the unclosed one\n"


@pytest.mark.parametrize("name", ["nbconvert-5.6-full.html", "nbconvert-7.17-lab.html"])
def test_line_ends_of_windows_change_nothing(name: str) -> None:
    data = (DATA / name).read_bytes().replace(b"\r", b"")
    assert notebook_from_html(data.replace(b"\n", b"\r\n")) == notebook_from_html(data)


@pytest.mark.parametrize("name", ["nbconvert-6.5-classic.html", "nbconvert-7.17-lab.html"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_the_encoding_of_the_file_changes_nothing(name: str, encoding: str) -> None:
    text = (DATA / name).read_bytes().decode()
    assert notebook_from_html(text.encode(encoding)) == notebook_from_html(text.encode())


def test_a_page_without_its_code_is_flagged() -> None:
    page = (DATA / "nbconvert-7.17-lab.html").read_text()
    hidden = page.replace("jp-InputArea-editor", "x").replace("jp-Cell-inputWrapper", "y")
    found = notebook_from_html(hidden.encode())
    assert [(flag.kind, flag.blocking) for flag in found.flags] == [("code_hidden", True)]
    assert "hand in the notebook itself" in found.flags[0].why


# our own export


def with_source(cells: list[Any]) -> bytes:
    source = json.dumps({**SOURCE, "cells": cells}).replace("</", "<\\/")
    script = f'<script type="application/x-ipynb+json" id="notebook-source">{source}</script>'
    return (DATA / "nbconvert-7.17-lab.html").read_text().replace("</body>", f"{script}</body>").encode()


def test_a_carried_notebook_is_preferred_when_it_agrees() -> None:
    found = notebook_from_html(with_source(SOURCE["cells"]))
    assert found.flags == () and found.notebook
    assert "".join(SOURCE["cells"][0]["source"]) == found.notebook["cells"][0]["source"]
    result = found.notebook["cells"][1]["outputs"][3]["data"]
    assert sorted(result) == ["text/html", "text/plain"]


@pytest.mark.parametrize(
    ("cell", "changed"),
    [(2, {"source": "other = 1"}), (0, {"source": "# Memo\n\n" + "An altogether other text. " * 9})],
)
def test_a_carried_notebook_that_differs_is_not_believed(cell: int, changed: dict[str, str]) -> None:
    cells = [{**one, **changed} if index == cell else one for index, one in enumerate(SOURCE["cells"])]
    found = notebook_from_html(with_source(cells))
    assert [(flag.kind, flag.blocking) for flag in found.flags] == [("carried_notebook_differs", True)]
    assert found.notebook and found.notebook["cells"][2]["source"] == "fig"


# pages that are no exports


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (
            '<html><body><div class="jp-LabShell"><div class="jp-Cell jp-CodeCell"><div class="jp-InputArea-editor"><pre>x</pre>',
            "JupyterLab",
        ),
        (
            '<div class="cell code_cell"><div class="input_area"><pre class="CodeMirror-line">x</pre></div></div>',
            "a notebook editor",
        ),
        ("<html><body><colab-tab-layout-container>x</colab-tab-layout-container>", "Colab"),
        ('<html><link href="https://github.githubassets.com/x.css"><body>hw.ipynb', "GitHub"),
    ],
)
def test_pages_saved_out_of_an_editor_are_named(page: str, told: str) -> None:
    found = notebook_from_html(page.encode())
    assert (found.notebook, found.editor_page) == (None, True)
    assert found.reason.startswith(f"It is a page saved out of {told}")
    assert "Please hand in" in found.reason


@pytest.mark.parametrize(
    "page", [b"", b"plain text", b"<html><body><p>My report</p></body></html>", b"\x89PNG\r\n", b"<"]
)
def test_other_content_has_no_notebook(page: bytes) -> None:
    found = notebook_from_html(page)
    assert (found.notebook, found.editor_page, "Please hand in" in found.reason) == (None, False, True)


def test_student_html_that_mentions_an_editor_is_no_editor() -> None:
    page = (
        (DATA / "nbconvert-7.17-lab.html")
        .read_text()
        .replace("raw memo text", "jp-LabShell CodeMirror-line colab-toolbar")
    )
    assert notebook_from_html(page.encode()).notebook is not None


def test_mathematics_that_a_browser_set_comes_back_as_tex() -> None:
    page = parse(
        '<div><p>a <span class="MathJax_Preview">y</span><span class="MathJax">x</span>'
        '<script type="math/tex">x_1</script> b</p><script type="math/tex; mode=display">y</script></div>'
    )
    assert page is not None
    assert markdown_of(page.find(".//div")) == "a $x_1$ b\n\n$$y$$"


@pytest.mark.parametrize("name", [name for name in SAMPLES if "basic" not in name])
@pytest.mark.parametrize("share", [0.75, 0.9])
def test_a_page_that_ends_in_the_middle_is_read_and_flagged(name: str, share: float) -> None:
    data = (DATA / name).read_bytes()
    found = notebook_from_html(data[: int(len(data) * share)])
    assert [flag.kind for flag in found.flags if flag.blocking and found.notebook] in ([], ["page_cut_off"])
    assert found.notebook is None or "Please hand in" in found.flags[0].why
