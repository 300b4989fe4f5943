"""The stage's data set: train, validation and test tables with the long tail of the real complaints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from reference.corpus.generator import Complaint, Corpus, long_tail, share_out

TRAIN_ROWS = 2960
VALIDATION_ROWS = 40
TEST_ROWS = 712
TEST_LEAST = 704
"""22 batches of 32: as many as students' latency loops take."""
LARGEST = (640, 510)
LEAST = 4


@dataclass(frozen=True)
class Splits:
    """The three tables and the label names."""

    labels: list[str]
    train: list[Complaint]
    validation: list[Complaint]
    test: list[Complaint]

    @property
    def parts(self) -> dict[str, list[Complaint]]:
        """The tables by the names of their files."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def texts(self) -> frozenset[str]:
        """Every text of every table."""
        return frozenset(row.text for rows in self.parts.values() for row in rows)


def generate(corpus: Corpus) -> Splits:
    """Deterministic splits without a duplicate text among or inside them."""
    sizes = long_tail(corpus.by_frequency, TRAIN_ROWS, top=LARGEST, least=LEAST)
    taken: set[str] = set()
    train = corpus.labelled(sizes, "train", taken=taken)
    validation = corpus.labelled(share_out(sizes, VALIDATION_ROWS), "validation", taken=taken)
    test = corpus.labelled(share_out(sizes, TEST_ROWS), "test", taken=taken)
    lost = dict.fromkeys(sizes, 0) | {corpus.by_frequency[0]: max(0, TEST_LEAST - len(test))}
    test += corpus.labelled(lost, "test/more", taken=taken)  # shares are rounded down
    return Splits(corpus.labels, train, validation, test)


def save(splits: Splits, folder: Path) -> None:
    """Writes the stage's tables."""
    write(splits.labels, splits.parts, folder)


def write(labels: list[str], parts: dict[str, list[Complaint]], folder: Path) -> None:
    """Writes `<part>.parquet` (text, label) and labels.json (its index is the label)."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([("text", pa.string()), ("label", pa.int64())])
    for part, rows in parts.items():
        columns = [[row.text for row in rows], [row.label for row in rows]]
        pq.write_table(pa.table(columns, schema=schema), folder / f"{part}.parquet", compression="zstd")
    names = json.dumps(labels, indent=1, ensure_ascii=False)
    (folder / "labels.json").write_text(names + "\n", encoding="utf-8")
