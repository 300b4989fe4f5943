"""What goes into the fresh box, what its answers mean, and that claims of a student's process can't break either."""

from __future__ import annotations

import json

import pytest

from grader.execution.nouns import Run, Stage
from grader.execution.reloading import FILE, reload_job, reloaded

STAGE = Stage(inside_config={"models": {"decoder": "Qwen/Qwen2.5-0.5B"}})
CONFIG = {
    "peft_type": "LORA",
    "r": 16,
    "task_type": "SEQ_CLS",
    "auto_mapping": {"parent_library": "os"},
    "corda_config": {},
}
PROBE = {
    "t": "probe", "path": "./kept/decoder", "name": "Qwen/Qwen2.5-0.5B", "labels": 2, "base_dtype": "float32",
    "rows": [[5, 6], [7, 8]], "logits": [[1.0, -2.0], [0.5, 0.25]],
}  # fmt: skip


def run(*records, config=CONFIG, folder="kept/decoder", executed=None):
    files = {
        f"{folder}/adapter_model.safetensors": b"weights",
        f"{folder}/adapter_config.json": json.dumps(config).encode(),
    }
    return Run("ok", "", trace=records, files=files, executed=executed or {})


def answers(*lines):
    output = {"output_type": "stream", "name": "stdout", "text": "".join(json.dumps(line) + "\n" for line in lines)}
    return {"cells": [{"cell_type": "code", "outputs": [output]}]}


def test_the_fresh_box_gets_the_weights_plain_settings_and_what_to_ask():
    job = reload_job(run(PROBE), STAGE)
    asked = json.loads(job.files[FILE])
    assert [(item["path"], item["folder"], item["base"]) for item in asked] == [
        ("kept/decoder/adapter_model.safetensors", "saved-0", "Qwen/Qwen2.5-0.5B")
    ]
    assert json.loads(job.files["saved-0/adapter_config.json"]) == {
        "peft_type": "LORA",
        "r": 16,
        "task_type": "SEQ_CLS",
    }
    assert sorted(job.files) == [FILE, "saved-0/adapter_config.json", "saved-0/adapter_model.safetensors"]


@pytest.mark.parametrize(
    ("again", "difference", "error"),
    [
        ({"logits": [[1.0, -2.0], [0.5, 0.25]]}, 0.0, None),
        ({"logits": [[1.0, -2.0], [0.5, 0.75]]}, 0.25, None),
        ({"error": "RuntimeError: size mismatch"}, None, "RuntimeError: size mismatch"),
    ],
)
def test_answers_are_compared_relative_to_the_largest(again, difference, error):
    job = reload_job(run(PROBE), STAGE)
    found = reloaded(job, run(executed=answers({"folder": "saved-0", **again})))
    assert found == ({"path": "kept/decoder/adapter_model.safetensors", "difference": difference, "error": error},)


def test_a_box_without_an_answer_is_said_to_be_one():
    assert reloaded(reload_job(run(PROBE), STAGE), run())[0]["error"] == "no answer"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "somebody/else"}, {"path": "elsewhere"}, {"base_dtype": "int8"}, {"labels": 3}, {"labels": "2"}, {"rows": []},
        {"rows": [["os.system"], [1]]}, {"rows": [[True], [False]]}, {"logits": [[1.0], [2.0]]}, {"logits": None}, {"rows": [[1]] * 99},
        {"path": None}, {"t": "save"},
    ],
)  # fmt: skip
def test_a_claim_that_can_t_be_asked_again_is_passed_over(change):
    assert reload_job(run({**PROBE, **change}), STAGE) is None


@pytest.mark.parametrize("config", [[], {"peft_type": "PROMPT_TUNING"}, "x"])
def test_only_lora_is_loaded_again(config):
    assert reload_job(run(PROBE, config=config), STAGE) is None


def test_in_full_mode_nothing_is_loaded_again():
    assert reload_job(run(PROBE), Stage(inside_config={**STAGE.inside_config, "steps": 0})) is None
