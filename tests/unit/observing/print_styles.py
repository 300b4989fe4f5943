"""Ways in which students show the same results, with the truth known by construction. Used by the tests of saved outputs."""

from __future__ import annotations

import io
import json
import pprint
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

METRICS = ("accuracy", "macro_f1", "zero_f1_classes")
Key = tuple[str, str | None]
"""Model and run."""
Results = dict[Key, dict[str, float]]


@dataclass
class Shown:
    """A notebook's cells, and the results that they show."""

    cells: list[dict[str, Any]] = field(default_factory=list)

    def markdown(self, text: str) -> Shown:
        self.cells.append({"cell_type": "markdown", "source": text})
        return self

    def code(self, source: str, *outputs: str | dict[str, str]) -> Shown:
        self.cells.append({"cell_type": "code", "source": source, "outputs": [_output(item) for item in outputs]})
        return self

    def notebook(self) -> dict[str, Any]:
        return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": self.cells}


def _output(item: str | dict[str, str]) -> dict[str, Any]:
    if isinstance(item, str):
        return {"output_type": "stream", "name": "stdout", "text": item}
    return {"output_type": "execute_result", "data": dict(item)}


def results(seed: int) -> Results:
    """Plausible results of both models and of the weighted decoder."""
    random_ = random.Random(seed)
    keys: tuple[Key, ...] = (("encoder", None), ("decoder", None), ("decoder", "weighted"))
    return {
        key: {
            "accuracy": round(random_.uniform(0.4, 0.7), 4),
            "macro_f1": round(random_.uniform(0.1, 0.35), 4),
            "zero_f1_classes": random_.randint(10, 60),
        }
        for key in keys
    }


NAMES: dict[Key, tuple[str, ...]] = {
    ("encoder", None): ("Encoder", "ModernBERT", "encoder_lora", "Encoder (ModernBERT + LoRA)", "ENC", "ModernBERT-base LoRA r=16"),
    ("decoder", None): ("Decoder", "Qwen2.5-0.5B", "decoder_lora", "Decoder (Qwen2.5-0.5B + LoRA)", "DEC", "Qwen 2.5 LoRA r=16"),
    ("decoder", "weighted"): (
        "Decoder weighted", "Qwen2.5-0.5B + class weights", "decoder_weighted", "Decoder (Qwen2.5-0.5B, class-weighted)",
        "DEC weighted", "Qwen 2.5 LoRA weighted loss",
    ),
}  # fmt: skip


def _names(style: int) -> dict[Key, str]:
    return {key: names[style % len(names)] for key, names in NAMES.items()}


def _frame(
    data: Results, style: int, columns: tuple[str, str, str] = ("accuracy", "macro_f1", "zero_f1")
) -> pd.DataFrame:
    names = _names(style)
    rows = {names[key]: [found[metric] for metric in METRICS] for key, found in data.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(columns))
    return frame.astype({columns[2]: int})


def one_line(data: Results, style: int) -> Shown:
    names = _names(style)
    lines = [
        f"{names[key]} accuracy: {v['accuracy']} | macro-F1: {v['macro_f1']} | zero-F1 classes: {v['zero_f1_classes']}"
        for key, v in data.items()
    ]
    return Shown().code("report(models)", "\n".join(lines) + "\n")


def short_equals(data: Results, style: int) -> Shown:
    names = _names(style)
    lines = [
        f"[{names[key]}] acc={v['accuracy']}, macro_f1={v['macro_f1']}, n_zero={v['zero_f1_classes']}"
        for key, v in data.items()
    ]
    return Shown().code("for m in models: show(m)", "\n".join(lines))


def blocks_with_rules(data: Results, style: int) -> Shown:
    names = _names(style)
    text = "".join(
        f"{'=' * 12} {names[key]} {'=' * 12}\nAccuracy:            {v['accuracy']:.4f}\nMacro F1:            {v['macro_f1']:.4f}\n"
        f"Classes with F1 = 0: {v['zero_f1_classes']}/113\n\n"
        for key, v in data.items()
    )
    return Shown().code("evaluate_all()", text)


