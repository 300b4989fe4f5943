"""Numbers in free-form lines: prints, logs, dictionaries printed over several lines. Each with the words that belong to it.

`Encoder LoRA accuracy: 0.571 | macro-F1 0.23`, `29 of 113 classes have zero F1`, `enc vs dec: 0.23 vs 0.25`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from grader.model.base import Role
from grader.model.observation import Number
from grader.observing.notebook import Output
from grader.observing.recorded_labels import NOTHING, Hints, is_tier, merged, normal, read
from grader.observing.recorded_scope import Scope, subject_of
from grader.observing.recorded_values import SHARES, Token, number, tokens
from grader.observing.recorded_words import GENERIC

LINE_NUMBERS = 40
PROSE_CHARS = 100
PROSE_WORDS = 14
_WORD = re.compile(r"[A-Za-z]{2,30}")

_DIGIT = re.compile(r"[0-9]")
_MASK = re.compile(
    r"qwen[ /_]?\d(?:\.\d)?(?:[-_ ]\d(?:\.\d)?b)?(?!\.?\d|\s?(?:ms|%))|"
    r"week[ _-]?\d\b|\bf[ -]1\b(?=[ :=_-])|\btop[- ]?\d\b|\b[CGTP]PU ?\d\b|"
    r"\bt4\b|\ba100\b|\b(?:cell|figure|table|section|part|task|question|q)[ _]\d{1,2}\b",
    re.IGNORECASE,
)
_ZERO_F1 = re.compile(r"\bF1(?:[- ]?score)?\s?(?:={1,2}|of|<=|≤|is)?\s?0(?:\.0{1,4})?(?![\d.%])", re.IGNORECASE)
_ABOUT_CLASSES = re.compile(r"class|categor|label|\bzero|# ?of|\bcount", re.IGNORECASE)
_NOISE = re.compile(
    r"^\s*<\w[^>]{0,200}>\s*$|it/s[\],]|s/it[\],]|\d%\||\|[█▏▎▍▌▋▊▉ ]{3,}\||━{4,}.{0,40}(?:MB|kB|GB)|"
    r"^\s*(?:Requirement already|Collecting |Downloading |Using cached|"
    r"Installing |Building |Preparing |Found existing|Uninstalling|Successfully |Attempting |Stored in|Created wheel|Looking in)|"
    r"Warning:|warnings\.warn|^\s*File \"|^\s*-{2,}>|https?://\S{40}|^\s*(?:INFO|DEBUG|WARNING)[: ]|"
    r"\bMap(?: \(num_proc=\d+\))?:|^\s*\d+\s+(?:import|def|class|return)\b|"
    r"^[\w.{}, *]{1,200}\|\s?(?:UNEXPECTED|MISSING|MISMATCH|CONVERSION)\b"
)
_MODULE_TREE = re.compile(r"^\s*\(\w+\): \w+|^\s*\w+\.\w+\.\w+.*torch\.Size")
_OF_TOTAL = re.compile(r"^\s?(?:/|of|out of)\s?$")
_SLASH_TOTAL = re.compile(r"^\s?/\s?\d")
_PAIR_GAP = re.compile(r"^\s*(?:vs?\.?|versus|/|\||,|→|->|and|&|–|—)\s*$", re.IGNORECASE)
_CONNECTING = re.compile(
    r"\b(?:and|vs|versus|for|on|the|of|to|with|lora|model|but|is|was|has|while|at|base|ft|set|plus|gets?|reaches|score|value)\b"
)
_LABEL_CUT = re.compile(r"[,;|]|\s{3,}|\. |\)\s|\band\b")
_TOOK = re.compile(
    r"^[)\]]?\s*(?:examples?|texts?|samples?|rows)?\s*(?:took|takes|needs?|in|[:=]|->|→)\s*$", re.IGNORECASE
)
"""`batch of 32 took 312 ms`: the time of the whole batch."""
_CLOSED_PARENTHESIS = re.compile(r"\([^()]{0,120}\)")
_NEAR_LABEL = re.compile(r"([A-Za-z][^:=,;|\n]{2,80}?)['\"]?\s?[:=]\s?[~≈]?$")
_NEXT_LABEL = re.compile(r"[:=]\s?[~≈]?\s?$")


@dataclass
class _Said:
    """What the line said up to the present number."""

    hints: Hints = NOTHING
    suffix: bool = False
    """The line puts its words behind the numbers (`0.571 accuracy`)."""
    bare: bool = False
    """Nothing at all stands before the first number."""
    last: Token | None = None
    last_hints: Hints = NOTHING
    waiting: tuple[Role, ...] = ()
    """Models still to be given to the next numbers (`encoder vs decoder: 0.2 vs 0.3`)."""


def is_noise(line: str) -> bool:
    """Progress bars, installers, warnings, printed module trees: their numbers are nobody's result."""
    return bool(_NOISE.search(line) or _MODULE_TREE.match(line)) or is_prose(line)


