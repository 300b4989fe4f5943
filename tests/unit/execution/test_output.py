"""What is kept of a notebook's output."""

from __future__ import annotations

from typing import Any

import pytest
from nbclient.client import CellExecutionComplete

from grader.execution.capture import Capture, Text
from grader.execution.notebooks import fresh
from grader.execution.nouns import Limits


def shown(*pieces: str, most: int = 10_000) -> str:
    text = Text(most)
    for piece in pieces:
        text.feed(piece)
    return str(text)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["a\n", "b"], "a\nb"),
        (["10%\r", "20%\r", "100%\n"], "100%\n"),
        (["\r10%", "\r20%", "\r100%"], "100%"),
        (["start\r\nend\r\n"], "start\nend\n"),
        (["half", " line\n"], "half line\n"),
        (["loss 1.0\nloss 0.5\n"], "loss 1.0\nloss 0.5\n"),
        (["Map:  50%\rMap: 100%\n", "done\n"], "Map: 100%\ndone\n"),
        (["kept\r"], "kept"),
        (["kept\r", "\n", "next"], "kept\nnext"),
        (["a\rb\rc\r\n"], "c\n"),
        ([""], ""),
        (["\n\n\n"], "\n\n\n"),
        (["name: 1\rvalue"], "value"),
    ],
)
def test_text_is_shown_as_a_terminal_would(pieces: list[str], expected: str) -> None:
    assert shown(*pieces) == expected


def test_pieces_make_no_difference() -> None:
    whole = "step 1\rstep 2\r\nloss 0.5\n\rlast\rvery last"
    assert shown(*whole) == shown(whole) == "step 2\nloss 0.5\nvery last"


def test_of_long_text_the_beginning_and_the_end_are_kept() -> None:
    text = shown(*(f"line {number}\n" for number in range(5000)), most=2000)
    assert text.startswith("line 0\nline 1\n")
    assert text.endswith("line 4998\nline 4999\n")
    assert "characters left out by the grader" in text
    assert len(text) < 2100


def test_one_endless_line_stays_short() -> None:
    text = Text(1000)
    for _ in range(100):
        text.feed("x" * 1000)
    assert len(str(text)) < 1100
    assert text.cut


def message(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"msg_type": kind, "header": {"msg_type": kind}, "parent_header": {"msg_id": "1"}, "content": content}


def captured(*messages: dict[str, Any], limits: Limits | None = None) -> tuple[Capture, list[dict[str, Any]]]:
    capture = Capture(fresh({"cells": [{"cell_type": "code", "source": "x"}]}), limits or Limits())
    cell = capture.nb.cells[0]
    for told in messages:
        capture.process_message(told, cell, 0)
    capture.settle()
    return capture, [dict(output) for output in cell.outputs]


def printing(text: str, name: str = "stdout") -> dict[str, Any]:
    return message("stream", {"name": name, "text": text})


def figure(size: int = 10) -> dict[str, Any]:
    return message("display_data", {"data": {"image/png": "A" * size}, "metadata": {}})


def test_what_is_printed_is_joined_until_something_is_shown() -> None:
    _, outputs = captured(printing("a"), printing("w", "stderr"), printing("b\n"), figure(), printing("c"))
    assert [(o["output_type"], o.get("name"), o.get("text")) for o in outputs] == [
        ("stream", "stdout", "ab\n"), ("stream", "stderr", "w"), ("display_data", None, None), ("stream", "stdout", "c"),
    ]  # fmt: skip


def test_clearing_takes_away_what_was_there_also_when_it_waits() -> None:
    now = message("clear_output", {"wait": False})
    later = message("clear_output", {"wait": True})
    assert [o["text"] for o in captured(printing("old"), now, printing("new"))[1]] == ["new"]
    assert [o["text"] for o in captured(printing("old"), later, printing("new"))[1]] == ["new"]
    assert [o["text"] for o in captured(printing("kept"), later)[1]] == ["kept"]


def test_an_output_that_is_too_large_is_left_out_and_said_so() -> None:
    capture, outputs = captured(figure(500), figure(5000), figure(5000), limits=Limits(cell_output_bytes=3000))
    assert capture.cut == {0}
    assert [o["output_type"] for o in outputs] == ["display_data", "stream"]
    assert "too long" in outputs[1]["text"]


def test_an_error_is_kept_even_when_the_purse_is_empty() -> None:
    error = message("error", {"ename": "ValueError", "evalue": "no", "traceback": ["..."]})
    _, outputs = captured(figure(2700), figure(900), error, limits=Limits(cell_output_bytes=3000))
    assert outputs[-1]["ename"] == "ValueError"


def test_an_error_of_any_length_is_an_error() -> None:
    error = message("error", {"ename": "Odd", "evalue": "x" * 200_000, "traceback": ["y" * 200_000]})
    capture, (output,) = captured(error, limits=Limits(cell_output_bytes=3000))
    assert (output["ename"], output["evalue"], output["traceback"]) == ("Odd", "x" * 2000, [])
    assert capture.cut == {0}


def test_the_notebook_has_a_purse_too() -> None:
    _, outputs = captured(*(figure(1000) for _ in range(10)), limits=Limits(notebook_output_bytes=5000))
    assert sum(o["output_type"] == "display_data" for o in outputs) == 4


@pytest.mark.parametrize(
    "told",
    [
        message("display_data", {"data": 5}),
        message("stream", {}),
        message("comm_open", {"comm_id": [], "data": 7}),
        message("update_display_data", {"transient": {"display_id": "q"}, "data": None}),
        message("error", {"traceback": 3}),
        message("execute_result", {}),
        {"msg_type": "stream", "content": None, "parent_header": {}},
        {},
    ],
)
def test_what_no_kernel_sends_is_dropped(told: dict[str, Any]) -> None:
    capture, outputs = captured(printing("before"), told, printing("after"))
    assert "".join(str(o.get("text", "")) for o in outputs) in ("beforeafter", "before" + "after")
    assert capture.strange <= 1


def test_the_end_of_a_cell_is_heard() -> None:
    capture, _ = captured(printing("x"))
    capture.heard = False
    with pytest.raises(CellExecutionComplete):
        capture.process_message(message("status", {"execution_state": "idle"}), capture.nb.cells[0], 0)
    assert capture.heard
