"""Suggestions for the next experiment: bottleneck, experiment, metric and decision rule, feasibility."""

from __future__ import annotations

import re

from grader.scoring.suggest_draft import Draft
from grader.scoring.suggest_reading import SOURCED, Reading
from grader.scoring.suggest_shape import counts_out_of, has_two_sides, is_mine, limits_at, results_at

METRIC = ("accuracy", "macro_f1", "zero", "latency", "throughput")
IMPLIED = 0.95
"""What a bottleneck is worth that isn't named, where a design attacks what an earlier part has found."""
LATE = 0.7
"""Without a heading, a plan is looked for in the last part of the memo."""
HEADED = 3
"""So many parts under headings of their own show how the memo is built."""
_DIGIT = re.compile(r"\d")
_KNOBS = re.compile(
    r"\b(?:seed|rank|r ?=|epoch|learning rate|lr\b|modules|data|adapters|batch|split|époque|graine|test set)"
)
_ORDER = re.compile(
    r"\W*(?:re-?)?(?:train|run|take|give|swap|put|show|bring|cut|ask|let|use|make|add|set|replace|pool|repeat|label|collect|"
    r"generate|freeze|raise|lower|double|halve|merge|write|fix|change|start|drop|feed|keep)\b",
    re.IGNORECASE,
)
"""A sentence that orders something to be done."""
VAGUE = 0.6
"""What a cost is worth that is called cheap, or spent, without an amount."""
_PRICE = re.compile(
    r"(?:\d|\b(?:an?|one|two|three|four|five|six|eight|ten|half|twenty|forty|ein\w*|zwei|drei|une?|deux|trois|dos|tres|single|some))"
    r"[^.;]{0,25}(?:hours?|\bh\b|min\w*|days?|weeks?|runs?|evenings?|nights?|afternoons?|gpu|t4|€|\$|dollars|euros?|units?|labels?|"
    r"complaints|texts|sessions?|stunden?|minuten|heures?|horas?|小时)|overnight|free tier|\$ ?\d|小时"
)
_ORDERED = re.compile(
    r"in (?:the )?order of (?:\w+ )?(?:effort|cost|gain|price)|one line\b|wouldn't change|"
    r"because [^.]{0,40}(?:cheapest|easiest|quickest)"
)
_OTHERWISE = re.compile(
    r"\b(?:if not|otherwise|else|if it (?:does|doesn't|stays)|if nothing|wenn nicht|sonst|si no|sinon)\b"
)
_RULES_OUT = re.compile(r"next best|tempting|before (?:buying|labelling)|cheaper|take it before|rather than|alternativ")
_CHANGE = re.compile(
    r"\b(?:r ?= ?\d+|rank|focal|oversampl\w*|synthetic|sint[eé]tic\w*|paraphras\w*|task_type|weights? only|from \w+ to|instead of|"
    r"llm|1\.5b|epochs? (?:to|from)|class weights?|"
    r"add(?:ing)? \d+|\+ ?\d+|after adding|with \d+|qwen|loss|learning rate|mean pool\w*|pooling|length|seeds?|"
    r"temperature|sampl\w*|label\w*|adapters?|layers?|checkpoint\w*|augment\w*|translat\w*|generat\w*|batch size|"
    r"\d+ (?:more|synthetic|new|extra|further|fake|epochs|examples|complaints)|hundred|thousand|"
    r"double\w*|halv\w*|replac\w*|freez\w*|merg\w*|schedul\w*|dropout|targets?|prompt\w*|distil\w*)\b|增加|合成"
)


def _home(reading: Reading) -> list[int]:
    """Where the next step is written: its section, else what speaks of bottleneck and experiment, or plans late in the memo."""
    mine = [index for index, item in reading.written() if item.section == "next"]
    if mine:
        return mine
    if _left_out(reading):
        return []
    places = [index for index, _ in reading.written()]
    late = set(places[int(len(places) * LATE) :])
    planned = [
        place
        for place in reading.find(
            ("fixed", "threshold", "experiment", "cost"), without=("recommend", "situation", "latency")
        )
        if place in late and _plans(reading.memo.passages[place].tags)
    ]
    named = reading.find("bottleneck") + [
        place
        for place in reading.find("experiment", ("fixed", "threshold", "wish"))
        if reading.memo.passages[place].section is None
    ]
    return reading.around([*named, *planned], 2)


