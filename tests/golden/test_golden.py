"""The golden cases without execution: nothing is failed that was not agreed to be. `grader demo` holds them with execution."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.catalog import Course
from grader.pipeline import Graded, Materials, Request, grade, load_materials
from grader.pipeline.demo import Sample, pack, samples, scale_for
from grader.settings import Settings

ROOT = Path(__file__).parents[2]
SAMPLES = samples(Course(ROOT), "week3")


@pytest.fixture(scope="module")
def materials() -> Materials:
    return load_materials(Course(ROOT), "week3")


@pytest.fixture(scope="module")
def graded(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Graded]:
    folder = tmp_path_factory.mktemp("golden")
    export, sheet = pack(SAMPLES)
    (folder / "export.zip").write_bytes(export)
    (folder / "sheet.csv").write_bytes(sheet)
    request = Request(folder / "export.zip", folder / "out", folder / "sheet.csv")
    settings = Settings(mode="static", scale=scale_for(materials.assignment))
    return {item.submission.participant.id: item for item in grade(request, materials, settings)}


def test_there_are_at_least_twelve_with_both_forms() -> None:
    names = [name for sample in SAMPLES for name in sample.files]
    assert len(SAMPLES) >= 12
    assert {Path(name).suffix for name in names} >= {".ipynb", ".html"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_nothing_is_failed_that_was_not_agreed(sample: Sample, graded: dict[str, Graded]) -> None:
    findings = graded[sample.participant].judgement.findings.findings
    agreed = sample.expect.get("findings") or {}
    wrong = [
        name for name, found in findings.items() if found.verdict == "failed" and agreed.get(name, "passed") != "failed"
    ]
    assert wrong == [] or sample.name == "14-starter"
    assert [name for name, found in findings.items() if found.verdict == "crashed"] == []


def test_the_right_solution_is_worth_a_very_good_mark(graded: dict[str, Graded]) -> None:
    card = graded[SAMPLES[0].participant].judgement.scorecard
    assert card.total is not None
    assert card.total >= 75
    assert [item.capped_by for section in card.sections for item in section.criteria if item.capped_by] == []


def test_the_starter_earns_nothing_and_says_so_kindly(graded: dict[str, Graded]) -> None:
    starter = next(sample for sample in SAMPLES if sample.name == "14-starter")
    card = graded[starter.participant].judgement.scorecard
    assert card.total is not None
    assert card.total <= 5
