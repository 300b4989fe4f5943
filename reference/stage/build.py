"""Builds the whole stage folder; the same source on the same machine and versions gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reference.corpus.generator import Corpus
from reference.errors import RunError
from reference.models import DECODER, ENCODER, TRUE_SIZE, config_json, stand_in
from reference.stage import data, pretrain, tokenizers, truesize

VOCABULARY = 2048
STAGE = Path("assignments/week3/stage")
Report = Callable[[str], None]
_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "pyarrow")


def build(folder: Path, *, diets: dict[str, pretrain.Diet], report: Report, only: str | None = None) -> dict[str, Any]:
    """Writes hub/, data/, true_size.json, provenance.json and README.md into `folder`; returns the provenance.

    `only`: one of the two models; the other stays as it is.
    """
    corpus = Corpus()
    splits = data.generate(corpus)
    data.save(splits, folder / "data")
    made = _kept(folder / "provenance.json", only) if only else {}
    for repo in [only] if only else [ENCODER, DECODER]:
        shutil.rmtree(folder / "hub" / _cache_name(repo), ignore_errors=True)
        made[repo] = _checkpoint(repo, folder / "hub", corpus, splits, diet=diets[repo], report=report)
    _write(folder / "true_size.json", truesize.table(), indent=None)
    provenance = {
        "schema": 1,
        "made_by": "python -m reference stage",
        "recipe": asdict(corpus.recipe),
        "vocabulary": VOCABULARY,
        "models": {repo: made[repo] for repo in (ENCODER, DECODER)},
        "rows": {part: len(rows) for part, rows in splits.parts.items()},
        "versions": {name: version(name) for name in _LIBRARIES},
        "files": _inventory(folder),
    }
    _write(folder / "provenance.json", provenance)
    (folder / "README.md").write_text(_readme(provenance), encoding="utf-8")
    return provenance


def _kept(path: Path, only: str) -> dict[str, Any]:
    if not path.is_file():
        raise RunError(f"{path} is missing: build both models first.")
    made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["models"]
    return {repo: noted for repo, noted in made.items() if repo != only}


def _cache_name(repo: str) -> str:
    return f"models--{repo.replace('/', '--')}"


def _checkpoint(
    repo: str, hub: Path, corpus: Corpus, splits: data.Splits, *, diet: pretrain.Diet, report: Report
) -> dict[str, Any]:
    """Trains one stand-in and lays it down as a hub cache would; returns what to note about it."""
    words = [f" {name.lower()}" for name in splits.labels] * 3
    tokenizer = tokenizers.TRAIN[repo]([row.text for row in splits.train] + words, VOCABULARY)
    kind = stand_in(repo, vocab_size=tokenizer.get_vocab_size(), special=tokenizers.special_ids(repo, tokenizer))
    texts = corpus.unlabelled(f"pretraining/{kind.model_type}", taken=splits.texts)
    losses: list[float] = []
    start = time.monotonic()

    def progress(step: int, steps: int, loss: float) -> None:
        losses.append(loss)
        if step % 100 == 0 or step == steps:
            left = (time.monotonic() - start) / step * (steps - step)
            mean = sum(losses[-100:]) / len(losses[-100:])
            report(f"{repo}: step {step} of {steps}, loss {mean:.3f}, {left:.0f} s left")

    model = pretrain.pretrain(kind, tokenizer, texts, diet=diet, progress=progress)
    _lay_down(model, tokenizer, kind, hub)
    last = losses[-100:]
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "pretraining": asdict(diet),
        "texts_read": diet.steps * diet.batch,
        "final_loss": round(sum(last) / len(last), 4) if last else None,
    }


def _lay_down(model: Any, tokenizer: Any, kind: Any, hub: Path) -> None:
    import torch

    folder = hub / _cache_name(kind.repo)
    draft = folder / "draft"
    draft.mkdir(parents=True)
    model.to(getattr(torch, kind.dtype)).save_pretrained(draft)
    _write(draft / "config.json", config_json(kind))
    tokenizers.save(kind.repo, tokenizer, draft)
    _name_by_content(folder, draft)


def _name_by_content(folder: Path, draft: Path) -> None:
    """The snapshot of a hub cache: its revision is the hash of its files."""
    for file in draft.iterdir():
        file.chmod(0o644)  # safetensors writes 0600; in the sandbox an ordinary user reads the stage
    revision = _digest(sorted(draft.iterdir()))[:40]
    (folder / "snapshots").mkdir()
    draft.rename(folder / "snapshots" / revision)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(revision, encoding="utf-8")


def random_weights() -> dict[str, pretrain.Diet]:
    """Diets without any training, for a stage in seconds."""
    return {repo: replace(pretrain.DIETS[repo], steps=0) for repo in TRUE_SIZE}


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _inventory(folder: Path) -> dict[str, dict[str, Any]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.parent != folder)
    files.append(folder / "true_size.json")
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in files
    }


def _readme(provenance: dict[str, Any]) -> str:
    rows = provenance["rows"]
    models = "\n".join(
        f"- `{repo}`: {made['parameters']:,} parameters, pre-trained on {made['texts_read']:,} generated texts"
        for repo, made in provenance["models"].items()
    )
    return f"""# The stage of week 3

Made by `python -m reference stage`; do not edit. Mounted read-only where a notebook runs again without
network or GPU.

- `hub/`: a Hugging Face cache with two stand-in checkpoints. Architecture, depth, module names, dtype and
  tokenizer behaviour are the originals'; width and vocabulary ({provenance["vocabulary"]} tokens) are tiny.
{models}
- `data/`: generated complaints, 113 issues with a long tail: {rows["train"]:,} for training, {rows["validation"]} for
  validation, {rows["test"]} for testing. No real complaint is in it.
- `true_size.json`: names and shapes of all parameters of the two real models with 113 labels.
- `provenance.json`: recipe, seeds, library versions, size and hash of every file.
"""


def _write(path: Path, content: Any, *, indent: int | None = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
