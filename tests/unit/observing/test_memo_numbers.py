"""Numbers in memos: value and unit as written, and what the outputs say to them. A false contradiction is as bad as a false failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.model.observation import Number, Observations
from grader.observing.memo import read_memo
from grader.observing.memo_figures import decimal_comma, figures
from tests.builders_memos import assignment, cells, entries, evidence_of, outputs, rubric


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.2714", [(0.2714, "")]),
        (".551/.587", [(0.551, ""), (0.587, "")]),
        ("55.1 %", [(55.1, "%")]),
        ("3,466,097", [(3466097, "")]),
        ("3.47M", [(3.47e6, "")]),
        ("64k", [(64000, "")]),
        ("9.84 ms", [(9.84, "ms")]),
        ("101.6 examples/s", [(101.6, "per_second")]),
        ("2.8x", [(2.8, "x")]),
        ("x6", [(6, "x")]),
        ("2.8 times", [(2.8, "x")]),
        ("10.5 min", [(10.5, "min")]),
        ("-3.5 points", [(-3.5, "points")]),
        ("+0.014", [(0.014, "")]),
        ("two times slower", [(2, "x")]),
        ("fifteen minutes", [(15, "min")]),
        ("factor of 2.8", [(2.8, "x")]),
        ("$2.8M", [(2.8e6, "money")]),
        ("18T", [(18e12, "")]),
        ("Qwen2.5-0.5B", []),
        ("F1", []),
        ("44/33/46", [(44, ""), (33, ""), (46, "")]),
        ("9.84 毫秒/条", [(9.84, "ms")]),
        ("升到0.118", [(0.118, "")]),
        ("28-100", [(28, ""), (100, "")]),
        ("14.8 Minuten", [(14.8, "min")]),
    ],
)
def test_numbers_are_read_as_written(text: str, expected: list[tuple[float, str]]) -> None:
    assert (
        [(figure.value, figure.unit) for figure in figures(text)] == pytest.approx(expected) if not expected else True
    )
    assert [figure.unit for figure in figures(text)] == [unit for _, unit in expected]
    assert [figure.value for figure in figures(text)] == pytest.approx([value for value, _ in expected])


def test_a_decimal_comma_is_told_from_a_thousands_comma() -> None:
    german = "Genauigkeit 55,9 %, Makro-F1 0,206 bei 1.776.497 Parametern und 64.000 Beschwerden"
    assert decimal_comma(german)
    assert [figure.value for figure in figures(german, comma=True)] == pytest.approx([55.9, 0.206, 1776497, 64000])
    assert not decimal_comma("0.206 with 1,776,497 parameters and 64,000 complaints")


def statuses(text: str, seen: Observations | None = None) -> list[tuple[str, str]]:
    memo = read_memo(
        cells("## Section 1: Systems-level comparison\n\n" + text), assignment(), rubric(), seen or outputs("a")
    )
    return [(item.text, item.status) for item in memo.numbers if item.status != "untraced"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The decoder reaches an accuracy of 0.6212.", "0.6212"),
        ("The encoder has 55.1% accuracy and the decoder 61.2%.", "61.2%"),
        ("The decoder has 41 zero-F1 classes.", "41"),
        ("The weighted decoder gets a macro F1 of 0.3512.", "0.3512"),
        ("The decoder takes 41.2 ms per example.", "41.2 ms"),
        ("Decoder: 36.5 examples/s; encoder: 140 examples/s.", "140 examples/s"),
        ("The decoder trains 8,899,456 parameters.", "8,899,456"),
        ("| | encoder | decoder |\n|---|---|---|\n| accuracy | 0.5512 | 0.6543 |", "0.6543"),
        ("| model | accuracy | macro F1 |\n|---|---|---|\n| encoder | 0.5512 | 0.2777 |", "0.2777"),
        ("Weighted decoder: 27 zero-F1 classes, plain decoder: 31 zero-F1 classes.", "31"),
    ],
)
def test_a_figure_that_disagrees_with_its_output_contradicts(text: str, number: str) -> None:
    assert [item for item, status in statuses(text) if status == "contradicts"] == [number]


@pytest.mark.parametrize(
    "text",
    [
        "On validation the decoder reached 0.601 accuracy.",
        "If the decoder had reached 65% accuracy I would deploy it.",
        "I predicted the decoder would reach 62% accuracy; it got 58.7%.",
        "My encoder is at 55.1% accuracy, my classmate's encoder at 57.3%.",
        "Full fine-tuning of the encoder gave 57.1% accuracy.",
        "In the lecture the decoder had 0.3 macro F1.",
        "Decoder accuracy was 41.3% after the first epoch.",
        "Top-5 accuracy of the decoder is 0.83.",
        "Weighted F1 of the decoder is 0.57.",
        "With r=8 the decoder had an accuracy of 0.57.",
        "The decoder has a 6.5% higher accuracy than the encoder.",
        "Macro F1 of the decoder is 34% better.",
        "The decoder's macro F1 rises by 34 %.",
        "The encoder's macro F1 is 0.068 below the decoder's.",
        "Encoder macro F1 0.20 vs decoder 0.27, zero classes 44 vs 33.",
        "At batch size 1 the decoder latency is 44 ms.",
        "On rare classes the decoder gets 0.09 F1.",
        "The decoder's accuracy is about 59%, its macro F1 about 0.27.",
        "Decoder accuracy is above 0.58.",
        "The decoder's accuracy must exceed 0.65 to be worth it.",
        "Training the decoder took 57 minutes.",
        "The decoder uses 494M parameters and the encoder 149M.",
        "After fixing the padding bug the decoder went from 0.31 accuracy to 0.587.",
        "The decoder with seed 2 reached an accuracy of 0.5799.",
        "The decoder's p95 latency is 61 ms.",
        "| run | accuracy |\n|---|---|\n| decoder, epoch 1 | 0.49 |\n| decoder, epoch 3 | 0.5871 |",
        "Random guessing of the decoder's classes would give an accuracy of 0.009.",
        "The decoder loses 3.5 points of accuracy with weights.",
        "Decoder precision is 0.44 and recall 0.39.",
        "The decoder may reach an accuracy of 0.65 with more data.",
    ],
)
def test_nothing_else_is_called_a_contradiction(text: str) -> None:
    assert [item for item in statuses(text) if item[1] == "contradicts"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The decoder reaches 58.71% accuracy.", "agrees"),
        ("The decoder reaches 58.7 % accuracy.", "agrees"),
        ("The decoder's macro F1 is 0.27.", "rounded"),
        ("The decoder's macro F1 is 26.9.", "agrees"),
        ("The decoder is 2.8 times slower.", "derived"),
        ("64,000 complaints take the decoder 29.2 minutes.", "derived"),
        ("The gap is 0.068.", "derived"),
        ("Full fine-tuning had a macro F1 of 0.209.", "course"),
        ("The decoder has 2.26M trainable parameters.", "agrees"),
        ("The encoder takes 10 ms per example.", "course"),
    ],
)
def test_sources_are_found(text: str, expected: str) -> None:
    assert statuses(text)[-1][1] == expected


def test_without_outputs_nothing_contradicts() -> None:
    assert statuses("The decoder reaches an accuracy of 0.99.", Observations()) == [("0.99", "unsourced")]


def test_an_output_that_fits_under_another_name_prevents_a_contradiction() -> None:
    seen = outputs("a")
    unnamed = Number(source="recorded", value=0.6212, text="0.6212")
    text = "The decoder reaches an accuracy of 0.6212."
    assert ("0.6212", "contradicts") in statuses(text, seen)
    assert ("0.6212", "contradicts") not in statuses(text, Observations(items=(*seen.items, unnamed)))


def test_an_unnamed_output_of_about_that_size_does_not_prevent_it() -> None:
    near = Number(source="recorded", value=0.6231, text="0.6231")
    seen = Observations(items=(*outputs("a").items, near))
    assert ("0.6212", "contradicts") in statuses("The decoder reaches an accuracy of 0.6212.", seen)


@pytest.mark.parametrize(
    ("text", "contradicted"),
    [
        ("The decoder reaches a macro F1 of 0.225.", True),
        ("The decoder reaches a macro F1 of 0.911.", True),
        ("The decoder reaches a macro F1 of 0.072.", True),
        ("The decoder's macro F1 rises by 0.225.", False),
        ("The decoder's macro F1 is +0.225.", False),
    ],
)
def test_a_figure_several_times_as_large_contradicts_and_a_change_does_not(text: str, contradicted: bool) -> None:
    low = Number(source="recorded", model="decoder", metric="macro_f1", value=0.0607, text="0.0607")
    found = [status for _, status in statuses(text, Observations(items=(low,)))]
    assert ("contradicts" in found) is contradicted


def test_outputs_of_the_dry_run_are_no_source() -> None:
    ours = Number(source="dry_run", model="decoder", metric="accuracy", value=0.02, text="0.02")
    assert ("0.5871", "agrees") in statuses(
        "The decoder reaches 0.5871 accuracy.", Observations(items=(*outputs("a").items, ours))
    )


def test_honest_samples_hold_no_contradiction_and_the_others_do() -> None:
    wrong = {"invented_numbers", "contradicting"}
    for entry in entries():
        memo = read_memo(evidence_of(entry), assignment(), rubric(), outputs(entry["run"]))
        assert any(item.status == "contradicts" for item in memo.numbers) == (entry["memo"] in wrong), entry["memo"]


def test_another_students_outputs_contradict_most_memos() -> None:
    """The samples' aggregates against outputs of another run: what is not theirs is noticed."""
    noticed = 0
    full = [
        entry
        for entry in entries()
        if entry["memo"] in ("excellent_full", "good_mixed", "chinese", "nonnative", "table_only")
    ]
    for entry in full:
        other = "b" if entry["run"] != "b" else "c"
        memo = read_memo(evidence_of(entry), assignment(), rubric(), outputs(other))
        noticed += sum(item.status == "contradicts" for item in memo.numbers) >= 2
    assert noticed == len(full)


def test_the_lecture_cannot_be_read_out_of_the_shingles() -> None:
    path = Path(__file__).parents[3] / "assignments" / "week3" / "memo_aids.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    assert all(len(item) == 10 and int(item, 16) >= 0 for item in data["shingles"])
    assert set(data) == {"words", "key", "shingles", "figures", "prompts", "classes"}
