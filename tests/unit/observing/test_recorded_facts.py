from __future__ import annotations

import json
import time
from typing import Any

import pytest

from grader.model.assignment import Assignment
from grader.model.evidence import Evidence
from grader.model.observation import Environment, Loaded, LoraConfigured, Number, Observation, PaddingSet
from grader.observing.notebook import OUTPUT_CHARS, clean, read_cells
from grader.observing.recorded import observe_outputs

PLAIN = Assignment(slug="week3", title="Week 3", rubric="rubrics/week3.yaml")


def notebook(source: str, *texts: str) -> dict[str, Any]:
    outputs = [{"output_type": "stream", "name": "stdout", "text": text} for text in texts]
    return {"cells": [{"cell_type": "code", "source": source, "outputs": outputs}]}


def observed(kind: type[Observation], source: str, *texts: str) -> list[Any]:
    found = observe_outputs(Evidence(notebook=notebook(source, *texts)), PLAIN)
    return [item for item in found if isinstance(item, kind)]


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("print(x)", "transformers: 4.48.0\n", {"transformers": "4.48.0"}),
        ("print(x)", "Transformers version: 4.48.0 | PEFT 0.14.0 | torch 2.5.1+cu124\n", {"transformers": "4.48.0", "peft": "0.14.0", "torch": "2.5.1+cu124"}),
        ("transformers.__version__", "'5.0.1'\n", {"transformers": "5.0.1"}),
        ("print(torch.__version__)\nprint(transformers.__version__)", "2.6.0\n4.50.1\n", {"torch": "2.6.0", "transformers": "4.50.1"}),
        ("print(transformers.__version__, peft.__version__)", "4.57.1 0.17.1\n", {"transformers": "4.57.1", "peft": "0.17.1"}),
        ("transformers.__version__, torch.__version__", "('4.57.1', '2.6.0+cu124')", {"transformers": "4.57.1", "torch": "2.6.0+cu124"}),
        ("!pip install", "Successfully installed peft-0.15.2 tokenizers-0.21.0 transformers-4.51.3\n", {"peft": "0.15.2", "transformers": "4.51.3"}),
        ("!pip install", "Requirement already satisfied: transformers>=4.48 in /usr/local/lib (4.51.3)\n", {"transformers": "4.51.3"}),
        ("!pip list", "transformers                       4.47.1\n", {"transformers": "4.47.1"}),
        ("load()", "Some weights of Qwen2ForSequenceClassification were not initialized from the model checkpoint\n", {"transformers": "4"}),
        ("load()", "Qwen2ForSequenceClassification LOAD REPORT from: Qwen/Qwen2.5-0.5B\n", {"transformers": "5"}),
        ("t()", "FutureWarning: `tokenizer` is deprecated and will be removed in version 5.0.0 for `Trainer.__init__`\n", {"transformers": "4"}),
        ("!nvidia-smi", "| NVIDIA-SMI 550.54 |\n|   0  Tesla T4                       Off | 00000000:00:04.0 Off |\n", {"gpu": "Tesla T4"}),
        ("print(torch.cuda.get_device_name(0))", "NVIDIA A100-SXM4-40GB\n", {"gpu": "NVIDIA A100-SXM4-40GB"}),
        ("print(gpu)", "GPU: NVIDIA L4\n", {"gpu": "NVIDIA L4"}),
        ("print(d)", "Using device: cpu\n", {"gpu": "cpu"}),
    ],
)  # fmt: skip
def test_versions_and_hardware_are_read(source: str, text: str, expected: dict[str, str]) -> None:
    found = observed(Environment, source, text)
    shown = {
        name: getattr(item, name)
        for item in found
        for name in ("transformers", "peft", "torch", "gpu")
        if getattr(item, name)
    }
    assert shown == expected


@pytest.mark.parametrize(
    "text",
    [
        "Found existing installation: transformers 4.40.0\n",
        "peft 0.14.0 requires transformers>=4.33, but you have transformers 4.20.0 which is incompatible.\n",
        "the model has 4 transformers\n",
        "sentence-transformers-3.1.0\n",
    ],
)
def test_versions_that_were_not_in_use_are_not_taken(text: str) -> None:
    assert [item for item in observed(Environment, "!pip", text) if item.transformers] == []


@pytest.mark.parametrize(
    ("source", "text", "model", "side"),
    [
        ("print(decoder_tokenizer.padding_side)", "padding side: left\n", "decoder", "left"),
        ("show()", "Encoder tokenizer padding_side = 'right'\n", "encoder", "right"),
        (
            "tok",
            "Qwen2TokenizerFast(name_or_path='Qwen/Qwen2.5-0.5B', vocab_size=151643, padding_side='left')",
            "decoder",
            "left",
        ),
        ("show()", "padding_side: right", None, "right"),
    ],
)
def test_printed_padding_sides_are_read(source: str, text: str, model: str | None, side: str) -> None:
    assert [(item.model, item.side) for item in observed(PaddingSet, source, text)] == [(model, side)]


def test_a_printed_dtype_belongs_to_its_model_and_other_dtypes_to_none() -> None:
    text = "Decoder dtype: torch.bfloat16\nName: f1, dtype: float64\ntensor([1.0], dtype=torch.float32)\n"
    assert [(item.model, item.dtype) for item in observed(Loaded, "show()", text)] == [("decoder", "bfloat16")]


