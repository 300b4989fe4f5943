"""Reading memos: where they are, which parts they have, whose words count."""

from __future__ import annotations

from collections import Counter

import pytest

from grader.model.evidence import Evidence
from grader.model.memo import Memo
from grader.model.observation import Observations
from grader.observing.memo import read_memo, sentences
from tests.builders_memos import assignment, cells, document, entries, evidence_of, outputs, rubric

SYSTEMS = "The encoder reaches 0.5512 accuracy and 0.2014 macro F1, the decoder 0.5871 and 0.2694."
WEIGHTING = "With class weights the decoder's macro F1 goes from 0.2694 to 0.2831."
CLASSES = "Rare classes: 0.012 for the encoder, 0.071 for the decoder; common ones 0.498 and 0.531."
DEPLOYMENT = "The encoder takes 9.84 ms and the decoder 27.41 ms; I recommend the encoder for live routing."
NEXT = "The bottleneck is the rare tier; I would retrain with the same seed and 100 more examples per class."
TEXTS = (SYSTEMS, WEIGHTING, CLASSES, DEPLOYMENT, NEXT)
IDS = ("systems", "weighting", "per_class", "deployment", "next")

HEADINGS = {
    "as in the starter": [
        f"## {n}. {t}"
        for n, t in enumerate(
            (
                "Systems-level comparison",
                "Class weighting on the decoder",
                "Per-class analysis",
                "Latency and deployment",
                "What I would do next",
            ),
            1,
        )
    ],
    "html": [
        f"<h3>{t}</h3>"
        for t in ("Systems comparison", "Class weighting", "Per-class analysis", "Latency + deployment", "Next steps")
    ],
    "bold": [f"**{n}. {t}**" for n, t in enumerate(("Systems-level", "Weighting", "Per class", "Latency", "Next"), 1)],
    "bold with text after it": [
        "**Systems comparison:**",
        "**Class weighting:**",
        "**Rare vs common:**",
        "**Latency & deployment:**",
        "**What I'd do next:**",
    ],
    "labels": [f"Section {n}: {t}" for n, t in enumerate(("Comparison", "Weights", "Classes", "Speed", "Outlook"), 1)],
    "brackets": [
        f"{n}) {t}"
        for n, t in enumerate(("Systems", "Class weighting", "Rare vs. common", "Deployment", "Next experiment"), 1)
    ],
    "dashes": [
        f"{n} - {t}"
        for n, t in enumerate(
            ("Overall results", "Did weighting transfer?", "Where they differ", "What to deploy", "Next steps"), 1
        )
    ],
    "numbers alone": [f"### {n}" for n in range(1, 6)],
    "roman": [
        f"## {n}. {t}"
        for n, t in zip(
            ("I", "II", "III", "IV", "V"), ("Systems", "Weighting", "Tiers", "Latency", "Next"), strict=True
        )
    ],
    "german": [
        "## Systemvergleich",
        "## Klassengewichtung",
        "## Analyse nach Klassen",
        "## Latenz und Einsatz",
        "## Nächste Schritte",
    ],
    "spanish": [
        "## Comparación de sistemas",
        "## Ponderación de clases",
        "## Análisis por clase",
        "## Latencia y despliegue",
        "## Próximos pasos",
    ],
    "chinese": ["## 一、系统层面比较", "## 二、类别加权", "## 三、逐类分析", "## 四、延迟与部署", "## 五、下一步"],
}


def read(evidence: Evidence, seen: Observations | None = None) -> Memo:
    return read_memo(evidence, assignment(), rubric(), seen or outputs("a"))


def homes(memo: Memo) -> dict[str, str | None]:
    """Text -> the section that it stands under."""
    return {item.text: item.section for item in memo.passages if item.kind != "heading"}


