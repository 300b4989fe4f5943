"""Scorecard and decisions into an outcome. Pure; a person's word goes above every check and cap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from grader.model.decision import Held, OpenItem, Outcome, Standing
from grader.model.rubric import Cap, Criterion, Rubric
from grader.model.scorecard import Adjustment, CriterionScore, ReviewItem, Scorecard, SectionScore
from grader.scoring.scorecard import SHARE, middle, sums, valued

AGAIN = "decided before, but "


def outcome(card: Scorecard, rubric: Rubric, standing: Standing) -> Outcome:
    """What counts, and what is still open. Without decisions the card comes back as it is."""
    if card.status == "no_submission":
        return Outcome(card=card, standing=standing, open=tuple(_asked(standing)))
    verdicts = {name: held for name, held in standing.verdicts.items() if held.fits}
    by_hand = not card.sections and any(held.fits for held in standing.decisions.values())
    base = by_hand_card(card, rubric) if by_hand else card
    base = base.model_copy(update={"adjustments": (*base.adjustments, *_for_all(standing))})
    criteria = {item.id: item for section in rubric.sections for item in section.criteria}
    sections = tuple(_section(section, criteria, standing, verdicts, rubric.step) for section in base.sections)
    review = tuple(item for item in base.review if not _answered(item, verdicts))
    names = ("total", "low", "high")
    total = _totals(sections, base) if _counts(base, verdicts) else dict.fromkeys(names, None)
    update = {"status": _status(base, review), "sections": sections, "review": review, **total}
    applied = base.model_copy(update=update)
    return Outcome(card=applied, standing=standing, open=tuple(_open(applied, standing, verdicts)))


def _for_all(standing: Standing) -> Iterator[Adjustment]:
    """What people gave or took beside the rubric; of a team only what is everybody's."""
    for event in standing.adjustments:
        if not event.data.get("member"):
            yield Adjustment(kind="adjustment", points=event.points or Decimal(0), why=event.text)


def by_hand_card(card: Scorecard, rubric: Rubric) -> Scorecard:
    """An unreadable submission that a person grades: every criterion open, from nothing to everything."""
    zero = Decimal(0)
    sections = tuple(
        SectionScore(
            id=section.id,
            points=zero,
            low=zero,
            high=section.max,
            max=section.max,
            settled=False,
            criteria=tuple(
                CriterionScore(id=item.id, points=None, low=zero, high=item.max, max=item.max, kind="manual")
                for item in section.criteria
            ),
        )
        for section in rubric.sections
    )
    return card.model_copy(update={"sections": sections})


def _counts(card: Scorecard, verdicts: Mapping[str, Held]) -> bool:
    """Whether there is a total: for a draft or something unreadable only where a person said that it counts."""
    said = verdicts[""].event.verdict if "" in verdicts else None
    return bool(card.sections) and said != "failed" and (card.total is not None or said == "passed")


def _totals(sections: tuple[SectionScore, ...], card: Scorecard) -> dict[str, Decimal | None]:
    names = {"total": "points", "low": "low", "high": "high"}
    return {name: sums(sections, card.adjustments, field, card.max) for name, field in names.items()}


def _refused(verdicts: Mapping[str, Held]) -> bool:
    return "" in verdicts and verdicts[""].event.verdict == "failed"


def _answered(item: ReviewItem, verdicts: Mapping[str, Held]) -> bool:
    """A word on the submission as a whole settles the questions that were asked then, not later ones."""
    if item.criterion not in verdicts:
        return False
    return bool(item.criterion) or item.why in verdicts[""].event.data.get("asked", ())


def _status(card: Scorecard, review: tuple[ReviewItem, ...]) -> str:
    by_hand = card.status == "unreadable" and bool(card.sections)
    return "graded" if (card.status == "needs_review" or by_hand) and not review else card.status


