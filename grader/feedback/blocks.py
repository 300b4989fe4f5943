"""Views of one criterion and of one check's finding. Only texts that were written for students pass through here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from grader.feedback import words
from grader.feedback.inputs import PageInput
from grader.feedback.plots import Meter, meter
from grader.feedback.text import clip, inline, rich
from grader.feedback.words import Mark
from grader.model.finding import Citation, Finding
from grader.model.rubric import CheckLine, Criterion, Rubric
from grader.model.scorecard import CriterionScore, Suggestion

FEWEST_BARS = 2
"""So many bars make a quote the row of a table."""


@dataclass(frozen=True)
class Limits:
    """How much of what others wrote is shown, so that a page stays small whatever comes."""

    quotes: int = 4
    quote: int = 300
    items: int = 8
    text: int = 1600
    comment: int = 6000
    rubric: int = 1000
    """Of the rubric's own texts."""


@dataclass(frozen=True)
class QuoteView:
    """Student content and where it stands."""

    place: str
    text: str
    kind: str
    """`out` for code and outputs, `memo` for prose."""
    cells: tuple[str, ...] = ()
    """A table's row, cell by cell; empty for anything else."""


@dataclass(frozen=True)
class FindingView:
    """One technical check."""

    anchor: str
    verdict: str
    mark: Mark
    title: str
    text: Markup
    quotes: tuple[QuoteView, ...]
    source: str
    why: Markup
    todo: Markup
    effect: str
    capped: str
    """Ids of the criteria that it caps, as words; empty for none."""


@dataclass(frozen=True)
class CriterionView:
    """One criterion."""

    anchor: str
    id: str
    title: str
    points: str
    max: str
    meter: Meter
    mark: Mark
    standing: str
    settled: bool
    asked: Markup
    levels: tuple[tuple[str, Markup], ...]
    """(lead-in, text)."""
    differs: bool
    seen: tuple[Markup, ...]
    quotes: tuple[QuoteView, ...]
    missing: tuple[Markup, ...]
    unread: tuple[Markup, ...]
    evidence: str
    """What stands behind the fold, in words; empty for nothing."""
    why: Markup
    """Why the criterion is there; empty where all of it was met."""
    caps: tuple[tuple[str, str], ...]
    """(anchor, title) of each check that lowered it."""
    cap: str
    """What that means for the points."""
    comment: str


def finding_view(line: CheckLine, found: Finding, rubric: Rubric, *, anchor: str, limits: Limits) -> FindingView:
    """A check line with its answer."""
    capped = tuple(item.id for section in rubric.sections for item in section.criteria if _caps(line, item))
    acts = found.verdict == "failed" and found.caps and bool(capped)
    return FindingView(
        anchor=anchor,
        verdict=found.verdict,
        mark=words.VERDICTS[found.verdict],
        title=clip(line.title or words.humanised(line.id), 160),
        text=rich(found.student_text, limits.text),
        quotes=_quotes(found.citations, limits, prose=False),
        source=words.SOURCES[found.source] if found.source else "",
        why=rich(line.why, limits.rubric) if found.verdict in ("failed", "partial") else Markup(),
        todo=rich(line.todo, limits.rubric) if found.verdict in ("failed", "partial") else Markup(),
        effect=_effect(found, capped, acts=acts),
        capped=_listed(capped) if acts else "",
    )


