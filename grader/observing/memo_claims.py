"""What a memo states: comparisons, hypotheses, explanations and how surely they are held, recommendations, experiments, rules.

Found by the words that such statements can't do without. Whether a claim is right or follows from the evidence, a reader decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from grader.model.memo import Claim, ClaimKind, Passage

Held = Literal["certain", "plain", "hedged", "open"]
CAUSES = ("exposure", "size", "architecture")
_DIGIT = re.compile(r"\d")
_TABLES = frozenset({"row", "heading"})


def claims_of(passages: tuple[Passage, ...]) -> tuple[Claim, ...]:
    """All claims, in order."""
    return tuple(
        claim
        for index, passage in enumerate(passages)
        if passage.kind not in _TABLES
        for claim in _claims(index, passage)
    )


def _claims(index: int, passage: Passage) -> Iterator[Claim]:
    tags = passage.tags
    for kind, topics in _kinds(passage):
        yield Claim(
            kind=kind,
            passage=index,
            topics=frozenset(topics),
            held=held(tags),
            condition="condition" in tags,
            has_number=_DIGIT.search(passage.text) is not None,
        )


def _kinds(passage: Passage) -> Iterator[tuple[ClaimKind, set[str]]]:
    tags = passage.tags
    models = {"encoder", "decoder"} & tags
    if {"relative", "gap"} & tags or (len(models) == 2 and {"latency", "accuracy", "macro_f1"} & tags):
        yield "comparison", set(models | ({"accuracy", "macro_f1", "latency", "throughput"} & tags))
    if {"rare", "middle", "common"} & tags:
        yield "tier", {"rare", "middle", "common"} & tags
    if "hypothesis" in tags:
        yield ("prediction" if passage.section != "weighting" and "weighted" not in tags else "hypothesis"), set(models)
    causes = set(CAUSES) & tags
    if causes and {"reason", "hedge", "test_of", "certain", "open"} & tags:
        yield "explanation", causes
    if "recommend" in tags:
        yield "recommendation", models | ({"situation"} & tags)
    if "experiment" in tags and passage.section in ("next", None):
        yield "experiment", {"fixed"} & tags
    if "threshold" in tags and {"both_sides", "condition", "expectation"} & tags:
        yield "decision_rule", {"both_sides"} & tags
    if {"one_seed", "few_test", "zero_not_nothing"} & tags:
        yield "limit", {"one_seed", "few_test", "zero_not_nothing"} & tags


def held(tags: frozenset[str]) -> Held:
    """How surely a sentence is held: open beats hedged beats certain."""
    if "open" in tags:
        return "open"
    if "hedge" in tags:
        return "hedged"
    return "certain" if "certain" in tags else "plain"
