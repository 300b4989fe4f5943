"""Claims without a figure, held against the student's own tables: what contradicts is shown, what could fit is left alone."""

from __future__ import annotations

import pytest

from grader.model.memo import Memo
from grader.model.observation import Observations
from grader.observing.memo import read_memo
from tests.builders_memos import assignment, cells, entries, evidence_of, outputs, rubric

PER_CLASS, WEIGHTING, SPEED = "Per-class analysis", "Class weighting on the decoder", "Latency and deployment"


def read(text: str, run: str, heading: str = PER_CLASS) -> Memo:
    return read_memo(cells(f"## {heading}\n\n{text}"), assignment(), rubric(), outputs(run))


def kinds(text: str, run: str, heading: str = PER_CLASS) -> set[str]:
    return {item.kind for item in read(text, run, heading).refuted}


@pytest.mark.parametrize(
    ("run", "heading", "text", "kind"),
    [
        ("f", PER_CLASS, "Nearly all of the gain is in the rarest quarter.", "share"),
        ("a", PER_CLASS, "The improvement comes almost entirely from the common classes.", "share"),
        ("a", PER_CLASS, "Most of the gap is in the common tier.", "share"),
        ("f", PER_CLASS, "The rarest quarter gains, the other tiers are practically unchanged.", "others"),
        ("f", PER_CLASS, "Only the rarest classes gain, so size is ruled out.", "others"),
        ("b", PER_CLASS, "The decoder wins in every tier.", "every"),
        ("d", PER_CLASS, "The decoder wins in every single class.", "every"),
        ("e", PER_CLASS, "The encoder is better everywhere.", "every"),
        ("d", PER_CLASS, "Der Decoder gewinnt in allen Klassen.", "every"),
        ("a", PER_CLASS, "With the decoder no rare class is left at zero.", "zeros"),
        ("f", PER_CLASS, "No class stays at zero in the upper three quarters.", "zeros"),
        ("b", PER_CLASS, "The decoder is better on the common classes.", "tier"),
        ("a", PER_CLASS, "The encoder beats the decoder on rare classes.", "tier"),
        ("d", PER_CLASS, "The rare tier did not move with the decoder.", "tier"),
        ("a", WEIGHTING, "The common classes gain from weighting.", "tier"),
        ("a", WEIGHTING, "Weighting left the rare classes unchanged.", "tier"),
        ("a", WEIGHTING, "Weighting improved accuracy.", "metric"),
        ("e", "Systems-level comparison", "The decoder has the higher macro F1.", "metric"),
        ("f", SPEED, "The decoder is three times slower.", "speed"),
        ("a", SPEED, "The encoder is twice as fast.", "speed"),
    ],
)
def test_a_claim_that_the_outputs_contradict_is_found(run: str, heading: str, text: str, kind: str) -> None:
    assert kinds(text, run, heading) == {kind}


