"""Rendered Markdown turned back: headings, lists, tables, emphasis, code, mathematics. Not exact in blanks."""

from __future__ import annotations

import copy
import re

import lxml.html
from markdownify import markdownify

from grader.intake.html_page import Element, classes, text_of

LONGEST = 3_000_000
"""Characters of HTML; no memo is longer, and longer ones become plain text."""
_DROPPED = frozenset({"anchor-link", "MathJax", "MathJax_Preview", "MathJax_Display", "MathJax_SVG", "mjx-chtml"})


def markdown_of(element: Element) -> str:
    """Markdown of an element's content; plain text where the page is too odd for more."""
    work = copy.deepcopy(element)
    work.tail = None
    _tidy(work)
    html = lxml.html.tostring(work, encoding="unicode")
    if len(html) > LONGEST:
        return text_of(work).strip()
    try:
        text = markdownify(
            html,
            heading_style="ATX",
            bullets="-",
            escape_asterisks=False,
            escape_underscores=False,
            escape_misc=False,
            strip=["script", "style"],
        )
    except RecursionError:
        text = text_of(work)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def latex_of(element: Element) -> str:
    """Text of an output in which formulas may be drawn."""
    work = copy.deepcopy(element)
    work.tail = None
    _restore_formulas(work)
    return text_of(work).strip()


def _restore_formulas(work: Element) -> None:
    """Drawn formulas back to the TeX that they carry."""
    for node in list(work.iter("math")):
        source = node.find(".//annotation[@encoding='application/x-tex']")
        if source is None or node.getparent() is None:
            continue
        text = text_of(source).strip()
        sign = "$$" if node.get("display") == "block" else "$"
        _replace(node, text if text.startswith(("$", "\\begin")) else f"{sign}{text}{sign}")


def _tidy(work: Element) -> None:
    _restore_formulas(work)
    for node in list(work.iter("script", "style", "a", "span", "div", "nobr", "mjx-container", "img", "pre")):
        if node.getparent() is None:
            continue
        if node.tag == "script" and str(node.get("type")).startswith("math/tex"):
            sign = "$$" if "mode=display" in str(node.get("type")) else "$"
            _replace(node, f"{sign}{node.text or ''}{sign}")
        elif node.tag in ("script", "style", "mjx-container") or classes(node) & _DROPPED:
            _replace(node, "")
        elif node.tag == "img" and str(node.get("src")).startswith("data:"):
            node.set("src", "attachment:image")


def _replace(node: Element, text: str) -> None:
    """Put a text where an element is, keeping what follows it."""
    text += node.tail or ""
    parent, before = node.getparent(), node.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(node)
