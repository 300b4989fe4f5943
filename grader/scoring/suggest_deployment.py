"""Suggestions for latency and deployment: measurement, translation, recommendation, what it rests on."""

from __future__ import annotations

import re

from grader.model.memo import MemoNumber
from grader.scoring.suggest_draft import Draft
from grader.scoring.suggest_reading import SOURCED, Quoted, Reading
from grader.scoring.suggest_systems import MODELS, note

RATIO_SLACK = 0.08
REASONS = 3
"""So many sentences before and after a recommendation may hold what it rests on."""
BARE = 0.5
"""What a recommendation is worth that says neither why nor under what condition."""
BRIEF = 5
"""A sentence of at most so many words with one model's name, where deployment is discussed, is a choice (`Decoder, weighted.`)."""
BY_RATIO = 0.6
"""What a quantity counts that only repeats the ratio in machines or money."""
_DURATION = re.compile(r"\b\d+ ?m(?:in)? ?\d\d\b|\b[\d.,]+ ?(?:s|sec\w*|min\w*|h|hours?)\b")
LEANING = 0.7
"""What a recommendation is worth that only leans to one side."""
_LEANS = re.compile(r"\b(?:tend|lean|leaning|really depends|maybe not|might be|may be the right|may be preferable)\b")
_HANDED_OVER = re.compile(
    r"\b(?:person|people|clerks?|humans?|agents?|somebody|by hand|manual\w*|missed|blind|guess\w*|top [2-9])\b"
)


def _falls_short(reading: Reading, place: int) -> bool:
    """Which classes the chosen model leaves out, and what becomes of them."""
    item = reading.memo.passages[place]
    weak = {"zero", "rare", "tier"} & item.tags or _UNSURE_OF.search(item.text.lower())
    return item.section == "deployment" and bool(weak) and _HANDED_OVER.search(item.text.lower()) is not None


def _would_change(reading: Reading, place: int) -> bool:
    """A condition under which the choice would be another, or what the other model would have to reach."""
    item = reading.memo.passages[place]
    if "switch" in item.tags or {"condition", "threshold"} <= item.tags:
        return True
    if item.section != "deployment" or item.kind == "row":
        return False
    wanted = {"asks", "modal"} <= item.tags and any(map(str.isdigit, item.text))
    other = "condition" in item.tags and {"encoder", "decoder"} & item.tags and _CHOOSES.search(item.text.lower())
    return bool(wanted or other)


_UNSURE_OF = re.compile(r"low[- ]confidence|unsure|not sure|uncertain|under-\d+|categories")
_CHOOSES = re.compile(r"\b(?:ship|take|use|deploy|choose|pick|run|go|stay)\b")
_MACHINE = re.compile(r"\b(?:[tlapvh]\d{1,3}|rtx|tesla|colab|mps|cpu|m[1-4]|[34]0[5-9]0)\b")
"""A machine by its name, not a GPU in general."""
_BUDGET = re.compile(r"\$|€|dollar|euro|million|\byears?\b|traffic")


def latency(reading: Reading) -> Draft:
    """4a: ms per example and examples per second of both, hardware and method."""
    draft = Draft(reading, firm=True)
    worths = (("latency_ms", "ms per example", 2.25), ("throughput", "examples per second", 1.0))
    own = 0.0
    for metric, name, worth in worths:
        quotes = [reading.quoted(model, metric) for model in MODELS]
        for model, quoted in zip(MODELS, quotes, strict=True):
            note(draft, f"{model}: {name}", quoted)
        share = sum(_measured(quoted) for quoted in quotes) / 2
        own = max(own, share)
        draft.part(worth, share, found=f"{name} of both models", missing=f"{name} of both models, measured by you")
    home = sorted({item.passage for item in reading.memo.numbers if item.metric in ("latency_ms", "throughput")})
    near = reading.around(home, 2)
    for tag, name, worth in (
        ("hardware", "the hardware", 0.6),
        ("method", "warm-up and repetitions", 0.5),
        ("batch32", "the batch size", 0.35),
        ("length", "the length of the texts", 0.3),
    ):
        named = [place for place in reading.find(tag) if _MACHINE.search(reading.memo.passages[place].text.lower())]
        timed = [place for place in near if not _BUDGET.search(reading.memo.passages[place].text.lower())]
        where = [*timed, *named] if tag == "hardware" else near  # the machine is the same all through
        places = [place for place in where if tag in reading.memo.passages[place].tags]
        draft.part(worth, max(own, 0.3) if places else 0.0, found=name, missing=name, places=places)
    if own < 0.5 and draft.points > 5 / 3:
        draft.cap(5 / 3, "figures of your own: what has no source in your outputs earns a third at most")
    draft.without_outputs()
    return draft