def is_prose(line: str) -> bool:
    """Sentences: a memo that a cell prints is no measurement."""
    if len(line) < PROSE_CHARS or "|" in line or "{" in line:
        return False
    words = _WORD.findall(line)
    return len(words) > PROSE_WORDS and len(words) > 5 * sum(char.isdigit() for char in line) / 3


def line_numbers(line: str, output: Output, scope: Scope) -> Iterator[Number]:
    """The typed numbers of one line; the scope learns from the line."""
    if is_noise(line):
        return
    masked = masked_line(line)
    found = tokens(masked)[:LINE_NUMBERS] if _DIGIT.search(masked) else []
    above = scope.enter(masked, has_number=bool(found))
    if not found:
        return
    fields = scope.templates.hints(line)
    subject = subject_of(masked, read(masked.strip())) or scope.subject()
    citation = output.cite(line)
    label = masked.find(subject) + len(subject) if subject and subject in masked else 0
    own: str | None = None
    previous = 0
    tiered = subject is not None and is_tier(subject)
    for token, hints in hinted(masked, found, fields):
        own = None if tiered else near_subject(masked[previous : token.start]) or own
        previous = token.end
        if token.start >= label:
            known = merged(hints, _fitting(above, token))
            yield number(token, scope.outside(known), subject=own or subject, citation=citation)


def near_subject(left: str) -> str | None:
    """The label right before a number, where it is no metric, model, run or split: a class (`Late fee: 0.10`)."""
    match = _NEAR_LABEL.search(left[-120:])
    label = match[1].strip(" -*•'\"({[") if match else ""
    own = len(label) > 2 and read(label) == NOTHING and not GENERIC.fullmatch(normal(label))
    return label if own else None


def _fitting(above: Hints, token: Token) -> Hints:
    """What lines above say; a share that they speak of is no whole number."""
    if above.metric in SHARES and token.unit != "%" and "." not in token.text:
        return replace(above, metric=None, average=None)
    return above


def masked_line(line: str) -> str:
    """The line with digits blotted out that are part of a name (`Qwen2.5`, `week 2`, `F1 = 0`)."""
    if not _DIGIT.search(line):
        return line
    line = _MASK.sub(lambda match: re.sub(r"[\d.]", "_" if "w" in match[0].lower() else "₁", match[0]), line)
    if _ABOUT_CLASSES.search(line):
        line = _ZERO_F1.sub(lambda match: "zero F1".ljust(len(match[0]))[: len(match[0])], line)
    return line


def hinted(line: str, found: list[Token], fields: list[tuple[int, int, Hints]]) -> Iterator[tuple[Token, Hints]]:
    """Each number with what the line's words (and the code that printed it) say about it."""
    said = _Said()
    whole_line = read(line.strip())
    previous = 0
    for index, token in enumerate(found):
        left = line[previous : token.start]
        if near_subject(left):
            left = ""
        after = found[index + 1].start if index + 1 < len(found) else len(line)
        right = line[token.end : after]
        of_total = index + 1 < len(found) and bool(_OF_TOTAL.match(right)) and not read(left.strip()).both
        if of_total:
            beyond = found[index + 2].start if index + 2 < len(found) else len(line)
            right = line[found[index + 1].end : beyond]
        if (
            said.last is not None
            and _OF_TOTAL.match(left)
            and not said.waiting
            and said.last_hints.metric != "trainable"
        ):
            previous = token.end
            continue
        sized = said.last is not None and said.last.batch and bool(_TOOK.match(left))
        hints = _of_token(line[: token.start], left, right, token, said)
        if sized and hints.metric in (None, "latency_ms", "train_time"):
            hints = replace(hints, metric="batch_latency_ms")
        if (of_total or _SLASH_TOTAL.match(line[token.end :])) and hints.metric in SHARES and token.value > 1:
            hints = replace(hints, metric=None, average=None)
        if said.suffix and hints.model is None and not hints.both:
            hints = replace(hints, model=whole_line.model, both=whole_line.both)
        code = next((hint for start, end, hint in fields if start <= token.start < max(end, start + 1)), NOTHING)
        if code.model and hints.model is None and not hints.both:
            hints = merged(hints, replace(code, tier=False))
        elif hints.metric is None:
            hints = merged(hints, replace(code, model=None, both=False, order=(), tier=False))
        yield token, hints
        previous = token.end


