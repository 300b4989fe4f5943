"""The model behind docs/planning.md, on cases that one can count by hand."""

from __future__ import annotations

import pytest

from tests.benchmarks.planning_model import Plan, Worker, per_machine, predict, simulate, workers_needed


def test_equal_submissions_are_done_in_rounds() -> None:
    assert simulate([10.0] * 7, [Worker()] * 3).seconds == 30
    assert simulate([10.0] * 6, [Worker(start=5.0)] * 3).seconds == 25


def test_the_longest_goes_last_and_holds_everybody_up() -> None:
    assert simulate([1, 1, 1, 100], [Worker()] * 2).seconds == 101
    assert simulate([100, 1, 1, 1], [Worker()] * 2).seconds == 100


def test_a_lost_workers_submission_is_executed_again_by_another() -> None:
    done = simulate([10.0] * 4, [Worker(lost_at=15.0), Worker()], notice=2.0)
    assert (done.seconds, done.executions) == (30.0, 5)


def test_a_worker_that_comes_back_works_on() -> None:
    done = simulate([10.0] * 4, [Worker(lost_at=15.0, back_after=1.0), Worker()], notice=0.5)
    assert (done.seconds, done.executions) == (26.0, 5)


def test_without_workers_nothing_is_ever_done() -> None:
    with pytest.raises(ValueError, match="every worker was lost"):
        simulate([10.0] * 4, [Worker(lost_at=15.0)])


def test_more_workers_are_done_sooner_and_losses_cost_time() -> None:
    measured = [5.0, 10.0, 15.0]
    few, many = (predict(measured, 300, Plan(workers, 20.0))[0] for workers in (10, 30))
    assert 300 < few < 360
    assert 120 < many < 160
    assert predict(measured, 300, Plan(10, 20.0, losses_per_hour=30.0))[0] > few


def test_the_fewest_workers_in_time_are_really_the_fewest() -> None:
    measured = [5.0, 10.0, 15.0]
    found = workers_needed(measured, 1000, 600.0, Plan(1, 20.0))
    assert found is not None
    assert predict(measured, 1000, Plan(found, 20.0), rounds=5)[1] <= 600
    assert predict(measured, 1000, Plan(found - 1, 20.0), rounds=5)[1] > 600


def test_memory_bounds_the_workers_of_a_machine() -> None:
    assert per_machine(16, 64, server_gb=0.6, notebook_gb=2.0) == 16
    assert per_machine(16, 32, server_gb=0.6, notebook_gb=4.0) == 6
