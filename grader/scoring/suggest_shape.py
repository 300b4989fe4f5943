"""What a sentence does, by how it is built and by the figures in it, whatever words it is put in.

Own figures, closed classes of words (but, would, not, or, so) and a topic are enough for most steps of the rubric; none of it says
whether the sentence is right.
"""

from __future__ import annotations

import re

from grader.model.memo import MemoNumber
from grader.scoring.suggest_reading import SOURCED, Reading

CAUSES = frozenset({"exposure", "size", "architecture"})
OWN_CAUSES = frozenset({"undertrained", "adapter_size", "defect"})
"""Causes of the student's own making: they compete with the course's three where they stand beside one of them."""
TIERS = frozenset({"rare", "middle", "common", "tier"})
REASONING = frozenset({"contrast", "inference", "modal", "negated", "choice", "test_of", "reason", "hedge"})
"""Kinds of words with which two statements are set against each other."""
RESULTS = frozenset({"accuracy", "macro_f1", "zero_f1_classes", "f1"})
GAP_SHARE = "share of the macro F1 gap"
"""How derived figures are told that a tier's part of the gap gives."""
_OUT_OF = re.compile(r"\d+ ?(?:of|out of|on|von|sur|de|/) ?(?:the |our |those |den |les |las )?\d+")
_QUOTE = re.compile(r"(?:^|[\s(])[\"“„«](?=\S)[^\"”“»]{12,}(?:[\"”“»]|$)")
_MINE = re.compile(
    r"\b(?:i|my|we|our|ich|wir|je|nous|mein\w*|mi|yo|\w{3,}(?:aría|ería|iría)|\w{3,}rais)\b|j'|no (?:puedo|sé)\b|我"
)
_SECOND_SIDE = re.compile(
    r"\b(?:short of|less|lower|under|below|beneath|otherwise|if not|if it (?:does|is)|should it not|does(?:n't| not)|do(?:n't| not)|"
    r"without|missing|no gain|no second|fails?|else|not|darunter|sonst|moins|menos|weniger|drunter|worse|unless)\b"
)
_CONSEQUENCE = re.compile(
    r"\b(?:i|we|means?|stands?|falls?|settles|goes|stays?|is (?:right|wrong|over|buried|out)|makes?|keep|drop|label|annotate|"
    r"stop|merge|extend|weiter|schluss|on (?:étend|arrête|continue)|sigo|dejo|was|were)\b|→|->|: "
)


def results_at(reading: Reading, place: int) -> list[MemoNumber]:
    """Figures of a sentence that quote own results on quality or follow from them."""
    return [item for item in reading.numbers_in([place]) if _is_result(item)]


def _is_result(item: MemoNumber) -> bool:
    if item.status == "derived":
        return item.metric not in ("trainable", "latency_ms", "throughput") and item.unit not in (
            "min",
            "s",
            "h",
            "money",
            "mb",
        )
    kinds = {key.split("/")[2] for key in item.keys} or {item.metric or ""}
    return item.status in SOURCED and bool(kinds & RESULTS)


def counts_out_of(reading: Reading, place: int) -> bool:
    """`22 of 29`."""
    return _OUT_OF.search(reading.memo.passages[place].text.lower()) is not None


def reasons(reading: Reading, place: int) -> bool:
    """It sets statements against each other or draws one from another."""
    return bool(REASONING & reading.memo.passages[place].tags)


def quotes(reading: Reading, place: int) -> bool:
    """It quotes something, as notes from before are."""
    return _QUOTE.search(reading.memo.passages[place].text) is not None


def is_mine(reading: Reading, place: int) -> bool:
    """In the first person."""
    return _MINE.search(reading.memo.passages[place].text.lower().replace("’", "'")) is not None


def tells_outcome(reading: Reading, place: int) -> bool:
    """Something of the student's went up, down or stayed: by a figure, or by saying who is ahead."""
    return bool(results_at(reading, place)) or "rise" in reading.memo.passages[place].tags


def uses_cause(reading: Reading, place: int) -> bool:
    """A difference between the models set against an outcome."""
    tags = reading.memo.passages[place].tags
    return bool(CAUSES & tags) and reasons(reading, place) and tells_outcome(reading, place)


def weighs_cause(reading: Reading, place: int) -> bool:
    """A cause held against tiers, classes or figures by more than a `because`."""
    item = reading.memo.passages[place]
    evidence = TIERS & item.tags or item.classes or results_at(reading, place) or {"zero", "rise", "every"} & item.tags
    against = {"modal", "test_of"} & item.tags or ({"contrast", "negated"} & item.tags and results_at(reading, place))
    return bool((CAUSES | OWN_CAUSES) & item.tags and evidence and against)


def leaves_open(reading: Reading, place: int) -> bool:
    """It says of causes that they can't be told apart."""
    tags = reading.memo.passages[place].tags
    return bool({"open", "alike"} & tags) or bool("cannot" in tags and (CAUSES & tags or "choice" in tags))


def limits_at(reading: Reading, place: int) -> list[MemoNumber]:
    """Values that a plan asks for: like a result, but none that the outputs hold."""
    tags = reading.memo.passages[place].tags
    return [item for item in reading.numbers_in([place]) if _is_limit(item, tags)]


def _is_limit(item: MemoNumber, tags: frozenset[str]) -> bool:
    own = item.status == "agrees" and item.kind != "planned"
    shaped = 0 < abs(item.value) < 1 or item.unit in ("%", "points", "x", "ms", "per_second")
    if shaped:
        return not own or "condition" in tags
    return "zero" in tags and item.unit == "" and not own and "experiment" not in tags


def has_two_sides(reading: Reading, places: list[int]) -> bool:
    """What follows from one outcome and what from the other."""
    items = [reading.memo.passages[place] for place in places]
    text = " ".join(item.text for item in items).lower().replace("’", "'")
    values = {abs(item.value) for place in places for item in limits_at(reading, place)}
    other = _SECOND_SIDE.search(text) is not None or any("both_sides" in item.tags for item in items)
    return bool(values) and len(_CONSEQUENCE.findall(text)) >= 2 and (len(values) > 1 or other)
