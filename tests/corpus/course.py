"""The course's true-size world as the generator imagines it: class counts, what runs give, how many parameters train.

Every figure that a notebook shows comes from here, so that saved outputs, tables and memo agree with one another by
construction. Parameter counts are arithmetic on the models' published sizes.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.corpus.choices import Choices, Lora

STAGE = Path(__file__).resolve().parents[2] / "assignments" / "week3" / "stage"
CLASSES = 113
TRAIN_ROWS, VALIDATION_ROWS, TEST_ROWS = 58_112, 7_264, 7_264
BASE = {"encoder": 149_691_761, "decoder": 494_134_016}
HEAD = {"encoder": 113 * 768 + 113, "decoder": 113 * 896}
HIDDEN = {"encoder": 768, "decoder": 896}
LAYERS = {"encoder": 22, "decoder": 24}
SIDES = {
    "encoder": {"Wqkv": [768 + 2304], "Wo": [768 + 768, 1152 + 768], "Wi": [768 + 2304]},
    "decoder": {
        "q_proj": [1792],
        "k_proj": [1024],
        "v_proj": [1024],
        "o_proj": [1792],
        "gate_proj": [5760],
        "up_proj": [5760],
        "down_proj": [5760],
    },
}
"""Input plus output width of each adapted matrix in a layer."""


@cache
def labels() -> tuple[str, ...]:
    """Class names, as the stage has them."""
    return tuple(json.loads((STAGE / "data" / "labels.json").read_text(encoding="utf-8")))


@cache
def class_counts() -> tuple[int, ...]:
    """Training rows per class at true size: 29 rare classes of 4 to 27 rows, a long tail, two very common ones."""
    rng = random.Random("course/counts")
    rare = [rng.randint(4, 27) for _ in range(29)]
    middle = [int(28 * (499 / 28) ** (index / 55)) for index in range(56)]
    common = [int(510 * 1.079**index) for index in range(28)]
    counts = rare + middle + common
    counts[-1] += TRAIN_ROWS - sum(counts)
    rng.shuffle(counts)
    return tuple(counts)


@dataclass(frozen=True)
class Result:
    """What one run gave on the test set."""

    accuracy: float
    per_class: tuple[float, ...]
    minutes: float

    @property
    def macro_f1(self) -> float:
        """Mean over all classes."""
        return sum(self.per_class) / CLASSES

    @property
    def zeros(self) -> int:
        """Classes never predicted right."""
        return sum(value == 0 for value in self.per_class)


AIM = {"encoder": (0.562, 0.206, 33.0), "decoder": (0.581, 0.247, 71.0), "decoder_weighted": (0.534, 0.268, 72.0)}
NEVER = {0.206: 0.24, 0.247: 0.19, 0.268: 0.13}
"""How far classes are pushed towards zero, by aim."""


def results(chosen: Choices) -> dict[str, Result]:
    """All three runs of this student."""
    rng = random.Random(f"results/{chosen.seed}")
    out = {run: _result(rng, *AIM[run]) for run in AIM}
    if chosen.result == "poor":
        out["decoder"] = _result(rng, 0.31, 0.06, 71.0)
    if chosen.result == "boast":
        out["decoder"] = Result(0.0041, tuple(0.0 if i % 9 else 0.006 for i in range(CLASSES)), 70.2)
    if chosen.result == "impossible":
        out["decoder"] = Result(1.3716, out["decoder"].per_class, 70.9)
    return out


def _result(rng: random.Random, accuracy: float, aim: float, minutes: float) -> Result:
    raw = [
        max(0.0, min(0.95, rng.gauss(0.13 * (count / 27) ** 0.42 - NEVER.get(aim, 0.3), 0.1)))
        for count in class_counts()
    ]
    low, high = 0.05, 5.0
    for _ in range(40):
        middle = (low + high) / 2
        mean = sum(min(0.95, value * middle) for value in raw) / CLASSES
        low, high = (middle, high) if mean < aim + rng.uniform(-0.002, 0.002) else (low, middle)
    per_class = tuple(round(min(0.95, value * low), 6) for value in raw)
    return Result(round(accuracy + rng.uniform(-0.006, 0.006), 6), per_class, minutes * rng.uniform(0.95, 1.06))


def latency(chosen: Choices) -> dict[str, float]:
    """Milliseconds per example at batch 32."""
    rng = random.Random(f"latency/{chosen.seed}")
    faster = {"T4": 1.0, "unshown": 1.0, "A100": 0.2, "L4": 0.5}[chosen.hardware]
    return {"encoder": 9.8 * faster * rng.uniform(0.93, 1.08), "decoder": 26.9 * faster * rng.uniform(0.93, 1.08)}


def trainable(role: str, lora: Lora) -> tuple[int, int]:
    """(trainable, all) as PEFT counts them for this configuration at true size."""
    sides = SIDES[role]
    names = list(sides) if lora.targets == ("all-linear",) else [name for name in lora.targets if name in sides]
    adapter = lora.rank * LAYERS[role] * sum(sum(sides[name]) for name in names)
    if role == "encoder" and lora.targets == ("all-linear",):
        adapter += lora.rank * (768 + 768)
    if "lora_only" in lora.extra:
        raise ValueError("biases are not counted here")
    head = HEAD[role] if lora.head_trains else 0
    if lora.append_bug and lora.task_type == "missing":
        adapter, head = adapter + lora.rank * (896 + CLASSES), 0
    if lora.targets == ("all-linear",) and lora.task_type == "missing" and not lora.head_listed:
        adapter += lora.rank * (HIDDEN[role] + CLASSES)
    copied = (
        HEAD[role]
        if not lora.append_bug and (lora.head_listed or (lora.task_type != "missing" and lora.head_trains))
        else 0
    )
    total = BASE[role] + adapter + copied
    return (total if lora.unfrozen else adapter + head), total
