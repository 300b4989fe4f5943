"""What was read out of one submission's evidence, as it is kept: observations, memo, flags. It can be made again at any time."""

from __future__ import annotations

from typing import Any

from grader.model.base import Artefact
from grader.model.memo import Memo
from grader.model.submission import Flag


class StoredReading(Artefact):
    """Observations with their types, so that grading again needs no second reading."""

    key: str
    """Hash of all that the reading depends on: evidence, code of the readers, what the course tells them."""
    evidence_sha256: str
    """Of the evidence that was read."""
    kinds: tuple[str, ...] = ()
    """Names of the observations' types, in order."""
    items: tuple[dict[str, Any], ...] = ()
    """The observations' fields, in the same order; the memo is kept apart."""
    memo: Memo | None = None
    flags: tuple[Flag, ...] = ()
    """What broke down while reading."""
