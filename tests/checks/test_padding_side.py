from __future__ import annotations

import pytest

from grader.checks.padding_side import Options, padding_side
from grader.model.observation import PaddingEffect, PaddingFed, PaddingSet
from tests.builders_notebooks import presentable
from tests.builders_observed import CODE, DRY, PRINTED, observed


def fed(phase, side, *, run=None):
    padded = 0 if side == "none" else 4
    return PaddingFed(**DRY, model="decoder", run=run, phase=phase, side=side, batches=4, padded=padded)


@pytest.mark.parametrize(
    ("batches", "verdict"),
    [
        ([("train", "left"), ("eval", "left"), ("latency", "left")], "passed"),
        ([("train", "none"), ("eval", "none")], "passed"),
        ([("train", "none"), ("eval", "left")], "passed"),
        ([("train", "left")], "passed"),
        ([("train", "right"), ("eval", "right")], "failed"),
        ([("train", "right")], "failed"),
        ([("train", "right"), ("eval", "right"), ("latency", "right")], "failed"),
        ([("train", "right"), ("eval", "right"), ("latency", "left")], "failed"),
        ([("train", "right"), ("latency", "left")], "partial"),
        ([("train", "right"), ("eval", "left")], "partial"),
        ([("train", "left"), ("eval", "right")], "partial"),
        ([("train", "left"), ("eval", "left"), ("latency", "right")], "partial"),
        ([("train", "both"), ("eval", "left")], "partial"),
        ([("train", "right"), ("train", "left"), ("eval", "right")], "partial"),
        ([("train", "none"), ("eval", "right")], "partial"),
        ([("eval", "right")], "partial"),
        ([("latency", "left")], "not_assessed"),
        ([], "not_assessed"),
    ],
)
def test_the_verdict_follows_what_the_decoder_was_fed(batches, verdict):
    answer = padding_side(observed(*(fed(*batch) for batch in batches)), Options())
    assert answer.verdict == verdict
    assert presentable(answer)


@pytest.mark.parametrize(
    ("effect", "caps"),
    [
        (None, False),
        (PaddingEffect(**DRY, model="decoder", relative_difference=3e-7), False),
        (PaddingEffect(**DRY, model="decoder", relative_difference=0.4), True),
        (PaddingEffect(**CODE, model="decoder", pools_by_position=True), True),
        (PaddingEffect(**CODE, model="encoder", pools_by_position=True), False),
    ],
)
def test_right_padding_caps_only_where_it_does_harm(effect, caps):
    items = [fed("train", "right"), fed("eval", "right"), *([effect] if effect else [])]
    answer = padding_side(observed(*items), Options())
    assert (answer.verdict, answer.caps) == ("failed", caps)


@pytest.mark.parametrize(
    ("batches", "told", "verdict"),
    [
        ([("eval", "right")], [PaddingSet(**CODE, model="decoder", side="right", explicit=True)], "failed"),
        ([("eval", "right"), ("latency", "right")], [PaddingSet(**CODE, model="decoder", side="right")], "failed"),
        ([("eval", "right")], [PaddingSet(**CODE, model="decoder", side="left", explicit=True)], "partial"),
        ([("eval", "both")], [PaddingSet(**CODE, model="decoder", side="left", explicit=True)], "partial"),
        ([("eval", "right")], [PaddingSet(**CODE, model="decoder", side="right", by_hand=True)], "partial"),
        ([("train", "none"), ("eval", "right")], [PaddingSet(**CODE, model="decoder", side="right")], "partial"),
    ],
)
def test_where_training_was_not_reached_the_code_must_agree_with_what_was_seen(batches, told, verdict):
    answer = padding_side(observed(*(fed(*batch) for batch in batches), *told), Options())
    assert answer.verdict == verdict
    assert "rightly padded ones elsewhere" not in answer.student_text
    assert presentable(answer)


def test_the_code_says_left_but_the_batches_are_right():
    told = PaddingSet(**CODE, model="decoder", side="left")
    assert padding_side(observed(told, fed("train", "right"), fed("eval", "right")), Options()).verdict == "failed"


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([PaddingSet(**CODE, model="decoder", side="left")], "passed"),
        ([PaddingSet(**CODE, model="decoder", side="right", fed=True)], "failed"),
        ([PaddingSet(**CODE, model="decoder", side="right")], "not_assessed"),
        (
            [
                PaddingSet(**CODE, model="decoder", side="left"),
                PaddingSet(**CODE, model="decoder", side="both", by_hand=True),
            ],
            "not_assessed",
        ),
        (
            [
                PaddingSet(**CODE, model="decoder", side="left"),
                PaddingSet(**CODE, model="decoder", side="right", explicit=False),
            ],
            "not_assessed",
        ),
        ([PaddingSet(**CODE, model="decoder", side="right", explicit=False)], "not_assessed"),
        (
            [PaddingSet(**CODE, model="decoder", side="right"), PaddingSet(**CODE, model="decoder", side="left")],
            "not_assessed",
        ),
        ([PaddingSet(**PRINTED, model="decoder", side="left")], "not_assessed"),
        ([PaddingSet(**CODE, model="encoder", side="right")], "not_assessed"),
        ([], "not_assessed"),
    ],
)
def test_without_a_run_only_clear_code_decides(items, verdict):
    answer = padding_side(observed(*items, ran=False), Options())
    assert answer.verdict == verdict
    assert verdict != "failed" or not answer.caps


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("tok = AutoTokenizer.from_pretrained(name)", "failed"),
        ("tok = AutoTokenizer.from_pretrained(name)\nsettings.padding_side = side", "not_assessed"),
        ("tok = AutoTokenizer.from_pretrained(name, padding='left')", "not_assessed"),
        ("ids = ids.flip(1)", "not_assessed"),
    ],
)
def test_a_side_that_no_code_speaks_of_is_the_tokenizer_s_default(code, verdict):
    unset = PaddingSet(**CODE, model="decoder", side="right", explicit=False, fed=True)
    notebook = {"cells": [{"cell_type": "code", "source": code, "outputs": []}]}
    answer = padding_side(observed(unset, ran=False, notebook=notebook), Options())
    assert (answer.verdict, answer.caps) == (verdict, verdict != "failed")
    assert presentable(answer)
