"""Suggestions for class weighting on the decoder: hypothesis, result, transfer, explanation."""

from __future__ import annotations

from grader.scoring.suggest_draft import Draft
from grader.scoring.suggest_reading import SOURCED, Reading
from grader.scoring.suggest_shape import is_mine, leaves_open, quotes, reasons, results_at
from grader.scoring.suggest_systems import note

MATTER = frozenset({"rare", "common", "middle", "tier", "learning", "mechanism", "weights", "accuracy", "macro_f1"})
"""What an explanation of weighting's effect speaks of."""
BRIEF = 12
"""A sentence of at most so many words right after an expectation tells what came of it."""
SPAN = 4
"""So many sentences belong to an expectation at most."""
UNEXPLAINED, IN_GENERAL = 0.65, 0.6
"""What a verdict is worth that nothing explains, and a trade that nobody in person would take or leave."""
METRICS = (("accuracy", "accuracy"), ("macro_f1", "macro F1"), ("zero_f1_classes", "zero-F1 classes"))


def _hypotheses(reading: Reading) -> list[int]:
    found = reading.prose(reading.find("hypothesis", section="weighting", anywhere=True))
    found += reading.prose(reading.find(("hypothesis", "before"), "weighted", anywhere=True))
    found += [place for place in reading.prose(reading.find(section="weighting")) if _foresees(reading, place)]
    kept: list[int] = []
    for place in dict.fromkeys(place for place in found if _is_expected(reading, place)):
        early = {"before", "foresaw"} & reading.memo.passages[place].tags or quotes(reading, place)
        told = "verdict" in reading.memo.passages[place].tags and kept
        if early or (not told and (not kept or not _results_before(reading, place))):
            kept.append(place)
    return sorted(kept) or [
        place
        for place in reading.prose(reading.find("before", section="weighting"))
        if not _results_before(reading, place) and not _own_weighted(reading, [place])
    ]


def _is_expected(reading: Reading, place: int) -> bool:
    """By somebody, of this run: not in general, and not the exercise itself."""
    item = reading.memo.passages[place]
    label = item.text.split(":")[0] if ":" in item.text[:40] else ""
    held = (
        {"before", "foresaw", "modal", "expectation"} & item.tags or is_mine(reading, place) or quotes(reading, place)
    )
    return bool(held or label or reading.numbers_in([place])) and "asked" not in item.tags


def _foresees(reading: Reading, place: int) -> bool:
    """Said of weighting ahead of its result: by its words, a quoted note, or as what would happen."""
    tags = reading.memo.passages[place].tags
    if "foresaw" in tags:
        return True
    if _results_before(reading, place) or _own_weighted(reading, [place]) or "worth" in tags:
        return False
    told = is_mine(reading, place) or bool(reading.numbers_in([place]))
    return quotes(reading, place) or ("modal" in tags and told and "week2" not in tags)


def _own_weighted(reading: Reading, places: list[int]) -> bool:
    """A figure of the weighted run stands here."""
    return any("/weighted/" in key for item in reading.numbers_in(places) for key in item.keys)


def hypothesis(reading: Reading) -> Draft:
    """2a: held before, with a mechanism and a size."""
    draft = Draft(reading, spread=1.0)
    found = _hypotheses(reading)
    draft.not_judged.append("Whether the reason given is a mechanism, and whether it really was held before the run.")
    if not found:
        draft.missing.append("an expectation from before the run, with its reason")
        return draft
    near = _span(reading, found[0])
    tags = frozenset().union(*(reading.memo.passages[place].tags for place in near))
    first = reading.memo.passages[found[0]]
    before = "before" in tags or "foresaw" in tags or not _results_before(reading, found[0])
    share = reading.own(found)
    draft.part(
        1.5,
        share if before else 0.7 * share,
        found="an expectation on weighting",
        missing="said clearly that it was held before the run",
        places=found,
    )
    causal = {"reason", "inference", "modal"} & tags or ":" in first.text
    mechanism = "mechanism" in tags or bool(causal and "learning" in tags)
    reason = {"reason", "mechanism"} & first.tags or "reason" in tags or mechanism
    draft.part(
        1.0,
        share if reason or "week2" in first.tags or "encoder" in first.tags else 0.0,
        found="a reason for it",
        missing="a reason for the expectation",
    )
    draft.part(
        1.5,
        share if mechanism else 0.0,
        found="a mechanism is named",
        missing="a mechanism: what do the weights change in training?",
    )
    sized = [
        item
        for item in reading.numbers_in(near)
        if item.kind in ("planned", "difference") or item.unit in ("%", "points")
    ]
    sized = sized or [item for item in reading.numbers_in(near) if 0 < abs(item.value) < 1]
    draft.part(
        1.0,
        1.0 if sized or "fraction" in first.tags else 0.0,
        found="an expected size",
        missing="a rough size, so that it can turn out wrong",
    )
    if reading.grounded < 0.7:
        draft.points *= 0.75
    return draft


