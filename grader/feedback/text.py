"""Foreign text made fit for a page: cleaned, cut, escaped. The only markup made here is `p`, `br` and `code`."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Controls that turn the direction of what follows, also beyond the text that they stand in; `dir` does that honestly.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CODE = re.compile(r"`([^`\s](?:[^`\n]*[^`\s])?)`")


def clean(text: str) -> str:
    """Without characters that HTML forbids, UTF-8 can't write, or that change the order of what surrounds them."""
    return _TURNING.sub("", _UNFIT.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n")))


def fit(value: Any) -> Any:
    """For Jinja's `finalize`: every expression of every template passes through here before it is escaped."""
    if value is None:
        return ""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def clip(text: str, longest: int) -> str:
    """Cut at a word where there is one near, with an ellipsis."""
    text = clean(text).strip()
    if len(text) <= longest:
        return text
    cut = text[:longest]
    space = cut.rfind(" ")
    cut = (cut[:space] if space > longest * 0.8 else cut).rstrip()
    return f"{cut}` …" if cut.count("`") % 2 else f"{cut} …"


def rich(text: str, longest: int) -> Markup:
    """Plain text with `code` in backticks, as paragraphs."""
    paragraphs = re.split(r"\n\s*\n", clip(text, longest))
    return Markup("").join(Markup("<p>{}</p>").format(inline(part.strip())) for part in paragraphs if part.strip())


def inline(text: str) -> Markup:
    """Plain text with `code` in backticks, without paragraphs."""
    pieces = _CODE.split(clean(text))
    made = [
        Markup("<code>{}</code>").format(piece) if index % 2 else _lines(piece) for index, piece in enumerate(pieces)
    ]
    return Markup("").join(made)


def _lines(text: str) -> Markup:
    return Markup("<br>").join(escape(line) for line in text.split("\n"))
