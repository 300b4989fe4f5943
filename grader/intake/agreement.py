"""Whether two notebooks say the same, one of them perhaps read back from a page: in code, in prose, in what was printed."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

Notebook = dict[str, Any]
FEW_WORDS = 12
"""Words by which one text may differ from itself: turning HTML back into Markdown loses a few."""


def difference(left: Notebook, right: Notebook) -> str | None:
    """In what they differ, for people; null where they say the same. Missing outputs are no difference."""
    if code_of(left) != code_of(right):
        return "code"
    ours, theirs = _words(left), _words(right)
    apart = (ours - theirs).total() + (theirs - ours).total()
    if apart > max(FEW_WORDS, ours.total() // 20):
        return "text"
    if cells_run(left) and cells_run(right) and not _prints_agree(left, right):
        return "saved outputs"
    return None


def code_of(notebook: Notebook) -> list[str]:
    """Sources of the code cells without blanks, empty ones left out."""
    return [re.sub(r"\s+", "", cell["source"]) for cell in _cells(notebook, "code")]


def cells_run(notebook: Notebook) -> int:
    """Code cells with an execution count or an output."""
    return sum(1 for cell in _cells(notebook, "code") if cell["outputs"] or cell["execution_count"] is not None)


def _cells(notebook: Notebook, *kinds: str) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] in kinds and cell["source"].strip()]


def _words(notebook: Notebook) -> Counter[str]:
    """Words of Markdown and raw cells, tags and inline pictures aside."""
    text = " ".join(cell["source"] for cell in _cells(notebook, "markdown", "raw"))
    return Counter(re.findall(r"\w+", re.sub(r"<[^<>]*>|\bdata:[^\s)]+", " ", text)))


def _prints_agree(left: Notebook, right: Notebook) -> bool:
    """Every line that stayed on one side is on the other; lines that a progress bar wrote over may be missing."""
    stayed, shown = _printed(left)
    other_stayed, other_shown = _printed(right)
    return stayed <= other_shown and other_stayed <= shown


def _printed(notebook: Notebook) -> tuple[frozenset[str], frozenset[str]]:
    outputs = [output for cell in _cells(notebook, "code") for output in cell["outputs"]]
    text = "\n".join(output["text"] for output in outputs if output["output_type"] == "stream")
    plain = re.sub(r"\x1b\[[^@-~]*[@-~]", "", text)
    stayed = re.sub(r"[^\n]*\r(?!\n)", "", plain)
    return _lines(stayed), _lines(plain)


def _lines(text: str) -> frozenset[str]:
    return frozenset(re.sub(r"\s+", "", line) for line in re.split(r"[\r\n]+", text))
