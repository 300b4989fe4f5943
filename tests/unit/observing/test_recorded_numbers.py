from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from grader.model.assignment import Assignment, ModelFacts
from grader.model.evidence import Evidence
from grader.model.finding import Citation
from grader.model.observation import Number, TierTable, Trainable
from grader.observing.recorded import observe_outputs
from grader.observing.recorded_values import tokens

_SPEC = importlib.util.spec_from_file_location("print_styles", Path(__file__).with_name("print_styles.py"))
assert _SPEC and _SPEC.loader
styles = importlib.util.module_from_spec(_SPEC)
sys.modules["print_styles"] = styles
_SPEC.loader.exec_module(styles)
Shown = styles.Shown

WEEK3 = Assignment(
    slug="week3",
    title="Week 3",
    rubric="rubrics/week3.yaml",
    classes=113,
    models={
        "encoder": ModelFacts(
            checkpoint="answerdotai/ModernBERT-base", checkpoint_dtype="float32", head="classifier",
            architectures=("ModernBertForSequenceClassification",),
        ),
        "decoder": ModelFacts(
            checkpoint="Qwen/Qwen2.5-0.5B", checkpoint_dtype="bfloat16", head="score",
            architectures=("Qwen2ForSequenceClassification",),
        ),
    },
)  # fmt: skip
ROUNDING = 1.01e-4


def observed(shown: Any, kind: type = Number) -> list[Any]:
    return [item for item in observe_outputs(Evidence(notebook=shown.notebook()), WEEK3) if isinstance(item, kind)]


def printed(text: str, code: str = "show()") -> list[Number]:
    return observed(Shown().code(code, text))


def facts(numbers: list[Number]) -> list[tuple[object, ...]]:
    return [(item.model, item.run, item.metric, round(item.value, 6)) for item in numbers]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("style", styles.STYLES, ids=lambda style: style.__name__)
def test_results_are_read_whole_and_given_to_the_right_model_however_they_are_printed(style: Any, seed: int) -> None:
    truth = styles.results(seed)
    numbers = [
        item
        for item in observed(style(truth, seed))
        if item.metric in styles.METRICS and item.subject is None and item.run != "baseline" and item.model
    ]
    found = {(item.model, "weighted" if item.run == "weighted" else None, item.metric): item.value for item in numbers}
    expected = {(*key, metric): value for key, values in truth.items() for metric, value in values.items()}
    assert set(found) == set(expected)
    assert all(abs(found[key] - value) < ROUNDING for key, value in expected.items())


def test_every_number_is_cited_with_its_line() -> None:
    shown = Shown().markdown("# Results").code("x = 1").code("show()", "warm-up\n", "Encoder accuracy: 0.571\n")
    assert [item.citation for item in observed(shown)] == [
        Citation(where="notebook", cell=2, output=1, quote="Encoder accuracy: 0.571")
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Encoder LoRA accuracy: 0.571 | macro-F1 0.23", [("encoder", None, "accuracy", 0.571), ("encoder", None, "macro_f1", 0.23)]),
        ("Decoder: 29 of 113 classes have zero F1", [("decoder", None, "zero_f1_classes", 29)]),
        ("46 classes with F1 = 0 (encoder)", [("encoder", None, "zero_f1_classes", 46)]),
        ("encoder accuracy 0.571 (57.1%)", [("encoder", None, "accuracy", 0.571), ("encoder", None, "accuracy", 0.571)]),
        ("decoder acc: 571/1000", [("decoder", None, None, 571)]),
        ("Decoder weighted F1 (sklearn, weighted average): 0.55", [("decoder", None, "weighted_f1", 0.55)]),
        ("encoder: 10.2 ms/example (98.0 ex/s)", [("encoder", None, "latency_ms", 10.2), ("encoder", None, "throughput", 98.0)]),
        ("Qwen2.5-0.5B latency: 0.0274 s per example", [("decoder", None, "latency_ms", 27.4)]),
        ("decoder throughput = 36.5 examples/sec", [("decoder", None, "throughput", 36.5)]),
        ("Encoder p95 latency: 14.1 ms", [("encoder", None, "latency_tail_ms", 14.1)]),
        ("Encoder: 326.4 ms per batch of 32", [("encoder", None, "batch_latency_ms", 326.4), ("encoder", None, "batch_latency_ms", 32)][:1]),
        ("Decoder is 2.8x slower than the encoder", [(None, None, "ratio", 2.8)]),
        ("Decoder - encoder macro F1: +0.031", [(None, None, "macro_f1_difference", 0.031)]),
        ("Full FT (week 1): accuracy 0.566", [(None, "baseline", "accuracy", 0.566)]),
        ("encoder accuracy 0.571 ± 0.003", [("encoder", None, "accuracy", 0.571), ("encoder", None, None, 0.003)]),
    ],
)  # fmt: skip
def test_lines_say_what_each_number_is(line: str, expected: list[tuple[object, ...]]) -> None:
    found = facts(printed(line))
    assert [item for item in found if item in expected] == expected
    assert all(item in expected or item[2] not in ("accuracy", "macro_f1", "zero_f1_classes") for item in found)


