"""Configurations, metrics, ranges and timing of reference runs."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from reference.errors import RunError
from reference.training import config, evaluation, recording, report, tables

EXPECTED = Path(recording.__file__).parents[1] / "expected"


@pytest.mark.parametrize("name", config.names())
def test_every_configuration_loads_at_the_scales_it_names(name):
    import yaml

    content = yaml.safe_load((config.CONFIGS / f"{name}.yaml").read_text())
    for scale in content["scales"]:
        assert config.load(name, scale).name == name


def test_the_three_main_runs_are_what_the_course_asks():
    encoder, decoder, weighted = (config.load(name, "full") for name in recording.ROLES)
    assert (encoder.lora.r, encoder.lora.alpha, encoder.lora.targets) == (16, 32, ("Wqkv", "Wo", "Wi"))
    assert (decoder.lora.r, decoder.lora.targets) == (16, ("q_proj", "k_proj", "v_proj", "o_proj"))
    assert (decoder.lora.head, decoder.padding_side, decoder.class_weights) == ("score", "left", "none")
    assert weighted == decoder.model_copy(
        update={"name": weighted.name, "about": weighted.about, "class_weights": "sqrt_inverse"}
    )


@pytest.mark.parametrize(
    "content, says",
    [
        ("about: x\nmodel: m\nlearning_rte: 1\nscales: {standin: }", "learning_rte"),
        (
            "about: x\nmodel: m\nlora: {r: 4, alpha: 8, targets: [a], head: h, rank: 3}\nscales: {standin: {learning_rate: 1}}",
            "rank",
        ),
        ("about: x\nmodel: m\nscales: {full: }", "can't run at scale standin"),
        ("about: [", "not valid YAML"),
        ("- a", "keys and values"),
        ("about: x\nmodel: m\nscales: {standin: {learning_rate: -1}}", "learning_rate"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_file(tmp_path, content, says):
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(RunError, match=says) as refused:
        config.load("mine", "standin", folder=tmp_path)
    assert "mine.yaml" in str(refused.value)


def test_an_unknown_run_names_those_there_are():
    with pytest.raises(RunError, match="decoder-weighted"):
        config.load("decodr", "standin")


def test_metrics_by_hand():
    truth, predicted = [0, 0, 1, 2, 2], [0, 0, 0, 2, 1]
    found = evaluation.measure(truth, predicted, counts=[600, 30, 5, 4])
    assert found["accuracy"] == 0.6
    assert found["per_class_f1"] == [0.8, 0.0, 0.666667, 0.0]
    assert found["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 4, abs=1e-6)
    assert found["zero_f1_classes"] == 2
    assert found["tiers"] == {
        "rare": {"from": 0, "to": 27, "classes": 2, "macro_f1": 0.333333, "zero_f1_classes": 1},
        "medium": {"from": 28, "to": 499, "classes": 1, "macro_f1": 0.0, "zero_f1_classes": 1},
        "common": {"from": 500, "to": None, "classes": 1, "macro_f1": 0.8, "zero_f1_classes": 0},
    }


def test_an_empty_tier_has_no_figure():
    assert evaluation.measure([0], [0], counts=[3])["tiers"]["common"]["macro_f1"] is None


def test_weights_go_with_one_over_the_root_of_the_count():
    weights = evaluation.sqrt_inverse([4, 100, 2500])
    assert [weight * root for weight, root in zip(weights, (2, 10, 50), strict=True)] == pytest.approx(
        [weights[0] * 2] * 3
    )
    assert sum(weights) == pytest.approx(3)


def test_an_interval_is_students_t_for_one_further_run():
    found = recording.interval([0.50, 0.52, 0.54, 0.56, 0.58], least=0, most=1)
    reach = 4.6041 * 0.0316228 * (1 + 1 / 5) ** 0.5
    assert found == {
        "low": pytest.approx(0.54 - reach, abs=1e-4),
        "high": pytest.approx(0.54 + reach, abs=1e-4),
        "mean": 0.54,
        "n": 5,
    }


def test_an_interval_stays_within_what_is_possible_and_counts_round_outwards():
    assert recording.interval([0.98, 0.99, 1.0], least=0, most=1)["high"] == 1
    found = recording.interval([40, 41, 42, 43, 44], least=0, most=113, whole=True)
    assert (found["low"], found["high"]) == (34, 50)


def test_one_run_gives_no_interval():
    assert recording.interval([0.5], least=0, most=1) == {"low": None, "high": None, "mean": 0.5, "n": 1}


def run_of(name: str, seed: int, accuracy: float, *, fault: dict | None = None) -> dict:
    quality = {
        "accuracy": accuracy,
        "macro_f1": accuracy / 2,
        "zero_f1_classes": 10,
        "per_class_f1": [0.1] * 113,
        "tiers": {"rare": {"classes": 90, "macro_f1": 0.1}, "common": {"classes": 0, "macro_f1": None}},
    }
    return {
        "seed": seed,
        "config": {"name": name, "fault": fault},
        "quality": quality,
        "versions": {},
        "device": "cpu",
        "commit": None,
        "checkpoint": "rev",
        "log": [{"step": 25, "loss": "3.5"}, {"step": 50, "loss": "2.0"}, {"eval_loss": 9}],
        "data": {"sha256": "0"},
        "parameters": {"trainable": 1, "all": 2},
        "training_seconds": 2.0,
        "latency": {"unmerged": {"ms_per_example": 1.0 if name == "encoder" else 2.0}},
    }


def runs(*accuracies: float) -> dict[str, list[dict]]:
    return {
        name: [run_of(name, seed, value) for seed, value in enumerate(accuracies, start=1)] for name in recording.ROLES
    }


def test_recorded_ranges_have_the_form_that_the_grader_reads():
    content = recording.expected(runs(0.5, 0.52, 0.51), "standin", made_by="a test")
    assert list(content["metrics"]) == ["encoder", "decoder", "decoder_weighted"]
    assert content["metrics"]["encoder"]["zero_f1_classes"] == {"low": 10, "high": 10, "mean": 10, "n": 3}
    assert content["latency"]["ratio"] == {"low": 2, "high": 2, "mean": 2, "n": 3}
    assert content["recorded"]["seeds"] == {role: [1, 2, 3] for role in content["metrics"]}
    assert content["recorded"]["checkpoints"]["decoder"] == "rev"
    assert content["training"]["decoder"]["early_loss"]["mean"] == 3.5
    assert list(content["tiers"]["encoder"]) == ["rare"]
    json.dumps(content)


def test_verification_wants_every_fault_outside_and_fresh_runs_inside():
    ranges = recording.expected(runs(0.5, 0.52, 0.51), "standin", made_by="a test")
    fault = {"role": "decoder", "leaves": "accuracy"}
    fresh = runs(0.51)
    shown = fresh | {"fault-x": [run_of("fault-x", 9, 0.1, fault=fault)]}
    hidden = fresh | {"fault-x": [run_of("fault-x", 9, 0.51, fault=fault)]}
    assert [report.verification(results, ranges)[1] for results in (shown, hidden, runs(0.9))] == [True, False, False]


def test_the_courses_own_figures_are_kept_apart_from_measured_ones():
    content = json.loads((EXPECTED / "t4.json").read_text())
    assert "not measured here" in content["provenance"]
    baselines = {
        name: {metric: found["mean"] for metric, found in content["metrics"][name].items()}
        for name in ("encoder_full", "encoder_full_weighted")
    }
    assert baselines == {
        "encoder_full": {"accuracy": 0.566, "macro_f1": 0.209, "zero_f1_classes": 46},
        "encoder_full_weighted": {"accuracy": 0.52, "macro_f1": 0.24, "zero_f1_classes": 37},
    }
    assert set(content["metrics"]["encoder"].values()) == {None}
    assert {name: found["mean"] for name, found in content["latency"].items() if name != "batch"} == {
        "encoder_ms_per_example": 10,
        "decoder_ms_per_example": 27,
        "ratio": 2.8,
    }


def folder_with(tmp_path: Path, labels: list[int]) -> Path:
    (tmp_path / "labels.json").write_text('["a", "b"]')
    for part in tables.PARTS:
        pd.DataFrame({"text": ["x"] * len(labels), "label": labels}).to_parquet(tmp_path / f"{part}.parquet")
    return tmp_path


def test_tables_are_read_and_named_by_a_hash(tmp_path):
    found = tables.load(folder_with(tmp_path, [0, 1, 1]))
    assert (found.counts, found.labels) == ([1, 2], ["a", "b"])
    assert tables.load(folder_with(tmp_path, [0, 1, 0])).digest != found.digest


@pytest.mark.parametrize("labels", [[0, 2], [-1], []])
def test_labels_outside_of_the_list_and_empty_tables_are_refused(tmp_path, labels):
    with pytest.raises(RunError, match="between 0 and 1"):
        tables.load(folder_with(tmp_path, labels))


def test_a_folder_without_tables_says_how_to_make_them(tmp_path):
    with pytest.raises(RunError, match="reference stage"):
        tables.load(tmp_path)


@pytest.mark.torch
def test_timing_warms_up_repeats_and_times_the_merged_adapter_too():
    import torch

    from reference.training import latency

    class Counting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return x * self.weight

        def merge_and_unload(self):
            return self

    model = Counting()
    found = latency.time_batches(model, [{"x": torch.ones(2)}] * 4, latency.Method(batches=4, warmup=2, repeats=3))
    assert model.calls == 2 + 3 * 4
    assert set(found) == {"batch", "repeats", "device", "unmerged", "merged"}
    assert found["unmerged"]["examples_per_second"] > 0


def test_the_recorded_ranges_belong_to_the_stage_that_is_committed():
    stage = EXPECTED.parents[1] / "assignments" / "week3" / "stage"
    recorded = json.loads((EXPECTED / "standin.json").read_text())["recorded"]
    assert recorded["data"]["sha256"] == tables.load(stage / "data").digest
    heads = {path.parents[1].name: path.read_text() for path in stage.glob("hub/*/refs/main")}
    for role, run in recorded["configs"].items():
        assert recorded["checkpoints"][role] == heads[f"models--{run['model'].replace('/', '--')}"]
        now = config.load(run["name"], "standin").model_dump(mode="json")
        assert run == now
    assert all(len(seeds) >= 5 for seeds in recorded["seeds"].values())


def test_weights_lift_the_decoder_above_itself_and_the_decoder_stands_above_the_encoder():
    metrics = json.loads((EXPECTED / "standin.json").read_text())["metrics"]
    encoder, decoder, weighted = (metrics[role]["macro_f1"]["mean"] for role in metrics)
    assert encoder < decoder < weighted
    assert metrics["decoder"]["zero_f1_classes"]["mean"] > metrics["decoder_weighted"]["zero_f1_classes"]["mean"] > 10
