"""Suggestions for the per-class analysis: tiers, particular classes, where the difference lies, limits."""

from __future__ import annotations

import re
from collections import defaultdict

from grader.model.base import Role
from grader.model.memo import MemoNumber
from grader.scoring.suggest_draft import Draft
from grader.scoring.suggest_reading import SOURCED, Reading
from grader.scoring.suggest_shape import GAP_SHARE, tells_outcome

TIER = re.compile(
    r"\b(?:very |ultra[- ])?(?:rare|rarest|low|mid|middle|medium|common|frequent|tail|head|few|many|tiers?|bins?|"
    r"buckets?|quartile|quintile|top|bottom|selten|mittel|häufig|q[1-5])\b"
    r"|[<>≤≥]|\d\s?(?:-|–|to)\s?\d|\d\+",
    re.IGNORECASE,
)
_THRESHOLD = re.compile(
    r"(?:[<>≤≥]=?|less than|fewer than|more than|at least|up to|over|under|ab|unter|über|"
    r"menos de|más de)\s?\d|\d+\s?(?:-|–|to|bis|a|至|到)\s?\d{2,}|\d{2,}\s?(?:\+|or more|und mehr|以上)"
)
_CLASS_COUNT = re.compile(r"\b\d{1,3} (?:\w+ )?(?:class|klass|clases)|\(\d{1,3}\)|个类")


def tiers(reading: Reading) -> Draft:
    """3a: both models' F1 by tier, tiers defined with counts, zeros."""
    draft = Draft(reading, firm=True)
    f1 = _by_tier(reading, "f1")
    zeros = _by_tier(reading, "zero_f1_classes")
    places = sorted({number.passage for group in f1.values() for number in group.values()})
    whole = sum(1 for group in f1.values() if len(group) == 2)
    half = sum(1 for group in f1.values() if len(group) == 1)
    known = {
        item.subject for item in reading.outputs if item.metric == "f1" and item.subject and TIER.search(item.subject)
    }
    expected = max(2, min(len(known), 4) if known else 3)
    credit = min(1.0, (whole + 0.4 * half) / expected)
    claimed = [] if credit >= 0.5 else _tier_rows(reading)
    if claimed:
        credit = max(credit, 1 / 3 if reading.memo.outputs else 0.5)
        places = claimed
    draft.part(4.0, credit, found="both models' F1 in each tier", missing="both models' F1 in each tier", places=places)
    near = reading.around(places, 0)
    text = " ".join(f"{reading.memo.passages[place].header} {reading.memo.passages[place].text}" for place in near)
    if credit:
        share = 1.0 if whole else 1 / 3
        draft.part(
            1.0,
            share if _THRESHOLD.search(text) else 0.0,
            found="the counts that define the tiers",
            missing="by which counts the tiers are drawn",
        )
        counted = _CLASS_COUNT.search(text) or re.search(
            r"\bclasses\b|categories|kinds\b|clases|klassen|类别数", text.lower()
        )
        draft.part(
            0.5,
            share if counted else 0.0,
            found="the number of classes in each",
            missing="how many classes each tier holds",
        )
        told = [
            place
            for place in reading.around(places, 1)
            if "zero" in reading.memo.passages[place].tags and len(reading.numbers_in([place])) >= 3
        ]
        zero = max(min(1.0, sum(len(group) for group in zeros.values()) / 3), 0.8 if told else 0.0)
        draft.part(1.5, zero * share, found="the zeros in each tier", missing="the zero-F1 classes in each tier")
    contradicting = [
        item
        for item in reading.memo.numbers
        if item.status == "contradicts" and item.subject in ("rare", "middle", "common")
    ]
    if contradicting:
        draft.contradicts = True
    _no_outputs(draft, known)
    draft.without_outputs()
    return draft


def _no_outputs(draft: Draft, known: set[str]) -> None:
    if draft.points > 0 and not known:
        draft.firm, draft.spread = False, 2.0
        draft.not_judged.append(
            "No tier table was recognised in the outputs: whether the figures are the student's "
            "own can't be seen; look for a plot."
        )


def _by_tier(reading: Reading, metric: str) -> dict[str, dict[Role, MemoNumber]]:
    """Tier -> model -> the memo's number; from what the outputs say, else from the memo's own words."""
    groups: dict[str, dict[Role, MemoNumber]] = defaultdict(dict)
    for item in reading.memo.numbers:
        if item.status not in SOURCED:
            continue
        for key in item.keys:
            model, run, name, subject = key.split("/", 3)
            if (
                name == metric
                and run != "weighted"
                and subject != "-"
                and TIER.search(subject)
                and model in ("encoder", "decoder")
            ):
                groups[subject].setdefault("encoder" if model == "encoder" else "decoder", item)
        if (
            not item.keys
            and item.subject in ("rare", "middle", "common")
            and item.model
            and item.metric in (metric, "macro_f1")
        ):
            groups[item.subject].setdefault(item.model, item)
    return groups


