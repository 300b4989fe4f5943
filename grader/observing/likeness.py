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

WORDS, TOKENS, SHAPE = 5, 10, 16
"""Lengths of the runs; masked names make runs alike, so those are longer."""
FEWEST_DIGITS = 4
MAX_TOKENS = 60_000
RESULTS = frozenset({"accuracy", "macro_f1", "f1", "loss", "latency_ms", "throughput"})
_COMMENT = re.compile(r"#[^\n]*")
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|[^\s\w]")
_OWN = re.compile(r"^[ \t]*([A-Za-z_]\w*)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE)
_DEFINED = re.compile(
    r"\b(?:def|class)[ \t]+([A-Za-z_]\w*)|\bfor[ \t]+([A-Za-z_]\w*)[ \t]+in\b|\bas[ \t]+([A-Za-z_]\w*)"
)
_DIGITS = re.compile(r"\d+")


def likeness_of(evidence: Evidence, memo: Memo | None, seen: Observations) -> Likeness:
    """From what is known of one submission."""
    text = " ".join(item.text for item in memo.passages if item.kind != "heading") if memo is not None else ""
    code = "\n".join(cell.source for cell in read_cells(evidence.notebook) if cell.kind == "code")
    tokens = _TOKEN.findall(_COMMENT.sub("", code))[:MAX_TOKENS]
    own = set(_OWN.findall(code)) | {name for found in _DEFINED.findall(code) for name in found if name}
    handed_in = (file.sha256 for file in evidence.saved if file.origin == "handed_in")
    return Likeness(
        weights=frozenset(digest for digest in handed_in if digest),
        memo=_runs(words_of(_DIGITS.sub("#", text)), WORDS),
        code=_runs(tokens, TOKENS),
        shape=_runs(["?" if token in own else token for token in tokens], SHAPE),
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
