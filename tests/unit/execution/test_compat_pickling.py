"""dill over what the recorder has wrapped: every function is looked at once, and wrapped ones go by their names."""

from __future__ import annotations

import types

import dill
import dill.detect
import pytest

from grader.execution import compat_pickling


@pytest.fixture
def detect(monkeypatch):
    copy = types.SimpleNamespace(globalvars=dill.detect.globalvars)
    monkeypatch.setattr(dill.detect, "globalvars", dill.detect.globalvars)
    looked = []
    original = dill.detect.nestedglobals

    def counted(func, recurse=True):
        looked.append(func)
        return original(func, recurse)

    monkeypatch.setattr(dill.detect, "nestedglobals", counted)
    compat_pickling._follow_once(dill.detect)
    return types.SimpleNamespace(before=copy.globalvars, now=dill.detect.globalvars, looked=looked)


def functions(count, module="__main__"):
    """Each mentions the next two."""
    scope = {"__name__": module, "limit": 3}
    for number in range(count):
        exec(f"def f{number}(): return f{number + 1}, f{number + 2}, limit", scope)
    return scope


def test_a_function_that_is_met_again_is_not_followed_again(detect):
    scope = functions(40)
    found = detect.now(scope["f0"], recurse=True, builtin=True)
    assert {f"f{number}" for number in range(1, 40)} | {"limit"} <= set(found)
    assert 40 <= len(detect.looked) <= 2 * 40


def test_what_is_found_is_what_dill_finds(detect):
    scope = functions(6)
    now = detect.now(scope["f0"], recurse=True, builtin=True)
    assert set(now) == set(detect.before(scope["f0"], True, True))


def test_the_notebooks_own_functions_are_looked_at_anew_each_time(detect):
    scope = functions(2)
    assert "limit" in detect.now(scope["f0"], True, True)
    exec("def f1(): return other\nother = 1", scope)
    assert "other" in detect.now(scope["f0"], True, True)


def test_functions_that_mention_each_other_end(detect):
    scope = {"__name__": "__main__", "seen": 1}
    exec("def a(): return b\ndef b(): return a, seen", scope)
    assert {"b", "a", "seen"} <= set(detect.now(scope["a"], True, True))


def test_a_wrapped_function_is_pickled_by_its_name(monkeypatch):
    import json

    monkeypatch.setattr(dill._dill.Pickler, "save", dill._dill.Pickler.save)
    compat_pickling._pickle_by_name(dill._dill)
    ours = types.FunctionType((lambda: None).__code__, {"__name__": "grader.execution.inside_session"}, "dumps")
    ours.__module__, ours.__qualname__ = "json", "dumps"
    assert dill.loads(dill.dumps({"f": ours}))["f"] is json.dumps