def criterion_view(
    item: Criterion,
    score: CriterionScore,
    data: PageInput,
    *,
    anchor: str,
    checks: Mapping[str, tuple[str, str]],
    limits: Limits,
) -> CriterionView:
    """A criterion with its points, its texts and the evidence."""
    reached = _levels(item, score)
    met = reached == ("met",)
    hint = score.suggestion or Suggestion(low=score.low, high=score.high, state="needs_reading", confidence="open")
    quotes = _quotes(hint.citations, limits, prose=True)
    unread = () if score.settled else _items(hint.not_judged, limits)
    return CriterionView(
        anchor=anchor,
        id=item.id,
        title=item.title,
        points=words.span(score.low, score.high),
        max=words.points(score.max),
        meter=meter(score.low, score.high, score.max),
        mark=words.LEVEL_MARKS[reached[0]] if len(reached) == 1 else words.OPEN,
        standing=words.standing(score),
        settled=score.settled,
        asked=inline(clip(item.texts.asked, limits.rubric)),
        levels=tuple(_texts(item, reached, limits)),
        differs=hint.state == "contradicts",
        seen=_items(hint.seen, limits),
        quotes=quotes,
        missing=() if score.settled and met else _items(hint.missing, limits),
        unread=unread,
        evidence=_evidence(len(hint.seen), len(quotes), len(unread)),
        why=Markup() if met else inline(clip(item.texts.why, limits.rubric)),
        caps=tuple(checks.get(name, ("", words.humanised(name))) for name in score.capped_by),
        cap=_cap(item, score.capped_by),
        comment=clip(data.comments.get(item.id, ""), limits.comment),
    )


def _levels(item: Criterion, score: CriterionScore) -> tuple[words.Level, ...]:
    """Levels of what was shown, before any cap: a capped criterion may well be met in its words."""
    if not score.capped_by:
        return words.levels(score.low, score.high, score.max)
    if score.suggestion is None:
        return ()
    return words.levels(min(score.suggestion.low, item.max), min(score.suggestion.high, item.max), item.max)


def _texts(item: Criterion, reached: tuple[words.Level, ...], limits: Limits) -> Iterable[tuple[str, Markup]]:
    """One level: its text. Two: both, said as such. All three: nothing was learnt yet, and nothing is said."""
    texts = {"met": item.texts.met, "half": item.texts.half, "missed": item.texts.missed}
    leads = [""] if len(reached) == 1 else ["At the lower end", "At the upper end"]
    if len(reached) in (1, 2):
        for lead, level in zip(leads, reached, strict=True):
            yield lead, inline(clip(texts[level], limits.rubric))


def _quotes(citations: Iterable[Citation], limits: Limits, *, prose: bool) -> tuple[QuoteView, ...]:
    """Each once. What a suggestion quotes from a cell itself is memo prose."""
    views: dict[QuoteView, None] = {}
    for item in citations:
        memo = item.where == "memo" or (prose and item.where == "notebook" and item.output is None)
        text = clip(item.quote, limits.quote)
        cells = tuple(text.split(" | ")) if memo and text.count(" | ") >= FEWEST_BARS else ()
        views[QuoteView(words.place(item), text, "memo" if memo else "out", cells)] = None
    return tuple(views)[: limits.quotes]


def _evidence(seen: int, quotes: int, unread: int) -> str:
    parts = [
        f"{seen} found" if seen else "",
        words.counted(quotes, "quote") if quotes else "",
        f"{unread} left to a person" if unread else "",
    ]
    named = ", ".join(filter(None, parts))
    return f"Evidence: {named}" if named else ""


def _items(texts: tuple[str, ...], limits: Limits) -> tuple[Markup, ...]:
    shown = tuple(inline(clip(text, limits.text // 2)) for text in texts[: limits.items])
    rest = len(texts) - len(shown)
    return (*shown, Markup("… and {} more").format(rest)) if rest > 0 else shown


def _caps(line: CheckLine, item: Criterion) -> bool:
    return any(cap.check == line.id for cap in item.requires)


def _effect(found: Finding, capped: tuple[str, ...], *, acts: bool) -> str:
    if acts:
        return f"Until this is mended, what rests on these numbers can earn only part of its points: {_listed(capped)}."
    if found.verdict == "failed" and capped:
        return "Your numbers were not harmed by it, so it takes no points."
    if found.verdict == "failed":
        return "It takes no points by itself."
    return "It takes no points." if found.verdict == "partial" else ""


def _cap(item: Criterion, names: tuple[str, ...]) -> str:
    """What the caps that lowered it leave of a criterion; the lowest one rules."""
    if not names:
        return ""
    share = min((cap.at for cap in item.requires if cap.check in names), default=Decimal(1))
    most = words.points((item.max * share).normalize())
    return f"at most {most} of {words.points(item.max)} until it is mended, as these numbers rest on it"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
