from __future__ import annotations

import pytest

from grader.checks.latency_method import Options, latency_method
from grader.model.observation import Environment, LatencyMeasured, Number
from tests.builders_notebooks import presentable
from tests.builders_observed import CODE, DRY, PRINTED, observed


def timed(role, *, size=32, before=3, repeats=10, waits=True, gpu=True, where=DRY):
    return LatencyMeasured(
        **where, model=role, batch_size=size, warmup=before, repeats=repeats, synchronised=waits, on_gpu=gpu
    )


def printed(role):
    return Number(**PRINTED, model=role, metric="latency_ms", value=9.0, text="9.0")


E, D = "encoder", "decoder"


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([timed(E), timed(D)], "passed"),
        ([timed(E, before=0), timed(D, before=0)], "passed"),
        ([timed(E, before=1, repeats=1), timed(D, before=1, repeats=1)], "passed"),
        ([timed(E, gpu=None, waits=False), timed(D, gpu=None, waits=False)], "passed"),
        ([timed(E, size=1), timed(E), timed(D, size=1), timed(D)], "passed"),
        ([timed(E, before=0, repeats=1), timed(D)], "partial"),
        ([timed(E, waits=False), timed(D, waits=False)], "partial"),
        ([timed(E, size=1), timed(D)], "partial"),
        ([timed(E, size=1), timed(D, size=1)], "failed"),
        ([timed(D)], "failed"),
        ([timed(D), printed(D)], "failed"),
        ([timed(D), printed(E), printed(D)], "not_assessed"),
        ([timed(D), printed(E), printed(D), timed(E, where=CODE), timed(D, where=CODE)], "passed"),
        ([timed(E, where=CODE), timed(D, where=CODE)], "passed"),
        ([timed(E, where=CODE, before=0, repeats=None), timed(D, where=CODE)], "passed"),
        ([timed(E, where=CODE, before=0, repeats=1), timed(D, where=CODE)], "partial"),
        ([timed(E, before=0, repeats=None), timed(D)], "partial"),
        ([timed(E, where=CODE)], "not_assessed"),
        ([timed(None, where=CODE)], "not_assessed"),
        ([timed(None, where=CODE), printed(E)], "not_assessed"),
        ([timed(None, where=CODE), printed(E), printed(D)], "passed"),
        (
            [timed(E, gpu=None, waits=False), timed(D, gpu=None, waits=False), Environment(**PRINTED, gpu="Tesla T4")],
            "partial",
        ),
        (
            [
                *(timed(role, gpu=None, waits=False) for role in (E, D)),
                *(timed(role, where=CODE) for role in (E, D)),
                Environment(**PRINTED, gpu="Tesla T4"),
            ],
            "passed",
        ),
        (
            [
                *(timed(role, waits=False) for role in (E, D)),
                *(timed(role, where=CODE) for role in (E, D)),
                Environment(**PRINTED, gpu="Tesla T4"),
            ],
            "partial",
        ),
        ([timed(E, where=CODE), timed(D, size=1, where=CODE), timed(D, size=None, where=CODE)], "passed"),
        ([], "not_assessed"),
    ],
)
def test_the_verdict_follows_what_lies_between_two_looks_at_the_clock(items, verdict):
    answer = latency_method(observed(*items, model=None), Options())
    assert answer.verdict == verdict
    assert presentable(answer)


def test_one_model_of_a_run_that_broke_off_is_not_held_against_anyone():
    assert latency_method(observed(timed(E), model=None, broken=True), Options()).verdict == "not_assessed"


def test_where_the_recorder_stumbled_absence_means_nothing():
    stumbled = {"t": "recorder_error", "where": "look", "error": "KeyError: 1"}
    assert latency_method(observed(timed(D), model=None, trace=(stumbled,)), Options()).verdict == "not_assessed"
