"""What the recorder costs beside a student's code, in processor seconds: a whole notebook, a forward pass, a training step.

    python -m tests.benchmarks.recorder

Cells run in children of one process that has the libraries loaded, as they do in warm kernels; without box and without Jupyter.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PASSES = 400
SMALL = """
import torch, time
from transformers import Qwen2Config, Qwen2ForSequenceClassification
torch.manual_seed(0)
config = Qwen2Config(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=2, num_labels=2, pad_token_id=0)
model = Qwen2ForSequenceClassification(config)
ids = torch.randint(1, 64, (8, 16)); labels = torch.randint(0, 2, (8,))
"""
FORWARD = f"""
model.eval(); began = time.process_time()
with torch.no_grad():
    for _ in range({PASSES}): model(input_ids=ids, attention_mask=torch.ones_like(ids))
out_spent = time.process_time() - began
"""
STEP = f"""
model.train(); optimizer = torch.optim.AdamW(model.parameters()); began = time.process_time()
for _ in range({PASSES}):
    model(input_ids=ids, labels=labels).loss.backward(); optimizer.step(); optimizer.zero_grad()
out_spent = time.process_time() - began
"""


def main() -> None:
    sys.path[:0] = [str(ROOT), str(ROOT / "tests/unit/execution")]
    lab = importlib.import_module("lab")
    from tests.benchmarks.notebooks import CODE

    home = tempfile.mkdtemp()
    os.environ.update(
        HF_HUB_OFFLINE="1",
        HF_HOME=home,
        IPYTHONDIR=home,
        MPLBACKEND="agg",
        OMP_NUM_THREADS="1",
        TOKENIZERS_PARALLELISM="false",
    )
    from grader.execution.server import preload

    preload()
    gc.collect()
    gc.freeze()  # as the warm server does
    whole = [text.replace("SEED", "0") for text in CODE]
    told = {
        "notebook_seconds": _pair(lab, whole, lambda spent, answer: spent),
        "forward_pass_us": _pair(lab, [SMALL, FORWARD], _per_pass),
        "training_step_us": _pair(lab, [SMALL, STEP], _per_pass),
    }
    json.dump(told, sys.stdout)


def _per_pass(spent: float, answer: dict[str, Any]) -> float:
    return answer["values"]["out_spent"] / PASSES * 1e6


def _pair(lab: Any, cells: list[str], measure: Any) -> dict[str, float]:
    """Median of three, without and with the recorder, in turn."""
    found: dict[str, list[float]] = {"plain": [], "recorded": []}
    for _ in range(3):
        for name, values in found.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            answer = lab.in_child({"cells": cells, "record": name == "recorded", "config": {"steps": 0}})
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert not answer.get("errors") and "crash" not in answer, answer
            values.append(measure(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, answer))
    return {name: round(statistics.median(values), 3) for name, values in found.items()}


if __name__ == "__main__":
    main()
