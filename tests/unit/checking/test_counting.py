from __future__ import annotations

import pytest

from grader.checking.counting import count_config, count_names, explain
from tests.builders_notebooks import week3

Q4 = ["q_proj", "k_proj", "v_proj", "o_proj"]
ENCODER = ["Wqkv", "Wo", "Wi"]
SEQ = {"task_type": "SEQ_CLS"}


@pytest.mark.parametrize(
    ("role", "config", "counted"),
    [
        ("encoder", {"r": 16, "target_modules": ENCODER, **SEQ}, (3_466_097, 153_157_858, 2.2631, 2.3155, True)),
        ("encoder", {"r": 16, "target_modules": "all-linear", **SEQ}, (3_490_673, 153_182_434, 2.2788, 2.3319, True)),
        ("encoder", {"r": 16, "target_modules": ENCODER}, (3_379_200, 153_070_961, 2.2076, 2.2574, False)),
        ("encoder", {"r": 16, "target_modules": ["Wqkv", "Wo"], **SEQ}, (2_384_753, 152_076_514, 1.5681, 1.5931, True)),
        ("encoder", {"r": 16, "target_modules": ["Wqkv"], **SEQ}, (1_168_241, 150_860_002, 0.7744, 0.7804, True)),
        ("encoder", {"r": 8, "target_modules": ENCODER, **SEQ}, (1_776_497, 151_468_258, 1.1729, 1.1868, True)),
        ("decoder", {"r": 16, "target_modules": Q4, **SEQ}, (2_263_936, 496_397_952, 0.4561, 0.4582, True)),
        (
            "decoder",
            {"r": 16, "target_modules": Q4, "modules_to_save": ["score"]},
            (2_263_936, 496_397_952, 0.4561, 0.4582, True),
        ),
        ("decoder", {"r": 16, "target_modules": Q4}, (2_162_688, 496_296_704, 0.4358, 0.4377, False)),
        ("decoder", {"r": 16, **SEQ}, (1_182_592, 495_316_608, 0.2388, 0.2393, True)),
        ("decoder", {"r": 8, "target_modules": Q4, **SEQ}, (1_182_592, 495_316_608, 0.2388, 0.2393, True)),
        ("decoder", {"r": 16, "target_modules": "all-linear", **SEQ}, (8_899_456, 503_033_472, 1.7692, 1.8010, True)),
        ("decoder", {"r": 4, "target_modules": Q4, **SEQ}, (641_920, 494_775_936, 0.1297, 0.1299, True)),
        ("decoder", {"r": 32, "target_modules": Q4, **SEQ}, (4_426_624, 498_560_640, 0.8879, 0.8958, True)),
        ("decoder", {"r": 64, "target_modules": Q4, **SEQ}, (8_752_000, 502_886_016, 1.7404, 1.7712, True)),
        (
            "decoder",
            {"r": 16, "target_modules": Q4, "use_dora": True, **SEQ},
            (2_313_088, 496_447_104, 0.4659, 0.4681, True),
        ),
        (
            "decoder",
            {"r": 16, "target_modules": Q4, "bias": "all", **SEQ},
            (2_291_584, 496_397_952, 0.4616, 0.4638, True),
        ),
        (
            "decoder",
            {"r": 32, "target_modules": ["q_proj", "v_proj"], **SEQ},
            (2_263_936, 496_397_952, 0.4561, 0.4582, True),
        ),
    ],
)
def test_every_measured_count_is_met(role, config, counted):
    count = count_config(week3().models[role], config)
    assert count is not None
    share = round(100 * count.trainable / count.base, 4)
    assert (count.trainable, count.total, round(count.percent, 4), share, count.head) == counted


@pytest.mark.parametrize(
    "given",
    [
        Q4,
        tuple(Q4),
        r".*\.(q|k|v|o)_proj",
        r"model\.layers\.\d+\.self_attn\.(q|k|v|o)_proj",
        [f"self_attn.{name}" for name in Q4],
        [*Q4, "not_there"],
    ],
)
def test_targets_match_by_pefts_rules(given):
    count = count_config(week3().models["decoder"], {"r": 16, "target_modules": given, **SEQ})
    assert count is not None
    assert count.trainable == 2_263_936


@pytest.mark.parametrize(
    ("config", "trainable"),
    [
        ({"r": 16, "target_modules": Q4, "layers_to_transform": [0, 1], **SEQ}, 101_248 + 2 * 90_112),
        (
            {"r": 16, "target_modules": "all-linear", "exclude_modules": ["down_proj", "up_proj", "gate_proj"], **SEQ},
            2_263_936,
        ),
        ({"r": 16, "target_modules": Q4, "rank_pattern": {"q_proj": 8}, **SEQ}, 2_263_936 - 24 * 8 * (896 + 896)),
        ({"target_modules": Q4, **SEQ}, 1_182_592),
    ],
)
def test_finer_rules_count_too(config, trainable):
    count = count_config(week3().models["decoder"], config)
    assert count is not None
    assert count.trainable == trainable


@pytest.mark.parametrize(
    "config",
    [{}, {"r": "many", "target_modules": Q4}, {"target_modules": "(", "r": 4}, {"r": 4, "target_modules": ["nothing"]}],
)
def test_what_peft_would_refuse_or_we_do_not_understand_is_not_counted(config):
    facts = week3().models["decoder"].model_copy(update={"architectures": ("Unknown",)})
    assert count_config(facts, config) is None


def test_names_of_a_stand_in_count_at_true_size():
    names = [("base_model.model.score.modules_to_save.default.weight", (113, 32))]
    for layer in range(24):
        for module in Q4:
            stem = f"base_model.model.model.layers.{layer}.self_attn.{module}"
            names += [(f"{stem}.lora_A.default.weight", (16, 32)), (f"{stem}.lora_B.default.weight", (32, 16))]
    count = count_names(week3().models["decoder"], names)
    assert count is not None
    assert (count.trainable, count.total, count.rank, count.targets, count.head) == (
        2_263_936,
        496_397_952,
        16,
        ("k_proj", "o_proj", "q_proj", "v_proj"),
        True,
    )


def test_names_of_another_model_are_not_counted():
    assert (
        count_names(week3().models["decoder"], [("transformer.h.0.attn.c_attn.lora_A.default.weight", (8, 32))]) is None
    )


@pytest.mark.parametrize(
    ("role", "count", "said"),
    [
        ("decoder", 1_182_592, {"r=8 on q,k,v,o", "r=16 on q,v", "r=16 on q,k"}),
        ("decoder", 2_263_936, {"r=16 on q,k,v,o", "r=32 on q,v"}),
        ("decoder", 2_162_688, {"r=16 on q,k,v,o with the head frozen"}),
        ("decoder", 8_899_456, {"r=16 on q,k,v,o,gate,up,down"}),
        ("encoder", 3_466_097, {"r=16 on Wqkv,Wo,Wi"}),
        ("encoder", 3_379_200, {"r=16 on Wqkv,Wo,Wi with the head frozen"}),
        ("decoder", 12_345, set()),
    ],
)
def test_a_count_is_traced_to_the_configurations_that_give_it(role, count, said):
    found = {item.words() for item in explain(week3().models[role], count)}
    assert said <= found
    assert bool(said) == bool(found)
