"""How large and how fast are the two models at true size? Random weights, a few training steps, timing at batch 32.

Says nothing about quality. Needs torch, transformers and peft only: no weights, no data, no network.
"""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import torch
import transformers

from reference.models import DECODER, ENCODER, LABELS, TRUE_SIZE, build_config
from reference.training import latency, models
from reference.training.lora import Lora

ADAPTERS = {
    ENCODER: Lora(r=16, alpha=32, targets=("Wqkv", "Wo", "Wi"), head="classifier"),
    DECODER: Lora(r=16, alpha=32, targets=("q_proj", "k_proj", "v_proj", "o_proj"), head="score"),
}


@dataclass(frozen=True)
class Trial:
    """The size of a trial."""

    device: str
    "cuda or cpu."
    steps: int = 6
    "Training steps, the first two untimed."
    batch: int = 16
    "Rows per training step."
    length: int = 256
    "Tokens per row."
    precision: str = "fp16"
    "Autocast type on a GPU: fp16 or fp32 (none); the models are loaded in float32."
    timed_batches: int = 8
    "Batches of 32 per timing repetition."
    repeats: int = 5
    "Timing repetitions."


def run(trial: Trial) -> dict[str, Any]:
    """Both models, and the decoder's times over the encoder's."""
    made = {repo: one(repo, trial) for repo in (ENCODER, DECODER)}
    ratios = {
        state: round(
            made[DECODER]["latency"][state]["ms_per_example"] / made[ENCODER]["latency"][state]["ms_per_example"], 3
        )
        for state in ("unmerged", "merged")
    }
    return {
        "schema": 1,
        "about": "true size, random weights: no statement about quality",
        "trial": asdict(trial),
        "device": torch.cuda.get_device_name() if trial.device == "cuda" else platform.processor() or "cpu",
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
        "models": made,
        "decoder_over_encoder": ratios,
    }


def one(repo: str, trial: Trial) -> dict[str, Any]:
    """Parameters, memory, seconds per step and latency of one model."""
    torch.manual_seed(0)
    model = _model(repo).to(trial.device)
    if trial.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = _train(model, trial)
    found = {
        "parameters": models.counts(model),
        "seconds_per_step": round(seconds, 4),
        "training_memory_gib": _peak(trial),
        "latency": _latency(model, trial),
    }
    del model
    if trial.device == "cuda":
        torch.cuda.empty_cache()
    return found


def _model(repo: str) -> Any:
    kind = TRUE_SIZE[repo]
    config = build_config(kind, num_labels=LABELS)
    config.pad_token_id = 0
    build: Any = transformers.AutoModelForSequenceClassification
    return models.adapted(build.from_config(config, dtype=torch.float32), ADAPTERS[repo])


def _rows(trial: Trial, count: int) -> dict[str, torch.Tensor]:
    ids = torch.randint(1, 50_000, (count, trial.length), generator=torch.Generator().manual_seed(count))
    return {"input_ids": ids.to(trial.device), "attention_mask": torch.ones_like(ids).to(trial.device)}


def _autocast(trial: Trial) -> Any:
    half = trial.device == "cuda" and trial.precision == "fp16"
    return torch.autocast(trial.device, dtype=torch.float16, enabled=half)


def _train(model: Any, trial: Trial) -> float:
    """Mean seconds of the steps after the first two."""
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4)
    scaler = torch.amp.GradScaler(trial.device, enabled=trial.device == "cuda" and trial.precision == "fp16")
    batch = _rows(trial, trial.batch)
    labels = torch.arange(trial.batch, device=trial.device) % LABELS
    warm = min(2, trial.steps - 1)
    start = time.perf_counter()
    for step in range(trial.steps):
        if step == warm:
            _wait(trial)
            start = time.perf_counter()
        with _autocast(trial):
            loss = model(**batch, labels=labels).loss
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    _wait(trial)
    return (time.perf_counter() - start) / (trial.steps - warm)


def _latency(model: Any, trial: Trial) -> dict[str, Any]:
    batches = [_rows(trial, 32)] * trial.timed_batches
    method = latency.Method(batches=trial.timed_batches, repeats=trial.repeats, warmup=min(3, trial.timed_batches))
    with _autocast(trial):
        return latency.time_batches(model, batches, method)


def _peak(trial: Trial) -> float | None:
    return round(torch.cuda.max_memory_allocated() / 2**30, 3) if trial.device == "cuda" else None


def _wait(trial: Trial) -> None:
    if trial.device == "cuda":
        torch.cuda.synchronize()
