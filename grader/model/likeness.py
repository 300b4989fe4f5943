"""What a submission is compared with others by: hashes of runs of words and code, and figures as printed. No text is kept."""

from __future__ import annotations

from grader.model.base import Frozen


class Likeness(Frozen):
    """One submission's share in a comparison."""

    memo: frozenset[int] = frozenset()
    """Hashed runs of the memo's words; digits do not count, so that changed numbers hide nothing."""
    code: frozenset[int] = frozenset()
    """Hashed runs of the code's tokens, comments left out."""
    shape: frozenset[int] = frozenset()
    """The same with every name of the author's own masked, so that renaming hides nothing."""
    figures: frozenset[str] = frozenset()
    """Results as printed, where they have enough digits to be somebody's own."""
    weights: frozenset[str] = frozenset()
    """Hashes of the files of weights that were handed in."""
