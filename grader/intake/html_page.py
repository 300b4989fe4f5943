"""Bytes of an HTML file as a tree, and what kind of page it is. Knows no cells."""

from __future__ import annotations

import codecs
import re
from typing import Any

import lxml.etree
import lxml.html

Element = Any
"""An lxml element; lxml ships no types."""

ADVICE = (
    "Please hand in the notebook itself (.ipynb; in Colab 'File > Download > Download .ipynb'), "
    "or an export of it (in Jupyter 'File > Save and Export Notebook As > HTML')."
)
_LIVE = {
    "jp-LabShell": "JupyterLab",
    "jupyter-config-data": "JupyterLab",
    "notebook_panel": "the Jupyter notebook editor",
    "CodeMirror-line": "a notebook editor",
    "colab-tab-layout": "Colab",
    "colab-toolbar": "Colab",
    "notebook-cell-list": "Colab",
    "colab-static-output-renderer": "Colab",
    "vscode-webview": "VS Code",
    "kaggle.com/static": "Kaggle",
    "github.githubassets.com": "GitHub",
}
"""Marks in the source of pages that are not exports, and what they were saved out of."""
EDITORS = frozenset({"jp-LabShell", "jp-NotebookPanel", "CodeMirror-line", "colab-toolbar", "monaco-editor"})
"""Marks of an editor's own page, which shows only the cells that were on screen when it was saved."""


def decode(data: bytes) -> str:
    """By byte order mark, else by the page's own word, else UTF-8 where it can be, else as Windows does."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    named = re.search(rb"charset=[\"']?([\w-]+)", data[:4096])
    for encoding in ("utf-8", named[1].decode() if named else "cp1252"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("utf-8", errors="replace")


def parse(text: str) -> Element | None:
    """The page as a tree; null if there is none. Line ends of Windows are made plain, lone carriage returns stay."""
    if text.count("\r\n") == text.count("\n"):
        text = text.replace("\r\n", "\n")
    text = text.replace("\r", "&#13;")
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        return lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError, ValueError):
        return None


def classes(element: Element) -> frozenset[str]:
    """The words of its class attribute."""
    return frozenset((element.get("class") or "").split())


def text_of(element: Element) -> str:
    """All text in it, tags dropped."""
    return str(element.text_content())


def looks_like_html(data: bytes) -> bool:
    """Whether the content begins as HTML does, whatever its name."""
    return bool(
        re.match(
            rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|div|\?xml|!--|meta|h[1-6]|p\b)", data[:512], re.IGNORECASE
        )
    )


def saved_editor(page: Element) -> bool:
    """Whether it is an editor's page: even cells that look whole may then be incomplete."""
    return any(classes(element) & EDITORS for element in page.iter("div", "pre", "body")) or any(
        script.get("id") == "jupyter-config-data" for script in page.iter("script")
    )


def editor_of(text: str) -> str | None:
    """What a page without readable cells was saved out of, by its marks."""
    return next((editor for mark, editor in _LIVE.items() if mark in text), None)


def why_no_notebook(editor: str | None) -> str:
    """What is wrong with the page, and what to hand in."""
    if editor:
        return f"It is a page saved out of {editor}, which doesn't hold the whole notebook. {ADVICE}"
    return f"It holds no notebook cells. {ADVICE}"
