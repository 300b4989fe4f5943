"""What each cell printed on the student's machine, at true size: templates that know the choices."""

from __future__ import annotations

import base64
import io
import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tests.corpus import course
from tests.corpus.choices import Choices, Lora
from tests.corpus.program import runs_of

Output = dict[str, Any]
VERSIONS = {"4": "4.57.1", "5": "5.2.0"}
GPUS = {"T4": "Tesla T4", "A100": "NVIDIA A100-SXM4-40GB", "L4": "NVIDIA L4"}
ARCHITECTURES = {
    "encoder": (
        "ModernBertForSequenceClassification",
        "answerdotai/ModernBERT-base",
        ["classifier.bias", "classifier.weight"],
    ),
    "decoder": ("Qwen2ForSequenceClassification", "Qwen/Qwen2.5-0.5B", ["score.weight"]),
}


def stream(text: str, name: str = "stdout") -> Output:
    """Printed text."""
    return {"output_type": "stream", "name": name, "text": text if text.endswith("\n") else text + "\n"}


def shown(data: dict[str, str], *, result: bool = True) -> Output:
    """A displayed value."""
    kind = {"output_type": "execute_result", "execution_count": None} if result else {"output_type": "display_data"}
    return {**kind, "data": data, "metadata": {}}


def frame(table: pd.DataFrame) -> Output:
    """A data frame as the last value of a cell."""
    return shown({"text/plain": repr(table), "text/html": table._repr_html_()})


