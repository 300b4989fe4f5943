"""Pictures of runs: training and validation loss; F1 of encoder and decoder, rare to common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt

COLOURS = {"encoder": "#2b6cb0", "decoder": "#dd6b20", "decoder-weighted": "#718096"}


def training(result: dict[str, Any], path: Path) -> None:
    """Loss over steps of one run."""
    figure, axes = plt.subplots(figsize=(6, 3.2))
    for key, name in (("loss", "training"), ("eval_loss", "validation")):
        points = [(entry["step"], float(entry[key])) for entry in result["log"] if key in entry]
        axes.plot(*zip(*points, strict=True), label=name, marker="o" if key == "eval_loss" else None)
    axes.set(xlabel="step", ylabel="loss", title=f"{result['config']['name']}, seed {result['seed']}")
    axes.legend()
    _save(figure, path)


def tiers(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Mean F1 per frequency tier, one bar per run."""
    figure, axes = plt.subplots(figsize=(6, 3.2))
    width = 0.8 / len(results)
    for index, (name, result) in enumerate(results.items()):
        found = result["quality"]["tiers"]
        places = [place + index * width for place in range(len(found))]
        heights = [tier["macro_f1"] or 0.0 for tier in found.values()]
        axes.bar(places, heights, width, label=name, color=COLOURS.get(name))
    first = next(iter(results.values()))["quality"]["tiers"]
    middle = 0.4 - width / 2
    axes.set_xticks(
        [place + middle for place in range(len(first))],
        [f"{name}\n{tier['classes']} classes" for name, tier in first.items()],
    )
    axes.set(ylabel="mean F1", title="F1 by number of training examples")
    axes.legend()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