@pytest.mark.parametrize(
    ("run", "heading", "text"),
    [
        ("b", PER_CLASS, "The macro gain comes entirely from the tail."),
        ("a", PER_CLASS, "Most of the gain is in the two middle tiers, the rare tier brings a fifth."),
        ("a", PER_CLASS, "The decoder wins in every tier."),
        ("a", PER_CLASS, "It beats the encoder in each tier, so nobody pays for it."),
        ("c", PER_CLASS, "The encoder is better everywhere."),
        ("a", PER_CLASS, "In relative terms nearly all of the gain is in the rare tier."),
        ("f", PER_CLASS, "One might think that nearly all of the gain is in the rarest quarter."),
        ("f", PER_CLASS, "It is not true that nearly all of the gain is in the rarest quarter."),
        ("f", PER_CLASS, "Everyone says “nearly all of the gain is in the rarest quarter”."),
        ("f", PER_CLASS, "If only the rarest classes gained, size would be ruled out."),
        ("a", PER_CLASS, "Rare classes gain most in relative terms, the low tier in absolute ones."),
        ("b", PER_CLASS, "The decoder wins in the tail and loses in the head."),
        ("b", PER_CLASS, "The decoder is better in the tail, but the encoder is better on common classes."),
        ("a", PER_CLASS, "No class of the common tier is at zero."),
        ("a", PER_CLASS, "Common classes are better than rare ones for both models."),
        ("a", PER_CLASS, "The decoder does not win in every class: Overdraft fee goes the other way."),
        ("d", PER_CLASS, "I expected the decoder to win in every class."),
        ("a", PER_CLASS, "The lecture says that the decoder is better on common classes, too."),
        ("a", WEIGHTING, "By tier nearly all of the gain is in the rare classes, while common classes fall."),
        ("a", WEIGHTING, "Weighting improved macro F1 and lowered accuracy."),
        ("d", WEIGHTING, "Weighting left the rare classes unchanged."),
        ("a", WEIGHTING, "In week 2 weighting improved the encoder's accuracy in every tier."),
        ("a", SPEED, "The decoder is about three times slower."),
        ("a", SPEED, "The decoder is 2.8 times slower."),
        ("g", WEIGHTING, "Weighting improved accuracy."),
        (
            "a",
            "What I would do next",
            "If the decoder wins in every class, I stop; nearly all of the gain is in the common tier.",
        ),
    ],
)
def test_what_fits_is_meant_otherwise_or_is_no_result_is_left_alone(run: str, heading: str, text: str) -> None:
    assert kinds(text, run, heading) == set()


def test_both_places_are_shown() -> None:
    item = read("The decoder is better on the common classes.", "b").refuted[0]
    assert item.outputs == "head (>400): encoder 0.503, decoder 0.471"
    assert item.citation is not None
    assert (item.citation.where, item.citation.cell) == ("notebook", 3)


def test_without_tiers_in_the_outputs_the_memos_own_table_counts() -> None:
    table = "| tier | encoder F1 | decoder F1 |\n|---|---|---|\n| rare (<50) | 0.02 | 0.06 |\n| common (>400) | 0.50 | 0.47 |\n\n"
    memo = read_memo(
        cells(f"## {PER_CLASS}\n\n{table}The decoder is better on the common classes."),
        assignment(),
        rubric(),
        Observations(),
    )
    assert [(item.kind, item.outputs) for item in memo.refuted] == [
        ("tier", "common (>400): encoder 0.5, decoder 0.47")
    ]


@pytest.mark.parametrize("middle", ["28..499", "28-499", "28 … 499", "28.000..49.900.000"])
def test_tiers_are_put_in_order_however_their_borders_are_written(middle: str) -> None:
    rows = f"| 1 rare (<= 27) | 0.02 | 0.06 |\n| 2 medium ({middle}) | 0.10 | 0.12 |\n| 3 common (>= 500) | 0.50 | 0.47 |\n\n"
    table = f"| tier | encoder F1 | decoder F1 |\n|---|---|---|\n{rows}"
    text = f"## {PER_CLASS}\n\n{table}The decoder is better on the common classes."
    memo = read_memo(cells(text), assignment(), rubric(), Observations())
    assert [item.outputs for item in memo.refuted] == ["3 common (>= 500): encoder 0.5, decoder 0.47"]


def test_without_any_table_nothing_is_contradicted() -> None:
    memo = read_memo(
        cells(f"## {PER_CLASS}\n\nThe decoder wins in every class."), assignment(), rubric(), Observations()
    )
    assert memo.refuted == ()


def test_of_the_sample_memos_only_those_that_contradict_themselves_are_named() -> None:
    found = {
        entry["memo"]
        for entry in entries()
        if read_memo(evidence_of(entry), assignment(), rubric(), outputs(entry["run"])).refuted
    }
    assert {"contradicting", "v13"} <= found
    assert not found & {"excellent_full", "excellent_prose", "terse_excellent", "german", "swapped", "v01", "v10"}
