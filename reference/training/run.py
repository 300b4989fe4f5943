"""Carries out one run and keeps what it found: result.json, predictions, plots. A finished run is not repeated."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from reference.training import evaluation, latency, models, plots, trainer
from reference.training.config import RunConfig
from reference.training.tables import Tables

Report = Callable[[str], None]
_LIBRARIES = ("torch", "transformers", "peft", "accelerate", "datasets", "scikit-learn")


@dataclass(frozen=True)
class Order:
    """One run with one seed."""

    config: RunConfig
    "What to train."
    scale: str
    "standin or full."
    seed: int
    "Of everything."
    method: latency.Method
    "How to time it."

    def folder(self, out: Path) -> Path:
        """Where this run keeps what it makes."""
        return out / self.scale / self.config.name / f"seed-{self.seed}"


def execute(order: Order, tables: Tables, *, out: Path, report: Report) -> dict[str, Any]:
    """The result of `order`, from its folder if it was made from the same configuration, checkpoint and data."""
    folder = order.folder(out)
    origin = {"config": _plain(order.config), "checkpoint": models.revision(order.config), "data": tables.digest}
    if _read(folder / "origin.json") != origin:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _write(folder / "origin.json", origin)
    done = _read(folder / "result.json")
    if done:
        report(f"{order.config.name}, seed {order.seed}: kept from {folder}")
        return done
    report(f"{order.config.name}, seed {order.seed}: training")
    result = _run(order, tables, folder) | {"checkpoint": origin["checkpoint"]}
    _write(folder / "result.json", result)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    plots.training(result, folder / "training.svg")
    return result


def _read(path: Path) -> dict[str, Any] | None:
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return found


def _run(order: Order, tables: Tables, folder: Path) -> dict[str, Any]:
    config = order.config
    prepared, tokenizer = trainer.prepare(config, tables, seed=order.seed, folder=folder)
    start = time.perf_counter()
    log = trainer.train(prepared, folder)
    seconds = time.perf_counter() - start
    predicted = trainer.predict(prepared, tables.test, tokenizer, config.max_length)
    tables.test.assign(predicted=predicted).to_parquet(folder / "predictions.parquet")
    texts = list(tables.test["text"])
    speed = latency.time_model(prepared.model, tokenizer, texts, max_length=config.max_length, method=order.method)
    return {
        "schema": 1,
        "scale": order.scale,
        "seed": order.seed,
        "config": _plain(config),
        "data": {"sha256": tables.digest, "train": len(tables.train), "test": len(texts)},
        "quality": evaluation.measure(list(tables.test["label"]), predicted, tables.counts),
        "latency": speed,
        "parameters": models.counts(prepared.model),
        "training_seconds": round(seconds, 1),
        "training_memory_gib": _peak_memory(),
        "log": [_slim(entry) for entry in log],
        **provenance(),
    }


def provenance() -> dict[str, Any]:
    """Device, versions and commit: what one needs to make the figures again."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu ({platform.machine()})"
    return {"device": device, "versions": {name: version(name) for name in _LIBRARIES}, "commit": _commit()}


def _commit() -> str | None:
    """The checkout's commit; null outside one."""
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()


def _peak_memory() -> float | None:
    return round(torch.cuda.max_memory_allocated() / 2**30, 3) if torch.cuda.is_available() else None


def _slim(entry: dict[str, Any]) -> dict[str, Any]:
    wanted = ("step", "epoch", "loss", "eval_loss", "learning_rate")
    return {key: entry[key] for key in wanted if key in entry}


def _plain(config: RunConfig) -> dict[str, Any]:
    return config.model_dump(mode="json")


def _write(path: Path, content: Any) -> None:
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)
