"""The recorder's records as they are read outside the box."""

from __future__ import annotations

import json
import os

import pytest

from grader.execution.nouns import Limits
from grader.execution.trace import Trace


def read(*lines: bytes, limits: Limits | None = None) -> Trace:
    trace = Trace(limits or Limits())
    for line in lines:
        for start in range(0, len(line), 50_000):
            os.write(trace.write_end, line[start : start + 50_000])
            trace.drain()
    trace.close()
    return trace


def line(**record: object) -> bytes:
    return json.dumps(record).encode() + b"\n"


def test_records_are_tied_to_cells_over_the_whole_notebook() -> None:
    trace = read(line(t="grader_cell", exec=1), line(t="a", exec=1), line(t="grader_cell", exec=2), line(t="b", exec=2))
    assert trace.records([3, 7]) == ({"t": "a", "exec": 1, "cell": 3}, {"t": "b", "exec": 2, "cell": 7})


def test_a_cell_within_a_cell_belongs_to_the_outer_one() -> None:
    """%%capture makes IPython run a cell inside a cell, and count both."""
    trace = read(line(t="grader_cell", exec=1), line(t="a", exec=2), line(t="grader_cell", exec=3), line(t="b", exec=3))
    assert [record["cell"] for record in trace.records([0, 4])] == [0, 4]


def test_without_marks_the_number_itself_counts() -> None:
    assert [record["cell"] for record in read(line(t="a", exec=2)).records([5, 6])] == [6]


@pytest.mark.parametrize("number", [0, -1, 99, None, "1", True, 1.5, [1]])
def test_a_record_of_no_cell_has_none(number: object) -> None:
    assert read(line(t="grader_cell", exec=1), line(t="a", exec=number)).records([5])[0]["cell"] in (None, 5)
    assert read(line(t="a", exec=number)).records([5])[0]["cell"] is None


@pytest.mark.parametrize(
    "garbage", [b"not json\n", b"[1]\n", b"3\n", b"\xff\xfe\n", b"[" * 50_000 + b"\n", b"x" * 200_000 + b"\n"]
)
def test_garbage_is_dropped_and_counted(garbage: bytes) -> None:
    trace = read(line(t="before", exec=1), garbage, line(t="after", exec=1))
    assert [record["t"] for record in trace.records([0])] == ["before", "after"]
    assert trace.dropped == 1


def test_a_flood_is_cut() -> None:
    trace = read(*(line(t="x", exec=1, text="y" * 1000) for _ in range(50)), limits=Limits(trace_bytes=10_000))
    assert trace.truncated
    assert len(trace.records([0])) == 9


def test_a_record_without_its_end_is_no_record() -> None:
    assert read(line(t="a", exec=1), b'{"t": "half').records([0]) == ({"t": "a", "exec": 1, "cell": 0},)


def test_a_record_of_a_cell_that_is_over_is_marked_as_late_and_nobody_can_unmark_it() -> None:
    mark = line(t="grader_cell", exec=2)
    trace = read(
        line(t="grader_cell", exec=1), line(t="a", exec=1), mark, line(t="b", exec=1, late=False), line(t="c", exec=2)
    )
    assert [record.get("late") for record in trace.records([0, 1])] == [None, True, None]
