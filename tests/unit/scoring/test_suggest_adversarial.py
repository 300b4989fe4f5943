"""Memos written to please a program: words without figures, hidden text, mixed-up headings, repetition, claims against the own tables."""

from __future__ import annotations

import re

import pytest

from grader.model.finding import Findings
from grader.model.scorecard import Suggestion
from grader.observing.memo import read_memo
from grader.scoring.suggest import suggest
from tests.builders_memos import assignment, cells, entries, outputs, rubric, text_of

ENTRIES = {entry["memo"]: entry for entry in entries()}
WORDS = """## Systems-level comparison
LoRA holds against full fine-tuning in absolute terms because the base is larger, and adapters, checkpoints and memory are cheaper after
merging. Accuracy is dominated by the common classes while macro F1 counts every class equally. I had predicted this before the run and was
half right. The encoder is bidirectional with pooling, the decoder is causal with the last token; size and pretraining differ as well, so this
is not a controlled experiment.

## Class weighting on the decoder
Before the run my hypothesis was that weighting helps less than in week 2, because gradients of rare classes are rescaled. The hypothesis
held. Perhaps the decoder had already picked up the rare classes; I can't exclude other reasons. It is not worth the trade.

## Per-class analysis
The rare tier gains most in relative terms, the middle tier in absolute terms, and the common tier hardly contributes to the gap. There are
exceptions where the encoder is better. Exposure, size or architecture could explain it; size alone should also lift common classes, so it is
unlikely, and the rest stays open. One seed and few test examples limit this, and a zero F1 does not mean that the model knows nothing.

## Latency and deployment
The decoder is slower. For the nightly backlog of a regulator I would deploy the decoder, because rare classes matter there; it gives up
speed. For a live form I would take the encoder. I would switch if volume rose.

## What I would do next
The bottleneck is the rare classes. I would retrain the decoder with synthetic examples, everything else fixed, and compare macro F1; if it
improves I continue, otherwise I stop. It costs an hour.
"""
AGGREGATES = """
| | accuracy | macro F1 | zeros | trainable |
|---|---|---|---|---|
| full FT | 0.566 | 0.209 | 46 | 149M |
| encoder | 0.5512 | 0.2014 | 44 | 3,466,097 (2.26 %) |
| decoder | 0.5871 | 0.2694 | 33 | 2,263,936 (0.456 %) |
"""


def suggestions(text: str, run: str = "a") -> dict[str, Suggestion]:
    seen = outputs(run)
    return suggest(read_memo(cells(text), assignment(), rubric(), seen), rubric(), seen, Findings())


def middle(item: Suggestion) -> float:
    return float(item.low + item.high) / 2


def total(text: str, run: str = "a") -> float:
    return sum(map(middle, suggestions(text, run).values()))


def plain(name: str) -> str:
    """A sample as one cell."""
    return text_of(ENTRIES[name]).replace("<!-- cell -->", "\n\n")


def test_all_the_right_words_without_a_figure_earn_little() -> None:
    items = suggestions(WORDS)
    assert sum(map(middle, items.values())) < 33
    assert {name for name in ("1a", "2b", "3a", "3b", "4a", "4b") if middle(items[name]) > 0} == set()


def test_figures_of_one_part_do_not_carry_the_words_of_another() -> None:
    items = suggestions(WORDS.replace("## Class weighting", AGGREGATES + "\n## Class weighting", 1))
    assert middle(items["1a"]) == 6
    assert middle(items["3c"]) <= 1.5
    assert middle(items["3d"]) <= 3
    assert middle(items["4c"]) <= 3
    assert middle(items["4d"]) <= 2


@pytest.mark.parametrize(
    "hidden",
    [
        '<div style="display:none">{}</div>',
        "<p hidden>{}</p>",
        '<span style="color:#fff;font-size:0">{}</span>',
        '<span style="visibility: hidden">{}</span>',
        "<!-- {} -->",
        "<template>{}</template>",
    ],
)
def test_text_that_no_reader_sees_earns_nothing(hidden: str) -> None:
    weak, strong = plain("poor_wishes"), " ".join(plain("excellent_full").split())
    assert total(weak + "\n\n" + hidden.format(strong)) == total(weak)


def test_visible_styles_hide_nothing() -> None:
    text = "## Class weighting\n\n" + '<span style="font-size:0.9em;color:#333;background-color:white">{}</span>'
    sentence = "Weighted decoder: accuracy 0.5523, macro F1 0.2831, 27 zero classes; unweighted 0.5871, 0.2694 and 33."
    assert middle(suggestions(text.format(sentence))["2b"]) == 5


def test_text_under_mixed_up_headings_earns_nearly_the_same() -> None:
    text = plain("excellent_full")
    heads = re.findall(r"^## .*$", text, re.MULTILINE)
    turned = dict(zip(heads, heads[1:] + heads[:1], strict=True))
    assert total(re.sub(r"^## .*$", lambda found: turned[found[0]], text, flags=re.MULTILINE)) >= total(text) - 12


def test_saying_everything_three_times_earns_no_more() -> None:
    text = plain("middling_tables")
    assert abs(total(text + "\n\n" + text + "\n\n" + text) - total(text)) <= 2


