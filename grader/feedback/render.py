"""Views into HTML. Everything is autoescaped; every page carries its policy against requests and foreign scripts."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from grader.feedback.blocks import Limits
from grader.feedback.inputs import OverviewInput, PageInput
from grader.feedback.overview import overview_view
from grader.feedback.text import fit
from grader.feedback.view import page_view

LARGEST_PAGE = 100_000
"""Bytes of a student's page."""
TIGHTER = (
    Limits(),
    Limits(quotes=3, quote=220, items=5, text=800),
    Limits(quotes=2, quote=120, items=3, text=400, comment=3000),
    Limits(quotes=1, quote=80, items=2, text=260, comment=1200, rubric=700),
    Limits(quotes=1, quote=60, items=1, text=200, comment=400, rubric=400),
    Limits(quotes=0, items=1, text=120, comment=150, rubric=200),
)


def student_page(data: PageInput) -> str:
    """One self-contained HTML file. What others wrote is cut further where it would make the page too large."""
    text = ""
    for limits in TIGHTER:
        text = _render("student.html", styles=("base.css", "student.css"), page=page_view(data, limits))
        if len(text.encode()) <= LARGEST_PAGE:
            break
    return text


def class_overview(data: OverviewInput) -> str:
    """index.html for staff. Usable without its one small script, which only sorts tables."""
    script = _source("sort.js")
    return _render(
        "overview.html",
        styles=("base.css", "overview.css"),
        page=overview_view(data),
        script=Markup(script),
        script_hash=_hash(script),
    )


def base_style() -> str:
    """Colours and type that all our pages share."""
    return _source("base.css")


def _render(name: str, *, styles: tuple[str, ...], **values: object) -> str:
    style = "".join(_source(file) for file in styles)
    trusted = Markup(style)
    return _environment().get_template(name).render(style=trusted, style_hash=_hash(style), **values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("grader.feedback", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=fit,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def _source(name: str) -> str:
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0].strip()


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()
