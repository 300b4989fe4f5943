"""Holds a memo's numbers against the saved outputs: agrees, rounded, derived, the course's own, no source, or contradicts.

Matching starts from the value, whatever the wording. A contradiction needs model, run and metric to be clear, the outputs to hold
exactly that figure, and no other output, derived value or course figure to fit: a false contradiction is as bad as a false failed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from grader.model.memo import CourseFigure, MemoNumber, NumberStatus
from grader.model.observation import Number, Observations
from grader.observing.memo_derive import Derived, derive
from grader.observing.memo_figures import CONFIGURATION, Figure
from grader.observing.memo_subjects import Subject

FAMILIES = {
    "accuracy": {"accuracy"},
    "macro_f1": {"macro_f1", "f1"},
    "zero_f1_classes": {"zero_f1_classes"},
    "trainable": {"trainable", "parameters"},
    "latency_ms": {"latency_ms", "batch_latency_ms"},
    "throughput": {"throughput", "samples_per_second"},
}
SHARES = frozenset(
    {"accuracy", "macro_f1", "f1", "weighted_f1", "micro_f1", "precision", "recall", "macro_precision", "macro_recall"}
)
MAX_OUTPUTS = 2_500
LOOSE = 1.05
"""Units of the last written digit that count as rounding (or cutting) rather than as another number."""
ELASTIC = {"trainable": 0.1, "latency_ms": 0.05, "throughput": 0.05}
"""Relative difference below which these are not called contradictory: they are printed in several ways, or vary by run."""


@dataclass(frozen=True)
class Match:
    """What a number was held against."""

    status: NumberStatus
    output: str = ""
    number: Number | None = None
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Tracer:
    """The saved outputs, ready to be looked up by value."""

    numbers: tuple[Number, ...]
    course: tuple[CourseFigure, ...] = ()
    derived: tuple[Derived, ...] = field(default=(), repr=False)
    subjects: tuple[tuple[str, re.Pattern[str]], ...] = field(default=(), repr=False)
    """Classes and tiers that the outputs name, with how to find them in a text."""

    @classmethod
    def of(cls, seen: Observations, course: tuple[CourseFigure, ...]) -> Tracer:
        """From what the submission's saved outputs hold."""
        numbers = [item for item in seen.of(Number) if item.source == "recorded"][:MAX_OUTPUTS]
        names = dict.fromkeys(item.subject for item in numbers if item.subject and len(item.subject) >= 3)
        subjects = tuple((name, _spelt(name)) for name in names if any(map(str.isalpha, name)))
        return cls(tuple(numbers), course, derive(numbers), subjects)

    def named_in(self, text: str) -> frozenset[str]:
        """The classes and tiers of the outputs that a passage names."""
        lower = text.lower()
        return frozenset(name for name, pattern in self.subjects if pattern.search(lower))

    def trace(self, figure: Figure, subject: Subject, named: frozenset[str] = frozenset()) -> Match:
        """What the outputs say to one number, in a passage that names these classes and tiers."""
        if figure.lead == CONFIGURATION:
            return Match("untraced")
        if subject.kind in ("value", "planned"):
            fits = self._fitting(figure, subject, named)
            lecture = self._course(figure, subject.metric)
            if lecture is not None and lecture.unit in ("ms", "per_second") and not _specific(figure):
                return Match("course", lecture.about)
            if fits:
                return _agreement(figure, subject, fits, named)
        week = self._course(figure, subject.metric)
        if week is not None and week.baseline:
            return Match("course", week.about)
        if (
            subject.kind != "value"
            or figure.unit in ("min", "s", "h", "money")
            or ((figure.unit == "%" or (subject.compared and figure.decimals >= 3)) and not subject.clear)
        ):
            found = next((item for item in self.derived if _derived_fits(figure, item)), None)
            if found:
                return Match("derived", found.how)
        if (mine := self._course(figure, subject.metric)) is not None:
            return Match("course", mine.about)
        if subject.kind != "value" or not _traceable(figure, subject):
            return Match("untraced")
        return self._contradiction(figure, subject) or Match("unsourced")

    def complete(self, found: list[MemoNumber]) -> Iterator[MemoNumber]:
        """A passage's numbers, with whole numbers settled that follow accuracy and F1 without a word: `0.593, 0.278 and 29`."""
        homes = {
            tuple(key.split("/")[:2])
            for item in found
            for key in item.keys
            if key.split("/")[2] in ("accuracy", "macro_f1") and key.endswith("/-")
        }
        weeks = self._weeks(found)
        for item in found:
            if item in weeks:
                yield item.model_copy(
                    update={"status": "course", "output": weeks[item], "keys": frozenset(), "citation": None}
                )
                continue
            zero = None if item.keys or item.unit or item.kind != "value" else self._zeros(item, homes)
            yield (
                item
                if zero is None
                else item.model_copy(
                    update={
                        "status": "agrees",
                        "output": zero.text,
                        "metric": "zero_f1_classes",
                        "model": zero.model,
                        "run": zero.run,
                        "keys": frozenset({key_of(zero)}),
                        "citation": zero.citation,
                    }
                )
            )

    def _weeks(self, found: list[MemoNumber]) -> dict[MemoNumber, str]:
        """Figures of earlier weeks that stand together: then none of them is an own result that happens to round to it."""
        about = {(item.value, item.unit): item.about for item in self.course if item.baseline}
        mine = {
            item: about[(item.value, item.unit)]
            for item in found
            if (item.value, item.unit) in about and item.kind != "planned"
        }
        return mine if len({text.split(",")[-1] for text in mine.values()}) < len(mine) else {}

    def _zeros(self, item: MemoNumber, homes: set[tuple[str, ...]]) -> Number | None:
        if item.value != round(item.value) or item.value < 1:
            return None
        return next(
            (
                out
                for out in self.numbers
                if out.metric == "zero_f1_classes"
                and out.subject is None
                and out.value == item.value
                and tuple(key_of(out).split("/")[:2]) in homes
            ),
            None,
        )

    def sections_of(self, found: list[Figure]) -> frozenset[str]:
        """The sections whose figures stand in a sentence: as far as a figure is precise and fits those of one section only."""
        told: set[str] = set()
        for figure in found:
            week = next(
                (item for item in self.course if abs(figure.value) == item.value and figure.unit == item.unit), None
            )
            if week is not None and week.about.startswith("week 2"):
                told.add("weighting")
            elif _specific(figure):
                homes = {_home_of(item) for item in self.numbers if fits_number(figure, item)}
                told |= homes if len(homes) == 1 else set()
        return frozenset(told - {""})

    def _fitting(self, figure: Figure, subject: Subject, named: frozenset[str]) -> list[Number]:
        fits = [item for item in self.numbers if fits_number(figure, item)]
        if mine := [
            item
            for item in fits
            if item.subject in named and (item.metric in SHARES) == (figure.decimals > 0 or figure.value in (0, 1))
        ]:
            return mine
        near = [item for item in fits if _compatible(subject, item)]
        if near or not _specific(figure):
            return near if _specific(figure) or subject.metric or subject.tier or _is_share(figure) else []
        return fits

    def _course(self, figure: Figure, metric: str | None = None) -> CourseFigure | None:
        written = {(abs(figure.value), figure.unit)}
        if metric == "latency_ms" and not figure.unit:
            written.add((figure.value, "ms"))
        if not figure.unit and figure.value < 1:
            written.add((round(figure.value * 100, 6), "%"))
        return next((item for item in self.course if (item.value, item.unit) in written), None)

    def _contradiction(self, figure: Figure, subject: Subject) -> Match | None:
        if not subject.clear or subject.metric not in FAMILIES or figure.lead in ("~", "≈"):
            return None
        same = [item for item in self.numbers if _same_thing(subject, item) and _comparable(figure, item)]
        if not same or any(
            _close(figure, item) for item in self.numbers if item.metric is None or _in_family(subject.metric, item)
        ):
            return None
        return Match("contradicts", same[-1].text, same[-1])