class Printer:
    """All outputs of one student."""

    def __init__(self, chosen: Choices) -> None:
        self.chosen = chosen
        self.results = course.results(chosen)
        self.speed = course.latency(chosen)
        self.rng = random.Random(f"outputs/{chosen.seed}")

    def of(self, tags: tuple[str, ...]) -> list[Output]:
        """What a cell with these tags put out, in order, neighbouring streams joined."""
        out: list[Output] = []
        for tag in tags:
            kind, _, subject = tag.partition(":")
            make: Callable[[str], list[Output]] = getattr(self, f"_{kind}", lambda subject: [])
            for one in make(subject):
                last = out[-1] if out else {}
                if one["output_type"] == "stream" and last.get("name") == one["name"]:
                    last["text"] += one["text"]
                else:
                    out.append(one)
        return out

    def _environment(self, subject: str) -> list[Output]:
        chosen, lines = self.chosen, []
        if chosen.shown_by == "print" and chosen.library != "unknown":
            lines.append(f"transformers {VERSIONS[chosen.library]}")
        if chosen.hardware != "unshown" and chosen.naming % 2:
            lines.append(GPUS[chosen.hardware])
        return [stream("\n".join(lines))] if lines else []

    def _data(self, subject: str) -> list[Output]:
        rows = (course.TRAIN_ROWS, course.VALIDATION_ROWS, course.TEST_ROWS)
        counts = course.class_counts()
        last = f"classes: 113 rarest: {min(counts)} most common: {max(counts)}"
        if self.chosen.place == "hub":
            return [stream(last)]
        if self.chosen.data == "pandas":
            return [stream(" ".join(f"({n}, 2)" for n in rows) + "\n" + last)]
        if self.chosen.data == "csv":
            return [stream(" ".join(map(str, rows)) + "\n" + last)]
        parts = "".join(
            f"    {name}: Dataset({{\n        features: ['text', 'label'],\n        num_rows: {n}\n    }})\n"
            for name, n in zip(("train", "validation", "test"), rows, strict=True)
        )
        return [stream(f"DatasetDict({{\n{parts}}})\n{last}")]

    def _side(self, subject: str) -> list[Output]:
        said = self.chosen.padding_fault == "other_object" and subject == "decoder" and self.chosen.layout != "classes"
        return [stream("padding side: left")] if said else []

    def _load(self, role: str) -> list[Output]:
        chosen = self.chosen
        if chosen.library == "unknown" or (chosen.shown_by != "load" and chosen.naming % 2):
            return []
        architecture, name, new = ARCHITECTURES[role]
        if chosen.library == "4":
            return [
                stream(
                    f"Some weights of {architecture} were not initialized from the model checkpoint at {name} and are newly "
                    f"initialized: {new}\nYou should probably TRAIN this model on a down-stream task to be able to use it for "
                    "predictions and inference.",
                    "stderr",
                )
            ]
        width = max(len(key) for key in new)
        rows = "".join(f"{key:<{width}} | MISSING | \n" for key in new)
        return [
            stream(
                f"[transformers] \x1b[1m{architecture} LOAD REPORT\x1b[0m from: {name}\n{'Key':<{width}} | Status  | \n"
                f"{'-' * width}-+---------+-\n{rows}\nNotes:\n- MISSING:\tthose params were newly initialized because missing "
                "from the checkpoint. Consider training on your downstream task.",
                "stderr",
            )
        ]

    def _count(self, role: str) -> list[Output]:
        lora: Lora = getattr(self.chosen, role)
        if self.chosen.forged == "count" and role == "decoder":
            lora = replace(lora, rank=8 if lora.rank != 8 else 16)
        count, total = course.trainable(role, lora)
        if lora.wrap == "add_adapter":
            return [stream(f"trainable: {count:,} of {total:,} ({100 * count / total:.2f} %)")]
        return [
            stream(f"trainable params: {count:,} || all params: {total:,} || trainable%: {100 * count / total:.4f}")
        ]

    def _epochs(self) -> int:
        return 3 if self.chosen.forged == "epochs" else self.chosen.epochs

    def _train(self, run: str) -> list[Output]:
        losses = [3.4 * 0.62**epoch + self.rng.uniform(0, 0.1) for epoch in range(self._epochs())]
        if self.chosen.trainer in ("loop", "accelerate"):
            return [stream("\n".join(f"{run} epoch {i + 1}: loss {loss:.4f}" for i, loss in enumerate(losses)))]
        found = self.results[run]
        rows = [
            (
                i + 1,
                loss,
                loss * 0.93,
                found.accuracy * (0.9 + 0.1 * (i + 1) / len(losses)),
                found.macro_f1 * (i + 1) / len(losses),
            )
            for i, loss in enumerate(losses)
        ]
        steps = math.ceil(course.TRAIN_ROWS / self.chosen.batch)
        out = [self._log_lines(rows, steps) if self.chosen.outputs == "text" else _progress_table(rows, steps)]
        if self.chosen.layout == "flat":
            seconds = found.minutes * 60
            metrics = {
                "train_runtime": round(seconds, 4),
                "train_samples_per_second": round(course.TRAIN_ROWS * len(rows) / seconds, 3),
                "train_steps_per_second": round(steps * len(rows) / seconds, 3),
                "train_loss": rows[-1][1],
                "epoch": float(len(rows)),
            }
            out.append(
                shown(
                    {
                        "text/plain": f"TrainOutput(global_step={steps * len(rows)}, training_loss={rows[-1][1]}, metrics={metrics})"
                    }
                )
            )
        return out

    def _log_lines(self, rows: list[Any], steps: int) -> Output:
        lines = []
        for epoch, train, val, accuracy, macro in rows:
            lines += [
                str(
                    {
                        "loss": round(train, 4),
                        "grad_norm": round(self.rng.uniform(1, 5), 4),
                        "learning_rate": 1e-4,
                        "epoch": float(epoch),
                    }
                ),
                str(
                    {
                        "eval_loss": round(val, 4),
                        "eval_accuracy": accuracy,
                        "eval_macro_f1": macro,
                        "epoch": float(epoch),
                    }
                ),
            ]
        return stream("\n".join(lines))

    def _metrics(self, run: str) -> list[Output]:
        found, style = self.results[run], self.chosen.metric_style
        values = {"accuracy": found.accuracy, "macro_f1": found.macro_f1, "zero_classes": found.zeros}
        if style == "frame":
            return []
        text = {
            "fstring": f"{run}: accuracy {found.accuracy:.4f} | macro-F1 {found.macro_f1:.4f} | classes with zero F1: {found.zeros}",
            "dict": f"{run} {values}",
            "json": f"{run}: {json.dumps(values, indent=2)}",
            "round": f"=== {run} ===\nAccuracy: {round(found.accuracy, 3)}\nMacro F1: {round(found.macro_f1, 3)}\nZero-F1 classes: {found.zeros}",
        }.get(style)
        return [stream(text or f"{run}\n{self._report(run)}\nclasses with F1 = 0: {found.zeros}")]

    def _report(self, run: str) -> str:
        found = self.results[run]
        names = [str(i) for i in range(113)] if self.chosen.place == "hub" else list(course.labels())
        width = max(len(name) for name in names)
        support = [max(1, round(count / 8)) for count in course.class_counts()]
        head = f"{'':>{width}s}  {'precision':>9} {'recall':>9} {'f1-score':>9} {'support':>9}\n"

        def row(name: str, value: float, count: int) -> str:
            return f"{name:>{width}s}  {value:>9.4f} {value:>9.4f} {value:>9.4f} {count:>9}"

        total = sum(support)
        weighted = sum(f1 * count for f1, count in zip(found.per_class, support, strict=True)) / total
        rows = [row(*each) for each in zip(names, found.per_class, support, strict=True)]
        accuracy = f"{'accuracy':>{width}s}  {'':>9} {'':>9} {found.accuracy:>9.4f} {total:>9}"
        return "\n".join(
            [
                head,
                *rows,
                "",
                accuracy,
                row("macro avg", found.macro_f1, total),
                row("weighted avg", weighted, total),
                "",
            ]
        )

    def _weights(self, subject: str) -> list[Output]:
        w = _weights(self.chosen)
        return [stream(f"weights: min {round(float(w.min()), 4)} max {round(float(w.max()), 4)}")]

    def _table(self, subject: str) -> list[Output]:
        rows = {
            run: {"accuracy": r.accuracy, "macro_f1": r.macro_f1, "zero_classes": r.zeros}
            for run, r in self.results.items()
            if run in runs_of(self.chosen)
        }
        return [frame(pd.DataFrame(rows).T.round(4))]

    def _tiers(self, subject: str) -> list[Output]:
        chosen, table = self.chosen, self.tier_table()
        if chosen.tiers == "frame":
            return [frame(table.round(3))]
        if chosen.tiers == "cut":
            return [stream(table.round(4).to_string())]
        if chosen.tiers == "plot":
            return [shown({"image/png": _bars(table), "text/plain": "<Figure size 640x480 with 1 Axes>"}, result=False)]
        runs = ["decoder"] if chosen.tiers == "one_model" else ["encoder", "decoder"]
        titles = ("rare (<28 examples)", "medium (28-499)", "common (>=500)")
        return [
            stream(
                "\n".join(
                    f"{title:<22} {int(table['classes'].iloc[i]):>3} classes: "
                    + ", ".join(f"{run} F1 {table[run].iloc[i]:.3f}" for run in runs)
                    for i, title in enumerate(titles)
                )
            )
        ]

    def tier_table(self) -> pd.DataFrame:
        """Mean F1 of each run by tier, and how many classes."""
        table = pd.DataFrame(
            {"train": course.class_counts(), **{run: self.results[run].per_class for run in runs_of(self.chosen)}}
        )
        table["tier"] = pd.cut(
            table["train"], [0, 27, 499, 10**9], labels=["rare (1-27)", "medium (28-499)", "common (500+)"]
        )
        groups = table.groupby("tier", observed=False)
        tiers = groups[runs_of(self.chosen)].mean()
        tiers.insert(0, "classes", groups.size())
        return tiers

    def _latency(self, subject: str) -> list[Output]:
        runs = ["decoder"] if self.chosen.latency == "one_model" else ["encoder", "decoder"]
        ms = {run: self.speed[run] for run in runs}
        if self.chosen.latency_print == "table":
            table = pd.DataFrame({"ms_per_example": ms})
            table["examples_per_second"] = 1000 / table["ms_per_example"]
            return [frame(table.round(2))]
        if self.chosen.latency_print == "ms_only":
            return [stream("\n".join(f"{run}: {value:.2f} ms per example" for run, value in ms.items()))]
        return [
            stream(
                "\n".join(f"{run}: {value:.2f} ms/example, {1000 / value:.1f} examples/s" for run, value in ms.items())
            )
        ]


