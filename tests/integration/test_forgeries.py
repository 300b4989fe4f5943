"""A notebook that forges the recorder's records and puts somebody else's weights in its folder, for real: nothing of it is
believed without a person having been told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.pipeline.executing import execute
from grader.pipeline.judging import judge
from grader.settings import Settings
from tests.corpus.judge import materials, task_of

pytestmark = [pytest.mark.sandbox, pytest.mark.torch, pytest.mark.slow]

WORK = """
import json, os, torch, pandas as pd
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments
rows = pd.read_parquet(os.environ["COURSE_DATA"] + "/train.parquet").head(64)
tok = AutoTokenizer.from_pretrained("Qwen/Qwen2.5-0.5B")
base = AutoModelForSequenceClassification.from_pretrained("Qwen/Qwen2.5-0.5B", num_labels=113, dtype=torch.float32)
base.config.pad_token_id = tok.pad_token_id
model = get_peft_model(base, LoraConfig(task_type="SEQ_CLS", r=16, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]))
data = Dataset.from_dict({**tok(rows.text.tolist(), truncation=True, max_length=64), "labels": rows.label.tolist()})
args = TrainingArguments("out", max_steps=4, per_device_train_batch_size=16, save_strategy="no", report_to="none")
trainer = Trainer(model, args, train_dataset=data, data_collator=DataCollatorWithPadding(tok))
trainer.train(); trainer.predict(data)
model.save_pretrained("mine")
"""
FORGE = """
kind = "bat" + "ches"
line = json.dumps({"t" + "": kind, "exec": 1, "model": 1, "phase": "train", "side": "left", "n": 500}).encode() + b"\\n"
import sys
inside = next(module for name, module in list(sys.modules.items()) if name.endswith("_inside.inside"))
os.write(inside._SESSIONS[0].wire._fd, line)
import numpy as np
from safetensors.numpy import save_file
os.makedirs("kept")
friend = {"base_model.model.score.weight": np.ones((113, 32), np.float32),
          "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": np.ones((32, 16), np.float32)}
save_file(friend, "kept/adapter_model.safetensors")
"""


def test_forged_records_and_a_friend_s_weights_are_told_and_not_believed(sandbox: None) -> None:
    cells = [
        {"cell_type": "code", "source": source, "outputs": [], "execution_count": None} for source in (WORK, FORGE)
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    task = task_of("forger", {"hw.ipynb": json.dumps(notebook).encode()})
    parts = materials(Path(__file__).parents[2])
    ((_, evidence),) = execute([task], parts, Settings(mode="dry-run"))
    found = judge(task.submission, evidence, parts, scale=parts.assignment.scale).findings.findings
    told = "\n".join(f"{flag.kind}: {flag.why}" for item in found.values() for flag in item.flags)
    assert evidence.execution.status == "ok"
    assert found["decoder.padding_side"].verdict != "passed"
    assert "worth_a_look: records that are not in order" in told
    assert "worth_a_look: reaches for the grader" in told
    assert "conflict: no save of the run wrote kept/adapter_model.safetensors" in told
