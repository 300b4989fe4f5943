"""How close are suggested section points to marks given by hand, and do they beat what needs no reading at all?

    python -m tests.benchmarks.memo_agreement [--without-held-out] [--each] [--out FILE]

Per section: mean absolute difference and quadratic weighted kappa of the suggestion's middle, of a ridge regression on seven surface
features and of the median (both leave-one-out over all memos), of a second marker; and how often a mark lies in the suggested range.
Groups: the 24 memos of one writer; the 16 in other voices, opened and held out; 12 that nobody had opened at their
first look ("fresh"). All against marks by somebody other than their writer, who had seen no suggestion. The last table is tests/benchmarks/results/memo_agreement.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from grader.model.finding import Findings
from grader.model.scorecard import Suggestion
from grader.observing.memo import read_memo
from grader.scoring.suggest import suggest
from tests.builders_memos import HERE, assignment, entries, evidence_of, fresh_entries, outputs, rubric, text_of

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results" / "memo_agreement.json"
SECTIONS = {section.id: [item.id for item in section.criteria] for section in rubric().sections}
RIDGE = 1.0
Marks = dict[str, float]


def suggested(entry: dict[str, Any]) -> dict[str, Suggestion]:
    """What the reader proposes for one memo."""
    seen = outputs(entry["run"])
    memo = read_memo(evidence_of(entry), assignment(), rubric(), seen)
    return suggest(memo, rubric(), seen, Findings())


def features(entry: dict[str, Any]) -> list[float]:
    """What can be counted without reading: words, numbers, table rows, headings, lines, mean sentence, mean word."""
    text = text_of(entry)
    words = text.split()
    rows = sum(line.lstrip().startswith(("|", "<tr")) for line in text.splitlines())
    heads = sum(line.startswith(("#", "**", "<h")) for line in text.splitlines())
    numbers = sum(any(sign.isdigit() for sign in word) for word in words)
    return [
        float(len(words)),
        float(numbers),
        float(rows),
        float(heads),
        float(len(text.splitlines())),
        len(words) / max(1, text.count(". ")),
        sum(map(len, words)) / max(1, len(words)),
    ]


def section_sum(points: Marks, section: str) -> float:
    """A section's points out of those of its criteria."""
    return sum(points[name] for name in SECTIONS[section])


def kappa(one: np.ndarray, other: np.ndarray) -> float:
    """Quadratic weighted kappa: squared disagreement against that of all pairs."""
    chance = float(np.mean((one[:, None] - other[None, :]) ** 2))
    return 1 - float(np.mean((one - other) ** 2)) / chance if chance else 1.0