@pytest.mark.parametrize("style", HEADINGS)
@pytest.mark.parametrize("split", ["one cell", "many cells", "document"])
def test_every_style_of_heading_is_understood(style: str, split: str) -> None:
    glue = "\n\n" if split != "many cells" else "\n\n<!-- cell -->\n\n"
    text = glue.join(f"{heading}\n\n{body}" for heading, body in zip(HEADINGS[style], TEXTS, strict=True))
    memo = read(document(text) if split == "document" else cells(text))
    found = homes(memo)
    assert {part.id: part.found for part in memo.parts} == dict.fromkeys(IDS, "heading")
    for body, section in zip(TEXTS, IDS, strict=True):
        assert {found[text] for text in sentences(body)} == {section}
    assert memo.where == ("document" if split == "document" else "cells")


def test_order_does_not_matter() -> None:
    pairs = list(zip(HEADINGS["as in the starter"], TEXTS, IDS, strict=True))
    reordered = [pairs[3], pairs[4], pairs[2], pairs[1], pairs[0]]
    found = homes(read(cells("\n\n".join(f"{heading[0:3]}{heading[6:]}\n\n{body}" for heading, body, _ in reordered))))
    assert [found[sentences(body)[0]] for _, body, _ in reordered] == [section for _, _, section in reordered]


def test_a_memo_without_any_heading_is_read_by_what_it_says() -> None:
    memo = read(cells("\n\n".join(TEXTS)))
    assert {part.id: (part.found, part.apart) for part in memo.parts} == dict.fromkeys(IDS, ("content", True))


def test_two_sections_under_one_heading_share_it() -> None:
    memo = read(
        cells(
            f"## Systems comparison and class weighting\n\n{SYSTEMS}\n\n{WEIGHTING}\n\n## Per-class "
            f"analysis\n\n{CLASSES}"
        )
    )
    parts = {part.id: part for part in memo.parts}
    assert parts["weighting"].shared_with == ("systems",)
    assert parts["weighting"].found == parts["systems"].found == "heading"
    assert homes(memo)[WEIGHTING] == "weighting"
    assert parts["next"].found == "none"


def test_lab_headings_do_not_steal_the_memos() -> None:
    lab = (
        "### Latency\n\nTiming loop below.\n\n<!-- cell -->\n\n### Class weights on the decoder\n\nsqrt "
        "weights.\n\n<!-- cell -->\n\n"
    )
    memo = read(
        cells(
            lab
            + "# Memo\n\n"
            + "\n\n".join(f"{h}\n\n{t}" for h, t in zip(HEADINGS["as in the starter"], TEXTS, strict=True))
        )
    )
    assert all(not item.memo for item in memo.passages if item.text in ("Timing loop below.", "sqrt weights."))
    assert homes(memo)[sentences(DEPLOYMENT)[0]] == "deployment"


@pytest.mark.parametrize(
    "title", ["Part C: memo", "Partie C : mémo", "Relatório", "Informe", "Bericht", "第三部分：报告"]
)
def test_bold_headings_count_where_the_labs_own_headings_name_the_same_things(title: str) -> None:
    lab = "## Latence\n\nOn mesure 32 textes.\n\n<!-- cell -->\n\n## Poids des classes\n\n"
    memo = f"# {title}\n\n**Analyse par classe**\n\n" + "Le gain se trouve dans les classes rares, 0.059 de F1. " * 3
    memo += "\n\n**Latence et déploiement**\n\nPour le tri de nuit je prendrais le décodeur, 27 ms par texte."
    seen = read_memo(cells(f"{lab}<!-- cell -->\n\n{memo}"), assignment(), rubric(), Observations())
    told = {item.section for item in seen.passages if item.memo and item.kind == "prose"}
    assert told == {"per_class", "deployment"}


def test_prompts_and_placeholders_are_not_the_students_text() -> None:
    memo = read(
        cells(
            "## 1. Systems-level comparison (20 points)\n\n*Compare both models.*\n\n_Write your answer "
            "here._\n\n## 2. Class weighting\n\nTODO"
        )
    )
    assert [item.text for item in memo.passages if item.kind != "heading"] == []
    assert {part.id: (part.found, part.empty) for part in memo.parts}["systems"] == ("heading", True)
    assert memo.where == "none"


