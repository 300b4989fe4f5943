"""What a generated student decided: one value per axis, drawn from a seed, and the faults planted into it.

Says nothing about verdicts (`truth`) and writes no code (`code_*`). Values that depend on one another are drawn
together, so that every drawn notebook is one that a student could have written and run.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields, replace
from typing import Any

REFERENCE_ENCODER = ("Wqkv", "Wo", "Wi")
REFERENCE_DECODER = ("q_proj", "k_proj", "v_proj", "o_proj")


@dataclass(frozen=True)
class Lora:
    """How one model is adapted."""

    rank: int = 16
    alpha: int = 32
    targets: tuple[str, ...] = ()
    """Names; `("all-linear",)` for that word."""
    spelling: str = "list"
    """list, set, tuple, regex, string (all-linear), paths (`self_attn.q_proj`), variable."""
    task_type: str = "enum"
    """enum, string, missing."""
    head_listed: bool = True
    """`modules_to_save` names the head."""
    append_bug: bool = False
    """`modules_to_save=targets.append("score")`."""
    extra: str = ""
    """`use_rslora=True`, `bias="lora_only"`, `use_dora=True` ..."""
    wrap: str = "get_peft_model"
    """get_peft_model, sequence_class (PeftModelForSequenceClassification), peft_model (PeftModel), add_adapter."""
    unfrozen: bool = False
    """Every parameter is set to train afterwards."""

    @property
    def head_trains(self) -> bool:
        """As PEFT 0.11 to 0.21 behave (tried with plain PEFT): only the classes made for a task add the head by themselves."""
        by_itself = self.task_type != "missing" and self.wrap in ("get_peft_model", "sequence_class")
        return by_itself or self.unfrozen or (self.head_listed and not self.append_bug)


@dataclass(frozen=True)
class Choices:
    """All axes. The defaults are the solution's own choices, roughly."""

    seed: int = 0
    layout: str = "flat"
    """flat, functions (one per model), generic (shared functions), classes."""
    config: str = "constants"
    """literals, constants, dict, dataclass, namespace."""
    trainer: str = "trainer"
    """trainer, subclass (one subclass for all runs), loop, accelerate."""
    data: str = "pandas"
    """pandas, datasets, csv."""
    place: str = "environment"
    """environment, relative, drive, kaggle, hub."""
    feeding: str = "collator"
    """collator, default (Trainer's own), fixed, item, text_collate, pad_collate, manual."""
    tokenizers: str = "own"
    """own, shared (one name used again), recreated (a new object for timing), renamed."""
    side_how: str = "attribute"
    """attribute, keyword, setattr, call (only where the call pads)."""
    padding_fault: str = ""
    """unset, other_object, too_late, manual_right, eval_right, latency_right, explicit_right."""
    dtype: str = "float32"
    """float32, bfloat16, float16, auto, omitted, float_after, half_after, bf16_after."""
    dtype_how: str = "torch"
    """torch, string, variable, config, kwargs."""
    dtype_keyword: str = "dtype"
    precision: str = "fp16"
    """fp16, fp16_if_gpu, none, bf16, scaler (loops), fp32_explicit."""
    encoder: Lora = Lora(targets=REFERENCE_ENCODER, head_listed=False)
    decoder: Lora = Lora(targets=REFERENCE_DECODER)
    saving: str = "save_pretrained"
    """save_pretrained, save_model, push, unsafe, torch_save, merged, nothing, before, backbone, checkpoints, peft_state."""
    weights: str = "sqrt"
    """sqrt, power, rsqrt, balanced_sqrt, mean_n, inverse, balanced, effective, log, unused, never_called, plain_trainer, none,
    encoder_only, sampler."""
    weights_norm: str = "mean"
    """mean, sum, max, none."""
    loss_how: str = "functional"
    """functional, module, per_row, loss_func."""
    metric_style: str = "fstring"
    """fstring, dict, frame, report, json, round."""
    result: str = "normal"
    """normal, poor, impossible, boast (useless, called a success)."""
    tiers: str = "frame"
    """frame, lines, cut, one_model, none, plot."""
    latency: str = "function"
    """function, inline, loader, predict, no_warmup, no_sync, single, one_model, none."""
    latency_print: str = "both"
    """both, ms_only, table."""
    outputs: str = "full"
    """full, missing, truncated, text."""
    hardware: str = "T4"
    """T4, unshown, A100, L4."""
    library: str = "5"
    """4 or 5 where the notebook shows it, else unknown."""
    shown_by: str = "pin"
    """pin, print, load: what shows the library's version."""
    old_spelling: bool = False
    boilerplate: str = "none"
    """none, colab, kaggle, wandb."""
    language: str = "en"
    headings: str = "hash"
    """hash, bold, numbered, section, one_cell, html."""
    memo: str = "full"
    """full, four, three, none."""
    damage: str = "none"
    """none, moved, deleted, counts."""
    leftover: str = "none"
    """none, comment, first_try, markdown, dead_function."""
    forged: str = ""
    """count, epochs."""
    contradiction: bool = False
    form: str = "ipynb"
    """ipynb, lab, classic."""
    epochs: int = 3
    batch: int = 16
    length: int = 256
    naming: int = 0
    faults: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """What differs from the plain choices, for reports."""
        plain = Choices()
        return {
            f.name: str(getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) != getattr(plain, f.name)
        }


