"""The lines after training: metrics, the table, tiers, latency, saving."""

from __future__ import annotations

from tests.corpus.choices import Choices
from tests.corpus.code_feeding import loader_lines, targets, texts
from tests.corpus.naming import Config, Names, indent

PRINTS = {
    "fstring": [
        "print(f\"{name}: accuracy {results[name]['accuracy']:.4f} | macro-F1 {results[name]['macro_f1']:.4f} | "
        "classes with zero F1: {results[name]['zero_classes']}\")"
    ],
    "dict": ["print(name, results[name])"],
    "frame": [],
    "report": [
        "print(name)",
        "print(classification_report(y_true, y_pred, labels=list(range(113)), target_names=label_names,",
        "                            digits=4, zero_division=0))",
        'print("classes with F1 = 0:", results[name]["zero_classes"])',
    ],
    "json": ['print(name + ":", json.dumps(results[name], indent=2))'],
    "round": [
        'print("===", name, "===")',
        'print("Accuracy:", round(results[name]["accuracy"], 3))',
        'print("Macro F1:", round(results[name]["macro_f1"], 3))',
        'print("Zero-F1 classes:", results[name]["zero_classes"])',
    ],
}


def metric_lines(chosen: Choices) -> list[str]:
    """From `y_pred` and `name` to results, printed."""
    return [
        f"y_true = np.array({targets(chosen, 'test')})",
        "per_class = f1_score(y_true, y_pred, labels=list(range(113)), average=None, zero_division=0)",
        'results[name] = {"accuracy": float(accuracy_score(y_true, y_pred)), "macro_f1": float(per_class.mean()),',
        '                 "zero_classes": int((per_class == 0).sum())}',
        "class_f1[name] = per_class",
        *PRINTS[chosen.metric_style],
    ]


def tier_lines(chosen: Choices) -> list[str]:
    """F1 by frequency tier."""
    runs = [
        run
        for run in ("encoder", "decoder", "decoder_weighted")
        if run != "decoder_weighted" or chosen.weights != "none"
    ]
    frame = ['per_class_table = pd.DataFrame({"class": label_names, "train": counts.to_numpy(), **class_f1})']
    cut = [
        *frame,
        'per_class_table["tier"] = pd.cut(per_class_table["train"], [0, 27, 499, 10**9],',
        '                                 labels=["rare (1-27)", "medium (28-499)", "common (500+)"])',
        'groups = per_class_table.groupby("tier", observed=False)',
        f"tiers = groups[{runs!r}].mean()",
        'tiers.insert(0, "classes", groups.size())',
    ]
    if chosen.tiers == "frame":
        return [*cut, "tiers.round(3)"]
    if chosen.tiers == "cut":
        return [*cut, "print(tiers.round(4).to_string())"]
    if chosen.tiers == "plot":
        return [*cut, 'tiers[["encoder", "decoder"]].plot.bar(rot=0)', 'plt.ylabel("mean F1")', "plt.show()"]
    shown = ["decoder"] if chosen.tiers == "one_model" else ["encoder", "decoder"]
    values = ", ".join(f"{run} F1 {{class_f1['{run}'][mask].mean():.3f}}" for run in shown)
    return [
        'masks = {"rare (<28 examples)": counts.to_numpy() < 28,',
        '         "medium (28-499)": (counts.to_numpy() >= 28) & (counts.to_numpy() < 500),',
        '         "common (>=500)": counts.to_numpy() >= 500}',
        "for tier, mask in masks.items():",
        f'    print(f"{{tier:<22}} {{int(mask.sum()):>3}} classes: {values}")',
    ]


def latency_lines(chosen: Choices, both: dict[str, Names]) -> list[str]:
    """Timing of the models."""
    runs = ["decoder"] if chosen.latency == "one_model" else ["encoder", "decoder"]
    setup, tokens = _latency_tokenizers(chosen, both)
    if chosen.latency == "predict":
        body = []
        for run in runs:
            n = both[run]
            body += [
                "start = time.perf_counter()",
                f"{n.trainer}.predict({n.test})",
                f'speed["{run}"] = 1000 * (time.perf_counter() - start) / len({n.test})',
            ]
        return ["speed = {}", *body, *_print_speed(chosen)]
    if chosen.latency == "loader":
        body = [line for run in runs for line in _over_loader(chosen, both[run], run)]
        return ["speed = {}", *body, *_print_speed(chosen)]
    side = ", side" if chosen.side_how == "call" else ""
    if chosen.latency == "inline":
        rows = ", ".join(f'("{run}", {both[run].model}, {tokens[run]}{_side(chosen, run)})' for run in runs)
        return [
            *setup,
            "speed = {}",
            f"for name, model, tok{side} in [{rows}]:",
            *indent(_timing(chosen)),
            "    speed[name] = ms",
            *_print_speed(chosen),
        ]
    calls = [f'speed["{run}"] = benchmark({both[run].model}, {tokens[run]}{_side(chosen, run)})' for run in runs]
    return [
        *setup,
        f"def benchmark(model, tok{side}):",
        *indent(_timing(chosen)),
        "    return ms",
        "",
        "",
        "speed = {}",
        *calls,
        *_print_speed(chosen),
    ]


def _side(chosen: Choices, run: str) -> str:
    return f', "{"left" if run == "decoder" else "right"}"' if chosen.side_how == "call" else ""


