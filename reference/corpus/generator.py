"""Which complaints does the stage hold? Deterministic texts with a long tail over 113 issues.

A complaint is written about a *concept* (an issue). Its label is usually that concept, sometimes a more frequent issue
of the same product: people file under the popular heading, which bounds the accuracy anyone can reach and makes rare
classes hard. It answers nothing about real complaints; `reference.corpus.cfpb` reads those.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from reference.corpus.wording import CLOSINGS, FILLERS, OPENINGS, SLOTS, SYNONYMS

LABELS_FILE = Path(__file__).with_name("labels.yaml")
_SLOT = re.compile(r"<(\w+)>")
_WORD = re.compile(r"[a-z']+")


@dataclass(frozen=True)
class Recipe:
    """How the texts are mixed; every field changes how hard the task is."""

    seed: int = 20
    "Seed of everything."
    off_label: float = 0.1
    "Share of complaints filed under a more frequent issue of the same product."
    stray: float = 0.12
    "Chance of one phrase that belongs to another issue of the product."
    reword: float = 0.25
    "Chance that a word with synonyms is replaced."
    drop: float = 0.06
    "Chance that a word of a phrase is left out."
    opening: float = 0.3
    "Chance of a first sentence that says little."
    closing: float = 0.12
    "Chance of a last sentence that says little."
    longest: int = 22
    "Words of the longest complaint; a dry run pays for every token."
    named: float = 0.9
    "Share of pre-training texts whose subject is named after them, as in the headings of a forum."


@dataclass(frozen=True)
class Complaint:
    """One row."""

    text: str
    "The narrative."
    label: int
    "Index into the label list."


class Corpus:
    """The issues, their ways of being described, and the texts made from them."""

    def __init__(self, recipe: Recipe | None = None) -> None:
        self.recipe = recipe or Recipe()
        content = yaml.safe_load(LABELS_FILE.read_text(encoding="utf-8"))
        self.products: dict[str, dict[str, list[str]]] = content["products"]
        self._popular: list[str] = content["popular"]

    @cached_property
    def labels(self) -> list[str]:
        """The 113 issue names; the index of a name is its label."""
        return sorted(name for issues in self.products.values() for name in issues)

    @cached_property
    def by_frequency(self) -> list[str]:
        """Issue names from the most frequent to the rarest."""
        rest = [name for name in self.labels if name not in self._popular]
        random.Random(f"{self.recipe.seed}/order").shuffle(rest)
        return self._popular + rest

    @cached_property
    def _product_of(self) -> dict[str, str]:
        return {name: product for product, issues in self.products.items() for name in issues}

    def _filed_under_by_mistake(self, label: str, rng: random.Random) -> str:
        """A rarer issue of the same product, whose author chose `label` in its place."""
        order = self.by_frequency
        issues = self.products[self._product_of[label]]
        rarer = [name for name in issues if order.index(name) > order.index(label)]
        return rng.choice(rarer) if rarer else label

    def text(self, concept: str, rng: random.Random) -> str:
        """One narrative about `concept`."""
        while True:
            text = self._text(concept, rng)
            if len(text.split()) <= self.recipe.longest:
                return text

    def _text(self, concept: str, rng: random.Random) -> str:
        product = self._product_of[concept]
        issues = self.products[product]
        phrases = rng.sample(issues[concept], rng.choice((1, 1, 1, 2)))
        if rng.random() < self.recipe.stray:
            other = rng.choice([name for name in issues if name != concept])
            phrases.append(rng.choice(issues[other]))
        middle = [self._worn(phrase, rng) for phrase in phrases] + rng.sample(FILLERS, rng.choice((0, 0, 0, 1)))
        parts = rng.sample(middle, len(middle))
        if rng.random() < self.recipe.opening:
            parts.insert(0, rng.choice(OPENINGS).replace("<product>", product))
        if rng.random() < self.recipe.closing:
            parts.append(rng.choice(CLOSINGS))
        return " ".join(_sentence(_fill(part, rng), rng) for part in parts)

    def _worn(self, phrase: str, rng: random.Random) -> str:
        """`phrase` as another person would say it: synonyms, missing words."""
        words = []
        for word in phrase.split():
            if word in SYNONYMS and rng.random() < self.recipe.reword:
                word = rng.choice(SYNONYMS[word])
            if rng.random() >= self.recipe.drop or not _WORD.fullmatch(word):
                words.append(word)
        return " ".join(words) or phrase

    def labelled(self, sizes: dict[str, int], part: str, *, taken: set[str]) -> list[Complaint]:
        """`sizes[name]` complaints of every issue, shuffled; no text twice, none that is in `taken` (which grows)."""
        rng = random.Random(f"{self.recipe.seed}/{part}")
        rows = []
        for name in self.by_frequency:
            for _ in range(sizes[name]):
                mistaken = rng.random() < self.recipe.off_label
                concept = self._filed_under_by_mistake(name, rng) if mistaken else name
                rows.append(Complaint(self._unseen(concept, rng, taken), self.labels.index(name)))
        rng.shuffle(rows)
        return rows

    def unlabelled(self, part: str, *, taken: frozenset[str] = frozenset()) -> Iterator[str]:
        """Endless texts for pre-training, every issue equally likely, without the narratives in `taken`."""
        rng = random.Random(f"{self.recipe.seed}/{part}")
        while True:
            concept = rng.choice(self.labels)
            text = self.text(concept, rng)
            if text not in taken:
                yield f"{text} {concept.lower()}" if rng.random() < self.recipe.named else text

    def _unseen(self, concept: str, rng: random.Random, taken: set[str]) -> str:
        while True:
            text = self.text(concept, rng)
            if text not in taken:
                taken.add(text)
                return text


def long_tail(names: list[str], total: int, *, top: tuple[int, ...], least: int) -> dict[str, int]:
    """Sizes per name (most frequent first): `top` as given, then a hyperbola down to `least`, `total` in all."""
    rest = names[len(top) :]
    left = total - sum(top) - least * len(rest)
    weights = [1 / (rank + 6) ** 1.6 for rank in range(len(rest))]
    tail = [least + int(left * weight / sum(weights)) for weight in weights]
    tail[0] += total - sum(top) - sum(tail)
    return dict(zip(names, [*top, *tail], strict=True))


def share_out(sizes: dict[str, int], total: int) -> dict[str, int]:
    """About `total` rows in the proportions of `sizes`, at least one of each."""
    whole = sum(sizes.values())
    return {name: max(1, round(size * total / whole)) for name, size in sizes.items()}


def _fill(text: str, rng: random.Random) -> str:
    return _SLOT.sub(lambda slot: rng.choice(SLOTS[slot[1]]), text)


def _sentence(text: str, rng: random.Random) -> str:
    text = text.replace(" i ", " I ") if rng.random() < 0.8 else text
    return text[0].upper() + text[1:] + rng.choice((".", ".", ".", "!", "..."))
