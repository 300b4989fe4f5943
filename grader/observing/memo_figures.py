"""Numbers in running text: value and unit as written; decimal comma and point, thousands, k and M, number words before units.

It does not say what a number is about (`memo_subjects`) nor whether it is right (`memo_trace`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNIT = (
    r"(?P<unit>(?i:%|per ?cent\b|prozent\b|por ciento|percentage points?|points?\b|pts?\b|pp\b|punkte?n?\b|"
    r"puntos?\b|个百分点|ms\b|msec\b|milliseconds?\b|millisekunden|milisegundos|毫秒|"
    r"[x×](?![\w])|times\b|time\b(?!s)|-?fold\b|fach\b|mal\b|veces\b|倍|examples? ?/ ?s\w*|samples? ?/ ?s\w*|"
    r"complaints? ?/ ?s\w*|ex ?/ ?s\w*|/ ?s\b|per second|a second|条/秒|"
    r"seconds?\b|secs?\b|s\b|minutes?\b|minuten?\b|minutos?\b|mins?\b|分钟|hours?\b|hrs?\b|h\b|stunden\b|horas?\b|小时|"
    r"[MG][Bo]\b|millions?\b|millionen|millones|mio\b|billions?\b|trillions?\b|thousand\b)|"
    r"[KkMBT](?![A-Za-z])|万|亿)?"
)
_LEAD = r"(?P<lead>(?<![-=])[~≈<>≤≥=$€×x]\s?)?(?P<sign>[+\-−–](?=[\d.]))?"
_DIGITS = r"(?P<digits>\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d+)?(?!\d)|\d+[.,]\d+|\d+|[.]\d+)"
_NUMBER = re.compile(rf"(?<![A-Za-z0-9_.,/])(?<![A-Za-z]-){_LEAD}{_DIGITS}\s?-?{_UNIT}(?![A-Za-z_])")
_SLASHED = re.compile(r"(?<=[\d)%])\s?/\s?(?=[.\d])")
_MODEL_NAME = re.compile(
    r"\b(?:qwen|modernbert|bert|gpt|llama|gemma|roberta|deberta|phi|mistral)[\w.]*(?:-[\w.]+)*", re.IGNORECASE
)
_COMMA_DECIMAL = re.compile(r"(?<![\d.])\d{1,3},(?:\d{1,2}|\d{4,})(?!\d)(?!,)|(?<![\d.])0,\d")
_POINT_DECIMAL = re.compile(r"(?<![\d,])\d{0,3}\.\d{1,2}(?!\d)|(?<![\d,])0?\.\d{3,}")
_UNITS = (
    ("%", ("%", "per cent", "percent", "prozent", "por ciento")),
    ("points", ("percentage point", "point", "pt", "pp", "punkt", "punto", "个百分点")),
    ("ms", ("ms", "milli", "毫秒", "milis")),
    ("x", ("x", "×", "times", "time", "fold", "-fold", "fach", "mal", "veces", "倍")),
    ("per_second", ("example", "sample", "complaint", "ex", "/", "per second", "a second", "条/秒")),
    ("min", ("min", "分钟")),
    ("h", ("hour", "hr", "h", "stund", "hora", "小时")),
    ("mb", ("MB", "GB", "Mo", "Go")),
    ("s", ("second", "sec", "s")),
)
_SCALES = {
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "B": 1e9,
    "T": 1e12,
    "mill": 1e6,
    "mio": 1e6,
    "bill": 1e9,
    "tril": 1e12,
    "thou": 1e3,
    "万": 1e4,
    "亿": 1e8,
}
_WORDS = {
    "twice": 2.0,
    "double": 2.0,
    "two times": 2.0,
    "two to one": 2.0,
    "three to one": 3.0,
    "four to one": 4.0,
    "three times": 3.0,
    "four times": 4.0,
    "doppelt": 2.0,
    "dreifach": 3.0,
    "dreifache": 3.0,
    "dreimal": 3.0,
    "el doble": 2.0,
    "两倍": 2.0,
    "三倍": 3.0,
}
_SMALL = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight"),
    *("nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen"),
)
_TENS = {"twenty": 20.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0}
_COUNTED = {**{name: float(value) for value, name in enumerate(_SMALL, 1)}, **_TENS}
_COUNTED_UNIT = re.compile(
    r"(?<![a-z-])(?P<word>" + "|".join(_COUNTED) + r")(?: (?:extra|more|"
    r"or \w+))? (?P<unit>minutes?|hours?|seconds?)\b"
)
_CONFIGURATION = re.compile(
    r"(?:week|woche|semana|semaine|section|sections|table|figure|fig\.|cell|part|rank|rang|\br ?[=:]|alpha ?[=:]?|"
    r"batch(?:es)?(?: size)?(?: of)?|\bb ?=|seed|length|länge|epochs?|top-|step|"
    r"批大小|第|lr ?[=:]?|dropout ?[=:]?)\s*[=:]?\s*$",
    re.IGNORECASE,
)
_FACTOR = re.compile(r"(?:factor|faktor|ratio|factor de)(?: of| von| is)?:?\s*(?:about |around |~|≈)?$", re.IGNORECASE)
_WORD_NUMBER = re.compile(r"(?<![a-z])(?:" + "|".join(_WORDS) + r")(?![a-rt-z])")


CONFIGURATION = "configuration"
"""`Figure.lead` of numbers that name or set something (week 2, r=16, batch 32) and are no results."""


@dataclass(frozen=True)
class Figure:
    """A number as it stands in a text."""

    text: str
    value: float
    unit: str
    decimals: int
    """Digits after the decimal sign, as written: the precision."""
    scale: float
    """1,000,000 where it was written with M."""
    start: int
    end: int
    signed: bool
    lead: str = ""
    """`<`, `~`, `$` ... right before it."""


def decimal_comma(text: str) -> bool:
    """Whether a memo writes 0,27 rather than 0.27."""
    return len(_COMMA_DECIMAL.findall(text)) > len(_POINT_DECIMAL.findall(text))


def figures(text: str, *, comma: bool = False) -> list[Figure]:
    """All numbers of a sentence, in order."""
    spread = _MODEL_NAME.sub(lambda match: "q" * len(match.group(0)), spread_slashes(text))
    found = [figure for match in _NUMBER.finditer(spread) if (figure := _figure(match, comma)) is not None]
    found.extend(
        Figure(match.group(0), _WORDS[match.group(0)], "x", 0, 1.0, match.start(), match.end(), False)
        for match in _WORD_NUMBER.finditer(spread.lower())
    )
    found.extend(
        Figure(
            match.group(0), _COUNTED[match["word"]], _unit(match["unit"])[0], 0, 1.0, match.start(), match.end(), False
        )
        for match in _COUNTED_UNIT.finditer(spread.lower())
    )
    return sorted(found, key=lambda figure: figure.start)


def spread_slashes(text: str) -> str:
    """The text in which `Figure.start` and `end` count (44/33 becomes 44 / 33)."""
    return _SLASHED.sub(" / ", text)


def _figure(match: re.Match[str], comma: bool) -> Figure | None:
    digits = match["digits"]
    plain, decimals = _plain(digits, comma)
    raw_unit = (match["unit"] or "").strip()
    unit, scale = _unit(raw_unit)
    if len(plain) > 24:
        return None
    lead = (match["lead"] or "").strip()
    if lead in ("x", "×") and not unit:
        unit = "x"
    if lead in ("$", "€"):
        unit = "money"
    before = match.string[max(0, match.start("digits") - 24) : match.start("digits")]
    if _FACTOR.search(before) and not unit:
        unit = "x"
    if not decimals and not unit and _CONFIGURATION.search(before):
        lead = CONFIGURATION
    value = float(plain) * scale * (-1 if match["sign"] in ("-", "−", "–") else 1)
    return Figure(
        match.group(0).strip(), value, unit, decimals, scale, match.start(), match.end(), bool(match["sign"]), lead
    )


def _plain(digits: str, comma: bool) -> tuple[str, int]:
    """Digits with a decimal point, and how many follow it."""
    bare = digits.replace(" ", "").replace("'", "")
    if bare.startswith("."):
        return "0" + bare, len(bare) - 1
    grouped = re.fullmatch(r"([1-9]\d{0,2})((?:[.,]\d{3})+)([.,]\d+)?", bare)
    if grouped and (grouped[3] or len(grouped[2]) > 4 or (grouped[2][0] == ",") is not comma):
        tail = (grouped[3] or "")[1:]
        return grouped[1] + re.sub(r"[.,]", "", grouped[2]) + (f".{tail}" if tail else ""), len(tail)
    bare = bare.replace(",", ".")
    return bare, len(bare.partition(".")[2])


def _unit(raw: str) -> tuple[str, float]:
    if raw in _SCALES:
        return "", _SCALES[raw]
    lower = raw.lower()
    for name, scale in _SCALES.items():
        if len(name) > 2 and lower.startswith(name):
            return "", scale
    if not raw:
        return "", 1.0
    for name, starts in _UNITS:
        if any(raw == start or (len(start) > 2 and lower.startswith(start)) or (start == lower) for start in starts):
            return name, 1.0
    return ("per_second", 1.0) if raw.startswith("/") else ("", 1.0)
