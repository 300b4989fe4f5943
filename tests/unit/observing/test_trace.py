from __future__ import annotations

import math
import random

import pytest

from grader.model.evidence import Evidence
from grader.model.finding import Citation
from grader.model.observation import (
    Cast,
    LatencyMeasured,
    Loaded,
    LoraConfigured,
    LossWeights,
    PaddingEffect,
    PaddingFed,
    Precision,
    Trainable,
    Trained,
)
from grader.observing.trace import observe_trace
from tests.builders_notebooks import week3

LOAD = {
    "t": "load", "exec": 1, "cell": 0, "model": 1, "made": "from_pretrained", "name": "Qwen/Qwen2.5-0.5B", "arch": "qwen2",
    "cls": "Qwen2ForSequenceClassification", "dtype": "float32", "dtype_given": True, "labels": 113,
}  # fmt: skip
RUN = {"t": "run", "exec": 2, "cell": 1, "run": 1, "model": 1, "base_dtype": "float32", "head_names": ["score.weight"]}
NAMES = [
    ["base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight", [16, 32], True],
    ["base_model.model.score.modules_to_save.default.weight", [113, 32], False],
]
TRAINABLE = {"t": "trainable", "exec": 2, "cell": 1, "run": 1, "model": 1, "names": NAMES}
CELLS = [
    "model = AutoModelForSequenceClassification.from_pretrained(NAME, dtype=torch.float32)",
    "# train\ntrainer.train()",
    "trainer.evaluate()",
]


def observe(*records, kind=None):
    notebook = {"cells": [{"cell_type": "code", "source": source} for source in CELLS]}
    seen = observe_trace(Evidence(trace=records, notebook=notebook), week3())
    return [item for item in seen if kind is None or isinstance(item, kind)]


def batches(phase, side, n=4, model=1, at=2):
    return {
        "t": "batches",
        "exec": at,
        "cell": 1,
        "model": model,
        "phase": phase,
        "side": side,
        "n": n,
        "sizes": {"16": n},
    }


def loss(weights, run=1, calls=4, factors=()):
    return {
        "t": "loss",
        "exec": 2,
        "cell": 1,
        "run": run,
        "model": 1,
        "weights": weights,
        "calls": calls,
        "factors": list(factors),
    }


def test_a_load_is_cited_with_its_line():
    (item,) = observe(LOAD, kind=Loaded)
    assert item == Loaded(
        source="dry_run", model="decoder", checkpoint="Qwen/Qwen2.5-0.5B", dtype="float32", dtype_given=True, trained=False,
        citation=Citation(where="notebook", cell=0, quote=CELLS[0]),
    )  # fmt: skip


def test_where_a_model_was_trained_only_its_load_counts():
    look = {**LOAD, "model": 2, "dtype": "bfloat16"}
    assert [item.dtype for item in observe(look, LOAD, RUN, kind=Loaded)] == ["float32"]


@pytest.mark.parametrize(
    ("record", "role"),
    [
        ({**LOAD, "cls": "MyOwn", "name": "x"}, "decoder"),
        ({**LOAD, "cls": "ModernBertModel", "arch": "modernbert", "name": "y"}, "encoder"),
        ({**LOAD, "cls": "Unknown", "arch": None, "name": "answerdotai/ModernBERT-base"}, "encoder"),
    ],
)
def test_models_are_told_by_class_kind_or_name(record, role):
    assert [item.model for item in observe(record, kind=Loaded)] == [role]


def test_other_models_are_left_out():
    assert observe({**LOAD, "cls": "BertModel", "arch": "bert", "name": "bert-base-uncased"}) == []


def test_a_cast_between_load_and_first_step_is_seen():
    assert [item.dtype for item in observe(LOAD, {**RUN, "base_dtype": "float16"}, kind=Cast)] == ["float16"]


def test_batches_of_a_phase_are_summed():
    items = observe(
        LOAD, batches("train", "right"), batches("train", "none", 2), batches("eval", "left", 3), kind=PaddingFed
    )
    assert [(item.phase, item.side, item.batches, item.padded) for item in items] == [
        ("train", "right", 6, 4),
        ("eval", "left", 3, 3),
    ]


@pytest.mark.parametrize(
    ("evaluated", "sides"),
    [
        ([batches("eval", "right", 11, at=2)], {"eval": ("right", 11), "latency": ("left", 9)}),
        ([], {"eval": ("left", 5), "latency": ("left", 4)}),
        ([batches("eval", "left", 11, at=2)], {"eval": ("left", 11), "latency": ("left", 9)}),
        ([batches("eval", "right", 3, at=3)], {"eval": ("right", 3), "latency": ("left", 9)}),
    ],
)
def test_passes_before_the_clock_starts_are_no_evaluation_where_there_is_another(evaluated, sides):
    warming = [batches("eval", "left", 5, at=3), batches("latency", "left", 4, at=3)]
    items = observe(LOAD, *evaluated, *warming, kind=PaddingFed)
    assert {item.phase: (item.side, item.batches) for item in items} == sides


@pytest.mark.parametrize(
    ("record", "seen"),
    [
        ({"relative": 0.2, "dtype": "float32", "base_dtype": "float32"}, [0.2]),
        ({"relative": 0.01, "dtype": "bfloat16", "base_dtype": "bfloat16"}, []),
        ({"relative": 0.7, "dtype": "bfloat16", "base_dtype": "bfloat16"}, [0.7]),
        ({"relative": math.inf, "dtype": "float32", "base_dtype": "float32"}, []),
        ({"relative": "much"}, []),
    ],
)
def test_rounding_is_not_taken_for_paddings_effect(record, seen):
    items = observe(LOAD, {"t": "padding_effect", "exec": 2, "cell": 1, "model": 1, **record}, kind=PaddingEffect)
    assert [item.relative_difference for item in items] == seen


