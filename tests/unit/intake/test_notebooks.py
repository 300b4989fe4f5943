"""Which notebook is graded, and what is said about the choice: students hand in anything under any name."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert import HTMLExporter

from grader.intake.notebooks import choose_notebook
from grader.model.submission import ChosenNotebook
from tests.builders_intake import notebook

RAN = notebook("import torch", "x = 1", ran=True, prose="# Memo\n\nEncoder wins.")
BARE = notebook("import torch", "x = 1", prose="# Memo\n\nEncoder wins.")
OTHER = notebook("y = 2", ran=True)
CHECKPOINT = ".ipynb_checkpoints/hw-checkpoint.ipynb"
MEMO = "# Memo\n\n" + "The encoder is better on the tail classes. " * 12


def exported(data: bytes, template: str = "basic") -> bytes:
    node = nbformat.reads(data.decode(), 4)
    page: str = HTMLExporter(template_name=template).from_notebook_node(node)[0]
    return page.encode()


def chosen(**files: bytes | str) -> ChosenNotebook:
    return choose_notebook({name: data if isinstance(data, bytes) else data.encode() for name, data in files.items()})


def told(found: ChosenNotebook) -> tuple[str | None, str, list[str]]:
    return found.path, found.origin, [flag.kind for flag in found.flags]


def sources(found: ChosenNotebook) -> list[str]:
    cells: Any = found.notebook["cells"] if found.notebook else []
    return [cell["source"] for cell in cells]


CASES: list[tuple[dict[str, bytes], tuple[str | None, str, list[str]]]] = [
    ({"hw.ipynb": RAN}, ("hw.ipynb", "ipynb", [])),
    ({"hw.html": exported(RAN)}, ("hw.html", "html", [])),
    ({"hw.ipynb": RAN, "hw.html": exported(RAN)}, ("hw.ipynb", "ipynb", [])),
    ({"hw.ipynb": BARE, "hw.html": exported(RAN)}, ("hw.html", "html", ["ipynb_without_outputs"])),
    ({"hw.ipynb": RAN, "hw.html": exported(OTHER)}, ("hw.ipynb", "ipynb", ["ipynb_html_differ"])),
    ({"hw.ipynb": notebook("z"), "hw.html": exported(RAN)}, ("hw.html", "html", ["ipynb_html_differ"])),
    ({"hw.ipynb": RAN, CHECKPOINT: OTHER}, ("hw.ipynb", "ipynb", ["checkpoints"])),
    ({CHECKPOINT: RAN}, (CHECKPOINT, "ipynb", ["checkpoint_only"])),
    ({"a.ipynb": RAN, "b.ipynb": RAN}, ("a.ipynb", "ipynb", ["copies"])),
    ({"a.ipynb": BARE, "b.ipynb": OTHER}, ("b.ipynb", "ipynb", ["several_notebooks"])),
    ({"hw.zip/deep/hw.ipynb": RAN, "__MACOSX/._hw.ipynb": b"junk"}, ("hw.zip/deep/hw.ipynb", "ipynb", [])),
    ({"hw.ipynb.txt": RAN}, ("hw.ipynb.txt", "ipynb", [])),
    ({"hw.json": RAN}, ("hw.json", "ipynb", [])),
    ({"hw": RAN}, ("hw", "ipynb", [])),
    ({"HW.HTML": RAN}, ("HW.HTML", "ipynb", [])),
    ({"hw.ipynb": exported(RAN)}, ("hw.ipynb", "html", [])),
    ({"hw.ipynb": b"\xef\xbb\xbf" + RAN}, ("hw.ipynb", "ipynb", [])),
    ({"hw.ipynb": RAN.decode().encode("utf-16")}, ("hw.ipynb", "ipynb", [])),
    ({"hw.ipynb": notebook()}, ("hw.ipynb", "ipynb", ["no_code"])),
    ({}, (None, "none", ["no_notebook"])),
    ({"hw.py": b"x = 1"}, (None, "none", ["no_notebook"])),
    ({"hw.ipynb": b""}, (None, "none", ["notebook_unreadable"])),
    ({"hw.ipynb": b"\x00\xff" * 50}, (None, "none", ["notebook_unreadable"])),
    ({"hw.ipynb": b"[1, 2]"}, (None, "none", ["notebook_unreadable"])),
    ({"hw.ipynb": b'{"cells": 3}'}, (None, "none", ["notebook_unreadable"])),
    ({"hw.html": b"%PDF-1.7 ..."}, (None, "none", ["notebook_unreadable"])),
    ({"hw.ipynb": b"PK\x03\x04..."}, (None, "none", ["notebook_unreadable"])),
    ({"hw.ipynb": b"{", "hw.html": exported(RAN)}, ("hw.html", "html", ["notebook_unreadable"])),
]


@pytest.mark.parametrize(("files", "expected"), CASES)
def test_choice(files: dict[str, bytes], expected: tuple[str | None, str, list[str]]) -> None:
    found = choose_notebook(files)
    assert told(found) == expected
    assert (found.notebook is None) == (found.origin == "none")


def test_a_changed_memo_or_other_outputs_are_a_difference() -> None:
    files = {"hw.ipynb": RAN, "hw.html": exported(notebook("import torch", "x = 1", ran=True, prose=MEMO))}
    assert told(choose_notebook(files)) == ("hw.ipynb", "ipynb", ["ipynb_html_differ"])
    reprinted = RAN.replace(b"done", b"0.61")
    (flag,) = choose_notebook({"hw.ipynb": RAN, "hw.html": exported(reprinted)}).flags
    assert (flag.kind, "saved outputs" in flag.why, flag.blocking) == ("ipynb_html_differ", True, True)


def test_a_progress_bar_is_no_difference() -> None:
    bar = RAN.replace(b"done\\n", b"10%|#  | 1/10\\r100%|###| 10/10\\ndone\\n")
    page = exported(bar).replace(b"10%|#  | 1/10\r", b"")
    assert told(choose_notebook({"hw.ipynb": bar, "hw.html": page})) == ("hw.ipynb", "ipynb", [])
    browser = exported(bar).replace(b"\r", b"\n")
    assert told(choose_notebook({"hw.ipynb": bar, "hw.html": browser})) == ("hw.ipynb", "ipynb", [])


# one shape


def test_the_notebook_is_brought_into_one_shape() -> None:
    odd = {
        "cells": [
            {"cell_type": "code", "id": "same", "source": ["a = 1\n", "b"], "metadata": None, "execution_count": "7",
             "outputs": [{"output_type": "stream", "text": ["x\n", "y"]}, {"output_type": "nonsense"}, 3]},
            {"cell_type": "markdown", "id": "same", "source": "text", "metadata": {}},
            {"cell_type": "code", "source": "c", "id": "not valid!"},
            {"cell_type": "nonsense"},
        ],
        "nbformat": 4, "nbformat_minor": 2,
    }  # fmt: skip
    found = chosen(hw=json.dumps(odd))
    nbformat.validate(nbformat.from_dict(found.notebook))
    assert found.notebook == {
        "cells": [
            {"id": "same", "cell_type": "code", "metadata": {}, "source": "a = 1\nb", "execution_count": None,
             "outputs": [{"output_type": "stream", "name": "stdout", "text": "x\ny"}]},
            {"id": "cell-1", "cell_type": "markdown", "metadata": {}, "source": "text"},
            {"id": "cell-2", "cell_type": "code", "metadata": {}, "source": "c", "execution_count": None, "outputs": []},
        ],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    assert sorted((flag.kind, flag.blocking) for flag in found.flags) == [
        ("duplicate_cell_ids", False),
        ("odd_cells", True),
        ("odd_outputs", False),
    ]


def test_version_3_is_converted() -> None:
    old = {
        "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""},
        "worksheets": [{"metadata": {}, "cells": [
            {"cell_type": "heading", "level": 2, "metadata": {}, "source": ["Memo"]},
            {"cell_type": "code", "collapsed": False, "input": ["x = 1\n", "x"], "language": "python", "metadata": {},
             "prompt_number": 3,
             "outputs": [{"output_type": "pyout", "prompt_number": 3, "metadata": {}, "text": ["1"]},
                         {"output_type": "stream", "stream": "stderr", "text": "w"}]},
        ]}],
    }  # fmt: skip
    found = chosen(**{"hw.ipynb": json.dumps(old)})
    assert told(found) == ("hw.ipynb", "ipynb", ["old_format"])
    assert sources(found) == ["## Memo", "x = 1\nx"]
    cell: Any = found.notebook["cells"][1]  # type: ignore[index]
    assert (cell["execution_count"], cell["outputs"]) == (3, [
        {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": "1"}, "execution_count": 3},
        {"output_type": "stream", "name": "stderr", "text": "w"},
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("damaged", "expected"),
    [
        (RAN[: RAN.rindex(b'"metadata"') - 20], ["# Memo\n\nEncoder wins.", "import torch"]),
        (RAN.replace(b"], ", b"], , ", 1), ["# Memo\n\nEncoder wins."]),
        (RAN.replace(b'"nbformat": 4', b'"nbformat": 4,'), ["# Memo\n\nEncoder wins.", "import torch", "x = 1"]),
        (RAN.replace(b'{"cells"', b'<<<<<<< HEAD\n{"cells"'), ["# Memo\n\nEncoder wins.", "import torch", "x = 1"]),
        (RAN + b"\n}", ["# Memo\n\nEncoder wins.", "import torch", "x = 1"]),
    ],
)
def test_damaged_json_is_mended_as_far_as_whole_cells_go(damaged: bytes, expected: list[str]) -> None:
    found = chosen(**{"hw.ipynb": damaged})
    assert sources(found)[: len(expected)] == expected
    assert "notebook_repaired" in [flag.kind for flag in found.flags if flag.blocking]


def test_outputs_of_absurd_length_keep_both_ends() -> None:
    long = RAN.replace(b"done", b"A" + b"x" * 3_000_000 + b"Z")
    found = chosen(**{"hw.ipynb": long})
    cell: Any = found.notebook["cells"][1]  # type: ignore[index]
    text = cell["outputs"][0]["text"]
    assert (text[0], text[-2:], len(text) < 2_100_000, told(found)[2]) == ("A", "Z\n", True, ["huge_outputs"])


def test_half_characters_and_nan_can_be_written_again() -> None:
    data = RAN.replace(b"x = 1", b"x = '\\ud800'").replace(b'"metadata": {}', b'"metadata": {"n": NaN}')
    found = chosen(**{"hw.ipynb": data})
    assert json.dumps(found.notebook, ensure_ascii=False, allow_nan=False).encode()
    assert sources(found)[-1] == "x = '?'"


# memos


@pytest.mark.parametrize(
    ("extra", "path", "text", "kinds"),
    [
        ({"memo.md": MEMO}, "memo.md", MEMO.strip(), []),
        ({"notes.txt": MEMO}, "notes.txt", MEMO.strip(), []),
        ({"memo.html": "<h1>Memo</h1><p>short</p>"}, "memo.html", "# Memo\n\nshort", []),
        ({"memo.ipynb": notebook(prose="# My memo").decode()}, "memo.ipynb", "# My memo", []),
        ({"memo.docx": "PK"}, "memo.docx", None, ["memo_unread"]),
        ({"memo.md": MEMO, "appendix.pdf": "%PDF"}, "memo.md", MEMO.strip(), ["memo_unread"]),
        ({"memo.md": MEMO, "other.txt": MEMO}, "memo.md", MEMO.strip(), ["several_memos"]),
        ({"README.md": MEMO, "requirements.txt": MEMO}, None, None, []),
        ({"out/README.md": MEMO, "out/merges.txt": MEMO, "out/adapter_config.json": "{}"}, None, None, []),
        ({"out/notes.md": MEMO, "out/adapter_config.json": "{}"}, None, None, []),
        ({"todo.txt": "later"}, None, None, []),
        ({"ui.html": '<html><body><div class="jp-LabShell">' + MEMO}, None, None, []),
    ],
)
def test_a_memo_beside_the_notebook(
    extra: dict[str, str], path: str | None, text: str | None, kinds: list[str]
) -> None:
    found = chosen(**{"hw.ipynb": RAN}, **extra)
    assert (found.path, found.memo_path, found.memo_text) == ("hw.ipynb", path, text)
    assert [flag.kind for flag in found.flags] == kinds


# anything at all


names = st.sampled_from(
    ["hw.ipynb", "hw.html", "a/b.ipynb", "memo.md", "hw.json", "x", ".ipynb_checkpoints/a.ipynb", "m.html"]
)
json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["code", "markdown", "stream", "error"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "cells",
                    "cell_type",
                    "source",
                    "outputs",
                    "output_type",
                    "text",
                    "data",
                    "metadata",
                    "nbformat",
                    "worksheets",
                    "id",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)
content = st.one_of(
    st.binary(max_size=80),
    json_like.map(lambda value: json.dumps(value).encode()),
    st.lists(json_like, max_size=3).map(lambda cells: json.dumps({"cells": cells, "nbformat": 4}).encode()),
    st.text(max_size=80).map(
        lambda text: f'<div class="jp-Cell jp-CodeCell"><div class="input_area"><pre>{text}'.encode()
    ),
    st.integers(0, len(RAN)).map(lambda cut: RAN[:cut]),
)


@given(st.dictionaries(names, content, max_size=4))
@settings(max_examples=150, deadline=None)
def test_nothing_that_is_handed_in_stops_the_choice(files: dict[str, bytes]) -> None:
    found = choose_notebook(files)
    if found.notebook is None:
        assert found.origin == "none" and found.flags
    else:
        nbformat.validate(nbformat.from_dict(found.notebook))
        assert json.dumps(found.notebook, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "data",
    [
        b'{"cells": ' + b"[" * 100_000,
        b'{"cells": [], "metadata": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b'{"cells": [' + b"9" * 10_000 + b"]}",
        b"<div>" * 50_000 + b'<div class="jp-Cell jp-CodeCell">x',
        b'<div class="jp-Cell jp-CodeCell"><div class="input_area"><pre>x</pre></div>' * 3_000,
        b"<html><body><div class='jp-Cell jp-MarkdownCell'><div class='jp-MarkdownOutput'>" + b"<b>" * 3_000 + b"x",
        b'<script id="notebook-source" type="application/x-ipynb+json">{"cells": ' + b"[" * 100_000 + b"</script>",
    ],
)
def test_monstrous_files_are_survived(data: bytes) -> None:
    choose_notebook({"hw.ipynb": data, "hw.html": data})
