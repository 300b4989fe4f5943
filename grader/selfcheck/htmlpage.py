"""A notebook as an HTML page that looks as nbconvert's and needs nothing from outside.

Formulas become MathML, which browsers draw by themselves; scripts that nbconvert links from the web are left out; the
page's own policy forbids requests. The notebook travels in the page's head, where no unclosed tag can swallow it.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from grader.intake.html import SOURCE_ID, SOURCE_TYPE
from grader.selfcheck.formulas import formula, with_formulas

Notebook = dict[str, Any]
TEMPLATE = """{%- extends "lab/index.html.j2" -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block data_text scoped -%}
<div class="jp-RenderedText jp-OutputArea-output output_text {{ extra_class }}" data-mime-type="text/plain">
<pre>{{- output.data["text/plain"] | ansi2html -}}</pre>
</div>
{%- endblock -%}
{%- block data_latex scoped -%}
<div class="jp-RenderedLatex jp-OutputArea-output {{ extra_class }}" data-mime-type="text/latex">
{{ output.data["text/latex"] | formulas }}
</div>
{%- endblock -%}
"""
"""nbconvert's own, without what it links from the web; text that was displayed can be told from text that was printed."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; media-src data: blob:; worker-src blob:; base-uri 'none'; form-action 'none'"
)
"""What the notebook itself holds may run (plots that can be turned); nothing may be fetched or sent."""
_LINKED = re.compile(
    r"""<(?:img|script|link|iframe|video|audio|source|embed)\b[^>]*?\b(?:src|href)\s*=\s*["']?(https?:)?//""",
    re.IGNORECASE,
)
_LINKED_PICTURE = re.compile(r"!\[[^\]]*\]\(\s*<?https?://", re.IGNORECASE)


def page_of(notebook: Notebook, path: Path) -> bytes:
    """The page of a notebook that lies at `path` (pictures beside it are taken in)."""
    from nbconvert import HTMLExporter  # half a second that other commands need not pay

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exporter: Any = HTMLExporter(  # type: ignore[no-untyped-call]
            template_name="lab", raw_template=TEMPLATE, embed_images=True
        )
        exporter.register_filter("markdown2html", _markdown_filter(exporter))
        exporter.register_filter("formulas", with_formulas)
        resources = {"metadata": {"name": path.stem, "path": str(path.resolve().parent)}}
        node: Any = nbformat.from_dict(_to_show(notebook))  # type: ignore[no-untyped-call]
        body, _ = exporter.from_notebook_node(node, resources=resources)
    place = re.search(r"<head>\s*(<meta charset[^>]*>)?", body)
    at = place.end() if place else 0
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return f"{body[:at]}\n{policy}\n{_carried(notebook)}\n{body[at:]}".encode("utf-8", "replace")


def _to_show(notebook: Notebook) -> Notebook:
    """What the page shows of it: nbconvert gives up where tools have left metadata that it doesn't know."""
    cells = [{**cell, "metadata": {}} for cell in notebook["cells"]]
    return {**notebook, "metadata": {"language_info": {"name": "python"}}, "cells": cells}


def linked_cells(notebook: Notebook) -> list[int]:
    """Cells that show something which lies on the web and is not in the page."""
    return [index for index, cell in enumerate(notebook["cells"]) if any(map(_links, _shown(cell)))]


def _shown(cell: Mapping[str, Any]) -> list[str]:
    if cell["cell_type"] == "markdown":
        return [cell["source"]]
    data = [output.get("data", {}) for output in cell.get("outputs", ())]
    return [item[mime] for item in data for mime in ("text/html", "text/markdown") if isinstance(item.get(mime), str)]


def _links(text: str) -> bool:
    return bool(_LINKED.search(text) or _LINKED_PICTURE.search(text))


def _carried(notebook: Notebook) -> str:
    """JSON in a script of a type that no browser runs; no `<` is left that could end it or open a comment."""
    text = json.dumps(notebook, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="{SOURCE_TYPE}" id="{SOURCE_ID}">{text}</script>'


def _markdown_filter(exporter: Any) -> Any:
    """nbconvert's own filter, with formulas drawn."""
    from jinja2 import pass_context
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        """Formulas as MathML."""

        def _embed_image_or_attachment(self, src: str) -> str:
            try:
                return str(super()._embed_image_or_attachment(src))
            except Exception:  # nbconvert gives up on the whole notebook where one attachment is gone
                return src

        def inline_math(self, body: str) -> str:
            return formula(f"${body}$") or str(super().inline_math(body))

        def block_math(self, body: str) -> str:
            return formula(f"$${body}$$") or str(super().block_math(body))

        def latex_environment(self, name: str, body: str) -> str:
            text = f"\\begin{{{name}}}{body}\\end{{{name}}}"
            return formula(text) or str(super().latex_environment(name, body))

    @pass_context
    def markdown2html(context: Any, source: str) -> str:
        cell, resources = context.get("cell", {}), context.get("resources", {})
        renderer: Any = Renderer(
            escape=False,
            attachments=cell.get("attachments", {}),
            embed_images=True,
            path=resources.get("metadata", {}).get("path", ""),
            anchor_link_text=exporter.anchor_link_text,
            exclude_anchor_links=exporter.exclude_anchor_links,
        )
        return str(MarkdownWithMath(renderer=renderer).render(source))

    return markdown2html
