"""A saved adapter, loaded again in a box of its own, answers as the live model did; one that was swapped does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.execution import Job, Limits, Stage, execute

pytestmark = [pytest.mark.sandbox, pytest.mark.torch, pytest.mark.slow]

WEEK3 = Path(__file__).parents[2] / "assignments" / "week3" / "stage"
MAKE = """
import shutil, torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification
def make(seed):
    torch.manual_seed(seed)
    base = AutoModelForSequenceClassification.from_pretrained("Qwen/Qwen2.5-0.5B", num_labels=113, dtype=torch.float32)
    made = get_peft_model(base, LoraConfig(task_type="SEQ_CLS", r=16, target_modules=["q_proj", "v_proj"]))
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    return made
"""
SAVE = """
make(2).save_pretrained("another")
make(1).save_pretrained("decoder")
"""
SWAP = 'shutil.copy("another/adapter_model.safetensors", "decoder/adapter_model.safetensors")'


@pytest.mark.parametrize(("cells", "same"), [((MAKE, SAVE), True), ((MAKE, SAVE, SWAP), False)])
def test_the_loaded_file_answers_as_the_live_model_did_unless_it_was_swapped(
    sandbox: None, cells: tuple[str, ...], same: bool
) -> None:
    stage = Stage(hub=WEEK3 / "hub", data=WEEK3 / "data", inside_config={"models": {"decoder": "Qwen/Qwen2.5-0.5B"}})
    notebook = {"cells": [{"cell_type": "code", "source": source} for source in cells]}
    run = execute(Job("k", notebook), stage, Limits())
    (found,) = run.reloaded
    assert (run.status, found["path"], found["error"]) == ("ok", "decoder/adapter_model.safetensors", None)
    assert found["difference"] < 1e-4 if same else found["difference"] > 0.1
