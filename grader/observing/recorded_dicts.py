"""Dictionaries in outputs: `{'eval_accuracy': 0.571, ...}`, nested results, JSON, Trainer's log lines.

Reads literals only; anything else is left to the reader of free-form lines.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace

from grader.model.observation import Number
from grader.observing.notebook import Output
from grader.observing.recorded_labels import NOTHING, Hints, merged, read
from grader.observing.recorded_scope import Scope
from grader.observing.recorded_values import Token, number, whole

LITERAL_CHARS = 20_000
MAX_VALUES = 1_500
MAX_DEPTH = 6

_NUMPY = re.compile(
    r"\b(?:np|numpy)\.(?:float|int|uint)\d{1,3}\(([^()]{1,40})\)|\btensor\(([-\d.e+]{1,40})(?:, [^()]{1,60})?\)"
)
_DEFAULTDICT = re.compile(r"\b(?:defaultdict\(<[^<>]{1,60}>, |OrderedDict\(|Counter\()(?=\{)")
_SPECIAL = re.compile(r"(?<=[:\[, ])(?:nan|inf|-inf|NaN|Infinity)(?=[,\]} \n])")


def parse(text: str) -> dict[object, object] | list[object] | None:
    """The dictionary or list that a text is, if it is a literal of bounded size."""
    text = text.strip()
    if not text or text[0] not in "{[dOC" or len(text) > LITERAL_CHARS or text.count("{") + text.count("[") > 2_000:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = _python_literal(text)
    return value if isinstance(value, dict | list) else None


def _python_literal(text: str) -> object:
    plain = _NUMPY.sub(lambda match: match[1] or match[2], text)
    opened = _DEFAULTDICT.findall(plain)
    if opened:
        plain = re.sub(r"\}\)", "}", _DEFAULTDICT.sub("", plain))
    try:
        return ast.literal_eval(_SPECIAL.sub("None", plain))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def dict_numbers(
    value: dict[object, object] | list[object], quote: str, output: Output, scope: Scope
) -> Iterator[Number]:
    """The typed numbers of a parsed dictionary; keys nearer to a number win over outer ones."""
    subject = _progress(value)
    for count, (path, raw) in enumerate(_leaves(value, ())):
        if count >= MAX_VALUES:
            return
        token = _token(raw)
        if token is None or (path and path[-1] == "epoch" and subject):
            continue
        hints, about = _of_path(path)
        citation = output.cite(_part(quote, path, token))
        yield number(token, scope.outside(merged(hints, scope.block)), subject=about or subject, citation=citation)


def _progress(value: object) -> str | None:
    """Trainer's log lines during training carry the epoch; the final summary is about the whole run."""
    if isinstance(value, dict) and "loss" in value and isinstance(value.get("epoch"), int | float):
        return f"epoch {value['epoch']}"
    return None


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if len(path) > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)[:120]))
    elif isinstance(value, list | tuple):
        for inner in value[:MAX_VALUES]:
            yield from _leaves(inner, path if isinstance(inner, dict) else (*path, ""))
    else:
        yield path, value


def _token(raw: object) -> Token | None:
    if isinstance(raw, bool) or raw is None:
        return None
    if isinstance(raw, int | float):
        try:
            return Token(repr(raw)[:40], float(raw), "", "", 0, 0, signed=False)
        except OverflowError:
            return None
    return whole(raw) if isinstance(raw, str) else None


def _of_path(path: tuple[str, ...]) -> tuple[Hints, str | None]:
    hints = NOTHING
    subjects: list[str] = []
    for key in reversed(path):
        said = read(key)
        if key and (said == NOTHING or said.tier):
            subjects.insert(0, key)
        hints = merged(hints, replace(said, tier=False))
    return hints, " / ".join(subjects)[:200] or None


def _part(quote: str, path: tuple[str, ...], token: Token) -> str:
    """The part of a long literal around the number, for the citation."""
    if len(quote) <= 300:
        return quote
    place = quote.find(token.text, max(0, quote.find(path[-1])) if path and path[-1] else 0)
    return quote[max(0, place - 150) : place + 150] if place >= 0 else quote[:300]
