"""A fixed sample of the generated corpus, and the notebooks written by hand, are judged as they should be.

The whole corpus runs with `tox -e corpus`; its last results stand in tests/corpus/results.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from grader.settings import Settings
from tests.corpus.choices import FAULTS, draw
from tests.corpus.handwritten import judge_handwritten
from tests.corpus.judge import Judged, judge_seeds
from tests.corpus.notebook import build
from tests.corpus.report import offenders, table
from tests.corpus.truth import truth

STATIC = range(5000, 5060)
DRY = (5001, 5004, 5011, 5017, 5023, 5038)
RIGHT = 0.99


def wrong(found: Sequence[Judged], kind: str) -> list[str]:
    return [
        f"seed {row['seed']} {row['check']}: {row['verdict']}, should be {row['truth']}; {row['why']}"
        for row in offenders(found)
        if row["kind"] == kind
    ]


def share_right(found: Sequence[Judged]) -> float:
    rows = table(found).values()
    right = sum(row.get("right", 0) for row in rows)
    return right / (right + sum(row.get("wrong", 0) + row.get("false_failed", 0) for row in rows))


def test_every_fault_is_planted_somewhere_in_the_corpus() -> None:
    assert {fault for seed in range(600) for fault in draw(seed).faults} == set(FAULTS)


def test_a_seed_gives_the_same_notebook_and_truth_again() -> None:
    assert (build(draw(17)), truth(draw(17))) == (build(draw(17)), truth(draw(17)))


def test_no_generated_notebook_is_falsely_failed_without_running_it() -> None:
    found = list(judge_seeds(STATIC, Settings(mode="static")))
    assert wrong(found, "false_failed") == []
    assert share_right(found) >= RIGHT, wrong(found, "wrong")


def test_no_hand_written_notebook_is_falsely_failed_without_running_it() -> None:
    found = list(judge_handwritten(Settings(mode="static")))
    assert wrong(found, "false_failed") == []


@pytest.mark.sandbox
@pytest.mark.torch
@pytest.mark.slow
def test_no_generated_notebook_is_falsely_failed_in_the_dry_run() -> None:
    found = list(judge_seeds(DRY, Settings(mode="dry-run", jobs=2)))
    assert wrong(found, "false_failed") == []
    assert share_right(found) >= RIGHT, wrong(found, "wrong")
