"""Program, outputs and memo put together as one nbformat-4 notebook, with boilerplate, left-overs and damage."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from tests.corpus.choices import Choices
from tests.corpus.memo import render, sections
from tests.corpus.outputs import GPUS, VERSIONS, Printer, stream
from tests.corpus.program import Piece, program

TITLES = {
    "en": {
        "setup": "Setup",
        "data": "Data",
        "encoder": "Part A: the encoder",
        "decoder": "Part B: the decoder",
        "weights": "Class weights",
        "tiers": "Frequency tiers",
        "latency": "Latency",
        "save": "Saving",
        "memo": "Part C: the memo",
    },
    "de": {
        "setup": "Vorbereitung",
        "data": "Daten",
        "encoder": "Teil A: Encoder",
        "decoder": "Teil B: Decoder",
        "weights": "Klassengewichte",
        "tiers": "Häufigkeitsstufen",
        "latency": "Latenz",
        "save": "Speichern",
        "memo": "Teil C: Memo",
    },
    "es": {
        "setup": "Preparación",
        "data": "Datos",
        "encoder": "Parte A: encoder",
        "decoder": "Parte B: decoder",
        "weights": "Pesos de clase",
        "tiers": "Niveles de frecuencia",
        "latency": "Latencia",
        "save": "Guardar",
        "memo": "Parte C: memo",
    },
    "fr": {
        "setup": "Préparation",
        "data": "Données",
        "encoder": "Partie A : encodeur",
        "decoder": "Partie B : décodeur",
        "weights": "Poids des classes",
        "tiers": "Niveaux de fréquence",
        "latency": "Latence",
        "save": "Sauvegarde",
        "memo": "Partie C : mémo",
    },
    "zh": {
        "setup": "准备",
        "data": "数据",
        "encoder": "A 部分：编码器",
        "decoder": "B 部分：解码器",
        "weights": "类别权重",
        "tiers": "频率层级",
        "latency": "延迟",
        "save": "保存",
        "memo": "C 部分：备忘录",
    },
}
SMI = """{when}
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 550.54.15              Driver Version: 550.54.15      CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
|=========================================+========================+======================|
|   0  {gpu:<26}         Off |   00000000:00:04.0 Off |                    0 |
| N/A   46C    P8             10W /   70W |       0MiB /  15360MiB |      0%      Default |
+-----------------------------------------+------------------------+----------------------+"""


@dataclass
class Cell:
    """A cell on its way into the notebook."""

    source: str
    code: bool = True
    outputs: list[dict[str, Any]] | None = None
    defines: bool = False
    count: int | None = None


def build(chosen: Choices) -> dict[str, Any]:
    """The notebook as JSON."""
    printer = Printer(chosen)
    cells = [*_boilerplate(chosen), *_body(chosen, printer), *_memo(chosen, printer)]
    cells = _leftovers(chosen, cells)
    _number(cells)
    cells = _damage(chosen, cells)
    _outputs(chosen, cells)
    return {
        "cells": [_as_json(cell, f"cell{index:03d}") for index, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _as_json(cell: Cell, name: str) -> dict[str, Any]:
    if not cell.code:
        return {"cell_type": "markdown", "id": name, "metadata": {}, "source": cell.source}
    outputs = json.loads(json.dumps(cell.outputs or []))
    for output in outputs:
        if output["output_type"] == "execute_result":
            output["execution_count"] = cell.count
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {},
        "source": cell.source,
        "outputs": outputs,
        "execution_count": cell.count,
    }


def _boilerplate(chosen: Choices) -> list[Cell]:
    cells = [Cell("# Week 3 homework", code=False)]
    if chosen.shown_by == "pin" and chosen.library != "unknown":
        cells.append(
            Cell(
                f"!pip install -q transformers=={VERSIONS[chosen.library]} peft==0.18.0 accelerate datasets", outputs=[]
            )
        )
    if chosen.boilerplate == "colab":
        cells.append(
            Cell(
                'from google.colab import drive\ndrive.mount("/content/drive")',
                outputs=[stream("Mounted at /content/drive")],
            )
        )
    if chosen.boilerplate == "kaggle":
        cells.append(
            Cell(
                "import os\nfor dirname, _, filenames in os.walk('/kaggle/input'):\n    for filename in filenames:\n"
                "        print(os.path.join(dirname, filename))",
                outputs=[stream("/kaggle/input/consumer-complaints/train.parquet")],
            )
        )
    if chosen.boilerplate == "wandb":
        cells.append(
            Cell(
                'import os\nos.environ["WANDB_DISABLED"] = "true"\nos.environ["TOKENIZERS_PARALLELISM"] = "false"',
                outputs=[],
            )
        )
    if chosen.hardware != "unshown" and chosen.naming % 2 == 0:
        text = SMI.format(when="Sat Nov 14 10:31:02 2026", gpu=GPUS[chosen.hardware])
        cells.append(Cell("!nvidia-smi", outputs=[stream(text)]))
    return cells


def _body(chosen: Choices, printer: Printer) -> list[Cell]:
    titles, cells = TITLES[chosen.language], []
    for part in program(chosen):
        if part.title in titles:
            cells.append(Cell(f"## {titles[part.title]}", code=False))
        cells.append(_cell(part, printer))
    return cells


def _cell(part: Piece, printer: Printer) -> Cell:
    return Cell(part.source.strip("\n"), outputs=printer.of(part.prints), defines=part.defines)


def _memo(chosen: Choices, printer: Printer) -> list[Cell]:
    found = render(chosen, sections(chosen, printer))
    return (
        [Cell(f"# {TITLES[chosen.language]['memo']}", code=False), *[Cell(text, code=False) for text in found]]
        if found
        else []
    )


def _number(cells: list[Cell]) -> None:
    for count, cell in enumerate((cell for cell in cells if cell.code), 1):
        cell.count = count


LEFTOVERS = {
    "comment": '# tokenizer.padding_side = "right"\n# model = AutoModelForSequenceClassification.from_pretrained(DECODER, dtype=torch.bfloat16)\n'
    '# config = LoraConfig(r=8, target_modules=["q_proj", "v_proj"])\n# args = TrainingArguments("x", bf16=True)',
    "first_try": 'first_try = AutoModelForSequenceClassification.from_pretrained("Qwen/Qwen2.5-0.5B", num_labels=113, dtype=torch.bfloat16)\n'
    "print(first_try.config.hidden_size, first_try.dtype)\ndel first_try",
    "dead_function": 'def old_model():\n    """Not used any more."""\n    m = AutoModelForSequenceClassification.from_pretrained(\n'
    '        "Qwen/Qwen2.5-0.5B", num_labels=113, torch_dtype=torch.float16)\n'
    '    return get_peft_model(m, LoraConfig(r=4, target_modules=["q_proj"]))',
}
NOTE = 'Note to self: `tokenizer.padding_side = "right"` and `bf16=True` were my first try:\n\n```python\nargs = TrainingArguments("x", bf16=True)\n```'


def _leftovers(chosen: Choices, cells: list[Cell]) -> list[Cell]:
    if chosen.leftover == "none":
        return cells
    after = next(index for index, cell in enumerate(cells) if cell.code and "label_names = " in cell.source) + 1
    if chosen.leftover == "markdown":
        new = Cell(NOTE, code=False)
    else:
        out = [stream("896 torch.bfloat16")] if chosen.leftover == "first_try" else []
        new = Cell(LEFTOVERS[chosen.leftover], outputs=out)
    return [*cells[:after], new, *cells[after:]]


def _damage(chosen: Choices, cells: list[Cell]) -> list[Cell]:
    """A scrambled notebook: it ran once, in another order, or with a cell that is gone."""
    helpers = [index for index, cell in enumerate(cells) if cell.defines]
    if chosen.damage == "counts":
        for cell in cells:
            cell.count = cell.count + 30 if cell.count else cell.count
        return cells
    if chosen.damage == "none" or not helpers:
        return cells
    index = helpers[-1]
    rest = [*cells[:index], *cells[index + 1 :]]
    if chosen.damage == "deleted":
        return rest
    last = max(i for i, cell in enumerate(rest) if cell.code)
    return [*rest[: last + 1], cells[index], *rest[last + 1 :]]


def _outputs(chosen: Choices, cells: list[Cell]) -> None:
    code = [cell for cell in cells if cell.code]
    if chosen.outputs == "missing":
        for cell in code:
            cell.outputs, cell.count = [], None
    if chosen.outputs == "truncated":
        rng = random.Random(f"truncated/{chosen.seed}")
        for cell in rng.sample(code, k=len(code) // 3):
            cell.outputs = [stream("Output truncated.")] if cell.outputs else []
    if chosen.outputs == "text":
        for cell in code:
            for output in cell.outputs or []:
                if "data" in output:
                    output["data"].pop("text/html", None)
