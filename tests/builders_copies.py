"""A class with planted copies: programs from the generated corpus, memos that different people wrote, and known pairs of copies."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from grader.model.evidence import Evidence
from grader.model.likeness import Likeness
from grader.observing.likeness import likeness_of
from grader.pipeline.reading import read
from tests.builders_memos import entries, text_of
from tests.corpus.choices import draw
from tests.corpus.judge import materials
from tests.corpus.notebook import build

Notebook = dict[str, Any]
Pair = frozenset[str]


@cache
def honest(count: int, *, first: int = 500) -> dict[str, Notebook]:
    """Submissions that nobody copied: each with another program, other figures, and another person's memo."""
    memos = [text_of(entry) for entry in entries() if len(text_of(entry).split()) > 150]
    made = {}
    for number in range(count):
        notebook = build(draw(first + number))
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        memo = {"cell_type": "markdown", "metadata": {}, "id": "memo", "source": memos[number % len(memos)]}
        made[f"s{number}"] = {**notebook, "cells": [*code, memo]}
    return made


def renamed(notebook: Notebook) -> Notebook:
    """All own names of the code are others, and comments are added."""
    made = copy.deepcopy(notebook)
    code = "\n".join(str(cell["source"]) for cell in made["cells"] if cell["cell_type"] == "code")
    names = sorted(set(re.findall(r"^\s*([a-z_]\w*) = ", code, re.MULTILINE)))
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            for place, name in enumerate(names):
                cell["source"] = re.sub(rf"\b{name}\b", f"my_{place}", str(cell["source"]))
            cell["source"] = "# my own work\n" + str(cell["source"])
            cell["outputs"] = []
    made["cells"][-1]["source"] = "## Memo\n\nI wrote nothing yet."
    return made


def reworded(notebook: Notebook) -> Notebook:
    """The memo of somebody else with every ninth word changed and other numbers; code of one's own."""
    made = copy.deepcopy(notebook)
    words = re.sub(r"\d", "4", made["cells"][-1]["source"]).split(" ")
    made["cells"][-1]["source"] = " ".join("thing" if place % 9 == 8 else word for place, word in enumerate(words))
    made["cells"] = [{"cell_type": "code", "metadata": {}, "source": "print('mine')", "outputs": []}, made["cells"][-1]]
    return made


def shuffled(notebook: Notebook) -> Notebook:
    """Sentences in another order; no code."""
    made = copy.deepcopy(notebook)
    parts = re.split(r"(?<=[.!?])\s+", made["cells"][-1]["source"])
    random.Random(1).shuffle(parts)
    made["cells"] = [{**made["cells"][-1], "source": " ".join(parts)}]
    return made


WAYS: dict[str, Callable[[Notebook], Notebook]] = {
    "as it is": copy.deepcopy,
    "names changed": renamed,
    "words changed": reworded,
    "sentences shuffled": shuffled,
}


def planted(count: int, *, first: int = 500) -> tuple[dict[str, Notebook], dict[Pair, str]]:
    """An honest class with one copy in each way of each of some people, and which pairs are copies."""
    found = dict(honest(count, first=first))
    pairs: dict[Pair, str] = {}
    originals = list(found)
    for place, (way, change) in enumerate(WAYS.items()):
        for turn in range(2):
            who = originals[place * 2 + turn]
            name = f"c{place}{turn}"
            found[name] = change(found[who])
            pairs[frozenset((who, name))] = way
    return found, pairs


def likeness(notebook: Notebook) -> Likeness:
    """What is compared of a notebook."""
    evidence = Evidence(notebook=notebook)
    reading = read(evidence, materials())
    return likeness_of(evidence, reading.memo, reading.seen)
