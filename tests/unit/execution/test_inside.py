"""The recorder beside real training code, on the stage's stand-ins. Slow by nature: each notebook runs in a child process."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from grader.model.evidence import Evidence, Execution
from grader.model.observation import (
    LatencyMeasured,
    Loaded,
    LossWeights,
    PaddingEffect,
    PaddingFed,
    Precision,
    Saved,
    Trainable,
    Trained,
)
from grader.observing.adapters import measure_saved, observe_saved
from grader.observing.trace import observe_trace
from tests.builders_notebooks import week3

pytestmark = [pytest.mark.torch, pytest.mark.slow]

SETUP = """
import os, torch, pandas as pd, numpy as np
import torch.nn as nn, torch.nn.functional as F
from transformers import AutoTokenizer, AutoModelForSequenceClassification, AutoModel, Trainer, TrainingArguments
from transformers import DataCollatorWithPadding
from peft import LoraConfig, get_peft_model
from datasets import Dataset
torch.manual_seed(0)
data = pd.read_parquet(os.environ["COURSE_DATA"] + "/train.parquet").groupby("label").head(1).head(96)
tok = AutoTokenizer.from_pretrained("Qwen/Qwen2.5-0.5B")
def batches(size=8, **how):
    for i in range(0, len(data), size):
        part = data.iloc[i:i + size]
        yield tok(part.text.tolist(), padding=True, truncation=True, max_length=24, return_tensors="pt"), torch.tensor(part.label.values)
def decoder(**lora):
    model = AutoModelForSequenceClassification.from_pretrained("Qwen/Qwen2.5-0.5B", num_labels=113, dtype=torch.float32)
    model.config.pad_token_id = tok.pad_token_id
    return get_peft_model(model, LoraConfig(r=16, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"], **lora))
"""
LOOP = [
    SETUP + "tok.padding_side = 'left'",
    """
model = decoder(task_type="SEQ_CLS").to("cuda")
w = torch.tensor(1 / np.sqrt(np.arange(1, 114)), dtype=torch.float32, device="cuda")
opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
scaler = torch.cuda.amp.GradScaler()
out_steps = out_rows = 0
for epoch in range(2):
    model.train()
    for enc, y in batches():
        enc, y = enc.to("cuda"), y.cuda()
        with torch.cuda.amp.autocast():
            loss = F.cross_entropy(model(**enc).logits.float(), y, weight=w)
        scaler.scale(loss).backward(); scaler.unscale_(opt)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(opt); scaler.update(); opt.zero_grad()
        out_steps += 1
    model.eval()
    with torch.no_grad():
        out_rows += sum(len(model(**enc.to("cuda")).logits.argmax(-1).cpu()) for enc, y in batches(32))
""",
    """
import time
enc, _ = next(batches(32))
with torch.no_grad():
    for _ in range(2): model(**enc)
    torch.cuda.synchronize(); start = time.perf_counter()
    for _ in range(5): model(**enc)
    torch.cuda.synchronize(); took = time.perf_counter() - start
""",
    "model.save_pretrained('adapters/decoder')",
]
RIGHT = [
    SETUP,
    """
class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = AutoModel.from_pretrained("Qwen/Qwen2.5-0.5B", torch_dtype=torch.float32)
        for p in self.body.parameters(): p.requires_grad = False
        self.out = nn.Linear(self.body.config.hidden_size, 113)
    def forward(self, ids, mask):
        return self.out(self.body(input_ids=ids, attention_mask=mask).last_hidden_state[:, -1])
own = Own(); opt = torch.optim.SGD(own.out.parameters(), lr=0.1); loss_fn = nn.CrossEntropyLoss()
own.train()
for enc, y in batches():
    opt.zero_grad(); loss_fn(own(enc["input_ids"], enc["attention_mask"]), y).backward(); opt.step()
own.eval()
with torch.inference_mode():
    for enc, y in batches(32): own(enc["input_ids"], enc["attention_mask"])
torch.save(own.state_dict(), "own.pt")
""",
]
TRAINER = [
    SETUP
    + "from transformers import AdamW\ntok = AutoTokenizer.from_pretrained('Qwen/Qwen2.5-0.5B', padding_side='left')",
    """
ds = Dataset.from_pandas(data.reset_index(drop=True)).map(lambda b: tok(b["text"], truncation=True, max_length=24), batched=True)
model = decoder(modules_to_save=["score"])
args = TrainingArguments("out", num_train_epochs=3, per_device_train_batch_size=8, evaluation_strategy="epoch", save_strategy="epoch",
    load_best_model_at_end=True, fp16=torch.cuda.is_available(), warmup_ratio=0.1, logging_steps=500, save_safetensors=True,
    report_to="wandb", dataloader_num_workers=2)
trainer = Trainer(model=model, args=args, train_dataset=ds, eval_dataset=ds, tokenizer=tok, data_collator=DataCollatorWithPadding(tok))
result = trainer.train()
out_log = trainer.state.log_history
out_metrics = sorted(result.metrics)
out_rows = trainer.predict(ds).predictions.shape
out_columns = trainer._signature_columns
""",
    "trainer.save_model('final')",
]
EXACT = [
    SETUP + "tok.padding_side = 'left'",
    """
import hashlib
ds = Dataset.from_pandas(data.reset_index(drop=True)).map(lambda b: tok(b["text"], truncation=True, max_length=24), batched=True)
model = decoder(task_type="SEQ_CLS")
args = TrainingArguments("out", num_train_epochs=1, per_device_train_batch_size=16, eval_strategy="epoch", report_to="none", seed=3)
trainer = Trainer(model=model, args=args, train_dataset=ds, eval_dataset=ds, processing_class=tok)
trainer.train()
digest = hashlib.sha256()
for name, p in model.named_parameters(): digest.update(p.detach().numpy().tobytes())
digest.update(trainer.predict(ds).predictions.tobytes())
digest.update(torch.rand(4).numpy().tobytes())
out_digest = digest.hexdigest()
out_losses = [entry.get("eval_loss") for entry in trainer.state.log_history]
""",
]
COLAB = [
    """
!pip install -q transformers==4.48.0
%pip install peft
!nvidia-smi
from google.colab import drive, userdata
drive.mount("drive")
from huggingface_hub import notebook_login
notebook_login()
import subprocess, sys
subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "trl"])
import wandb
wandb.init(project="x").log({"a": 1})
import evaluate
out_accuracy = evaluate.load("accuracy").compute(predictions=[1, 2], references=[1, 1])["accuracy"]
import tqdm as bars
from tqdm.notebook import tqdm, trange
out_bars = sum(tqdm(range(4))) + sum(trange(3)) + sum(bars.tqdm_notebook(range(2)))
import pandas as pd, requests, seaborn as sns
import wordcloud, plotly.express as px, GPUtil, ipywidgets; from imblearn.over_sampling import RandomOverSampler
px.bar(x=[1], y=[2]).update_layout(title="x").show()
card = GPUtil.getGPUs()[0]
print(f"{card.memoryUsed / 1024:.1f} GB", round(card.memoryTotal / 2, 1))
out_bars += sum(tqdm(range(4)))
out_table = pd.DataFrame({"a": [1]}).to_markdown(index=False).splitlines()[0]
import torch
assert torch.cuda.is_available()
out_gpu = torch.cuda.get_device_name(0), torch.cuda.get_device_capability(), torch.cuda.get_device_properties(0).name
torch.cuda.empty_cache(); torch.cuda.reset_peak_memory_stats(); torch.cuda.synchronize()
x = torch.zeros(2, device="cuda").cuda().to(torch.device("cuda:0")) + torch.ones(2).to(0)
g = torch.Generator(device="cuda").manual_seed(1)
s, e = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
s.record(); e.record(); torch.cuda.synchronize(); out_ms = s.elapsed_time(e) > 0
out_device = str(x.device)
out_data = sorted(os.listdir("data")) if (os := __import__("os")) else None
""",
    """