def draw(seed: int) -> Choices:
    """The student of this seed."""
    rng = random.Random(f"week3/{seed}")
    chosen = _repair(_free(rng, seed))
    number = rng.choices((0, 1, 2), weights=(40, 38, 22))[0]
    names = sorted(FAULTS)
    for _ in range(number):
        name = rng.choice(names)
        faulty = FAULTS[name](chosen, rng)
        if faulty is not None and not _clash(name, chosen.faults):
            chosen = replace(faulty, faults=(*chosen.faults, name))
    return _repair(chosen)


def _free(rng: random.Random, seed: int) -> Choices:
    """Every axis by itself, right or at least deliberate everywhere."""
    pick = rng.choice

    def often(usual: str, *others: str, weight: int = 4) -> str:
        return rng.choices((usual, *others), weights=(weight, *[1] * len(others)))[0]

    trainer = rng.choices(("trainer", "subclass", "loop", "accelerate"), weights=(5, 3, 3, 2))[0]
    return Choices(
        seed=seed,
        layout=pick(("flat", "flat", "functions", "generic", "classes")),
        config=pick(("literals", "constants", "dict", "dataclass", "namespace")),
        trainer=trainer,
        data=pick(("pandas", "pandas", "datasets", "csv")),
        place=often("environment", "relative", "drive", "kaggle", "hub"),
        feeding=pick(("collator", "collator", "default", "fixed", "item", "text_collate", "pad_collate", "manual")),
        tokenizers=pick(("own", "own", "shared", "recreated", "renamed")),
        side_how=pick(("attribute", "attribute", "keyword", "setattr", "call")),
        dtype=often("float32", "omitted", "float_after", weight=6),
        dtype_how=pick(("torch", "torch", "string", "variable", "config", "kwargs")),
        dtype_keyword=pick(("dtype", "torch_dtype")),
        precision=_precision(rng, trainer),
        encoder=_encoder(rng),
        decoder=_decoder(rng),
        saving=often(
            "save_pretrained",
            "save_model",
            "push",
            "unsafe",
            "torch_save",
            "merged",
            "nothing",
            "checkpoints",
            "peft_state",
        ),
        weights=often("sqrt", "power", "rsqrt", "balanced_sqrt", "mean_n", "inverse", "balanced", "effective", "log"),
        weights_norm=pick(("mean", "sum", "max", "none")),
        loss_how=pick(("functional", "module", "per_row", "loss_func")),
        metric_style=pick(("fstring", "dict", "frame", "report", "json", "round")),
        result=often("normal", "poor", weight=12),
        tiers=pick(("frame", "lines", "cut", "plot")),
        latency=pick(("function", "function", "inline", "loader", "predict")),
        latency_print=pick(("both", "both", "ms_only", "table")),
        outputs=often("full", "missing", "truncated", "text", weight=7),
        hardware=often("T4", "unshown", "A100", "L4"),
        library=pick(("4", "5", "unknown")),
        shown_by=pick(("pin", "print", "load")),
        old_spelling=rng.random() < 0.3,
        boilerplate=pick(("none", "colab", "kaggle", "wandb")),
        language=often("en", "de", "es", "fr", "zh", weight=8),
        headings=pick(("hash", "bold", "numbered", "section", "one_cell", "html")),
        damage=often("none", "moved", "deleted", "counts", weight=12),
        leftover=often("none", "comment", "first_try", "markdown", "dead_function"),
        form=often("ipynb", "lab", "classic", weight=10),
        epochs=pick((1, 2, 3, 3)),
        batch=pick((8, 16, 16, 32)),
        length=pick((128, 192, 256)),
        naming=rng.randrange(1000),
    )


def _precision(rng: random.Random, trainer: str) -> str:
    if trainer == "loop":
        return rng.choice(("none", "scaler", "scaler"))
    if trainer == "accelerate":
        return rng.choice(("none", "fp16"))
    return rng.choice(("fp16", "fp16", "fp16_if_gpu", "none"))


