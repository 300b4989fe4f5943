"""Claims without a figure of their own that the student's own tables contradict: shares, directions, "every", zeros, speed.

Only plain statements of results are looked at: no plans, no expectations, nothing negated, quoted or hedged by a condition. Where a
claim could be meant in a way that fits, it is not called contradicted. It gives no points and says nothing about why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from grader.model.finding import Citation
from grader.model.memo import Passage, RefutedClaim
from grader.observing.memo_tables import DECODER, ENCODER, WEIGHTED, Series, Tables, Tier

NEARLY_ALL, MOST = 0.6, 0.3
"""Least share of the difference that may be called nearly all of it, or most of it, without a contradiction."""
MOVED, SHIFTED = 0.05, 0.01
"""A change in F1 that can't be called none; one that has a direction."""
MOVED_FROM_LITTLE, QUARTER = 0.03, 0.25
"""A smaller change that can't be called none either, where it is this part of what was there."""
RATIO_SLACK = 0.15
_NOT_A_RESULT = frozenset({"expectation", "hypothesis", "experiment", "switch", "week2", "full_ft"})
_CLAUSE = re.compile(
    r"[;:,()]|\bwhile\b|\bwhereas\b|\bbut\b|\balthough\b|\bthough\b|\bwährend\b|\baber\b|\bpero\b|\bmientras\b"
)
_UNSURE = re.compile(
    r"\bnot\b(?! (?:move|change|gain|improve|benefit))|n't\b(?! (?:move|change|gain|improve|benefit))|\bif\b|\bwould\b|\bshould\b|"
    r"\bcould\b|\bmight\b|\bmay\b|\bwhether\b|\bexpect|\bpredict|\bhypothes|\bsays?\b|\bclaims?\b|\btrue\b|\bfalse\b|\bmyth\b|\brelativ|"
    r"\blecture\b|\bone would\b|\bnicht\b|\bkein|[\"“”„«»]"
)
_RAREST = re.compile(r"\brarest\b|\blowest\b|\bbottom (?:tier|quart|bin|group)|\bfirst quart|\bq1\b|\bleast frequent\b")
_RARE = re.compile(r"\brare\b|\btail\b|\binfrequent\b|\bselten|\bcola\b|\braras?\b|\bminority\b")
_COMMON = re.compile(
    r"\bcommon(?:est)?\b|\bfrequent\b|\bhead\b|\btop (?:tier|quart|bin|group)|\blast quart|\bhäufig|\bcabeza\b|\bcomunes\b"
)
_MIDDLE = re.compile(r"\bmid(?:dle)?\b|\bmedium\b|\bmittler|\bmedias?\b")
_SOME_TIER = re.compile(
    r"\b(?:tiers?|quart\w+|bins?|buckets?|groups?|classes|klassen|stufen?|niveles|clases|tail|head)\b"
)
_GAIN = r"(?:gains?|gap|improvement|difference|advantage|benefit|increase|lead|gewinn\w*|abstand\w*|vorteil\w*|mejora|ganancia)"
_ALL = (
    r"(?:nearly all|almost all|virtually all|practically all|all|entirely|exclusively|solely|only|"
    r"fast (?:der )?(?:ganze|alle)\w*|casi tod\w+)"
)
_MUCH = r"(?:most|mostly|mainly|largely|the bulk|the majority|primarily|größtenteils|hauptsächlich)"
_IN = r"(?:in|from|on|at|by|to|aus|bei|en|de)"
_LIES = r"(?:comes?|is|lies|sits|stems|stammt|liegt|viene)"
_SHARE = re.compile(
    rf"\b(?:(?P<all>{_ALL})|(?P<most>{_MUCH}))\b(?: of)?(?: the| this| its| that)?[^.]{{0,25}}\b{_GAIN}\b[^.]{{0,25}}\b{_IN}\b"
    rf"|\b{_GAIN}\b[^.]{{0,30}}\b{_LIES}\b[^.]{{0,12}}\b(?:(?P<all2>{_ALL})|(?P<most2>{_MUCH}))\b[^.]{{0,12}}\b{_IN}\b"
)
_EVERY = re.compile(
    r"\b(?:in|on|for|across) (?:every|each|all)(?: single)?(?: of)?(?: the| our)?(?: \d+)? "
    r"(?P<what>tiers?|class(?:es)?|groups?|bins?|buckets?|quart\w+)\b"
    r"|\b(?P<everywhere>everywhere|across the board)\b"
    r"|\bin (?:allen|jeder) (?P<german>stufen?|klassen?)\b|\ben tod[oa]s l[oa]s (?P<spanish>niveles|clases)\b"
)
_UP = re.compile(
    r"\b(?:wins?|won|better|ahead|beats?|outperforms?|stronger|higher|superior|improv\w+|gain(?:s|ed)?|rises?|rose|"
    r"increas\w+|helps?|helped|gewinn\w+|besser|gana|mejor)\b"
)
_DOWN = re.compile(
    r"\b(?:loses?|lost|worse|behind|weaker|lower|inferior|falls?|fell|drops?|dropped|declin\w+|decreas\w+|hurts?|"
    r"verliert|schlechter|pierde|peor)\b"
)
_FLAT = re.compile(
    r"(?:did|does|do|didn't|doesn't|don't)(?: not)? (?:move|change|gain|improve|benefit)|\bunchanged\b|"
    r"\bno (?:gain|difference|improvement|effect)\b|\bgains? nothing\b|\bunverändert\b"
)
_OTHERS = re.compile(r"\b(?:the )?(?:other|remaining) (?:tiers|classes|groups|quart\w+|bins)\b")
_ONLY = re.compile(r"\bonly (?:the )?(?P<who>[\w ]{3,30}?) (?:gains?|gained|improves?|improved|benefits?|benefited)\b")
_NO_ZERO = re.compile(
    r"\bno (?:\w+ ){0,2}(?:class|category|label)(?:es)? (?:is |are |was |remains? |stays? |left |has |with |gets )*"
    r"(?:left )?(?:at |an? )?(?:f1 of )?(?:zero|0)\b|\bno (?:more )?zeros?\b|\bno zero-f1\b"
)
_SEVERAL = re.compile(r"\b(?P<end>upper|top|lower|bottom) (?P<many>two|three|four|2|3|4)\b")
_TIMES = re.compile(
    r"\b(?P<n>two|three|four|five|\d+(?:\.\d+)?) ?(?:times|x|×)(?: as)? (?:slow\w*|fast\w*|long)\b"
    r"|\b(?P<twice>twice) as (?:slow|fast|long)\b"
)
_TOO_CLOSE = 1.3
"""Below this ratio the two were hardly timed on the same footing as the claim is about."""
_NUMBERS = {"two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "2": 2.0, "3": 3.0, "4": 4.0}
_WEIGHTING = re.compile(r"\b(?:weighted|weighting|class weights|with weights|gewichtung|ponderaci)")
_METRIC = {
    "accuracy": re.compile(r"\baccuracy\b|\bgenauigkeit\b"),
    "macro_f1": re.compile(r"\bmacro[- ]?f1\b|\bmakro-f1\b"),
}


def refuted_claims(passages: tuple[Passage, ...], tables: Tables) -> tuple[RefutedClaim, ...]:
    """Every claim that the tables contradict, one per passage and kind."""
    found: dict[tuple[int, str], RefutedClaim] = {}
    for index, item in enumerate(passages):
        if item.kind in ("row", "heading") or not item.memo or item.section == "next" or _NOT_A_RESULT & item.tags:
            continue
        text = " ".join(item.text.lower().replace("’", "'").split())
        for claim in _claims(index, item, text, tables):
            found.setdefault((index, claim.kind), claim)
    return tuple(found.values())


def _claims(index: int, item: Passage, text: str, tables: Tables) -> Iterator[RefutedClaim]:
    weighted = item.section == "weighting" or (item.section != "per_class" and _WEIGHTING.search(text) is not None)
    pair = (WEIGHTED, DECODER) if weighted else (DECODER, ENCODER)
    for told in _RULES:
        for kind, outputs, cited in told(text, pair, tables):
            yield RefutedClaim(kind=kind, passage=index, outputs=outputs, citation=cited, weighted=weighted)


Told = Iterator[tuple[str, str, Citation | None]]
Pair = tuple[Series, Series]


def _clauses(text: str) -> Iterator[str]:
    """Stretches with one statement each, without those that state no result."""
    for clause in _CLAUSE.split(text):
        if clause.strip() and not _UNSURE.search(clause):
            yield clause.strip()


def _named(clause: str, tables: Tables) -> list[int]:
    """The tiers that a clause is about; empty for none, or for several that can't be told apart."""
    last = len(tables.tiers) - 1
    if last < 1:
        return []
    found: list[int] = []
    if _RAREST.search(clause):
        found.append(0)
    elif _RARE.search(clause):
        found.extend([0, 1] if last >= 3 and not _RARE.search(tables.tiers[0].name.lower()) else [0])
    if _COMMON.search(clause):
        found.append(last)
    if _MIDDLE.search(clause):
        found.extend(range(1, last))
    return found


def _one_end(clause: str, tables: Tables) -> list[int]:
    """As `_named`, but empty where both ends are spoken of in one breath."""
    named = _named(clause, tables)
    return [] if {0, len(tables.tiers) - 1} <= set(named) or _OTHERS.search(clause) else named


def _shares(text: str, pair: Pair, tables: Tables) -> Told:
    shares = tables.shares(*pair)
    if shares is None:
        return
    for clause in _clauses(text):
        match, named = _SHARE.search(clause), _one_end(clause, tables)
        if not match or not named:
            continue
        whole = bool(match["all"] or match["all2"])
        share = sum(shares[place] for place in named)
        biggest = max(range(len(shares)), key=lambda place: shares[place]) in named
        if share < (NEARLY_ALL if whole else MOST) and (whole or not biggest):
            told = ", ".join(f"{tier.name} {part:.0%}" for tier, part in zip(tables.tiers, shares, strict=True))
            yield "share", f"shares of the macro F1 difference: {told}", tables.tiers[named[0]].citation


def _directions(text: str, pair: Pair, tables: Tables) -> Told:
    for clause in _clauses(text):
        named = _one_end(clause, tables)
        subject = _sign(clause, pair)
        flat = _FLAT.search(clause) is not None
        up, down = _UP.search(clause) is not None, _DOWN.search(clause) is not None
        if not named or not _SOME_TIER.search(clause) or (not flat and (subject == 0 or up == down)):
            continue
        deltas = [tables.tiers[place].delta(*pair) for place in named]
        known = [delta for delta in deltas if delta is not None]
        if len(known) < len(deltas):
            continue
        wrong = (
            all(_moved(tables.tiers[place], pair) for place in named)
            if flat
            else all(delta * subject * (1 if up else -1) < -SHIFTED for delta in known)
        )
        if wrong:
            yield "tier", _values(tables, named, pair), tables.tiers[named[0]].citation


def _moved(tier: Tier, pair: Pair) -> bool:
    delta = abs(tier.delta(*pair) or 0.0)
    return delta >= MOVED or (delta >= MOVED_FROM_LITTLE and delta >= QUARTER * tier.f1[pair[1]])


def _sign(clause: str, pair: Pair) -> int:
    """Whose gain is spoken of: 1 the first of the pair, -1 the second, 0 not clear."""
    if pair[0] == WEIGHTED:
        if re.search(r"\b(?:encoder|modernbert)\b", clause):
            return 0
        return -1 if re.search(r"\bunweighted|\bwithout weights|\bplain\b", clause) else 1
    one = re.search(r"\b(?:decoder|qwen)\b", clause)
    other = re.search(r"\b(?:encoder|modernbert|bert)\b", clause)
    if one and other:
        verb = _UP.search(clause) or _DOWN.search(clause)
        than = re.search(r"\bthan\b|\bals\b|\bque\b|\bover\b", clause)
        if not verb or (than and than.start() < min(one.start(), other.start())):
            return 0
        return 1 if one.start() < other.start() else -1
    alone, verb = one or other, _UP.search(clause) or _DOWN.search(clause)
    if alone is None or (
        verb and verb.start() < alone.start()
    ):  # `it beats the encoder`: whose gain, only who reads on knows
        return 0
    return 1 if one else -1


def _others(text: str, pair: Pair, tables: Tables) -> Told:
    """`The other tiers are unchanged`, and `only the rarest gain`."""
    moved = [place for place, tier in enumerate(tables.tiers) if _moved(tier, pair)]
    for clause in _clauses(text):
        only = _ONLY.search(clause)
        if _OTHERS.search(clause) and (_FLAT.search(clause) or "the same" in clause) and len(moved) > 1:
            yield "others", _values(tables, moved, pair), tables.tiers[moved[0]].citation
        elif only and (named := _one_end(only["who"], tables)):
            rest = [place for place in moved if place not in named]
            if rest and len(named) == 1:
                yield "others", _values(tables, rest, pair), tables.tiers[rest[0]].citation


def _everywhere(text: str, pair: Pair, tables: Tables) -> Told:
    for clause in _clauses(text):
        match, subject = _EVERY.search(clause), _sign(clause, pair)
        up, down = _UP.search(clause) is not None, _DOWN.search(clause) is not None
        if not match or subject == 0 or up == down:
            continue
        sign = subject * (1 if up else -1)
        word = match["what"] or match["german"] or match["spanish"] or ""
        if not word.startswith(("class", "klass", "clas")):
            against = [place for place, tier in enumerate(tables.tiers) if _against(tier.delta(*pair), sign)]
            if against:
                yield "every", _values(tables, against, pair), tables.tiers[against[0]].citation
        if not word or word.startswith(("class", "klass", "clas")):
            names = [name for name, f1 in tables.classes.items() if _against(_class_delta(f1, pair), sign)]
            if names:
                f1 = tables.classes[names[0]]
                yield "every", f"“{names[0]}”: {_name(pair[1])} {f1[pair[1]]:g}, {_name(pair[0])} {f1[pair[0]]:g}", None


def _against(delta: float | None, sign: int) -> bool:
    return delta is not None and delta * sign < -SHIFTED / 2


def _class_delta(f1: dict[Series, float], pair: Pair) -> float | None:
    return f1[pair[0]] - f1[pair[1]] if pair[0] in f1 and pair[1] in f1 else None


def _zeros(text: str, pair: Pair, tables: Tables) -> Told:
    for clause in _clauses(text):
        several, named = _SEVERAL.search(clause), _named(clause, tables)
        match = _NO_ZERO.search(clause)
        if match is None or not (several or named or "class" in clause):
            continue
        if several:
            count, size = int(_NUMBERS[several["many"]]), len(tables.tiers)
            named = list(range(size))[:count] if several["end"] in ("lower", "bottom") else list(range(size))[-count:]
        who = _sign(clause, pair)
        series = [pair[0]] if who == 1 else [pair[1]] if who == -1 else [DECODER, ENCODER]
        if named:
            counts = [sum(tables.tiers[place].zeros.get(one, 0.0) for place in named) for one in series]
            where: Tier | None = tables.tiers[named[0]]
        else:
            counts = [tables.totals.get(("zero_f1_classes", one), 0.0) for one in series]
            where = None
        if counts and min(counts) > 0 and not _OTHERS.search(clause):
            told = ", ".join(f"{_name(one)} {count:g}" for one, count in zip(series, counts, strict=True))
            yield "zeros", f"classes with an F1 of zero there: {told}", where.citation if where else None


def _speed(text: str, pair: Pair, tables: Tables) -> Told:
    true = tables.slowdown
    said = [ratio for clause in _clauses(text) for match in _TIMES.finditer(clause) if (ratio := _ratio(match))]
    if true is None or true < _TOO_CLOSE or not said:
        return
    if all(abs(ratio - true) > max(true * RATIO_SLACK, 0.5 if ratio == round(ratio) else 0.0) for ratio in said):
        yield "speed", f"the outputs' timings give {true:.2g} times", None


def _ratio(match: re.Match[str]) -> float:
    return 2.0 if match["twice"] else _NUMBERS.get(match["n"]) or float(match["n"])


def _metrics(text: str, pair: Pair, tables: Tables) -> Told:
    """Which of the two has the better accuracy or macro F1, or what weighting did to it."""
    for clause in _clauses(text):
        metrics = [name for name, words in _METRIC.items() if words.search(clause)]
        up, down = _UP.search(clause) is not None, _DOWN.search(clause) is not None
        subject = _sign(clause, pair)
        if len(metrics) != 1 or up == down or subject == 0 or _named(clause, tables) or _SOME_TIER.search(clause):
            continue
        one, other = (tables.totals.get((metrics[0], series)) for series in pair)
        if one is None or other is None:
            continue
        if (one - other) * subject * (1 if up else -1) < -SHIFTED / 2:
            told = f"{metrics[0].replace('_', ' ')}: {_name(pair[1])} {other:g}, {_name(pair[0])} {one:g}"
            yield "metric", told, None


def _values(tables: Tables, places: list[int], pair: Pair) -> str:
    return "; ".join(
        f"{tables.tiers[place].name}: {_name(pair[1])} {tables.tiers[place].f1[pair[1]]:g}, "
        f"{_name(pair[0])} {tables.tiers[place].f1[pair[0]]:g}"
        for place in places
    )


def _name(series: Series) -> str:
    return f"{series[0]} with weights" if series == WEIGHTED else series[0]


_RULES: tuple[Callable[[str, Pair, Tables], Told], ...] = (
    _shares,
    _directions,
    _others,
    _everywhere,
    _zeros,
    _speed,
    _metrics,
)
