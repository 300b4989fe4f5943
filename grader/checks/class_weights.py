"""Looks at the weights that reached the decoder's loss in training, against the training examples per class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.checks._seen import citations, dry, finished, name, ran, your_line
from grader.model.finding import Finding
from grader.model.observation import LossWeights, Number, SamplerWeights

TOLERANCE = 0.05
FIT = 0.985
SLOPE = 0.06
FIX = (
    "Compute `w = 1 / sqrt(n)` from the training counts, scale it as you like, and pass it to the loss that trains the model: "
    "`F.cross_entropy(logits, labels, weight=w)` in `compute_loss`."
)
NAMES = {
    "inverse_sqrt": "1/sqrt(n)",
    "inverse": "1/n",
    "effective_number": "the effective number of samples",
    "log": "the logarithm of n",
    "other": "a rule of your own",
}


class Options(CheckOptions):
    """Options of `class_weights`: none."""


@dataclass(frozen=True)
class Shape:
    """How weights go with class counts: weight ~ n ** slope."""

    slope: float
    fit: float
    """Share of the variance that the line explains."""
    exact: bool
    """w * sqrt(n) is the same for all classes."""


@check(Options)
def class_weights(case: Case, options: Options) -> Finding:
    """In the weighted run the model's loss gets class weights proportional to one over the root of the class counts.

    What counts is the tensor that reaches the loss in training; a weight that is computed and not used is none.
    """
    losses = dry(case, LossWeights)
    weighted = [item for item in losses if _uneven(item.weights)]
    if weighted:
        return _judge(case, weighted[-1])
    samplers = dry(case, SamplerWeights)
    if samplers:
        return _sampled(case, samplers[0])
    if losses and finished(case) and (_never_used(case, losses) or not _reported_elsewhere(case)):
        return _none(case, losses)
    return _from_code(case, reached=bool(losses))


def _uneven(weights: Sequence[float] | None) -> bool:
    return bool(weights) and max(weights or (0.0,)) - min(weights or (0.0,)) > 1e-6 * max(weights or (0.0,))


def _pairs(case: Case, item: LossWeights) -> list[tuple[float, float]]:
    """(examples, weight) of each class that has both."""
    counts = case.assignment.class_counts
    labels = item.labels or tuple(range(len(item.weights or ())))
    return [
        (float(counts[label]), weight)
        for label, weight in zip(labels, item.weights or (), strict=False)
        if 0 <= label < len(counts) and counts[label] > 0 and weight > 0
    ]


def measure(pairs: Sequence[tuple[float, float]]) -> Shape | None:
    """Fit weight ~ n ** slope; null where there is too little to fit."""
    if len(pairs) < 3 or len({count for count, _ in pairs}) < 2:
        return None
    xs, ys = [math.log(count) for count, _ in pairs], [math.log(weight) for _, weight in pairs]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread_x = sum((x - mean_x) ** 2 for x in xs)
    spread_y = sum((y - mean_y) ** 2 for y in ys)
    together = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    fit = together**2 / (spread_x * spread_y) if spread_y else 0.0
    products = [weight * math.sqrt(count) for count, weight in pairs]
    return Shape(together / spread_x, fit, max(products) <= min(products) * (1 + TOLERANCE))


def _judge(case: Case, item: LossWeights) -> Finding:
    if (
        item.weights is not None
        and not item.labels
        and len(item.weights) != (case.assignment.classes or len(item.weights))
    ):
        return _other(case, item, f"{len(item.weights)} weights for {case.assignment.classes} classes", None)
    pairs = _pairs(case, item)
    shape = measure(pairs)
    if shape is None:
        return not_assessed(
            f"Class weights reach your {name(case)}'s loss, but we could not tell by which rule. {FIX}",
            f"{len(pairs)} classes with both a count and a weight: too few to fit.",
        )
    if shape.exact or (shape.fit >= FIT and abs(shape.slope + 0.5) <= SLOPE):
        return finding(
            "passed",
            student=f"Class weights proportional to 1/sqrt(n) reach your {name(case)}'s loss in training.",
            staff=f"Dry run: {_described(item, shape)}.",
            source="dry_run",
            citations=citations([item]),
        )
    sorted_shape = measure(
        list(zip(sorted(n for n, _ in pairs), sorted((w for _, w in pairs), reverse=True), strict=True))
    )
    if sorted_shape is not None and sorted_shape.exact:
        return _other(case, item, "values of 1/sqrt(n), but not in the order of the labels as the data has them", shape)
    return _other(case, item, _rule(shape, pairs), shape)


def _described(item: LossWeights, shape: Shape | None) -> str:
    how = "" if shape is None else f", weight ~ n^{shape.slope:.2f} (fit {shape.fit:.3f})"
    low, high = min(item.weights or (0.0,)), max(item.weights or (0.0,))
    return f"{len(item.weights or ())} weights from {low:.4g} to {high:.4g} in {item.calls} losses{how}"


def _rule(shape: Shape, pairs: Sequence[tuple[float, float]]) -> str:
    if shape.fit >= FIT and abs(shape.slope + 1) <= SLOPE:
        return "1/n (inverse frequency), which weighs rare classes far more"
    if shape.slope > 0.05:
        return "a rule that grows with the count: frequent classes weigh more"
    ordered = [weight for _, weight in sorted(pairs)]
    if all(after <= before * 1.0001 for before, after in pairwise(ordered)):
        return f"a rule that falls with the count, about n^{shape.slope:.2f} (clipped, effective number or logarithm)"
    return "a rule that does not follow the class counts"


def _other(case: Case, item: LossWeights, rule: str, shape: Shape | None) -> Finding:
    return finding(
        "partial",
        student=f"Class weights reach your {name(case)}'s loss, by another rule than the course's: {rule}. {FIX}",
        staff=f"Dry run: {_described(item, shape)}; read as {rule}.",
        source="dry_run",
        citations=citations([item]),
    )


def _sampled(case: Case, item: SamplerWeights) -> Finding:
    return finding(
        "partial",
        student=f"You draw rare classes more often (a weighted sampler) instead of weighing them in the loss. {FIX}",
        staff=f"Dry run: WeightedRandomSampler, {item.distinct} different weights, ratio {item.ratio}; losses unweighted.",
        source="dry_run",
        citations=citations([item]),
    )


def _never_used(case: Case, losses: Sequence[LossWeights]) -> bool:
    """The code as handed in makes weights and trains the decoder again, and nothing weighted reaches a loss."""
    written = case.seen.of(LossWeights, source="source")
    return len(losses) > 1 and any(item.formula and item.model in (case.line.model, None) for item in written)


def _reported_elsewhere(case: Case) -> bool:
    """Saved outputs show a weighted run that the code as handed in no longer makes."""
    return any(item.run == "weighted" for item in case.seen.of(Number, model=case.line.model, source="recorded"))


def _none(case: Case, losses: Sequence[LossWeights]) -> Finding:
    written = [item for item in case.seen.of(LossWeights, source="source") if item.model in (case.line.model, None)]
    computed = [item for item in written if item.formula]
    unused = f"You compute class weights, but they never reach the loss: the {name(case)} trains without them."
    absent = f"No run of your {name(case)} trains with class weights."
    return finding(
        "failed",
        student=f"{unused if computed else absent}{your_line(computed)} {FIX}",
        staff=f"Dry run to the end: {sum(item.calls for item in losses)} losses of the {name(case)}, all unweighted.",
        source="dry_run",
        citations=citations([*computed, *losses]),
    )


def _from_code(case: Case, *, reached: bool) -> Finding:
    """The weighted run was not reached: the code can show a rule, never that it worked."""
    written = [item for item in case.seen.of(LossWeights, source="source") if item.model in (case.line.model, None)]
    used = [item for item in written if item.formula and item.reached_loss]
    where = "the dry run did not get to it" if ran(case) else "the notebook was not run"
    if not used:
        return not_assessed(
            f"We could not see class weights in your {name(case)}'s loss. {FIX}",
            f"{where}; weights in the code: {len(written)}, none seen to go into a loss; plain losses seen: {reached}.",
        )
    rule = used[-1].formula or "other"
    return finding(
        "passed" if rule == "inverse_sqrt" else "partial",
        student=f"Your code passes class weights by {NAMES.get(rule, rule)} to the loss."
        + ("" if rule == "inverse_sqrt" else f" {FIX}"),
        staff=f"From the code alone ({where}): weights by {NAMES.get(rule, rule)} given to a loss.",
        source="source",
        citations=citations(used),
    )