def _span(reading: Reading, start: int) -> list[int]:
    """An expectation with what follows it in its section up to the result."""
    home = reading.memo.passages[start].section
    found = [start]
    for place in range(start + 1, min(start + SPAN, len(reading.memo.passages))):
        item = reading.memo.passages[place]
        if item.kind in ("heading", "row") or item.section != home or _own_weighted(reading, [place]):
            break
        found.append(place)
    return found


def _results_before(reading: Reading, place: int) -> bool:
    """Results of the weighted run stand before the hypothesis in the same section."""
    home = reading.memo.passages[place].section
    return any(
        item.passage < place
        and reading.memo.passages[item.passage].section == home
        and any("/weighted/" in key for key in item.keys)
        for item in reading.memo.numbers
        if home is not None
    )


def weighted_result(reading: Reading) -> Draft:
    """2b: weighted against unweighted on three metrics."""
    draft = Draft(reading, firm=True)
    known = any(item.run == "weighted" for item in reading.outputs)
    for metric, name in METRICS:
        weighted, plain = reading.quoted("decoder", metric, run="weighted"), reading.quoted("decoder", metric)
        credit = (weighted.credit * 0.6 + plain.credit * 0.4) if weighted.credit else 0.0
        if weighted.credit:
            note(draft, f"weighted decoder: {name}", weighted)
        draft.part(5 / 3, credit, found=f"{name} with and without weights", missing=f"{name} with and without weights")
    if draft.contradicts:
        draft.points *= 0.85
    if draft.points and not known and reading.outputs:
        draft.firm, draft.spread = False, 1.5
        draft.not_judged.append("No output of a weighted run was recognised: if there is none, this earns nothing.")
    draft.without_outputs()
    return draft


def transfer(reading: Reading) -> Draft:
    """2c: beside the encoder's change of week 2, on one scale."""
    draft = Draft(reading, spread=0.5)
    weeks = [item for item in reading.memo.numbers if item.status == "course" and item.output.startswith("week 2")]
    mentions = reading.find("week2") + reading.find("encoder", "weighted")
    places = [item.passage for item in weeks] or mentions
    beside = {
        item.passage for item in reading.memo.numbers if item.status == "course" and "full fine-tuning" in item.output
    }
    weeks = [
        item
        for item in weeks
        if item.passage in beside
        or (reading.around([item.passage]) and "week2" in _tags(reading, reading.around([item.passage])))
    ]
    credit = reading.own(places) if weeks else 0.35 if reading.find("week2") else 0.0
    draft.part(1.5, credit, found="week 2's figures", missing="the encoder's figures of week 2", places=places)
    compared = [place for place in reading.prose(reading.around(places)) if _is_relative(reading, place)]
    told = reading.prose(reading.find(("relative", "fraction"), ("week2", "verdict", "encoder"), section="weighting"))
    compared += told if weeks else []
    hinted = reading.prose(
        [
            place
            for place in reading.around(places)
            if {"relative", "gap", "holds", "condition"} & reading.memo.passages[place].tags
        ]
    )
    loosely = reading.prose(
        [place for place in places if {"week2"} & reading.memo.passages[place].tags and draft.points > 1]
    )
    loosely += reading.prose(reading.find("encoder", ("contrast", "verdict"), section="weighting"))
    share = 1.0 if compared else 0.6 if hinted else 0.35 if loosely else 0.0
    known = reading.quoted("decoder", "macro_f1", run="weighted").credit >= 1
    draft.part(
        2.5,
        share * (1.0 if known else 0.3),
        found="both changes on one scale",
        missing="both changes on one scale: relative, or tier by tier",
        places=compared or hinted,
    )
    return draft


def _tags(reading: Reading, places: list[int]) -> frozenset[str]:
    return frozenset().union(*(reading.memo.passages[place].tags for place in places)) if places else frozenset()


def _is_relative(reading: Reading, place: int) -> bool:
    own = [
        item
        for item in reading.numbers_in([place])
        if item.unit == "%" and item.status in ("derived", "course", "untraced", "unsourced") and item.value != 56.6
    ]
    tiers = {"rare", "common", "tier"} & reading.memo.passages[place].tags and len(reading.numbers_in([place])) >= 2
    return len(own) >= 2 or bool(own and "week2" not in reading.memo.passages[place].tags) or bool(tiers)