def _spelt(subject: str) -> re.Pattern[str]:
    """How a class or tier is written in running text: quotes, brackets and what stands in them may be missing."""
    bare = re.sub(r"\s*[(\[].*$", "", subject).strip() or subject
    words = re.findall(r"[\w']+", bare.lower()) or [re.escape(subject.lower())]
    return re.compile(r"(?<!\w)" + r"\W{1,3}".join(map(re.escape, words)) + r"(?!\w)")


def fits_number(figure: Figure, item: Number) -> bool:
    """The output's value, written with the memo's precision (or cut), is the memo's."""
    return any(_equal(figure, form) for form in _forms(figure, item))


def _forms(figure: Figure, item: Number) -> Iterator[float]:
    """The output's value in the unit that the memo may have used."""
    value = item.value
    share = item.metric in SHARES or item.unit in ("percent", "share") or (item.metric is None and 0 <= value <= 1)
    if figure.unit == "%":
        yield from ([value * 100] if share else []) or (
            [value] if item.metric is None or item.metric == "trainable" else []
        )
        return
    if item.unit == "percent" and item.metric == "trainable":
        return
    if share and figure.decimals == 0 and not figure.unit:
        yield from [value] if value in (0, 1) else []
        return
    yield value
    if share and figure.value > 1 and figure.decimals > 0:
        yield value * 100
    if item.unit == "s" and figure.unit == "ms":
        yield value * 1000
    if item.unit == "s" and figure.unit == "min":
        yield value / 60
    if item.unit == "ms" and figure.unit == "s":
        yield value / 1000


def _equal(figure: Figure, form: float) -> bool:
    step = figure.scale * 10.0**-figure.decimals
    difference = abs(figure.value - form)
    rounded = difference <= step * 0.5000001
    cut = 0 <= form - figure.value < step and figure.decimals + (figure.scale > 1) > 0
    return rounded or cut


