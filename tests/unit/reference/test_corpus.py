"""The generated complaints: the same every time, no text twice, a long tail over all 113 issues."""

from __future__ import annotations

from collections import Counter

import pytest

from reference.corpus.generator import Corpus, Recipe, long_tail, share_out
from reference.stage import data


@pytest.fixture(scope="module")
def splits() -> data.Splits:
    return data.generate(Corpus())


def test_the_same_recipe_gives_the_same_rows(splits):
    assert data.generate(Corpus()) == splits


def test_another_seed_gives_other_rows(splits):
    assert data.generate(Corpus(Recipe(seed=21))).train != splits.train


def test_no_text_stands_twice_in_or_among_the_parts(splits):
    rows = [row for part in splits.parts.values() for row in part]
    assert len({row.text for row in rows}) == len(rows)


def test_every_part_holds_every_class(splits):
    for rows in splits.parts.values():
        assert {row.label for row in rows} == set(range(113))


def test_the_sizes_that_student_notebooks_rely_on(splits):
    counts = Counter(row.label for row in splits.train).values()
    assert (min(counts) >= 4, sum(n > 500 for n in counts) >= 2, sum(n <= 27 for n in counts) >= 29) == (True,) * 3
    assert len(splits.test) >= 704
    assert len(splits.train) >= 2900
    assert len(splits.validation) <= 200  # every dry run evaluates them several times


def test_complaints_are_short(splits):
    lengths = [len(row.text.split()) for row in splits.train]
    assert max(lengths) <= Recipe().longest
    assert min(lengths) > 2


def test_labels_are_sorted_and_different(splits):
    assert splits.labels == sorted(set(splits.labels))
    assert len(splits.labels) == 113


def test_pretraining_text_never_holds_a_row_of_the_tables(splits):
    texts = Corpus().unlabelled("pretraining/x", taken=splits.texts)
    read = [next(texts) for _ in range(3000)]
    names = tuple(f" {name.lower()}" for name in splits.labels)
    named = [text for text in read if text.endswith(names)]
    assert 0.85 < len(named) / len(read) < 0.95
    bare = {text.removesuffix(name) for text in read for name in names if text.endswith(name)} | set(read)
    assert not bare & splits.texts


def test_no_slot_is_left_unfilled(splits):
    assert not [row.text for rows in splits.parts.values() for row in rows if "<" in row.text]


def test_a_long_tail_adds_up_and_keeps_its_head_and_least():
    sizes = long_tail([str(n) for n in range(40)], 500, top=(100, 90), least=4)
    assert sum(sizes.values()) == 500
    assert list(sizes.values())[:2] == [100, 90]
    assert min(sizes.values()) >= 4
    assert sorted(sizes.values(), reverse=True) == list(sizes.values())


def test_shares_keep_at_least_one_of_each():
    assert share_out({"a": 90, "b": 10, "c": 1}, 10) == {"a": 9, "b": 1, "c": 1}
