"""The rows a run trains and is measured on: the course's folder layout, checked, with a hash that names the data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reference.errors import RunError

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Tables:
    """The three splits."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    labels: list[str]
    "The index of a name is the label."
    digest: str
    "SHA-256 over all rows and label names."

    @property
    def counts(self) -> list[int]:
        """Training rows per label."""
        return [int(n) for n in self.train["label"].value_counts().reindex(range(len(self.labels)), fill_value=0)]


def load(folder: Path) -> Tables:
    """Reads `<part>.parquet` and labels.json from `folder`."""
    if not (folder / "labels.json").is_file():
        raise RunError(
            f"{folder} holds no labels.json. Make it with `python -m reference stage` or `python -m reference data`."
        )
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    parts = {part: _read(folder / f"{part}.parquet", len(labels)) for part in PARTS}
    return Tables(**parts, labels=labels, digest=_digest(parts, labels))


def _read(path: Path, labels: int) -> pd.DataFrame:
    if not path.is_file():
        raise RunError(f"{path} is missing.")
    table = pd.read_parquet(path)
    if not {"text", "label"} <= set(table.columns):
        raise RunError(f"{path} must have the columns text and label; it has {', '.join(table.columns)}.")
    if table.empty or not table["label"].between(0, labels - 1).all():
        raise RunError(f"{path}: every label must lie between 0 and {labels - 1}, and there must be rows.")
    return table[["text", "label"]]


def _digest(parts: dict[str, pd.DataFrame], labels: list[str]) -> str:
    digest = hashlib.sha256(json.dumps(labels).encode())
    for part in PARTS:
        for text, label in zip(parts[part]["text"], parts[part]["label"], strict=True):
            digest.update(f"{part}\0{label}\0{text}\0".encode())
    return digest.hexdigest()
