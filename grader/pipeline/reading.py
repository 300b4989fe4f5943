"""What evidence says, once: observations and memo, kept beside the evidence so that a regrade need not read it again.

A kept reading is used only for the very evidence, readers and course facts that it was made from, and is kept only if it comes
back equal. Points, checks, ranges and dates have no part in it: readers are handed a course without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from grader.model.evidence import Evidence
from grader.model.memo import Memo, MemoRead
from grader.model.observation import Observation, Observations
from grader.model.opinion import Opinions
from grader.model.reading import StoredReading
from grader.model.submission import Flag
from grader.observing import observe
from grader.observing.memo import memo_observation, read_memo
from grader.pipeline.materials import Materials
from grader.workspace import Attempt
from grader.workspace.files import digest_of
from grader.workspace.folder import fingerprint


@dataclass(frozen=True)
class Reading:
    """Everything that one submission's evidence says."""

    evidence_sha256: str
    observed: tuple[Observation, ...] = ()
    memo: Memo | None = None
    flags: tuple[Flag, ...] = ()
    opinions: Opinions | None = None
    """A language model's on the memo, where one was asked; kept in a file of its own."""

    @property
    def seen(self) -> Observations:
        """What checks look at: the memo is an observation too."""
        memo = () if self.memo is None else (memo_observation(self.memo),)
        return Observations(items=(*self.observed, *memo))


def read(evidence: Evidence, materials: Materials, digest: str | None = None) -> Reading:
    """Observe and read the memo; what breaks down is a flag. `digest`: the evidence's own, where it is known."""
    seen, broken = observe(evidence, materials.facts)
    try:
        memo, trouble = read_memo(evidence, materials.facts, materials.headings, seen), broken
    except Exception as error:  # the memo is a student's text: whatever it breaks, a person reads it then
        memo, trouble = None, (*broken, our_fault("the memo reader", error))
    return Reading(digest or digest_of(evidence), seen.items, memo, trouble)


def our_fault(what: str, error: Exception) -> Flag:
    """A reader that broke down on a memo."""
    why = f"{what} failed on this submission ({type(error).__name__}): our fault, a person reads the memo"
    return Flag(kind="memo_reader_crashed", why=why)


def pack(reading: Reading, key: str) -> StoredReading | None:
    """As it is kept; null where it would not come back as it is."""
    stored = StoredReading(
        key=key,
        evidence_sha256=reading.evidence_sha256,
        kinds=tuple(type(item).__name__ for item in reading.observed),
        items=tuple(item.model_dump(mode="json") for item in reading.observed),
        memo=reading.memo,
        flags=reading.flags,
    )
    try:
        again = unpack(StoredReading.model_validate(stored.model_dump(mode="json")))
    except (ValueError, KeyError):  # a figure that JSON doesn't know (1e999), a kind of observation that is nobody's
        return None
    return stored if again == reading else None


def unpack(stored: StoredReading) -> Reading:
    """The reading that was kept."""
    known = _kinds()
    items = zip(stored.kinds, stored.items, strict=True)
    observed = tuple(known[kind].model_validate(item) for kind, item in items)
    return Reading(stored.evidence_sha256, observed, stored.memo, stored.flags)


def kept_or_read(attempt: Attempt, evidence: Evidence, digest: str, materials: Materials, *, keep: bool) -> Reading:
    """The attempt's kept reading if it still holds, else a new one; with `keep`, kept for the next time."""
    wanted = fingerprint([materials.readers_key, digest])
    stored = attempt.reading()
    if stored is not None and stored.key == wanted:
        return unpack(stored)
    reading = read(evidence, materials, digest)
    packed = pack(reading, wanted) if keep else None
    if packed is not None:
        attempt.store_reading(packed)
    return reading


@cache
def _kinds() -> dict[str, type[Observation]]:
    known: dict[str, type[Observation]] = {}
    waiting = Observation.__subclasses__()
    while waiting:
        kind = waiting.pop()
        known[kind.__name__] = kind
        waiting += kind.__subclasses__()
    return {name: kind for name, kind in known.items() if kind is not MemoRead}