def _left_out(reading: Reading) -> bool:
    """Most parts have headings of their own and none is this one's: what stands under them is theirs, and is paid there."""
    parts = {part.id: part for part in reading.memo.parts}
    headed = [part for part in parts.values() if part.found == "heading" and not part.empty]
    return "next" in parts and parts["next"].found == "none" and len(headed) >= HEADED


def _plans(tags: frozenset[str]) -> bool:
    """What is held fixed, or a rule with both sides, and not a result."""
    return "fixed" in tags or {"threshold", "both_sides", "condition"} <= tags


def _tags(reading: Reading, places: list[int]) -> frozenset[str]:
    return frozenset().union(*(reading.memo.passages[place].tags for place in places)) if places else frozenset()


def _wishes(reading: Reading, home: list[int]) -> bool:
    """A list of wishes: several of the usual ones, and no design."""
    tags = _tags(reading, home)
    decided = any(_has_limit(reading, place) for place in home)
    free = [place for place in home if not (decided and _holds_fixed(reading, place))]
    text = " ".join(reading.memo.passages[place].text.lower() for place in free)
    kinds = set(
        re.findall(
            r"more data|bigger model|larger model|hyperparam|more epochs|better gpu|gpt-?4|ensembl|"
            r"augmentation|learning rate|rank|preprocess|rlhf|retrieval",
            text,
        )
    )
    return len(kinds) >= 2 and not {"fixed", "threshold"} <= tags


def bottleneck(reading: Reading) -> Draft:
    """5a: one bottleneck, shown in own results."""
    draft = Draft(reading, spread=0.75)
    home = _home(reading)
    named = [place for place in home if "bottleneck" in reading.memo.passages[place].tags]
    stated = [place for place in reading.prose(home) if _states(reading, place)]
    doubts = [place for place in reading.prose(home) if {"doubt", "open"} & _tags(reading, [place])]
    hinted = [place for place in home if {"zero", "rare"} & _tags(reading, [place])]
    implied = named or stated[:2] or hinted[:1] or doubts[:1]
    credit = reading.own(named) if named else 0.75 if stated or (doubts and not hinted) else 0.5 if implied else 0.0
    shown = [place for place in reading.around(implied) if place in home and _shows(reading, place)] or stated
    attacked = _attacked(reading, home)
    credit = max(credit, IMPLIED * attacked)
    draft.part(1.75, credit, found="a bottleneck", missing="one bottleneck", places=named or implied)
    draft.part(
        2.25,
        0.5 + 0.5 * attacked if shown else IMPLIED * attacked,
        found="an own result that shows it",
        missing="the number of yours that shows it",
        places=shown,
    )
    if _wishes(reading, home) and not shown:
        draft.cap(1.0, "a list of wishes rather than one bottleneck")
    draft.points *= 1.0 if reading.grounded >= 1 else 0.6
    draft.not_judged.append("Whether this is the bottleneck that the results show.")
    return draft


def _attacked(reading: Reading, home: list[int]) -> float:
    """How far a design follows on the bottleneck: what is designed against is no wish."""
    fixed = any(_holds_fixed(reading, place) for place in home)
    limit = any(_has_limit(reading, place) for place in home)
    return 1.0 if fixed and limit else 0.5 if fixed else 0.3 if limit else 0.0


def _states(reading: Reading, place: int) -> bool:
    """A sentence that tells an own result and plans nothing."""
    tags = reading.memo.passages[place].tags
    if {"fixed", "expectation", "cost"} & tags or (limits_at(reading, place) and {"threshold", "both_sides"} & tags):
        return False
    own = any(item.status in SOURCED for item in reading.numbers_in([place]))
    counted = counts_out_of(reading, place) and ({"rare", "zero"} & tags or not {"asks", "condition", "modal"} & tags)
    return bool(results_at(reading, place)) or own or bool(counted)