def _measured(quoted: Quoted) -> float:
    return quoted.credit


def translated(reading: Reading) -> Draft:
    """4b: the ratio, and a quantity that a decision needs, computed right."""
    draft = Draft(reading, firm=True)
    timed = max(reading.quoted("decoder", metric).credit for metric in ("latency_ms", "throughput"))
    own = 1.0 if timed >= 1 else 1 / 3
    given = _ratio_part(draft, own)
    quantities = _quantities(reading)
    computed = [item for item in quantities if item.status in ("derived", *SOURCED)]
    other = reading.prose(reading.find("money", ("latency", "relative", "throughput", "give_up")))
    other += reading.prose(reading.find("situation", "threshold", "latency"))
    lasting = [place for place in reading.find("volume", section="deployment") if _lasts(reading, place)]
    credit = 1.0 if computed or lasting else BY_RATIO if other else 0.6 if quantities else 0.0
    places = [item.passage for item in computed or quantities] or lasting or other
    missing = "GPUs, money, or the time for 64,000 complaints"
    draft.part(2.0, credit * own, found="a quantity that a decision needs", missing=missing, places=places)
    if computed and not given:
        draft.points += 0.5
    draft.spread = 0.0 if computed else 0.5
    return draft


def _lasts(reading: Reading, place: int) -> bool:
    """How long an amount of complaints takes, in whatever notation, for both models."""
    text = reading.memo.passages[place].text.lower()
    return len(_DURATION.findall(text)) > 1 or ("(min" in text and len(reading.numbers_in([place])) > 1)


def _ratio_part(draft: Draft, own: float) -> bool:
    """The ratio's two points; whether one is given at all."""
    reading = draft.reading
    ratios = _ratios(reading)
    right = [item for item in ratios if _fits_ratio(reading, item)]
    true = _ratio(reading)
    places = [item.passage for item in right or ratios]
    missing = "how many times slower, from your own timing"
    if ratios and not right and true is not None:
        found = f"a ratio of {ratios[0].text}, where the outputs give {true:.2g}"
        draft.part(2.0, 0.5 * own, found=found, missing=missing, places=places)
    else:
        draft.part(2.0, own if ratios else 0.0, found="the ratio", missing=missing, places=places)
    return bool(ratios)


def _ratios(reading: Reading) -> list[MemoNumber]:
    """Ratios that are about speed or cost."""
    about = {"latency", "throughput", "money", "give_up", "hardware"}
    return [
        item
        for item in reading.memo.numbers
        if (item.unit == "x" or item.kind == "ratio")
        and (
            _fits_ratio(reading, item)
            or (about & _tags_near(reading, item) and not {"macro_f1", "rare"} & _tags_near(reading, item))
        )
    ]


def _tags_near(reading: Reading, item: MemoNumber) -> frozenset[str]:
    return reading.memo.passages[item.passage].tags


