"""The report as one HTML page: looks as the feedback page does, loads nothing, runs nothing."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from grader.feedback.text import clip, fit, rich
from grader.feedback.words import Mark
from grader.selfcheck.report import Group, Report

GROUPS: tuple[tuple[Group, str, str, Mark], ...] = (
    ("fix", "To mend", "", Mark("no", "to mend", "poor")),
    ("look", "To look at", "It works, or half of it: read the sentence.", Mark("half", "partly", "fair")),
    (
        "unseen",
        "Can’t be told from here",
        "No fault of yours by itself: what is not seen here, a person looks at after you submit.",
        Mark("eye", "not seen", "open"),
    ),
    (
        "later",
        "Not written yet",
        "These can be checked once the parts below are written.",
        Mark("dash", "later", "open"),
    ),
    ("ok", "In order", "", Mark("yes", "in order", "good")),
)


def report_page(report: Report) -> str:
    """One self-contained HTML file."""
    style = "".join(_source(name) for name in ("base.css", "student.css", "selfcheck.css"))
    policy = "sha256-" + b64encode(sha256(style.encode()).digest()).decode()
    template = _environment().get_template("selfcheck.html")
    return template.render(report=report, groups=GROUPS, style=Markup(style), style_hash=policy)


@cache
def _environment() -> Environment:
    loaders = [PackageLoader("grader.selfcheck", "templates"), PackageLoader("grader.feedback", "templates")]
    made = Environment(
        loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined, finalize=fit,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    made.filters |= {"rich": lambda text: rich(text, 4000), "explained": _explained, "clip": clip}
    return made


def _explained(text: str) -> Markup:
    """Our own explanation; any markup in it is shown as text."""
    return Markup(MarkdownIt("commonmark", {"html": False}).disable(["image", "link"]).render(text))


@cache
def _source(name: str) -> str:
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0].strip()
