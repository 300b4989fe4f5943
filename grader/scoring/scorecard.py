"""Findings and suggestions, by the rubric, into a scorecard. Pure: same input, same card. Reads no text and judges no memo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal

from grader.model.assignment import Dates
from grader.model.finding import Finding
from grader.model.rubric import Criterion, Rubric, Section
from grader.model.scorecard import (
    Adjustment,
    CriterionScore,
    ReviewItem,
    Scorecard,
    SectionScore,
    Suggestion,
)
from grader.model.submission import DRAFT, Flag, Submission
from grader.scoring.dates import lateness_of
from grader.scoring.late import late_adjustment

ZERO = Decimal(0)
SHARE = {"passed": Decimal(1), "partial": Decimal("0.5"), "failed": ZERO}


def score(
    rubric: Rubric,
    submission: Submission,
    *,
    findings: Mapping[str, Finding],
    suggestions: Mapping[str, Suggestion],
    flags: Iterable[Flag] = (),
    dates: Dates | None = None,
) -> Scorecard:
    """The scorecard of one readable submission. Unsettled criteria carry a range; sections and total also its middle.

    A draft has sections but no total: whether it counts is for a person to decide.
    """
    sections = tuple(_section(section, rubric, findings, suggestions) for section in rubric.sections)
    dates = dates or Dates()
    lateness = lateness_of(submission, dates)
    adjustments = late_adjustment(lateness, dates.late)
    review = tuple(dict.fromkeys(_review(rubric, submission, findings, (*flags, *lateness.flags))))
    total, low, high = (
        None if submission.draft else sums(sections, adjustments, name, rubric.max)
        for name in ("points", "low", "high")
    )
    return Scorecard(
        status="needs_review" if review else "graded",
        sections=sections,
        adjustments=adjustments,
        lateness=lateness,
        total=total,
        low=low,
        high=high,
        max=rubric.max,
        review=review,
    )


def unscored(
    rubric: Rubric, submission: Submission, flags: Iterable[Flag] = (), *, dates: Dates | None = None
) -> Scorecard:
    """The card of somebody who handed in nothing, or nothing that can be read: no points at all, never 0."""
    if submission.status == "none":
        return Scorecard(status="no_submission", max=rubric.max)
    dates = dates or Dates()
    lateness = lateness_of(submission, dates)
    asked = (*submission.flags, *flags, *lateness.flags)
    return Scorecard(
        status="unreadable",
        max=rubric.max,
        adjustments=late_adjustment(lateness, dates.late),
        lateness=lateness,
        review=tuple(ReviewItem(criterion="", why=flag.why) for flag in asked),
    )


def adjusted(card: Scorecard, more: tuple[Adjustment, ...]) -> Scorecard:
    """With further adjustments; without a total it stays without one."""
    both = (*card.adjustments, *more)
    if card.total is None:
        return card.model_copy(update={"adjustments": both})
    names = {"total": "points", "low": "low", "high": "high"}
    totals = {name: sums(card.sections, both, field, card.max) for name, field in names.items()}
    return card.model_copy(update={"adjustments": both, **totals})


def sums(
    sections: tuple[SectionScore, ...], adjustments: tuple[Adjustment, ...], name: str, maximum: Decimal
) -> Decimal:
    """Points of all sections (`points`, `low` or `high`) with adjustments, between nothing and the maximum."""
    points = sum((getattr(section, name) or ZERO for section in sections), ZERO)
    return min(max(points + sum((item.points for item in adjustments), ZERO), ZERO), maximum)


def _section(
    section: Section, rubric: Rubric, findings: Mapping[str, Finding], suggestions: Mapping[str, Suggestion]
) -> SectionScore:
    scores = tuple(_criterion(item, rubric.step, findings, suggestions.get(item.id)) for item in section.criteria)
    return SectionScore(
        id=section.id,
        points=sum((middle(item, rubric.step) for item in scores), ZERO),
        low=sum((item.low for item in scores), ZERO),
        high=sum((item.high for item in scores), ZERO),
        max=section.max,
        settled=all(item.settled for item in scores),
        criteria=scores,
    )


def _criterion(
    item: Criterion, step: Decimal, findings: Mapping[str, Finding], suggestion: Suggestion | None
) -> CriterionScore:
    low, high, settled = _range(item, findings, suggestion)
    caps = tuple(cap for cap in item.requires if _caps(findings.get(cap.check)))
    ceiling = min((item.max * cap.at for cap in caps), default=item.max)
    score = CriterionScore(
        id=item.id,
        points=None,
        low=min(low, ceiling),
        high=min(high, ceiling),
        max=item.max,
        kind=item.kind,
        settled=settled,
        capped_by=tuple(cap.check for cap in caps if item.max * cap.at < high),
        suggestion=suggestion,
    )
    return valued(score, step)


def valued(score: CriterionScore, step: Decimal) -> CriterionScore:
    """With the middle of its range as points, but only where that says something: null where a person decides."""
    sure = score.kind == "suggested" and score.suggestion is not None and score.suggestion.confidence != "open"
    known = score.settled or sure
    return score.model_copy(update={"points": middle(score, step) if known else None})


def middle(score: CriterionScore, step: Decimal) -> Decimal:
    """Its points, else the middle of its range: what a sum counts until a person has decided."""
    return score.points if score.points is not None else in_steps((score.low + score.high) / 2, step)


def _range(
    item: Criterion, findings: Mapping[str, Finding], suggestion: Suggestion | None
) -> tuple[Decimal, Decimal, bool]:
    """Lowest and highest points, and whether that is final. What nothing is known of spans everything."""
    if item.kind == "auto" and item.check is not None:
        share = SHARE.get(findings[item.check].verdict) if item.check in findings else None
        return (ZERO, item.max, False) if share is None else (item.max * share, item.max * share, True)
    if item.kind == "suggested" and suggestion is not None:
        return max(suggestion.low, ZERO), min(suggestion.high, item.max), False
    return ZERO, item.max, False


def _caps(finding: Finding | None) -> bool:
    return finding is not None and finding.verdict == "failed" and finding.caps


def in_steps(points: Decimal, step: Decimal) -> Decimal:
    """Rounded half up to the rubric's step."""
    return (points / step).quantize(Decimal(1), rounding=ROUND_HALF_UP) * step


def _review(
    rubric: Rubric, submission: Submission, findings: Mapping[str, Finding], flags: Iterable[Flag]
) -> Iterator[ReviewItem]:
    """What a person must look at, beyond confirming suggestions."""
    capping = {cap.check for section in rubric.sections for item in section.criteria for cap in item.requires}
    deciding = {item.check for section in rubric.sections for item in section.criteria if item.kind == "auto"}
    for name, found in findings.items():
        if found.verdict in ("not_assessed", "crashed") and name in capping | deciding:
            yield ReviewItem(criterion=name, why=found.staff_text or f"{name} could not be assessed")
        elif found.verdict == "crashed":
            yield ReviewItem(criterion=name, why=found.staff_text or f"{name} crashed")
        for flag in found.flags:
            if flag.blocking:
                yield ReviewItem(criterion=name, why=flag.why)
    if submission.draft:
        yield ReviewItem(criterion="", why=DRAFT)
    for flag in (*submission.flags, *flags):
        if flag.blocking:
            yield ReviewItem(criterion="", why=flag.why)