def _shows(reading: Reading, place: int) -> bool:
    """An own figure or a clearly named finding stands here, not a plan."""
    item = reading.memo.passages[place]
    told = (
        ("agrees", "rounded", "derived", "unsourced")
        if {"zero", "rare"} & item.tags
        else ("agrees", "rounded", "derived")
    )
    numbers = [
        number
        for number in reading.numbers_in([place])
        if number.kind == "value" and number.status in told and number.metric is not None
    ]
    return bool(numbers) or ("open" in item.tags and "bottleneck" not in item.tags) or "task_type" in item.text


def experiment(reading: Reading) -> Draft:
    """5b: one change, everything else fixed."""
    draft = Draft(reading, spread=1.0)
    home = _home(reading)
    planned = [place for place in home if "experiment" in _tags(reading, [place])]
    planned = planned or [place for place in home if _plans_change(reading, place)]
    if not planned and any(_has_limit(reading, place) for place in home):
        planned = [place for place in reading.prose(home) if _holds_fixed(reading, place)]
    draft.part(1.5, reading.own(planned), found="an experiment", missing="one experiment", places=planned)
    changed = [
        place
        for place in home
        if _changes(reading, place)
        and ({"experiment", "fixed"} & _tags(reading, reading.around([place])) or _intends(reading, place))
    ]
    sized = [place for place in changed if _is_sized(reading, place)]
    fixed = [place for place in home if _holds_fixed(reading, place)]
    share = 1.0 if sized or fixed else 0.4
    draft.part(
        1.75,
        reading.own(changed) * share if planned or changed else 0.0,
        found="what is changed",
        missing="what exactly is changed, and by how much",
        places=changed,
    )
    draft.part(
        1.75,
        1.0 if fixed and (planned or changed) else 0.0,
        found="what is held fixed",
        missing="what is held fixed",
        places=fixed,
    )
    if _wishes(reading, home) and not sized:
        draft.cap(1.0, "several ideas, none of them designed")
    draft.points *= 1.0 if reading.grounded >= 0.8 else 0.5
    draft.not_judged.append("Whether the experiment attacks the bottleneck and could tell the explanations apart.")
    return draft


def _changes(reading: Reading, place: int) -> bool:
    """It says what would be done to what: a plan with a part of the set-up in it, and no result."""
    item = reading.memo.passages[place]
    meant = "knob" in item.tags and ("experiment" in item.tags or ("plan" in item.tags and _intends(reading, place)))
    told = {"contrast", "superlative"} & item.tags or _DIGIT.search(item.text) or _ORDER.match(item.text)
    planned = meant and bool(told)
    return _CHANGE.search(item.text.lower()) is not None or bool(planned)


def _plans_change(reading: Reading, place: int) -> bool:
    """A plan that names a part of the set-up, or that holds the rest of it."""
    tags = reading.memo.passages[place].tags
    return {"plan", "fixed"} <= tags or ({"plan", "knob"} <= tags and _intends(reading, place))


def _intends(reading: Reading, place: int) -> bool:
    """Somebody means to do it: in the first person, as an order, as what would be."""
    item = reading.memo.passages[place]
    return is_mine(reading, place) or "modal" in item.tags or _ORDER.match(item.text) is not None


def _is_sized(reading: Reading, place: int) -> bool:
    """How much is changed: an amount that is no result and no count of what there is."""
    item = reading.memo.passages[place]
    new = [
        number for number in reading.numbers_in([place]) if number.status not in SOURCED and number.kind != "planned"
    ]
    return bool({"plan", "experiment"} & item.tags and new and "cost" not in item.tags and "reason" not in item.tags)


def _holds_fixed(reading: Reading, place: int) -> bool:
    """Its words say so, or it lists three parts of the set-up."""
    item = reading.memo.passages[place]
    return "fixed" in item.tags or ("wish" not in item.tags and len(set(_KNOBS.findall(item.text.lower()))) >= 3)


