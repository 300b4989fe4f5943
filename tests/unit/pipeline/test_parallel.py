"""Many items on several processors: their order, what they raise, and processes that a system ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from grader.errors import MachineError
from grader.pipeline.parallel import in_parallel

ITEMS = range(25)


@pytest.mark.parametrize("jobs", [1, 2, 3, 40])
def test_results_come_in_the_order_of_the_items(jobs: int) -> None:
    assert list(in_parallel(lambda item: item * item, ITEMS, jobs=jobs)) == [item * item for item in ITEMS]


def test_what_the_function_raises_is_raised_here() -> None:
    def one(item: int) -> int:
        if item == 7:
            raise OSError("no room")
        return item

    results = in_parallel(one, ITEMS, jobs=2)
    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(OSError, match="no room"):
        next(results)


@pytest.mark.parametrize("killed", [0, 11, 24])
def test_a_process_that_was_killed_is_followed_by_another_and_nothing_is_missing(killed: int, tmp_path: Path) -> None:
    parent = os.getpid()

    def one(item: int) -> int:
        if item == killed and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        assert os.getpid() != parent
        return item

    assert list(in_parallel(one, ITEMS, jobs=2)) == list(ITEMS)
    assert (tmp_path / "killed").exists()


def test_a_process_killed_twice_at_the_same_item_is_said_with_what_to_do() -> None:
    def one(item: int) -> int:
        if item == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    results = in_parallel(one, ITEMS, jobs=2)
    assert [next(results) for _ in range(9)] == list(range(9))
    with pytest.raises(MachineError, match="--jobs 1"):
        next(results)