@pytest.mark.parametrize(
    "line",
    ["Final: accuracy 0.6", "Final results: accuracy 0.6", "Test results: 0.6 accuracy", "Overall = accuracy 0.6"],
)
def test_general_words_are_no_class_names(line: str) -> None:
    assert [(item.metric, item.subject) for item in printed(line)] == [("accuracy", None)]


def test_class_names_before_numbers_are_their_subjects() -> None:
    found = printed("gains: Convenience checks: 0.00 -> 0.33, Applying for a mortgage: 0.10")
    assert [(item.subject, item.value) for item in found] == [
        ("Convenience checks", 0.0),
        ("Convenience checks", 0.33),
        ("Applying for a mortgage", 0.1),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "100%|██████████| 500/500 [00:12<00:00, 40.1it/s]",
        "Requirement already satisfied: transformers in /usr/lib (4.48.0)",
        "/usr/lib/python3.11/site-packages/torch/x.py:12: UserWarning: accuracy 0.5 is deprecated",
        "(0): Linear(in_features=768, out_features=113)",
        "<Figure size 1000x350 with 2 Axes>",
        "Map: 100% 58000/58000",
        "The decoder reaches an accuracy of 0.601, which is better than what the encoder does on the same data, and I think that "
        "pretraining on far more text is the reason for it.",
    ],
)
def test_noise_and_prose_give_no_results(line: str) -> None:
    assert [item for item in printed(line) if item.metric in ("accuracy", "macro_f1")] == []


def test_a_bare_f1_takes_the_average_that_all_code_asks_for() -> None:
    shown = Shown().code('f1_score(y, p, average="macro")').code("show()", "decoder accuracy 0.6, F1: 0.25\n")
    assert ("decoder", None, "macro_f1", 0.25) in facts(observed(shown))
    mixed = Shown().code('f(average="macro"); g(average="weighted")').code("show()", "decoder F1: 0.25\n")
    assert facts(observed(mixed)) == [("decoder", None, "f1", 0.25)]


def test_trainers_progress_belongs_to_epochs_and_the_final_figures_to_the_model() -> None:
    html = (
        "<table><thead><tr><th>Epoch</th><th>Training Loss</th><th>Validation Loss</th><th>Accuracy</th></tr></thead>"
        "<tbody><tr><td>1</td><td>2.5</td><td>2.1</td><td>0.5</td></tr><tr><td>2</td><td>2.0</td><td>1.9</td><td>0.58</td></tr></tbody></table>"
    )
    shown = Shown().code("decoder_trainer.train()", {"text/html": html})
    assert [(item.model, item.metric, item.value, item.subject, item.split) for item in observed(shown)] == [
        ("decoder", "loss", 2.5, "epoch 1", "train"),
        ("decoder", "loss", 2.1, "epoch 1", "validation"),
        ("decoder", "accuracy", 0.5, "epoch 1", "validation"),
        ("decoder", "loss", 2.0, "epoch 2", "train"),
        ("decoder", "loss", 1.9, "epoch 2", "validation"),
        ("decoder", "accuracy", 0.58, "epoch 2", "validation"),
    ]


REPORT = """
                              precision    recall  f1-score   support

                    Late fee       0.26      0.32      0.29        19
Settlement process and costs       0.27      0.24      0.26        25
                     Rewards       0.22      0.35      0.27        23

                    accuracy                           0.24        67
                   macro avg       0.25      0.30      0.27        67
                weighted avg       0.24      0.24      0.23        67
"""


def test_a_classification_report_gives_classes_averages_and_accuracy_apart() -> None:
    numbers = printed(f"Decoder\n{REPORT}", "print(classification_report(y, p))")
    found = {(item.subject, item.metric): item.value for item in numbers}
    assert found["Settlement process and costs", "f1"] == 0.26
    assert (found[None, "accuracy"], found[None, "macro_f1"], found[None, "weighted_f1"]) == (0.24, 0.27, 0.23)
    assert found[None, "macro_precision"] == 0.25
    assert {item.model for item in numbers} == {"decoder"}


