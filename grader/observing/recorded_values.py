"""One printed number: its text, value and unit, and the typed `Number` that it becomes with the hints beside it.

Shares are kept as shares (56.6 % is 0.566), times per example in milliseconds. It doesn't say whether a value is right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from grader.model.finding import Citation
from grader.model.observation import Number
from grader.observing.recorded_labels import Hints

Unit = Literal["share", "percent", "ms", "s", "min", "per_second", "count", "ratio", "mb", ""]

_THINGS = (
    r"(?:ex|exs|examples?|samples?|complaints?|texts?|docs?|documents?|items?|rows?|requests?|sequences?|"
    r"Beispiele?|Texte?|Beschwerden?|Proben?|ejemplos?|muestras?|textos?|quejas?|exemples?|échantillons?|"
    r"textes?|plaintes?|esempi\w?|campioni\w?|exemplos?|amostras?|"
    r"(?:个|条)?(?:样本|例|文本|条)?)"
)
_EACH_SECOND = (
    r"(?:/|per|pro|por|par|al|a|each|every|je|每)\s?"
    r"(?:seconds?|secs?|Sekunden?|Sek\.?|segundos?|secondes?|secondo|s|秒)(?![A-Za-z])"
)
"""`per second` in the languages that students write in: Latin letters, and Chinese."""
_UNIT = (
    rf"(?P<unit>%|(?:{_THINGS}\s?)?{_EACH_SECOND}|ms\b|msec\b|milliseconds?\b|Millisekunden?\b|milisegundos?\b|millisecondes?\b|"
    r"毫秒|µs\b|us\b|[x×](?![A-Za-z0-9])|s\b|secs?\b|seconds?\b|min(?:utes?|s)?\b|"
    r"h(?:ours?|rs?)?\b|[MG]i?B\b|[KkMB](?![A-Za-z])|it/s\b|ex/s\w*|(?:examples?|samples?|complaints?|texts?|docs?)\s?/\s?s\w*)?"
)
_COMMA = (
    r"(?<![\[(,])0,\d{2,20}(?![\d,])|\d{1,9},\d{1,2}(?=\s?(?:%|ms\b|Millisek|milise|millisec|毫秒|s\b|x\b|"
    r"(?:pro|por|par|al)\s|[A-Za-zÀ-ÿ]{2,15}\s(?:pro|por|par|al)\s))"
)
"""A decimal comma: after a zero, or before a unit (`0,573`, `9,8 ms`, `37,2 ejemplos por segundo`); never between columns."""
_DIGITS = (
    rf"(?:{_COMMA})|(?:\d{{1,3}}(?:,\d{{3}}){{1,5}}|\d{{1,18}})(?:\.\d{{1,20}})?(?:[eE][-+]?\d{{1,3}})?|\.\d{{1,20}}"
)
_EACH = re.compile(_EACH_SECOND + "$", re.IGNORECASE)
NUMBER = re.compile(
    rf"(?<![\w.])(?<![A-Za-z\d)]-)(?<!\d[:/])(?P<digits>[-+−]?(?:{_DIGITS}))(?!\d|[.:]\d)(?:\s?{_UNIT})(?![A-Za-z_])"
    r"(?P<per>\s?/\s?(?:ex|examples?|samples?|batch|s|sec|complaints?|texts?|docs?|items?)\b)?"
)
WHOLE = re.compile(
    rf"^[~≈+≥≤<>$]?\s?(?P<digits>[-+−]?(?:{_DIGITS}))\s?{_UNIT}(?P<per>\s?/\s?\w{{1,10}})?(?:\s?(?:±|\+/-|\()\s?[\d.%]{{1,20}}\)?)?$"
)

_BATCH_BEFORE = re.compile(
    r"(?:\bbatch(?:es)?(?:[ _-]?(?:size|gr[öo](?:ß|ss)e))?(?: (?:of|von|de))?|\bbs|\blotes?(?: de)?|\blots? de)\s?[=:]?\s?$",
    re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"[-+−]?(?:0,\d{2,20}|\d{1,9},\d{1,2})")
_SCALE = {"K": 1e3, "k": 1e3, "M": 1e6, "B": 1e9}
SHARES = frozenset(
    {"accuracy", "balanced_accuracy", "top_k_accuracy", "f1", "macro_f1", "micro_f1", "weighted_f1"}
    | {f"{average}{name}" for average in ("", "macro_", "micro_", "weighted_") for name in ("precision", "recall")}
)
COUNTS = frozenset(
    {"zero_f1_classes", "trainable", "parameters", "support", "classes", "epochs", "steps", "batch_size", "rank"}
)
_WHOLE = COUNTS - {"epochs", "trainable", "parameters"}
_AVERAGED = frozenset({"f1", "precision", "recall"})


@dataclass(frozen=True, slots=True)
class Token:
    """A number as printed."""

    text: str
    value: float
    unit: str
    """As printed: `%`, `ms`, `x`, `M` ... or empty."""
    per: str
    """`example`, `batch`, `second` or empty."""
    start: int
    end: int
    signed: bool
    """Printed with a plus sign, so that it is likely a difference."""
    batch: bool = False
    """`batch 32`: a size, whatever the line measures."""


def tokens(line: str) -> list[Token]:
    """All numbers of a line, in order."""
    return [token for match in NUMBER.finditer(line) if (token := _token(match)) is not None]


def whole(text: str) -> Token | None:
    """The number that a table's cell consists of, if it is one."""
    text = text.strip().strip("*_` ")
    match = WHOLE.match(text) if len(text) <= 60 else None
    return _token(match) if match else None


