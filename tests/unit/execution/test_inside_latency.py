"""What counts as timed, from looks at the clock and passes alone."""

from __future__ import annotations

import json
import os

import pytest

from grader.execution.inside_feeding import Feeding
from grader.execution.inside_latency import Latency
from grader.execution.inside_session import Session


class Fed:
    """A feeding that has seen nothing."""

    def known(self):
        return set()

    def evaluated(self, number):
        return {}

    def retime(self, number, before):
        pass


def timed(story):
    """`|` a look at the clock, `E` and `D` passes of two models, `T` a training pass, `s` a wait for the GPU."""
    read, write = os.pipe()
    session = Session(write, {})
    latency = Latency(session, Fed())
    session.on_sync = latency._synced
    for sign in story:
        if sign == "|":
            latency.look()
        elif sign == "s":
            session.on_sync("sync")
        else:
            latency.forward({"E": 1, "D": 2, "T": 1}[sign], sign == "T", 32)
    latency.flush()
    os.close(write)
    with os.fdopen(read) as lines:
        records = [json.loads(line) for line in lines]
    return {
        "ED"[item["model"] - 1]: (item["before"], item["passes"], item["segments"], item["synchronised"])
        for item in records
    }


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("EE|EEEs|", {"E": (2, 3, 1, 1)}),
        ("EE|EEE|", {"E": (2, 3, 1, 0)}),
        ("|E||E||E|", {"E": (0, 3, 3, 0)}),
        ("EE|EEEs|DD|DDDs|", {"E": (2, 3, 1, 1), "D": (2, 3, 1, 1)}),
        ("EE|E||E|DD|D||D|", {"E": (2, 2, 2, 0), "D": (2, 2, 2, 0)}),
        ("|E||D|", {"E": (0, 1, 1, 0), "D": (0, 1, 1, 0)}),
        ("|TTTEE|", {}),
        ("EEE", {}),
        ("EEE|", {}),
        ("||", {}),
    ],
)
def test_passes_between_two_looks_are_timed(story, expected):
    assert timed(story) == expected


@pytest.mark.parametrize(
    ("evaluated", "timed_passes", "expected"),
    [
        ({("left", 32): 3}, {("left", 32): 5}, {("latency", "left"): 8}),
        ({("left", 32): 3, ("right", 32): 20}, {("left", 32): 5}, {("latency", "left"): 8, ("eval", "right"): 20}),
        ({("left", 32): 20}, {("left", 32): 5}, {("latency", "left"): 5, ("eval", "left"): 20}),
        ({("left", 16): 3}, {("left", 32): 5}, {("latency", "left"): 5, ("eval", "left"): 3}),
    ],
)
def test_a_warm_up_belongs_to_the_timing_and_an_evaluation_does_not(evaluated, timed_passes, expected):
    read, write = os.pipe()
    feeding = Feeding(Session(write, {}), None)
    for phase, passes in (("eval", evaluated), ("latency", timed_passes)):
        feeding._fed.update({(1, phase, side, size): n for (side, size), n in passes.items()})
    feeding.flush()
    os.close(write)
    with os.fdopen(read) as lines:
        records = [json.loads(line) for line in lines]
    assert {(item["phase"], item["side"]): item["n"] for item in records if item["t"] == "batches"} == expected


def test_the_timeit_magic_of_the_installed_ipython_is_watched(monkeypatch):
    from IPython.core.magics import execution

    read, write = os.pipe()
    session = Session(write, {})
    original = execution.Timer.timeit
    monkeypatch.setattr(execution.Timer, "timeit", original)
    Latency(session, Fed())._patch_magic(execution)
    assert execution.Timer.timeit is not original
    os.close(write)
    os.close(read)