@pytest.mark.parametrize(
    ("text", "count", "total", "percent"),
    [
        ("trainable params: 3,466,097 || all params: 153,157,858 || trainable%: 2.2631", 3466097, 153157858, 2.2631),
        (
            "trainable params: 3466097 || all params: 153157858 || trainable%: 2.263085920488742",
            3466097,
            153157858,
            2.26308592,
        ),
        ("Trainable: 3,466,097 / 149,691,761 (2.32%)", 3466097, 149691761, 2.32),
        ("Trainable parameters: 3,466,097 of 149,691,761", 3466097, 149691761, None),
        ("encoder trainable params = 3466097", 3466097, None, None),
        ("Trainable: 3.47M (2.26%)", None, None, 2.26),
    ],
)
def test_printed_parameter_counts_are_read(
    text: str, count: int | None, total: int | None, percent: float | None
) -> None:
    found = observed(Shown().markdown("## Encoder").code("m.print_trainable_parameters()", text), Trainable)
    assert [(item.model, item.count, item.total, item.percent) for item in found] == [
        ("encoder", count, total, percent)
    ]


TIERS = ("Rare (4-27)", "Medium (28-499)", "Common (500+)")
WORDS = ("rare", "medium", "common")


def _tier_texts() -> list[tuple[str, str, bool]]:
    import pandas as pd

    frame = pd.DataFrame({"encoder_f1": [0.01, 0.2, 0.55], "decoder_f1": [0.06, 0.23, 0.56]}, index=list(TIERS))
    words = frame.set_axis(list(WORDS))
    lines = "\n".join(
        f"{tier}: encoder F1 {row.encoder_f1}, decoder F1 {row.decoder_f1}" for tier, row in frame.iterrows()
    )
    block = "Macro F1 by tier:\n" + "\n".join(
        f"  {tier:<18} enc {row.encoder_f1:.3f}  dec {row.decoder_f1:.3f}" for tier, row in frame.iterrows()
    )
    long = words.rename_axis("tier").reset_index().melt(id_vars="tier", var_name="model", value_name="f1")
    cut = frame.set_axis(pd.cut([5, 100, 900], [0, 27, 499, 10_000]))
    return [
        ("frame", str(frame), True), ("words", str(words), False), ("transposed", str(frame.T), True), ("lines", lines, True),
        ("block", block, True), ("series", str(long.groupby(["tier", "model"]).f1.mean()), False), ("long", str(long), False),
        ("cut", str(cut), True),
        ("markdown", frame.rename_axis("tier").reset_index().pipe(lambda f: "\n".join("| " + " | ".join(map(str, r)) + " |" for r in [f.columns, ["---"] * 3, *f.values.tolist()])), True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "defined"),
    _tier_texts(),
    ids=lambda value: value if isinstance(value, str) and len(value) < 12 else "",
)
def test_tier_tables_are_recognised_in_any_form(name: str, text: str, defined: bool) -> None:
    found = observed(Shown().code("show()", text), TierTable)
    assert [(item.models, len(item.tiers), item.defined, item.per_class) for item in found] == [
        (("decoder", "encoder"), 3, defined, False)
    ]


def test_columns_named_after_models_alone_are_f1_where_the_code_says_so() -> None:
    text = "                 encoder  decoder\nrare (4-27)        0.010    0.060\ncommon (500+)      0.550    0.560\n"
    shown = Shown().code("f1_by_tier(models)", text)
    assert [item.models for item in observed(shown, TierTable)] == [("decoder", "encoder")]


def test_a_dash_in_a_cell_is_a_missing_value_and_no_label() -> None:
    text = "            Encoder  Decoder  Decoder weighted\nms/example     10.2     27.4                 -\n"
    assert [(item.model, item.value, item.subject) for item in printed(text)] == [
        ("encoder", 10.2, None),
        ("decoder", 27.4, None),
    ]


def test_tiers_count_as_defined_where_the_code_draws_them() -> None:
    shown = (
        Shown()
        .code("tier = pd.cut(counts, bins=[0, 27, 500])")
        .code("show()", "      encoder_f1  decoder_f1\nrare      0.1  0.2\ncommon   0.3  0.4\n")
    )
    assert [item.defined for item in observed(shown, TierTable)] == [True]