def blocks_indented(data: Results, style: int) -> Shown:
    names = _names(style)
    text = "".join(
        f"{names[key]}:\n  accuracy  {v['accuracy']}\n  macro F1  {v['macro_f1']}\n  zero-F1 classes  {v['zero_f1_classes']}\n"
        for key, v in data.items()
    )
    return Shown().code("evaluate_all()", text)


def per_cent(data: Results, style: int) -> Shown:
    names = _names(style)
    lines = [
        f"{names[key]}: accuracy {v['accuracy']:.2%}, macro F1 {v['macro_f1']:.2%}, {v['zero_f1_classes']} classes with zero F1"
        for key, v in data.items()
    ]
    return Shown().code("report()", "\n".join(lines))


def per_cent_without_sign(data: Results, style: int) -> Shown:
    names = _names(style)
    lines = [
        f"{names[key]} -> Acc: {v['accuracy'] * 100:.2f} MacroF1: {v['macro_f1'] * 100:.2f} Zeros: {v['zero_f1_classes']}"
        for key, v in data.items()
    ]
    return Shown().code("report()", "\n".join(lines))


def numbers_before_words(data: Results, style: int) -> Shown:
    names = _names(style)
    lines = [
        f"{names[key]}: {v['accuracy']} accuracy, {v['macro_f1']} macro F1, {v['zero_f1_classes']} zero-F1 classes"
        for key, v in data.items()
    ]
    return Shown().code("report()", "\n".join(lines))


def dictionary_lines(data: Results, style: int) -> Shown:
    shown = Shown()
    for key, v in data.items():
        name = {"encoder": "enc", "decoder": "dec"}[key[0]] + ("_weighted" if key[1] else "")
        shown.code(
            f"{name}_metrics = {name}_trainer.evaluate(test_ds)\n{name}_metrics", {"text/plain": repr(_evaluated(v))}
        )
    return shown


def _evaluated(v: dict[str, float]) -> dict[str, float]:
    return {
        "eval_loss": 1.71, "eval_accuracy": v["accuracy"], "eval_macro_f1": v["macro_f1"],
        "eval_zero_f1_classes": v["zero_f1_classes"], "eval_runtime": 31.2, "eval_samples_per_second": 240.1, "epoch": 3.0,
    }  # fmt: skip


def nested_dictionary(data: Results, style: int) -> Shown:
    nested = {name: data[key] for key, name in _names(style).items()}
    return Shown().code("results", {"text/plain": repr(nested)})


def nested_pprint(data: Results, style: int) -> Shown:
    nested = {name: data[key] for key, name in _names(style).items()}
    return Shown().code("pprint(results)", pprint.pformat(nested, width=40))


def nested_json(data: Results, style: int) -> Shown:
    nested = {name: data[key] for key, name in _names(style).items()}
    return Shown().code("print(json.dumps(results, indent=2))", json.dumps(nested, indent=2))


def numpy_dictionary(data: Results, style: int) -> Shown:
    lines = [
        f"{name} {{'accuracy': np.float64({data[key]['accuracy']}), 'macro_f1': np.float64({data[key]['macro_f1']}), "
        f"'zero_f1_classes': {data[key]['zero_f1_classes']}}}"
        for key, name in _names(style).items()
    ]
    return Shown().code("for k, v in results.items(): print(k, v)", "\n".join(lines))


def frame_text(data: Results, style: int) -> Shown:
    return Shown().code("print(df)", str(_frame(data, style)))


def frame_html(data: Results, style: int) -> Shown:
    frame = _frame(data, style)
    return Shown().code("df", {"text/plain": str(frame), "text/html": frame._repr_html_()})  # type: ignore[operator]


def frame_html_only(data: Results, style: int) -> Shown:
    frame = _frame(data, style, ("Accuracy", "Macro-F1", "# zero-F1 classes"))
    return Shown().code("df", {"text/html": frame.to_html()})


