from __future__ import annotations

from typing import Any

import pytest

from grader.checks.tier_table import Options, tier_table
from grader.model.finding import Finding
from tests.builders_notebooks import case, code, markdown, presentable

BOTH = "               encoder_f1  decoder_f1\nrare (4-27)          0.01        0.06\ncommon (500+)        0.55        0.56\n"
WORDS = "          encoder_f1  decoder_f1\nrare            0.01        0.06\ncommon          0.55        0.56\n"
ONE = "               encoder_f1\nrare (4-27)          0.01\ncommon (500+)        0.55\n"
OTHER = ONE.replace("encoder", "decoder")
UNNAMED = "                 f1_x   f1_y\nrare (4-27)      0.01   0.06\ncommon (500+)    0.55   0.56\n"
CLASSES = "class                    encoder_f1  decoder_f1\n" + "\n".join(
    f"{name:<25}      0.10        0.20"
    for name in ("Late fee", "Rewards", "Closing an account", "Fraud alert", "Other fees", "Payoff")
)
MEMO = "| tier | encoder F1 | decoder F1 |\n|---|---|---|\n| rare (<28) | 0.01 | 0.05 |\n| common | 0.5 | 0.5 |"
PICTURE = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 640x480 with 1 Axes>"}


def answer(*cells: dict[str, Any]) -> Finding:
    found = tier_table(case(*cells), Options())
    assert presentable(found)
    return found


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ([code("show()", BOTH)], "passed"),
        ([code("show()", ONE), code("show()", OTHER)], "passed"),
        ([code("tier = pd.cut(n, [0, 27, 500])"), code("show()", WORDS)], "passed"),
        ([markdown("Rare classes have fewer than 28 examples."), code("show()", WORDS)], "passed"),
        ([code("show()", "x 1\n"), markdown(MEMO)], "passed"),
        ([code("show()", WORDS)], "partial"),
        ([code("show()", ONE)], "partial"),
        ([code("show()", CLASSES)], "partial"),
        ([code("show()", UNNAMED)], "not_assessed"),
        ([code("df.groupby('tier')[['enc_f1', 'dec_f1']].mean().plot.bar()", PICTURE)], "not_assessed"),
        ([code("tiers = df.groupby('tier').f1.mean()"), code("show()", "done 1\n")], "not_assessed"),
        ([code("show()", "done 1\n"), markdown("On rare classes the decoder gains 0.05.")], "not_assessed"),
        ([code("train()")], "not_assessed"),
        ([code("show()", "Decoder accuracy: 0.601\n"), markdown("The decoder is better.")], "failed"),
    ],
)
def test_tier_tables_are_judged(cells: list[dict[str, Any]], verdict: str) -> None:
    assert answer(*cells).verdict == verdict


def test_a_partial_answer_says_what_is_missing() -> None:
    assert "decoder" in answer(code("show()", ONE)).student_text
    assert "drawn" in answer(code("show()", WORDS)).student_text


def test_the_table_is_cited() -> None:
    assert [(item.cell, item.output) for item in answer(markdown("x"), code("show()", BOTH)).citations] == [(1, 0)]


LINES = "selten (4-27) | Klassen: 29 | Encoder: 0.011 | Decoder: 0.061\nmittel (28-499) | Klassen: 56 | Encoder: 0.172 | Decoder: 0.219\n"


def test_printed_tiers_are_read_in_other_languages():
    assert tier_table(case(code("print(t, f1_enc, f1_dec)", LINES)), Options()).verdict == "passed"


@pytest.mark.parametrize(
    "shown",
    [
        "rarísimas 4-27 :: 0.011 0.061\nfrecuentes 500-999 :: 0.17 0.21\n",
        "稀有 0.011 0.061\n常见 0.47 0.49\n",
        "A <28 0.1 0.2\nB >500 0.5 0.6\n",
    ],
)
def test_lines_that_may_be_tiers_are_never_called_missing(shown):
    assert tier_table(case(code("zeige(x)", shown)), Options()).verdict != "failed"


def test_an_assignment_may_ask_for_one_model_only() -> None:
    shown = case(code("print(t)", "tier  encoder F1\nrare (4-27)  0.05\ncommon (500+)  0.89"))
    assert tier_table(shown, Options()).verdict == "partial"
    assert tier_table(shown, Options(models=("encoder",))).verdict == "passed"
