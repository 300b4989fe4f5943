"""Writes memo_aids.json: hashed shingles of the lecture, the course's own figures, the starter's text lines, class names.

    python assignments/week3/make_memo_aids.py LECTURE.txt

The lecture's text itself is not ours to publish and never enters the repository: only truncated keyed hashes of runs of eight
words do. Run again when the lecture, source.ipynb or the labels change.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from grader.model.memo import CourseFigure, MemoAids
from grader.observing.memo_layout import key_of
from grader.observing.memo_overlap import make_shingles

HERE = Path(__file__).parent
KEY = "week3-lecture-1"
SOLUTION = re.compile(r"### BEGIN SOLUTION.*?### END SOLUTION", re.DOTALL)

# value, unit (`%`, `ms`, `per_second`, `min`, `x`, `money` or none), what it is, result of an earlier week?
FIGURES = (
    (56.6, "%", "full fine-tuning of the encoder, accuracy", True),
    (0.566, "", "full fine-tuning of the encoder, accuracy", True),
    (0.209, "", "full fine-tuning of the encoder, macro F1", True),
    (46, "", "full fine-tuning of the encoder, zero-F1 classes", True),
    (56.6, "", "full fine-tuning of the encoder, accuracy", True),
    (52, "%", "week 2, weighted encoder, accuracy", True),
    (52, "", "week 2, weighted encoder, accuracy", True),
    (0.52, "", "week 2, weighted encoder, accuracy", True),
    (0.24, "", "week 2, weighted encoder, macro F1", True),
    (37, "", "week 2, weighted encoder, zero-F1 classes", True),
    (15, "%", "week 2, relative gain in macro F1", True),
    (4.6, "points", "week 2, loss in accuracy", True),
    (4.6, "%", "week 2, loss in accuracy", True),
    (0.031, "", "week 2, gain in macro F1", True),
    (149e6, "", "parameters of ModernBERT-base", False),
    (494e6, "", "parameters of Qwen2.5-0.5B", False),
    (0.5e9, "", "parameters of Qwen2.5-0.5B", False),
    (2e12, "", "pretraining tokens of the encoder", False),
    (18e12, "", "pretraining tokens of the decoder", False),
    (36e12, "", "pretraining tokens of Qwen 3", False),
    (9, "x", "ratio of pretraining data", False),
    (3.3, "x", "ratio of sizes", False),
    (3.5e6, "", "trainable parameters of the encoder", False),
    (2.3, "%", "share of trained parameters, encoder", False),
    (0.46, "%", "share of trained parameters, decoder", False),
    (2, "%", "share of trained parameters", False),
    (10, "ms", "lecture's latency of the encoder", False),
    (27, "ms", "lecture's latency of the decoder", False),
    (2.8, "x", "lecture's latency ratio", False),
    (2.7, "x", "lecture's throughput ratio", False),
    (100, "per_second", "lecture's throughput of the encoder", False),
    (37, "per_second", "lecture's throughput of the decoder", False),
    (10, "min", "lecture's time for 64,000 complaints, encoder", False),
    (29, "min", "lecture's time for 64,000 complaints, decoder", False),
    (64000, "", "complaints in the lecture's example", False),
    (1e6, "money", "lecture's example of a GPU bill", False),
    (2.8e6, "money", "lecture's example of a GPU bill", False),
    (113, "", "classes", False),
    (29, "", "rare classes in the lecture", False),
    (58000, "", "training examples", False),
    (600, "mb", "float32 checkpoint of the encoder", False),
)


def main(lecture: Path) -> None:
    """Build the table and say how large it is."""
    empty = MemoAids(key=KEY)
    lines = lecture.read_text(encoding="utf-8").splitlines()
    aids = empty.model_copy(
        update={
            "shingles": make_shingles([*lines, " ".join(lines)], empty),
            "figures": tuple(
                CourseFigure(value=value, unit=unit, about=about, baseline=week) for value, unit, about, week in FIGURES
            ),
            "prompts": frozenset(prompts()),
            "classes": tuple(json.loads((HERE / "stage/data/labels.json").read_text(encoding="utf-8"))),
        }
    )
    data = aids.model_dump(mode="json")
    data = {name: sorted(value) if name in ("shingles", "prompts") else value for name, value in data.items()}
    (HERE / "memo_aids.json").write_text(
        json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    print(
        f"{len(aids.shingles)} shingles, {len(aids.figures)} figures, {len(aids.prompts)} prompts, "
        f"{len(aids.classes)} classes"
    )


def prompts() -> set[str]:
    """Every line of the starter's text, as the memo reader compares it; solutions left out."""
    notebook = json.loads((HERE / "source.ipynb").read_text(encoding="utf-8"))
    texts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    kept = (SOLUTION.sub("", text) for text in texts)
    return {key for text in kept for line in text.splitlines() if len(key := key_of(line)) > 3}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
