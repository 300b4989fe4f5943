"""Reads the public complaint table (CSV): narratives, issue labels, a stratified split.

Keeps rows with a narrative, drops repeated texts, keeps the most frequent issues that have enough rows, and splits every
issue alike. Downloads nothing: the table comes from the bureau's own site.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reference.corpus.generator import Complaint
from reference.errors import RunError

TEXT = "Consumer complaint narrative"
ISSUE = "Issue"
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Selection:
    """What to take from the table."""

    classes: int = 113
    "Issues to keep, the most frequent ones."
    least: int = 6
    "Rows that an issue needs: four to train on, one to validate, one to test."
    rows: int | None = 72_500
    "About how many rows to keep in all, each issue in proportion; null keeps all."
    validation: float = 0.1
    "Share for validation."
    test: float = 0.1
    "Share for testing."
    seed: int = 42
    "Of the draw and the split."


def read(path: Path, selection: Selection) -> tuple[list[str], dict[str, list[Complaint]]]:
    """Label names and the three parts."""
    by_issue = _enough(_collect(path), selection)
    labels = sorted(by_issue)
    parts: dict[str, list[Complaint]] = {"train": [], "validation": [], "test": []}
    keep = _share(by_issue, selection)
    for label, issue in enumerate(labels):
        rng = random.Random(f"{selection.seed}/{issue}")
        texts = rng.sample(by_issue[issue], max(selection.least, round(len(by_issue[issue]) * keep)))
        for part, chosen in _split(texts, selection):
            parts[part] += [Complaint(text, label) for text in chosen]
    for part, rows in parts.items():
        random.Random(f"{selection.seed}/{part}").shuffle(rows)
    return labels, parts


def _collect(path: Path) -> dict[str, list[str]]:
    """Texts per issue, each text once: the first time that it stands in the table."""
    seen: set[str] = set()
    by_issue: dict[str, list[str]] = {}
    for chunk in _chunks(path):
        for text, issue in zip(chunk[TEXT], chunk[ISSUE], strict=True):
            plain = _SPACE.sub(" ", text).strip()
            if plain and plain.lower() not in seen:
                seen.add(plain.lower())
                by_issue.setdefault(issue.strip(), []).append(plain)
    if not by_issue:
        raise RunError(f"{path}: no row has both a narrative and an issue.")
    return by_issue


def _chunks(path: Path) -> Iterator[pd.DataFrame]:
    if not path.is_file():
        raise RunError(f"{path} does not exist. Download the complaint table as CSV and name it here.")
    try:
        for chunk in pd.read_csv(path, usecols=[TEXT, ISSUE], dtype=str, chunksize=100_000):
            yield chunk.dropna()
    except ValueError as error:
        raise RunError(f"{path}: a CSV with the columns {TEXT!r} and {ISSUE!r} is needed: {error}") from error


def _enough(by_issue: dict[str, list[str]], selection: Selection) -> dict[str, list[str]]:
    ranked = sorted(by_issue, key=lambda issue: (-len(by_issue[issue]), issue))[: selection.classes]
    kept = [issue for issue in ranked if len(by_issue[issue]) >= selection.least]
    if len(kept) < selection.classes:
        raise RunError(
            f"Only {len(kept)} issues have at least {selection.least} different narratives; "
            f"{selection.classes} are asked for. Use a larger table or fewer classes."
        )
    return {issue: by_issue[issue] for issue in kept}


def _share(by_issue: dict[str, list[str]], selection: Selection) -> float:
    total = sum(len(texts) for texts in by_issue.values())
    return 1.0 if selection.rows is None else min(1.0, selection.rows / total)


def _split(texts: list[str], selection: Selection) -> Iterator[tuple[str, list[str]]]:
    """At least one row of every issue in each part."""
    validation = max(1, round(len(texts) * selection.validation))
    test = max(1, round(len(texts) * selection.test))
    yield "validation", texts[:validation]
    yield "test", texts[validation : validation + test]
    yield "train", texts[validation + test :]
