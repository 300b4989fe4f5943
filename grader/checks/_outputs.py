"""What checks on saved outputs ask: which numbers are the student's own results, whether outputs are of the practice models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from math import prod
from typing import Any

from grader.checking.api import Case
from grader.model.base import Role
from grader.model.observation import Number, Trainable

OUTPUT_CHARS = 100_000
PRACTICE = 0.2
"""Outputs whose models have less than this share of the true size come from the practice models."""


def numbers(case: Case, metric: str, *, model: Role | None = None, run: str | None = None) -> tuple[Number, ...]:
    """Recorded figures of a whole model, held-out ones, in order; `run` null means the plain run."""
    return tuple(
        item
        for item in case.seen.of(Number, model=model, source="recorded")
        if item.metric == metric and item.subject is None and item.split != "train" and same_run(item.run, run)
    )


def same_run(shown: str | None, asked: str | None) -> bool:
    """A figure without a run's name is the plain run's."""
    return shown == asked or (asked in (None, "plain") and shown in (None, "plain"))


def practice_models(case: Case) -> bool:
    """The outputs show models far smaller than the real ones: they are not from the real run."""
    return any(practice_count(case, item) for item in case.seen.of(Trainable, source="recorded"))


def practice_count(case: Case, item: Trainable) -> bool:
    """A printed count is of the practice models: of far too small a model, or what the dry run's stand-in trains."""
    small = {other.count for other in case.seen.of(Trainable, source="recorded") if _of_small_model(case, other)}
    if _of_small_model(case, item) or item.count in small:
        return True
    roles = [item.model] if item.model else list(case.assignment.models)
    runs = [run for role in roles for run in case.seen.of(Trainable, model=role, source="dry_run") if run.names]
    return item.count is not None and any(item.count == sum(prod(shape) for _, shape in run.names) for run in runs)


def _of_small_model(case: Case, item: Trainable) -> bool:
    roles = [item.model] if item.model else list(case.assignment.models)
    sizes = [true_size(case, role) for role in roles]
    return bool(item.total and sizes and all(size and item.total < PRACTICE * size for size in sizes))


def true_size(case: Case, role: Role) -> int | None:
    """All parameters of one of the assignment's models."""
    facts = case.assignment.models.get(role)
    return sum(prod(shape) for shape in facts.parameters.values()) if facts and facts.parameters else None


def has_outputs(case: Case) -> bool:
    """Any code cell of the submitted notebook has an output."""
    return any(True for cell in cells(case) if cell.get("cell_type") == "code" and cell.get("outputs"))


def cells(case: Case) -> Iterator[dict[str, Any]]:
    """The submitted notebook's cells."""
    found = (case.evidence.notebook or {}).get("cells")
    for cell in found if isinstance(found, list) else ():
        if isinstance(cell, dict):
            yield cell


def source_of(cell: dict[str, Any]) -> str:
    """A cell's text."""
    text = cell.get("source")
    return text if isinstance(text, str) else "".join(item for item in text or () if isinstance(item, str))


def shows_picture(case: Case, index: int | None) -> bool:
    """The cell's outputs hold a picture."""
    found = list(cells(case))
    if index is None or not 0 <= index < len(found):
        return False
    outputs = found[index].get("outputs")
    datas = [item.get("data") for item in outputs if isinstance(item, dict)] if isinstance(outputs, list) else []
    return any(str(name).startswith("image/") for data in datas if isinstance(data, dict) for name in data)


def memo_says(case: Case, words: re.Pattern[str]) -> bool:
    """A line of the memo (Markdown cells, or a document beside) has these words and a number."""
    texts = [source_of(cell) for cell in cells(case) if cell.get("cell_type") == "markdown"]
    lines = (line for text in (*texts, case.evidence.memo_text or "") for line in text.split("\n"))
    return any(words.search(line) and re.search(r"\d\.\d|\d\s?%|\b\d+\b", line) for line in lines)


def outputs_say(case: Case, words: re.Pattern[str], *, lines: int = 2) -> bool:
    """So many lines of the outputs have these words and a decimal number."""
    texts = (_output_text(item) for cell in cells(case) for item in _outputs_of(cell))
    short = (line[:300] for text in texts for line in text[:OUTPUT_CHARS].split("\n"))
    found = (line for line in short if words.search(line) and re.search(r"\d[.,]\d", line))
    return sum(1 for _ in islice(found, lines)) >= lines


def _outputs_of(cell: dict[str, Any]) -> list[dict[str, Any]]:
    found = cell.get("outputs")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _output_text(output: dict[str, Any]) -> str:
    data = output.get("data")
    text = output.get("text") or (data.get("text/plain") if isinstance(data, dict) else "")
    return text if isinstance(text, str) else "".join(item for item in text or () if isinstance(item, str))


def joined(words: Iterable[str]) -> str:
    """`a, b and c`."""
    items = list(words)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""
