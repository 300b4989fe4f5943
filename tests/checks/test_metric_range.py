from __future__ import annotations

from typing import Any

import pytest

from grader.checks.metric_range import Options, metric_range
from grader.model.finding import Finding
from tests.builders_notebooks import case, code, presentable, week3


def answer(*cells: dict[str, Any], model: Any = "decoder", run: Any = "plain", ranges: bool = True) -> Finding:
    found = metric_range(case(*cells, line="metrics.x", model=model, assignment=week3(ranges=ranges)), Options(run=run))
    assert presentable(found)
    return found


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Decoder accuracy: 0.601 macro F1: 0.252 zero-F1 classes: 21", "passed"),
        ("Decoder accuracy: 60.1% macro F1: 25.2%", "passed"),
        ("Decoder accuracy: 0.6", "passed"),
        ("Decoder accuracy: 0.58", "passed"),
        ("Decoder accuracy: 0.412 macro F1: 0.252", "partial"),
        ("Decoder macro F1: 0.05", "partial"),
        ("Decoder zero-F1 classes: 90", "partial"),
        ("Decoder accuracy: 1.31", "failed"),
        ("Decoder macro F1: -0.2", "failed"),
        ("Decoder zero-F1 classes: 120", "failed"),
        ("Encoder accuracy: 0.570", "not_assessed"),
        ("Decoder weighted accuracy: 0.57", "not_assessed"),
        ("Decoder loss 1.7", "not_assessed"),
        ("Decoder training accuracy: 0.95", "not_assessed"),
        ("Full FT baseline accuracy: 0.1", "not_assessed"),
        ("Decoder - encoder accuracy: -0.4", "not_assessed"),
        ("Accuracy: 0.1", "not_assessed"),
        ("", "not_assessed"),
    ],
)
def test_results_are_held_against_the_range_of_their_own_run(text: str, verdict: str) -> None:
    assert answer(code("show()", text)).verdict == verdict


def test_the_weighted_run_has_its_own_range() -> None:
    cell = code("show()", "Decoder accuracy: 0.615\nDecoder weighted accuracy: 0.55\n")
    assert answer(cell, run="weighted").values == {"accuracy": 0.55}
    assert answer(cell).values == {"accuracy": 0.615}


def test_an_unusual_result_costs_nothing_is_flagged_for_a_person_and_names_both_figures() -> None:
    found = answer(code("show()", "Decoder accuracy: 0.412"))
    assert [(flag.kind, flag.blocking) for flag in found.flags] == [("unusual_result", True)]
    assert "0.412" in found.student_text
    assert "0.58 to 0.62" in found.student_text
    assert found.citations[0].quote == "Decoder accuracy: 0.412"


def test_one_of_several_printings_inside_the_range_is_enough() -> None:
    assert answer(code("show()", "Decoder accuracy: 0.41\nDecoder accuracy: 0.60\n")).verdict == "passed"


def test_figures_of_the_test_set_come_before_validation() -> None:
    text = "Decoder validation accuracy: 0.40\nDecoder test accuracy: 0.60\nDecoder val accuracy: 0.41\n"
    assert answer(code("show()", text)).values == {"accuracy": 0.60}


def test_rounding_does_not_push_a_value_out_of_its_range() -> None:
    assert answer(code("show()", "Decoder accuracy: 0.6\nDecoder macro F1: 0.3\n")).verdict == "passed"


def test_without_a_measured_range_nothing_is_judged_but_the_impossible() -> None:
    assert answer(code("show()", "Decoder accuracy: 0.1"), ranges=False).verdict == "not_assessed"
    assert answer(code("show()", "Decoder accuracy: 0.1"), ranges=False).values == {"accuracy": 0.1}
    assert answer(code("show()", "Decoder accuracy: 1.2"), ranges=False).verdict == "failed"


def test_a_macro_f1_above_its_own_full_table_is_impossible() -> None:
    rows = "\n".join(f"Class number {letter(i)}      0.10       0.10      0.10        9" for i in range(113))
    report = f"                precision    recall  f1-score   support\n\n{rows}\n"
    found = answer(code("show()", f"Decoder\n{report}"), code("show2()", "Decoder macro F1: 0.25"))
    assert found.verdict == "failed"
    assert "above the mean" in found.student_text
    assert answer(code("show()", f"Decoder\n{report}"), code("s()", "Decoder macro F1: 0.11")).verdict == "partial"


def letter(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def test_outputs_of_the_practice_models_are_not_held_against_real_runs() -> None:
    cell = code(
        "show()", "trainable params: 89,632 || all params: 366,688 || trainable%: 24.4437\nDecoder accuracy: 0.2\n"
    )
    assert answer(cell).verdict == "not_assessed"
