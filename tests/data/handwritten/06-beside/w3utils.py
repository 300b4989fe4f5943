"""Helpers of the hand-written notebook 06."""
import os
import random
import time

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments

HERE = os.environ.get("COURSE_DATA", "data")


def seed_everything(s):
    random.seed(s)
    np.random.seed(s)
    torch.manual_seed(s)


def read():
    return [pd.read_parquet(f"{HERE}/{n}.parquet") for n in ("train", "validation", "test")]


def make(ckpt, targets):
    tok = AutoTokenizer.from_pretrained(ckpt)
    if "Qwen" in ckpt:
        tok.padding_side = "left"
    m = AutoModelForSequenceClassification.from_pretrained(ckpt, num_labels=113, torch_dtype=torch.float32)
    m.config.pad_token_id = tok.pad_token_id
    m = get_peft_model(m, LoraConfig(task_type="SEQ_CLS", r=16, lora_alpha=16, target_modules=targets))
    m.print_trainable_parameters()
    return tok, m


def ds(df, tok):
    return Dataset.from_dict({**tok(df.text.tolist(), truncation=True, max_length=128), "labels": df.label.tolist()})


class W(Trainer):
    w = None

    def compute_loss(self, model, inputs, return_outputs=False, **k):
        y = inputs.pop("labels")
        o = model(**inputs)
        loss = torch.nn.functional.cross_entropy(o.logits, y, weight=self.w.to(o.logits.device) if self.w is not None else None)
        return (loss, o) if return_outputs else loss


def fit(m, tok, train, val, name, weighted=False):
    a = TrainingArguments(name, num_train_epochs=3, per_device_train_batch_size=16, learning_rate=2e-4, fp16=torch.cuda.is_available(),
                          save_strategy="no", report_to="none")
    t = W(model=m, args=a, train_dataset=ds(train, tok), eval_dataset=ds(val, tok), data_collator=DataCollatorWithPadding(tok))
    if weighted:
        n = np.bincount(train.label, minlength=113)
        t.w = torch.tensor(1 / np.sqrt(n), dtype=torch.float32)
    t.train()
    return t


def score(t, tok, test):
    p = t.predict(ds(test, tok)).predictions.argmax(1)
    t.f = f1_score(test.label, p, labels=range(113), average=None, zero_division=0)
    return {"acc": round(float((p == test.label.values).mean()), 3), "macro_f1": round(float(t.f.mean()), 3), "zeros": int((t.f == 0).sum())}


def tiers(train, runs):
    n = np.bincount(train.label, minlength=113)
    b = pd.cut(pd.Series(n), [0, 27, 499, 10**9], labels=["rare 4-27", "mid 28-499", "common 500+"])
    out = pd.DataFrame({k: t.f for k, t in runs.items()}).groupby(b, observed=False).mean().round(3)
    out["n"] = b.value_counts()
    return out


def bench(m, tok, test, k=5):
    m.eval()
    x = tok(test.text.tolist()[:32], padding=True, truncation=True, max_length=128, return_tensors="pt").to(m.device)
    with torch.no_grad():
        m(**x)
        m(**x)
        if x["input_ids"].is_cuda:
            torch.cuda.synchronize()
        s = time.perf_counter()
        for _ in range(k):
            m(**x)
        if x["input_ids"].is_cuda:
            torch.cuda.synchronize()
    ms = 1000 * (time.perf_counter() - s) / k / 32
    return {"ms_per_example": round(ms, 1), "examples_per_s": round(1000 / ms, 1)}


def keep(m, name):
    m.save_pretrained(f"saved/{name}")
