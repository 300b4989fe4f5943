"""Similar submissions: a copy is found, what the course gives everybody is not held against anybody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from grader.model.evidence import Evidence, SavedFile
from grader.model.finding import Citation
from grader.model.likeness import Likeness
from grader.model.observation import Number, Observations
from grader.observing.likeness import likeness_of
from grader.observing.memo import read_memo
from grader.pipeline.similar import KEPT, _kept, keep_likeness, similar_pairs
from grader.workspace import Workspace
from tests.builders_memos import assignment, entries, rubric, text_of

ENTRIES = {entry["memo"]: entry for entry in entries()}


def notebook(memo: str = "", code: str = "") -> Evidence:
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "source": memo}, {"cell_type": "code", "source": code}]
    return Evidence(notebook={"nbformat": 4, "cells": cells})


def of_memo(text: str) -> Likeness:
    evidence = notebook(text)
    return likeness_of(evidence, read_memo(evidence, assignment(), rubric(), Observations()), Observations())


def of_code(code: str) -> Likeness:
    return likeness_of(notebook(code=code), None, Observations())


def printed(*values: str) -> Likeness:
    where = Citation.model_validate({"in": "notebook", "cell": 1})
    items = tuple(
        Number(source="recorded", citation=where, metric="accuracy", value=float(value), text=value) for value in values
    )
    return likeness_of(Evidence(), None, Observations(items=items))


def test_a_copied_memo_is_found_although_its_numbers_were_changed() -> None:
    text = text_of(ENTRIES["excellent_prose"])
    changed = re.sub(r"\d", "7", text).replace("regulator", "ministry")
    pairs = similar_pairs({"1": of_memo(text), "2": of_memo(changed), "3": of_memo(text_of(ENTRIES["nonnative"]))})
    assert [(pair.participants, "wording" in pair.why) for pair in pairs] == [(("1", "2"), True)]
    assert pairs[0].share > 0.9


def test_memos_of_different_people_on_the_same_outputs_are_not_alike() -> None:
    names = [name for name, entry in ENTRIES.items() if entry["run"] == "a"]
    found = {name: of_memo(text_of(ENTRIES[name])) for name in names}
    assert similar_pairs(found) == ()


def test_code_of_the_starter_makes_nobody_similar() -> None:
    shared = "\n".join(f"value_{number} = model_{number}.fit(data_{number}, epochs={number})" for number in range(40))
    found = {key: of_code(shared + f"\nown_{key} = 1") for key in "ab"}
    assert len(similar_pairs(found)) == 1
    assert similar_pairs(found, of_code(shared)) == ()


def test_what_many_share_is_common_ground_and_a_ring_of_four_is_still_seen() -> None:
    shared = "\n".join(f"value_{number} = model_{number}.fit(data_{number}, epochs={number})" for number in range(40))
    many = {str(number): of_code(shared) for number in range(9)}
    assert similar_pairs(many) == ()
    ring = {str(number): of_code(shared) for number in range(4)} | {"5": of_code("print(1)")}
    assert len(similar_pairs(ring)) == 6


def test_comments_and_layout_hide_no_copy() -> None:
    code = "\n".join(f"value_{number} = model_{number}.fit(data_{number}, epochs={number})" for number in range(40))
    dressed = code.replace(" = ", "=").replace("\n", "  # mine\n\n")
    assert similar_pairs({"a": of_code(code), "b": of_code(dressed)})[0].share == 1.0


def test_equal_printed_results_are_named_and_short_ones_count_for_nothing() -> None:
    mine = ("0.5871", "0.2694", "0.5512", "0.2014", "0.2831", "0.5523", "0.3310")
    pairs = similar_pairs({"a": printed(*mine), "b": printed(*mine, "0.9999"), "c": printed("0.58", "0.26")})
    assert [pair.participants for pair in pairs] == [("a", "b")]
    assert "7 printed results" in pairs[0].why
    assert "0.2014" in pairs[0].why


def test_nobody_and_one_alone_have_no_pairs() -> None:
    assert similar_pairs({}) == ()
    assert similar_pairs({"1": of_memo(text_of(ENTRIES["nonnative"]))}) == ()


def test_the_same_file_of_weights_is_found_and_that_of_the_course_is_not() -> None:
    handed_in = SavedFile(path="adapter_model.safetensors", origin="handed_in", sha256="ab" * 32)
    copied = likeness_of(Evidence(saved=(handed_in,)), None, Observations())
    (pair,) = similar_pairs({"1": copied, "2": copied, "3": Likeness()})
    assert (pair.participants, pair.why) == (("1", "2"), "a file of weights that is the same to the last bit")
    assert similar_pairs({str(number): copied for number in range(6)}) == ()


def test_all_that_makes_submissions_alike_is_kept_for_later_terms_and_comes_back(tmp_path: Path) -> None:
    before = Likeness(
        memo=frozenset({1, 2**64 - 1}),
        code=frozenset({7}),
        figures=frozenset({"0.4711"}),
        weights=frozenset({"ab" * 32}),
    )
    with Workspace(tmp_path / "term") as workspace:
        keep_likeness(workspace, {"24": before, "25": Likeness()})
    assert _kept(tmp_path / "term" / KEPT) == {"24": before, "25": Likeness()}
