"""Preflight with the installed libraries: each right and wrong set-up gets its answers, in a moment, and no run ever breaks."""

from __future__ import annotations

import ast
import importlib.util
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PREFLIGHT = ROOT / "grader" / "selfcheck" / "preflight.py"


def setups() -> Any:
    found = importlib.util.spec_from_file_location("preflight_setups", Path(__file__).parent / "preflight_setups.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


TABLE = setups()


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


class Hostile:
    """An object on which every look fails."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")


@pytest.mark.parametrize(
    "thing", [None, 3, "model", object(), Hostile(), [], {"fp16": 1}], ids=lambda thing: type(thing).__name__
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
