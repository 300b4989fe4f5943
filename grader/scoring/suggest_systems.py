"""Suggestions for the systems-level comparison: aggregates, how the models differ, parameter efficiency, "
"interpretation."""

from __future__ import annotations

import re

from grader.model.base import Role
from grader.scoring.suggest_draft import Draft
from grader.scoring.suggest_reading import SOURCED, Quoted, Reading
from grader.scoring.suggest_shape import CAUSES, leaves_open, reasons, results_at, uses_cause, weighs_cause

MODELS: tuple[Role, ...] = ("encoder", "decoder")
AGGREGATES = (
    ("accuracy", "accuracy"),
    ("macro_f1", "macro F1"),
    ("zero_f1_classes", "number of zero-F1 classes"),
    ("trainable", "trainable parameters"),
)

ELSEWHERE = 0.75
"""What a difference counts that is told only as a cause, in the part on classes."""
ON_TIERS = 0.25
"""What it counts for this comparison that causes are weighed in the part on classes."""
ENOUGH_FACTS, TEXTBOOK = 1.8, 0.65
"""Only what is told can be used; and without own results it is the textbook's."""
_TIMES = r"(?:twice|double|triple|(?:two|three|four|nine|ten|several|\d[\d.]*) ?(?:times|x\b|×|-?fold)|half a billion|half-billion)"
_LEVEL = re.compile(
    r"\b(?:same|repeats?|lands?|match\w*|reach\w*|above|under|below|close|within|equal\w*|short of|on par|as good|recover\w*|keeps?)\b"
)
"""Words that set a model beside full training without a figure of its own."""
_SIZE_FACTOR = re.compile(rf"{_TIMES}|heavier|0\.5b")
_TEXT_FACTOR = re.compile(rf"{_TIMES}|trillion|half (?:of )?the internet|far more text|so much")


def note(draft: Draft, what: str, quoted: Quoted) -> None:
    """Say where a figure disagrees with the output or has no source, with both numbers and both places."""
    number = quoted.number
    if number is None:
        return
    if quoted.contradicts:
        draft.contradicts = True
        draft.seen.append(f"{what}: the memo says {number.text}, the output {number.output}")
        if number.citation is not None:
            draft.citations.append(number.citation)
    elif number.status == "unsourced":
        draft.missing.append(f"{what}: {number.text} stands in no output")
    draft.places.append(number.passage)


def aggregates(reading: Reading) -> Draft:
    """1a: both models' aggregates beside a baseline."""
    draft = Draft(reading, firm=True)
    for metric, name in AGGREGATES:
        credits = []
        for model in MODELS:
            quoted = reading.quoted(model, metric)
            note(draft, f"{model}: {name}", quoted)
            credits.append(quoted.credit)
        worth = 1.25 * (0.65 if any(credit == 0.2 for credit in credits) else 1.0)
        draft.part(
            worth, sum(credits) / 2, found=f"{name} of both models", missing=f"{name} of both models, from your own run"
        )
    draft.part(
        1.0,
        _baseline(reading) * (1.0 if draft.points >= 1 else 0.0),
        found="a baseline beside them",
        missing="a baseline, such as full fine-tuning",
        places=reading.find("full_ft"),
    )
    draft.without_outputs()
    return draft


def _baseline(reading: Reading) -> float:
    at = set(reading.find("full_ft")) | {place for place, item in reading.written() if item.section == "systems"}
    weeks = [
        item
        for item in reading.memo.numbers
        if item.status == "course" and "full fine-tuning" in item.output and item.passage in at
    ]
    other = [
        item
        for item in reading.numbers_in(reading.find("full_ft"))
        if item.status in ("unsourced", "agrees", "rounded")
    ]
    return 1.0 if weeks or (other and reading.find("full_ft", ("accuracy", "macro_f1"))) else 0.0


