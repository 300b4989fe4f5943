"""Suggestions for why the models differ: which causes compete, what is held against own figures, what stays open."""

from __future__ import annotations

from grader.scoring.suggest_draft import Draft
from grader.scoring.suggest_reading import Reading
from grader.scoring.suggest_shape import CAUSES, OWN_CAUSES, leaves_open, results_at, weighs_cause

NAMES = {
    "exposure": "pretraining exposure",
    "size": "model size",
    "architecture": "architecture",
    "undertrained": "unfinished training",
    "adapter_size": "the adapters",
    "defect": "a defect",
}
REACH = 3
"""So many sentences around a cause belong to the same weighing."""
NAMED = (0.0, 1.0, 1.75, 2.25)
ASSERTED = 2.5
"""The guide holds one explanation stated as fact at 2; what is named beside it, and waved away, earns little more."""


def explanations(reading: Reading) -> Draft:
    """3d: competing explanations, one tested against own evidence, the rest left open."""
    draft = Draft(reading, spread=1.0)
    home, topics = _candidates(reading)
    share = reading.own(home)
    draft.points += NAMED[min(len(topics), 3)] * share
    draft.places.extend(home[:3])
    draft.seen.extend(f"{NAMES[topic]} as an explanation" for topic in sorted(topics))
    if len(topics) < 3:
        draft.missing.append("all three competing explanations: pretraining exposure, size, architecture")
    near = reading.around(home, REACH)
    tested = [place for place in near if _tested(reading, place, home)]
    draft.part(
        1.75,
        (1.0 if tested and len(topics) >= 2 else 0.3 if tested else 0.0)
        * (1.0 if reading.rests_on("tiers") >= 1 else 0.3),
        found="an explanation held against own numbers",
        missing="what in your outputs speaks for or against each",
        places=tested,
    )
    open_ = [place for place in near if leaves_open(reading, place)]
    draft.part(
        2.0,
        share * reading.rests_on("tiers") * (1.0 if tested else 0.6) if open_ and len(topics) >= 2 else 0.0,
        found="the rest is left open",
        missing="what your evidence leaves open",
        places=open_,
    )
    if home and not open_:
        _cap_assertion(draft, home, topics, tested)
    if reading.rests_on("tiers") < 0.6:
        draft.points *= 0.75
    draft.not_judged.append("Whether the evidence really speaks for or against an explanation.")
    return draft


def _cap_assertion(draft: Draft, home: list[int], topics: set[str], tested: list[int]) -> None:
    """One cause stands alone as a fact, or beside others that nothing is held against."""
    tags = _tags(draft.reading, home)
    if len(topics) < 2 and ("certain" in tags or not {"hedge", "test_of", "modal"} & tags):
        draft.cap(2.0, "one explanation is stated as fact though three compete")
    elif "certain" in tags or not tested:
        draft.cap(ASSERTED, "explanations are named, and none is weighed against the others")


def _candidates(reading: Reading) -> tuple[list[int], set[str]]:
    """Where causes are named, and which; those of the student's own making only beside others or where they are offered as one."""
    home = [place for place in reading.find(tuple(sorted(CAUSES))) if _explains(reading, place)]
    home = [place for place in home if reading.prose([place]) or _is_weighed_row(reading, place)]
    asked = [place for place in reading.find("asks_why", section="per_class") if reading.prose([place])]
    near = set(reading.around([*home, *asked], REACH)) | set(home)
    own = [
        place
        for place in reading.prose(sorted(near))
        if OWN_CAUSES & reading.memo.passages[place].tags and _explains(reading, place)
    ]
    topics = (CAUSES & _tags(reading, home)) | (OWN_CAUSES & _tags(reading, own))
    return sorted({*home, *own}), set(topics)


def _is_weighed_row(reading: Reading, place: int) -> bool:
    """A row of a table that holds something for and against each cause."""
    item = reading.memo.passages[place]
    return item.section == "per_class" and bool(CAUSES & item.inside) and item.header.count("|") >= 1


def _explains(reading: Reading, place: int) -> bool:
    item = reading.memo.passages[place]
    if item.section in ("weighting", "next", "deployment") or "weighted" in item.tags:
        return False
    if item.section == "per_class":
        return True
    words = {"reason", "hedge", "test_of", "open", "certain"} & item.tags
    return bool(words and {"rare", "common", "tier", "hedge", "gap"} & item.tags) and item.section is None


def _tested(reading: Reading, place: int, home: list[int]) -> bool:
    """A cause, here or just before, and what it would lead one to expect, held against tiers, classes or figures."""
    item = reading.memo.passages[place]
    if item.section in ("weighting", "next", "deployment") or "literature" in item.tags:
        return False
    if item.kind == "row":
        return place in home and bool(reading.numbers_in([place]))
    if place in home and weighs_cause(reading, place):
        return True
    if place in home and {"condition", "expectation"} <= item.tags and results_at(reading, place + 1):
        return True
    if "test_of" not in item.tags or not (place in home or place - 1 in home):
        return False
    evidence = {"rare", "common", "middle", "tier", "zero"} & item.tags or reading.numbers_in([place])
    return bool(evidence) or any(
        {"common", "rare", "tier"} & reading.memo.passages[close].tags for close in reading.around([place])
    )


def _tags(reading: Reading, places: list[int]) -> frozenset[str]:
    return frozenset().union(*(reading.memo.passages[place].tags for place in places)) if places else frozenset()