def _encoder(rng: random.Random) -> Lora:
    targets = rng.choices(
        (REFERENCE_ENCODER, ("all-linear",), ("Wqkv", "Wo", "Wi", "Wo2"), ("Wqkv",), ("Wqkv", "Wo")),
        weights=(6, 2, 1, 1, 1),
    )
    return _lora(rng, targets[0], rng.choices((16, 8, 32), weights=(6, 1, 1))[0])


def _decoder(rng: random.Random) -> Lora:
    rank = rng.choices((16, 8, 32, 4), weights=(8, 1, 1, 1))[0]
    others = (
        ("q_proj", "v_proj"),
        ("q_proj", "k_proj"),
        ("all-linear",),
        (*REFERENCE_DECODER, "gate_proj", "up_proj", "down_proj"),
    )
    return _lora(rng, rng.choices((REFERENCE_DECODER, *others), weights=(9, 1, 1, 1, 1))[0], rank)


def _lora(rng: random.Random, targets: tuple[str, ...], rank: int) -> Lora:
    spelling = rng.choice(("list", "list", "set", "tuple", "regex", "paths", "variable"))
    wrap = rng.choices(("get_peft_model", "sequence_class", "peft_model", "add_adapter"), weights=(8, 1, 1, 1))[0]
    task = rng.choices(("enum", "string", "missing"), weights=(4, 4, 1))[0]
    alone = task != "missing" and wrap in ("get_peft_model", "sequence_class")
    return Lora(
        rank=rank,
        alpha=rng.choice((rank, 2 * rank, 32)),
        targets=targets,
        spelling="string" if targets == ("all-linear",) else spelling,
        task_type=task,
        head_listed=not alone or rng.random() < 0.5,
        extra=rng.choices(("", "use_rslora=True", 'bias="none"', "init_lora_weights=True"), weights=(6, 1, 2, 1))[0],
        wrap=wrap,
    )


def _repair(chosen: Choices) -> Choices:
    """Take back what can't stand together."""
    loop = chosen.trainer in ("loop", "accelerate")
    change: dict[str, Any] = {}
    if loop:
        change["feeding"] = "collator" if chosen.feeding == "default" else chosen.feeding
        change["latency"] = "function" if chosen.latency == "predict" else chosen.latency
        change["saving"] = {"save_model": "save_pretrained", "checkpoints": "save_pretrained"}.get(
            chosen.saving, chosen.saving
        )
        change["loss_how"] = "module" if chosen.loss_how == "loss_func" else chosen.loss_how
    feeding = change.get("feeding", chosen.feeding)
    if feeding == "fixed":
        change["length"] = min(chosen.length, 128)
    if feeding == "default" and chosen.latency == "loader":
        change["latency"] = "function"
    if chosen.side_how == "call" and feeding not in ("fixed", "text_collate"):
        change["side_how"] = "attribute"
    if chosen.data != "pandas" and chosen.place == "hub":
        change["place"] = "environment"
    if chosen.boilerplate == "kaggle" and chosen.place == "drive":
        change["place"] = "kaggle"
    if chosen.trainer == "subclass" and chosen.loss_how == "loss_func":
        change["loss_how"] = "functional"
    for role in ("encoder", "decoder"):
        lora: Lora = getattr(chosen, role)
        if chosen.layout in ("generic", "classes") and lora.wrap != chosen.decoder.wrap:
            lora = replace(lora, wrap=chosen.decoder.wrap)
        if lora.wrap == "add_adapter" and chosen.saving in ("merged", "backbone", "peft_state"):
            lora = replace(lora, wrap="get_peft_model")
        if role == "encoder" and not lora.head_trains and "encoder_head_frozen" not in chosen.faults:
            lora = replace(lora, head_listed=True)
        change[role] = lora
    if chosen.old_spelling and chosen.library == "5":
        change["library"] = "unknown"
    if chosen.dtype == "auto":
        change["dtype_how"] = "string"
    return replace(chosen, **change)


def _clash(name: str, others: tuple[str, ...]) -> bool:
    return any(name.split("_")[0] == other.split("_")[0] for other in others)


def _padding(kind: str, **changes: Any) -> Any:
    def plant(chosen: Choices, rng: random.Random) -> Choices:
        return replace(chosen, padding_fault=kind, side_how="attribute", **changes)

    return plant


def _set(**changes: Any) -> Any:
    def plant(chosen: Choices, rng: random.Random) -> Choices:
        return replace(chosen, **changes)

    return plant