def _compatible(subject: Subject, item: Number) -> bool:
    metric = subject.metric is None or item.metric is None or _in_family(subject.metric, item)
    model = subject.model is None or item.model is None or item.model == subject.model or not subject.clear
    run = subject.run is None or item.run is None or item.run == subject.run or not subject.clear
    return metric and model and run


def _in_family(metric: str | None, item: Number) -> bool:
    return item.metric in FAMILIES.get(metric or "", {metric})


def _same_thing(subject: Subject, item: Number) -> bool:
    """Exactly the figure that the memo names: the same model, run, metric, and no tier or class."""
    if item.subject is not None or item.metric != subject.metric or item.model != subject.model:
        return False
    return item.split in (None, "test") and (item.run or "plain") == (subject.run or "plain")


def _comparable(figure: Figure, item: Number) -> bool:
    """Of the same order, so that it is the same kind of statement: 6 % beside an accuracy of 0.58 is a change, no result.

    A share without a sign is no change where it is larger than what would have changed.
    """
    reach = 10.0 if item.metric in ("trainable", "zero_f1_classes") else 3.0
    most = math.inf if _is_share(figure) and not figure.signed else reach
    return any(form > 0 and 1 / reach < figure.value / form < most for form in _forms(figure, item))


def _close(figure: Figure, item: Number) -> bool:
    step = figure.scale * 10.0**-figure.decimals * LOOSE
    unnamed = item.metric is None and _is_share(figure)  # of many shares without a name, one is always about as large
    slack = 0.0 if unnamed else ELASTIC.get(item.metric or "", 0.006)
    return any(abs(figure.value - form) <= max(step, abs(form) * slack) for form in _forms(figure, item))


def _derived_fits(figure: Figure, item: Derived) -> bool:
    if item.unit not in (figure.unit, ""):
        return False
    step = figure.scale * 10.0**-figure.decimals
    slack = max(step * 0.51, abs(item.value) * item.slack)
    return abs(abs(figure.value) - abs(item.value)) <= slack


def _specific(figure: Figure) -> bool:
    """Written precisely enough that the same digits elsewhere are hardly chance."""
    digits = figure.text.strip("~≈<>≤≥=$€+-−– ").lstrip("0.,")
    return figure.decimals >= 3 or sum(character.isdigit() for character in digits) >= 3


def _is_share(figure: Figure) -> bool:
    return figure.unit in ("", "%") and figure.decimals >= 2 and 0 <= figure.value <= 1


def _traceable(figure: Figure, subject: Subject) -> bool:
    """A result, rather than configuration, counting or a size that everybody knows."""
    if subject.metric is not None:
        return True
    return _is_share(figure) or (figure.unit in ("%", "ms", "per_second") and figure.decimals > 0)


def _agreement(figure: Figure, subject: Subject, fits: list[Number], named: frozenset[str]) -> Match:
    best = sorted(fits, key=lambda item: _rank(subject, item))
    digits = sum(character.isdigit() for character in figure.text.lstrip("0.,"))
    exact = any(abs(figure.value - form) < 1e-9 for item in best for form in _forms(figure, item))
    status: NumberStatus = "agrees" if exact or digits >= 3 else "rounded"
    told = _specific(figure) or subject.metric or subject.tier or best[0].subject in named
    return Match(status, best[0].text, best[0], frozenset(_keys(best)) if told else frozenset())


def _home_of(item: Number) -> str:
    """The section of the memo that an output belongs in."""
    if item.run == "weighted":
        return "weighting"
    if item.metric in ("latency_ms", "throughput"):
        return "deployment"
    if item.metric in SHARES:
        return "per_class" if item.subject else "systems"
    return "systems" if item.metric == "trainable" else ""


def _rank(subject: Subject, item: Number) -> tuple[bool, bool, bool, bool]:
    return (
        subject.metric is not None and item.metric != subject.metric,
        subject.model is not None and item.model != subject.model,
        (subject.tier is None) is not (item.subject is None),
        (subject.run or "plain") != (item.run or "plain"),
    )


def _keys(fits: Iterable[Number]) -> Iterator[str]:
    for item in fits:
        if item.metric is not None:
            yield key_of(item)


def key_of(item: Number) -> str:
    """`decoder/weighted/macro_f1/-`: what an output is, in one word."""
    run = (item.run or "plain") if item.model == "decoder" else "-"
    return f"{item.model or '-'}/{run}/{item.metric}/{item.subject or '-'}"


def memo_number(figure: Figure, subject: Subject, match: Match, passage: int) -> MemoNumber:
    """The traced number as an artefact."""
    item = match.number
    return MemoNumber(
        text=figure.text,
        value=figure.value,
        unit=figure.unit,
        passage=passage,
        kind=subject.kind,
        model=subject.model or (item.model if item else None),
        run=subject.run or (item.run if item else None),
        metric=subject.metric or (item.metric if item and match.keys else None),
        subject=subject.tier or (item.subject if item else None),
        status=match.status,
        output=match.output,
        citation=item.citation if item else None,
        keys=match.keys,
    )
