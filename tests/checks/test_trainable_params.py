from __future__ import annotations

import pytest

from grader.checks.trainable_params import Options, trainable_params
from grader.model.observation import LoraConfigured, Trainable, Trained
from tests.builders_notebooks import presentable, week3
from tests.builders_observed import CODE, DRY, PRINTED, observed

Q4 = ("q_proj", "k_proj", "v_proj", "o_proj")
ENCODER = ("Wqkv", "Wo", "Wi")
HEADS = {"encoder": ["classifier.weight", "classifier.bias"], "decoder": ["score.weight"]}


def names(role, targets, *, rank=16, head=True, layers=None, prefix="base_model.model."):
    """What PEFT's model would train, with shapes of a stand-in of width 32."""
    facts = week3().models[role]
    found = []
    for module in facts.linear:
        if module.rpartition(".")[2] in targets and (layers is None or f".{layers}." not in module):
            found.append((f"{prefix}{module}.lora_A.default.weight", (rank, 32)))
            found.append((f"{prefix}{module}.lora_B.default.weight", (32, rank)))
    if head:
        for name in HEADS[role]:
            module, _, kind = name.rpartition(".")
            shape = (113, 32) if kind == "weight" else (113,)
            found.append((f"{prefix}{module}.modules_to_save.default.{kind}", shape))
    return tuple(found)


def trains(role, targets, *, rank=16, head=True, extra=(), **more):
    return Trainable(**DRY, model=role, names=(*names(role, targets, rank=rank, head=head, **more), *extra), head=head)


def configured(role, **config):
    return LoraConfigured(**CODE, model=role, config=config)


@pytest.mark.parametrize(
    ("role", "item", "verdict"),
    [
        ("decoder", trains("decoder", Q4), "passed"),
        ("encoder", trains("encoder", ENCODER), "passed"),
        ("encoder", trains("encoder", (*ENCODER, "dense")), "passed"),
        ("decoder", trains("decoder", ("q_proj", "v_proj")), "partial"),
        ("decoder", trains("decoder", ("q_proj", "v_proj"), rank=32), "partial"),
        ("decoder", trains("decoder", Q4, rank=8), "partial"),
        ("decoder", trains("decoder", Q4, layers=0), "partial"),
        ("encoder", trains("encoder", ("Wqkv",)), "partial"),
        ("encoder", trains("encoder", ("Wqkv", "Wo")), "partial"),
        ("decoder", trains("decoder", (*Q4, "gate_proj", "up_proj", "down_proj")), "partial"),
        ("decoder", trains("decoder", Q4, head=False), "failed"),
        ("encoder", trains("encoder", ENCODER, head=False), "failed"),
        ("decoder", Trainable(**DRY, model="decoder", names=(), head=False), "failed"),
    ],
)
def test_what_trains_is_held_against_the_course_configuration(role, item, verdict):
    answer = trainable_params(observed(item, model=role), Options())
    assert answer.verdict == verdict
    assert presentable(answer)


def test_counts_are_at_true_size():
    answer = trainable_params(observed(trains("decoder", Q4)), Options())
    assert answer.values == {"trainable": 2_263_936, "total": 496_397_952, "percent": 0.4561, "rank": 16}


def test_a_miss_is_explained_by_the_configurations_that_give_its_count():
    text = trainable_params(observed(trains("decoder", ("q_proj", "v_proj"))), Options()).student_text
    assert "1,182,592 is also what r=8 on q,k,v,o" in text
    assert "your code says r=16 on q,v" in text


@pytest.mark.parametrize(("claimed", "verdict"), [(True, "failed"), (False, "partial")])
def test_full_fine_tuning_fails_only_where_lora_is_claimed(claimed, verdict):
    facts = week3().models["decoder"]
    everything = Trainable(
        **DRY, model="decoder", names=tuple((name, (32, 32)) for name in facts.parameters), head=True
    )
    items = [everything, *([configured("decoder", r=16)] if claimed else [])]
    assert trainable_params(observed(*items), Options()).verdict == verdict


def test_an_optimizer_that_changes_nothing_is_nothing_training():
    idle = Trained(**DRY, model="decoder", steps=4, head=False, adapter=False, base=None)
    assert trainable_params(observed(trains("decoder", Q4), idle), Options()).verdict == "failed"


def test_a_class_of_ones_own_with_a_bias_in_its_head_counts_as_the_same():
    own = [
        *names("decoder", Q4, head=False, prefix="backbone.base_model."),
        ("head.weight", (113, 32)),
        ("head.bias", (113,)),
    ]
    item = Trainable(**DRY, model="decoder", names=tuple(own), head=True)
    assert trainable_params(observed(item), Options()).verdict == "passed"


