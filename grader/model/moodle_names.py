"""How Moodle cleans a person's or group's name when it names a folder of an export after it."""

from __future__ import annotations

import re


def folder_name(name: str) -> str:
    """A name as an export has it, blanks aside: underscores become blanks, some signs go, `?` and `*` become `_`."""
    kept = re.sub(r"[\x00-\x1f\x7f&<>\"`|':\\/]", "", name.replace("_", " "))
    return " ".join(re.sub(r"[?*]", "_", kept).split())
