"""The recorder's small parts, without torch where they can do without."""

from __future__ import annotations

import inspect
import json
import os
import sys
import types

import numpy as np
import pytest

from grader.execution.compat_cuda import _losses
from grader.execution.inside_feeding import padding
from grader.execution.inside_imports import ImportHooks
from grader.execution.inside_session import Session, from_notebook, wrap
from grader.execution.inside_wire import LINE_BYTES, Guard, Wire


class Table:
    """As much of a tensor as `padding` uses, over numpy."""

    def __init__(self, rows):
        self.rows = np.array(rows)
        self.shape, self.ndim = self.rows.shape, self.rows.ndim

    def __ne__(self, other):
        return Table(self.rows != other)

    def __and__(self, other):
        return Table(self.rows & other.rows)

    def __invert__(self):
        return Table(~self.rows)

    def __getitem__(self, key):
        return Table(self.rows[key])

    def any(self, dim=None):
        return Table(self.rows.any(axis=dim)) if dim is not None else bool(self.rows.any())

    __hash__ = None


@pytest.mark.parametrize(
    ("mask", "side"),
    [
        ([[1, 1], [1, 1]], "none"),
        ([[0, 1], [1, 1]], "left"),
        ([[1, 0], [1, 1]], "right"),
        ([[1, 0], [0, 1]], "both"),
        ([[0, 1, 0]], "both"),
        ([[0, 0], [1, 1]], "none"),
        ([[0, 1], [0, 0]], "left"),
    ],
)
def test_the_side_is_read_off_the_mask(mask, side):
    assert padding(None, Table(mask), None) == (side, len(mask))


@pytest.mark.parametrize(
    ("ids", "side"), [([[9, 4], [3, 4]], "left"), ([[4, 9], [3, 4]], "right"), ([[3, 4], [5, 6]], "none")]
)
def test_without_a_mask_the_pad_token_shows_the_side(ids, side):
    assert padding(Table(ids), None, 9) == (side, 2)


def pipe():
    read, write = os.pipe()
    return read, Wire(write)


def lines(read):
    os.set_blocking(read, False)
    return [json.loads(line) for line in os.read(read, 1 << 20).splitlines()]


def test_a_record_is_one_line_with_its_cell():
    read, wire = pipe()
    wire.cell = 3
    wire.emit("load", model=1)
    assert lines(read) == [{"t": "load", "exec": 3, "model": 1}]


def test_a_record_that_is_too_long_loses_its_lists():
    read, wire = pipe()
    wire.emit("run", run=1, names=["x" * LINE_BYTES])
    assert lines(read) == [{"t": "run", "exec": 0, "run": 1, "cut": True}]


def test_a_closed_pipe_is_nobodys_trouble():
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    Wire(write).emit("load")


def test_a_failure_of_the_recorder_is_told_once_and_never_raised():
    read, wire = pipe()

    def breaks():
        raise ZeroDivisionError("x")

    guarded = Guard(wire)(breaks)
    assert (guarded(), guarded()) == (None, None)
    assert [(record["t"], record["error"]) for record in lines(read)] == [("recorder_error", "ZeroDivisionError: x")]


def test_an_interrupt_passes_through():
    def stops():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Guard(pipe()[1])(stops)()


def test_an_action_runs_after_the_import_however_it_is_written(tmp_path, monkeypatch):
    (tmp_path / "some_library.py").write_text("value = 1\n__all__ = ['value']\n")
    monkeypatch.syspath_prepend(tmp_path)
    hooks = ImportHooks()
    monkeypatch.setattr(sys, "meta_path", [hooks, *sys.meta_path])
    hooks.when("some_library", lambda module: setattr(module, "value", 2))
    space = {}
    exec("from some_library import *", space)
    loader = sys.modules["some_library"].__loader__
    assert (space["value"], type(loader).__name__) == (2, "SourceFileLoader")
    hooks.when("some_library", lambda module: setattr(module, "value", 3))
    assert sys.modules.pop("some_library").value == 3


