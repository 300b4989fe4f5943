"""One rendered output of a cell turned back into nbformat. What the page doesn't hold (other mime types) stays away."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import unquote_to_bytes

import lxml.html

from grader.intake.html_markdown import latex_of, markdown_of
from grader.intake.html_page import Element, classes, text_of

Output = dict[str, Any]
STDERR = "application/vnd.jupyter.stderr"
WIDGET = "application/vnd.jupyter.widget-view+json"
_KINDS = {
    "output_html": "text/html",
    "output_markdown": "text/markdown",
    "output_latex": "text/latex",
    "output_javascript": "application/javascript",
    "output_png": "image",
    "output_jpeg": "image",
    "output_svg": "image",
    "jp-RenderedImage": "image",
    "jp-RenderedSVG": "image",
    "jp-RenderedHTML": "text/html",
    "jp-RenderedMarkdown": "text/markdown",
    "jp-RenderedLatex": "text/latex",
    "jp-RenderedJavaScript": "application/javascript",
    "jupyter-widgets": WIDGET,
    "output_widget_view": WIDGET,
}
_RESULT = frozenset({"jp-OutputArea-executeResult", "output_execute_result", "output_pyout"})


def output_of(element: Element, count: int | None) -> Output | None:
    """Stream, error, result or display; null for an empty shell. `count` is the cell's execution count."""
    names = classes(element)
    mime = element.get("data-mime-type") or next((_KINDS[name] for name in names if name in _KINDS), "text/plain")
    if names & _RESULT or mime not in ("text/plain", STDERR):
        return _data(element, mime, result=bool(names & _RESULT), count=count)
    text = _pre(element)
    if "output_error" in names or "output_pyerr" in names or (mime == STDERR and _is_traceback(text)):
        return _error(text)
    if "output_text" in names and "output_stream" not in names:
        return _display({"text/plain": text})
    stderr = mime == STDERR or "output_stderr" in names
    return {"output_type": "stream", "name": "stderr" if stderr else "stdout", "text": text} if text else None


def _pre(element: Element) -> str:
    pre = element.find(".//pre")
    return text_of(element).strip("\n") if pre is None else text_of(pre)


def _display(data: dict[str, Any]) -> Output:
    return {"output_type": "display_data", "metadata": {}, "data": data}


def _data(element: Element, mime: str, *, result: bool, count: int | None) -> Output | None:
    data = _bundle(element, mime)
    if not data:
        return None
    if result:
        return {"output_type": "execute_result", "metadata": {}, "data": data, "execution_count": count}
    return _display(data)


def _bundle(element: Element, mime: str) -> dict[str, Any]:
    """The mime bundle: exactly one type, because a page shows one."""
    if mime == "text/plain":
        return {mime: _pre(element)}
    if mime.startswith("image"):
        return _image(element)
    if mime == "text/markdown":
        return {mime: markdown_of(element)}
    if mime == "text/latex":
        return {mime: latex_of(element)}
    if mime == WIDGET or (mime == "text/html" and element.find(f".//script[@type='{WIDGET}']") is not None):
        return _widget(element)
    if mime == "application/javascript":
        script = "".join(text_of(script) for script in element.iter("script")).strip()
        return {mime: re.sub(r"^var element = [^\n]*\n", "", script)}
    return {"text/html": inner_html(element).strip("\n")}


def inner_html(element: Element) -> str:
    """Content of an element as HTML."""
    parts = [element.text or ""] + [lxml.html.tostring(child, encoding="unicode") for child in element]
    return "".join(parts)


def _image(element: Element) -> dict[str, Any]:
    image = element.find(".//img")
    source = "" if image is None else str(image.get("src") or "")
    found = re.match(r"data:([\w.+-]+/[\w.+-]+)((?:;[^,;]*)*),", source)
    if found:
        content = source[found.end() :]
        if found[1] != "image/svg+xml":
            return {found[1]: re.sub(r"\s", "", content)}
        raw = _base64(content) if ";base64" in found[2] else unquote_to_bytes(content)
        return {found[1]: raw.decode("utf-8", "replace")}
    drawing = element.find(".//svg")
    if drawing is not None:
        return {"image/svg+xml": lxml.html.tostring(drawing, encoding="unicode", with_tail=False)}
    return {"text/html": inner_html(element).strip()} if source else {}


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""


def _widget(element: Element) -> dict[str, Any]:
    script = element.find(f".//script[@type='{WIDGET}']")
    try:
        view = json.loads(text_of(script)) if script is not None else None
    except (ValueError, RecursionError):
        view = None
    return {WIDGET: view} if isinstance(view, dict) else {}


def _is_traceback(text: str) -> bool:
    """By the form that IPython gives it; nbconvert also begins it with a line end, which a browser drops when it saves."""
    if re.match(r"\n?-{20,}\n\S+ +Traceback \(most recent call last\)|\n(-{20,}\n|Traceback \(most recent)", text):
        return True
    place = re.match(r"\n?\s*(Cell In|File |Input In)", text)
    return bool(place and re.match(r"\w*(Error|Exception|Warning|Interrupt)\b", text.rstrip("\n").rpartition("\n")[2]))


def _error(text: str) -> Output:
    lines = text.strip("\n").split("\n")
    heads = [
        found for line in lines[:3] if (found := re.match(r"(\w[\w.]*)\s+Traceback \(most recent call last\)", line))
    ]
    head = heads[0] if heads else None
    starts = [index for index, line in enumerate(lines) if _names_error(line, head[1] if head else None)]
    last = starts[-1] if starts else len(lines) - 1
    name, _, value = "\n".join(lines[last:]).partition(":")
    return {
        "output_type": "error",
        "ename": head[1] if head else name.strip()[:200],
        "evalue": value.removeprefix(" ").rstrip("\n"),
        "traceback": lines,
    }


def _names_error(line: str, name: str | None) -> bool:
    return line.split(":", 1)[0] == name if name else bool(re.match(r"[A-Z]\w*(\.\w+)*(:|$)", line))
