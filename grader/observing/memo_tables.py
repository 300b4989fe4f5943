"""The student's own results as tables that claims can be held against: tiers in order of frequency, classes, totals, speed.

From the saved outputs; where these hold no tiers, from the memo's own tier table. What can't be put in order is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from grader.model.base import Role
from grader.model.finding import Citation
from grader.model.memo import MemoNumber, Passage
from grader.model.observation import Number

Series = tuple[Role, str]
"""A model and its run: `plain` or `weighted`."""
ENCODER: Series = ("encoder", "plain")
DECODER: Series = ("decoder", "plain")
WEIGHTED: Series = ("decoder", "weighted")
F1 = frozenset({"f1", "macro_f1"})
_TIER = re.compile(
    r"\b(?:rare|rarest|low|mid|middle|medium|common|frequent|tail|head|few|many|tier|bin|bucket|quartile|quintile|"
    r"top|bottom|selten|mittel|häufig|cola|cabeza|q[1-9])\b|^\W*(?:n\s*)?[<>≤≥]|^\W*\d+\s*(?:[-–+]|to\b)\s*\d*",
    re.IGNORECASE,
)
_ORDER = (
    r"rare|tail|few|bottom|selten|cola|\bq1\b",
    r"\blow\b|\bq2\b",
    r"mid|medium|mittel|medio|\bq3\b",
    r"common|frequent|head|many|top|häufig|cabeza|\bq4\b",
)
_BOUND = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass
class Tier:
    """One frequency tier."""

    name: str
    f1: dict[Series, float] = field(default_factory=dict)
    zeros: dict[Series, float] = field(default_factory=dict)
    classes: float | None = None
    citation: Citation | None = None

    def delta(self, of: Series, over: Series) -> float | None:
        """How much one is above the other here."""
        return self.f1[of] - self.f1[over] if of in self.f1 and over in self.f1 else None


@dataclass(frozen=True)
class Tables:
    """All of it."""

    tiers: tuple[Tier, ...] = ()
    """From the rarest to the most frequent."""
    classes: dict[str, dict[Series, float]] = field(default_factory=dict)
    totals: dict[tuple[str, Series], float] = field(default_factory=dict)
    """(metric, series) -> value, over all classes; only where the outputs hold a single one."""

    def shares(self, of: Series, over: Series) -> tuple[float, ...] | None:
        """Each tier's part of the macro difference; null where class counts or values are missing or nothing is gained."""
        parts = [
            None if (delta := tier.delta(of, over)) is None or not tier.classes else delta * tier.classes
            for tier in self.tiers
        ]
        known = [part for part in parts if part is not None]
        total = sum(known)
        if len(known) < len(parts) or len(parts) < 2 or abs(total) < 1e-9:
            return None
        return tuple(part / total for part in known)

    @cached_property
    def slowdown(self) -> float | None:
        """The decoder's time per example over the encoder's."""
        for metric, upside in (("latency_ms", False), ("throughput", True)):
            one, other = self.totals.get((metric, ENCODER)), self.totals.get((metric, DECODER))
            if one and other:
                return one / other if upside else other / one
        return None


def tables_of(numbers: Iterable[Number], passages: tuple[Passage, ...], own: Iterable[MemoNumber]) -> Tables:
    """Tables of one submission."""
    kept = [item for item in numbers if item.split in (None, "test")]
    tiers = _ordered(_tiers(kept)) or _ordered(_memo_tiers(passages, own))
    classes: dict[str, dict[Series, float]] = {}
    totals: dict[tuple[str, Series], set[float]] = {}
    for item in kept:
        series = _series(item)
        if series is None or item.metric is None:
            continue
        if item.subject is None:
            totals.setdefault((item.metric, series), set()).add(item.value)
        elif item.metric == "f1" and not is_tier(item.subject):
            classes.setdefault(item.subject, {})[series] = item.value
    single = {key: min(values) for key, values in totals.items() if len(values) == 1}
    return Tables(tiers, classes, single)


def is_tier(subject: str) -> bool:
    """The name of a tier rather than of a class."""
    return _TIER.search(subject) is not None and len(subject) < 40


def _series(item: Number) -> Series | None:
    if item.model is None:
        return None
    return (item.model, "weighted" if item.run == "weighted" and item.model == "decoder" else "plain")


def _tiers(numbers: list[Number]) -> list[Tier]:
    found: dict[str, Tier] = {}
    unclear: set[str] = set()
    for item in numbers:
        if not item.subject or not is_tier(item.subject):
            continue
        tier = found.setdefault(item.subject, Tier(item.subject))
        series = _series(item)
        if item.metric == "classes":
            tier.classes = item.value
        elif series is not None and item.metric in F1:
            if tier.f1.setdefault(series, item.value) != item.value:
                unclear.add(item.subject)
            tier.citation = tier.citation or item.citation
        elif series is not None and item.metric == "zero_f1_classes":
            tier.zeros[series] = item.value
    return [] if unclear else [tier for tier in found.values() if len(tier.f1) >= 2]


def _memo_tiers(passages: tuple[Passage, ...], own: Iterable[MemoNumber]) -> list[Tier]:
    """Rows of the memo's own tables that begin with a tier and hold one share for each model."""
    found: dict[int, Tier] = {}
    for item in own:
        passage = passages[item.passage]
        label = passage.text.split(" | ")[0]
        if passage.kind != "row" or not is_tier(label) or item.model is None or item.kind != "value":
            continue
        if item.unit or not 0 <= item.value <= 1 or "." not in item.text.replace(",", "."):
            continue
        series: Series = (item.model, "weighted" if item.run == "weighted" else "plain")
        tier = found.setdefault(item.passage, Tier(label))
        tier.f1.setdefault(series, item.value)
        where = "memo" if passage.cell is None else "notebook"
        tier.citation = Citation.model_validate({"in": where, "cell": passage.cell, "quote": passage.text[:300]})
    return [tier for tier in found.values() if len(tier.f1) >= 2]


def _ordered(tiers: list[Tier]) -> tuple[Tier, ...]:
    """From rare to frequent by the counts in their names, else by their words; none where neither settles it."""
    if not 2 <= len(tiers) <= 8:
        return ()
    for key in (_bound, _word):
        places = [key(tier.name) for tier in tiers]
        if None not in places and len(set(places)) == len(places):
            return tuple(tier for _, tier in sorted(zip(places, tiers, strict=True), key=lambda pair: pair[0] or 0))
    return ()


def _bound(name: str) -> float | None:
    inside = re.search(r"[(\[](.+?)[)\]]", name)
    text = inside[1] if inside and _BOUND.search(inside[1]) else re.sub(r"\bq\d\b", "", name.lower())
    number = _BOUND.search(text)
    if number is None:
        return None
    value = float(number[0].replace(",", ""))
    below = re.search(r"[<≤]|under|below|fewer|less|up to|unter|menos", text.lower())
    return value / 2 - 0.5 if below and len(_BOUND.findall(text)) == 1 else value


def _word(name: str) -> float | None:
    return next((float(rank) for rank, words in enumerate(_ORDER) if re.search(words, name.lower())), None)
