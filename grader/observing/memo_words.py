"""What the words of a memo are about: tags from memo_words.yaml, and which language it is written in.

A tag says that something is mentioned; whether it is right, or reasoned, no word can tell.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, lru_cache
from importlib.resources import files

import yaml

_STOPWORDS = {
    "en": "the and is of to in with for that it was than this are but on as at by i",
    "de": "der die das und ist nicht mit für ich von den dem ein eine auf wie aber bei",
    "es": "el los las es de que en con para por una más no se del como pero al",
    "fr": "le les des est et que pour avec une dans pas plus sur du au par nous",
}
_WORD = re.compile(r"[a-zà-ÿßœ]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_LETTER = re.compile(r"[^\W\d_]")


@cache
def lexicon() -> dict[str, re.Pattern[str]]:
    """Every tag with its expression."""
    text = files("grader.observing").joinpath("memo_words.yaml").read_text(encoding="utf-8")
    data: dict[str, list[str]] = yaml.safe_load(text)
    return {tag: re.compile(rf"(?:(?<![a-zà-ÿ])|(?=\W))(?:{'|'.join(words)})") for tag, words in data.items()}


def normal(text: str) -> str:
    """Lower case, plain quotes and single spaces, for matching."""
    return " ".join(text.lower().replace("’", "'").replace("‑", "-").replace("–", "-").replace("—", "-").split())


@lru_cache(maxsize=8192)
def tags_of(text: str) -> frozenset[str]:
    """All tags that a sentence's words carry."""
    plain = normal(text)
    return frozenset(tag for tag, pattern in lexicon().items() if pattern.search(plain))


def language_of(text: str) -> str:
    """`en`, `de`, `es`, `fr`, `zh`; `other` where none of them fits a text that is long enough to tell."""
    letters = len(_LETTER.findall(text))
    if len(_CHINESE.findall(text)) > letters * 0.2 and letters:
        return "zh"
    words = Counter(_WORD.findall(text.lower()))
    total = sum(words.values())
    hits = {name: sum(words[word] for word in stop.split()) for name, stop in _STOPWORDS.items()}
    best = max(hits, key=lambda name: hits[name])
    foreign = letters - sum(len(word) * count for word, count in words.items() if word.isascii())
    if letters > 200 and foreign > letters * 0.3:
        return "other"
    if total >= 60 and hits[best] < total * 0.06:
        return "other" if _mostly_unknown(words, total) else "en"
    return best if hits[best] > hits["en"] * 1.2 else "en"


def _mostly_unknown(words: Counter[str], total: int) -> bool:
    """Telegram style has few stop words but names the things; another language names hardly any."""
    known = sum(count for word, count in words.items() if len(word) > 2 and tags_of(word))
    return known < total * 0.12
