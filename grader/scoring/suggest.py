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
from grader.scoring import suggest_classes as classes
from grader.scoring import suggest_deployment as deployment
from grader.scoring import suggest_named as named
from grader.scoring import suggest_next as following
from grader.scoring import suggest_systems as systems
from grader.scoring import suggest_weighting as weighting
from grader.scoring.suggest_draft import Draft, finish
from grader.scoring.suggest_reading import Reading

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
    "explanations": classes.explanations,
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
    """A suggestion for every criterion of kind `suggested`. Caps by failed checks are the scorecard's, not applied "
    "here."""
    reading = Reading(memo, seen)
    wanted = [item for section in rubric.sections for item in section.criteria if item.kind == "suggested"]
    return {item.id: _suggestion(reading, item, rubric, findings) for item in wanted}


def _suggestion(reading: Reading, criterion: Criterion, rubric: Rubric, findings: Findings) -> Suggestion:
    if not any(True for _ in reading.written()):
        return Suggestion(
            low=rubric.step * 0,
            high=rubric.step * 0,
            state="not_found",
            confidence="firm",
            missing=("No memo text was found.",),
        )
    rule = RULES.get(str(criterion.suggest.get("rule", "")))
    if rule is None:
        return Suggestion(
            low=rubric.step * 0,
            high=criterion.max,
            state="needs_reading",
            confidence="open",
            not_judged=("No reading rule: a person reads this criterion.",),
        )
    result = finish(rule(reading), criterion, rubric.step)
    failed = [
        cap.check
        for cap in criterion.requires
        if (found := findings.findings.get(cap.check)) and found.verdict == "failed"
    ]
    notes = tuple(f"The check {name} failed: what these numbers are worth is settled there." for name in failed)
    return result.model_copy(update={"not_judged": (*result.not_judged, *notes)})
