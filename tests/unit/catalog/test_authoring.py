"""One source notebook becomes a starter without answers and a solution without marks."""

from __future__ import annotations

import copy

import pytest

from grader.catalog.authoring import build_solution, build_starter, solution_lines
from grader.errors import CourseError


def notebook(*cells: dict) -> dict:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def code(source: str | list[str], **more: object) -> dict:
    return {
        "cell_type": "code",
        "id": "c",
        "metadata": {},
        "execution_count": 3,
        "outputs": [{"output_type": "stream"}],
        "source": source,
        **more,
    }


def text(source: str, **more: object) -> dict:
    return {"cell_type": "markdown", "id": "t", "metadata": {}, "source": source, **more}


def starter_of(cell: dict) -> str:
    return build_starter(notebook(cell))["cells"][0]["source"]


def solution_of(cell: dict) -> str:
    return build_solution(notebook(cell))["cells"][0]["source"]


SOLVED = "# Add.\n### BEGIN SOLUTION\nx = 1\ny = 2\n### END SOLUTION\nprint(x)"


def test_a_solution_gives_way_to_a_prompt_and_the_rest_stays():
    assert starter_of(code(SOLVED)) == "# Add.\n# YOUR CODE HERE\nraise NotImplementedError()\nprint(x)"


def test_the_solution_loses_only_its_marks():
    assert solution_of(code(SOLVED)) == "# Add.\nx = 1\ny = 2\nprint(x)"


def test_the_prompt_stands_where_the_mark_stood():
    source = "def f(x):\n    # BEGIN SOLUTION\n    return x\n    # END SOLUTION"
    assert starter_of(code(source)) == "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"


@pytest.mark.parametrize(
    "begin, end",
    [
        ("### BEGIN SOLUTION", "### END SOLUTION"),
        ("# BEGIN SOLUTION", "# END SOLUTION"),
        ("<!-- BEGIN SOLUTION -->", "<!-- END SOLUTION -->"),
        ("#BEGIN SOLUTION  ", "## END SOLUTION"),
    ],
)
def test_text_answers_are_marked_in_any_known_way(begin, end):
    assert starter_of(text(f"## Memo\n{begin}\nsecret\n{end}")) == "## Memo\nYOUR ANSWER HERE"
    assert solution_of(text(f"## Memo\n{begin}\nsecret\n{end}")) == "## Memo\nsecret"


def test_a_cell_that_nbgrader_calls_a_solution_goes_as_a_whole():
    metadata = {"nbgrader": {"solution": True, "grade": True, "grade_id": "q1"}}
    assert starter_of(text("all of it", metadata=metadata)) == "YOUR ANSWER HERE"
    assert solution_of(text("all of it", metadata=metadata)) == "all of it"


def test_a_marked_cell_of_nbgrader_keeps_what_is_outside_the_marks():
    metadata = {"nbgrader": {"solution": True}}
    assert starter_of(code(SOLVED, metadata=metadata)).startswith("# Add.\n")


def test_hidden_tests_leave_no_prompt():
    source = "assert a\n### BEGIN HIDDEN TESTS\nassert secret\n### END HIDDEN TESTS"
    assert starter_of(code(source)) == "assert a"
    assert solution_of(code(source)) == "assert a\nassert secret"


def test_otters_own_prompt_replaces_ours():
    source = '# BEGIN SOLUTION\nx = 3\n# END SOLUTION\n""" # BEGIN PROMPT\nx = ...\n"""; # END PROMPT\nx'
    assert starter_of(code(source)) == "x = ...\nx"
    assert solution_of(code(source)) == "x = 3\nx"


def test_a_solution_without_prompt_leaves_nothing():
    assert starter_of(code("a\n# BEGIN SOLUTION NO PROMPT\nb\n# END SOLUTION\nc")) == "a\nc"