def differences(reading: Reading) -> Draft:
    """1b: architecture, size, pretraining, connected with this comparison."""
    draft = Draft(reading, spread=1.0)
    both = _of_models(reading, "bidirectional") and _of_models(reading, "causal")
    _fact(draft, 0.9, 1.0 if both else 0.6, _of_models(reading, "architecture"), "how the two read a text")
    for topic, values, factor, name in (
        ("size", (149e6, 494e6), _SIZE_FACTOR, "the sizes (149M, 494M)"),
        ("exposure", (2e12, 18e12), _TEXT_FACTOR, "the pretraining (2T, 18T tokens)"),
    ):
        given = [item for item in reading.memo.numbers if item.value in values]
        words = _of_models(reading, topic)
        by_factor = [place for place in words if factor.search(reading.memo.passages[place].text.lower())]
        credit = 0.5 * len({item.value for item in given}) if given else 0.8 if by_factor else 0.5
        _fact(draft, 0.8, credit, [item.passage for item in given] or by_factor or words, name)
    topics = tuple(sorted(CAUSES))
    causal = [place for place in reading.prose(reading.find(topics, without="weighted")) if _is_used(reading, place)]
    listed = reading.prose(reading.find(topics, "not_controlled"))
    shown = sum(1.0 if results_at(reading, place) else 0.6 for place in causal)
    elsewhere = _used_on_tiers(reading)
    credit = 0.55 * shown + (0.4 if listed else 0.0) + (ON_TIERS if elsewhere else 0.0)
    told = min(1.0, draft.points / ENOUGH_FACTS)
    draft.points *= 1.0 if reading.grounded >= 1 else TEXTBOOK
    draft.part(
        2.5 * told,
        min(1.0, credit) * reading.own(causal + listed + elsewhere) * reading.grounded,
        found="used to read the results",
        missing="what the differences have to do with these results",
        places=causal or listed or elsewhere,
    )
    if not reading.prose([index for index, _ in reading.written()]):
        draft.points *= 0.6
    draft.not_judged.append("Whether the differences are really connected with the results.")
    return draft


def _fact(draft: Draft, worth: float, credit: float, places: list[int], name: str) -> None:
    """One way in which the models differ, told: wherever it is, but less where it only comes up as a cause for tiers."""
    passages = draft.reading.memo.passages
    home = any(passages[place].section in ("systems", None) for place in places)
    share = (1.0 if home else ELSEWHERE) * draft.reading.own(places)
    draft.part(worth, credit * share if places else 0.0, found=name.split(" (")[0], missing=name, places=places)


def _used_on_tiers(reading: Reading) -> list[int]:
    """Differences that the part on classes weighs, or leaves open: they are connected with results, if not with these."""
    found = reading.prose(reading.find(tuple(sorted(CAUSES)), section="per_class", without="weighted"))
    near = reading.around(found, 2)
    return found if any(weighs_cause(reading, place) or leaves_open(reading, place) for place in near) else []


def efficiency(reading: Reading) -> Draft:
    """1c: does quality hold, absolute beside per cent, what it buys."""
    draft = Draft(reading, spread=0.5)
    both = [place for place in reading.prose([place for place, _ in reading.written()]) if _beside_full(reading, place)]
    figures = reading.quoted("encoder", "macro_f1").credit + reading.quoted("encoder", "accuracy").credit
    credit = reading.own(both) if both and figures >= 0.6 else 0.25 if _baseline(reading) and figures >= 1 else 0.0
    draft.part(
        1.5,
        credit,
        found="LoRA held against full fine-tuning",
        missing="does quality hold? Both figures side by side",
        places=both,
    )
    counts = [item for item in reading.memo.numbers if item.metric == "trainable" and item.value > 1e5]
    shares = [
        item
        for item in reading.memo.numbers
        if item.unit == "%" and (item.metric == "trainable" or "share of trained" in item.output)
    ]
    told = [
        place for place in reading.prose([place for place, _ in reading.written()]) if _counts_beside(reading, place)
    ]
    credit = 1.0 if told and (shares or counts) else 0.5 if counts and shares else 0.0
    draft.part(
        1.0,
        credit,
        found="absolute count beside the share",
        missing="the absolute count beside the per cent, and why the two differ",
        places=told,
    )
    buys = reading.prose(reading.find("buys", without="bottleneck"))
    buys = [place for place in buys if reading.memo.passages[place].section not in ("weighting", "per_class", "next")]
    concrete = [place for place in buys if _is_concrete(reading, place)]
    credit = reading.own(buys) * (1.0 if concrete else 0.25) * max(reading.grounded, 0.5)
    draft.part(
        1.5, credit, found="what the saving buys", missing="what it buys: checkpoint, memory, merging", places=buys
    )
    return draft