def test_what_trains_is_told_by_name():
    (item,) = observe(LOAD, RUN, TRAINABLE, kind=Trainable)
    assert (item.rank, item.targets, item.head, len(item.names)) == (16, ("q_proj",), True, 2)


def test_lora_on_the_head_is_no_trained_head():
    names = [NAMES[0], ["base_model.model.score.lora_A.default.weight", [16, 32], False]]
    (item,) = observe(LOAD, RUN, {**TRAINABLE, "names": names}, kind=Trainable)
    assert item.head is False


def test_the_last_word_on_what_changed_counts():
    first = {
        "t": "trained",
        "exec": 2,
        "cell": 1,
        "run": 1,
        "model": 1,
        "real": 1,
        "changed": {"adapter": False, "head": True},
    }
    last = {**first, "real": 4, "changed": {"adapter": True, "head": True, "base": None}}
    (item,) = observe(LOAD, RUN, first, last, kind=Trained)
    assert (item.steps, item.adapter, item.head, item.base) == (4, True, True, None)


def test_precision_belongs_to_the_run_that_follows():
    trainer = {
        "t": "trainer",
        "exec": 2,
        "cell": 1,
        "fp16": True,
        "bf16": False,
        "epochs": 3,
        "max_steps": -1,
        "batch_size": 16,
    }
    other = {**RUN, "run": 2}
    items = observe(
        LOAD,
        trainer,
        RUN,
        other,
        {"t": "autocast", "exec": 2, "cell": 1, "model": 1, "dtype": "float16"},
        kind=Precision,
    )
    assert [(item.fp16, item.autocast) for item in items] == [(True, "float16"), (False, "float16")]


@pytest.mark.parametrize(
    ("records", "label", "weights"),
    [
        ([loss(None)], "plain", [None]),
        ([loss([1.0, 1.0, 1.0])], "plain", [(1.0, 1.0, 1.0)]),
        ([loss([1.0, 2.0, 3.0])], "weighted", [(1.0, 2.0, 3.0)]),
        ([loss(None), loss([1.0, 2.0])], "weighted", [None, (1.0, 2.0)]),
        ([loss(None, factors=[[[0, 1, 0], [0.1, 0.3, 0.1]], [[1, 2], [0.6, 1.0]]])], "weighted", [(0.1, 0.3, 0.5)]),
        ([loss(None, factors=[[[0, 1], [0.25, 0.25]]])], "plain", [None]),
        ([loss(None, factors=[[[0, 0], [0.1, 0.3]]])], "plain", [None]),
        ([loss([float("nan"), 1.0])], "plain", [None]),
        ([], None, []),
    ],
)
def test_weights_that_reached_the_loss_name_the_run(records, label, weights):
    seen = observe(LOAD, RUN, TRAINABLE, *records)
    losses = [item for item in seen if isinstance(item, LossWeights)]
    assert [item.run for item in seen if isinstance(item, Trainable)] == [label]
    assert [None if item.weights is None else tuple(round(w, 6) for w in item.weights) for item in losses] == weights


def test_a_timing_says_how_it_was_made():
    record = {
        "t": "latency", "exec": 3, "cell": 2, "model": 1, "passes": 10, "segments": 10, "before": 2,
        "sizes": {"1": 3, "32": 10}, "synchronised": 0, "read": 4, "gpu": True,
    }  # fmt: skip
    (item,) = observe(LOAD, record, kind=LatencyMeasured)
    assert (item.batch_size, item.warmup, item.repeats, item.synchronised, item.on_gpu) == (32, 2, 10, True, True)


def test_a_reloaded_configuration_is_not_the_students_choice():
    lora = {"t": "lora", "exec": 1, "cell": 0, "model": 1, "config": {"r": 16}, "reload": False}
    items = observe(
        LOAD, {**lora, "reload": True}, {**lora, "config": {"r": 8}}, {**lora, "config": [1]}, kind=LoraConfigured
    )
    assert [item.config for item in items] == [{"r": 8}]


def test_records_of_any_shape_are_survived():
    junk = [None, 1, "x", [], {}, {"a": 1}, -1, 2**70, 1.5, True, math.nan, [["a", 1, 2]], {"16": "n"}]
    rng = random.Random(1)
    kinds = [
        "load",
        "run",
        "trainable",
        "trained",
        "batches",
        "loss",
        "latency",
        "lora",
        "padding_effect",
        "save",
        "sampler",
    ]
    good = [LOAD, RUN, TRAINABLE, loss([1.0, 2.0]), batches("train", "left")]
    for _ in range(300):
        records = [dict(record) for record in good]
        for record in (*records, {"t": rng.choice(kinds), "model": 1, "run": 1}):
            record[rng.choice([*record, "names", "config", "sizes", "changed", "factors"])] = rng.choice(junk)
            records.append(record)
        observe(*records)


@pytest.mark.parametrize(
    ("cls", "names", "head"),
    [
        ("Qwen2ForSequenceClassification", NAMES[:1], False),
        ("Qwen2ForCausalLM", NAMES[:1], None),
        ("Qwen2ForCausalLM", [*NAMES[:1], ["base_model.model.lm_head.weight", [113, 32], False]], True),
    ],
)
def test_a_model_that_writes_text_has_no_head_unless_the_student_gave_it_one(cls, names, head):
    load, run = {**LOAD, "cls": cls}, {**RUN, "head_names": ["lm_head.weight" if "LM" in cls else "score.weight"]}
    (found,) = observe(load, run, {**TRAINABLE, "names": names}, kind=Trainable)
    assert found.head is head
