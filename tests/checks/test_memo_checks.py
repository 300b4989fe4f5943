"""memo.sections and integrity.memo_matches_outputs, as course/verdicts.md says: by the memo's parts, and by its numbers."""

from __future__ import annotations

import pytest

from grader.checking.api import Case
from grader.checks.memo_numbers import Options as NumberOptions
from grader.checks.memo_numbers import memo_numbers
from grader.checks.memo_sections import Options as SectionOptions
from grader.checks.memo_sections import memo_sections
from grader.model.evidence import Evidence
from grader.model.finding import Finding
from grader.model.observation import Observations
from grader.observing.memo import memo_observation, read_memo
from tests.builders_memos import assignment, cells, entries, evidence_of, outputs, rubric

PARTS = (
    "## Systems-level comparison\n\nThe encoder reaches 0.5512 accuracy and the decoder 0.5871.",
    "## Class weighting\n\nWith weights the decoder's macro F1 rises from 0.2694 to 0.2831.",
    "## Per-class analysis\n\nRare classes: 0.012 for the encoder, 0.071 for the decoder.",
    "## Latency and deployment\n\nThe encoder takes 9.84 ms, the decoder 27.41 ms. I recommend the encoder for live routing.",
    "## What I would do next\n\nThe bottleneck is the rare tier; I would retrain with 100 more examples per class, same seed.",
)


def case(line: str, evidence: Evidence, seen: Observations, *, read: bool = True) -> Case:
    memo = memo_observation(read_memo(evidence, assignment(), rubric(), seen))
    items = (*seen.items, memo) if read else seen.items
    lines = {item.id: item for item in rubric().checks}
    return Case(line=lines[line], evidence=evidence, seen=Observations(items=items), assignment=assignment())


def parts(evidence: Evidence) -> Finding:
    return memo_sections(case("memo.sections", evidence, outputs("a")), SectionOptions())


def numbers(text: str, seen: Observations | None = None) -> Finding:
    evidence = cells("## Systems-level comparison\n\n" + text)
    return memo_numbers(
        case("integrity.memo_matches_outputs", evidence, outputs("a") if seen is None else seen), NumberOptions()
    )


@pytest.mark.parametrize(("keep", "verdict"), [(5, "passed"), (4, "partial"), (3, "failed"), (1, "failed")])
def test_parts_are_counted(keep: int, verdict: str) -> None:
    assert parts(cells("\n\n".join(PARTS[:keep]))).verdict == verdict


def test_an_empty_part_is_missing_and_named() -> None:
    found = parts(cells("\n\n".join([*PARTS[:4], "## What I would do next\n\n_Write your answer here._"])))
    assert found.verdict == "partial"
    assert "next" in found.student_text


def test_two_parts_in_one_breath_are_partial_and_told_apart_they_pass() -> None:
    mixed = "## Class weighting and per-class analysis\n\nRare classes get 0.071 and with weights 0.118, common ones 0.531 and with weights 0.512, in each tier."
    apart = (
        "## Class weighting and per-class analysis\n\n" + PARTS[1].split("\n\n")[1] + "\n\n" + PARTS[2].split("\n\n")[1]
    )
    others = [PARTS[0], PARTS[3], PARTS[4]]
    assert parts(cells("\n\n".join([*others, mixed]))).verdict == "partial"
    assert parts(cells("\n\n".join([*others, apart]))).verdict == "passed"


def test_no_memo_fails_and_says_where_it_might_be() -> None:
    found = parts(cells("## Section 1\n\nTODO"))
    assert (found.verdict, "another file" in found.student_text) == ("failed", True)


def test_a_long_text_that_is_not_understood_is_left_to_a_person() -> None:
    text = "Мы обучили обе модели и сравнили их на одних и тех же данных, чтобы понять разницу между ними. " * 20
    assert parts(cells(text)).verdict == "not_assessed"


def test_samples_of_the_memos_directory() -> None:
    verdicts = {entry["memo"]: parts(evidence_of(entry)).verdict for entry in entries()}
    assert {name for name, verdict in verdicts.items() if verdict == "failed"} == {"empty_template", "poor_wishes"}
    assert {name for name, verdict in verdicts.items() if verdict == "partial"} <= {
        "no_next",
        "merged",
        "terse_excellent",
        "v04",
        "v10",
    }


def test_numbers_that_agree_pass() -> None:
    assert (
        numbers("The decoder reaches 58.71 % accuracy and 0.2694 macro F1, the encoder 0.5512 and 0.201.").verdict
        == "passed"
    )


def test_a_contradiction_fails_shows_both_numbers_and_flags_a_person() -> None:
    found = numbers("The decoder reaches an accuracy of 0.6212.")
    assert found.verdict == "failed"
    assert "0.6212" in found.student_text
    assert "0.5871" in found.student_text
    assert [flag.kind for flag in found.flags] == ["memo_contradicts_output"]
    assert [citation.quote for citation in found.citations] == ["The decoder reaches an accuracy of 0.6212.", "0.5871"]


def test_rounding_far_beyond_three_digits_is_partial() -> None:
    assert numbers("The decoder has a macro F1 of 0.3 and an accuracy of 0.5871.").verdict == "partial"


def test_a_figure_without_a_source_is_partial() -> None:
    found = numbers("The decoder reaches 0.5871 accuracy; after a second epoch its accuracy was 0.4411.")
    assert (found.verdict, "0.4411" in found.student_text) == ("partial", True)


def test_many_figures_without_a_source_are_flagged() -> None:
    text = "With seed 2 the decoder has 0.6123 accuracy and 0.3123 macro F1. With seed 2 the encoder has 0.6023 accuracy and 0.2923 macro F1."
    assert [flag.kind for flag in numbers(text).flags] == ["memo_without_source"]


@pytest.mark.parametrize("text", ["The decoder is better.", "I used r=16 and batches of 32 in week 3."])
def test_nothing_to_compare_is_not_assessed(text: str) -> None:
    assert numbers(text).verdict == "not_assessed"


def test_without_outputs_nothing_is_judged() -> None:
    assert numbers("The decoder reaches 0.5871 accuracy.", Observations()).verdict == "not_assessed"


def test_a_memo_that_was_not_read_is_not_assessed() -> None:
    evidence = cells("\n\n".join(PARTS))
    assert (
        memo_sections(case("memo.sections", evidence, outputs("a"), read=False), SectionOptions()).verdict
        == "not_assessed"
    )
    unread = case("integrity.memo_matches_outputs", evidence, outputs("a"), read=False)
    assert memo_numbers(unread, NumberOptions()).verdict == "not_assessed"


def test_honest_samples_are_never_failed_on_numbers() -> None:
    verdicts = {}
    for entry in entries():
        evidence, seen = evidence_of(entry), outputs(entry["run"])
        verdicts[entry["memo"]] = memo_numbers(
            case("integrity.memo_matches_outputs", evidence, seen), NumberOptions()
        ).verdict
    assert {name for name, verdict in verdicts.items() if verdict == "failed"} == {"invented_numbers", "contradicting"}


def test_a_sentence_against_the_own_tables_is_shown_with_both_places_and_waits_for_nobody() -> None:
    found = numbers("The decoder reaches 0.5871 accuracy. Nearly all of the gap is in the common classes.")
    assert found.verdict == "partial"
    assert "rare (<28) 22%" in found.student_text
    assert [(flag.kind, flag.blocking) for flag in found.flags] == [("memo_claim_against_tables", False)]