def _ratio(reading: Reading) -> float | None:
    """Decoder's time over the encoder's, from the outputs."""
    for metric, upside in (("latency_ms", False), ("throughput", True)):
        values = {
            model: next(
                (
                    item.value
                    for item in reading.outputs
                    if item.metric == metric and item.model == model and item.value > 0
                ),
                None,
            )
            for model in MODELS
        }
        one, other = values["encoder"], values["decoder"]
        if one and other:
            return one / other if upside else other / one
    return None


def _fits_ratio(reading: Reading, item: MemoNumber) -> bool:
    true = _ratio(reading)
    if true is None or item.unit not in ("x", "") or item.kind not in ("ratio", "value", "difference"):
        return False
    passage = reading.memo.passages[item.passage]
    told = {"latency", "throughput", "relative"} & passage.tags or "ratio" in passage.text.lower()
    if item.unit == "" and item.kind != "ratio" and not told:
        return False
    step = 0.5 if item.value == round(item.value) else 0.06
    return abs(abs(item.value) - true) <= max(true * RATIO_SLACK, min(step, true * 0.12))


def _quantities(reading: Reading) -> list[MemoNumber]:
    """Times of the length of a backlog, money, GPUs, outside the plans of section 5."""
    return [
        item
        for item in reading.memo.numbers
        if item.unit in ("min", "h", "money")
        and reading.memo.passages[item.passage].section != "next"
        and {"volume", "latency", "throughput", "recommend", "situation", "hours", "money"}
        & reading.memo.passages[item.passage].tags
        and item.status != "course"
    ]


def _recommendations(reading: Reading) -> list[int]:
    """Sentences, or rows of a table on situations, that settle which model to use."""
    found = [index for index, _ in reading.written() if _settles(reading, index)]
    return found if any({"encoder", "decoder"} & _tags_at(reading, place) for place in reading.around(found)) else []


def _settles(reading: Reading, place: int) -> bool:
    """By its words; under the heading of deployment also a situation with one model's name."""
    item = reading.memo.passages[place]
    if item.section not in ("deployment", None, "systems", "per_class"):
        return False
    home = item.section == "deployment"
    row = item.kind == "row"
    models = {"encoder", "decoder"} & (item.inside if row else item.tags)
    if row:
        return len(models) == 1 and "situation" in item.inside and not item.classes
    if "recommend" in item.tags:
        return home or "experiment" not in item.tags
    brief = len(item.text.split()) <= BRIEF and not any(map(str.isdigit, item.text))
    brief = brief and not {"latency", "throughput", "rise", "superlative"} & item.tags
    return home and len(models) == 1 and ("situation" in item.tags or brief)


def _tags_at(reading: Reading, place: int) -> frozenset[str]:
    return reading.memo.passages[place].tags


def recommendation(reading: Reading) -> Draft:
    """4c: which model, for which named situation."""
    draft = Draft(reading, spread=1.0)
    found = _recommendations(reading)
    draft.not_judged.append("Whether someone could act on the recommendation.")
    if not found:
        draft.part(6.0, 0.0, found="", missing="a recommendation: which model, for which situation")
        if reading.find("it_depends"):
            draft.points = 0.5
            draft.seen.append("“it depends”, without saying on what")
        return draft
    near = reading.around(found, REASONS)
    tags = frozenset().union(*(reading.memo.passages[place].tags for place in reading.around(found)))
    situations = [place for place in near if "situation" in reading.memo.passages[place].tags]
    numbers = [
        item
        for item in reading.numbers_in(reading.around(found))
        if item.status in (*SOURCED, "derived") or item.kind == "planned"
    ]
    share = reading.own(found)
    draft.part(2.0, share, found="a recommendation", missing="a recommendation", places=found)
    draft.part(
        2.0,
        share if situations else 0.15,
        found="a named situation",
        missing="a named situation: who uses it, how many, how fast",
        places=situations,
    )
    both = len(situations) > 1 or "switch" in tags or "condition" in tags
    draft.part(
        1.0,
        share if numbers else 0.0,
        found="figures that it can be acted on with",
        missing="figures someone could act on: a budget, a volume",
    )
    draft.part(
        1.0,
        share if both and situations else 0.0,
        found="where it would be the other model",
        missing="for which situation it would be the other model",
    )
    if not situations and "it_depends" in tags and not {"encoder", "decoder"} & _recommend_tags(reading, found):
        draft.cap(1.0, "“it depends”, without saying on what")
    draft.points *= 1.0 if max(reading.rests_on("speed"), reading.rests_on("tiers")) >= 0.8 else 0.5
    if any(_LEANS.search(reading.memo.passages[place].text.lower()) for place in reading.around(found)):
        draft.points *= LEANING
        draft.missing.append("one choice: which model, not which it might be")
    if not any(_is_reasoned(reading, place) for place in near):
        draft.points *= BARE
        draft.missing.append("why, and what someone who acts on it has to know")
    return draft


