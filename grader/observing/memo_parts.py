"""Which sections a memo has: under a heading of their own, under a shared one, or only in what is written.

A part counts as found by content when the memo holds the things that only this section is about; it says nothing on their quality.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from grader.model.memo import MemoPart, Passage
from grader.model.rubric import Rubric
from grader.observing.memo_layout import Placed

_DIGITS = re.compile(r"\d")
SEVERAL = 3
"""So many sentences on a second section make a paragraph one on both."""
CLEARLY = 3
"""So many times as many sentences on another section as on its own make a heading the wrong one."""
FORWARD, SKIPPED, BACK = 0.6, 0.4, 1.2
"""Sentences that it takes to believe in another section: the next in order, each one left out, and going back."""
PART = 2
"""So many sentences under another section's heading make a part of their own."""
MIN_WORDS = 4
"""Fewer words of the student's under a heading leave the part empty, unless there are numbers."""


def parts_of(placed: Iterable[Placed], passages: tuple[Passage, ...], rubric: Rubric) -> tuple[MemoPart, ...]:
    """One part per section of the rubric."""
    headings: dict[str, Placed] = {}
    for item in placed:
        if item.line.kind == "heading":
            for section in item.shared:
                headings.setdefault(section, item)
    headed = frozenset(section for section, item in headings.items() if item.shared == (section,))
    return tuple(_part(section.id, headings.get(section.id), passages, headed) for section in rubric.sections)


def _part(
    section: str, heading: Placed | None, passages: tuple[Passage, ...], headed: frozenset[str] = frozenset()
) -> MemoPart:
    mine = [item for item in passages if item.section == section and item.kind != "heading"]
    others = tuple(name for name in heading.shared if name != section) if heading else ()
    if heading is not None and not others:
        if _written(mine):
            return MemoPart(id=section, found="heading", heading=heading.line.text, cell=heading.cell)
        elsewhere = _by_content(section, passages, headed)
        found = MemoPart(id=section, found="heading", heading=heading.line.text, cell=heading.cell, empty=True)
        return found if elsewhere is None else MemoPart(id=section, found="content", apart=False, cell=elsewhere.cell)
    placed = mine[0] if mine and (heading is not None or len(mine) >= PART) else None
    content = placed or _by_content(section, passages, headed)
    if content is None:
        return MemoPart(id=section, found="none")
    apart = _stands_alone(section, passages)
    if heading is not None:
        return MemoPart(
            id=section, found="heading", heading=heading.line.text, shared_with=others, apart=apart, cell=heading.cell
        )
    return MemoPart(id=section, found="content", apart=apart, cell=content.cell)


def speaks_of(tags: frozenset[str], text: str, sections: tuple[str, ...]) -> str | None:
    """Which of the sections under a shared heading a sentence belongs to."""
    probe = Passage(text=text, tags=tags)
    return next((section for section in sections if section in _CONTENT and _CONTENT[section](probe)), None)


def block_sections(sentences: Iterable[tuple[int, str, frozenset[str], frozenset[str]]]) -> dict[int, str]:
    """For a memo without headings: the section that each paragraph is about, unless it is about several at length.

    The last paragraph is the likeliest to hold plans."""
    votes: dict[int, Counter[str]] = {}
    planned: Counter[int] = Counter()
    last: int | None = None
    for block, text, tags, held in sentences:
        probe = Passage(text=text, tags=tags)
        votes.setdefault(block, Counter()).update(name for name, asks in _CONTENT.items() if asks(probe))
        votes[block].update(sorted(held if "weighting" not in held else {"weighting"}))
        planned[block] += bool({"plan", "experiment", "fixed"} & tags and not {"recommend", "situation"} & tags)
        last = block
    if last is not None and planned[last]:
        votes[last]["next"] += planned[last]
    return _in_order({block: count for block, count in votes.items() if not _is_split(count)})


def _is_split(count: Counter[str]) -> bool:
    """As much on one section as on another, at length."""
    top = count.most_common(2)
    return len(top) > 1 and top[0][1] == top[1][1] and top[1][1] >= SEVERAL


def _in_order(votes: dict[int, Counter[str]]) -> dict[int, str]:
    """The run of sections that fits the paragraphs best, when leaving one costs something and going back to an earlier one more."""
    names = list(_CONTENT)
    best: dict[str, tuple[float, list[str]]] = {name: (0.0, []) for name in names}
    for count in votes.values():
        step: dict[str, tuple[float, list[str]]] = {}
        for place, name in enumerate(names):
            score, path = max(
                ((was - _turn(names.index(old), place, bool(way)), [*way, name]) for old, (was, way) in best.items()),
                key=lambda found: found[0],
            )
            step[name] = (score + count[name], path)
        best = step
    path = max(best.values(), key=lambda found: found[0])[1] if votes else []
    return {block: name for (block, count), name in zip(votes.items(), path, strict=True) if count}


