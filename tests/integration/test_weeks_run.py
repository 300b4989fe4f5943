"""The golden cases of weeks 1 and 2, executed in the sandbox: every sample gets its agreed verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.catalog import Course
from grader.pipeline import Request, grade, load_materials
from grader.pipeline.demo import differences, pack, samples, scale_for
from grader.settings import Settings

COURSE = Course(Path(__file__).parents[2])


@pytest.mark.sandbox
@pytest.mark.torch
@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("slug", ["week1", "week2"])
def test_every_sample_gets_its_agreed_verdicts(slug: str, tmp_path: Path) -> None:
    found = samples(COURSE, slug)
    export, sheet = pack(found)
    (tmp_path / "export.zip").write_bytes(export)
    (tmp_path / "sheet.csv").write_bytes(sheet)
    materials = load_materials(COURSE, slug)
    settings = Settings(jobs=1, scale=scale_for(materials.assignment))
    graded = grade(Request(tmp_path / "export.zip", tmp_path / "out", tmp_path / "sheet.csv"), materials, settings)
    assert [item.text() for item in differences(found, graded)] == []