from transformers import AutoModelForSequenceClassification, AutoTokenizer
tok = AutoTokenizer.from_pretrained("someone/qwen-copy", token=True)
out_ids = len(tok.encode_plus("hello there")["input_ids"])
m = AutoModelForSequenceClassification.from_pretrained("someone/qwen-copy", num_labels=3, load_in_8bit=True, device_map="auto",
    attn_implementation="flash_attention_2")
m.push_to_hub("me/mine")
""",
    "AutoTokenizer.from_pretrained('bert-base-uncased')",
    "from datasets import load_dataset\nout_splits = sorted(load_dataset('course/complaints'))",
    "load_dataset('someone/else')",
    "import not_installed_here",
]
CONFIG = {
    "hub_aliases": {"someone/qwen-copy": "Qwen/Qwen2.5-0.5B"},
    "dataset_aliases": ["course/complaints"],
    "path_aliases": ["data"],
}


def lab(warm, *jobs):
    request = {
        "warm": warm,
        "jobs": [dict(zip(("name", "cells", "config", "record"), job, strict=False)) for job in jobs],
    }
    script = Path(__file__).with_name("lab.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def warm():
    return lab(
        True,
        ("loop", LOOP, {}),
        ("right", RIGHT, {}),
        ("trainer", TRAINER, {}),
        ("watched", EXACT, {"steps": 0}),
        ("alone", EXACT, {}, False),
        ("colab", COLAB, CONFIG),
    )


@pytest.fixture(scope="module")
def cold():
    return lab(False, ("loop", LOOP, {}), ("trainer", TRAINER, {}))


def facts(result, kind, **wanted):
    saved = measure_saved({path: base64.b64decode(data) for path, data in result["files"].items()}, "dry_run")
    evidence = Evidence(trace=result["trace"], saved=saved, execution=Execution(mode="dry-run", status="ok"))
    seen = (*observe_trace(evidence, week3()), *observe_saved(evidence, week3()))
    return [
        item
        for item in seen
        if isinstance(item, kind) and all(getattr(item, key) == value for key, value in wanted.items())
    ]


@pytest.mark.parametrize("how", ["warm", "cold"])
def test_a_hand_written_loop_is_seen_in_full(how, request):
    result = request.getfixturevalue(how)["loop"]
    assert (result["errors"], result["values"]["out_steps"], result["values"]["out_rows"]) == ([], 24, 192)
    assert {(item.phase, item.side) for item in facts(result, PaddingFed)} == {
        ("train", "left"),
        ("eval", "left"),
        ("latency", "left"),
    }
    assert [(item.dtype, item.dtype_given) for item in facts(result, Loaded)] == [("float32", True)]
    assert [(item.autocast, item.scaler) for item in facts(result, Precision)] == [("float16", True)]
    assert [(item.steps, item.head, item.adapter, item.base) for item in facts(result, Trained)] == [
        (4, True, True, None)
    ]
    assert [(item.head, item.rank, len(item.targets)) for item in facts(result, Trainable)] == [(True, 16, 4)]
    assert [item.run for item in facts(result, LossWeights)] == ["weighted"]
    assert [len(item.weights) for item in facts(result, LossWeights)] == [113]
    assert [
        (item.batch_size, item.warmup, item.repeats, item.synchronised, item.on_gpu)
        for item in facts(result, LatencyMeasured)
    ] == [(32, 2, 5, True, True)]
    assert [(item.source, item.head, item.head_trained, item.adapter_zero) for item in facts(result, Saved)] == [
        ("artifact", True, True, False)
    ]
    assert all(item.relative_difference < 1e-4 for item in facts(result, PaddingEffect))
    assert [record for record in result["trace"] if record["t"] == "recorder_error"] == []


@pytest.mark.parametrize("how", ["warm", "cold"])
def test_old_spellings_run_and_every_epoch_keeps_its_evaluation(how, request):
    result = request.getfixturevalue(how)["trainer"]
    assert result["errors"] == []
    log = result["values"]["out_log"]
    assert [entry["epoch"] for entry in log if "eval_loss" in entry] == [1.0, 2.0, 3.0]
    assert sum("loss" in entry for entry in log) == 3
    assert {"train_loss", "train_runtime", "train_samples_per_second"} <= set(result["values"]["out_metrics"])
    assert result["values"]["out_rows"] == [96, 113]
    assert "input_ids" in result["values"]["out_columns"]
    assert {(item.phase, item.side) for item in facts(result, PaddingFed)} == {("train", "left"), ("eval", "left")}
    assert [(item.fp16, item.bf16) for item in facts(result, Precision)] == [(True, False)]
    assert [item.run for item in facts(result, Trained)] == ["plain"]
    final = [item for item in facts(result, Saved) if item.path.startswith("final/")]
    assert [(item.head, item.head_trained) for item in final] == [(True, True)]
    mapped = {record["name"] for record in result["trace"] if record["t"] == "compat"}
    assert {
        "transformers.AdamW",
        "Trainer(tokenizer=)",
        "TrainingArguments(evaluation_strategy=)",
        "TrainingArguments(warmup_ratio=)",
        "TrainingArguments(save_safetensors=)",
    } <= mapped


def test_right_padding_under_a_head_that_takes_the_last_position_shows_its_effect(warm):
    result = warm["right"]
    assert result["errors"] == []
    assert {(item.phase, item.side) for item in facts(result, PaddingFed)} == {("train", "right"), ("eval", "right")}
    assert max(item.relative_difference for item in facts(result, PaddingEffect)) > 0.01
    assert [(item.head, item.adapter, item.base) for item in facts(result, Trained)] == [(True, None, None)]
    assert [(item.format, item.head, item.head_trained, item.needs_hand_work) for item in facts(result, Saved)] == [
        ("state_dict", True, True, True)
    ]


def test_watching_changes_no_bit_of_weights_predictions_or_randomness(warm):
    watched, alone = warm["watched"], warm["alone"]
    assert (watched["errors"], alone["errors"], alone["trace"]) == ([], [], [])
    assert watched["values"] == alone["values"]


def test_colab_habits_run_unharmed_and_gaps_are_named(warm):
    result = warm["colab"]
    assert [(cell, kind) for cell, kind, _ in result["errors"]] == [
        (2, "OSError"),
        (4, "ConnectionError"),
        (5, "ModuleNotFoundError"),
    ]
    values = result["values"]
    assert (values["out_device"], values["out_ms"], values["out_accuracy"]) == ("cpu", True, 0.5)
    assert (values["out_bars"], values["out_table"]) == (16, "|   a |")
    assert values["out_gpu"] == ["Tesla T4", [7, 5], "Tesla T4"]
    assert values["out_data"] == ["labels.json", "test.parquet", "train.parquet", "validation.parquet"]
    assert values["out_splits"] == ["test", "train", "validation"]
    assert values["out_ids"] > 0
    gaps = [(record["what"], record["name"]) for record in result["trace"] if record["t"] == "stage_gap"]
    assert gaps == [("model", "bert-base-uncased"), ("dataset", "someone/else"), ("module", "not_installed_here")]
    assert [item.quantized for item in facts(result, Loaded)] == [True]
