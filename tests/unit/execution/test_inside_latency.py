"""What counts as timed, from looks at the clock and passes alone."""

from __future__ import annotations

import json
import os

import pytest

from grader.execution.inside_latency import Latency, _clock
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
    """`|` a look at the clock, `-` one that only ends a measurement, `E` and `D` passes of two models, `T` a training pass, `s` a wait for the GPU."""
    read, write = os.pipe()
    session = Session(write, {})
    latency = Latency(session, Fed())
    session.on_sync = latency._synced
    for sign in story:
        if sign in "|-":
            latency.look(ends=sign == "-")
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
        ("|TTT-EEE|", {}),
        ("|TTT-EEE|D-", {"D": (0, 1, 1, 0)}),
        ("|E-|E-|E-", {"E": (0, 3, 3, 0)}),
        ("|E-EE-", {"E": (0, 3, 2, 0)}),
        ("EEE", {}),
        ("EEE|", {}),
        ("||", {}),
    ],
)
def test_passes_between_two_looks_are_timed(story, expected):
    assert timed(story) == expected


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("t0 = clock()", [False]),
        ("took = clock() - t0", [True]),
        ("print(round((clock() - t0) / 60, 1))", [True]),
        ("print('größer', clock() - t0)", [True]),
        ("took = (clock()) - self.t0", [True]),
        ("t1 = clock(); took = t1 - t0", [False]),
        ("left = end - clock()", [False]),
        ("t0 = clock()\ndeadline = -clock()\ntook = (\n    clock()\n    - t0)", [False, False, False]),
        ("t0 = clock() - 5", [False]),
    ],
)
def test_a_look_that_only_ends_a_measurement_is_told_by_the_code_around_it(code, ends, tmp_path):
    read, write = os.pipe()
    latency = Latency(Session(write, {}), Fed())
    seen = []
    latency.look = lambda *, ends=False: seen.append(ends)
    names = {"clock": _clock(lambda: 1.0, latency._read), "t0": 0.0, "end": 0.0, "__name__": "__main__"}
    names["self"] = type("Self", (), {"t0": 0.0})
    file = tmp_path / "cell.py"
    file.write_text(code, encoding="utf-8")
    exec(compile(code, str(file), "exec"), names)
    os.close(write)
    os.close(read)
    assert seen == ends


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