def baselines(table: np.ndarray, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave-one-out: regression on the features, and the median of the others."""
    spread = table.std(axis=0)
    scaled = np.column_stack([(table - table.mean(axis=0)) / np.where(spread, spread, 1), np.ones(len(table))])
    fitted, constant = [], []
    for index in range(len(marks)):
        keep = np.arange(len(marks)) != index
        design = scaled[keep]
        weights = np.linalg.solve(design.T @ design + RIDGE * np.eye(design.shape[1]), design.T @ marks[keep])
        fitted.append(float(scaled[index] @ weights))
        constant.append(float(np.median(marks[keep])))
    return np.array(fitted), np.array(constant)


def against(guess: np.ndarray, marks: np.ndarray) -> dict[str, float]:
    """Difference, kappa and bias of one way of guessing."""
    return {
        "mad": round(float(np.mean(np.abs(guess - marks))), 2),
        "kappa": round(kappa(guess, marks), 2),
        "bias": round(float(np.mean(guess - marks)), 2),
    }


def measure(chosen: list[dict[str, Any]]) -> dict[str, Any]:
    """The table: groups by section."""
    second = json.loads((HERE / "marks_second.json").read_text(encoding="utf-8"))
    mine = {entry["memo"]: suggested(entry) for entry in chosen}
    marks = {entry["memo"]: second.get(entry["memo"], entry["marks"]) for entry in chosen}
    names = list(marks)
    fresh = {entry["memo"]: entry.get("set", "fresh") for entry in fresh_entries()}
    plain = [entry for entry in chosen if not entry.get("voice") and entry["memo"] not in fresh]
    groups = {
        "one writer": [entry["memo"] for entry in plain],
        "other voices, opened": [item["memo"] for item in chosen if item.get("voice") and not item["held_out"]],
        "other voices, held out": [item["memo"] for item in chosen if item.get("voice") and item["held_out"]],
        **{
            name: [entry["memo"] for entry in chosen if fresh.get(entry["memo"]) == name]
            for name in dict.fromkeys(fresh.values())
        },
    }
    table = np.array([features(entry) for entry in chosen])
    result: dict[str, Any] = {group: {"memos": len(found)} for group, found in groups.items() if found}
    for section in SECTIONS:
        given = np.array([section_sum(marks[name], section) for name in names])
        low = np.array([sum(float(mine[name][item].low) for item in SECTIONS[section]) for name in names])
        high = np.array([sum(float(mine[name][item].high) for item in SECTIONS[section]) for name in names])
        fitted, constant = baselines(table, given)
        for group in result:
            at = np.array([names.index(name) for name in groups[group]])
            result[group][section] = {
                "suggestion": against((low + high)[at] / 2, given[at]),
                "in_range": round(float(np.mean((low[at] <= given[at]) & (given[at] <= high[at]))), 2),
                "range": round(float(np.mean(high[at] - low[at])), 2),
                "regression": against(fitted[at], given[at]),
                "constant": against(constant[at], given[at]),
            }
    first = {entry["memo"]: entry["marks"] for entry in chosen}
    for group in result:
        for section in SECTIONS if group not in fresh.values() else ():
            pair = np.array(
                [(section_sum(first[name], section), section_sum(second[name], section)) for name in groups[group]]
            )
            result[group][section]["first marker"] = against(pair[:, 0], pair[:, 1])
    return result


def differences(chosen: list[dict[str, Any]]) -> list[str]:
    """Memo by memo, criterion by criterion: where suggestion and mark are more than one point apart."""
    second = json.loads((HERE / "marks_second.json").read_text(encoding="utf-8"))
    lines = []
    for entry in chosen:
        marks = second.get(entry["memo"], entry["marks"])
        found = suggested(entry)
        off = {
            name: (float(item.low + item.high) / 2, marks[name])
            for name, item in found.items()
            if abs(float(item.low + item.high) / 2 - marks[name]) > 1
        }
        total = sum(float(item.low + item.high) / 2 for item in found.values())
        told = ", ".join(f"{name} {guess:g} for {mark:g}" for name, (guess, mark) in off.items())
        lines.append(f"{entry['memo']}: {total:g} for {sum(marks.values()):g}; {told}")
    return lines


def commit() -> str:
    """The commit that was measured, with a plus where the tree differs."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    changed = subprocess.run(
        [*git, "status", "--porcelain", "grader", "rubrics", "tests/data/memos"], capture_output=True, text=True
    )
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without-held-out", action="store_true")
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    chosen = [
        item
        for item in (*entries(), *(() if options.without_held_out else fresh_entries()))
        if not (options.without_held_out and item["held_out"] and item.get("voice"))
    ]
    result = {"commit": commit(), "groups": measure(chosen)}
    for group, table in result["groups"].items():
        print(f"{group} ({table['memos']})")
        for section in SECTIONS:
            row = table[section]
            told = [
                f"{name} {row[name]['mad']:.2f}/{row[name]['kappa']:.2f}"
                for name in ("suggestion", "regression", "constant")
            ]
            extra = f"  first marker {row['first marker']['mad']:.2f}" if "first marker" in row else ""
            print(
                f"  {section:10} {'  '.join(told)}  bias {row['suggestion']['bias']:+.2f}  in range {row['in_range']:.0%}{extra}"
            )
    if options.each:
        print("\n".join(differences(chosen)))
    if options.out:
        if options.out.is_file():  # what was seen first, before anything was mended for it, stays on record
            result["first_look"] = json.loads(options.out.read_text(encoding="utf-8")).get("first_look")
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