def weighting_explained(reading: Reading) -> Draft:
    """2d: verdict on the hypothesis, explanation tied to evidence, worth taking or not."""
    draft = Draft(reading, spread=1.5)
    home = [
        place
        for place in reading.find(("verdict", "worth", "reason", "hedge", "test_of", "open", "alike"), anywhere=True)
        if _about_weighting(reading, place)
    ]
    home = reading.prose(home)
    tags = {place: reading.memo.passages[place].tags for place in home}
    verdict = [place for place in home if "verdict" in tags[place]] or _answers(reading)
    why = [
        place
        for place in home
        if {"reason", "hedge", "test_of", "open", "alike", "mechanism"} & tags[place]
        and "hypothesis" not in tags[place]
    ]
    why += [place for place in _readings(reading) if place not in why]
    tied = [place for place in reading.around(why, 1) if _own_evidence(reading, place)]
    hedged = [place for place in why if {"hedge", "open"} & _tags(reading, [place]) or leaves_open(reading, place)]
    draft.part(
        1.5,
        reading.own(verdict) * ((1.0 if tied or hedged else UNEXPLAINED) if _hypotheses(reading) else 0.3),
        found="a verdict on the hypothesis",
        missing="did your hypothesis hold?",
        places=verdict,
    )
    credit = (0.25 if why else 0.0) + (0.45 if why and tied else 0.0) + (0.3 if hedged else 0.0)
    if tied and not why:
        credit = 0.3
    draft.part(
        3.0,
        credit * reading.own(why or tied),
        found="an explanation",
        missing="an explanation that your own output speaks for",
        places=why or tied,
    )
    worth = [place for place in home if "worth" in tags[place]] or _decisions(reading)
    draft.part(
        1.5,
        reading.own(worth) * (1.0 if any(_is_settled(reading, place) for place in worth) else IN_GENERAL),
        found="whether the trade is worth it",
        missing="would you take the trade?",
        places=worth,
    )
    draft.points *= max(reading.rests_on("weighted"), 0.4)
    draft.not_judged.append("Whether the explanation follows from the evidence; whether a hedge is reasoning.")
    return draft


def _answers(reading: Reading) -> list[int]:
    """The weighted run's result told of an expectation: in its own sentence, in one of those that follow, or named again after it."""
    guesses = _hypotheses(reading)
    again = reading.prose(reading.find("hypothesis", section="weighting"))
    if again := [place for place in again if place not in guesses and guesses and _results_before(reading, place)]:
        return again
    near = {place for guess in guesses for place in range(guess, min(guess + SPAN, len(reading.memo.passages)))}
    written = reading.prose([place for place in sorted(near) if reading.memo.passages[place].kind != "heading"])
    found = []
    for place in written:
        compares = {"contrast", "negated", "fraction", "superlative"} & _tags(reading, [place])
        pair = results_at(reading, place) and len(reading.numbers_in([place])) > 1
        both = place in guesses and (_own_weighted(reading, [place]) or bool(pair))
        next_to = place - 1 in guesses and len(reading.memo.passages[place].text.split()) <= BRIEF
        told = results_at(reading, place) or is_mine(reading, place) or next_to
        if both or (place not in guesses and compares and told):
            found.append(place)
    return found


def _decisions(reading: Reading) -> list[int]:
    """What the student would do about weights, said after their result."""
    found = []
    for place in reading.prose(reading.find(section="weighting")):
        tags = reading.memo.passages[place].tags
        about = {"weighted", "unweighted", "weights", "decoder", "recommend"} & tags and {
            "modal",
            "negated",
            "recommend",
        } & tags
        other = {"hypothesis", "week2", "cannot", "learning", "before", "hedge", "inference"} & tags
        if about and not other and is_mine(reading, place) and _results_before(reading, place):
            found.append(place)
    return found


def _is_settled(reading: Reading, place: int) -> bool:
    """Said in person, or as what it is: not what somebody should do or might consider."""
    return is_mine(reading, place) or not {"modal", "it_depends"} & reading.memo.passages[place].tags


def _readings(reading: Reading) -> list[int]:
    """Sentences on weighting that reason from tiers, zeros or what the model learns, and are no expectation."""
    guesses = _hypotheses(reading)
    found = []
    for place in reading.prose(reading.find(section="weighting")):
        item = reading.memo.passages[place]
        matter = bool(MATTER & item.tags) or _own_evidence(reading, place)
        why = {"inference", "modal", "hedge", "cannot"} & item.tags or {"contrast", "learning"} <= item.tags
        if matter and why and reasons(reading, place) and place not in guesses:
            found.append(place)
    return found


def _about_weighting(reading: Reading, place: int) -> bool:
    item = reading.memo.passages[place]
    return item.section == "weighting" or ("weighted" in item.tags and item.section != "next")


def _own_evidence(reading: Reading, place: int) -> bool:
    """A tier figure of an own run stands here."""
    return any(
        item.status in SOURCED and any(key.split("/")[2] == "f1" for key in item.keys)
        for item in reading.numbers_in([place])
    )
