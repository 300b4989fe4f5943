"""For each criterion of the rubric: a range of points with the evidence that led to it, what is missing, and what was not judged.

Firm only where evidence decides. Length, vocabulary and style are never looked at. A suggestion is confirmed or changed by a person.
"""

from __future__ import annotations

from collections.abc import Callable

from grader.model.finding import Findings
from grader.model.memo import Memo
from grader.model.observation import Observations
from grader.model.rubric import Criterion, Rubric
from grader.model.scorecard import Suggestion
from grader.scoring import suggest_causes as causes
from grader.scoring import suggest_classes as classes
from grader.scoring import suggest_deployment as deployment
from grader.scoring import suggest_named as named
from grader.scoring import suggest_next as following
from grader.scoring import suggest_systems as systems
from grader.scoring import suggest_weighting as weighting
from grader.scoring.suggest_draft import Draft, finish
from grader.scoring.suggest_reading import Reading
from grader.scoring.suggest_refuted import hold_against
from grader.scoring.suggest_unread import leave_room

Rule = Callable[[Reading], Draft]
RULES: dict[str, Rule] = {
    "aggregates": systems.aggregates,
    "differences": systems.differences,
    "efficiency": systems.efficiency,
    "interpretation": systems.interpretation,
    "hypothesis": weighting.hypothesis,
    "weighted_result": weighting.weighted_result,
    "transfer": weighting.transfer,
    "weighting_explained": weighting.weighting_explained,
    "tiers": classes.tiers,
    "named_classes": named.named_classes,
    "where": classes.where,
    "explanations": causes.explanations,
    "limits": classes.limits,
    "latency": deployment.latency,
    "translated": deployment.translated,
    "recommendation": deployment.recommendation,
    "grounded": deployment.grounded,
    "bottleneck": following.bottleneck,
    "experiment": following.experiment,
    "decision": following.decision,
    "feasible": following.feasible,
}


def suggest(memo: Memo, rubric: Rubric, seen: Observations, findings: Findings) -> dict[str, Suggestion]:
    """A suggestion for every criterion of kind `suggested`. Caps by failed checks are the scorecard's, not applied here."""
    reading = Reading(memo, seen)
    found: dict[str, Suggestion] = {}
    for section in rubric.sections:
        wanted = [item for item in section.criteria if item.kind == "suggested"]
        drafts = {item.id: _draft(reading, item) for item in wanted}
        leave_room([draft for draft in drafts.values() if draft is not None], reading, section.id)
        found.update({item.id: _suggestion(drafts[item.id], reading, item, rubric, findings) for item in wanted})
    return found


def _draft(reading: Reading, criterion: Criterion) -> Draft | None:
    """What the criterion's rule found; null where there is no memo or no rule."""
    name = str(criterion.suggest.get("rule", ""))
    if name not in RULES or not any(True for _ in reading.written()):
        return None
    draft = RULES[name](reading)
    draft.top = float(criterion.max)
    hold_against(name, draft)
    return draft


def _suggestion(
    draft: Draft | None, reading: Reading, criterion: Criterion, rubric: Rubric, findings: Findings
) -> Suggestion:
    if draft is None:
        return _undrafted(reading, criterion, rubric)
    result = finish(draft, criterion, rubric.step)
    failed = [
        cap.check
        for cap in criterion.requires
        if (found := findings.findings.get(cap.check)) and found.verdict == "failed"
    ]
    titles = {line.id: line.title or line.id for line in rubric.checks}
    notes = tuple(f"What these numbers are worth: see the check “{titles.get(name, name)}”." for name in failed)
    return result.model_copy(update={"not_judged": (*result.not_judged, *notes)})


def _undrafted(reading: Reading, criterion: Criterion, rubric: Rubric) -> Suggestion:
    """No memo, or no rule that reads this criterion."""
    zero = rubric.step * 0
    if not any(True for _ in reading.written()):
        missing = ("No memo text was found.",)
        return Suggestion(low=zero, high=zero, state="not_found", confidence="firm", missing=missing)
    why = ("No reading rule: a person reads this criterion.",)
    return Suggestion(low=zero, high=criterion.max, state="needs_reading", confidence="open", not_judged=why)
