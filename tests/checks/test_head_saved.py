from __future__ import annotations

import pytest

from grader.checks.head_saved import Options, head_saved
from grader.model.evidence import SavedFile
from grader.model.observation import LoraConfigured, Saved, Trainable
from tests.builders_notebooks import presentable
from tests.builders_observed import CODE, DRY, FILE, PRINTED, observed

TRAINS = Trainable(**DRY, model="decoder", names=(("score.modules_to_save.default.weight", (113, 32)),), head=True)
FROZEN = Trainable(**DRY, model="decoder", names=(("x.lora_A.default.weight", (16, 32)),), head=False)
Q4 = ["q_proj", "k_proj", "v_proj", "o_proj"]


def file(head=True, trained=True, zero=False, path="adapters/decoder/adapter_model.safetensors", **more):
    return Saved(
        **FILE, model="decoder", path=path, format="adapter", head=head, head_trained=trained, adapter_zero=zero, **more
    )


def config(**more):
    return LoraConfigured(**CODE, model="decoder", config={"r": 16, "target_modules": Q4, **more})


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([TRAINS, file()], "passed"),
        ([TRAINS, file(trained=None)], "passed"),
        ([TRAINS, file(head=False, trained=None), file()], "passed"),
        ([TRAINS, file(path="out/checkpoint-4/adapter_model.safetensors")], "passed"),
        ([TRAINS, file(head=False, trained=None)], "failed"),
        ([TRAINS, file(head=False), file(path="out/checkpoint-4/adapter_model.safetensors")], "failed"),
        ([TRAINS, file(trained=False, zero=True)], "failed"),
        ([TRAINS, file(trained=None, zero=True)], "failed"),
        ([FROZEN, file(head=False, trained=None)], "failed"),
        ([FROZEN], "failed"),
        ([FROZEN, TRAINS, file()], "passed"),
        ([TRAINS], "partial"),
        ([TRAINS, file(needs_hand_work=True)], "partial"),
        ([TRAINS, file(needs_hand_work=True), file()], "passed"),
        ([], "not_assessed"),
    ],
)
def test_a_run_to_the_end(items, verdict):
    answer = head_saved(observed(*items), Options())
    assert answer.verdict == verdict
    assert presentable(answer)


def test_an_adapter_saved_before_a_training_that_was_never_reached_proves_nothing():
    assert head_saved(observed(file(trained=None, zero=True), broken=True), Options()).verdict == "not_assessed"


def test_an_untrained_file_of_a_run_that_broke_off_proves_nothing():
    assert (
        head_saved(observed(TRAINS, file(trained=False, zero=True), broken=True), Options()).verdict == "not_assessed"
    )


def test_a_frozen_head_is_seen_although_the_run_broke_off_later():
    assert head_saved(observed(FROZEN, broken=True), Options()).verdict == "failed"


def test_an_adapter_handed_in_that_never_trained_is_a_conflict_where_the_code_trains():
    path = "adapters/decoder/adapter_model.safetensors"
    handed = SavedFile(path="handed/adapter_model.safetensors", origin="handed_in")
    case = observed(TRAINS, file(path=path), file(trained=None, zero=True, path=handed.path), saved=(handed,))
    answer = head_saved(case, Options())
    assert (answer.verdict, [flag.kind for flag in answer.flags]) == ("passed", ["conflict"])


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([config(task_type="SEQ_CLS"), Saved(**CODE, model="decoder", path="x", format="adapter")], "passed"),
        ([config(modules_to_save=["score"]), Saved(**CODE, model="decoder", path="x", format="adapter")], "passed"),
        ([config(task_type="SEQ_CLS")], "not_assessed"),
        ([config()], "not_assessed"),
        ([config(), Trainable(**PRINTED, model="decoder", count=2_162_688)], "failed"),
        ([config(), Trainable(**PRINTED, model="decoder", count=2_263_936)], "not_assessed"),
    ],
)
def test_without_a_run_code_and_printed_count_must_agree(items, verdict):
    assert head_saved(observed(*items, ran=False), Options()).verdict == verdict


@pytest.mark.parametrize(
    ("left", "verdict"),
    [
        (("out/decoder_head.pt",), "partial"),
        (("runs/decoder/training_args.bin", "runs/checkpoint-4/optimizer.pt", "data/test.parquet"), "failed"),
    ],
)
def test_a_pickle_of_the_students_own_may_hold_the_head(left, verdict):
    case = observed(TRAINS, file(head=False, trained=None))
    case = case.model_copy(update={"evidence": case.evidence.model_copy(update={"left": left})})
    assert head_saved(case, Options()).verdict == verdict
