"""The pins of constraints.txt install on every Python that the project promises."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
OLDEST = "3.11.0"
"""pyproject.toml: requires-python. Distributions still ship early patch releases (Debian 12: 3.11.2)."""


def test_no_pinned_library_refuses_the_oldest_python() -> None:
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert len(pinned) > 100
    refused = []
    for name in pinned:
        try:
            needs = importlib.metadata.metadata(name).get("Requires-Python")
        except importlib.metadata.PackageNotFoundError:
            continue  # belongs to another environment of tox.ini
        if needs and OLDEST not in SpecifierSet(needs):
            refused.append((name, needs))
    assert refused == []