def _of_token(before: str, left: str, right: str, token: Token, said: _Said) -> Hints:
    near = _left_hints(before, left)
    behind = _right_hints(right)
    bare = not any(char.isalpha() for char in left)
    if (bare or said.last is None) and near.metric is None and behind.metric is not None:
        said.suffix = True
        said.bare = near == NOTHING
    if said.suffix and behind.metric is not None:
        near = replace(near, metric=behind.metric, average=behind.average)
    if said.suffix and said.bare and behind.split:
        near = replace(near, split=behind.split)
    own = near if near.metric else replace(near, metric=behind.metric, average=near.average or behind.average)
    if own.model is None and not own.both and said.hints.model is None and behind.model and not behind.both:
        own = replace(own, model=behind.model)
    hints = merged(own, _inherited(left, own, token, said))
    hints = _by_order(left, right, hints, said)
    said.hints = merged(replace(own, kind=None), said.hints)
    said.last, said.last_hints = token, hints
    return hints


def _left_hints(before: str, left: str) -> Hints:
    """The words before the number: those after the last comma first, then all since the number before."""
    if not any(char.isalpha() for char in left):
        if not left.lstrip().startswith(")"):
            return NOTHING
        left = _CLOSED_PARENTHESIS.sub(" ", before)[-80:]
    cuts = list(_LABEL_CUT.finditer(left))
    near = left[cuts[-1].end() :] if cuts else left
    if cuts and any(char.isalpha() for char in near):
        return merged(read(near.strip()), _no_metric_if(read(near.strip()), read(left.strip())))
    return read(left.strip())


def _no_metric_if(near: Hints, far: Hints) -> Hints:
    return replace(far, metric=None, average=None, kind=None) if near.metric else far


def _right_hints(right: str) -> Hints:
    """The words behind the number, unless they are the next number's label."""
    if _NEXT_LABEL.search(right):
        return NOTHING
    cut = _LABEL_CUT.search(right)
    words = right[: cut.start()] if cut and right[: cut.start()].strip() else right
    return read(words.strip(" ()[]")) if len(words) < 80 else NOTHING


def _inherited(left: str, own: Hints, token: Token, said: _Said) -> Hints:
    """What earlier words of the line still say: the model always, the metric only where nothing else is spoken of."""
    place = replace(said.hints, metric=None, average=None, kind=None, unit=None, percent=False)
    if own.metric or said.last is None:
        return place
    of_total = bool(_OF_TOTAL.match(left))
    if said.last_hints.metric in ("trainable", "parameters") and (of_total or not any(char.isalpha() for char in left)):
        metric = "trainable" if token.unit == "%" else "parameters" if of_total else None
        return replace(place, metric=metric)
    words = _CONNECTING.sub(" ", left.lower())
    only_names = any(char.isalpha() for char in left) and (own.model or own.both or own.run or own.split or own.tier)
    restated = token.unit == "%" and abs(token.value / 100 - said.last.value) < 0.006
    if only_names or restated or (said.waiting and _PAIR_GAP.match(left)):
        return said.hints
    if not re.search(r"[a-z]", words) and re.search(r"[a-z]", left.lower()) and not left.strip().startswith("("):
        return said.hints
    return place


def _by_order(left: str, right: str, hints: Hints, said: _Said) -> Hints:
    """`encoder vs decoder: 0.23 vs 0.25`: the numbers come in the order of the names."""
    if said.waiting and _PAIR_GAP.match(left):
        model, said.waiting = said.waiting[0], said.waiting[1:]
        return replace(hints, model=model, both=False)
    said.waiting = ()
    if hints.both and len(hints.order) == 2 and hints.kind is None and _PAIR_GAP.match(right):
        said.waiting = hints.order[1:]
        return replace(hints, model=hints.order[0], both=False)
    return hints
