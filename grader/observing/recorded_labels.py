"""What the words beside a number say: which metric, model, run, split and frequency tier. Words only; values are not judged.

`Hints` of nearer words win over those of farther ones (`merged`). Where words contradict each other, nothing is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from grader.model.base import Role
from grader.observing.recorded_words import METRICS, TIER_WORD

Split = Literal["train", "validation", "test"]
Kind = Literal["difference", "ratio", "spread"]
LABEL_CHARS = 400
CODE_CHARS = 20_000
_SEVERAL_SPLITS = re.compile(r"\bdef |Trainer\(|eval_dataset|\.train\(")
_COMMENT = re.compile(r"#[^\n]*")

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z]{2})(?=F1)")
_PUNCTUATION = re.compile(r"[_\-/*`'\"()\[\]{}:=|,;#~!?→>]+")
_SETTING = re.compile(r"\b(?:lora[ _])?(?:r|rank|alpha|lr|epochs?|bs|seed)\s?=\s?\d[\w.-]{0,10}", re.IGNORECASE)
"""Settings inside a name (`LoRA r=16`) are no label of what is measured."""
_WEIGHTED_LOSS = re.compile(r"\bweighted (?:ce |cross entropy )?loss\b(?! \d)")
_SPACES = re.compile(r"\s+")

ENCODER = re.compile(
    r"\b(?:encoders?|enc|modern ?bert\w*|answerdotai|\w{0,8}bert(?: base)?|bidirectional|mbert|encodeurs?|codificador\w*|"
    r"codificatore|энкодер\w*|кодировщик\w*)\b|编码器|エンコーダ|인코더"
)
DECODER = re.compile(
    r"\b(?:decoders?|dec|qwen[\d.]*\w*|causal(?: lm)?|gpt\d?|llama\w*|d[eé]codeurs?|decodificador\w*|decodificatore|"
    r"декодер\w*)\b|解码器|デコーダ|디코더"
)
_WEIGHTED_AVERAGE = re.compile(r"\bweighted (?:avg|average|mean)\b|\b(?:avg|average) weighted\b")
_WEIGHTED_SCORE = re.compile(
    r"\bweighted (?:f ?1|f score|precision|recall)\b|\b(?:f ?1|precision|recall)(?: score)? weighted\b"
)
_PLAIN = re.compile(
    r"\b(?:unweighted|non ?weighted|no (?:class )?weight\w*|without (?:class )?weight\w*|w o (?:class )?weight\w*|plain|vanilla|"
    r"not weighted|uniform(?: loss)?|standard (?:ce|loss|cross entropy))\b"
)
_WEIGHTED = re.compile(
    r"\b(?:weighted|class weight\w*|with (?:class )?weights?|w (?:class )?weights?|weights|weighting|reweighted|"
    r"cw|sqrt inv\w*|inv\w* sqrt|balanced loss|wtd|wt|gewichtet\w*|pond[ée]r[ée]e?s?|ponderad[oa]s?|pesat[oi]|взвешен\w*)\b|加权"
)
_BASELINE = re.compile(
    r"\b(?:baseline|full (?:ft|fine ?tun\w*|finetun\w*)|fullft|week ?[12]|wk ?[12]|w[12]|majority|random(?: guess\w*| chance)?|"
    r"chance|lecture|zero shot|untrained|before training|dummy|tf ?idf|logistic regression|reference|previous weeks?)\b"
)
_SPLITS: tuple[tuple[Split, re.Pattern[str]], ...] = (
    ("test", re.compile(r"\b(?:tests?|held ?out|tst)\b")),
    ("validation", re.compile(r"\b(?:valid(?:ation)?|val|dev)\b")),
    ("train", re.compile(r"\btrain(?:ing)?(?= (?:loss|acc\w*|f1|macro|set|split)\b)|\btrain set\b|^train$")),
)
_RATIO = re.compile(r"\b(?:ratio|speed ?up|(?:times )?(?:slower|faster|larger|bigger|smaller)|relative|slow ?down)\b")
_SPREAD = re.compile(r"\bstd(?:dev| dev|err)?\b|\bstandard (?:deviation|error)\b|\bsd\b|±")
_DIFFERENCE = re.compile(r"\b(?:diff\w*|delta|gap|gains?|improvement|change|advantage|minus|drop)\b|[Δδ∆]")
_DIFFERENCE_SIGN = re.compile(
    r"\b(?:dec|decoder|weighted|enc|encoder|lora|qwen)\w* ?[-−–] ?(?:the )?(?:enc|dec|unweighted|plain|full|modernbert)"
)

_SHARE = re.compile(r"%|\bpercent\b|\bper ?cent\b|\bpct\b|\bshare\b|\bfraction\b")
_AVERAGES = (
    ("macro", re.compile(r"\bma[ck]ro\b|\bmf1\b|\bmacrof1\b|\bmean f ?1\b")),
    ("micro", re.compile(r"\bmicro\b")),
)
_UNIT_WORDS = (
    ("ms", re.compile(r"\bms\b|\bmsec\b|\bmilliseconds?\b|毫秒")),
    ("min", re.compile(r"\bmin(?:utes?|s)?\b")),
    ("s", re.compile(r"\bsec(?:onds?|s)?\b|(?<=\()s(?=\))|\bs (?:per )?(?:ex\w*|sample)\b")),
    ("mb", re.compile(r"\bm(?:i)?b\b|\bmegabytes?\b")),
)

_RANGE = re.compile(
    r"(?:[<>≤≥]=?\s?\d{1,6})|(?<![\w.])\d{1,6}\s?(?:-|–|—|to|\.\.)\s?\d{1,6}(?![\w.])|(?<![\w.])\d{1,6}\+|"
    r"[(\[]\s?-?\d{1,7}(?:\.\d{1,6})?\s?,\s?(?:\d{1,7}(?:\.\d{1,6})?|inf)\s?[)\]]|"
    r"\b(?:under|over|below|above|at least|at most|fewer than|more than|less than)\s\d{1,6}"
)
_TIER_ALONE = re.compile(r"^(?:low|high|very low|very high|all|small|large|rest|others?)$")


@dataclass(frozen=True, slots=True)
class Hints:
    """What some words say; null where they say nothing."""

    metric: str | None = None
    average: str | None = None
    """`macro`, `micro`, `weighted`, or `weighted?` where the words could as well mean the weighted run."""
    model: Role | None = None
    both: bool = False
    """Both models are named, so that words farther away must not decide either."""
    order: tuple[Role, ...] = ()
    """The models in the order in which they are named."""
    run: str | None = None
    split: Split | None = None
    kind: Kind | None = None
    tier: bool = False
    unit: str | None = None
    percent: bool = False


NOTHING = Hints()


def merged(near: Hints, far: Hints) -> Hints:
    """Near words, with what they leave open filled in from farther ones."""
    if far is NOTHING or near is NOTHING:
        return near if far is NOTHING else far
    settled = near.model is not None or near.both
    other_model = settled and (near.both or near.model != far.model) and far.model is not None
    averaged = near.metric in (None, "f1", "precision", "recall")
    return Hints(
        metric=near.metric or far.metric,
        average=near.average or (far.average if averaged else None),
        model=near.model if settled else far.model,
        both=near.both if settled else far.both,
        order=near.order or far.order,
        run=near.run or (None if other_model else far.run),
        split=near.split or far.split,
        kind=near.kind or far.kind,
        tier=near.tier,
        unit=near.unit or (far.unit if near.metric is None or near.metric == far.metric else None),
        percent=near.percent or (far.percent and near.metric is None),
    )


def normal(text: str, limit: int = LABEL_CHARS) -> str:
    """Lower-case words without punctuation; `macroF1` and `macro_f1` become `macro f1`."""
    text = _CAMEL.sub(" ", text[:limit])
    return _SPACES.sub(" ", _PUNCTUATION.sub(" ", text.lower())).strip()


@lru_cache(maxsize=20_000)
def read(text: str) -> Hints:
    """What a label says."""
    if not text or text.isspace():
        return NOTHING
    words = _WEIGHTED_LOSS.sub("weighted", normal(_SETTING.sub(" ", text[:LABEL_CHARS])))
    model, both, order = _models(words)
    metric = metric_of(words)
    return Hints(
        metric=metric,
        average=_average(words),
        model=model,
        both=both,
        order=order,
        run=run_of(words),
        split=split_of(words),
        kind=_kind(text, words),
        tier=is_tier(text),
        unit=next((unit for unit, pattern in _UNIT_WORDS if pattern.search(words)), None),
        percent=bool(_SHARE.search(text)),
    )


def read_code(code: str) -> Hints:
    """What the names in a cell's code say about the model, run and split of what it prints."""
    words = normal(_COMMENT.sub("", code), CODE_CHARS)
    words = re.sub(r"\baverage weighted\b|\bweighted (?:avg|random sampler)\b", " ", words)
    model, both, order = _models(words)
    run = None if both else run_of(_BASELINE.sub(" ", words))
    split = None if _SEVERAL_SPLITS.search(code) else split_of(words)
    return Hints(model=model, both=both, order=order, run=run, split=split)