def test_the_starters_own_lines_are_not_the_students_text() -> None:
    prompt = "Architecture, parameter efficiency, aggregates; your predictions against the result."
    memo = read(cells(f"### 1. Systems-level comparison (20 points)\n\n{prompt}\n\n{SYSTEMS}"))
    assert prompt not in homes(memo)
    assert sentences(SYSTEMS)[0] in homes(memo)


def test_bold_words_inside_a_part_open_no_other_part_and_stay_with_their_text() -> None:
    memo = read(
        cells(
            f"### 4. Latency and deployment\n\n{DEPLOYMENT}\n\n### 5. What I would do next\n\n**Bottleneck.** Rare classes.\n\n**Deployment.** None yet."
        )
    )
    assert homes(memo)["Bottleneck: Rare classes."] == "next"
    assert homes(memo)["Deployment: None yet."] == "next"


def test_wrapped_lines_are_one_sentence_and_short_lines_are_several() -> None:
    wrapped = read(
        cells(
            "The decoder reaches an accuracy that is higher than the encoder's by\nthree and a half "
            "points on the test set."
        )
    )
    assert len(wrapped.passages) == 1
    notes = read(cells("acc .551 vs .587\nT4, batch 32"))
    assert [item.text for item in notes.passages] == ["acc .551 vs .587", "T4, batch 32"]


def test_abbreviations_and_decimals_end_no_sentence() -> None:
    assert sentences("It is faster, e.g. 9.84 ms vs. 27.41 ms. So I take it.") == [
        "It is faster, e.g. 9.84 ms vs. 27.41 ms.",
        "So I take it.",
    ]
    assert sentences("准确率高。延迟低。") == ["准确率高。", "延迟低。"]


def test_copied_sentences_are_seen_and_paraphrase_is_not() -> None:
    aids = assignment().memo_aids
    assert len(aids.shingles) > 1000
    memo = read(cells("I wrote this sentence about my own decoder and what it did on my own data today."))
    assert memo.copied == 0.0


@pytest.mark.parametrize(
    "notebook",
    [
        None,
        {},
        {"cells": None},
        {"cells": [1, "x", None, {"cell_type": "markdown"}]},
        {"cells": [{"cell_type": "markdown", "source": ["a", 1, None]}]},
    ],
)
def test_odd_notebooks_are_empty_memos(notebook: dict[str, object] | None) -> None:
    assert read(Evidence(notebook=notebook)).where in ("none", "cells")


@pytest.mark.parametrize(
    "text",
    [
        "<div>" * 3000,
        "|" * 5000,
        "#" * 5000,
        "1" * 50_000,
        "1," * 20_000,
        "1e999 " * 500,
        "[" * 4000,
        "> " * 3000 + "x",
        "*" * 9000,
        "\x00\ud800x",
        "٣٫١٤ ½ ²³ Ⅷ",
        "-" * 3000 + "\n" + "a | b\n" * 500,
        "9" * 400 + "." + "9" * 400 + " % accuracy",
        "<table>" + "<tr><td>0.5" * 2000,
        "&#0;&#x110000;&lt;" * 300,
    ],
    ids=range(15),
)
def test_hostile_text_is_read_without_an_error(text: str) -> None:
    memo = read(cells("## Latency\n" + text))
    assert Memo.model_validate_json(memo.model_dump_json()) == memo


def test_every_sample_survives_being_stored() -> None:
    for entry in entries():
        memo = read(evidence_of(entry), outputs(entry["run"]))
        assert Memo.model_validate_json(memo.model_dump_json()) == memo


def test_a_memo_made_of_numbers_is_read_in_seconds() -> None:
    """Not a timed test: before there was a limit on one sentence, this took most of a minute."""
    text = "## Per-class analysis\n\n" + "\n\n".join("0.5 1.2 33 % " * 100 + f"{number}." for number in range(300))
    memo = read_memo(cells(text), assignment(), rubric(), outputs("a"))
    assert memo.truncated
    assert len(memo.numbers) <= 3000
    assert max(Counter(item.passage for item in memo.numbers).values()) <= 100