def _latency_tokenizers(chosen: Choices, both: dict[str, Names]) -> tuple[list[str], dict[str, str]]:
    tokens = {run: n.tok for run, n in both.items()}
    if chosen.tokenizers == "shared" and tokens["encoder"] == tokens["decoder"]:
        tokens["encoder"] = f"AutoTokenizer.from_pretrained({Config(chosen)['encoder']})"
    if chosen.tokenizers == "renamed":
        tokens["decoder"] = "tok_for_timing"
        return [f"tok_for_timing = {both['decoder'].tok}"], tokens
    if chosen.tokenizers != "recreated":
        return [], tokens
    right = chosen.padding_fault in ("latency_right", "unset", "explicit_right") or chosen.side_how == "call"
    given = "" if right else ', padding_side="left"'
    tokens["decoder"] = "timing_tokenizer"
    return [f"timing_tokenizer = AutoTokenizer.from_pretrained({Config(chosen)['decoder']}{given})"], tokens


def _timing(chosen: Choices) -> list[str]:
    """`ms` per example of `model` with `tok`."""
    kind = chosen.latency
    wait = [] if kind == "no_sync" else ["if torch.cuda.is_available():", "    torch.cuda.synchronize()"]
    side = ", padding_side=side" if chosen.side_how == "call" else ""
    call = f'padding=True, truncation=True, max_length={Config(chosen)["max_length"]}, return_tensors="pt"{side}'
    start = ["model.eval()", f"sample = {texts(chosen, 'test')}"]
    if kind == "single":
        return [
            *start,
            "with torch.no_grad():",
            *indent(
                [
                    *wait,
                    "start = time.perf_counter()",
                    "for text in sample[:40]:",
                    f'    one = tok(text, truncation=True, max_length={Config(chosen)["max_length"]}, return_tensors="pt").to(device)',
                    "    model(**one)",
                    *wait,
                    "ms = 1000 * (time.perf_counter() - start) / 40",
                ]
            ),
        ]
    batch = f"batch = tok(sample[:32], {call}).to(device)"
    if kind == "no_warmup":
        inner = [
            *wait,
            "start = time.perf_counter()",
            "model(**batch)",
            *wait,
            "ms = 1000 * (time.perf_counter() - start) / 32",
        ]
    else:
        inner = [
            "for _ in range(3):  # warm-up",
            "    model(**batch)",
            *wait,
            "start = time.perf_counter()",
            "for _ in range(5):",
            "    model(**batch)",
            *wait,
            "ms = 1000 * (time.perf_counter() - start) / (5 * 32)",
        ]
    return [*start, batch, "with torch.no_grad():", *indent(inner)]


def _over_loader(chosen: Choices, n: Names, run: str) -> list[str]:
    (loader,) = loader_lines(chosen, n, "test")
    body = [
        'batch = {k: v.to(device) for k, v in batch.items() if k != "labels"}',
        "if step == 3 and torch.cuda.is_available():",
        "    torch.cuda.synchronize()",
        "if step == 3:  # the first batches warm up",
        "    start, seen = time.perf_counter(), 0",
        f"{n.model}(**batch)",
        "if step >= 3:",
        '    seen += len(batch["input_ids"])',
        "if step == 10:",
        "    break",
    ]
    return [
        loader.replace("test_loader", "timing_loader").replace("batch_size=64", "batch_size=32"),
        f"{n.model}.eval()",
        "with torch.inference_mode():",
        "    for step, batch in enumerate(timing_loader):",
        *indent(body, 2),
        "if torch.cuda.is_available():",
        "    torch.cuda.synchronize()",
        f'speed["{run}"] = 1000 * (time.perf_counter() - start) / seen',
    ]


def _print_speed(chosen: Choices) -> list[str]:
    if chosen.latency_print == "table":
        return [
            'speed_table = pd.DataFrame({"ms_per_example": speed})',
            'speed_table["examples_per_second"] = 1000 / speed_table["ms_per_example"]',
            "speed_table.round(2)",
        ]
    if chosen.latency_print == "ms_only":
        return ["for name, ms in speed.items():", '    print(f"{name}: {ms:.2f} ms per example")']
    return ["for name, ms in speed.items():", '    print(f"{name}: {ms:.2f} ms/example, {1000 / ms:.1f} examples/s")']


def save_lines(chosen: Choices, runs: dict[str, Names]) -> list[str]:
    """What is written to disk at the end."""
    lines: list[str] = []
    if chosen.saving == "peft_state":
        lines = ["from peft import get_peft_model_state_dict", "from safetensors.torch import save_file"]
    for run, n in runs.items():
        lines += _save(chosen.saving, run, n)
    return lines


def _save(saving: str, run: str, n: Names) -> list[str]:
    target = f'"adapters/{run}"'
    full = [f"merged = {n.model}.merge_and_unload()"]
    return {
        "save_pretrained": [f"{n.model}.save_pretrained({target})", f"{n.tok}.save_pretrained({target})"],
        "before": [f"{n.model}.save_pretrained({target})"],
        "save_model": [f"{n.trainer}.save_model({target})"],
        "push": [f'{n.model}.push_to_hub("student/week3-{run}")'],
        "unsafe": [f"{n.model}.save_pretrained({target}, safe_serialization=False)"],
        "torch_save": [f'torch.save({n.model}.state_dict(), "{run}.pt")'],
        "merged": [*full, f'merged.save_pretrained("merged/{run}")', f'{n.tok}.save_pretrained("merged/{run}")'],
        "backbone": [*full, f'merged.model.save_pretrained("final/{run}")'],
        "peft_state": [
            f"state = {{k: v.contiguous().cpu() for k, v in get_peft_model_state_dict({n.model}).items()}}",
            f'save_file(state, "{run}.safetensors")',
        ],
    }.get(saving, [])