def interpretation(reading: Reading) -> Draft:
    """1d: accuracy against macro F1, own prediction, not a controlled experiment."""
    draft = Draft(reading, spread=1.0)
    both = reading.prose(reading.find("accuracy", ("macro_f1", "zero"), "explains_metrics"))
    near = reading.prose(reading.find(("accuracy", "macro_f1"), "explains_metrics"))
    near = [place for place in near if reading.memo.passages[place].section in ("systems", "per_class", None)]
    near += [
        place for place in reading.prose([place for place, _ in reading.written()]) if _parts_metrics(reading, place)
    ]
    credit = reading.own(both or near) * (1.0 if both or len(set(near)) > 1 else 0.75)
    draft.part(
        2.0,
        credit * max(reading.grounded, 0.5),
        found="accuracy and macro F1 read apart",
        missing="what accuracy hides and macro F1 shows",
        places=both or near,
    )
    guesses = [
        place
        for place in reading.find(("hypothesis", "foresaw"), anywhere=True)
        if _is_overall(reading, place) and (reading.prose([place]) or _is_checked_row(reading, place))
    ]
    told = [place for place in reading.around(guesses, 2) if _turned_out(reading, place)]
    inside = [place for place in guesses if reading.memo.passages[place].memo]
    credit = 1.0 if inside and told else 0.4 if inside else 0.2 if guesses else 0.0
    draft.part(
        1.5,
        credit * reading.grounded,
        found="the own prediction held against the result",
        missing="your prediction from before, and how it turned out",
        places=inside,
    )
    open_ = [
        place for place in reading.prose([place for place, _ in reading.written()]) if _uncontrolled(reading, place)
    ]
    draft.part(
        1.5,
        reading.own(open_) * max(reading.grounded, 0.6),
        found="not a controlled experiment",
        missing="why this is no controlled experiment",
        places=open_,
    )
    draft.not_judged.append("Whether the reading of the two metrics is right.")
    return draft


def _of_models(reading: Reading, tag: str) -> list[int]:
    """Where the models are told apart: at best in the comparison, else where causes are looked for."""
    found = [place for place in reading.prose(reading.find(tag)) if reading.memo.passages[place].section != "next"]
    first = [place for place in found if reading.memo.passages[place].section in ("systems", None)]
    return first or [place for place in found if reading.memo.passages[place].section == "per_class"]


def _is_used(reading: Reading, place: int) -> bool:
    """A difference of the models set against this comparison, not against tiers or plans."""
    item = reading.memo.passages[place]
    return item.section not in ("per_class", "weighting", "next", "deployment") and uses_cause(reading, place)


def _beside_full(reading: Reading, place: int) -> bool:
    """Full training's figure, or its name, and what LoRA gives or loses against it, in one sentence."""
    numbers = reading.numbers_in([place])
    tags = reading.memo.passages[place].tags
    course = [item for item in numbers if item.status == "course" and "full fine-tuning" in item.output]
    own = [item for item in numbers if item.status in SOURCED and any(key.startswith("encoder/") for key in item.keys)]
    lost = [item for item in numbers if item not in course and (item.kind == "difference" or 0 < abs(item.value) < 0.1)]
    named = "full_ft" in tags and not {"weighted", "week2"} & tags
    level = "week2" not in tags and _LEVEL.search(reading.memo.passages[place].text.lower()) is not None
    own_too = own and reasons(reading, place)
    return bool(
        (course and (own or lost) and "week2" not in tags)
        or (course and level)
        or (named and (own_too or lost or level))
    )