def decision(reading: Reading) -> Draft:
    """5c: metric, threshold, what is done on either side."""
    draft = Draft(reading, spread=0.5)
    home = _home(reading)
    metric = [
        place
        for place in home
        if set(METRIC) & reading.memo.passages[place].tags
        and (
            {"threshold", "experiment", "fixed", "both_sides", "expectation"} & _tags(reading, reading.around([place]))
            or _has_limit(reading, place)
        )
    ]
    draft.part(1.0, 1.0 if metric else 0.0, found="a metric", missing="the metric that decides", places=metric)
    threshold = [place for place in home if _has_limit(reading, place)]
    draft.part(
        1.5,
        1.0 if threshold else 0.0,
        found="a value that decides",
        missing="the value you expect or require",
        places=threshold,
    )
    around = [place for place in reading.around(threshold) if place in home]
    told = [place for place in around if "both_sides" in reading.memo.passages[place].tags]
    sides = around if has_two_sides(reading, around) else told
    several = len([place for place in threshold if "condition" in reading.memo.passages[place].tags])
    either = several > 0 or (bool(metric) and not threshold and _both_ways(reading, home))
    draft.part(
        1.5,
        1.0 if sides else 0.7 if either else 0.0,
        found="what is done on either side",
        missing="what you do above and below it",
        places=sides,
    )
    if reading.grounded < 0.8:
        draft.points *= 0.7
    draft.not_judged.append("Whether the rule would decide anything.")
    return draft


def _both_ways(reading: Reading, home: list[int]) -> bool:
    """What would follow from either outcome, though no value parts them."""
    ways = [place for place in reading.prose(home) if "condition" in reading.memo.passages[place].tags]
    return len(ways) > 1 and any(_OTHERWISE.search(reading.memo.passages[place].text.lower()) for place in ways)


def _has_limit(reading: Reading, place: int) -> bool:
    """A value that no output holds, for something that is measured, asked for rather than set."""
    item = reading.memo.passages[place]
    measured = {"rare", "common", "middle", "tier", *METRIC} & _tags(reading, reading.around([place]))
    asked = {
        "condition",
        "expectation",
        "both_sides",
        "threshold",
        "modal",
        "contrast",
        "superlative",
        "asks",
    } & item.tags
    set_up = "fixed" in item.tags and not {"condition", "threshold"} & item.tags
    part = {"fraction", "zero"} <= item.tags and bool({"asks", "modal"} & item.tags)
    limits = {abs(number.value) for number in limits_at(reading, place)}
    told = asked or re.search(r"[<>≥≤]", item.text) or len(limits) > 1
    ruled = len(limits) > 1 and "condition" in item.tags
    return bool(ruled or (measured and told and (limits or part))) and not set_up


def feasible(reading: Reading) -> Draft:
    """5d: what it costs, or why this one."""
    draft = Draft(reading, spread=0.5)
    home = _home(reading)
    cost = [
        place
        for place in home
        if "cost" in reading.memo.passages[place].tags
        and {"hours", "hardware", "money", "cost"} & reading.memo.passages[place].tags
        and not _only_word(reading, place)
    ]
    draft.part(
        1.25,
        1.0 if any(_is_priced(reading, place) for place in cost) else VAGUE if cost else 0.0,
        found="what it costs",
        missing="what it costs: hours, labels, money",
        places=cost,
    )
    other = [
        place
        for place in home
        if _prefers(reading, place) or _ORDERED.search(reading.memo.passages[place].text.lower())
    ]
    draft.part(
        0.75,
        1.0 if other else 0.0,
        found="why this one rather than the next best",
        missing="why this one rather than the next best",
        places=other,
    )
    if reading.grounded < 0.6:
        draft.points *= 0.5
    return draft


def _is_priced(reading: Reading, place: int) -> bool:
    """An amount of time, money, labels or runs."""
    return _PRICE.search(reading.memo.passages[place].text.lower()) is not None


def _only_word(reading: Reading, place: int) -> bool:
    """Speaks of cost without any amount."""
    text = reading.memo.passages[place].text.lower()
    amount = _DIGIT.search(text) or re.search(
        r"\b(?:an?|one|two|three|four|five|six|eight|ten|twenty|forty|half|single|overnight|ein\w*|zwei|drei|deux|trois|une?|dos|tres)\b",
        text,
    )
    return amount is None


def _prefers(reading: Reading, place: int) -> bool:
    """Another way of going on, and what speaks against it or for this one."""
    item = reading.memo.passages[place]
    if "alternative" in item.tags and _RULES_OUT.search(item.text.lower()):
        return True
    other = {"wish", "size", "knob", "alternative"} & item.tags
    weighed = "first" in item.tags and bool({"contrast", "superlative", "inference", "negated", "modal"} & item.tags)
    return bool(other and weighed) and not limits_at(reading, place)