def test_a_module_that_is_missing_stays_missing(monkeypatch):
    hooks = ImportHooks()
    monkeypatch.setattr(sys, "meta_path", [hooks, *sys.meta_path])
    hooks.when("no_such_library_at_all", lambda module: None)
    with pytest.raises(ModuleNotFoundError):
        __import__("no_such_library_at_all")


def test_a_wrapped_function_keeps_name_and_signature():
    class Owner:
        def plain(self, a, *, b=1):
            """Words."""
            return a, b

        @classmethod
        def of(cls, a):
            return cls, a

    for name in ("plain", "of"):
        wrap(Owner, name, lambda original: lambda *args, **kwargs: ("seen", original(*args, **kwargs)))
    assert (Owner().plain(2, b=3), Owner.of(1)) == (("seen", (2, 3)), ("seen", (Owner, 1)))
    assert (Owner.plain.__name__, Owner.plain.__doc__, str(inspect.signature(Owner.plain))) == (
        "plain",
        "Words.",
        "(self, a, *, b=1)",
    )


@pytest.mark.parametrize(
    ("name", "file", "own"),
    [
        ("__main__", None, True),
        ("helpers", "helpers.py", True),
        ("helpers", "src/week3/helpers.py", True),
        ("preflight", "preflight.py", False),
        ("torch", "venv/lib/python3/site-packages/torch/__init__.py", False),
        ("json", "/usr/lib/python3/json/__init__.py", False),
        ("odd", None, False),
    ],
)
def test_the_notebook_s_own_code_is_told_from_a_library_s(name, file, own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read, write = os.pipe()
    Session(write, {})
    names = {"__name__": name, "__file__": file and str(tmp_path / file), "asked": lambda: from_notebook()}
    exec("answer = asked()", names)
    os.close(write)
    os.close(read)
    assert names["answer"] is own


def test_each_use_of_a_shim_is_told_once():
    read, write = os.pipe()
    session = Session(write, {})
    session.compat("a", "b")
    session.compat("a", "b")
    session.stage_gap("model", "x/y")
    assert [record["t"] for record in lines(read)] == ["compat", "stage_gap"]


@pytest.mark.torch
@pytest.mark.parametrize(
    ("logits", "weights", "result"),
    [
        ("bfloat16", "float32", "float32"),
        ("float16", "float32", "float32"),
        ("float32", "float32", "float32"),
        ("float32", "float64", None),
    ],
)
@pytest.mark.parametrize("by_name", [False, True])
def test_a_loss_takes_half_precision_beside_float32_weights_as_under_autocast(logits, weights, result, by_name):
    import torch

    functional = types.SimpleNamespace(
        linear=None, cross_entropy=torch.nn.functional.cross_entropy, nll_loss=torch.nn.functional.nll_loss
    )
    read, write = os.pipe()
    _losses(Session(write, {}), functional)
    given = torch.randn(4, 3).to(getattr(torch, logits))
    target, weight = torch.tensor([0, 1, 2, 1]), torch.ones(3, dtype=getattr(torch, weights))
    asked = {"input": given, "target": target, "weight": weight}
    if result is None:
        with pytest.raises(RuntimeError):
            functional.cross_entropy(**asked)
    else:
        loss = functional.cross_entropy(**asked) if by_name else functional.cross_entropy(given, target, weight)
        assert loss.dtype == getattr(torch, result)
    os.close(write)
    os.close(read)


@pytest.mark.torch
@pytest.mark.parametrize(("given", "weight"), [("float16", "float32"), ("float32", "bfloat16"), ("float64", "float32")])
def test_a_layer_takes_another_half_or_single_precision_and_no_double(given, weight):
    import torch

    functional = types.SimpleNamespace(linear=torch.nn.functional.linear, cross_entropy=None, nll_loss=None)
    read, write = os.pipe()
    _losses(Session(write, {}), functional)
    inputs, weights = torch.ones(2, 3, dtype=getattr(torch, given)), torch.ones(4, 3, dtype=getattr(torch, weight))
    if given == "float64":
        with pytest.raises(RuntimeError):
            functional.linear(inputs, weights)
    else:
        assert functional.linear(inputs, weights, None).dtype == weights.dtype
    os.close(write)
    os.close(read)