def _counts_beside(reading: Reading, place: int) -> bool:
    """A share of trained weights and a count (or a part of the other's count), set against each other."""
    item = reading.memo.passages[place]
    text = item.text.lower()
    shares = any(sign in text for sign in ("%", "per cent", "percent", "share", "prozent", "por ciento", "pour cent"))
    numbers = reading.numbers_in([place])
    count = any((number.value > 1e5 and number.unit == "") or number.unit == "x" for number in numbers)
    count = count or "fraction" in item.tags
    about = {"trainable", "size", "weights"} & item.tags or any(number.metric == "trainable" for number in numbers)
    if {"macro_f1", "accuracy", "latency"} & item.tags:
        return "absolute" in item.tags and bool(count)
    return bool(shares and count and (about or "absolute" in item.tags) and {"contrast", "inference"} & item.tags)


def _is_concrete(reading: Reading, place: int) -> bool:
    """It says how much, or against what."""
    item = reading.memo.passages[place]
    sized = any(number.unit == "mb" or number.metric in ("latency_ms",) for number in reading.numbers_in([place]))
    return sized or (item.section in ("systems", None) and reasons(reading, place) and len(item.text.split()) > 6)


def _parts_metrics(reading: Reading, place: int) -> bool:
    """Accuracy and macro F1 (or classes at zero) set against each other, without the one word for it."""
    item = reading.memo.passages[place]
    if item.section in ("weighting", "next", "deployment", "per_class") or "weighted" in item.tags:
        return False
    metrics = {"accuracy", "macro_f1", "zero", "two_metrics"} & item.tags
    kinds = {key.split("/")[2] for number in results_at(reading, place) for key in number.keys}
    changes = {one.value for one in results_at(reading, place) if one.unit == "%" and one.status == "derived"}
    several = len(metrics) + bool(kinds - {"f1"}) > 1 or "two_metrics" in item.tags or len(changes) > 1
    listed = {"encoder", "decoder"} <= item.tags and "exception" not in item.tags
    apart = {"inference", "fraction", "explains_metrics"} & item.tags
    set_apart = bool(apart) or ({"contrast", "few_many"} <= item.tags and not listed)
    if (
        metrics
        and "inference" in item.tags
        and place
        and {"accuracy", "macro_f1"} <= reading.memo.passages[place - 1].tags
    ):
        return reading.memo.passages[place - 1].kind != "row" and not CAUSES & item.tags
    return (
        bool(metrics or len(changes) > 1)
        and several
        and set_apart
        and "full_ft" not in item.tags
        and not CAUSES & item.tags
    )


def _is_checked_row(reading: Reading, place: int) -> bool:
    """A row of a table on predictions and what came of them."""
    item = reading.memo.passages[place]
    return item.section in ("systems", None) and item.header.count("|") > 1 and len(reading.numbers_in([place])) > 0


def _turned_out(reading: Reading, place: int) -> bool:
    """What came of a prediction: a word for it, or the result itself."""
    tags = reading.memo.passages[place].tags
    if reading.memo.passages[place].kind == "row":
        return _is_checked_row(reading, place)
    return bool({"verdict", "exception"} & tags) or bool(results_at(reading, place))


def _uncontrolled(reading: Reading, place: int) -> bool:
    item = reading.memo.passages[place]
    if "not_controlled" in item.tags:
        return True
    if item.section not in ("systems", None) or {"weighted", "hypothesis"} & item.tags:
        return False
    return bool({"together", "open", "alike"} & item.tags) or (leaves_open(reading, place) and bool(CAUSES & item.tags))


def _is_overall(reading: Reading, place: int) -> bool:
    item = reading.memo.passages[place]
    if item.section in ("weighting", "next", "per_class") or {"weighted", "test_of"} <= item.tags:
        return False
    return "weighted" not in item.tags and bool(
        {"encoder", "decoder", "accuracy", "macro_f1", "before", "verdict", "foresaw"} & item.tags
    )
