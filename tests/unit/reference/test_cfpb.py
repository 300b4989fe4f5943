"""The public complaint table becomes the course's three parts."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from reference.corpus import cfpb
from reference.errors import RunError

SELECTION = cfpb.Selection(classes=3, rows=None, seed=1)


def table(path: Path, rows: list[tuple[str, str]], *, columns: tuple[str, str] = (cfpb.TEXT, cfpb.ISSUE)) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Date received", *columns, "Company"])
        writer.writerows(["2020-01-01", text, issue, "X"] for text, issue in rows)
    return path


def rows(**counts: int) -> list[tuple[str, str]]:
    return [(f"text {issue} {n}", issue) for issue, count in counts.items() for n in range(count)]


def test_every_issue_stands_in_every_part_with_four_to_train_on(tmp_path):
    labels, parts = cfpb.read(table(tmp_path / "c.csv", rows(a=40, b=6, c=20)), SELECTION)
    assert labels == ["a", "b", "c"]
    for part in parts.values():
        assert {row.label for row in part} == {0, 1, 2}
    assert sum(row.label == 1 for row in parts["train"]) == 4
    assert sum(len(part) for part in parts.values()) == 66


def test_rows_without_narrative_and_repeated_texts_are_dropped(tmp_path):
    more = [("", "a"), ("  ", "a"), ("TEXT  a 0", "b"), ("text a 0", "a")]
    _, parts = cfpb.read(table(tmp_path / "c.csv", rows(a=8, b=8, c=8) + more), SELECTION)
    assert sum(len(part) for part in parts.values()) == 24


def test_the_most_frequent_issues_are_kept(tmp_path):
    labels, _ = cfpb.read(table(tmp_path / "c.csv", rows(a=7, b=9, c=8, d=30)), SELECTION)
    assert labels == ["b", "c", "d"]


def test_the_same_table_gives_the_same_split_and_no_text_in_two_parts(tmp_path):
    path = table(tmp_path / "c.csv", rows(a=40, b=9, c=20))
    first, again = cfpb.read(path, SELECTION), cfpb.read(path, SELECTION)
    assert first == again
    texts = [row.text for part in first[1].values() for row in part]
    assert len(texts) == len(set(texts))


def test_a_limit_shrinks_frequent_issues_and_spares_rare_ones(tmp_path):
    selection = cfpb.Selection(classes=3, rows=60, seed=1)
    _, parts = cfpb.read(table(tmp_path / "c.csv", rows(a=400, b=6, c=100)), selection)
    kept = [row.label for part in parts.values() for row in part]
    assert kept.count(1) == 6
    assert kept.count(0) < 100


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda path: path, "does not exist"),
        (lambda path: table(path, rows(a=9), columns=("Text", "Issue")), "columns"),
        (lambda path: table(path, []), "no row"),
        (lambda path: table(path, rows(a=9, b=9, c=5)), "Only 2 issues"),
    ],
)
def test_a_table_that_will_not_do_says_why(tmp_path, make, says):
    with pytest.raises(RunError, match=says):
        cfpb.read(make(tmp_path / "c.csv"), SELECTION)
