"""The notebook that everybody executes: imports, a tiny LoRA training of 20 steps, a table, a figure, five memo cells.

Ten students hand in ten of them, each with a seed of its own. In the larger class every fourth also uses DataLoader workers and every
tenth `datasets.map` in processes, which is where forked kernels could hang.
"""

from __future__ import annotations

from typing import Any

IMPORTS = """
import numpy as np, pandas as pd, matplotlib.pyplot as plt, torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from sklearn.metrics import accuracy_score, f1_score
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding,
    PreTrainedTokenizerFast, Qwen2Config, Qwen2ForSequenceClassification, Trainer, TrainingArguments, set_seed)
set_seed(SEED)
"""
DATA = """
from tokenizers import Tokenizer, models, pre_tokenizers
words = "good bad film great awful the a was very not".split()
vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
backend.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]")
random = np.random.default_rng(SEED)
texts = [" ".join(random.choice(words, 12)) for _ in range(400)]
frame = pd.DataFrame({"text": texts, "label": [int("good" in text or "great" in text) for text in texts]})
data = Dataset.from_pandas(frame).map(lambda rows: tokenizer(rows["text"]), batched=True).train_test_split(0.25, seed=0)
frame.head()
"""
MODEL = """
config = Qwen2Config(vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, num_labels=2, pad_token_id=0)
lora = LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"])
model = get_peft_model(Qwen2ForSequenceClassification(config), lora)
model.print_trainable_parameters()
"""
TRAIN = """
def metrics(prediction):
    answers = prediction.predictions.argmax(-1)
    return {"accuracy": accuracy_score(prediction.label_ids, answers), "macro_f1": f1_score(prediction.label_ids, answers, average="macro")}
arguments = TrainingArguments("out", max_steps=20, per_device_train_batch_size=16, learning_rate=5e-3, logging_steps=5,
    eval_strategy="steps", eval_steps=10, save_strategy="no", report_to=[], seed=0, use_cpu=True)
trainer = Trainer(model, arguments, train_dataset=data["train"], eval_dataset=data["test"], compute_metrics=metrics,
    data_collator=DataCollatorWithPadding(tokenizer), processing_class=tokenizer)
trainer.train().training_loss
"""
TABLE = """
history = pd.DataFrame(trainer.state.log_history)
history[["step", "loss"]].dropna()
"""
FIGURE = """
plt.figure(figsize=(5, 3)); plt.plot(history.step, history.loss, "o-"); plt.title("loss"); plt.show()
"""
SAVE = """
import hashlib
model.save_pretrained("adapter"); tokenizer.save_pretrained("adapter")
found = trainer.evaluate()
print({name: found[name] for name in ("eval_accuracy", "eval_macro_f1")})
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters() if p.requires_grad)
print("WEIGHTS", hashlib.sha256(weights).hexdigest()[:16])
answer = 42
"""
LOADER = """
from torch.utils.data import DataLoader, TensorDataset
print('LOADED', sum(int(b[0].sum()) for b in DataLoader(TensorDataset(torch.arange(64)), batch_size=8, num_workers=2)))
"""
MAP = """
print('MAPPED', sum(Dataset.from_dict({'a': list(range(100))}).map(lambda r: {'b': r['a'] + 1}, num_proc=2)['b']))
"""
MEMORY = """
lines = [line.split(':') for line in open('/proc/self/smaps_rollup') if 'kB' in line]
sizes = {name: int(rest.split()[0]) // 1024 for name, rest in lines}
print('PRIVATE', sizes['Private_Dirty'] + sizes['Private_Clean'])
"""
CODE = (IMPORTS, DATA, MODEL, TRAIN, TABLE, FIGURE, SAVE)
MEMO = tuple(
    f"## {title}\n\nThe decoder reaches an accuracy of 0.56 after 20 steps; the encoder was not trained. More steps would tell whether "
    f"the difference is more than chance, and I would repeat it with three seeds before I decided anything."
    for title in (
        "Systems comparison",
        "Class weighting",
        "Per-class results",
        "Deployment",
        "What I would do next",
    )
)


def cells(seed: int, *, more: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """(kind, text) of every cell."""
    code = [("code", text.replace("SEED", str(seed)).strip()) for text in (*CODE, *more)]
    return [*code, *(("markdown", text) for text in MEMO)]


def notebook(found: list[tuple[str, str]]) -> dict[str, Any]:
    """nbformat 4."""
    made: list[dict[str, Any]] = []
    for number, (kind, text) in enumerate(found):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text}
        made.append(cell | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": made, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip


def class_notebook(number: int) -> dict[str, Any]:
    """One of a large class."""
    more = (*((LOADER,) if number % 4 == 0 else ()), *((MAP,) if number % 10 == 0 else ()), MEMORY)
    return notebook(cells(number % 5, more=more))