def _tier_rows(reading: Reading) -> list[int]:
    """Passages that give two shares for a tier, whatever the outputs say."""
    found = []
    for place in reading.find(("rare", "middle", "common")):
        shares = [
            item
            for item in reading.numbers_in([place])
            if 0 <= item.value <= 1 and item.unit == "" and item.kind == "value"
        ]
        if len(shares) >= 2:
            found.append(place)
    return found if len(found) >= 2 else []


def where(reading: Reading) -> Draft:
    """3c: absolute and relative gain by tier, and each tier's share of the macro gap."""
    draft = Draft(reading, spread=1.0)
    places = reading.find(
        ("rare", "middle", "common", "tier"), without=("weighted", "recommend", "experiment", "bottleneck")
    )
    places = sorted({*places, *reading.find(("gap", "relative", "absolute"), section="per_class")})
    prose = reading.prose(places)
    gains = [
        place
        for place in places
        if any(item.status == "derived" and _is_gain(item) for item in reading.numbers_in([place]))
    ]
    draft.part(
        1.0, 1.0 if gains else 0.0, found="absolute gains by tier", missing="absolute gains by tier", places=gains
    )
    relative = [place for place in prose if _is_relative(reading, place)]
    draft.part(
        1.0, reading.own(relative), found="relative gains by tier", missing="relative gains by tier", places=relative
    )
    shares = [place for place in places if _shares(reading, place)]
    told = [place for place in prose if {"fraction", "rise"} <= reading.memo.passages[place].tags]
    loosely = told or [place for place in prose if re.search(r"comes? from|entirely|gap is", _text(reading, place))]
    credit = 1.0 if shares else 0.75 if told else 0.5 if loosely else 0.0
    draft.part(
        2.0,
        credit,
        found="shares of the macro F1 gap",
        missing="how much of the macro F1 gap comes from which tier",
        places=shares or loosely,
    )
    compare = [place for place in prose if _ranks(reading, place)]
    draft.part(
        1.0,
        reading.own(compare) * (1.0 if reading.rests_on("tiers") >= 1 else 0.5),
        found="which tier gains most",
        missing="a sentence on which tier gains most",
        places=compare,
    )
    if reading.rests_on("tiers") < 1:
        draft.points *= 0.6
    draft.not_judged.append("Whether the reading of the tiers is right.")
    return draft


def _is_gain(item: MemoNumber) -> bool:
    return item.kind == "difference" or item.output.startswith("difference")


def _text(reading: Reading, place: int) -> str:
    return reading.memo.passages[place].text.lower()


def _is_relative(reading: Reading, place: int) -> bool:
    """A factor or a change in per cent, in a sentence on tiers."""
    factors = [item for item in reading.numbers_in([place]) if item.status == "derived" and item.unit in ("%", "x")]
    factors = [item for item in factors if item.output.startswith(("relative", "ratio"))]
    return "relative" in reading.memo.passages[place].tags or bool(factors)


def _ranks(reading: Reading, place: int) -> bool:
    """It says of tiers who gains more, or that all do."""
    tags = reading.memo.passages[place].tags
    if {"gap", "relative", "exception", "every"} & tags:
        return True
    return bool({"superlative", "contrast"} & tags) and tells_outcome(reading, place)


def _shares(reading: Reading, place: int) -> bool:
    """A tier's part of the gap as the outputs give it; or a per-cent figure in a sentence on gap and tiers, or in such a column."""
    item = reading.memo.passages[place]
    if any(number.output.startswith(GAP_SHARE) for number in reading.numbers_in([place])):
        return True
    words = f"{item.text} {item.header}".lower()
    if not re.search(
        r"\bgap\b|\bshare|gain|contribut|beitrag|tragen|abstand|difference|brings?|差距|贡献|contribuy", words
    ):
        return False
    return any(number.unit == "%" and number.value > 4 for number in reading.numbers_in([place]))


def limits(reading: Reading) -> Draft:
    """3e: few test examples, one seed, zero isn't nothing."""
    draft = Draft(reading, spread=0.25)
    for tag, name in (
        ("few_test", "few test examples in a rare class"),
        ("one_seed", "one seed"),
        ("zero_not_nothing", "what a zero does not say"),
    ):
        places = [place for place in reading.prose(reading.find(tag)) if reading.memo.passages[place].section != "next"]
        if places:
            draft.points = min(2.0, draft.points + reading.own(places) * (1.0 if reading.grounded >= 1 else 0.5))
            draft.seen.append(name)
            draft.places.extend(places[:1])
        else:
            draft.missing.append(name)
    return draft
