"""How much of a text stands word for word in the course's lecture, from hashed runs of words. The lecture's text is not needed.

It finds copying, not paraphrase; short phrases that everybody uses are shorter than a run and never count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

from grader.model.memo import MemoAids

HASH_BYTES = 5
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The words that shingles are made of: lower case, without punctuation."""
    return _WORD.findall(text.lower())


def shingles(words: list[str], aids: MemoAids) -> list[str]:
    """One hash per run of `aids.words` words, in order."""
    key = aids.key.encode()[:64]
    runs = (" ".join(words[start : start + aids.words]) for start in range(len(words) - aids.words + 1))
    return [blake2b(run.encode(), key=key, digest_size=HASH_BYTES).hexdigest() for run in runs]


def make_shingles(texts: Iterable[str], aids: MemoAids) -> frozenset[str]:
    """The table for a lecture, one text per line or slide."""
    return frozenset(item for text in texts for item in shingles(words_of(text), aids))


def copied_words(text: str, aids: MemoAids) -> tuple[int, int]:
    """(words that stand in a run of the lecture, all words)."""
    words = words_of(text)
    if not aids.shingles or len(words) < aids.words:
        return 0, len(words)
    taken = [False] * len(words)
    for start, shingle in enumerate(shingles(words, aids)):
        if shingle in aids.shingles:
            taken[start : start + aids.words] = [True] * aids.words
    return sum(taken), len(words)
