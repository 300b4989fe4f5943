"""Single sentences in many students' words, and near misses, read beside the tables of run `a`: which steps of which criteria they earn.

The table is tests/data/memos/sentences.yaml. The reader was tuned on every other sentence of each list, from the first; on the rest it was
measured once, when the rules stood (README.md there); more came with the memos `n01` to `n16`. A structural reader misses some and takes some: what is held here are shares.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import yaml

from grader.model.finding import Findings
from grader.observing.memo import read_memo
from grader.scoring.suggest import suggest
from tests.builders_memos import HERE, assignment, cells, outputs, rubric

TABLE: dict[str, dict[str, dict[str, list[str]]]] = yaml.safe_load((HERE / "sentences.yaml").read_text("utf-8"))
STEPS = [(criterion, step) for criterion, steps in TABLE.items() for step in steps]
HEADINGS = {
    "1": "Systems-level comparison",
    "2": "Class weighting on the decoder",
    "3": "Per-class analysis",
    "4": "Latency and deployment",
    "5": "What I would do next",
}
TABLES = {
    "1": "| | accuracy | macro F1 | zeros | trainable |\n|---|---|---|---|---|\n| encoder | 0.5512 | 0.2014 | 44 | 3,466,097 |\n"
    "| decoder | 0.5871 | 0.2694 | 33 | 2,263,936 |\n",
    "2": "| | accuracy | macro F1 | zeros |\n|---|---|---|---|\n| decoder weighted | 0.5523 | 0.2831 | 27 |\n",
    "3": "| tier | classes | encoder F1 | decoder F1 |\n|---|---|---|---|\n| rare (<28) | 29 | 0.012 | 0.071 |\n"
    "| low (28-100) | 28 | 0.081 | 0.173 |\n| mid (101-500) | 31 | 0.248 | 0.331 |\n| common (>500) | 25 | 0.498 | 0.531 |\n",
    "4": "| | ms/example |\n|---|---|\n| encoder | 9.84 |\n| decoder | 27.41 |\n",
    "5": "",
}
PLAN = "I would train the decoder again with more rare texts."
CHOICE = "I would deploy the encoder for a web form at 9.84 ms."
AFTER_A_CHOICE = {"what would change it", "what it gives up"}
AFTER_A_PLAN = {
    "what is held fixed",
    "a value that decides",
    "what is done on either side",
    "what it costs",
    "why this one rather than the next best",
}
FOUND, TAKEN = 0.5, 0.25
"""At least so large a share of a step's sentences is understood, and at most so large a one of its near misses is taken for them."""


@cache
def earns(criterion: str, step: str, sentence: str) -> bool:
    """Whether the criterion says that it found the step, whole or in part."""
    before = PLAN if step in AFTER_A_PLAN else CHOICE if step in AFTER_A_CHOICE else ""
    text = f"{before} {sentence}".strip()
    parts = [f"## {HEADINGS[key]}\n\n{table}\n{text if key == criterion[0] else ''}\n" for key, table in TABLES.items()]
    seen = outputs("a")
    memo = read_memo(cells("\n".join(parts)), assignment(), rubric(), seen)
    found: Any = suggest(memo, rubric(), seen, Findings())[criterion].seen
    return step in found or f"{step} (in part)" in found


def share(criterion: str, step: str, kind: str, part: slice = slice(None)) -> float:
    told = [earns(criterion, step, sentence) for sentence in TABLE[criterion][step][kind][part]]
    return sum(told) / len(told)


@pytest.mark.parametrize(("criterion", "step"), STEPS)
def test_a_step_is_found_in_whatever_words(criterion: str, step: str) -> None:
    assert share(criterion, step, "counts") >= FOUND


@pytest.mark.parametrize(("criterion", "step"), STEPS)
def test_what_comes_near_a_step_is_not_taken_for_it(criterion: str, step: str) -> None:
    assert share(criterion, step, "not") <= TAKEN


def test_no_step_of_a_criterion_is_without_near_misses() -> None:
    for criterion, steps in TABLE.items():
        assert sum(len(lists["counts"]) for lists in steps.values()) >= 30, criterion
        assert sum(len(lists["not"]) for lists in steps.values()) >= 30, criterion
