from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from grader.catalog import Course, find_course, load_rubric
from grader.errors import CourseError

ROOT = Path(__file__).parents[3]

RUBRIC = """\
assignment: tiny
max: 10
sections:
  - id: one
    title: One
    max: 10
    criteria:
      - id: a
        title: A
        max: 6.5
        kind: suggested
        requires: [{check: decoder.padding_side, at: 0.5}]
        texts: {asked: x, met: x, half: x, missed: x, staff: x}
      - id: b
        title: B
        max: 3.5
        kind: manual
        texts: {asked: x, met: x, half: x, missed: x, staff: x}
checks:
  - {id: decoder.padding_side, check: padding_side, model: decoder, side: left, section: one}
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_points_are_exact_and_further_keys_are_options(tmp_path: Path) -> None:
    rubric = load_rubric(write(tmp_path / "r.yaml", RUBRIC))
    assert rubric.sections[0].criteria[0].max == Decimal("6.5")
    assert rubric.checks[0].options == {"side": "left"}


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("max: 6.5", "max: 6.0", 6, "add up to 9.5, not 10"),
        ("max: 10\nsections", "max: 11\nsections", 2, "the sections add up to 10, not 11"),
        ("check: decoder.padding_side, at", "check: decoder.nothing, at", 12, "no check line 'decoder.nothing'"),
        ("section: one", "section: two", 20, "no section 'two'"),
        ("id: b", "id: a", 3, "the id 'a' stands twice"),
        ("kind: manual", "kind: manuel", 17, "Input should be"),
        ("at: 0.5", "at: 1.5", 12, "a share from 0 to 1"),
        ("kind: manual", "kind: auto", 14, "needs a check line"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    path = write(tmp_path / "r.yaml", RUBRIC.replace(old, new))
    with pytest.raises(CourseError) as caught:
        load_rubric(path)
    assert says in str(caught.value)
    assert caught.value.where == f"{path}:{line}"


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "a: !!python/object:os.system {}", "\x00"])
def test_a_file_that_is_no_mapping_is_an_error_of_the_course(tmp_path: Path, text: str) -> None:
    with pytest.raises(CourseError, match=r"r.yaml"):
        load_rubric(write(tmp_path / "r.yaml", text))


def test_week_3_has_the_true_sizes_and_the_class_counts() -> None:
    assignment = Course(ROOT).load("week3")
    decoder = assignment.models["decoder"]
    assert sum(1 for _ in decoder.parameters) == 291
    assert decoder.parameters["score.weight"] == (113, 896)
    assert "model.layers.23.mlp.down_proj" in decoder.linear
    assert len(assignment.class_counts) == 113
    assert min(assignment.class_counts) >= 4


def test_the_rubric_of_week_3_is_worth_100_in_five_sections() -> None:
    course = Course(ROOT)
    rubric = course.rubric(course.load("week3"))
    assert [(section.id, section.max) for section in rubric.sections] == [
        ("systems", 20),
        ("weighting", 20),
        ("per_class", 25),
        ("deployment", 20),
        ("next", 15),
    ]


def test_the_course_is_found_upwards_and_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "assignments" / "week9"
    folder.mkdir(parents=True)
    write(folder / "assignment.yaml", "title: x\nrubric: r.yaml\n")
    assert find_course(folder).root == tmp_path.resolve()
    assert find_course(Path("/"), option=tmp_path).root == tmp_path.resolve()
    assert find_course(Path("/"), environment=str(tmp_path)).root == tmp_path.resolve()
    with pytest.raises(CourseError, match="no course here"):
        find_course(Path("/"))


def test_the_only_assignment_needs_no_name_and_several_do(tmp_path: Path) -> None:
    for slug in ("week8", "week9"):
        folder = tmp_path / "assignments" / slug
        folder.mkdir(parents=True)
        write(folder / "assignment.yaml", "title: x\nrubric: r.yaml\n")
    course = Course(tmp_path)
    assert course.choose("week8") == "week8"
    assert course.choose(None, "week9") == "week9"
    with pytest.raises(CourseError, match="several assignments") as caught:
        course.choose(None, "other")
    assert "week8, week9" in (caught.value.todo or "")
    with pytest.raises(CourseError, match="no assignment 'week7'"):
        course.choose("week7")