def _models(words: str) -> tuple[Role | None, bool, tuple[Role, ...]]:
    encoder, decoder = ENCODER.search(words), DECODER.search(words)
    if encoder and decoder:
        first: tuple[Role, ...] = (
            ("encoder", "decoder") if encoder.start() < decoder.start() else ("decoder", "encoder")
        )
        return None, True, first
    if encoder:
        return "encoder", False, ("encoder",)
    return ("decoder", False, ("decoder",)) if decoder else (None, False, ())


def metric_of(words: str) -> str | None:
    """The first metric whose words occur, the most specific first."""
    return next((name for name, pattern in METRICS if pattern.search(words)), None)


def _average(words: str) -> str | None:
    for name, pattern in _AVERAGES:
        if pattern.search(words):
            return name
    if _WEIGHTED_AVERAGE.search(words):
        return "weighted"
    if _WEIGHTED_SCORE.search(words) and not _PLAIN.search(words):
        return "weighted?"
    return None


def run_of(words: str) -> str | None:
    """`baseline`, `plain` or `weighted`; an average called weighted is no run."""
    if _BASELINE.search(words):
        return "baseline"
    plain = bool(_PLAIN.search(words))
    rest = _WEIGHTED_AVERAGE.sub(" ", _PLAIN.sub(" ", words))
    weighted = bool(_WEIGHTED.search(rest))
    if weighted and _WEIGHTED_SCORE.search(rest) and not re.search(r"\bmacro\b", rest):
        weighted = bool(_WEIGHTED.search(_WEIGHTED_SCORE.sub(" ", rest)))
    if plain == weighted:
        return None
    return "plain" if plain else "weighted"


def split_of(words: str) -> Split | None:
    """The split, if exactly one is named."""
    found = [split for split, pattern in _SPLITS if pattern.search(words)]
    return found[0] if len(found) == 1 else None


def _kind(text: str, words: str) -> Kind | None:
    if _SPREAD.search(words):
        return "spread"
    if _RATIO.search(words):
        return "ratio"
    if _DIFFERENCE.search(words) or _DIFFERENCE.search(text) or _DIFFERENCE_SIGN.search(text.lower()[:LABEL_CHARS]):
        return "difference"
    return None


def is_tier(text: str) -> bool:
    """It names a frequency tier, in words or as a range of counts."""
    text = text[:LABEL_CHARS]
    words = normal(text)
    return bool(TIER_WORD.search(words) or _RANGE.search(text.lower()) or _TIER_ALONE.match(words))


def has_range(text: str) -> bool:
    """It says by which counts a tier is drawn."""
    return bool(_RANGE.search(text[:LABEL_CHARS].lower()))
