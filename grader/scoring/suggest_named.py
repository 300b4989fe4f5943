"""Suggestions for particular classes: named with numbers, exceptions included."""

from __future__ import annotations

from collections import defaultdict

from grader.scoring.suggest_classes import TIER
from grader.scoring.suggest_draft import Draft
from grader.scoring.suggest_reading import SOURCED, Reading
from grader.scoring.suggest_systems import MODELS


def named_classes(reading: Reading) -> Draft:
    """3b: classes with numbers, exceptions included."""
    draft = Draft(reading, spread=0.5)
    found = _classes(reading)
    values = _class_values(reading)
    draft.seen.extend(f"“{name}” with numbers" for name in list(found)[:5])
    draft.places.extend(place for places, _ in found.values() for place in places[:1])
    draft.points += _steps(sum(credit for _, credit in found.values()))
    if len(found) < 3:
        draft.missing.append("three or more classes with support and both F1 values")
    if found:
        _exceptions(reading, draft, values, found)
    else:
        mentions = [index for index, item in reading.written() if item.classes and item.section in ("per_class", None)]
        draft.points += 0.5 if mentions else 0.0
        draft.seen.extend(["classes named without numbers"] if mentions else [])
        draft.places.extend(mentions[:2])
    draft.not_judged.append("Whether the classes chosen are the telling ones.")
    return draft


def _steps(count: float) -> float:
    """One class 1.5, two 2.5, three or more 3.5."""
    return min(count, 1.0) * 1.5 + min(max(count - 1.0, 0.0), 2.0)


def _exceptions(
    reading: Reading, draft: Draft, values: dict[str, dict[str, float]], found: dict[str, tuple[list[int], float]]
) -> None:
    against = [name for name in found if _against_trend(reading, values.get(name, {}))]
    told = [
        place for places, _ in found.values() for place in places if "exception" in reading.memo.passages[place].tags
    ]
    credit = 1.0 if against or told else 0.6 if reading.find("every") else 0.0
    draft.part(
        1.0, credit, found="an exception to the trend", missing="a class where the other model wins", places=told
    )
    zero = any(set(values.get(name, {1: 1.0}).values()) == {0.0} for name in found)
    zero = zero or any("zero" in reading.memo.passages[place].tags for places, _ in found.values() for place in places)
    credit = 1.0 if zero or reading.find("few_test") else 0.0
    draft.part(
        0.5, credit, found="a class that stays at zero for both", missing="rare classes that stay at zero for both"
    )
    if not reading.prose([place for places, _ in found.values() for place in places]):
        draft.points *= 0.75


def _classes(reading: Reading) -> dict[str, tuple[list[int], float]]:
    """Class -> where it stands with a number, and how far that number has a source."""
    found: dict[str, tuple[list[int], float]] = {}
    for index, item in reading.written():
        shares = [number for number in reading.numbers_in([index]) if 0 <= number.value <= 1 and number.kind != "ratio"]
        if not item.classes or not shares or item.section == "next":
            continue
        credit = 1.0 if any(number.status in (*SOURCED, "derived") for number in shares) else 1 / 3
        for name in sorted(item.classes):
            places, before = found.get(name, ([], 0.0))
            found[name] = ([*places, index], max(before, credit))
    return found


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
