"""Hashes by which submissions can be compared: of the memo's words and the code's tokens, and the results as printed.

It compares nothing and judges nobody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

from grader.model.evidence import Evidence
from grader.model.likeness import Likeness
from grader.model.memo import Memo
from grader.model.observation import Number, Observations
from grader.observing.memo_overlap import words_of
from grader.observing.notebook import read_cells

WORDS, TOKENS = 5, 10
"""Lengths of the runs."""
FEWEST_DIGITS = 4
MAX_TOKENS = 60_000
RESULTS = frozenset({"accuracy", "macro_f1", "f1", "loss", "latency_ms", "throughput"})
_COMMENT = re.compile(r"#[^\n]*")
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|[^\s\w]")
_DIGITS = re.compile(r"\d+")


def likeness_of(evidence: Evidence, memo: Memo | None, seen: Observations) -> Likeness:
    """From what is known of one submission."""
    text = " ".join(item.text for item in memo.passages if item.kind != "heading") if memo is not None else ""
    code = "\n".join(cell.source for cell in read_cells(evidence.notebook) if cell.kind == "code")
    return Likeness(
        memo=_runs(words_of(_DIGITS.sub("#", text)), WORDS),
        code=_runs(_TOKEN.findall(_COMMENT.sub("", code))[:MAX_TOKENS], TOKENS),
        figures=frozenset(
            item.text.strip()
            for item in seen.of(Number, source="recorded")
            if item.metric in RESULTS and sum(map(str.isdigit, item.text.lstrip("0."))) >= FEWEST_DIGITS
        ),
    )


def _runs(items: Sequence[str], length: int) -> frozenset[int]:
    return frozenset(
        int.from_bytes(
            blake2b(" ".join(items[start : start + length]).encode("utf-8", "replace"), digest_size=8).digest()
        )
        for start in range(len(items) - length + 1)
    )