def frame_transposed(data: Results, style: int) -> Shown:
    with pd.option_context("display.width", 200, "display.max_columns", None):
        return Shown().code("df.T", {"text/plain": str(_frame(data, style).T)})


def frame_with_model_column(data: Results, style: int) -> Shown:
    frame = _frame(data, style, ("Test accuracy", "Macro F1", "Zero-F1 classes")).rename_axis("Model").reset_index()
    return Shown().code("comparison", {"text/plain": str(frame), "text/html": frame.to_html()})


def frame_long(data: Results, style: int) -> Shown:
    frame = _frame(data, style).rename_axis("model").reset_index().melt(id_vars="model", var_name="metric")
    return Shown().code("long", {"text/html": frame.to_html()})


def frame_narrow_terminal(data: Results, style: int) -> Shown:
    with pd.option_context("display.width", 45, "display.max_columns", None):
        return Shown().code(
            "print(df)", str(_frame(data, style, ("test_accuracy", "test_macro_f1", "number_of_zero_f1")))
        )


def markdown_table(data: Results, style: int) -> Shown:
    head = "| Model | Accuracy | Macro F1 | Zero-F1 classes |\n|---|---:|---:|---:|\n"
    rows = [
        f"| {name} | {data[key]['accuracy']} | {data[key]['macro_f1']} | {data[key]['zero_f1_classes']} |"
        for key, name in _names(style).items()
    ]
    return Shown().code("print(table)", head + "\n".join(rows))


def grid_table(data: Results, style: int) -> Shown:
    rule = "+" + "+".join(["-" * 42, "-" * 12, "-" * 12, "-" * 12]) + "+\n"
    text = rule + f"|{'':42}|{'Acc':>12}|{'MacroF1':>12}|{'Zero F1':>12}|\n" + rule.replace("-", "=")
    for key, name in _names(style).items():
        v = data[key]
        text += f"|{name:42}|{v['accuracy']:>12}|{v['macro_f1']:>12}|{v['zero_f1_classes']:>12}|\n" + rule
    return Shown().code("print(tabulate(rows, tablefmt='grid'))", text)


def padded_columns(data: Results, style: int) -> Shown:
    text = f"{'Model':<45}{'Accuracy':>10}{'Macro F1':>10}{'Zero F1':>10}\n" + "-" * 75 + "\n"
    for key, name in _names(style).items():
        v = data[key]
        text += f"{name:<45}{v['accuracy']:>10.4f}{v['macro_f1']:>10.4f}{v['zero_f1_classes']:>10d}\n"
    return Shown().code("print_table(rows)", text)


def metrics_down_padded(data: Results, style: int) -> Shown:
    names = list(_names(2).values())
    text = f"{'Metric':<20}" + "".join(f"{name:>20}" for name in names) + "\n"
    for metric, label in (("accuracy", "Accuracy"), ("macro_f1", "Macro F1"), ("zero_f1_classes", "Zero-F1 classes")):
        text += f"{label:<20}" + "".join(f"{data[key][metric]:>20}" for key in data) + "\n"
    return Shown().code("print_table(rows)", text)


def comma_separated(data: Results, style: int) -> Shown:
    return Shown().code("print(df.to_csv())", _frame(data, style).rename_axis("model").to_csv())


def tab_separated(data: Results, style: int) -> Shown:
    return Shown().code("print(df.to_csv(sep='\\t'))", _frame(data, style).rename_axis("model").to_csv(sep="\t"))


def runs_under_a_heading(data: Results, style: int) -> Shown:
    rows = {"encoder": ("encoder", None), "unweighted": ("decoder", None), "class-weighted": ("decoder", "weighted")}
    shown = (
        Shown()
        .markdown("## Encoder")
        .code(
            "report(m)",
            f"accuracy {data['encoder', None]['accuracy']}, macro F1 {data['encoder', None]['macro_f1']}, zeros: {data['encoder', None]['zero_f1_classes']}",
        )
    )
    frame = pd.DataFrame(
        {name: [data[key][metric] for metric in METRICS] for name, key in rows.items() if key[0] == "decoder"},
        index=["accuracy", "macro F1", "zero-F1 classes"],
    ).T
    return shown.markdown("## Decoder: does weighting help?").code("compare(runs)", {"text/html": frame.to_html()})


