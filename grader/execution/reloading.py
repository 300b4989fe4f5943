"""Saved adapters loaded again: in a box of their own, with nothing of the student's in it but numbers, and asked the same.

The live model's answers are a claim of the recorder; the answers of the fresh box are not. Only safetensors and known,
plain settings go into the box. Nothing is loaded in this process.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from grader.execution.nouns import Job, Run, Stage

MOST = 1
"""So many adapters are loaded again: one costs 0.4 s of a core."""
FILE = "reload.json"
SETTINGS = frozenset(
    {"peft_type", "task_type", "r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules", "modules_to_save", "bias",
     "use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "layers_to_transform", "layers_pattern", "fan_in_fan_out",
     "base_model_name_or_path", "inference_mode"}
)  # fmt: skip
"""Of adapter_config.json. Others name modules to import, or methods that need the student's data."""
TYPES = frozenset({"float32", "float16", "bfloat16"})
CELL = """
import json, torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification
for item in json.load(open("reload.json")):
    try:
        given = {"num_labels": item["labels"], "dtype": getattr(torch, item["dtype"])}
        base = AutoModelForSequenceClassification.from_pretrained(item["base"], **given)
        model = PeftModel.from_pretrained(base, item["folder"]).eval()
        with torch.no_grad():
            rows = [model(input_ids=torch.tensor([row])).logits[0].float().tolist() for row in item["rows"]]
        print(json.dumps({"folder": item["folder"], "logits": rows}))
    except Exception as error:
        print(json.dumps({"folder": item["folder"], "error": f"{type(error).__name__}: {error}"[:300]}))
""".strip()


def reload_job(run: Run, stage: Stage) -> Job | None:
    """What to run in a fresh box, or nothing: the run's last adapter (the decoder's) that a live answer is known of."""
    models = stage.inside_config.get("models", {}) if stage.inside_config.get("steps") != 0 else {}
    known = {models["decoder"]} if "decoder" in models else set(models.values())
    files: dict[str, bytes] = {}
    asked: list[dict[str, Any]] = []
    for record in reversed(run.trace):
        path = _adapter_of(record, run.files) if record.get("t") == "probe" and len(asked) < MOST else None
        if (
            path is None
            or record.get("name") not in known
            or not _sound(record)
            or any(a["path"] == path for a in asked)
        ):
            continue
        config = _settings(run.files, path)
        if config is None:
            continue
        folder = f"saved-{len(asked)}"
        files[f"{folder}/adapter_model.safetensors"] = run.files[path]
        files[f"{folder}/adapter_config.json"] = json.dumps(config).encode()
        about = {"path": path, "folder": folder, "base": record["name"], "dtype": record["base_dtype"]}
        asked.append({**about, **{key: record[key] for key in ("rows", "labels", "logits")}})
    if not asked:
        return None
    files[FILE] = json.dumps(asked).encode()
    cell: dict[str, Any] = {"cell_type": "code", "id": "reload", "metadata": {}, "source": CELL, "outputs": []}
    cell["execution_count"] = None
    return Job("reload", {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, files)


def reloaded(job: Job, run: Run) -> tuple[dict[str, Any], ...]:
    """By path: how far the answers of the loaded file are from the live model's, or why it could not be loaded."""
    answers = {item.get("folder"): item for item in _printed(run.executed)}
    found = []
    for item in json.loads(job.files[FILE]):
        answer = answers.get(item["folder"], {})
        error = answer.get("error") or (None if "logits" in answer else "no answer")
        difference = None if error else _difference(item["logits"], answer["logits"])
        found.append({"path": item["path"], "difference": difference, "error": error})
    return tuple(found)


def _adapter_of(record: Mapping[str, Any], files: Mapping[str, bytes]) -> str | None:
    """The harvested adapter that lies where this save wrote."""
    target = [part for part in PurePosixPath(str(record.get("path"))).parts if part not in ("/", ".", "..")]
    for path in files:
        place = list(PurePosixPath(path).parts[:-1])
        if path.endswith("/adapter_model.safetensors") and place and place[-len(target) :] == target[-len(place) :]:
            return path
    return None


def _settings(files: Mapping[str, bytes], path: str) -> dict[str, Any] | None:
    try:
        config = json.loads(files[str(PurePosixPath(path).parent / "adapter_config.json")])
    except (KeyError, ValueError, RecursionError):
        return None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        return None
    return {name: value for name, value in config.items() if name in SETTINGS}


def _sound(record: Mapping[str, Any]) -> bool:
    """A claim that can be asked again: rows of token ids, as many answers, all of them numbers."""
    rows, logits, labels = record.get("rows"), record.get("logits"), record.get("labels")
    if not (_table(rows, int) and _table(logits, (int, float)) and isinstance(labels, int) and 0 < labels <= 2_000):
        return False
    assert isinstance(rows, list) and isinstance(logits, list)
    return len(rows) == len(logits) and all(len(row) == labels for row in logits) and record.get("base_dtype") in TYPES


def _table(value: Any, kind: type | tuple[type, ...]) -> bool:
    rows = value if isinstance(value, list) and len(value) <= 16 else []
    return bool(rows) and all(isinstance(row, list) and 0 < len(row) <= 2_000 and _all(row, kind) for row in rows)


def _all(row: list[Any], kind: type | tuple[type, ...]) -> bool:
    return all(isinstance(item, kind) and not isinstance(item, bool) for item in row)


def _printed(executed: Mapping[str, Any]) -> list[dict[str, Any]]:
    texts = [
        output.get("text", "")
        for cell in executed.get("cells", ())
        for output in cell.get("outputs", ())
        if output.get("name") == "stdout"
    ]
    lines = "".join("".join(text) for text in texts).split("\n")
    return [json.loads(line) for line in lines if line.startswith('{"folder"')]


def _difference(live: Sequence[Sequence[float]], again: Sequence[Sequence[float]]) -> float | None:
    pairs = [
        (one, other) for left, right in zip(live, again, strict=False) for one, other in zip(left, right, strict=False)
    ]
    largest = max((abs(one) for one, _ in pairs), default=0.0)
    worst = max((abs(one - other) for one, other in pairs), default=math.inf)
    return worst / largest if largest > 0 and math.isfinite(worst) else None
