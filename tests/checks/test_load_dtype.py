from __future__ import annotations

import pytest

from grader.checks.load_dtype import Options, load_dtype
from grader.model.observation import Cast, Environment, Loaded
from tests.builders_notebooks import presentable
from tests.builders_observed import CODE, DRY, PRINTED, observed

NAME = "Qwen/Qwen2.5-0.5B"


def loaded(dtype, *, given=True, run=None, where=DRY, **more):
    return Loaded(**where, model="decoder", run=run, checkpoint=NAME, dtype=dtype, dtype_given=given, **more)


def environment(**known):
    return Environment(**PRINTED, **known)


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([loaded("float32")], "passed"),
        ([loaded("bfloat16")], "failed"),
        ([loaded("float16")], "failed"),
        ([loaded("bfloat16"), environment(gpu="Tesla T4")], "failed"),
        ([loaded("bfloat16"), environment(gpu="NVIDIA L4")], "partial"),
        ([loaded("bfloat16"), environment(gpu="NVIDIA A100-SXM4-40GB")], "partial"),
        ([loaded("bfloat16"), environment(gpu="NVIDIA GeForce RTX 4090")], "partial"),
        ([loaded("bfloat16"), environment(gpu="NVIDIA GeForce RTX 2080 Ti")], "failed"),
        ([loaded("bfloat16"), environment(gpu="cpu")], "failed"),
        ([loaded("bfloat16", given=False)], "not_assessed"),
        ([loaded("bfloat16", given=False), environment(transformers="4.51.3")], "passed"),
        ([loaded("bfloat16", given=False), environment(transformers="5.0.0")], "failed"),
        ([loaded("bfloat16", given=False), loaded("float32", where=PRINTED)], "passed"),
        ([loaded("bfloat16", given=False), loaded("bfloat16", where=PRINTED)], "failed"),
        ([loaded("bfloat16", given=False), Cast(**DRY, model="decoder", dtype="float32")], "passed"),
        ([loaded("float32"), Cast(**DRY, model="decoder", dtype="float16")], "failed"),
        ([loaded("float32", run="plain"), loaded("bfloat16", run="weighted")], "partial"),
        ([loaded("bfloat16", run="plain"), loaded("bfloat16", run="weighted")], "failed"),
        ([loaded("bfloat16", trained=False), loaded("float32", trained=False)], "not_assessed"),
        ([loaded("bfloat16", trained=False), loaded("bfloat16", trained=False)], "not_assessed"),
        ([loaded("bfloat16", trained=False), loaded("bfloat16", where=CODE, trained=False)], "not_assessed"),
        ([loaded("bfloat16", trained=False), loaded("bfloat16", where=CODE, trained=True)], "failed"),
        (
            [
                loaded("bfloat16", given=False, trained=False),
                loaded(None, given=False, where=CODE, trained=True),
                environment(transformers="5.0.0"),
            ],
            "failed",
        ),
        ([loaded("float32", trained=False)], "passed"),
        (
            [
                loaded("bfloat16", given=False, trained=False),
                loaded(None, given=False, where=CODE, trained=True, cast="float32"),
                environment(gpu="Tesla T4", transformers="5.2.0"),
            ],
            "passed",
        ),
        (
            [
                loaded("bfloat16", trained=False),
                loaded("float32", trained=False),
                loaded("float32", where=CODE, trained=True),
            ],
            "passed",
        ),
        ([loaded("bfloat16", quantized=True)], "partial"),
        ([loaded("float32", where=CODE)], "passed"),
        ([loaded("bfloat16", where=CODE)], "failed"),
        ([loaded(None, given=False, where=CODE)], "not_assessed"),
        ([loaded("bfloat16", where=CODE, trained=False)], "not_assessed"),
        ([loaded("bfloat16", where=CODE, trained=False), environment(transformers="5.0.0")], "not_assessed"),
        ([loaded("bfloat16", where=CODE, trained=False), loaded("float32", where=CODE, trained=True)], "passed"),
        ([loaded("bfloat16", where=CODE, trained=True)], "failed"),
        ([loaded("bfloat16", where=CODE, trained=True), environment(gpu="NVIDIA L4")], "partial"),
        ([loaded(None, given=False, where=CODE, trained=True, cast="float32")], "passed"),
        ([loaded("float32", where=CODE, trained=True, cast="float16")], "failed"),
        ([loaded("bfloat16", where=PRINTED), loaded("float32", where=CODE, trained=True)], "passed"),
        ([loaded("bfloat16", where=PRINTED)], "not_assessed"),
        (
            [
                loaded("bfloat16", where=PRINTED),
                loaded("bfloat16", where=CODE, trained=False),
                loaded(None, given=False, where=CODE, trained=True),
            ],
            "not_assessed",
        ),
        ([loaded(None, given=True, where=CODE)], "not_assessed"),
        ([loaded(None, given=False, where=CODE), environment(transformers="4.48")], "passed"),
        ([], "not_assessed"),
    ],
)
def test_what_counts_is_the_type_when_training_begins(items, verdict):
    answer = load_dtype(observed(*items), Options())
    assert answer.verdict == verdict
    assert presentable(answer)


OLD = {"t": "compat", "name": "TrainingArguments(evaluation_strategy=)", "how": "now eval_strategy", "cell": 0}


@pytest.mark.parametrize(
    ("cell", "verdict"),
    [
        ({"cell_type": "code", "source": "", "execution_count": 3, "outputs": []}, "passed"),
        ({"cell_type": "code", "source": "", "execution_count": None, "outputs": []}, "not_assessed"),
        (
            {"cell_type": "code", "source": "", "execution_count": 3, "outputs": [{"output_type": "error"}]},
            "not_assessed",
        ),
    ],
)
def test_a_spelling_that_transformers_5_refuses_shows_the_version_if_it_ran(cell, verdict):
    case = observed(loaded("bfloat16", given=False), trace=(OLD,), notebook={"cells": [cell]})
    assert load_dtype(case, Options()).verdict == verdict


def test_code_and_saved_output_that_contradict_each_other_are_flagged_and_not_failed():
    answer = load_dtype(observed(loaded("float32"), loaded("bfloat16", where=PRINTED)), Options())
    assert (answer.verdict, [flag.kind for flag in answer.flags]) == ("passed", ["conflict"])
