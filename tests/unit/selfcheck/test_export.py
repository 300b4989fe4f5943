"""A notebook as the page for Moodle: it comes back as it was, it stays small, and what is missing is said."""

from __future__ import annotations

import base64
import io
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from grader.errors import InputError
from grader.intake.html import notebook_from_html
from grader.intake.normalise import normalise
from grader.selfcheck.export import MEGABYTE, Exported, export_notebook

ROOT = Path(__file__).parents[3]
SAMPLES = [
    ROOT / "assignments" / "week3" / "solution.ipynb",
    *sorted((ROOT / "tests" / "data" / "handwritten").glob("*.ipynb")),
]


def code(source: str, *outputs: dict[str, Any], count: int | None = 1) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "execution_count": count, "outputs": list(outputs)}


def text(source: str, **rest: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source, **rest}


def printed(words: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": words}


def shown(**data: Any) -> dict[str, Any]:
    mimes = {
        "png": "image/png",
        "html": "text/html",
        "plain": "text/plain",
        "widget": "application/vnd.jupyter.widget-view+json",
    }
    return {"output_type": "display_data", "metadata": {}, "data": {mimes[key]: value for key, value in data.items()}}


def noise(width: int, height: int) -> str:
    """A picture that compresses badly, as base64 of a PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.frombytes("RGB", (width, height), random.Random(3).randbytes(width * height * 3)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def export(folder: Path, *cells: dict[str, Any], limit: int = 20 * MEGABYTE, **metadata: Any) -> Exported:
    path = folder / "homework.ipynb"
    path.write_text(json.dumps({"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return export_notebook(path, limit=limit)


def back(exported: Exported) -> list[dict[str, Any]]:
    read = notebook_from_html(exported.html)
    assert read.notebook is not None
    assert [flag.kind for flag in read.flags] == []
    return list(read.notebook["cells"])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_notebook_comes_back_with_the_same_cells_and_outputs(path: Path) -> None:
    exported = export_notebook(path)
    wanted = normalise(json.loads(path.read_text("utf-8"))).notebook
    assert back(exported) == wanted["cells"]
    assert exported.fits


@pytest.mark.parametrize(
    "cell",
    [
        text("a </script> b <!-- <script> and & < > ' \""),
        text("<details>\n\nnot closed"),
        text("<textarea>swallows"),
        text("</head></body></html>"),
        code("x = '</script><!--<script>'", printed("</script><!-- \x1b[31mred\x1b[0m\r50%\r100%\n")),
        code("print('\\u2028 \\u2029')", printed("名前 \u2028 \u2029 🎉 café\n")),
        code("a\r\nb", printed("x\r\n")),
        text("$\\alpha < \\beta$ und `{{ x }}` {% raw %}"),
        text('<script id="notebook-source" type="application/x-ipynb+json">{"cells": []}</script>'),
        {"cell_type": "raw", "metadata": {}, "source": "raw <b> text"},
    ],
    ids=lambda cell: cell["source"][:18].replace("\n", " "),
)
def test_what_could_break_out_of_the_page_comes_back_unharmed(cell: dict[str, Any], tmp_path: Path) -> None:
    exported = export(tmp_path, code("1 + 1", printed("2\n")), cell, text("# the end"))
    read = notebook_from_html(exported.html)
    assert read.notebook is not None
    if not exported.missing:
        assert [item["source"] for item in read.notebook["cells"]] == ["1 + 1", cell["source"], "# the end"]


def test_a_surrogate_that_no_file_can_hold_does_not_stop_the_export(tmp_path: Path) -> None:
    assert back(export(tmp_path, code("1", printed("\ud83d broken\n"))))[0]["outputs"][0]["text"].endswith(" broken\n")


def test_attached_pictures_and_pictures_beside_the_notebook_are_in_the_page(tmp_path: Path) -> None:
    (tmp_path / "plot.png").write_bytes(base64.b64decode(noise(8, 8)))
    attached = text("![a](attachment:a.png)", attachments={"a.png": {"image/png": noise(9, 9)}})
    exported = export(tmp_path, attached, text("![b](plot.png)"), code("1", printed("1")))
    assert noise(9, 9).encode() in exported.html and noise(8, 8).encode() in exported.html
    assert back(exported)[0]["attachments"] == attached["attachments"]


def test_widget_state_is_dropped_and_its_text_stays(tmp_path: Path) -> None:
    bar = shown(widget={"model_id": "abc", "version_major": 2}, plain="100%|####| 10/10")
    exported = export(tmp_path, code("train()", bar), widgets={"state": {"abc": {"x": "y" * 100_000}}})
    assert back(exported)[0]["outputs"] == [shown(plain="100%|####| 10/10")]
    assert b"yyyyyyyyyy" not in exported.html
    assert len(exported.changed) == 1


def test_text_that_was_displayed_is_told_from_text_that_was_printed(tmp_path: Path) -> None:
    outputs = [printed("one\n"), shown(plain="two"), shown(plain="<b>3</b>"), shown(html="<b>4</b>", plain="four")]
    result = {**shown(plain="5"), "output_type": "execute_result", "execution_count": 1}
    assert back(export(tmp_path, code("show()", *outputs, result)))[0]["outputs"] == [*outputs, result]


def test_large_pictures_are_made_smaller_until_the_page_fits(tmp_path: Path) -> None:
    big = [code(f"plot({number})", shown(png=noise(1800, 500), plain="<Figure>")) for number in range(2)]
    assert not export(tmp_path, *big).changed
    exported = export(tmp_path, *big, limit=2_500_000)
    assert exported.fits and exported.changed and len(exported.html) <= 2_500_000
    assert [item["source"] for item in back(exported)] == ["plot(0)", "plot(1)"]


def test_a_page_that_can_not_fit_is_still_made_and_says_which_cell_is_heavy(tmp_path: Path) -> None:
    exported = export(tmp_path, code("1", printed("1")), code("x = '" + "y" * 400_000 + "'"), limit=100_000)
    assert not exported.fits
    assert any("Cell 1 alone" in sentence for sentence in exported.missing)
    assert len(back(exported)) == 2


def test_very_long_outputs_keep_their_beginning_and_end(tmp_path: Path) -> None:
    exported = export(tmp_path, code("1", printed("first\n" + "x" * 3_000_000 + "\nlast\n")), limit=1_000_000)
    kept = back(exported)[0]["outputs"][0]["text"]
    assert exported.fits and kept.startswith("first\n") and kept.endswith("\nlast\n")


def test_a_broken_picture_is_left_as_it_is(tmp_path: Path) -> None:
    broken = "A" * 40_000
    exported = export(tmp_path, code("1", shown(png=broken)), limit=10_000)
    assert back(exported)[0]["outputs"][0]["data"] == {"image/png": broken}


REQUEST = re.compile(
    rb"""(?:src|href|action|poster|data)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import|import\("""
)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_page_asks_for_nothing_outside(path: Path) -> None:
    html = export_notebook(path).html
    body = re.sub(rb'<script type="application/x-ipynb\+json".*?</script>', b"", html, flags=re.DOTALL)
    links = re.sub(rb"<a [^>]*>", b"", body)  # what a reader may click on asks for nothing by itself
    assert REQUEST.findall(links) == []
    assert b"mathjax" not in body.lower() and b"require" not in links.split(b"<body")[0].lower()
    assert b"default-src 'none'" in html[:3000] and html.index(b"Content-Security-Policy") < html.index(b"<style")


def test_what_lies_on_the_web_is_named(tmp_path: Path) -> None:
    exported = export(
        tmp_path,
        code("1", shown(html='<script src="https://x.example/plot.js"></script>', plain="plot")),
        text("![a](https://x.example/a.png) and [a link](https://x.example)"),
        text("[only a link](https://x.example)"),
    )
    assert any(sentence.startswith("Cell 0, 1 shows something that lies on the web") for sentence in exported.missing)


def test_formulas_are_drawn_without_help_from_outside_and_come_back(tmp_path: Path) -> None:
    latex = {"output_type": "display_data", "metadata": {}, "data": {"text/latex": r"$\displaystyle \frac{1}{2}$"}}
    exported = export(tmp_path, text(r"Weights $w_c \propto 1/\sqrt{n_c}$ and\n\n$$\frac{a}{b}$$"), code("1", latex))
    assert exported.html.count(b"<math ") == 3
    assert back(exported)[0]["source"] == r"Weights $w_c \propto 1/\sqrt{n_c}$ and\n\n$$\frac{a}{b}$$"
    visible = re.sub(rb'<script type="application/x-ipynb\+json".*?</script>', b"", exported.html, flags=re.DOTALL)
    read = notebook_from_html(visible).notebook
    assert read is not None
    assert r"$w_c \propto 1/\sqrt{n_c}$" in read["cells"][0]["source"]
    assert read["cells"][1]["outputs"] == [latex]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"plain words", "no notebook"),
        (b'{"a": 1}', "no notebook"),
        (b"%PDF-1.4", "PDF"),
        (b'{"cells": [\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> x\n]}', "git merge"),
        (b'{"cells": [{"cell_type": "code", "source": "1", "outputs": []}, {"cell_ty', "cut off"),
        (b"<html><body class='colab-toolbar'>x</body></html>", "Colab"),
    ],
    ids=["empty", "words", "other JSON", "PDF", "merge", "cut off", "Colab's editor"],
)
def test_what_can_not_be_exported_is_refused_with_the_reason_and_what_to_do(
    content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "homework.ipynb"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        export_notebook(path)
    assert words in caught.value.what and caught.value.todo
    assert "hand in were" not in caught.value.text() and "look yourself" not in caught.value.text()


def test_notebooks_in_an_old_format_without_kernel_or_in_another_language_are_exported_and_said(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "input": "print(1)", "language": "python", "outputs": [], "prompt_number": 1}
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell]}]}))
    assert any("old format" in sentence for sentence in export_notebook(path).changed)
    done = code("1", printed("1\n"))
    assert export(tmp_path, done).missing == ()
    assert any("'julia'" in sentence for sentence in export(tmp_path, done, kernelspec={"language": "julia"}).missing)


@pytest.mark.parametrize(
    ("cell", "metadata"),
    [
        (code("1", printed("1\n")), {"kernelspec": 3}),
        (code("1", printed("1\n")), {"kernelspec": {"language": "python"}, "language_info": []}),
        ({**code("1", printed("1\n")), "metadata": {"tags": "all", "collapsed": "yes", "scrolled": 5}}, {}),
        (text("![lost](attachment:lost.png) ![away](away.png)"), {}),
        (text("![odd](attachment:a.png)", attachments={"a.png": {}}), {}),
        (code("1", shown(png="")), {}),
    ],
    ids=["kernelspec", "language", "cell metadata", "lost attachment", "empty attachment", "empty picture"],
)
def test_what_tools_leave_behind_does_not_stop_the_export(
    cell: dict[str, Any], metadata: dict[str, Any], tmp_path: Path
) -> None:
    exported = export(tmp_path, code("2", printed("2\n")), cell, **metadata)
    assert [item["source"] for item in back(exported)] == ["2", cell["source"]]


def test_two_thousand_long_outputs_of_one_cell_do_not_make_a_page_that_moodle_refuses(tmp_path: Path) -> None:
    many = [
        printed(f"{number} " + "x" * 900 + "\n") if number % 2 else shown(plain=f"{number}") for number in range(4000)
    ]
    exported = export(tmp_path, code("train()", *many), limit=800_000)
    kept = back(exported)[0]["outputs"]
    assert exported.fits and kept[0] == many[0] and kept[-1] == many[-1]
    assert any("outputs left out" in str(output.get("text")) for output in kept)


def test_starter_half_done_and_finished_notebooks_are_told_different_things(tmp_path: Path) -> None:
    starter = [code("# YOUR CODE HERE\nraise NotImplementedError()", count=None), code("1 + 1", count=None)]
    never_run = [code("train()", count=None), text("My memo")]
    error = {
        "output_type": "error",
        "ename": "NameError",
        "evalue": "x",
        "traceback": ["-" * 75, "NameError     Traceback (most recent call last)", "NameError: x"],
    }
    half = [code("y = 1"), code("x", error), code("2", count=None), text("YOUR ANSWER HERE")]
    half[0]["metadata"] = {"nbgrader": {"solution": True}}
    assert export(tmp_path, *starter).missing == (
        "This is still the starter: nothing is written yet. Write, run and save your notebook before you export it.",
    )
    assert export(tmp_path, *never_run).missing == (
        "No cell has been run, so there are no outputs to grade. Runtime > Run all, save, and export again "
        "(in Colab: File > Download > Download .ipynb, then export that file).",
    )
    assert export(tmp_path, *half).missing == (
        "Cell 2 (2) has no output and no number: run the whole notebook once more, then save.",
        "Cell 3 has the starter's text in it still (YOUR CODE HERE or YOUR ANSWER HERE).",
        "Cell 1 (x) ends with an error (NameError). If you fixed it, run it again so that the page shows the result.",
    )
    told = text("Cells that say `YOUR CODE HERE` or `YOUR ANSWER HERE` are yours.")
    assert export(tmp_path, told, code("1", printed("1")), text("My memo")).missing == ()


def test_text_cells_alone_are_asked_about(tmp_path: Path) -> None:
    assert export(tmp_path, text("A memo")).missing == ("There are no code cells: is this the right file?",)


@pytest.mark.parametrize("content", [b"", b"{", b"<p>no notebook</p>", b'{"cells": 3}', b"\x00\xff" * 100])
def test_what_is_no_notebook_is_refused_with_its_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "homework.ipynb"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"homework\.ipynb"):
        export_notebook(path)


def test_an_exported_page_can_be_exported_again(tmp_path: Path) -> None:
    first = export(tmp_path, code("1 + 1", printed("2\n")), text("memo"))
    page = tmp_path / "homework.html"
    page.write_bytes(first.html)
    assert back(export_notebook(page)) == back(first)