def _lora_fault(role: str, **changes: Any) -> Any:
    def plant(chosen: Choices, rng: random.Random) -> Choices:
        return replace(chosen, **{role: replace(getattr(chosen, role), **changes)})

    return plant


def _with_outputs(plant: Any) -> Any:
    return lambda chosen, rng: replace(plant(chosen, rng), outputs="full", damage="none")


def _frozen(role: str) -> Any:
    def plant(chosen: Choices, rng: random.Random) -> Choices:
        lora: Lora = getattr(chosen, role)
        plain = {"encoder": REFERENCE_ENCODER, "decoder": REFERENCE_DECODER}[role]
        named = {"targets": plain, "spelling": "list"} if lora.targets == ("all-linear",) else {}
        return replace(chosen, **{role: replace(lora, **FROZEN, **named)})

    return plant


FROZEN = {"task_type": "missing", "head_listed": False, "wrap": "get_peft_model"}
TRAP = {"task_type": "string", "head_listed": False}
FAULTS: dict[str, Any] = {
    "padding_unset": lambda c, r: replace(
        _padding("unset")(c, r), feeding="collator" if c.feeding == "manual" else c.feeding
    ),
    "padding_explicit_right": lambda c, r: replace(
        _padding("explicit_right")(c, r), feeding="collator" if c.feeding == "manual" else c.feeding
    ),
    "padding_other_object": lambda c, r: replace(
        _padding("other_object", tokenizers="own")(c, r), feeding="collator" if c.feeding == "manual" else c.feeding
    ),
    "padding_too_late": _padding("too_late", feeding="fixed", tokenizers="own"),
    "padding_manual_right": _padding("manual_right", feeding="manual"),
    "padding_eval_right": lambda c, r: replace(_padding("eval_right")(c, r), feeding="collator", tokenizers="own"),
    "padding_latency_right": _padding("latency_right", tokenizers="recreated", latency="function"),
    "dtype_bf16": _set(dtype="bfloat16"),
    "dtype_fp16": _set(dtype="float16", hardware="T4"),
    "dtype_auto": _set(dtype="auto"),
    "dtype_omitted": _set(dtype="omitted", library="5", old_spelling=False),
    "dtype_half_after": _set(dtype="half_after", hardware="T4"),
    "dtype_bf16_after": _set(dtype="bf16_after"),
    "precision_bf16": lambda c, r: replace(c, precision="bf16"),
    "encoder_head_frozen": _frozen("encoder"),
    "encoder_all_train": _lora_fault("encoder", unfrozen=True),
    "decoder_head_frozen": _frozen("decoder"),
    "decoder_add_adapter_trap": _lora_fault("decoder", wrap="add_adapter", **TRAP),
    "decoder_peft_model_trap": _lora_fault("decoder", wrap="peft_model", **TRAP),
    "decoder_append": _lora_fault(
        "decoder",
        append_bug=True,
        task_type="missing",
        wrap="get_peft_model",
        spelling="variable",
        targets=REFERENCE_DECODER,
    ),
    "decoder_all_train": _lora_fault("decoder", unfrozen=True),
    "saving_before": _set(saving="before"),
    "saving_backbone": _set(saving="backbone"),
    "weights_unused": _set(weights="unused"),
    "weights_never_called": _set(weights="never_called"),
    "weights_plain_trainer": lambda c, r: replace(c, weights="plain_trainer") if c.trainer == "trainer" else None,
    "weights_encoder_only": _set(weights="encoder_only"),
    "weights_none": _set(weights="none"),
    "weights_sampler": lambda c, r: (
        replace(c, weights="sampler", layout="flat") if c.trainer in ("loop", "accelerate") else None
    ),
    "metrics_impossible": _with_outputs(_set(result="impossible")),
    "metrics_boast": _with_outputs(_set(result="boast")),
    "tiers_none": lambda c, r: replace(c, tiers="none", metric_style="fstring"),
    "tiers_one_model": lambda c, r: replace(c, tiers="one_model", metric_style="fstring"),
    "latency_single": _set(latency="single"),
    "latency_one_model": _set(latency="one_model"),
    "latency_no_warmup": _set(latency="no_warmup"),
    "latency_no_sync": _set(latency="no_sync", hardware="T4"),
    "latency_none": _set(latency="none"),
    "memo_four": _set(memo="four"),
    "memo_three": _set(memo="three"),
    "memo_none": _set(memo="none"),
    "forged_count": _with_outputs(_set(forged="count")),
    "forged_epochs": lambda c, r: replace(_with_outputs(_set(forged="epochs"))(c, r), epochs=1),
    "contradiction_memo": _with_outputs(_set(contradiction=True)),
}
