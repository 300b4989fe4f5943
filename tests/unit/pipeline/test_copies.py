"""Planted copies are found, honest pairs are not, on a class that the thresholds were not chosen on."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.catalog import Course
from grader.errors import StorageError
from grader.model.likeness import Likeness
from grader.pipeline.course import new_course
from grader.pipeline.similar import earlier_pairs, keep_likeness, similar_pairs, starter_likeness
from grader.workspace import Workspace
from tests.builders_copies import Pair, likeness, planted
from tests.corpus.judge import materials


@pytest.fixture(scope="module")
def alike() -> tuple[dict[str, Likeness], dict[Pair, str]]:
    notebooks, pairs = planted(24, first=7000)
    return {who: likeness(notebook) for who, notebook in notebooks.items()}, pairs


def test_every_planted_copy_is_found_and_no_honest_pair(alike: tuple[dict[str, Likeness], dict[Pair, str]]) -> None:
    found = {frozenset(pair.participants) for pair in similar_pairs(alike[0], starter_likeness(materials()))}
    missed = sorted(way for pair, way in alike[1].items() if pair not in found)
    assert (missed, [sorted(pair) for pair in found if pair not in alike[1]]) == ([], [])


def test_other_names_are_said_to_be_other_names(alike: tuple[dict[str, Likeness], dict[Pair, str]]) -> None:
    whys = {frozenset(pair.participants): pair.why for pair in similar_pairs(alike[0])}
    assert all("under other names" in whys[pair] for pair, way in alike[1].items() if way == "names changed")


def test_copies_from_an_earlier_term_are_found_from_hashes_alone(
    alike: tuple[dict[str, Likeness], dict[Pair, str]], tmp_path: Path
) -> None:
    new_course(tmp_path / "course")
    with (tmp_path / "course" / "course.yaml").open("a") as file:
        file.write("earlier: [../old]\n")
    course = Course(tmp_path / "course")
    before = {who: item for who, item in alike[0].items() if who.startswith("s")}
    now = {who: item for who, item in alike[0].items() if who.startswith("c")}
    with Workspace(tmp_path / "old" / "week3-2025") as workspace:
        keep_likeness(workspace, before)
    pairs = earlier_pairs(course, now)
    assert {frozenset((pair.here, pair.there)) for pair in pairs} == set(alike[1])
    assert {pair.folder for pair in pairs} == {"week3-2025"}
    (tmp_path / "old" / "week3-2025" / "likeness.json").write_text("{}")
    with pytest.raises(StorageError, match="can't be read"):
        earlier_pairs(course, now)