UNKNOWN_RANK = configured(
    "decoder", target_modules=list(Q4), task_type="SEQ_CLS", lora_alpha=32, unresolved=["lora_alpha", "r"]
)
"""The rank comes out of a search; the printed count tells it."""


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([configured("decoder", r=16, target_modules=list(Q4), task_type="SEQ_CLS")], "passed"),
        ([configured("decoder", r=16, target_modules=list(Q4), task_type="TaskType.SEQ_CLS")], "passed"),
        ([configured("decoder", r=16, target_modules=r".*\.(q|k|v|o)_proj", modules_to_save=["score"])], "passed"),
        ([configured("decoder", r=16, target_modules=list(Q4), task_type="SEQ_CLS", use_dora=True)], "partial"),
        ([configured("decoder", r=16, task_type="SEQ_CLS")], "partial"),
        ([configured("decoder", r=16, target_modules=list(Q4))], "not_assessed"),
        (
            [
                configured("decoder", r=16, target_modules=list(Q4)),
                Trainable(**PRINTED, model="decoder", count=2_162_688),
            ],
            "failed",
        ),
        (
            [
                configured("decoder", r=16, target_modules=list(Q4), task_type="SEQ_CLS"),
                Trainable(**PRINTED, model="decoder", count=1_182_592),
            ],
            "not_assessed",
        ),
        ([configured("decoder", r=16, target_modules=list(Q4), modules_to_save=["score", "embed_tokens"])], "partial"),
        ([Trainable(**PRINTED, model="decoder", count=2_263_936)], "not_assessed"),
        ([UNKNOWN_RANK, Trainable(**PRINTED, model="decoder", count=2_263_936)], "passed"),
        ([UNKNOWN_RANK, Trainable(**PRINTED, model="decoder", count=4_426_624)], "partial"),
        ([UNKNOWN_RANK, Trainable(**PRINTED, model="decoder", count=4_426_625)], "not_assessed"),
        ([UNKNOWN_RANK], "not_assessed"),
        ([], "not_assessed"),
    ],
)
def test_without_a_run_configuration_and_printed_count_decide(items, verdict):
    answer = trainable_params(observed(*items, ran=False), Options())
    assert answer.verdict == verdict
    assert presentable(answer)


def test_a_printed_count_that_the_code_cannot_give_is_a_conflict_and_no_fail():
    printed = Trainable(**PRINTED, model="decoder", count=8_899_456)
    answer = trainable_params(observed(trains("decoder", Q4), printed), Options())
    assert (answer.verdict, [flag.kind for flag in answer.flags]) == ("passed", ["conflict"])


def test_a_model_that_writes_text_has_no_head_to_be_frozen():
    config = configured("decoder", r=16, target_modules=list(Q4), task_type="CAUSAL_LM")
    printed = Trainable(**PRINTED, model="decoder", count=2_162_688)
    assert trainable_params(observed(config, printed, model="decoder", ran=False), Options()).verdict == "not_assessed"


def everything(role="encoder", *, without=()):
    facts = week3().models[role]
    kept = [name for name in facts.parameters if not any(part in name for part in without)]
    return Trainable(
        **DRY, model=role, names=tuple((name, (32, 32)) for name in kept), head="classifier" not in without
    )


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([everything()], "passed"),
        ([everything(without=("classifier",))], "failed"),
        ([everything(without=("layers.",))], "partial"),  # only embeddings and head
        ([trains("encoder", ENCODER)], "partial"),
        ([trains("encoder", ENCODER, head=False)], "failed"),
        ([Trainable(**DRY, model="encoder", names=(), head=False)], "failed"),
        ([everything(), Trained(**DRY, model="encoder", steps=9, head=False, adapter=False, base=False)], "failed"),
        ([], "not_assessed"),
    ],
)
def test_full_training_may_be_what_is_asked_for(items, verdict):
    answer = trainable_params(observed(*items, model="encoder"), Options(train="full"))
    assert answer.verdict == verdict
    assert presentable(answer)


def test_a_printed_count_that_the_code_does_not_give_is_explained_by_what_does():
    config = configured("decoder", r=16, target_modules=list(Q4), task_type="SEQ_CLS")
    printed = Trainable(**PRINTED, model="decoder", count=1_182_592)
    answer = trainable_params(observed(config, printed, model="decoder", ran=False), Options())
    assert answer.verdict == "not_assessed"
    assert "1,182,592 is what r=8 on q,k,v,o, and r=16 on q,v, and r=16 on q,k gives" in answer.student_text
    assert "your code says r=16 on q,k,v,o" in answer.student_text


def test_a_frozen_head_is_told_with_the_line_to_change():
    frozen = Trainable(**DRY, model="decoder", names=names("decoder", Q4, head=False), head=False)
    config = configured("decoder", r=16, target_modules=list(Q4))
    answer = trainable_params(observed(config, frozen, model="decoder"), Options())
    assert answer.verdict == "failed"
    assert "Your line is `code`." in answer.student_text


def test_a_run_that_trains_a_model_to_write_text_goes_to_a_person():
    writes = Trainable(**DRY, model="decoder", names=names("decoder", Q4, head=False), head=None)
    answer = trainable_params(observed(writes, model="decoder"), Options())
    assert answer.verdict == "not_assessed"
    assert presentable(answer)
