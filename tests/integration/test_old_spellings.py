"""Notebooks in the spellings of transformers 4, run under the installed libraries: nobody is blamed for the library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.catalog import Course
from grader.pipeline import Graded, Request, grade, load_materials
from grader.settings import Settings

pytestmark = [pytest.mark.sandbox, pytest.mark.torch, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
CELLS = [
    """import os
import pandas as pd
import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments
#EXTRA
folder = os.environ["COURSE_DATA"]
train_df = pd.read_parquet(folder + "/train.parquet").head(200)
valid_df = pd.read_parquet(folder + "/validation.parquet").head(40)""",
    """tokenizer = AutoTokenizer.from_pretrained("Qwen/Qwen2.5-0.5B", padding_side="left")
class Rows(torch.utils.data.Dataset):
    def __init__(self, frame):
        self.rows = [ENCODE(text, truncation=True, max_length=64) for text in frame["text"]]
        self.labels = list(frame["label"])
    def __len__(self):
        return len(self.rows)
    def __getitem__(self, i):
        return {**{k: v for k, v in self.rows[i].items()}, "labels": int(self.labels[i])}
train, valid = Rows(train_df), Rows(valid_df)""",
    """model = AutoModelForSequenceClassification.from_pretrained("Qwen/Qwen2.5-0.5B", num_labels=113, LOAD)
model.config.pad_token_id = tokenizer.pad_token_id
lora = LoraConfig(r=16, lora_alpha=32, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"], task_type=TaskType.SEQ_CLS)
model = get_peft_model(model, lora)
model.print_trainable_parameters()""",
    """args = TrainingArguments("out", num_train_epochs=1, per_device_train_batch_size=16, eval_strategy="epoch", ARGS)
trainer = Trainer(model=model, args=args, train_dataset=train, eval_dataset=valid, data_collator=DataCollatorWithPadding(tokenizer), TRAINER)
trainer.train()
#AFTER""",
    """model.save_pretrained("adapter")
tokenizer.save_pretrained("adapter")""",
]
PLAIN = {
    "ENCODE": "tokenizer",
    "LOAD": "dtype=torch.float32",
    "ARGS": "report_to=[]",
    "TRAINER": "",
    "#EXTRA": "",
    "#AFTER": "",
}
HAND_WRITTEN = """from torch.utils.data import DataLoader
optimizer = AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4, correct_bias=False, no_deprecation_warning=True)
scaler = torch.cuda.amp.GradScaler()
for batch in DataLoader(train, batch_size=16, collate_fn=DataCollatorWithPadding(tokenizer)):
    with torch.cuda.amp.autocast():
        loss = model(**{k: v.to("cuda") for k, v in batch.items()}).loss
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
model.eval()
for batch in DataLoader(valid, batch_size=16, collate_fn=DataCollatorWithPadding(tokenizer)):
    with torch.no_grad():
        model(**batch)"""
SPELLINGS = {
    "evaluation_strategy": {'eval_strategy="epoch"': 'evaluation_strategy="epoch"'},
    "warmup_ratio": {"ARGS": "warmup_ratio=0.1"},
    "logging_dir": {"ARGS": 'logging_dir="logs", logging_steps=2'},
    "overwrite_output_dir": {"ARGS": "overwrite_output_dir=True"},
    "group_by_length": {"ARGS": "group_by_length=True"},
    "no_cuda": {"ARGS": "no_cuda=True"},
    "save_safetensors": {"ARGS": "save_safetensors=True"},
    "half_precision_backend": {"ARGS": 'fp16=True, half_precision_backend="auto"'},
    "include_inputs_for_metrics": {"ARGS": "include_inputs_for_metrics=False"},
    "trainer_tokenizer": {"TRAINER": "tokenizer=tokenizer", "#AFTER": "print(trainer.tokenizer.padding_side)"},
    "encode_plus": {"ENCODE": "tokenizer.encode_plus"},
    "batch_encode_plus": {"#AFTER": 'print(tokenizer.batch_encode_plus(["a b", "c"], padding=True)["input_ids"])'},
    "transformers_adamw": {"#EXTRA": "from transformers import AdamW", "#AFTER": HAND_WRITTEN},
    "optimization_adamw": {"#EXTRA": "from transformers.optimization import AdamW", "#AFTER": HAND_WRITTEN},
    "adamw_hf": {"ARGS": 'optim="adamw_hf"'},
    "torch_dtype": {"LOAD": "torch_dtype=torch.float32"},
    "torch_dtype_string": {"LOAD": 'torch_dtype="float32"'},
    "use_auth_token": {"LOAD": "torch_dtype=torch.float32, use_auth_token=False"},
    "low_cpu_mem_usage": {"LOAD": "torch_dtype=torch.float32, low_cpu_mem_usage=True"},
    "device_map": {"LOAD": 'torch_dtype=torch.float32, device_map="auto"'},
    "per_gpu_batch": {"per_device_train_batch_size=16": "per_gpu_train_batch_size=16", "ARGS": "per_gpu_eval_batch_size=16"},
    "paged_adamw_8bit": {"ARGS": 'optim="paged_adamw_8bit", report_to="wandb"'},
    "everything": {
        'eval_strategy="epoch"': 'evaluation_strategy="steps", eval_steps=4, save_strategy="no"',
        "LOAD": "torch_dtype=torch.float32",
        "ARGS": 'warmup_ratio=0.06, logging_dir="logs", overwrite_output_dir=True, fp16=True, fp16_opt_level="O1", optim="adamw_hf", '
        "group_by_length=True, save_safetensors=True, dataloader_num_workers=2, seed=1",
        "TRAINER": "tokenizer=tokenizer",
    },
}  # fmt: skip
"""What stands in the plain notebook -> how it was spelled under transformers 4 (facts: deprecation notes of 4.48 to 5.0)."""
SETTLED = (
    "decoder.padding_side",
    "decoder.score_head",
    "decoder.load_dtype",
    "decoder.mixed_precision",
    "decoder.trainable_params",
)


def notebook(changes: dict[str, str]) -> bytes:
    cells = []
    for number, text in enumerate(CELLS):
        for old, new in {**changes, **{key: value for key, value in PLAIN.items() if key not in changes}}.items():
            text = text.replace(old, new)
        cells.append(
            {
                "cell_type": "code",
                "id": f"c{number}",
                "metadata": {},
                "source": text,
                "outputs": [],
                "execution_count": None,
            }
        )
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


@pytest.fixture(scope="module")
def graded(sandbox: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Graded]:
    folder = tmp_path_factory.mktemp("spellings")
    (folder / "in").mkdir()
    for name, changes in SPELLINGS.items():
        (folder / "in" / f"{name}.ipynb").write_bytes(notebook(changes))
    done = grade(Request(folder / "in", folder / "out"), load_materials(Course(ROOT), "week3"), Settings(jobs=2))
    return {item.submission.participant.id: item for item in done}


@pytest.mark.parametrize("name", SPELLINGS)
def test_an_old_spelling_runs_and_costs_nothing(name: str, graded: dict[str, Graded]) -> None:
    item = graded[name]
    findings = item.judgement.findings.findings
    assert (item.evidence.execution.status, item.evidence.execution.errors) == ("ok", ())
    assert {line: findings[line].verdict for line in SETTLED} == dict.fromkeys(SETTLED, "passed")
    blamed = [line for line, found in findings.items() if found.verdict == "failed"]
    assert blamed == ["decoder.class_weights", "memo.sections"]  # these notebooks have no weighted run and no memo