def _turn(old: int, new: int, begun: bool) -> float:
    if old == new or not begun:
        return 0.0
    return FORWARD + SKIPPED * (new - old - 1) if new > old else BACK


def rehomed(passages: tuple[Passage, ...]) -> tuple[Passage, ...]:
    """Where what stands under a heading is clearly another section's, it counts as that one's: headings may be mixed up."""
    votes: dict[str, Counter[str]] = {}
    for item in passages:
        if item.kind != "heading" and item.memo and item.section:
            votes.setdefault(item.section, Counter()).update(name for name, asks in _CONTENT.items() if asks(item))
    moved = {}
    for section, count in votes.items():
        best, most = count.most_common(1)[0] if count else (section, 0)
        if best != section and most >= SEVERAL and most >= CLEARLY * count[section]:
            moved[section] = best
    moved = {section: best for section, best in moved.items() if best in moved}
    if not moved:
        return passages
    return tuple(item.model_copy(update={"section": moved.get(item.section or "", item.section)}) for item in passages)


def _written(passages: list[Passage]) -> bool:
    text = " ".join(item.text for item in passages)
    return len(text.split()) >= MIN_WORDS or _DIGITS.search(text) is not None or len(text) >= 12


def _by_content(section: str, passages: tuple[Passage, ...], headed: frozenset[str]) -> Passage | None:
    """The first sentence on it. Under another section's own heading it takes some, and such as only this section has."""
    asks = _CONTENT.get(section)
    if asks is None:
        return None
    found = [item for item in passages if item.kind != "heading" and item.memo and asks(item)]
    free = [item for item in found if item.section not in headed - {section}]
    told = [item for item in found if section not in _TOLD or _TOLD[section](item)]
    return free[0] if free else told[0] if len(told) >= PART else None


def _stands_alone(section: str, passages: tuple[Passage, ...]) -> bool:
    """Some paragraph speaks of it more than of any other section."""
    blocks: dict[int, list[Passage]] = {}
    for item in passages:
        if item.kind != "heading" and item.memo:
            blocks.setdefault(item.block, []).append(item)
    asks = _CONTENT.get(section)
    if asks is None:
        return True
    for block in blocks.values():
        mine = sum(asks(item) for item in block)
        rival = max(sum(other(item) for item in block) for name, other in _CONTENT.items() if name != section)
        if mine and mine >= rival:
            return True
    return False


def _systems(item: Passage) -> bool:
    metrics = {"accuracy", "macro_f1", "zero", "trainable"} & item.tags
    return (
        _numeric(item)
        and (len(metrics) > 1 or ("accuracy" in metrics and bool({"encoder", "decoder"} & item.tags)))
        and not ({"weighted", "rare", "tier", "recommend", "week2"} & item.tags)
    )


def _weighting(item: Passage) -> bool:
    if {"hypothesis", "verdict", "rare"} <= item.tags or "transfer" in item.text.lower():
        return True
    if "week2" in item.tags and _numeric(item) and "weighted" not in item.tags:
        return {"macro_f1", "accuracy", "zero"} & item.tags != frozenset() or "encoder" in item.tags
    return _weighting_told(item)


def _weighting_told(item: Passage) -> bool:
    return (
        "weighted" in item.tags
        and (_numeric(item) or bool({"hypothesis", "verdict"} & item.tags))
        and "trainable" not in item.tags
    )


def _per_class(item: Passage) -> bool:
    rule = {"threshold", "both_sides"} <= item.tags
    return (
        bool({"rare", "common", "tier", "middle"} & item.tags)
        and _numeric(item)
        and not rule
        and not {"recommend", "experiment", "weighted"} & item.tags
    )


def _deployment(item: Passage) -> bool:
    if {"latency", "throughput"} & item.tags and _numeric(item):
        return True
    models = {"encoder", "decoder"} & item.tags
    return "experiment" not in item.tags and (
        ("recommend" in item.tags and bool(models)) or ("situation" in item.tags and len(models) == 1)
    )


def _next(item: Passage) -> bool:
    if {"recommend", "situation"} & item.tags and not {"fixed", "knob"} <= item.tags:
        return False
    if {"fixed", "knob"} <= item.tags and {"experiment", "plan"} & item.tags:
        return True
    experiment = "experiment" in item.tags and bool({"fixed", "threshold", "wish", "expectation"} & item.tags)
    return experiment or _next_told(item)


def _next_told(item: Passage) -> bool:
    return "bottleneck" in item.tags or {"threshold", "both_sides"} <= item.tags


def _numeric(item: Passage) -> bool:
    return _DIGITS.search(item.text) is not None


_CONTENT: dict[str, Callable[[Passage], bool]] = {
    "systems": _systems,
    "weighting": _weighting,
    "per_class": _per_class,
    "deployment": _deployment,
    "next": _next,
}
_TOLD: dict[str, Callable[[Passage], bool]] = {"weighting": _weighting_told, "next": _next_told}
