"""A notebook handed in as HTML gets the verdicts that it gets as a notebook, whatever template exported it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from grader.pipeline.executing import static_evidence
from grader.pipeline.judging import judge
from tests.corpus.handwritten import FOLDER, read_text
from tests.corpus.judge import materials, task_of

SOME = ("13-accelerate-functions.nb", "24-pad-sequence.nb", "33-no-lora-claim.nb", "35-launcher-chinese.nb")


@cache
def notebook(name: str) -> dict[str, Any]:
    return read_text(Path(FOLDER, name).read_text(encoding="utf-8"))[1]


def verdicts(name: str, data: bytes) -> dict[str, str]:
    task, parts = task_of("x", {name: data}), materials()
    found = judge(task.submission, static_evidence(task, ""), parts, scale=parts.assignment.scale).findings.findings
    return {line: finding.verdict for line, finding in found.items()}


@pytest.mark.parametrize("template", ["lab", "classic", "basic"])
@pytest.mark.parametrize("name", SOME)
def test_the_page_is_judged_as_the_notebook_is(name: str, template: str) -> None:
    page, _ = HTMLExporter(template_name=template).from_notebook_node(nbformat.from_dict(notebook(name)))
    assert verdicts("hw.html", page.encode()) == verdicts("hw.ipynb", json.dumps(notebook(name)).encode())


def test_a_page_cut_in_the_middle_fails_nothing() -> None:
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(nbformat.from_dict(notebook(SOME[2])))
    whole, cut = verdicts("hw.html", page.encode()), verdicts("hw.html", page[: int(len(page) * 0.99)].encode())
    assert "failed" in whole.values()
    assert "failed" not in cut.values()