def test_a_table_in_the_memo_counts_and_gives_no_output_numbers() -> None:
    shown = Shown().markdown(
        "| tier | encoder F1 | decoder F1 |\n|---|---|---|\n| rare (<28) | 0.01 | 0.05 |\n| common | 0.5 | 0.5 |"
    )
    assert observed(shown) == []
    assert [(item.models, item.citation.where) for item in observed(shown, TierTable)] == [
        (("decoder", "encoder"), "memo")
    ]


def test_f1_by_class_is_told_from_f1_by_tier() -> None:
    rows = "\n".join(
        f"{name:<42}{0.1 * i:.2f}      {0.12 * i:.2f}"
        for i, name in enumerate(
            ("Late fee", "Rewards", "Closing an account", "Unexpected fees", "Trouble using the card", "Other"), 1
        )
    )
    found = observed(Shown().code("show()", f"{'class':<40}encoder_f1  decoder_f1\n{rows}"), TierTable)
    assert [(item.models, item.tiers, item.per_class) for item in found] == [(("decoder", "encoder"), (), True)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("encoder: 9.9 ms pro Beispiel, 101 Beispiele pro Sekunde", {("latency_ms", 9.9), ("throughput", 101.0)}),
        ("encoder: 9.9 ms per example at batch 32 (101 per second)", {("latency_ms", 9.9), ("batch_size", 32.0), ("throughput", 101.0)}),
        ("encoder   10.1 ms   99.0 per second", {("latency_ms", 10.1), ("throughput", 99.0)}),
        ("encoder 9,8 ms por ejemplo; 102 ejemplos por segundo", {("latency_ms", 9.8), ("throughput", 102.0)}),
        ("encoder : 27,3 ms par exemple, 36,6 exemples par seconde", {("latency_ms", 27.3), ("throughput", 36.6)}),
        ("encoder: 9.8 毫秒/样本, 102 样本/秒", {("latency_ms", 9.8), ("throughput", 102.0)}),
        ("encoder: 12 ms, batch_size=64", {("latency_ms", 12.0), ("batch_size", 64.0)}),
        ("encoder -> exactitud: 0,56 ; F1 macro: 0,206 ; clases en cero: 47", {("accuracy", 0.56), ("macro_f1", 0.206), ("zero_f1_classes", 47.0)}),
        ("encoder: Genauigkeit 0.5574, Makro-F1 0.2051, Nullklassen 47", {("accuracy", 0.5574), ("macro_f1", 0.2051), ("zero_f1_classes", 47.0)}),
    ],
)  # fmt: skip
def test_lines_in_other_languages_and_with_decimal_commas_are_read(line: str, expected: set[tuple[str, float]]) -> None:
    assert {(item.metric, item.value) for item in printed(line)} == expected


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,234 9", [1234.0, 9.0]),
        ("12,34,56", [12.0, 34.0, 56.0]),
        ("[0,27) 3", [0.0, 27.0, 3.0]),
        ("x,0,31 4", [0.0, 31.0, 4.0]),
    ],
)
def test_commas_between_columns_and_thousands_are_no_decimal_commas(text: str, values: list[float]) -> None:
    assert [token.value for token in tokens(text)] == values


TABLE = "          accuracy  macro_f1\nencoder     0.5585    0.2054\ndecoder     0.5822    0.2484\ndecoder_weighted  0.5343    0.2674\n"
LINES = "encoder: accuracy 0.5585\ndecoder: accuracy 0.5822\ndecoder weighted: accuracy 0.5343\n"


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        LINES,
        "{'encoder': {'accuracy': 0.5585}, 'decoder': {'accuracy': 0.5822}, 'decoder_weighted': {'accuracy': 0.5343}}",
    ],
)
def test_a_table_that_tells_its_runs_apart_takes_none_from_the_heading_above(text: str) -> None:
    cells = [
        {"cell_type": "markdown", "source": "## Class weights"},
        {
            "cell_type": "code",
            "source": "show()",
            "outputs": [{"output_type": "stream", "name": "stdout", "text": text}],
        },
    ]
    found = [
        item
        for item in observe_outputs(Evidence(notebook={"cells": cells}), WEEK3)
        if isinstance(item, Number) and item.metric == "accuracy"
    ]
    assert [(item.model, item.run, item.value) for item in found] == [
        ("encoder", "plain", 0.5585),
        ("decoder", "plain", 0.5822),
        ("decoder", "weighted", 0.5343),
    ]