@pytest.mark.parametrize(
    "line, starter, solution",
    [
        ("x = 5  # SOLUTION", "x = ...", "x = 5"),
        ("    return x + 1 # SOLUTION", "    return ...", "    return x + 1"),
        ("total += 5 # SOLUTION", "total += ...", "total += 5"),
        ("print(x == 5) # SOLUTION", "...", "print(x == 5)"),
        ("    a[i], b = f(k=1)  # SOLUTION", "    a[i], b = ...", "    a[i], b = f(k=1)"),
        ("keep = 1  # the SOLUTION is below", "keep = 1  # the SOLUTION is below", "keep = 1  # the SOLUTION is below"),
    ],
)
def test_one_line_solutions(line, starter, solution):
    assert (starter_of(code(line)), solution_of(code(line))) == (starter, solution)


def test_a_line_without_prompt_is_removed():
    assert starter_of(code("a\nprint(a) # SOLUTION NO PROMPT\nb")) == "a\nb"


def test_the_word_solution_in_text_is_no_mark():
    prose = "# SOLUTION\nThe solution ends here.  # SOLUTION"
    assert starter_of(text(prose)) == prose


def test_starters_have_no_output_and_solutions_keep_theirs():
    source = notebook(code(SOLVED))
    assert build_starter(source)["cells"][0]["outputs"] == []
    assert build_starter(source)["cells"][0]["execution_count"] is None
    assert build_solution(source)["cells"][0]["outputs"] == [{"output_type": "stream"}]


def test_widget_state_does_not_leak_into_the_starter():
    source = notebook(code("x")) | {"metadata": {"widgets": {"state": "secret"}, "grader": {"assignment": "w"}}}
    assert build_starter(source)["metadata"] == {"grader": {"assignment": "w"}}


def test_pictures_of_a_removed_answer_do_not_travel():
    cell = text(
        "![a](attachment:a.png)\n### BEGIN SOLUTION\n![b](attachment:b.png)\n### END SOLUTION",
        attachments={"a.png": {"image/png": "A"}, "b.png": {"image/png": "B"}},
    )
    assert build_starter(notebook(cell))["cells"][0]["attachments"] == {"a.png": {"image/png": "A"}}
    assert len(build_solution(notebook(cell))["cells"][0]["attachments"]) == 2


def test_author_metadata_reaches_nobody():
    cell = text("x", metadata={"reference": {"template": "answer"}, "tags": ["a"]})
    for build in (build_starter, build_solution):
        assert build(notebook(cell))["cells"][0]["metadata"] == {"tags": ["a"]}


def test_text_saved_as_a_list_of_lines_is_read_alike():
    assert starter_of(code(SOLVED.splitlines(keepends=True))) == starter_of(code(SOLVED))


def test_the_source_itself_is_left_alone():
    source = notebook(code(SOLVED), text("x", attachments={"a": {}}))
    before = copy.deepcopy(source)
    build_starter(source)
    build_solution(source)
    assert source == before


@pytest.mark.parametrize(
    "broken, says",
    [
        ("### BEGIN SOLUTION\nx", "BEGIN SOLUTION has no END SOLUTION"),
        ("x\n### END SOLUTION", "has no beginning"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", "inside SOLUTION"),
        ("### BEGIN SOLUTION\n### END HIDDEN TESTS", "inside SOLUTION"),
        ('""" # BEGIN PROMPT\nx', "BEGIN PROMPT has no END PROMPT"),
        ("### BEGIN SOLUTION please\nx\n### END SOLUTION", "has no beginning"),
    ],
)
def test_marks_that_do_not_pair_are_refused_with_their_place(broken, says):
    for build in (build_starter, build_solution):
        with pytest.raises(CourseError, match=says) as refused:
            build(notebook(text("fine"), code(broken)))
        assert refused.value.where.startswith("cell 1, line ")


def test_something_that_is_no_notebook_is_refused():
    with pytest.raises(CourseError, match="no list of cells"):
        build_starter({"worksheets": []})


def test_solution_lines_are_those_that_the_starter_lacks():
    assert solution_lines(notebook(code(SOLVED))) == ["x = 1", "y = 2"]
