"""Makes the golden cases of week 3: the solution and one submission for each typical fault, with the agreed verdicts.

    python assignments/week3/golden/make.py [CASE ...]

Each case is a small change of the executed solution. Students train the real models, so the parameter counts that the stand-ins
printed are put at true size, in outputs and memo; a change that alters what a student would have seen alters that too. Nothing is
executed or graded here.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbconvert
import nbformat
import yaml

from grader.catalog.authoring import build_solution, build_starter

FOLDER = Path(__file__).parent
SOURCE = FOLDER.parent / "source.ipynb"
Notebook = dict[str, Any]
Edit = tuple[str, str, str]
"""(cell id, old text, new text): the old text must stand there exactly once or more."""

CHECKS = (
    "decoder.padding_side", "decoder.score_head", "decoder.load_dtype", "decoder.mixed_precision", "encoder.trainable_params",
    "decoder.trainable_params", "decoder.class_weights", "tiers.reported", "latency.method", "latency.reported", "memo.sections",
)  # fmt: skip
ALL_PASSED = dict.fromkeys(CHECKS, "passed")


@dataclass(frozen=True)
class Case:
    """One sample of the class."""

    student: str
    edits: tuple[Edit, ...] = ()
    """Changes of the code."""
    shown: tuple[tuple[str, str], ...] = ()
    """(old, new): what therefore stands otherwise in outputs and memo."""
    form: str = "ipynb"
    """`ipynb`, `html` (nbconvert's lab template) or `classic`."""
    name: str = "homework"
    unrun_from: str | None = None
    """Outputs of this cell and of all later ones are dropped."""
    change: Callable[[Notebook], Notebook] = field(default=lambda notebook: notebook)
    status: str = "graded"
    execution: str = "ok"
    moodle_status: str = "Submitted for grading -  - "
    findings: dict[str, str] = field(default_factory=dict)
    """Where the verdicts differ from passing everything."""
    raw: bytes | None = None
    """A file that is no notebook at all."""


def _without_memo(*gone: int) -> Callable[[Notebook], Notebook]:
    def change(notebook: Notebook) -> Notebook:
        names = {f"memo-{number}" for number in gone}
        return {**notebook, "cells": [cell for cell in notebook["cells"] if cell["id"] not in names]}

    return change


RIGHT_PADDING: tuple[Edit, ...] = (("decoder-tokenizer", 'padding_side = "left"', 'padding_side = "right"'),)
POOLING: tuple[Edit, ...] = (
    *RIGHT_PADDING,
    (
        "decoder-lora",
        "    return get_peft_model(model, config)",
        """    model = get_peft_model(model, config)
    score = model.base_model.model.score

    def classify(input_ids=None, attention_mask=None, labels=None, **kwargs):
        hidden = model.base_model.model.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        logits = score(hidden)[:, -1]  # the last token has seen everything
        loss = torch.nn.functional.cross_entropy(logits, labels) if labels is not None else None
        return SequenceClassifierOutput(loss=loss, logits=logits)

    model.base_model.model.forward = classify
    return model""",
    ),
    ("setup", "import torch\n", "import torch\nfrom transformers.modeling_outputs import SequenceClassifierOutput\n"),
    # the reloaded model would not have the hand-written forward
    ("save", 'print("reloaded decoder gives the same logits:", same)', 'print("reloaded:", same)'),
)
NO_HEAD: tuple[Edit, ...] = (
    ("decoder-lora", "task_type=TaskType.SEQ_CLS, ", ""),
    ("decoder-lora", ', modules_to_save=["score"]', ""),
)
ONLY_QV: tuple[Edit, ...] = (("decoder-lora", '"q_proj", "k_proj", "v_proj", "o_proj"', '"q_proj", "v_proj"'),)
NO_WEIGHTS: tuple[Edit, ...] = (("decoder-weighted", ", weight=weights.to(outputs.logits.device))", ")"),)
OLD_SPELLINGS: tuple[Edit, ...] = (
    ("helpers", 'eval_strategy="epoch"', 'evaluation_strategy="epoch"'),
    ("helpers", "warmup_steps=0.06", "warmup_ratio=0.06"),
    ("helpers", "logging_steps=50,", 'logging_steps=50, logging_dir="logs", overwrite_output_dir=True,'),
    ("encoder-layers", "dtype=torch.float32", "torch_dtype=torch.float32"),
    ("decoder-lora", "dtype=torch.float32", "torch_dtype=torch.float32"),
    (
        "encoder-train",
        "compute_metrics=compute_metrics)",
        "compute_metrics=compute_metrics, tokenizer=encoder_tokenizer)",
    ),
)

# Trainable and all parameters at true size, as PEFT prints them (stand-ins' own figures are read from the source).
TRUE_SIZE = {"encoder": ("3,466,097", "153,157,858", "2.2631"), "decoder": ("2,263,936", "496,397,952", "0.4561")}
ON_THE_RIGHT = (("on the left", "on the right"),)
COUNT_NO_HEAD = (
    ("2,263,936", "2,162,688"),
    ("2263936", "2162688"),
    ("496,397,952", "496,296,704"),
    ("0.4561", "0.4358"),
)
COUNT_QV = (("2,263,936", "1,182,592"), ("2263936", "1182592"), ("496,397,952", "495,316,608"), ("0.4561", "0.2388"))
PRINTED = re.compile(r"trainable params: ([\d,]+) \|\| all params: ([\d,]+) \|\| trainable%: ([\d.]+)")

CASES: dict[str, Case] = {
    "01-right": Case("Ada Lovelace"),
    "02-right-html": Case("José Ángel Núñez-García", form="html", name="week3_homework"),
    "03-right-old-spellings": Case("Jean Paul Test User 99", edits=OLD_SPELLINGS),
    "04-padding-right": Case(
        "Siobhán OBrien", edits=RIGHT_PADDING, shown=ON_THE_RIGHT, findings={"decoder.padding_side": "failed"}
    ),
    "05-padding-right-last-position": Case(
        "李小龙", edits=POOLING, shown=ON_THE_RIGHT, findings={"decoder.padding_side": "failed"}
    ),
    "06-head-frozen": Case(
        "Mary-Jane Watson",
        edits=NO_HEAD,
        shown=COUNT_NO_HEAD,
        findings={"decoder.score_head": "failed", "decoder.trainable_params": "failed"},
    ),
    "07-bfloat16-at-load": Case(
        "Owen Öztürk",
        form="html",
        edits=(("decoder-lora", ", dtype=torch.float32)", ", dtype=torch.bfloat16)"),),
        execution="error",
        findings={"decoder.load_dtype": "failed"},
    ),
    "08-bf16-training": Case(
        "Priya Raman", edits=(("helpers", "fp16=GPU", "bf16=True"),), findings={"decoder.mixed_precision": "failed"}
    ),
    "09-only-q-and-v": Case(
        "Tom Riddle", edits=ONLY_QV, shown=COUNT_QV, findings={"decoder.trainable_params": "partial"}
    ),
    "10-weights-not-used": Case(
        "محمد علي", edits=NO_WEIGHTS, form="classic", findings={"decoder.class_weights": "failed"}
    ),
    "11-crash-in-latency": Case(
        "Robert Bob Smith, Jr.",
        edits=(("latency", "def wait():", "texts_32 = tests_df['text'][:32]\n\n\ndef wait():"),),
        unrun_from="latency",
        execution="error",
        status="needs_review",
        findings={"latency.reported": "not_assessed"},
    ),
    "12-endless-loop": Case(
        "Eve Loop",
        edits=(("save", "for name, model, tokenizer in", "while True:\n    pass\n\nfor name, model, tokenizer in"),),
        unrun_from="save",
        execution="timeout",
    ),
    "13-two-sections-missing": Case("Nobody Else", change=_without_memo(2, 5), findings={"memo.sections": "failed"}),
    "14-starter": Case("Empty Handed", name="starter", status="needs_review", execution="error"),
    "15-draft": Case("Dora Draft", moodle_status="Draft (not submitted) -  - ", status="needs_review"),
    "16-late": Case("Lars Late", moodle_status="Submitted for grading - 1 day 2 hours late -  - "),
    "17-not-a-notebook": Case(
        "Pia Pdf", raw=b"%PDF-1.7\n1 0 obj <<>> endobj\n%%EOF\n", name="homework", status="unreadable"
    ),
    "18-nothing": Case("Noel Nothing", moodle_status="No submission -  - ", status="no_submission"),
}


def main(wanted: list[str]) -> None:
    """Make the named cases, or all."""
    source = json.loads(SOURCE.read_text("utf-8"))
    solution = _at_true_size(build_solution(source))
    for name, case in CASES.items():
        if wanted and name not in wanted:
            continue
        print(name, flush=True)
        folder = FOLDER / name
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for file, data in _files(case, source, solution).items():
            (folder / file).write_bytes(data)
        (folder / "case.yaml").write_text(yaml.safe_dump(_agreed(case), allow_unicode=True, sort_keys=False), "utf-8")


def _at_true_size(solution: Notebook) -> Notebook:
    changes: list[tuple[str, str]] = []
    for cell_id, role in (("encoder-lora", "encoder"), ("decoder-lora", "decoder")):
        outputs = next(cell for cell in solution["cells"] if cell["id"] == cell_id)["outputs"]
        printed = PRINTED.search(json.dumps(outputs))
        if printed is None:
            raise SystemExit(f"{cell_id} prints no trainable parameters: run `python -m reference notebook` first")
        for old, new in zip(printed.groups(), TRUE_SIZE[role], strict=True):
            changes += [(old, new), (old.replace(",", ""), new.replace(",", ""))]
    return _shown(solution, tuple(changes))


def _shown(notebook: Notebook, changes: tuple[tuple[str, str], ...]) -> Notebook:
    """Every change made in outputs and in text cells, never in code, and never within a longer number."""
    made = copy.deepcopy(notebook)
    for cell in made["cells"]:
        key = "outputs" if cell["cell_type"] == "code" else "source"
        text = json.dumps(cell[key], ensure_ascii=False)
        for old, new in changes:
            text = re.sub(rf"(?<![\d.,]){re.escape(old)}(?!\d)", new, text)
        cell[key] = json.loads(text)
    return made


def _agreed(case: Case) -> dict[str, Any]:
    handed_in = case.status in ("graded", "needs_review")
    findings = (ALL_PASSED | case.findings) if handed_in and case.name != "starter" else {}
    expect = {"status": case.status, "execution": case.execution if handed_in else "skipped", "findings": findings}
    return {"student": case.student, "moodle_status": case.moodle_status, "expect": expect}


def _files(case: Case, source: Notebook, solution: Notebook) -> dict[str, bytes]:
    if case.status == "no_submission":
        return {}
    if case.raw is not None:
        return {f"{case.name}.pdf": case.raw}
    if case.name == "starter":
        return {"starter.ipynb": _bytes(build_starter(source))}
    notebook = case.change(_shown(_edited(solution, case.edits), case.shown))
    if case.unrun_from is not None:
        notebook = _unrun(notebook, case.unrun_from)
    if case.form == "ipynb":
        return {f"{case.name}.ipynb": _bytes(notebook)}
    exporter = nbconvert.HTMLExporter(template_name="lab" if case.form == "html" else "classic")
    html, _ = exporter.from_notebook_node(nbformat.from_dict(notebook))
    return {f"{case.name}.html": html.encode()}


def _edited(notebook: Notebook, edits: tuple[Edit, ...]) -> Notebook:
    made = copy.deepcopy(notebook)
    for cell_id, old, new in edits:
        cell = next(cell for cell in made["cells"] if cell["id"] == cell_id)
        text = "".join(cell["source"])
        if old not in text:
            raise SystemExit(f"{cell_id} does not hold {old!r}")
        cell["source"] = text.replace(old, new)
    return made


def _unrun(notebook: Notebook, first: str) -> Notebook:
    made = copy.deepcopy(notebook)
    begun = False
    for cell in made["cells"]:
        begun = begun or cell["id"] == first
        if begun and cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return made


def _bytes(notebook: Notebook) -> bytes:
    return (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode()


if __name__ == "__main__":
    main(sys.argv[1:])