def _is_reasoned(reading: Reading, place: int) -> bool:
    """More than a name beside another: a reason, a price, a condition, in a sentence."""
    item = reading.memo.passages[place]
    words = {"reason", "inference", "give_up", "switch", "contrast", "condition", "superlative"} & item.tags
    return (
        item.kind != "row"
        and len(item.text.split()) > BRIEF
        and bool(words)
        and bool({"situation", "encoder", "decoder", "rare", "common"} & item.tags or reading.numbers_in([place]))
    )


def _recommend_tags(reading: Reading, places: list[int]) -> frozenset[str]:
    return frozenset().union(*(reading.memo.passages[place].tags for place in places))


def grounded(reading: Reading) -> Draft:
    """4d: rests on latency and tiers, gives something up, and says what would change it."""
    draft = Draft(reading, spread=1.0)
    found = _recommendations(reading)
    if not found:
        draft.part(5.0, 0.0, found="", missing="a recommendation that rests on your latency and your tiers")
        return draft
    near = reading.around(found, REASONS)
    at = {place: reading.memo.passages[place].tags for place in near}
    speed = [place for place in near if {"latency", "throughput", "hours", "money"} & at[place]]
    speed_number = [
        place for place in speed if any(item.status in (*SOURCED, "derived") for item in reading.numbers_in([place]))
    ]
    quality = [place for place in reading.prose(near) if {"rare", "common", "middle", "tier", "zero"} & at[place]]
    generic = [place for place in near if {"accuracy", "macro_f1"} & at[place]]
    share = 1.0 if max(reading.rests_on("speed"), reading.rests_on("tiers")) >= 0.8 else 0.4
    draft.part(
        1.5,
        (1.0 if speed_number else 0.5 if speed else 0.0) * share,
        found="your latency",
        missing="your latency in the reasons",
        places=speed_number or speed,
    )
    credit = 1.0 if quality and reading.numbers_in(quality) else 0.6 if quality or generic else 0.0
    draft.part(1.5, credit * share, found="your quality by tier", missing="your tiers in the reasons", places=quality)
    gives = [place for place in near if "give_up" in at[place] or _falls_short(reading, place)]
    draft.part(1.0, share if gives else 0.0, found="what it gives up", missing="what it gives up", places=gives)
    switches = [place for place in reading.around(found, 2 * REASONS) if _would_change(reading, place)]
    numbered = [
        place
        for place in switches
        if reading.numbers_in([place]) or any(char.isdigit() for char in reading.memo.passages[place].text)
    ]
    draft.part(
        1.0,
        (1.0 if numbered else 0.6 if switches else 0.0) * share,
        found="what would change it",
        missing="what would change it, with a number",
        places=numbered or switches,
    )
    if not any(_is_reasoned(reading, place) for place in reading.around(found)):
        draft.points *= BARE
    if not speed:
        draft.cap(2.0, "the recommendation does not mention latency")
    draft.not_judged.append("Whether the recommendation follows from the evidence.")
    return draft
