from __future__ import annotations

import pytest

from grader.checks.mixed_precision import Options, mixed_precision
from grader.model.observation import Environment, Loaded, Precision
from tests.builders_notebooks import presentable
from tests.builders_observed import DRY, PRINTED, observed


def run(**how):
    return Precision(**DRY, model="decoder", **how)


def loaded(dtype, given=True):
    return Loaded(**DRY, model="decoder", checkpoint="Qwen/Qwen2.5-0.5B", dtype=dtype, dtype_given=given)


L4 = Environment(**PRINTED, gpu="NVIDIA L4")
OLD = Environment(**PRINTED, transformers="4.50.0")
NEW = Environment(**PRINTED, transformers="5.1.0")


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([run(fp16=True), loaded("float32")], "passed"),
        ([run(fp16=True), loaded("bfloat16")], "passed"),
        ([run(autocast="float16", scaler=True)], "passed"),
        ([run(autocast="float16")], "partial"),
        ([run(), loaded("float32")], "passed"),
        ([run(bf16=True), loaded("float32")], "failed"),
        ([run(bf16=True), loaded("float32"), L4], "partial"),
        ([run(autocast="bfloat16"), L4], "partial"),
        ([run(autocast="bfloat16")], "failed"),
        ([run(), loaded("bfloat16")], "failed"),
        ([run(), loaded("bfloat16", given=False)], "not_assessed"),
        ([run(), loaded("bfloat16", given=False), OLD], "passed"),
        ([run(), loaded("bfloat16", given=False), NEW], "failed"),
        ([run(fp16=True), run(bf16=True)], "failed"),
        ([], "not_assessed"),
    ],
)
def test_the_verdict_follows_how_training_was_asked_to_compute(items, verdict):
    answer = mixed_precision(observed(*items), Options())
    assert answer.verdict == verdict
    assert presentable(answer)
