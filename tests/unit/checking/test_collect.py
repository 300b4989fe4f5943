from __future__ import annotations

from pathlib import Path

import pytest

from grader import checks
from grader.errors import CourseError

OWN = '''
from __future__ import annotations
from typing import Literal
from grader.checking.api import Case, CheckOptions, check, finding
from grader.model.finding import Finding

class Options(CheckOptions):
    side: Literal["left", "right"] = "left"

@check(Options)
def {name}(case: Case, options: Options) -> Finding:
    """Own sentence."""
    return finding("passed", student="", staff="")
'''


def folder(tmp_path: Path, **files: str) -> Path:
    place = tmp_path / "week3" / "checks"
    place.mkdir(parents=True)
    for name, text in files.items():
        (place / f"{name}.py").write_text(text)
    return place


def test_the_built_in_checks_are_found_each_with_a_sentence() -> None:
    registry = checks.collect()
    assert {"metric_range", "tier_table", "latency_reported", "outputs_match_code"} <= set(registry)
    assert all(registry.describe(name).sentence for name in registry)


def test_every_check_is_called_like_its_file() -> None:
    registry = checks.collect()
    assert {name: registry[name].module.rpartition(".")[2] for name in registry} == {name: name for name in registry}


def test_an_assignment_may_bring_its_own_checks(tmp_path: Path) -> None:
    place = folder(tmp_path, mine=OWN.format(name="mine"), _helper="raise RuntimeError('never imported')")
    registry = checks.collect(place)
    assert registry.describe("mine").sentence == "Own sentence."


def test_a_folder_that_does_not_exist_is_fine(tmp_path: Path) -> None:
    assert set(checks.collect(tmp_path / "none")) == set(checks.collect())


@pytest.mark.parametrize(("text", "line"), [("x = (\n", 1), ("import os\n\nos.nothing\n", 3)])
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    place = folder(tmp_path, wrong=text)
    with pytest.raises(CourseError) as caught:
        checks.collect(place)
    assert caught.value.where == f"{place / 'wrong.py'}:{line}"


def test_a_name_that_a_built_in_check_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="two checks are called `metric_range`"):
        checks.collect(folder(tmp_path, metric_range=OWN.format(name="metric_range")))
