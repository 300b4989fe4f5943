from __future__ import annotations

from typing import Any

import pytest

from grader.checking.api import CheckOptions
from grader.checks.latency_reported import latency_reported
from grader.model.finding import Finding
from tests.builders_notebooks import case, code, markdown, presentable

TABLE = "          ms per example  examples per second\nencoder            10.20                98.04\ndecoder            27.40                36.50\n"
TIMING = "import time\nt = time.perf_counter()\nfor b in batches:\n    model(**b)\nelapsed = time.perf_counter() - t"


def answer(*cells: dict[str, Any]) -> Finding:
    found = latency_reported(case(*cells), CheckOptions())
    assert presentable(found)
    return found


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ([code("show()", TABLE)], "passed"),
        ([code("show()", "Encoder: 10.2 ms/example, 98 ex/s\nDecoder: 27.4 ms/example, 36 ex/s\n")], "passed"),
        ([code("show()", "ModernBERT latency 10.2 ms, throughput 98/s\nQwen2.5-0.5B latency 27.4 ms, throughput 36/s\n")], "passed"),
        ([code("show()", "Batch size: 32\nEncoder: 326 ms/batch\nDecoder: 877 ms/batch\n")], "passed"),
        ([code("show()", "{'encoder': {'ms_per_example': 10.2, 'examples_per_sec': 98.0}, 'decoder': {'ms_per_example': 27.4, 'examples_per_sec': 36.5}}")], "passed"),
        ([code("show()", "Encoder: 10.2 ms/example\nDecoder: 27.4 ms/example\n")], "partial"),
        ([code("show()", "Encoder: 10.2 ms/example, 98 ex/s\n")], "partial"),
        ([code("show()", "latency: 10.2 ms\nlatency: 27.4 ms\n")], "not_assessed"),
        ([code(TIMING, "done\n")], "not_assessed"),
        ([code("train()")], "not_assessed"),
        ([code("show()", "accuracy 0.5\n"), markdown("The encoder takes 10 ms per example.")], "not_assessed"),
        ([code("show()", "Decoder accuracy: 0.601\nepoch 3\n")], "failed"),
        ([code("trainer.evaluate()", {"text/plain": "{'eval_accuracy': 0.6, 'eval_runtime': 12.0, 'eval_samples_per_second': 98.2}"})], "failed"),
    ],
)  # fmt: skip
def test_timings_are_judged(cells: list[dict[str, Any]], verdict: str) -> None:
    assert answer(*cells).verdict == verdict


def test_a_partial_answer_names_the_gap() -> None:
    text = answer(code("show()", "Encoder: 10.2 ms/example, 98 ex/s\nDecoder: 27.4 ms/example\n")).student_text
    assert "examples per second of the decoder" in text
    assert "encoder" not in text
