"""How far a notebook is: starter, half done, finished; which cells were run; words by which a cell is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grader.selfcheck.progress import describe, progress

HOME = Path(__file__).parents[3] / "assignments" / "week3"


def code(source: str, *outputs: dict[str, Any], count: int | None = 1, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": metadata,
        "source": source,
        "execution_count": count,
        "outputs": list(outputs),
    }


def text(source: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": metadata, "source": source}


def read(name: str) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads((HOME / name).read_text("utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


PROMPT = "# Train it.\n# YOUR CODE HERE\nraise NotImplementedError()"
ANSWERED = {"nbgrader": {"solution": True}}


def test_the_starter_is_known_as_such_and_all_its_parts_are_named() -> None:
    found = progress(read("starter.ipynb"))
    assert (found.state, found.parts, len(found.to_write)) == ("starter", 17, 17)
    assert str(found.to_write[0]) == "cell 4 (Your predictions)"
    assert sum(part.text for part in found.to_write) == 6


def test_the_solution_is_finished() -> None:
    found = progress(read("solution.ipynb"))
    assert (found.state, found.to_write) == ("finished", ())


def test_a_notebook_that_never_ran_is_told_from_one_that_was_run_in_part() -> None:
    assert progress({"cells": [code("x", count=None), code(PROMPT, count=None)]}).never_run
    assert not progress({"cells": [code("x", count=None), code("y", count=2)]}).never_run


@pytest.mark.parametrize(
    ("cells", "state"),
    [
        ([code(PROMPT), text("YOUR ANSWER HERE")], "starter"),
        ([code(PROMPT), code("train()", **ANSWERED)], "half"),
        ([code("train()", **ANSWERED), text("My answer.", **ANSWERED)], "finished"),
        ([code("x = 'YOUR CODE HERE'")], "finished"),
        ([], "finished"),
    ],
)
def test_state(cells: list[dict[str, Any]], state: str) -> None:
    assert progress({"cells": cells}).state == state


def test_without_the_starters_metadata_unwritten_parts_are_still_seen() -> None:
    found = progress({"cells": [code("train()"), code(PROMPT)]})
    assert [part.cell for part in found.to_write] == [1]


def test_cells_that_were_not_run_are_told_from_those_without_output() -> None:
    found = progress({"cells": [code("x = 1", count=3), code("print(x)", count=None), code("  ", count=None)]})
    assert [part.cell for part in found.not_run] == [1]
    assert not found.never_run


def test_errors_in_unwritten_cells_do_not_count() -> None:
    error = {"output_type": "error", "ename": "NotImplementedError", "evalue": "", "traceback": []}
    found = progress({"cells": [code(PROMPT, error), code("f()", {**error, "ename": "NameError"})]})
    assert [(part.cell, name) for part, name in found.errors] == [(1, "NameError")]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([text("# Part **A**\ntext"), code("\n%%time\n!pip x\ny = 2")], "cell 1 (Part A: y = 2)"),
        ([text("## One\n## Two"), code("z")], "cell 1 (Two: z)"),
        ([text("```\n# no heading\n```"), code("z")], "cell 1 (z)"),
        ([text("a"), code("")], "cell 1"),
        ([text("# H"), code("x" * 500)], f"cell 1 (H: {'x' * 79}…)"),
        ([text("# H"), code(PROMPT)], "cell 1 (H: Train it.)"),
    ],
)
def test_a_cell_in_words(cells: list[dict[str, Any]], words: str) -> None:
    assert str(describe({"cells": cells}, 1)) == words
