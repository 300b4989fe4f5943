"""A memo that was handed in beside the notebook: Markdown, plain text and HTML are read, other documents only named."""

from __future__ import annotations

import re
from collections.abc import Mapping

from grader.intake.html_markdown import markdown_of
from grader.intake.html_page import decode, looks_like_html, parse
from grader.model.base import Frozen
from grader.model.submission import Flag

READABLE = (".md", ".markdown", ".txt", ".html", ".htm")
UNREADABLE = (".docx", ".doc", ".pdf", ".odt", ".rtf", ".pages", ".tex")
_NOT_MEMO = re.compile(
    r"(^|/)(readme|licen[cs]e|requirements|vocab|merges|changelog|label|notice)[^/]*$", re.IGNORECASE
)
_NAMED_MEMO = re.compile(
    r"memo|report|analysis|write.?up|summary|bericht|onlinetext|essay|answer|reflection", re.IGNORECASE
)
FEWEST_WORDS = 60
"""Shorter texts are a memo only by name."""


class Memo(Frozen):
    """What was found."""

    path: str | None = None
    text: str | None = None
    flags: tuple[Flag, ...] = ()


def find_memo(files: Mapping[str, bytes], used: frozenset[str]) -> Memo:
    """The most likely memo among the files that are no notebooks; `used` are paths that are spoken for."""
    left = {path: data for path, data in files.items() if path not in used and not _is_other(path, files)}
    texts = {path: memo_text(data) for path, data in left.items() if path.lower().endswith(READABLE)}
    likely = [path for path, text in texts.items() if _likely(path, text)]
    likely.sort(key=lambda path: (not _NAMED_MEMO.search(path), -len(texts[path]), path))
    closed = sorted(path for path in left if path.lower().endswith(UNREADABLE))
    flags = []
    if closed:
        why = f"Not read by the program, please look yourself: {', '.join(closed)}."
        flags.append(Flag(kind="memo_unread", why=why))
    if len(likely) > 1:
        why = f"Several texts could be the memo: {', '.join(likely)}; the first is used."
        flags.append(Flag(kind="several_memos", why=why))
    if likely:
        return Memo(path=likely[0], text=texts[likely[0]], flags=tuple(flags))
    return Memo(path=closed[0] if closed else None, flags=tuple(flags))


def memo_text(data: bytes) -> str:
    """Markdown of a text or HTML file."""
    text = decode(data)
    if not looks_like_html(data):
        return text.replace("\r\n", "\n").strip()
    page = parse(text)
    body = None if page is None else page.find("body")
    return "" if body is None else markdown_of(body)


def _likely(path: str, text: str) -> bool:
    words = len(text.split())
    return words >= FEWEST_WORDS or (words > 0 and bool(_NAMED_MEMO.search(path.rpartition("/")[2])))


def _is_other(path: str, files: Mapping[str, bytes]) -> bool:
    """Files that libraries write: model cards and vocabularies beside saved weights, requirements."""
    folder = path.rpartition("/")[0]
    beside = f"{folder}/" if folder else ""
    saved = any(f"{beside}{name}" in files for name in ("adapter_config.json", "config.json", "tokenizer.json"))
    return bool(_NOT_MEMO.search(path)) or (saved and not _NAMED_MEMO.search(path))
