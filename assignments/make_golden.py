"""Makes memo_aids.json and the golden cases of weeks 1 and 2: the executed solution, and one submission for each typical fault.

    python assignments/make_golden.py week1 week2

Each case is a small change of the solution, with the agreed verdicts. Students train the real model, so the parameter counts that the
stand-in printed are put at true size. Nothing is executed or graded here. Week 3 has a script of its own.
"""

from __future__ import annotations

import copy
import json
import math
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbconvert
import nbformat
import yaml

from grader.catalog.authoring import build_solution
from grader.observing.memo_layout import key_of

HERE = Path(__file__).parent
STAGE = HERE / "week3" / "stage"
Notebook = dict[str, Any]
Edit = tuple[str, str, str]
"""(cell id, old text, new text)."""
PRINTED = re.compile(r"trainable: ([\d,]+) of ([\d,]+)")


@dataclass(frozen=True)
class Case:
    """One sample of the class."""

    student: str
    edits: tuple[Edit, ...] = ()
    findings: dict[str, str] = field(default_factory=dict)
    """Where the verdicts differ from passing everything."""
    html: bool = False
    without: tuple[str, ...] = ()
    """Cells that are left out."""
    status: str = "graded"
    moodle_status: str = "Submitted for grading -  - "


LOAD = "model = AutoModelForSequenceClassification.from_pretrained(ENCODER, num_labels=NUM_LABELS, dtype=torch.float32)"
LORA = (
    LOAD
    + "\nfrom peft import LoraConfig, get_peft_model\n"
    + 'model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=16, target_modules=["Wqkv", "Wo", "Wi"]))'
)
FROZEN = LOAD + "\nfor parameter in model.model.parameters():\n    parameter.requires_grad = False"
BFLOAT = ("load", "dtype=torch.float32)", "dtype=torch.bfloat16)")
NO_WEIGHTS = ("weighted", ", weight=weights.to(outputs.logits.device))", ")")
INVERSE = ("weighted", "weights = 1 / np.sqrt(counts.to_numpy())", "weights = 1 / counts.to_numpy()")
NO_MEMO = ("memo-1", "memo-2", "memo-3")
NOTHING = {"status": "no_submission", "moodle_status": "No submission -  - "}
TRAINS, DTYPE, WEIGHTS, MEMO = (
    "encoder.trainable_params",
    "encoder.load_dtype",
    "encoder.class_weights",
    "memo.sections",
)
CHECKS = {
    "week1": (TRAINS, DTYPE, "encoder.mixed_precision", MEMO),
    "week2": (WEIGHTS, TRAINS, DTYPE, "encoder.mixed_precision", "tiers.reported", MEMO),
}
CASES: dict[str, dict[str, Case]] = {
    "week1": {
        "01-right": Case("Ada Lovelace"),
        "02-right-html": Case("José Ángel Núñez-García", html=True),
        "03-lora-instead": Case("Tom Riddle", edits=(("load", LOAD, LORA),), findings={TRAINS: "partial"}),
        "04-head-only": Case("Mary-Jane Watson", edits=(("load", LOAD, FROZEN),), findings={TRAINS: "partial"}),
        "05-bfloat16": Case("Owen Öztürk", edits=(BFLOAT,), findings={DTYPE: "failed"}),
        "06-no-memo": Case("Nobody Else", without=NO_MEMO, findings={MEMO: "failed"}),
        "07-nothing": Case("Noel Nothing", **NOTHING),
    },
    "week2": {
        "01-right": Case("Ada Lovelace"),
        "02-right-html": Case("José Ángel Núñez-García", html=True),
        "03-weights-not-used": Case("محمد علي", edits=(NO_WEIGHTS,), findings={WEIGHTS: "failed"}),
        "04-inverse-counts": Case("Priya Raman", edits=(INVERSE,), findings={WEIGHTS: "partial"}),
        "05-late": Case("Lars Late", moodle_status="Submitted for grading - 1 day 2 hours late -  - "),
        "06-no-memo": Case("Nobody Else", without=NO_MEMO, findings={MEMO: "failed"}),
        "07-nothing": Case("Noel Nothing", **NOTHING),
    },
}


def main(slugs: list[str]) -> None:
    """Make the aids and the cases of the assignments named."""
    for slug in slugs:
        folder = HERE / slug
        source = json.loads((folder / "source.ipynb").read_text("utf-8"))
        (folder / "memo_aids.json").write_text(json.dumps(aids(source), ensure_ascii=False) + "\n", "utf-8")
        solution = at_true_size(build_solution(source))
        for name, case in CASES[slug].items():
            target = folder / "golden" / name
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for file, data in files(case, solution).items():
                (target / file).write_bytes(data)
            agreed = yaml.safe_dump(expected(slug, case), allow_unicode=True, sort_keys=False)
            (target / "case.yaml").write_text(agreed, "utf-8")


def aids(source: Notebook) -> dict[str, Any]:
    """The starter's own text lines, which are nobody's memo, and the names of the classes."""
    texts = ["".join(cell["source"]) for cell in source["cells"] if cell["cell_type"] == "markdown"]
    kept = (re.sub(r"### BEGIN SOLUTION.*?### END SOLUTION", "", text, flags=re.DOTALL) for text in texts)
    prompts = {key for text in kept for line in text.splitlines() if len(key := key_of(line)) > 3}
    return {"prompts": sorted(prompts), "classes": json.loads((STAGE / "data" / "labels.json").read_text("utf-8"))}


def at_true_size(solution: Notebook) -> Notebook:
    """As a student's run prints it."""
    table = json.loads((STAGE / "true_size.json").read_text("utf-8"))["models"]["answerdotai/ModernBERT-base"]
    total = f"{sum(math.prod(shape) for shape in table['parameters'].values()):,}"
    made = copy.deepcopy(solution)
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            text = PRINTED.sub(f"trainable: {total} of {total}", json.dumps(cell["outputs"], ensure_ascii=False))
            cell["outputs"] = json.loads(text)
    return made


def files(case: Case, solution: Notebook) -> dict[str, bytes]:
    """What is handed in."""
    if case.status == "no_submission":
        return {}
    made = copy.deepcopy(solution)
    made["cells"] = [cell for cell in made["cells"] if cell["id"] not in case.without]
    for name, old, new in case.edits:
        cell = next(cell for cell in made["cells"] if cell["id"] == name)
        text = "".join(cell["source"])
        if old not in text:
            raise SystemExit(f"{name} does not hold {old!r}")
        cell["source"] = text.replace(old, new)
    if not case.html:
        return {"homework.ipynb": (json.dumps(made, ensure_ascii=False, indent=1) + "\n").encode()}
    page, _ = nbconvert.HTMLExporter(template_name="lab").from_notebook_node(nbformat.from_dict(made))
    return {"homework.html": page.encode()}


def expected(slug: str, case: Case) -> dict[str, Any]:
    """The agreed answers."""
    findings = {} if case.status == "no_submission" else dict.fromkeys(CHECKS[slug], "passed") | case.findings
    expect = {"status": case.status, "findings": findings}
    return {"student": case.student, "moodle_status": case.moodle_status, "expect": expect}


if __name__ == "__main__":
    main(sys.argv[1:] or ["week1", "week2"])
