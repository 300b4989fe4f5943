"""Suggestions for particular classes: named with numbers, exceptions included, and claims on "every class" that the outputs refute."""

from __future__ import annotations

import re
from collections import defaultdict

from grader.model.memo import MemoNumber
from grader.scoring.suggest_classes import TIER
from grader.scoring.suggest_draft import Draft
from grader.scoring.suggest_reading import SOURCED, Reading
from grader.scoring.suggest_systems import MODELS


def named_classes(reading: Reading) -> Draft:
    """3b: classes with numbers, exceptions included."""
    draft = Draft(reading, spread=0.5)
    found = _classes(reading)
    both = [name for name, group in found.items() if len(group) >= 1]
    places = [number.passage for group in found.values() for number in group.values()]
    for name in both[:5]:
        draft.seen.append(f"“{name}” with numbers")
    draft.points += (0.0, 1.5, 2.5, 3.5)[min(len(both), 3)]
    draft.places.extend(places[:4])
    if len(both) < 3:
        draft.missing.append("three or more classes with support and both F1 values")
    values = _class_values(reading)
    against = [name for name in both if _against_trend(reading, values.get(name, {}))]
    said = reading.prose(reading.find("exception", ("rare", "middle", "common", "encoder", "decoder", "zero")))
    none_said = reading.find("every") if both else []
    draft.part(
        1.0,
        1.0 if against else 0.6 if none_said and both else 0.0,
        found="an exception to the trend",
        missing="a class where the other model wins",
        places=said,
    )
    zero = [name for name in both if values.get(name) and set(values[name].values()) == {0.0}]
    draft.part(
        0.5,
        1.0 if zero or (both and reading.find("zero", "few_test")) else 0.0,
        found="a class that stays at zero for both",
        missing="rare classes that stay at zero for both",
    )
    if both and not reading.prose(places):
        draft.points *= 0.75
    _refuted(reading, draft, values)
    if not both:
        mentions = _mentioned(reading)
        if mentions:
            draft.points += 0.5
            draft.seen.append("classes named without numbers")
            draft.places.extend(mentions[:2])
    draft.not_judged.append("Whether the classes chosen are the telling ones.")
    return draft


def _classes(reading: Reading) -> dict[str, dict[str, MemoNumber]]:
    """Class -> model -> the memo's number."""
    groups: dict[str, dict[str, MemoNumber]] = defaultdict(dict)
    for item in reading.memo.numbers:
        if item.status not in SOURCED:
            continue
        text = reading.memo.passages[item.passage].text.lower()
        for key in item.keys:
            model, _, metric, subject = key.split("/", 3)
            if subject != "-" and metric == "f1" and not TIER.search(subject) and _name_stands(subject, text):
                groups[subject].setdefault(model, item)
    return groups


def _name_stands(subject: str, text: str) -> bool:
    words = re.findall(r"\w+", subject.lower())[:6]
    return bool(words) and re.search(r"\W{1,3}".join(map(re.escape, words)), text) is not None


def _class_values(reading: Reading) -> dict[str, dict[str, float]]:
    values: dict[str, dict[str, float]] = defaultdict(dict)
    for item in reading.outputs:
        if (
            item.metric == "f1"
            and item.subject
            and item.model
            and item.run != "weighted"
            and not TIER.search(item.subject)
        ):
            values[item.subject].setdefault(item.model, item.value)
    return values


def _against_trend(reading: Reading, values: dict[str, float]) -> bool:
    overall = {
        model: next(
            (
                item.value
                for item in reading.outputs
                if item.metric == "macro_f1" and item.model == model and item.run != "weighted"
            ),
            None,
        )
        for model in MODELS
    }
    if len(values) < 2 or overall["encoder"] is None or overall["decoder"] is None:
        return False
    trend = overall["decoder"] - overall["encoder"]
    return (values["decoder"] - values["encoder"]) * trend < 0


def _refuted(reading: Reading, draft: Draft, values: dict[str, dict[str, float]]) -> None:
    """ "Wins in every class", where the outputs hold one that it doesn't win."""
    for place in reading.find("every"):
        text = reading.memo.passages[place].text.lower()
        if (
            not re.search(r"every (?:single )?class|all (?:the )?(?:113 )?classes", text)
            or "decoder" not in reading.memo.passages[place].tags
        ):
            continue
        loser = next(
            (name for name, value in values.items() if len(value) == 2 and value["decoder"] < value["encoder"]), None
        )
        if loser and re.search(r"\b(?:wins?|better|beats?|outperforms?)\b", text):
            pair = values[loser]
            draft.seen.append(
                f"the memo says that one model wins in every class; the outputs have “{loser}”: "
                f"encoder {pair['encoder']:g}, decoder {pair['decoder']:g}"
            )
            draft.places.append(place)
            draft.contradicts = True


def _mentioned(reading: Reading) -> list[int]:
    names = {
        item.subject
        for item in reading.outputs
        if item.metric == "f1" and item.subject and not TIER.search(item.subject) and len(item.subject) > 8
    }
    return [index for index, item in reading.written() if any(_name_stands(name, item.text.lower()) for name in names)]