def _token(match: re.Match[str]) -> Token | None:
    digits = match["digits"]
    point = "." if _DECIMAL_COMMA.fullmatch(digits) else ""
    try:
        value = float(digits.replace(",", point).replace("−", "-"))
    except ValueError:
        return None
    if value in (float("inf"), float("-inf")):
        return None
    unit = match["unit"] or ""
    text = match.group(0).strip()
    per = _per(match["per"] or "", unit)
    sized = (
        not unit and not per and bool(_BATCH_BEFORE.search(match.string[max(0, match.start() - 30) : match.start()]))
    )
    return Token(text, value * _SCALE.get(unit, 1.0), unit, per, match.start(), match.end(), digits[0] == "+", sized)


def _per(per: str, unit: str) -> str:
    words = per.replace("/", "").strip()
    if re.search(r"/\s?s", unit) or _EACH.search(unit) or words in ("s", "sec", "second"):
        return "second"
    if words.startswith("batch"):
        return "batch"
    return "example" if words else ""


def number(token: Token, hints: Hints, *, subject: str | None, citation: Citation) -> Number:
    """The typed number that the token is, given what the words beside it say."""
    metric = _metric(token, hints)
    if metric in _WHOLE and token.value % 1:
        metric = None
    value, unit = _scaled(token, hints, metric)
    kind = _difference(token, hints, metric)
    if kind is not None:
        metric = f"{metric}_{kind}" if metric else kind
    return Number(
        source="recorded",
        model=None if kind else hints.model,
        run=None if kind else hints.run,
        citation=citation,
        value=value,
        text=token.text,
        unit=unit,
        metric=metric,
        subject=subject,
        split=hints.split,
    )


def _difference(token: Token, hints: Hints, metric: str | None) -> str | None:
    if token.unit in ("x", "×"):
        return "ratio"
    if hints.kind:
        return hints.kind
    return "difference" if token.signed and (metric in SHARES or metric == "zero_f1_classes") else None


def _metric(token: Token, hints: Hints) -> str | None:
    metric = _metric_of_unit(token, hints.metric)
    if metric in _AVERAGED and hints.average:
        return None if hints.average.endswith("?") else f"{hints.average}_{metric}"
    if metric is None and hints.average == "macro" and 0 <= token.value <= 1:
        return "macro_f1"
    if metric == "trainable" and (token.unit == "%" or hints.percent or (0 < token.value < 100 and token.value % 1)):
        return "trainable_percent"
    return metric


def _metric_of_unit(token: Token, metric: str | None) -> str | None:
    """Units decide where words left it open or mean another thing: `10.2 ms/example`, `98 ex/s`."""
    if token.batch:
        return "batch_size"
    if token.per == "second" and token.unit not in ("%",):
        return metric if metric in ("samples_per_second",) else None if token.unit == "it/s" else "throughput"
    if token.unit == "毫秒" or re.match(r"ms|mil+i?s", token.unit, re.IGNORECASE):
        if metric == "latency_tail_ms":
            return metric
        by_batch = token.per == "batch" or (metric == "batch_latency_ms" and token.per != "example")
        return "batch_latency_ms" if by_batch else "latency_ms"
    if token.unit in ("s", "sec", "secs", "seconds", "second"):
        if token.per in ("example", "batch"):
            return "latency_ms" if token.per == "example" else "batch_latency_ms"
        return metric if metric in ("latency_ms", "batch_latency_ms", "train_time", "runtime") else "runtime"
    if token.unit == "%" and metric in COUNTS - {"trainable"}:
        return "share_of_parameters" if metric == "parameters" else None
    return metric


def _scaled(token: Token, hints: Hints, metric: str | None) -> tuple[float, Unit]:
    value = token.value
    if token.unit in ("x", "×"):
        return value, "ratio"
    if token.unit == "%" or metric == "trainable_percent":
        return value / 100, "percent"
    if metric in SHARES:
        return (value / 100, "percent") if 1.5 < abs(value) <= 100 or hints.percent else (value, "share")
    if metric in ("latency_ms", "batch_latency_ms", "latency_tail_ms"):
        in_seconds = token.unit.startswith("sec") or token.unit == "s" or (not token.unit and hints.unit == "s")
        return value * 1000 if in_seconds else value, "ms"
    if metric in ("throughput", "samples_per_second"):
        return value, "per_second"
    return value, _plain_unit(token, hints, metric)


def _plain_unit(token: Token, hints: Hints, metric: str | None) -> Unit:
    if hints.kind == "ratio":
        return "ratio"
    if metric in COUNTS:
        return "count"
    unit = token.unit[:3].lower()
    if (unit.startswith("mi") and unit != "mib") or (not unit and hints.unit == "min"):
        return "min"
    if unit in ("s", "sec") or (not unit and metric in ("runtime", "train_time") and hints.unit in (None, "s")):
        return "s"
    return "mb" if unit in ("mb", "mib") or (not unit and hints.unit == "mb") else ""