def test_a_reading_that_its_own_table_contradicts_is_lowered_widened_and_shown() -> None:
    text = plain("excellent_full")
    told = "Two thirds of the gap of 0.068 come from the two middle tiers"
    assert told in text
    before, after = (
        suggestions(text)["3c"],
        suggestions(text.replace(told, "Nearly all of the gap is in the rare tier"))["3c"],
    )
    assert after.state == "contradicts"
    assert after.high - after.low > before.high - before.low
    assert middle(after) < middle(before) - 1
    assert any("rare (<28) 22%" in item for item in after.seen)
    quotes = [citation.quote for citation in after.citations]
    assert any("Nearly all of the gap" in quote for quote in quotes)
    assert any(citation.output == 0 for citation in after.citations)


def test_sentences_on_results_that_no_rule_understands_leave_room_upward() -> None:
    strange = (
        "## Class weighting on the decoder\n\nThe heavier tail pushed the decoder from 0.5871 to 0.5523 where it had been comfortable. "
        "Meanwhile 0.2694 became 0.2831, a modest present from the far end. From 33 down to 27 went those who never spoke."
    )
    items = suggestions(strange)
    assert items["2a"].low == 0 < items["2a"].high
    assert items["2a"].state == "needs_reading"
    assert any("not understood" in note for note in items["2a"].not_judged)


def test_padding_leaves_no_room() -> None:
    padding = "## Class weighting on the decoder\n\n" + (
        "It is important to consider many factors carefully when one works with modern models in practice. " * 8
    )
    assert suggestions(padding)["2d"].high == 0


HEADINGS = {
    "none": ["", "", "", "", ""],
    "that name nothing": ["## What came out", "## Did the trick carry over?", "## Who gets what", "## The bill", "## One more run?"],
    "bold questions": ["**So?**", "**And the trick?**", "**Where exactly?**", "**What does it cost?**", "**If I had two more weeks**"],
    "in French": ["## Vue d'ensemble", "## Pondération", "## Analyse par classe", "## Latence et choix", "## Pour la suite"],
    "in Spanish": ["## Resultados", "## Ponderar", "## Análisis por clase", "## Latencia y despliegue", "## Qué haría ahora"],
    "in German": ["## Gesamtbild", "## Gewichtung", "## Analyse nach Klassen", "## Laufzeit und Einsatz", "## Wie weiter?"],
    "some known": ["## Comparison", "## Did the trick carry over?", "## Per-class analysis", "## The bill", "## One more run?"],
}  # fmt: skip


@pytest.mark.parametrize("headings", HEADINGS)
@pytest.mark.parametrize("name", ["excellent_full", "good_mixed", "v02", "v09"])
def test_content_finds_its_section_under_any_heading(name: str, headings: str) -> None:
    text, run, lines = plain(name), ENTRIES[name]["run"], iter(HEADINGS[headings])
    changed = re.sub(r"^## .*$", lambda _: next(lines), text, flags=re.MULTILINE)
    before, after = suggestions(text, run), suggestions(changed, run)
    for section in rubric().sections:
        ids = [item.id for item in section.criteria]
        sums = [sum(middle(items[item]) for item in ids) for items in (before, after)]
        assert abs(sums[0] - sums[1]) <= 2.5, section.id


def test_french_headings_are_understood_as_such() -> None:
    text = plain("v02")
    lines = iter(HEADINGS["in French"])
    changed = re.sub(r"^## .*$", lambda _: next(lines), text, flags=re.MULTILINE)
    parts = {part.id: part for part in read_memo(cells(changed), assignment(), rubric(), outputs("g")).parts}
    assert parts["per_class"].heading == "Analyse par classe"
    assert parts["deployment"].heading == "Latence et choix"
    assert parts["next"].found != "none"


def test_a_sentence_that_begins_with_i_is_a_sentence() -> None:
    text = "## Classes\n\n0.028 / 0.019 in the first tier.\n\nI see no support for the idea that pretraining helps with rare classes.\n"
    memo = read_memo(cells(text), assignment(), rubric(), outputs("d"))
    assert "I see no support for the idea that pretraining helps with rare classes." in [
        item.text for item in memo.passages
    ]
    assert [item.kind for item in memo.passages if item.text.startswith("I see")] == ["prose"]


def test_lines_of_figures_are_no_headings() -> None:
    text = "## Who is helped\n\nQ1 (4-24), 28 classes: encoder 0.010, decoder 0.122\n\nQ2 (25-90), 28 classes: encoder 0.090, decoder 0.208\n"
    memo = read_memo(cells(text), assignment(), rubric(), outputs("f"))
    assert [item.kind for item in memo.passages] == ["heading", "prose", "prose"]


def test_a_section_without_own_figures_stays_at_nothing_and_one_with_them_is_open() -> None:
    heading = "## Per-class analysis\n\n"
    bare = suggestions(heading + "Some classes are rare and others are common, as one would think in such data sets.")
    told = suggestions(heading + "In the rare tier 0.012 became 0.071, and in the low tier 0.081 became 0.173.")
    assert bare["3d"].high == 0
    assert (told["3d"].low, told["3d"].state, told["3d"].confidence) == (0, "needs_reading", "open")
    assert told["3d"].high > 0
