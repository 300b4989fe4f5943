"""Formulas are drawn where they can be drawn right, and their source is kept."""

from __future__ import annotations

import lxml.html
import pytest

from grader.intake.html_markdown import latex_of, markdown_of
from grader.selfcheck.formulas import formula, with_formulas


@pytest.mark.parametrize("source", [r"$w_c \propto 1/\sqrt{n_c}$", r"$$\frac{a}{b} < \alpha$$", r"$0.5\%$", "$x & y$"])
def test_drawn_or_left_alone_it_reads_back_as_written(source: str) -> None:
    page = lxml.html.fromstring(f"<div><p>so {with_formulas(source)} it is</p></div>")
    assert markdown_of(page) == f"so {source} it is"
    assert latex_of(page) == f"so {source} it is"


@pytest.mark.parametrize(
    "source",
    [r"$\unknownmacro{x}$", r"$\left( x$", "$}{$", r"$$\begin{aligned}a &= b\end{aligned}$$", "$$", "5 dollars", "$a$ and $b$"],
)  # fmt: skip
def test_what_can_not_be_drawn_right_is_not_drawn(source: str) -> None:
    assert formula(source) is None


def test_markup_in_a_formula_stays_text() -> None:
    drawn = formula(r"$\text{<script>alert(1)</script>}$") or ""
    assert "<script>" not in drawn
    assert "<img" not in with_formulas("<img src=x> $x$")


def test_money_is_no_formula() -> None:
    assert "<math" not in with_formulas("it costs $5\nor $6")
