"""What a number in the memo is about: model, run, metric, tier, as far as the words around it say so, and how clearly.

`clear` is set only where nothing else in the clause competes; only then may a number be held to contradict an output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar

from grader.model.base import Role
from grader.model.memo import Passage
from grader.observing.memo_figures import Figure, spread_slashes
from grader.observing.memo_words import lexicon, tags_of

Name = TypeVar("Name", bound=str)
Kind = Literal["value", "difference", "ratio", "planned"]
METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro_f1",
    "zero": "zero_f1_classes",
    "trainable": "trainable",
    "latency": "latency_ms",
    "throughput": "throughput",
}
_MODELS: dict[str, Role] = {"encoder": "encoder", "decoder": "decoder"}
_RUNS = {"weighted": "weighted", "unweighted": "plain"}
_TIERS = ("rare", "middle", "common")
_CLAUSE = re.compile(r"[;；。]|\.\s|\bwhile\b|\bwhereas\b|\bcompared (?:with|to)\b")
_PART = re.compile(r"[;；,，。()（）:：]|\.\s|\bwhile\b|\bwhereas\b|\bcompared (?:with|to)\b")
"""Between commas: `the decoder reaches 0.58 accuracy and 0.25 macro F1, the encoder ...` says whose both are."""
_CHUNK = re.compile(
    r"[;；,，、()（）:：]|\.\s|\band\b|\bund\b|\by\b|\bet\b|\bwith\b|\bvs\.?|\bagainst\b|\bfrom\b|\bto\b|"
    r"->|→"
)
_PLAN = re.compile(
    r"(?:(?<![-=])[<>≤≥]=?|at least|at most|below|above|under|over|less than|more than|up to|exceeds?|exceeded|if|expect\w*|"
    r"predict\w*|guess\w*|assum\w*|"
    r"budget(?: of)?|within|no more than|deadline(?: of)?|target|threshold|"
    r"would be|should be|hop\w+|aim\w*|erwart\w*|höchstens|mindestens|unter|über|"
    r"esper\w*|al menos|超过|低于|高于|达到|预测\w*)"
    r"[^.;,]{0,18}$"
)
_DIFFERENCE = re.compile(
    r"(?:\bby|gap(?: of| is)?|difference(?: of)?|gains?|gained|loses?|lost|drop(?:s|"
    r"ped)?(?: of| by)?|improve[ds]?(?: by)?|increase[ds]?(?: by)?|worth|rises?|rose|falls?|fell|grew|climb\w*|"
    r"jump\w*|declin\w*|decreas\w*|increas\w*|up|down|um|高|差)\s*(?:about |only |around )?$"
)
_AFTER = re.compile(
    r"^\s?(?:\w+ )?(?:higher|lower|better|worse|more|less|greater|relative|increase|improvement|"
    r"gain|drop|above|below|than|besser|schlechter|mehr|weniger|más|menos|plus|moins)\b"
)
_PART_OF = re.compile(
    r"^\s?(?:%|per ?cent)?\s?of (?:the |all |our |these |those |its )*(?:\w+ )?(?:rows|examples|complaints|texts|data|labels|"
    r"classes|cases|traffic|tokens|parameters|weights|time|memory|cost|tickets|requests|samples|training set|test set)\b"
)
"""A share of something that is no result: `42 % of the training rows`."""
_OTHER_RUN = re.compile(
    r"\b(?:validation|val|dev set|training (?:set|data|accuracy)|train(?:ing)? (?:acc|f1)|epoch|checkpoint|steps?|"
    r"top-?\d|seed|previous|earlier|first (?:run|attempt|try)|initial\w*|"
    r"before (?:fixing|the fix|training)|after (?:one|two|the fix|fixing)|bug\w*|zero-shot|untrained|majority|"
    r"random|chance|micro|weighted f1|weighted-f1|precision|recall|dora|qlora|merged|unmerged|"
    r"p50|p95|p99|percentile|worst|best|single|median of|batch(?: size)?(?: of)? ?(?!32)\d+|r ?= ?(?!16)\d|"
    r"rank (?!16)\d|if|would|could|should|target|goal|hope\w*|without|instead|other|another|subset|sample of)\b"
)
_FOREIGN = re.compile(
    r"\b(?:lecture|paper|literature|et al|slides?|classmate|reported by|course(?:'s)?|vorlesung|"
    r"would have|if it (?:was|were|had))\b"
)


@dataclass(frozen=True)
class Subject:
    """What the words around a number say it is about."""

    model: Role | None = None
    run: str | None = None
    metric: str | None = None
    tier: str | None = None
    clear: bool = False
    kind: Kind = "value"
    compared: bool = False
    """The sentence tells of gains, gaps or changes: a figure that no output holds may follow from two."""


def subject_of(figure: Figure, passage: Passage) -> Subject:
    """The subject of one number of a passage."""
    text = spread_slashes(passage.text)
    return _in_row(figure, passage, text) if passage.kind == "row" else _in_prose(figure, passage, text)


def _in_row(figure: Figure, passage: Passage, text: str) -> Subject:
    column = text[: figure.start].count(" | ")
    headers = passage.header.split(" | ")
    cells = text.split(" | ")
    head = headers[column] if column < len(headers) else ""
    label = cells[0] if column else ""
    words = f"{label} ; {head} ; {cells[column] if column < len(cells) else ''}"
    model, metric = (
        _one(words, _MODELS),
        _by_unit(figure) or _one(words, METRICS) or _one(label, METRICS) or _one(head, METRICS),
    )
    run = _run(words)
    tier = next((name for name in _TIERS if lexicon()[name].search(label.lower())), None)
    baseline = (
        bool({"full_ft", "week2"} & tags_of(words))
        or _OTHER_RUN.search(words.lower()) is not None
        or _FOREIGN.search(words.lower()) is not None
    )
    single = len(re.findall(r"\d[\d.,]*", cells[column])) == 1 if column < len(cells) else False
    gain = bool({"gap", "relative"} & tags_of(head))
    kind: Kind = "ratio" if figure.unit == "x" else "difference" if figure.signed or gain else "value"
    kind = "planned" if column and figure.lead in ("<", ">", "≤", "≥") else kind
    told = _one(label, METRICS) or _one(label, _MODELS)
    clear = bool(
        model and metric and told and not baseline and single and tier is None and figure.lead not in ("<", ">")
    )
    return Subject(model, run, metric, tier, clear, kind)


def _in_prose(figure: Figure, passage: Passage, text: str) -> Subject:
    lower = _lower(text)
    clause_at = _bounds(lower, figure, _CLAUSE)
    chunk_at = _bounds(lower, figure, _CHUNK)
    clause, chunk = lower[slice(*clause_at)], lower[slice(*chunk_at)]
    said = (lower, clause_at[0], figure.start)
    metric = _by_unit(figure) or _one(chunk, METRICS) or _last(*said, METRICS) or _one(clause, METRICS)
    if figure.unit == "%" and metric != "trainable" and _PART_OF.search(lower[figure.end :]):
        metric = None
    model = _one(chunk, _MODELS) or _one(clause, _MODELS) or _last(lower, 0, figure.start, _MODELS)
    tier = next((name for name in _TIERS if name in _found(chunk)), None)
    foreign = bool({"full_ft", "week2"} & tags_of(clause)) or _FOREIGN.search(clause) is not None
    doubt = tier is not None or foreign or _OTHER_RUN.search(clause) is not None or bool(_found(clause) & set(_TIERS))
    clear = bool(
        metric
        and not doubt
        and (
            _one(chunk, _MODELS) or _one(clause, _MODELS) or _one(lower[slice(*_bounds(lower, figure, _PART))], _MODELS)
        )
        and _metric_clear(metric, figure, chunk, said)
    )
    clear = clear and _pairs_off(lower, figure)
    compared = bool({"rise", "gap"} & passage.tags)
    return Subject(model, _run(clause), metric, tier, clear, _kind(figure, lower, passage), compared)


def _kind(figure: Figure, lower: str, passage: Passage) -> Kind:
    window = lower[max(0, figure.start - 45) : figure.start]
    if figure.lead in ("<", ">", "≤", "≥") or _PLAN.search(window):
        return "planned"
    if figure.unit == "x":
        return "ratio"
    if (
        figure.signed
        or figure.unit == "points"
        or _DIFFERENCE.search(window)
        or _AFTER.search(lower[figure.end : figure.end + 30])
    ):
        return "difference"
    planned = {"hypothesis", "expectation"} & passage.tags and not {"verdict", "before"} & passage.tags
    return "planned" if planned and passage.section in ("next",) else "value"


def _metric_clear(metric: str, figure: Figure, chunk: str, said: tuple[str, int, int]) -> bool:
    return _by_unit(figure) is not None or _one(chunk, METRICS) == metric or _last(*said, METRICS) == metric


def _pairs_off(lower: str, figure: Figure) -> bool:
    """Not one of a pair (`.71 vs .66`, `44 / 33`), where only the order says which is whose."""
    before, after = lower[max(0, figure.start - 14) : figure.start], lower[figure.end : figure.end + 14]
    if re.search(r"\d[\s%x]*and $", before) or re.match(r"[\s%x]*and \W*\d", after):
        return False
    return not re.search(r"/|\bvs|->|→|to #|# to|against|从|到|对|与", f"{before[-6:]}#{after[:6]}")


def _by_unit(figure: Figure) -> str | None:
    return {"ms": "latency_ms", "per_second": "throughput"}.get(figure.unit)


@lru_cache(maxsize=4096)
def _run(words: str) -> str | None:
    plain = lexicon()["unweighted"].search(words) is not None
    rest = re.sub(r"unweighted|without (?:class )?weights|ungewichtet|未加权|weighted f1", " ", words)
    weighted = lexicon()["weighted"].search(rest) is not None
    return None if plain == weighted else ("weighted" if weighted else "plain")


@lru_cache(maxsize=8192)
def _found(words: str) -> frozenset[str]:
    """Which models, metrics and tiers a stretch of words holds."""
    lower = words.lower()
    return frozenset(tag for tag in (*METRICS, *_MODELS, *_TIERS) if lexicon()[tag].search(lower))


def _one(words: str, names: dict[str, Name]) -> Name | None:
    """The one name that a stretch of words holds; null for none or several."""
    found = {value for tag, value in names.items() if tag in _found(words)}
    if len(found) > 1 and "macro_f1" in found and "zero_f1_classes" in found:
        found.discard("macro_f1")
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=4096)
def _places(text: str, tag: str) -> tuple[tuple[int, int], ...]:
    return tuple(match.span() for match in lexicon()[tag].finditer(text))


def _last(text: str, since: int, until: int, names: dict[str, Name]) -> Name | None:
    """The name mentioned last between two places of a text."""
    places = [
        (start, value)
        for tag, value in names.items()
        for start, end in _places(text, tag)
        if since <= start and end <= until
    ]
    return max(places, key=lambda place: place[0])[1] if places else None


def _bounds(lower: str, figure: Figure, breaks: re.Pattern[str]) -> tuple[int, int]:
    start = max((match.end() for match in breaks.finditer(lower, 0, figure.start)), default=0)
    after = breaks.search(lower, figure.end)
    return start, after.start() if after else len(lower)


def _lower(text: str) -> str:
    lower = text.lower().replace("’", "'")
    return lower if len(lower) == len(text) else text
