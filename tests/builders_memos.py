"""Builders for memo tests: evidence, observations and rubric from the files beside this one."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from grader.catalog.rubrics import load_rubric
from grader.intake.memos import memo_text
from grader.model.assignment import Assignment
from grader.model.evidence import Evidence
from grader.model.finding import Citation
from grader.model.memo import MemoAids
from grader.model.observation import Number, Observations
from grader.model.rubric import Rubric

HERE = Path(__file__).parent / "data" / "memos"
ROOT = HERE.parents[2]


@cache
def rubric() -> Rubric:
    return load_rubric(ROOT / "rubrics" / "week3.yaml")


@cache
def assignment() -> Assignment:
    path = ROOT / "assignments" / "week3" / "memo_aids.json"
    aids = MemoAids.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else MemoAids()
    return Assignment(slug="week3", title="Week 3", rubric="rubrics/week3.yaml", classes=113, memo_aids=aids)


def outputs(run: str) -> Observations:
    data = json.loads((HERE / "runs" / f"{run}.json").read_text(encoding="utf-8"))
    items = (
        Number(source="recorded", citation=Citation(where="notebook", cell=3, output=0, quote=row["text"]), **row)
        for row in data["numbers"]
    )
    return Observations(items=tuple(items))


def cells(text: str) -> Evidence:
    """A notebook whose text cells are the parts between `<!-- cell -->`."""
    parts = [part.strip() for part in text.split("<!-- cell -->")]
    return Evidence(notebook={"nbformat": 4, "cells": [{"cell_type": "markdown", "source": part} for part in parts]})


def document(text: str) -> Evidence:
    return Evidence(memo_text=text)


def entries() -> list[dict[str, Any]]:
    return list(json.loads((HERE / "marks.json").read_text(encoding="utf-8")))


def fresh_entries() -> list[dict[str, Any]]:
    """Memos that were fresh when they were first measured; learnt from since."""
    return list(json.loads((HERE / "marks_fresh.json").read_text(encoding="utf-8")))


def text_of(entry: dict[str, Any]) -> str:
    path = HERE / f"{entry['memo']}.md"
    return (path if path.exists() else path.with_suffix(".html")).read_text(encoding="utf-8")


def evidence_of(entry: dict[str, Any]) -> Evidence:
    """As intake hands it on: a separate document is read by it first."""
    text = text_of(entry)
    return document(memo_text(text.encode())) if entry["document"] else cells(text)