def underlined_headings(data: Results, style: int) -> Shown:
    names = _names((0, 2, 4)[style % 3])
    text = "".join(
        f"\n{'=' * 40}\n{names[key].upper()} RESULTS\n{'=' * 40}\nTest Accuracy : {v['accuracy']:.2%}\nTest Macro F1 : {v['macro_f1']:.4f}\n# zero-F1     : {v['zero_f1_classes']} / 113 ({v['zero_f1_classes'] / 113:.1%})\n"
        for key, v in data.items()
    )
    return Shown().code("evaluate_all()", text)


def rich_table(data: Results, style: int) -> Shown:
    table = Table("Model", "Accuracy", "Macro F1", "Zero F1", title="Results")
    for key, name in _names(style).items():
        table.add_row(name, *(str(data[key][metric]) for metric in METRICS))
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    console.print(table)
    return Shown().code("console.print(table)", console.file.getvalue())  # type: ignore[attr-defined]


def headings_above(data: Results, style: int) -> Shown:
    shown = Shown().markdown("# Results")
    for key, name in _names(style).items():
        v = data[key]
        shown.markdown(f"## {name}")
        shown.code(
            "show(run())",
            f"Accuracy: {v['accuracy']}\nMacro F1: {v['macro_f1']}\nZero-F1 classes: {v['zero_f1_classes']}\n",
        )
    return shown


def names_only_in_code(data: Results, style: int) -> Shown:
    shown = Shown()
    for key, v in data.items():
        name = ("wdec" if key[1] else key[0][:3]) if style % 2 else "_".join(filter(None, key))
        name = name.replace("wdec", "weighted_decoder")
        source = f'print(f"Accuracy: {{{name}_res[\'accuracy\']:.4f}}")\nprint(f"Macro F1: {{{name}_res[\'macro_f1\']:.4f}}")\nprint("Zero:", {name}_res["n_zero_f1"])'
        shown.code(
            source, f"Accuracy: {v['accuracy']:.4f}\nMacro F1: {v['macro_f1']:.4f}\nZero: {v['zero_f1_classes']}\n"
        )
    return shown


def names_in_one_cell_of_code(data: Results, style: int) -> Shown:
    source, text = "", ""
    for key, v in data.items():
        name = "_".join(filter(None, key))
        source += f'print(f"Accuracy: {{{name}["accuracy"]:.4f}}  Macro F1: {{{name}["macro_f1"]:.4f}}  Zero F1 classes: {{{name}["zero"]}}")\n'
        text += (
            f"Accuracy: {v['accuracy']:.4f}  Macro F1: {v['macro_f1']:.4f}  Zero F1 classes: {v['zero_f1_classes']}\n"
        )
    return Shown().code(source, text)


def through_variables(data: Results, style: int) -> Shown:
    shown = Shown().code('ENC = "answerdotai/ModernBERT-base"\nDEC = "Qwen/Qwen2.5-0.5B"')
    for number, (key, v) in enumerate(data.items()):
        checkpoint = "ENC" if key[0] == "encoder" else "DEC"
        loss = "L(weight=1 / np.sqrt(np.bincount(y)))" if key[1] else "L()"
        shown.code(
            f"net{number} = AutoModelForSequenceClassification.from_pretrained({checkpoint}, num_labels=113)\n"
            f"L = torch.nn.CrossEntropyLoss\nloss = {loss}(net{number}(**batch).logits, batch['labels'])\nloss.backward()\n"
            f"scores{number} = test(net{number})"
        )
        shown.code(f"show(net{number})", repr({metric: v[metric] for metric in METRICS}) + "\n")
    return shown