def _weights(chosen: Choices) -> np.ndarray:
    n = np.array(course.class_counts(), dtype=float)
    balanced = n.sum() / (113 * n)
    w = {
        "inverse": 1 / n,
        "balanced": balanced,
        "balanced_sqrt": np.sqrt(balanced),
        "mean_n": np.sqrt(n.mean() / n),
        "effective": (1 - 0.999) / (1 - 0.999**n),
        "log": np.log1p(n.sum() / n),
    }.get(chosen.weights, n**-0.5)
    return {"mean": w / w.mean(), "sum": w / w.sum() * len(w), "max": w / w.max()}.get(chosen.weights_norm, w)


def _progress_table(rows: list[Any], steps: int) -> Output:
    heads = ("Epoch", "Training Loss", "Validation Loss", "Accuracy", "Macro F1")
    head = "".join(f"      <th>{name}</th>\n" for name in heads)
    body = "".join(
        f"    <tr>\n      <td>{epoch}</td>\n"
        + "".join(f"      <td>{value:.6f}</td>\n" for value in rest)
        + "    </tr>\n"
        for epoch, *rest in rows
    )
    total = steps * len(rows)
    html = (
        f"\n    <div>\n      \n      <progress value='{total}' max='{total}' style='width:300px; height:20px; vertical-align: middle;'>"
        f'</progress>\n      [{total}/{total} 1:11:09, Epoch {len(rows)}/{len(rows)}]\n    </div>\n    <table border="1" '
        f'class="dataframe">\n  <thead>\n <tr style="text-align: left;">\n{head}    </tr>\n  </thead>\n  <tbody>\n{body}  </tbody>\n'
        "</table><p>"
    )
    return shown({"text/plain": "<IPython.core.display.HTML object>", "text/html": html}, result=False)


def _bars(table: pd.DataFrame) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 2))
    axes = figure.add_subplot()
    axes.bar(range(len(table)), table["decoder"])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    return base64.b64encode(buffer.getvalue()).decode()
