"""Preflight with the installed libraries: each right and wrong set-up gets its answers, in a moment, and no run ever breaks."""

from __future__ import annotations

import ast
import importlib
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PREFLIGHT = ROOT / "grader" / "selfcheck" / "preflight.py"


TABLE: Any = importlib.import_module("preflight_setups")
importlib.import_module("preflight_setups_odd")  # adds its set-ups to the table


@pytest.fixture(scope="module")
def preflight() -> Any:
    return TABLE.load(str(PREFLIGHT))


@pytest.mark.torch
@pytest.mark.parametrize("name", sorted(TABLE.SETUPS))
def test_each_setup_gets_its_answers(name: str, preflight: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answered, wanted, _ = TABLE.answers(preflight, name)
    assert answered == wanted


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_it_changes_nothing_and_takes_no_random_number(preflight: Any) -> None:
    import torch

    (model, *rest), options = TABLE.SETUPS["decoder_as_asked"][0]()
    model.train()
    before = {name: (value.clone(), value.requires_grad) for name, value in model.named_parameters()}
    settings, state = dict(rest[1].to_dict()), torch.get_rng_state()
    preflight.preflight(model, *rest, show=False, **options)
    after = {name: (value, value.requires_grad) for name, value in model.named_parameters()}
    assert all(torch.equal(after[name][0], value) and after[name][1] is grad for name, (value, grad) in before.items())
    assert model.training and rest[1].to_dict() == settings and torch.equal(torch.get_rng_state(), state)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_it_takes_less_than_a_second_at_real_depth(preflight: Any) -> None:
    _, _, seconds = TABLE.answers(preflight, "a_large_real_depth")
    assert seconds < 1.0


class Hostile:
    """An object on which every look fails."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")


@pytest.mark.parametrize(
    "thing",
    [None, 3, "model", object(), Hostile(), Hostile, [], {"fp16": 1}, {}, range(3), float("nan"), print, sys],
    ids=lambda thing: type(thing).__name__,
)
def test_whatever_it_is_given_it_never_raises(thing: Any, preflight: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for items in [
        (thing,),
        (thing, thing, thing, thing),
        (None, thing),
        (None, None, thing),
        (None, None, None, thing),
    ]:
        report = preflight.preflight(*items)
        assert "preflight" in str(report) and "<table" in report._repr_html_()
        assert str(report) in capsys.readouterr().out


def test_what_is_shown_can_not_carry_markup(preflight: Any) -> None:
    report = preflight.Report((preflight.Row("fix", "<b>", "<script>alert(1)</script>", "<i>"),))
    assert "<script>" not in report._repr_html_() and "<i>" not in report._repr_html_()


def test_it_needs_only_the_standard_library() -> None:
    tree = ast.parse(PREFLIGHT.read_text("utf-8"))
    top = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    top |= {str(node.module) for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in top} - {"__future__"} <= set(sys.stdlib_module_names)


def test_it_stays_quiet_when_asked(preflight: Any, capsys: pytest.CaptureFixture[str]) -> None:
    preflight.preflight(None, show=False)
    assert capsys.readouterr().out == ""