def series(data: Results, style: int) -> Shown:
    shown = Shown()
    for key, name in _names(style).items():
        frame = pd.Series(
            {
                "accuracy": data[key]["accuracy"],
                "macro_f1": data[key]["macro_f1"],
                "zero_f1": data[key]["zero_f1_classes"],
            },
            name=name,
        )
        shown.code("scores", {"text/plain": str(frame)})
    return shown


def side_by_side_sentence(data: Results, style: int) -> Shown:
    first, second, third = data.values()
    text = (
        f"Encoder vs Decoder accuracy: {first['accuracy']} vs {second['accuracy']}\n"
        f"Encoder vs Decoder macro F1: {first['macro_f1']} vs {second['macro_f1']}\n"
        f"Encoder / Decoder zero-F1 classes: {first['zero_f1_classes']} / {second['zero_f1_classes']}\n"
        f"Weighted decoder: accuracy {third['accuracy']}, macro F1 {third['macro_f1']}, zero-F1 classes {third['zero_f1_classes']}\n"
    )
    return Shown().code("compare()", text)


def metric_first(data: Results, style: int) -> Shown:
    names = _names((0, 2)[style % 2])
    text = ""
    for metric, label in (("accuracy", "Accuracy"), ("macro_f1", "Macro F1"), ("zero_f1_classes", "Zero-F1 classes")):
        text += f"{label}:\n" + "".join(f"   {names[key]}: {data[key][metric]}\n" for key in data)
    return Shown().code("compare()", text)


def metric_first_one_line(data: Results, style: int) -> Shown:
    names = _names((0, 2)[style % 2])
    text = ""
    for metric, label in (("accuracy", "Accuracy"), ("macro_f1", "Macro F1"), ("zero_f1_classes", "Zero-F1 classes")):
        text += f"{label} - " + ", ".join(f"{names[key]}: {data[key][metric]}" for key in data) + "\n"
    return Shown().code("compare()", text)


def with_differences_and_ratios(data: Results, style: int) -> Shown:
    shown = frame_text(data, style)
    gap = data[("decoder", None)]["macro_f1"] - data[("encoder", None)]["macro_f1"]
    shown.code("gap", f"Decoder - encoder macro F1: {gap:+.4f}\nRelative gain in macro F1: {gap / 0.2:.1%}\n")
    return shown


def with_baseline(data: Results, style: int) -> Shown:
    frame = _frame(data, style)
    frame.loc["Full FT encoder (week 1)"] = [0.566, 0.209, 46]
    return Shown().code("table", {"text/html": frame.to_html()})


def styled_frame(data: Results, style: int) -> Shown:
    head = "".join(f'<th class="col_heading">{label}</th>' for label in ("Accuracy", "Macro F1", "Zero-F1"))
    rows = "".join(
        f'<tr><th class="row_heading">{name}</th><td>{data[key]["accuracy"]:.4f}</td><td>{data[key]["macro_f1"]:.4f}</td><td>{data[key]["zero_f1_classes"]}</td></tr>'
        for key, name in _names(style).items()
    )
    html = f'<style>#T_1 {{color: red}}</style><table id="T_1"><thead><tr><th class="blank">&nbsp;</th>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return Shown().code(
        "df.style.format(precision=4)", {"text/html": html, "text/plain": "<pandas.io.formats.style.Styler at 0x7f>"}
    )


STYLES: tuple[Callable[[Results, int], Shown], ...] = (
    one_line, short_equals, blocks_with_rules, blocks_indented, per_cent, per_cent_without_sign, numbers_before_words,
    dictionary_lines, nested_dictionary, nested_pprint, nested_json, numpy_dictionary, frame_text, frame_html, frame_html_only,
    frame_transposed, frame_with_model_column, frame_long, frame_narrow_terminal, markdown_table, grid_table, padded_columns,
    metrics_down_padded, rich_table, comma_separated, tab_separated, runs_under_a_heading, underlined_headings, headings_above, names_only_in_code, names_in_one_cell_of_code, through_variables, series,
    side_by_side_sentence, metric_first, metric_first_one_line, with_differences_and_ratios, with_baseline, styled_frame,
)  # fmt: skip
