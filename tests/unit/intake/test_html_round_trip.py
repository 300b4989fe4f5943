"""Notebooks of any content, exported by nbconvert and read back: code and outputs must be the same."""

from __future__ import annotations

import base64
import re
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbconvert import HTMLExporter
from nbformat import v4

from grader.intake.html import notebook_from_html

EXPORTERS = {name: HTMLExporter(template_name=name) for name in ("lab", "classic", "basic")}

sign = st.one_of(
    st.sampled_from(list("abcxyz0189 \t\n()[]{}=+-*/\\'\"<>&#%!?$_.,:;@^~|`")),
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp"), exclude_characters="\ufeff"),
)
line = st.text(sign.filter(lambda one: one != "\n"), max_size=30)
code = st.lists(
    st.one_of(
        line,
        st.sampled_from(
            [
                "",
                "    ",
                "def f(x):",
                "\treturn x < 2 and True & 1",
                "%%bash",
                "!pip install -q peft",
                "%matplotlib inline",
                "print('<b>&amp;</b>')",
                's = """',
                "# </pre></div>",
                "x = df[df.a > 0]  ",
                "f?",
                "'''",
                "\\",
                "$ cd",
                "<script>",
            ]
        ),
    ),
    max_size=8,
).map("\n".join)
printed = st.lists(
    st.one_of(
        line,
        st.sampled_from(
            ["", "{'f1': 0.61}", "  50%|###   | 1/2 [00:01<00:01]", "\x1b[1;31mred\x1b[0m x", "<div>", "&lt;"]
        ),
    ),
    min_size=1,
    max_size=6,
).map(lambda lines: "\n".join(lines) + "\n")


def stream(name: str) -> st.SearchStrategy[Any]:
    return printed.map(lambda text: v4.new_output("stream", name=name, text=text))


def result(text: str) -> Any:
    return v4.new_output("execute_result", data={"text/plain": text}, execution_count=7)


picture = st.binary(min_size=1, max_size=40).map(
    lambda data: v4.new_output("display_data", data={"image/png": base64.b64encode(data).decode()})
)
output = st.one_of(stream("stdout"), stream("stderr"), printed.map(lambda text: result(text.rstrip("\n"))), picture)
code_cell = st.builds(
    lambda source, outputs, count: v4.new_code_cell(source, outputs=outputs, execution_count=count),
    code,
    st.lists(output, max_size=3),
    st.one_of(st.none(), st.just(7)),
)
prose = st.sampled_from(["# Memo", "Text with **bold** and `code`.", "- a\n- b", "| a | b |\n|---|---|\n| 1 | 2 |"])
notebooks = st.lists(st.one_of(code_cell, prose.map(v4.new_markdown_cell)), min_size=1, max_size=5).map(
    lambda cells: v4.new_notebook(
        cells=cells, metadata={"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    )
)


def plain(text: str) -> str:
    """What a page can hold: no colours, and a browser's idea of line ends."""
    return re.sub("\x1b\\[(.*?)([@-~])", "", text)


def told_of(output: dict[str, Any]) -> Any:
    if output["output_type"] == "stream":
        return ("stream", output["name"], plain(output["text"]))
    return (output["output_type"], {mime: plain(data) for mime, data in output["data"].items()})


def merged(outputs: list[Any]) -> list[Any]:
    """nbconvert joins neighbouring outputs of one stream."""
    told: list[Any] = []
    for one in map(told_of, outputs):
        if told and one[0] == "stream" == told[-1][0] and one[1] == told[-1][1]:
            told[-1] = (*one[:2], told[-1][2] + one[2])
        else:
            told.append(one)
    return told


def expected(cell: Any) -> Any:
    source = cell["source"].strip("\n")  # the highlighter drops blank lines at both ends before anything is written
    return (source if source.strip() else "", cell["execution_count"], merged(cell["outputs"]))


def found(cell: Any) -> Any:
    return (cell["source"], cell["execution_count"], merged(cell["outputs"]))


@pytest.mark.parametrize("template", sorted(EXPORTERS))
@given(notebook=notebooks)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_code_and_outputs_survive_an_export(template: str, notebook: Any) -> None:
    html, _ = EXPORTERS[template].from_notebook_node(notebook)
    read = notebook_from_html(html.encode()).notebook
    assert read is not None
    nbformat.validate(nbformat.from_dict(read))
    code_cells = [cell for cell in read["cells"] if cell["cell_type"] == "code"]
    assert [found(cell) for cell in code_cells] == [
        expected(cell) for cell in notebook.cells if cell.cell_type == "code"
    ]
    assert [cell["cell_type"] for cell in read["cells"]] == [cell.cell_type for cell in notebook.cells]
