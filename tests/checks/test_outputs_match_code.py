from __future__ import annotations

from typing import Any

import pytest

from grader.checking.api import CheckOptions
from grader.checks.outputs_match_code import outputs_match_code
from grader.model.finding import Finding
from grader.model.observation import Observations, Trainable
from tests.builders_notebooks import case, code, presentable

LOAD = (
    "dec = AutoModelForSequenceClassification.from_pretrained('Qwen/Qwen2.5-0.5B', num_labels=113, dtype=torch.float32)\n"
    "dec = get_peft_model(dec, LoraConfig(task_type='SEQ_CLS', r={r}, target_modules={targets}))\ndec.print_trainable_parameters()"
)
QKVO = "['q_proj', 'k_proj', 'v_proj', 'o_proj']"
QV = "['q_proj', 'v_proj']"
LINE = "trainable params: {count:,} || all params: 496,397,952 || trainable%: 0.4561\n"


def loaded(count: int, *, r: object = 16, targets: str = QKVO, more: str = "") -> dict[str, Any]:
    return code(LOAD.format(r=r, targets=targets) + more, LINE.format(count=count), count=1)


def trained(asked: str, *shown: str | dict[str, str]) -> dict[str, Any]:
    return code(f"t = Trainer(model=dec, args=TrainingArguments('o', {asked}))\nt.train()", *shown, count=2)


def answer(*cells: dict[str, Any]) -> Finding:
    found = outputs_match_code(case(*cells), CheckOptions())
    assert presentable(found)
    return found


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ([loaded(2_263_936)], "passed"),
        ([loaded(1_182_592, r=8)], "passed"),
        ([loaded(1_182_592, targets=QV)], "passed"),
        ([loaded(2_263_936, r=32, targets=QV)], "passed"),
        ([loaded(1_182_592)], "failed"),
        ([loaded(2_263_936, r=8)], "failed"),
        ([loaded(2_263_936, r="choose()")], "passed"),
        ([loaded(999_999, targets="names(dec)")], "passed"),
        ([loaded(999_999, more="\nfor p in dec.score.parameters():\n    p.requires_grad = True")], "passed"),
        ([loaded(494_134_016)], "passed"),
        ([code(LOAD.format(r=16, targets=QKVO), "trainable params: 89,632 || all params: 366,688 || trainable%: 24.4437\n")], "passed"),
        ([loaded(2_263_936), trained("num_train_epochs=3", "{'loss': 2.0, 'epoch': 2.99}\n{'loss': 1.9, 'epoch': 3.0}\n")], "passed"),
        ([loaded(2_263_936), trained("num_train_epochs=1", "{'loss': 2.0, 'epoch': 2.0}\n{'loss': 1.9, 'epoch': 3.0}\n")], "failed"),
        ([loaded(2_263_936), trained("num_train_epochs=3", "{'loss': 2.0, 'epoch': 1.0}\n")], "passed"),
        ([loaded(2_263_936), trained("num_train_epochs=n()", "{'loss': 2.0, 'epoch': 9.0}\n")], "passed"),
        ([loaded(2_263_936), code("for epoch in range(1):\n    for b in dl:\n        dec(**b).loss.backward()", "decoder epoch 1: loss 2.1\ndecoder epoch 3: loss 1.2\n", count=2)], "failed"),
        ([loaded(2_263_936), code("for epoch in range(3):\n    for b in dl:\n        dec(**b).loss.backward()", "decoder epoch 1: loss 2.1\ndecoder epoch 3: loss 1.2\n", count=2)], "passed"),
        ([loaded(2_263_936), code("for epoch in range(N()):\n    for b in dl:\n        dec(**b).loss.backward()", "decoder epoch 9: loss 2.1\n", count=2)], "passed"),
        ([loaded(2_263_936), code("dec_show()", "Decoder zero-F1 classes: 140\n")], "failed"),
        ([code("!pip install transformers==4.48.0", count=1), code("import transformers\ntransformers.__version__", {"text/plain": "'4.48.0'"}, count=2)], "passed"),
        ([code("!pip install transformers==4.48", count=1), code("import transformers\ntransformers.__version__", {"text/plain": "'5.1.0'"}, count=2)], "partial"),
        ([code("a()", "x\n", count=7), code("b()", "x\n", count=3)], "partial"),
        ([code("a()", "x\n", count=3), code("b()", "x\n", count=7)], "passed"),
        ([code("a()")], "not_assessed"),
    ],
)  # fmt: skip
def test_outputs_are_held_against_the_code(cells: list[dict[str, Any]], verdict: str) -> None:
    assert answer(*cells).verdict == verdict


def test_a_contradiction_is_explained_and_flagged_for_a_person() -> None:
    found = answer(loaded(1_182_592))
    assert [flag.kind for flag in found.flags] == ["outputs_contradict_code"]
    assert "1,182,592" in found.student_text
    assert "2,263,936" in found.student_text
    assert "r=8 on q,k,v,o" in found.staff_text
    assert found.citations[0].quote.startswith("trainable params: 1,182,592")


def test_a_wrapper_that_adds_no_head_explains_a_count_without_it() -> None:
    plain = LOAD.format(r=16, targets=QKVO).replace("get_peft_model(dec, ", "PeftModel(dec, ")
    assert answer(code(plain, LINE.format(count=2_162_688), count=1)).verdict == "passed"
    assert answer(code(plain, LINE.format(count=2_263_936), count=1)).verdict == "failed"


@pytest.mark.parametrize(
    ("call", "verdict"),
    [("Experiment(dec, ", "passed"), ("dec.add_adapter(", "passed"), ("get_peft_model(dec, ", "failed")],
)
def test_a_count_without_the_head_is_possible_where_the_call_is_missing_or_transformers_own(
    call: str, verdict: str
) -> None:
    told = LOAD.format(r=16, targets=QKVO).replace("dec = get_peft_model(dec, ", f"run = {call}")
    assert answer(code(told, LINE.format(count=2_162_688), count=1)).verdict == verdict


def test_what_the_dry_runs_stand_in_trains_is_no_contradiction() -> None:
    shown = case(code(LOAD.format(r=16, targets=QKVO), "decoder trainable parameters: 58,016\n", count=1))
    assert outputs_match_code(shown, CheckOptions()).verdict == "failed"
    ran = Trainable(
        source="dry_run",
        model="decoder",
        names=(("base_model.model.score.modules_to_save.default.weight", (113, 512)), ("a.lora_A", (16, 10))),
    )
    seen = Observations(items=(*shown.seen.items, ran))
    assert outputs_match_code(shown.model_copy(update={"seen": seen}), CheckOptions()).verdict == "passed"


def test_a_second_run_with_another_configuration_explains_its_count() -> None:
    other = code(LOAD.format(r=8, targets=QKVO), LINE.format(count=1_182_592), count=2)
    assert answer(loaded(2_263_936), other).verdict == "passed"


def test_counts_of_an_unnamed_model_are_not_judged() -> None:
    assert (
        answer(code("a()", LINE.format(count=1), count=1), code(LOAD.format(r=16, targets=QKVO), count=2)).verdict
        == "passed"
    )