def test_a_printed_lora_configuration_is_read() -> None:
    text = (
        "LoraConfig(task_type=<TaskType.SEQ_CLS: 'SEQ_CLS'>, peft_type=<PeftType.LORA: 'LORA'>, r=16, target_modules={'v_proj', 'q_proj'}, "
        "lora_alpha=32, modules_to_save=None, runtime_config=LoraRuntimeConfig(ephemeral_gpu_offload=False))"
    )
    found = observed(LoraConfigured, "print(decoder_config)", text)
    expected = {
        "task_type": "SEQ_CLS",
        "peft_type": "LORA",
        "r": 16,
        "target_modules": ["q_proj", "v_proj"],
        "lora_alpha": 32,
        "modules_to_save": None,
    }
    assert [(item.model, item.config) for item in found] == [("decoder", expected)]


def test_colours_and_progress_bars_are_folded_away() -> None:
    assert clean("\x1b[1mAccuracy\x1b[0m: 0.5\n 10%|█ | 1/10\r100%|██| 10/10\n") == "Accuracy: 0.5\n100%|██| 10/10\n"


@pytest.mark.parametrize(
    "broken",
    [
        None, {}, {"cells": None}, {"cells": [None, 3, "x", []]}, {"cells": [{"cell_type": "code", "outputs": {"a": 1}}]},
        {"cells": [{"cell_type": "code", "source": 5, "outputs": [None, {"output_type": "stream", "text": 4}, {"data": []}]}]},
        {"cells": [{"cell_type": "code", "source": [1, "a"], "outputs": [{"output_type": "display_data", "data": {"text/html": {"a": 1}}}]}]},
        {"cells": [{"cell_type": "code", "outputs": [{"output_type": "error", "ename": None, "evalue": ["x"]}]}]},
    ],
)  # fmt: skip
def test_broken_notebooks_say_nothing(broken: Any) -> None:
    assert observe_outputs(Evidence(notebook=broken), PLAIN) == ()


HOSTILE = {
    "digits": "1" * 300_000,
    "digit commas": "1,111" * 60_000,
    "points": "1." * 150_000,
    "dashes": "-" * 300_000,
    "blanks": " " * 300_000,
    "bars": "|" * 300_000,
    "bar lines": "|a|1|\n" * 50_000,
    "braces": "{" * 100_000,
    "brackets": "[" * 100_000,
    "quotes": "{'a': " * 30_000,
    "zero words": "zero " * 60_000,
    "f1 words": "f1 " * 100_000,
    "class words": "class zero f1 = 0 " * 15_000,
    "numbers": "0.5 " * 75_000,
    "number lines": "accuracy 0.5\n" * 25_000,
    "wide table": ("a  " * 3_000 + "\n" + "1  " * 3_000 + "\n") * 10,
    "aligned": "      f1   acc\n" + "x     0.1  0.2\n" * 20_000,
    "names": "encoder decoder " * 20_000,
    "parentheses": "(" * 150_000 + ")" * 150_000,
    "versions": "transformers " * 25_000,
    "lora": "LoraConfig(" * 30_000,
    "tensor": "tensor(" * 40_000,
    "gpu": "NVIDIA " * 40_000,
    "escape": "\x1b[" * 150_000,
    "returns": "a\r" * 150_000,
    "long word": "a_" * 150_000,
    "camel": "aA" * 150_000,
    "cut": "\n" * 300_000,
    "ranges": "(1, 2] " * 40_000,
    "padding": "padding side " * 20_000,
    "trainable": "trainable: 1 / " * 20_000,
    "deep dict": "{'a': " * 90 + "1" + "}" * 90,
    "big int": "{'accuracy': " + "9" * 4_000 + "}",
    "inf": "{'accuracy': 1e999, 'f1': nan}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_read_in_bounded_time_and_never_raises(text: str) -> None:
    start = time.process_time()
    observe_outputs(Evidence(notebook=notebook(text[:3_000], text)), PLAIN)
    observe_outputs(Evidence(notebook={"cells": [{"cell_type": "markdown", "source": text}]}), PLAIN)
    assert time.process_time() - start < 30  # quadratic readers take minutes on these


@pytest.mark.parametrize("html", ["<table>" * 50_000, "<table>" + "<tr><td colspan=9999999>1</td></tr>" * 5_000, "<div>" * 100_000, "<table><tr><th>" + "&" * 100_000, "<" * 200_000, "<script>" * 20_000])  # fmt: skip
def test_hostile_html_is_read_in_bounded_time_and_never_raises(html: str) -> None:
    cell = {
        "cell_type": "code",
        "source": "x",
        "outputs": [{"output_type": "display_data", "data": {"text/html": html}}],
    }
    observe_outputs(Evidence(notebook={"cells": [cell]}), PLAIN)


def test_a_flood_of_numbers_is_cut_and_named_ones_are_kept_first() -> None:
    flood = "\n".join(" ".join(str(value) for value in range(30)) for _ in range(500))
    found = observed(Number, "show()", f"{flood}\nencoder accuracy: 0.571\n")
    assert len(found) <= 6_000
    assert [item.value for item in found if item.metric == "accuracy"] == [0.571]


def test_the_end_of_a_very_long_output_is_read_too() -> None:
    found = observed(Number, "show()", "x\n" * OUTPUT_CHARS + "encoder accuracy: 0.571\n")
    assert [item.value for item in found] == [0.571]


def test_notebooks_with_ten_thousand_outputs_are_bounded() -> None:
    many = notebook("x", *["accuracy 0.5\n"] * 10_000)
    assert len(read_cells(many)[0].outputs) == 500
    assert json.dumps(len(observe_outputs(Evidence(notebook=many), PLAIN)))
