"""The notebook's code, cell by cell, in one of four layouts. Each cell names what it prints, in order."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.corpus.choices import Choices
from tests.corpus.code_ending import latency_lines, metric_lines, save_lines, tier_lines
from tests.corpus.code_feeding import dataset_lines, feeding_setup, read_lines
from tests.corpus.code_models import (
    dtype_expression,
    dtype_setup,
    load_lines,
    lora_expression,
    lora_setup,
    tokenizer_lines,
    wrap_lines,
)
from tests.corpus.code_training import predict_lines, train_lines, trainer_setup, weight_lines, weighted_setup
from tests.corpus.naming import Config, Names, indent, names_for

IMPORTS = """
import json
import os
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, PeftModelForSequenceClassification, TaskType, get_peft_model
from sklearn.metrics import accuracy_score, classification_report, f1_score
from torch.utils.data import DataLoader
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer,
                          TrainingArguments, default_data_collator, set_seed)
""".strip().splitlines()


@dataclass(frozen=True)
class Piece:
    """One code cell."""

    lines: tuple[str, ...]
    prints: tuple[str, ...] = ()
    """What comes out, in order: `environment`, `data`, `load:encoder`, `count:decoder`, `train:decoder` ..."""
    title: str = ""
    """Heading of the part that begins here."""
    defines: bool = False
    """Holds only definitions that later cells need."""

    @property
    def source(self) -> str:
        """Its text."""
        return "\n".join(self.lines)


def piece(lines: list[str], *prints: str, title: str = "", defines: bool = False) -> Piece:
    """Shorthand."""
    return Piece(tuple(lines), prints, title, defines)


def runs_of(chosen: Choices) -> list[str]:
    """Keys of the training runs, in order."""
    return ["encoder", "decoder"] + ([] if chosen.weights == "none" else ["decoder_weighted"])


def program(chosen: Choices) -> list[Piece]:
    """All code cells, top to bottom."""
    parts = {"flat": _flat, "functions": _functions, "generic": _generic, "classes": _classes}[chosen.layout]
    names = _all_names(chosen)
    table = [piece(["pd.DataFrame(results).T.round(4)"], "table", title="table")]
    with_table = chosen.metric_style == "frame" or chosen.naming % 3 == 0
    tiers = [] if chosen.tiers == "none" else [piece(tier_lines(chosen), "tiers", title="tiers")]
    both = {run: names[run] for run in ("encoder", "decoder")}
    timing = [] if chosen.latency == "none" else [piece(latency_lines(chosen, both), "latency", title="latency")]
    save = save_lines(chosen, {run: names[run] for run in runs_of(chosen)}) if chosen.saving != "before" else []
    saving = [piece(save, "save", title="save")] if save else []
    return [*_setup(chosen), *parts(chosen, names), *(table if with_table else []), *tiers, *timing, *saving]


def _all_names(chosen: Choices) -> dict[str, Names]:
    names = {run: names_for(chosen, run) for run in ("encoder", "decoder", "decoder_weighted")}
    if chosen.layout != "classes":
        return names
    short = {"encoder": "enc_run", "decoder": "dec_run", "decoder_weighted": "weighted_run"}
    return {
        run: replace(
            n,
            model=f"{short[run]}.model",
            tok=f"{short[run]}.tok",
            trainer=f"{short[run]}.trainer",
            train=f"{short[run]}.train_set",
            val=f"{short[run]}.val_set",
            test=f"{short[run]}.test_set",
        )
        for run, n in names.items()
    }


def _setup(chosen: Choices) -> list[Piece]:
    imports = list(IMPORTS)
    if chosen.trainer == "accelerate":
        imports.append("from accelerate import Accelerator")
    device = 'device = "cuda" if torch.cuda.is_available() else "cpu"'
    shown = (
        ["import transformers", 'print("transformers", transformers.__version__)']
        if chosen.shown_by == "print" and chosen.library != "unknown"
        else []
    )
    if chosen.hardware != "unshown" and chosen.naming % 2:
        shown += ['print(torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no gpu")']
    first = [
        *imports,
        "",
        *shown,
        *Config(chosen).cell(),
        *dtype_setup(chosen),
        "set_seed(42)",
        device,
        "results, class_f1 = {}, {}",
    ]
    helpers = [*_metrics_function(chosen), *_spaced(feeding_setup(chosen)), *_spaced(trainer_setup(chosen))]
    made = [piece(helpers, defines=True, title="helpers")] if helpers else []
    return [piece(first, "environment", title="setup"), piece(read_lines(chosen), "data", title="data"), *made]


def _metrics_function(chosen: Choices) -> list[str]:
    if chosen.trainer not in ("trainer", "subclass"):
        return []
    return [
        "def compute_metrics(prediction):",
        "    found = prediction.predictions.argmax(-1)",
        '    return {"accuracy": accuracy_score(prediction.label_ids, found),',
        '            "macro_f1": f1_score(prediction.label_ids, found, average="macro", zero_division=0)}',
    ]


def _spaced(lines: list[str]) -> list[str]:
    return ["", "", *lines] if lines else []


def _before(chosen: Choices, n: Names) -> list[str]:
    return save_lines(chosen, {n.run: n}) if chosen.saving == "before" else []


def _weights(chosen: Choices) -> list[Piece]:
    if chosen.weights == "none":
        return []
    return [piece([*weight_lines(chosen), *_spaced(weighted_setup(chosen))], "weights", title="weights")]


def _ordered(chosen: Choices, runs: dict[str, list[Piece]]) -> list[Piece]:
    """Encoder, decoder, weights, weighted decoder; the weights first where (by mistake) the encoder gets them."""
    weights = _weights(chosen)
    first = weights if chosen.weights == "encoder_only" else []
    then = [] if first else weights
    return [
        *first,
        *runs["encoder"],
        *runs["decoder"],
        *then,
        *(runs["decoder_weighted"] if chosen.weights != "none" else []),
    ]


def _flat(chosen: Choices, names: dict[str, Names]) -> list[Piece]:
    return _ordered(chosen, {run: _flat_run(chosen, n) for run, n in names.items()})


def _flat_run(chosen: Choices, n: Names) -> list[Piece]:
    weighted = n.run == "decoder_weighted"
    make = [*([] if weighted else tokenizer_lines(chosen, n)), *load_lines(chosen, n)]
    wrap = [*wrap_lines(chosen, n), *_before(chosen, n)]
    data = [] if weighted else [piece(dataset_lines(chosen, n), "quiet")]
    train = [f'name = "{n.run}"', *train_lines(chosen, n, "name")]
    return [
        piece(make, f"side:{n.run}", f"load:{n.role}", title=n.run),
        piece(wrap, f"count:{n.role}"),
        *data,
        piece(train, f"train:{n.run}"),
        piece([*predict_lines(chosen, n), *metric_lines(chosen)], f"metrics:{n.run}"),
    ]


def _shared_names(chosen: Choices) -> Names:
    side = '("left" if "Qwen" in tok.name_or_path else "right")' if chosen.side_how == "call" else "tok.padding_side"
    return Names(
        "decoder",
        "shared",
        "model",
        "tok",
        "tok.name_or_path",
        "train_set",
        "val_set",
        "test_set",
        "trainer",
        side=side,
        weights="weights",
        shared=True,
    )


def _run_function(chosen: Choices) -> Piece:
    n = _shared_names(chosen)
    back = "model, trainer" if chosen.trainer in ("trainer", "subclass") else "model"
    body = [*train_lines(chosen, n, "name"), *predict_lines(chosen, n), *metric_lines(chosen), f"return {back}"]
    return piece(
        ["def run(name, model, tok, train_set, val_set, test_set, weights=None):", *indent(body)],
        defines=True,
        title="run",
    )


def _call_run(chosen: Choices, n: Names, weights: str) -> list[str]:
    kept = f"{n.model}, {n.trainer}" if chosen.trainer in ("trainer", "subclass") else n.model
    given = f", weights={weights}" if weights else ""
    return [f'{kept} = run("{n.run}", {n.model}, {n.tok}, {n.train}, {n.val}, {n.test}{given})']


def _given_weights(chosen: Choices, n: Names) -> str:
    wanted = "encoder" if chosen.weights == "encoder_only" else "decoder_weighted"
    return "class_weights" if n.run == wanted else ""


def _functions(chosen: Choices, names: dict[str, Names]) -> list[Piece]:
    makers = []
    for role in ("encoder", "decoder"):
        n = replace(names[role], model="model", tok="tokenizer")
        tok = [f"def {role}_tokenizer_():", *indent([*tokenizer_lines(chosen, n), "return tokenizer"])]
        model = [
            f"def make_{role}(tokenizer):",
            *indent([*load_lines(chosen, n), *wrap_lines(chosen, n), "return model"]),
        ]
        makers += [piece([*tok, "", "", *model], defines=True)]

    def cells(n: Names) -> list[Piece]:
        weighted = n.run == "decoder_weighted"
        first = [] if weighted else [f"{n.tok} = {n.role}_tokenizer_()", *dataset_lines(chosen, n)]
        made = [*first, f"{n.model} = make_{n.role}({n.tok})", *_before(chosen, n)]
        side = () if weighted else (f"side:{n.run}",)
        return [
            piece(made, *side, f"load:{n.role}", f"count:{n.role}", title=n.run),
            piece(_call_run(chosen, n, _given_weights(chosen, n)), f"train:{n.run}", f"metrics:{n.run}"),
        ]

    return [*makers, _run_function(chosen), *_ordered(chosen, {run: cells(n) for run, n in names.items()})]


def _side_given(chosen: Choices, role: str) -> str:
    """The side that a shared maker of tokenizers is called with; empty where none is."""
    if role == "encoder" or chosen.padding_fault in ("unset", "too_late") or chosen.side_how == "call":
        return ""
    return '"right"' if chosen.padding_fault == "explicit_right" else '"left"'


def _model_arguments(chosen: Choices, role: str) -> str:
    dtype = dtype_expression(chosen)
    value = "torch.float32" if role == "encoder" and dtype else dtype
    return f", dtype={value}" if value else ""


def _generic(chosen: Choices, names: dict[str, Names]) -> list[Piece]:
    n = replace(
        _shared_names(chosen), checkpoint="checkpoint", lora="lora", dtype="dtype" if dtype_expression(chosen) else ""
    )
    dtype = ", dtype=None" if n.dtype else ""
    makers = piece(
        [
            "def load_tokenizer(checkpoint, side=None):",
            *indent([*tokenizer_lines(chosen, replace(n, side="side")), "return tok"]),
            "",
            "",
            f"def build_model(checkpoint, tok, lora{dtype}):",
            *indent([*load_lines(chosen, n), *wrap_lines(chosen, n), "return model"]),
            "",
            "",
            "def encode(tok):",
            *indent([*dataset_lines(chosen, n), "return train_set, val_set, test_set"]),
        ],
        defines=True,
        title="helpers",
    )

    def cells(m: Names) -> list[Piece]:
        weighted = m.run == "decoder_weighted"
        side = _side_given(chosen, m.role)
        lines = (
            []
            if weighted
            else [
                f"{m.tok} = load_tokenizer({m.checkpoint}{', side=' + side if side else ''})",
                *_other(chosen, m),
                f"{m.train}, {m.val}, {m.test} = encode({m.tok})",
                *_late(chosen, m),
            ]
        )
        lines += [
            *lora_setup(chosen, m.role),
            f"{m.model} = build_model({m.checkpoint}, {m.tok}, {lora_expression(chosen, m.role)}"
            f"{_model_arguments(chosen, m.role)})",
            *_before(chosen, m),
        ]
        first = () if weighted else (f"side:{m.run}",)
        return [
            piece(lines, *first, f"load:{m.role}", f"count:{m.role}", title=m.run),
            piece(_call_run(chosen, m, _given_weights(chosen, m)), f"train:{m.run}", f"metrics:{m.run}"),
        ]

    return [makers, _run_function(chosen), *_ordered(chosen, {run: cells(m) for run, m in names.items()})]


def _other(chosen: Choices, m: Names) -> list[str]:
    if chosen.padding_fault != "other_object" or m.role != "decoder":
        return []
    return [f'print("padding side:", {m.tok}.padding_side)', f"{m.tok} = AutoTokenizer.from_pretrained({m.checkpoint})"]


def _late(chosen: Choices, m: Names) -> list[str]:
    return [f'{m.tok}.padding_side = "left"'] if chosen.padding_fault == "too_late" and m.role == "decoder" else []


def _classes(chosen: Choices, names: dict[str, Names]) -> list[Piece]:
    side = (
        '("left" if "Qwen" in self.checkpoint else "right")' if chosen.side_how == "call" else "self.tok.padding_side"
    )
    n = Names(
        "decoder",
        "shared",
        "self.model",
        "self.tok",
        "self.checkpoint",
        "self.train_set",
        "self.val_set",
        "self.test_set",
        "self.trainer",
        side=side,
        lora="lora",
        dtype="dtype" if dtype_expression(chosen) else "",
        weights="self.weights",
        shared=True,
    )
    dtype = ", dtype=None" if n.dtype else ""
    made = [
        "self.name, self.checkpoint, self.weights = name, checkpoint, weights",
        *tokenizer_lines(chosen, replace(n, side="side")),
        *load_lines(chosen, n),
        *wrap_lines(chosen, n),
    ]
    prepared = []
    if chosen.padding_fault == "other_object":
        prepared = ["self.tok = AutoTokenizer.from_pretrained(self.checkpoint)  # fresh copy for the data"]
    late = (
        ['if "Qwen" in self.checkpoint:', '    self.tok.padding_side = "left"']
        if chosen.padding_fault == "too_late"
        else []
    )
    methods = {
        f"__init__(self, name, checkpoint, lora, side=None, weights=None{dtype})": made,
        "prepare(self)": [*prepared, *dataset_lines(chosen, n), *late],
        "train(self)": ["name = self.name", *train_lines(chosen, n, "name")],
        "evaluate(self)": ["name = self.name", *predict_lines(chosen, n), *metric_lines(chosen)],
    }
    body = [line for head, lines in methods.items() for line in ("", f"    def {head}:", *indent(lines, 2))]
    whole = piece(["class Experiment:", '    """One model on the complaints."""', *body], defines=True, title="helpers")
    return [whole, *_ordered(chosen, {run: _class_cells(chosen, m) for run, m in names.items()})]


def _class_cells(chosen: Choices, m: Names) -> list[Piece]:
    variable = m.model.removesuffix(".model")
    side = _side_given(chosen, m.role)
    weights = _given_weights(chosen, m)
    parts = [
        f'"{m.run}"',
        m.checkpoint,
        lora_expression(chosen, m.role),
        *([f"side={side}"] if side else []),
        *([f"weights={weights}"] if weights else []),
    ]
    make = [
        *lora_setup(chosen, m.role),
        f"{variable} = Experiment({', '.join(parts)}{_model_arguments(chosen, m.role)})",
        *_before(chosen, m),
        f"{variable}.prepare()",
    ]
    go = [f"{variable}.train()", f"{variable}.evaluate()"]
    return [
        piece(make, f"side:{m.run}", f"load:{m.role}", f"count:{m.role}", title=m.run),
        piece(go, f"train:{m.run}", f"metrics:{m.run}"),
    ]
