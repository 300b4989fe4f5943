from __future__ import annotations

import math

import pytest

from grader.checks.class_weights import Options, class_weights, measure
from grader.model.observation import LossWeights, Number, SamplerWeights
from tests.builders_notebooks import presentable, week3
from tests.builders_observed import CODE, DRY, PRINTED, observed

COUNTS = week3().class_counts


def reached(weights, *, labels=(), run="weighted"):
    values = None if weights is None else tuple(weights)
    return LossWeights(**DRY, model="decoder", run=run, weights=values, labels=labels, calls=6)


def by(rule):
    return reached([rule(n) for n in COUNTS])


PLAIN = reached(None, run="plain")


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([by(lambda n: 1 / math.sqrt(n))], "passed"),
        ([by(lambda n: 113 * 7.5 / math.sqrt(n))], "passed"),
        ([by(lambda n: math.sqrt(sum(COUNTS) / n))], "passed"),
        ([PLAIN, by(lambda n: n**-0.5)], "passed"),
        ([reached([n**-0.5 for n in COUNTS[:40]], labels=tuple(range(40)))], "passed"),
        ([by(lambda n: 1 / n)], "partial"),
        ([by(lambda n: sum(COUNTS) / (113 * n))], "partial"),
        ([by(lambda n: min(n**-0.5, 0.1))], "partial"),
        ([by(lambda n: (1 - 0.999) / (1 - 0.999**n))], "partial"),
        ([by(lambda n: math.sqrt(n))], "partial"),
        ([reached([n**-0.5 for n in sorted(COUNTS)])], "partial"),
        ([reached([1.0, 2.0])], "partial"),
        ([PLAIN, SamplerWeights(**DRY, model="decoder", distinct=40, ratio=20.0)], "partial"),
        ([PLAIN], "failed"),
        ([PLAIN, reached([1.0] * 113)], "failed"),
        (
            [PLAIN, LossWeights(**CODE, model="decoder", weights=None, formula="inverse_sqrt", reached_loss=False)],
            "failed",
        ),
        (
            [PLAIN, Number(**PRINTED, model="decoder", run="weighted", value=0.24, text="0.24", metric="macro_f1")],
            "not_assessed",
        ),
        ([], "not_assessed"),
    ],
)
def test_the_verdict_follows_the_tensor_that_reached_the_loss(items, verdict):
    answer = class_weights(observed(*items), Options())
    assert answer.verdict == verdict
    assert presentable(answer)


@pytest.mark.parametrize(
    ("formula", "used", "verdict"),
    [
        ("inverse_sqrt", True, "passed"),
        ("inverse", True, "partial"),
        ("inverse_sqrt", False, "not_assessed"),
        (None, True, "not_assessed"),
    ],
)
def test_a_weighted_run_that_was_not_reached_is_read_from_the_code(formula, used, verdict):
    written = LossWeights(**CODE, model="decoder", weights=None, formula=formula, reached_loss=used)
    assert class_weights(observed(PLAIN, written, broken=True), Options()).verdict == verdict


def test_a_fit_needs_different_counts():
    assert measure([(5.0, 1.0), (5.0, 2.0), (5.0, 3.0)]) is None
