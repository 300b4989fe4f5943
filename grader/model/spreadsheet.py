"""Text in tables that people open in a spreadsheet program: nothing in it may run as a formula."""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\n", "\r", "＝", "＋", "－", "＠", "|", "%")
INVISIBLE = " \u00a0\u200b\ufeff"


def guarded(text: str) -> str:
    """With an apostrophe before it where a spreadsheet would run it."""
    return f"'{text}" if text.lstrip(INVISIBLE).startswith(FORMULA) else text


def unguarded(text: str) -> str:
    """What was guarded, as it was."""
    return text[1:] if text.startswith("'") and guarded(text[1:]) != text[1:] else text