def _section(
    section: SectionScore,
    criteria: Mapping[str, Criterion],
    standing: Standing,
    verdicts: Mapping[str, Held],
    step: Decimal,
) -> SectionScore:
    scores = tuple(
        _criterion(item, criteria.get(item.id), standing.decisions.get(item.id), verdicts, step)
        for item in section.criteria
    )
    zero = Decimal(0)
    return section.model_copy(
        update={
            "points": sum((middle(item, step) for item in scores), zero),
            "low": sum((item.low for item in scores), zero),
            "high": sum((item.high for item in scores), zero),
            "settled": all(item.settled for item in scores),
            "criteria": scores,
        }
    )


def _criterion(
    score: CriterionScore,
    item: Criterion | None,
    decision: Held | None,
    verdicts: Mapping[str, Held],
    step: Decimal,
) -> CriterionScore:
    if decision is not None and decision.fits and decision.event.points is not None:
        given = decision.event.points
        caps = score.capped_by if item is None or given <= _ceiling(item, score.capped_by) else ()
        return score.model_copy(
            update={"points": given, "low": given, "high": given, "settled": True, "capped_by": caps}
        )
    if item is None:
        return score
    if item.kind == "auto" and item.check is not None and item.check in verdicts:
        share = SHARE.get(verdicts[item.check].event.verdict or "passed")
        if share is not None:
            given = item.max * share
            return score.model_copy(update={"points": given, "low": given, "high": given, "settled": True})
    return _capped_anew(score, item, verdicts, step)


def _capped_anew(score: CriterionScore, item: Criterion, verdicts: Mapping[str, Held], step: Decimal) -> CriterionScore:
    """Caps as people see the checks: a verdict of theirs puts a cap on, or takes it off."""
    if not any(cap.check in verdicts for cap in item.requires):
        return score
    low, high = Decimal(0), item.max
    if score.suggestion is not None:
        low, high = max(score.suggestion.low, low), min(score.suggestion.high, high)
    caps = [cap.check for cap in item.requires if _acts(cap, score, verdicts)]
    ceiling = _ceiling(item, caps)
    low, top = min(low, ceiling), min(high, ceiling)
    lowering = tuple(cap.check for cap in item.requires if cap.check in caps and item.max * cap.at < high)
    return valued(score.model_copy(update={"low": low, "high": top, "capped_by": lowering, "points": None}), step)


def _acts(cap: Cap, score: CriterionScore, verdicts: Mapping[str, Held]) -> bool:
    said = verdicts[cap.check].event.verdict if cap.check in verdicts else None
    if said is not None:
        return said == "failed"
    return cap.check in score.capped_by


def _ceiling(item: Criterion, checks: Iterable[str]) -> Decimal:
    return min((item.max * cap.at for cap in item.requires if cap.check in set(checks)), default=item.max)


def _open(card: Scorecard, standing: Standing, verdicts: Mapping[str, Held]) -> Iterator[OpenItem]:
    if not _refused(verdicts):
        yield from _open_criteria(card, standing)
    for review in card.review:
        kind, held = "check" if review.criterion else "submission", standing.verdicts.get(review.criterion)
        again = f"{AGAIN}{held.why}: " if held is not None and not held.fits else ""
        yield OpenItem.model_validate({"kind": kind, "target": review.criterion, "why": again + review.why})
    if card.status == "unreadable" and not card.review and not _refused(verdicts):
        yield OpenItem(kind="submission", target="", why="nothing that was handed in could be read")
    for flag in standing.flags:
        yield OpenItem(kind="flag", target=flag.criterion, why=f"flagged by {flag.author}: {flag.text}".rstrip(": "))
    yield from _asked(standing)


def _open_criteria(card: Scorecard, standing: Standing) -> Iterator[OpenItem]:
    for section in card.sections:
        for item in section.criteria:
            if not item.settled:
                yield OpenItem(kind="criterion", target=item.id, why=_why(item, standing.decisions.get(item.id)))


def _asked(standing: Standing) -> Iterator[OpenItem]:
    for request in standing.requests:
        if request.answer is None:
            yield OpenItem(kind="request", target=request.asked.criterion, why="a request for a regrade waits")


def _why(item: CriterionScore, held: Held | None) -> str:
    if held is not None and not held.fits:
        return AGAIN + held.why
    return "a suggestion waits to be confirmed" if item.suggestion is not None else "nobody has decided its points"
