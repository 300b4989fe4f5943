"""From what a rule found to a suggestion: parts with their points, how sure each is, and a range in steps.

The middle of the range is what the guide's steps give for what was found; its width is what nobody but a reader can see.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from grader.model.finding import Citation
from grader.model.rubric import Criterion
from grader.model.scorecard import Suggestion
from grader.scoring.suggest_reading import Reading

State = Literal["found", "contradicts", "not_found", "needs_reading"]
MAX_CITATIONS = 6
REACH = {"wide": (0.32, 0.2), "open": (0.5, 0.4)}
"""Share of a criterion's points to either side where the rubric asks for such a range: in the middle, and near nothing or all of
it. Measured on memos in other hands (tests/data/memos): `wide` holds most marks; `open` is for what was not told better
on memos that nobody had read than by surface features."""
WIDE_BECAUSE = "How good this is: the range is wide on purpose, because a program can hardly tell."


@dataclass
class Draft:
    """A suggestion in the making."""

    reading: Reading
    top: float = 0.0
    """The criterion's maximum."""
    firm: bool = False
    """Evidence decides; the range is narrow."""
    spread: float = 0.0
    """Points to either side that only a reader can settle."""
    room: float = 0.0
    """Points upward that sentences may earn which were not understood."""
    points: float = 0.0
    ceiling: float | None = None
    """The guide's cap for a common failing."""
    seen: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    """All passages that a step rested on, shown or not."""
    citations: list[Citation] = field(default_factory=list)
    contradicts: bool = False
    unknown: bool = False
    """There is nothing to hold it against: the whole range is open."""

    def part(self, worth: float, credit: float, *, found: str, missing: str, places: list[int] | None = None) -> float:
        """One step of the criterion: worth so many points, earned to this share."""
        earned = worth * min(max(credit, 0.0), 1.0)
        self.points += earned
        if credit >= 0.3:
            self.seen.append(found if credit > 0.6 else f"{found} (in part)")
        if credit < 0.75:
            self.missing.append(missing)
        if credit > 0 and places:
            self.places.extend(places[:2])
            self.used.update(places)
        return earned

    def without_outputs(self) -> None:
        """Where the saved outputs hold no number at all, whether the memo's figures are the student's own can't be seen."""
        if self.reading.memo.outputs == 0 and any(item.status == "unsourced" for item in self.reading.memo.numbers):
            self.firm, self.unknown = False, True
            self.not_judged.append(
                "The saved outputs hold no numbers: whether these are the student's own can't be seen."
            )

    def cap(self, points: float, why: str) -> None:
        """A common failing of the guide holds the criterion at this many points."""
        self.ceiling = points if self.ceiling is None else min(points, self.ceiling)
        self.missing.append(why)


def finish(draft: Draft, criterion: Criterion, step: Decimal) -> Suggestion:
    """The range, the state and the evidence."""
    top = float(criterion.max) if draft.ceiling is None else min(draft.ceiling, float(criterion.max))
    middle = min(draft.points, top)
    down, up = draft.spread, draft.spread
    wide = criterion.suggest.get("range") in REACH
    if wide and draft.points > 0:
        draft.firm = False
        down, up = _wide(middle, float(criterion.max), *REACH[str(criterion.suggest["range"])])
        if draft.contradicts:
            down, up = max(down, draft.spread), max(up, draft.spread)
        draft.spread = (down + up) / 2
        draft.not_judged.append(WIDE_BECAUSE)
    bound = top if wide and draft.ceiling is not None else max(top, middle + draft.spread)
    low, high = middle - down, min(middle + up, bound)
    if draft.points == 0 and not draft.contradicts:
        low, high = 0.0, 0.0
    high += draft.room
    if draft.unknown:
        low, high = 0.0, float(criterion.max)
    if draft.reading.memo.language == "other":
        low, high = min(low, middle) / 2, max(high, float(criterion.max))
        draft.not_judged.append("The memo's language is not one that this program reads: only numbers were looked at.")
    bounds = even_range(
        _in_steps(max(low, 0.0), step),
        _in_steps(min(high, float(criterion.max)), step),
        criterion.max,
        step,
        Decimal(str(round(middle, 4))) if wide and 0 < middle < float(criterion.max) else None,
    )
    if bounds[0] == bounds[1] > 0 and wide:
        bounds = _apart(bounds[0], criterion.max, step)
    return Suggestion(
        low=bounds[0],
        high=bounds[1],
        state=_state(draft, criterion),
        confidence=_confidence(draft, criterion),
        seen=tuple(dict.fromkeys(draft.seen)),
        missing=tuple(dict.fromkeys(draft.missing)),
        not_judged=tuple(dict.fromkeys(draft.not_judged)),
        citations=_citations(draft),
    )


def _apart(points: Decimal, top: Decimal, step: Decimal) -> tuple[Decimal, Decimal]:
    """A range where rounding left a single mark that nobody can be sure of."""
    return (points - 2 * step, points) if points == top else (max(points - step, step * 0), points + step)


def _wide(points: float, top: float, share: float, edge: float) -> tuple[float, float]:
    """How far down and up: less where little or nearly everything was found, so that the middle stays what was found."""
    left = top - points
    return min(share * top, max(left, edge * top)), min(share * top, max(points, edge * top))


def even_range(
    low: Decimal, high: Decimal, top: Decimal, step: Decimal, about: Decimal | None = None
) -> tuple[Decimal, Decimal]:
    """A range whose middle is a mark that can be given, so that rounding favours nobody; next to `about`, where that is known."""
    if (high - low) / step % 2 == 0:
        return low, high
    choices = [(low - step, high), (low + step, high)] if high == top else [(low, high - step), (low, high + step)]
    choices = [pair for pair in choices if 0 <= pair[0] <= pair[1] <= top]
    if about is not None and choices:
        return min(choices, key=lambda pair: (abs((pair[0] + pair[1]) / 2 - about), pair[1] - pair[0]))
    if high == top:
        return low + step, high
    return (low, high - step) if low == 0 else (low - step, high)


def _confidence(draft: Draft, criterion: Criterion) -> Literal["firm", "likely", "open"]:
    if draft.unknown or draft.room or draft.reading.memo.language == "other":
        return "open"
    if criterion.suggest.get("range") in REACH and draft.points == 0 and draft.reading.grounded >= 1:
        return "open"  # beside own figures, what no rule found may stand there in other words
    if draft.firm:
        return "firm"
    return "likely" if draft.spread <= float(criterion.max) / 5 else "open"


def _state(draft: Draft, criterion: Criterion) -> State:
    if draft.contradicts:
        return "contradicts"
    if draft.unknown or draft.room or (draft.reading.memo.language == "other" and not draft.firm):
        return "needs_reading"
    if draft.points <= 0:
        return "not_found"
    return "found" if draft.firm or draft.points >= float(criterion.max) * 0.25 else "needs_reading"


def _citations(draft: Draft) -> tuple[Citation, ...]:
    quotes = [draft.reading.cite(index) for index in dict.fromkeys(draft.places)]
    return tuple(dict.fromkeys((*quotes[:MAX_CITATIONS], *draft.citations[:MAX_CITATIONS])))


def _in_steps(points: float, step: Decimal) -> Decimal:
    return (Decimal(str(round(points, 4))) / step).quantize(Decimal(1), rounding=ROUND_HALF_UP) * step
