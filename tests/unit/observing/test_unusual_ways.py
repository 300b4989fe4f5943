"""Ways of writing that real students have and the first corpus had not; each was once read wrongly or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from grader.model.evidence import Evidence
from grader.model.observation import (
    LatencyMeasured,
    Loaded,
    LoraConfigured,
    LossWeights,
    Number,
    Precision,
    TierTable,
    Trainable,
)
from grader.observing.recorded import observe_outputs
from grader.observing.source import observe_source
from tests.builders_notebooks import code, week3

F1_BY_CLASS = "fe = f1_score(y, p, labels=range(113), average=None, zero_division=0)"
LOAD = 'm = AutoModelForSequenceClassification.from_pretrained("Qwen/Qwen2.5-0.5B", dtype=torch.float32)\n'
LORA = 'm = get_peft_model(m, LoraConfig(task_type="SEQ_CLS", r=16, target_modules=["q_proj", "v_proj"]))\n'


def shown(kind: type, *cells: dict[str, Any]) -> list[Any]:
    return [
        item for item in observe_outputs(Evidence(notebook={"cells": list(cells)}), week3()) if isinstance(item, kind)
    ]


def written(kind: type, *cells: str) -> list[Any]:
    notebook = {"cells": [code(cell) for cell in cells]}
    return [item for item in observe_source(Evidence(notebook=notebook), week3()) if isinstance(item, kind)]


@pytest.mark.parametrize(
    "output",
    [
        "              encoder  decoder  decoder_w\ntier\nbig (500+)      0.470    0.480      0.470\nrare (<=27)     0.010    0.055      0.089\n",
        "                ModernBERT   Qwen  Qwen weighted\nrare: 4-27           0.010  0.056          0.088\ncommon: 500+         0.470  0.479          0.466\n",
        "                encoder  decoder  decoder weighted\ncommon (>=500)    0.473    0.483             0.470\nrare (<28)        0.011    0.056             0.090\n",
        "rare (4-27) encoder 0.01\nrare (4-27) decoder 0.054\nfrequent (500+) encoder 0.471\nfrequent (500+) decoder 0.48\n",
        "rare, up to 27 complaints    n= 29  ModernBERT 0.009  Qwen 0.050\nat least 500                 n= 28  ModernBERT 0.470  Qwen 0.480\n",
        "selten (bis 27)        Encoder 0.010   Decoder 0.053\nhäufig (ab 500)        Encoder 0.471   Decoder 0.480\n",
        "| tier   |   encoder |   decoder |\n|:-------|----------:|----------:|\n| rare   |    0.0090 |    0.0551 |\n| common |    0.4640 |    0.4812 |\n",
        "                          encodeur  décodeur\nlabel\nrares (4 à 27)               0.010     0.055\nfréquentes (500 et plus)     0.472     0.482\n",
    ],
)  # fmt: skip
def test_a_breakdown_is_found_where_the_notebook_computes_only_f1_class_by_class(output: str) -> None:
    (table,) = shown(TierTable, code(F1_BY_CLASS), code("show()", output))
    assert (table.models, len(table.tiers)) == (("decoder", "encoder"), 2)


@pytest.mark.parametrize(
    "computed",
    [
        "f = precision_recall_fscore_support(y, p.argmax(-1), labels=range(113), zero_division=0)[2]",
        "_, _, f1, _ = precision_recall_fscore_support(y, p, labels=range(113), average=None)",
    ],
)
def test_scores_without_an_average_are_class_by_class(computed: str) -> None:
    output = "  examples  classes      ModernBERT            Qwen\n      4-27       29          0.0121          0.0602\n      500+       28          0.4683          0.4921\n"
    (table,) = shown(TierTable, code(computed), code("show()", output))
    assert (table.models, table.tiers) == (("decoder", "encoder"), ("4-27", "500+"))


def test_an_average_that_is_asked_for_is_no_score_by_class() -> None:
    output = (
        "rare (4-27) encoder 0.01\nrare (4-27) decoder 0.05\ncommon (500+) encoder 0.4\ncommon (500+) decoder 0.5\n"
    )
    averaged = 'p, r, f1, _ = precision_recall_fscore_support(y, y_hat, average="macro")'
    assert shown(TierTable, code(averaged), code("show()", output)) == []


def test_narrow_columns_under_two_rows_of_labels_are_told_apart() -> None:
    output = (
        "                     encoder                     decoder                 \n"
        "                        mean <lambda_0> size        mean <lambda_0> size\n"
        "tier                                                                     \n"
        "common: 500 or more     0.472          0   28       0.492          0   28\n"
        "rare: fewer than 28     0.012         28   29       0.059         27   29\n"
    )
    (table,) = shown(TierTable, code(F1_BY_CLASS), code("show()", output))
    assert (table.models, len(table.tiers)) == (("decoder", "encoder"), 2)


def test_a_breakdown_with_decimal_commas_is_found() -> None:
    output = "                Klassen  Encoder  Decoder\nselten (4–27)        29    0,012    0,060\nhäufig (ab 500)      28    0,468    0,492\n"
    (table,) = shown(TierTable, code(F1_BY_CLASS), code("show()", output))
    assert (table.models, len(table.tiers)) == (("decoder", "encoder"), 2)


@pytest.mark.parametrize(
    ("source", "memo", "tables"),
    [
        ("import w3; w3.tiers()", "I keep it if rare F1 passes 0.10.", 1),
        ("import w3; w3.tiers()", "Rare classes need more data.", 0),
        ("accuracy_score(y, p)", "I keep it if rare F1 passes 0.10.", 0),
    ],
)
def test_where_no_code_computes_scores_the_memo_says_what_tiers_show(source: str, memo: str, tables: int) -> None:
    output = "| tier | encoder | decoder |\n|:--|--:|--:|\n| rare (4-27) | 0.0121 | 0.0602 |\n| common (500+) | 0.4683 | 0.4921 |\n"
    text = {"cell_type": "markdown", "source": memo}
    assert len(shown(TierTable, code(source, output), text)) == tables


def test_names_of_weights_in_a_load_report_are_no_names_of_models() -> None:
    report = (
        "ModernBertForSequenceClassification LOAD REPORT from: answerdotai/ModernBERT-base\n"
        "Key               | Status     | \n------------------+------------+-\ndecoder.bias      | UNEXPECTED | \n"
        "classifier.weight | MISSING    | \n"
    )
    (counted,) = shown(
        Trainable,
        code("m.print_trainable_parameters()", f"{report}trainable params: 3,466,097 || all params: 153,157,858"),
    )
    assert (counted.model, counted.count) == ("encoder", 3466097)


def test_a_breakdown_without_a_word_is_nothing_where_recall_by_class_is_computed_too() -> None:
    output = (
        "rare (4-27) encoder 0.01\nrare (4-27) decoder 0.05\ncommon (500+) encoder 0.4\ncommon (500+) decoder 0.5\n"
    )
    recall = "r = recall_score(y, p, average=None)"
    assert shown(TierTable, code(F1_BY_CLASS), code(recall), code("show()", output)) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("qwen 26.50 ms/example 37.7 examples/s", [("decoder", "latency_ms", 26.5), ("decoder", "throughput", 37.7)]),
        ("Qwen 2.5-0.5B accuracy 0.57", [("decoder", "accuracy", 0.57)]),
        ("encoder: 310.4 ms/batch(32) = 9.70 ms/example", [("encoder", "batch_latency_ms", 310.4), ("encoder", "latency_ms", 9.7)]),
        ("encoder batch of 32 took 312.1 ms", [("encoder", "batch_latency_ms", 312.1)]),
        ("décodeur : 26.74 ms par exemple", [("decoder", "latency_ms", 26.74)]),
        ("编码器 准确率 0.55", [("encoder", "accuracy", 0.55)]),
    ],
)  # fmt: skip
def test_a_line_s_numbers_keep_model_and_unit(line: str, expected: list[tuple[str, str, float]]) -> None:
    found = [(item.model, item.metric, item.value) for item in shown(Number, code("show()", line + "\n"))]
    assert [item for item in found if item[1] is not None and item in expected] == expected


@pytest.mark.parametrize(
    "rows",
    [
        "x = tok.pad([tok(r[0]) for r in rows[:32]], return_tensors='pt')",
        "x = batch(rows)",
    ],
)
def test_rows_of_a_batch_that_are_tokenised_one_by_one_are_no_single_examples(rows: str) -> None:
    setup = f"{LOAD}tok = AutoTokenizer.from_pretrained('Qwen/Qwen2.5-0.5B')\ndef batch(rows):\n    return tok.pad([tok(r[0]) for r in rows])\n"
    timed = (
        f"def clock(m):\n    {rows}\n    sync = torch.cuda.synchronize if torch.cuda.is_available() else (lambda: None)\n    m(**x)\n"
        "    sync(); t = time.perf_counter()\n    for _ in range(10): m(**x)\n    sync()\n    return time.perf_counter() - t\nclock(m)"
    )
    (found,) = written(LatencyMeasured, setup, timed)
    assert (found.batch_size, found.synchronised, found.repeats) == (None, True, 10)


@pytest.mark.parametrize(
    ("body", "repeats"),
    [
        ("for b in loader:\n        t = time.time(); m(**b); d.append(time.time() - t)", None),
        ("t = min(timeit.repeat(lambda: m(**x), number=5, repeat=3)); time.time()", None),
        ("d = [t for _ in range(n) for t in [time.time()] if m(**x)]", None),
        ("x = tok([r.text for r in rows]); t = time.time(); m(**x); time.time() - t", 1),
    ],
)
def test_repetitions_that_the_text_does_not_count_are_left_open(body: str, repeats: int | None) -> None:
    (found,) = written(LatencyMeasured, LOAD, f"def clock(m):\n    {body}\nclock(m)")
    assert found.repeats == repeats


def test_weights_are_followed_through_values_and_into_losses_of_single_rows() -> None:
    made = "n = df.label.value_counts().sort_index().reindex(range(113)).values\nalpha = torch.tensor((n.sum() / n) ** 0.5)\n"
    trainer = (
        "class W(Trainer):\n    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):\n"
        "        y = inputs['labels']; out = model(**inputs)\n        ce = F.cross_entropy(out.logits, y, reduction='none')\n"
        "        a = alpha.to(y.device)[y]\n        return (a * ce).sum() / a.sum()\n"
    )
    used = written(LossWeights, LOAD + LORA, made + trainer + "W(m, TrainingArguments('o')).train()")
    assert [(item.model, item.formula) for item in used if item.reached_loss] == [("decoder", "inverse_sqrt")]


def test_a_class_of_settings_is_read() -> None:
    load = "AutoModelForSequenceClassification.from_pretrained(CFG.name, torch_dtype=CFG.kind)"
    (found,) = written(Loaded, 'class CFG:\n    name = "Qwen/Qwen2.5-0.5B"\n    kind = "auto"\n', load)
    assert (found.model, found.dtype) == ("decoder", "bfloat16")


def test_a_loop_over_ranks_configures_each_and_the_one_kept_is_followed() -> None:
    loop = (
        f"keep = None\nfor r in (4, 16):\n    {LOAD}    m = get_peft_model(m, LoraConfig(task_type='SEQ_CLS', r=r, target_modules=['q_proj']))\n"
        "    if r == 16:\n        keep = m\nTrainer(keep, TrainingArguments('o')).train()"
    )
    found = written(LoraConfigured, loop)
    assert [(item.config["r"], item.trained) for item in found] == [(4, False), (16, True)]


def test_an_optimizer_made_before_lora_leaves_open_what_trains() -> None:
    before = f"{LOAD}opt = torch.optim.AdamW(m.parameters(), lr=1e-4)\n{LORA}"
    after = f"{LOAD}{LORA}opt = torch.optim.AdamW(m.parameters(), lr=1e-4)\n"
    (early,), (late,) = written(LoraConfigured, before), written(LoraConfigured, after)
    assert (early.config.get("unresolved"), late.config.get("unresolved")) == (["optimizer"], None)


def test_a_subclass_of_the_model_s_class_is_loaded_like_it() -> None:
    made = "class Mine(Qwen2ForSequenceClassification):\n    pass\nMine.from_pretrained('Qwen/Qwen2.5-0.5B', dtype=torch.float32)"
    (found,) = written(Loaded, "from transformers import Qwen2ForSequenceClassification", made)
    assert (found.model, found.dtype) == ("decoder", "float32")


@pytest.mark.parametrize(
    "settings",
    [
        'import yaml\nCFG = yaml.safe_load("""\nname: Qwen/Qwen2.5-0.5B\ndtype: bfloat16\n""")',
        'import json\nCFG = json.loads(\'{"name": "Qwen/Qwen2.5-0.5B", "dtype": "bfloat16"}\')',
    ],
)
def test_settings_in_a_text_are_read(settings: str) -> None:
    load = 'AutoModelForSequenceClassification.from_pretrained(CFG["name"], dtype=getattr(torch, CFG["dtype"]))'
    (found,) = written(Loaded, f"import torch\n{settings}", load)
    assert (found.model, found.dtype) == ("decoder", "bfloat16")


def test_a_text_that_would_grow_is_not_read() -> None:
    bomb = "a: &a [1, 2]\\nb: &b [*a, *a]\\nname: Qwen/Qwen2.5-0.5B"
    load = 'AutoModelForSequenceClassification.from_pretrained(CFG["name"])'
    (found,) = written(Loaded, f'import yaml\nCFG = yaml.safe_load("{bomb}")', load)
    assert found.checkpoint == ""


def test_a_count_with_commas_below_a_line_of_results_is_no_row_of_a_table() -> None:
    output = (
        "trainable: 3,466,097\nencoder: accuracy 0.5531, macro F1 0.2008, zero-F1 classes 50\n"
        "trainable: 2,263,936\ndecoder: accuracy 0.5680, macro F1 0.2369, zero-F1 classes 44\n"
    )
    found = shown(Number, code("show()", output))
    assert [item.value for item in found if item.metric == "zero_f1_classes"] == [50.0, 44.0]
    assert {item.value for item in found if item.metric == "trainable"} == {3_466_097.0, 2_263_936.0}


@pytest.mark.parametrize(
    ("between", "synchronised"),
    [
        ("pipe(texts, truncation=True)", True),
        ("m(**x)", False),
        ("p = pipeline('text-classification', model=m)", False),
    ],
)
def test_a_pipeline_waits_for_its_answers(between: str, synchronised: bool) -> None:
    timed = f"def clock(m):\n    t = time.perf_counter()\n    {between}\n    return time.perf_counter() - t\nclock(m)"
    (found,) = written(LatencyMeasured, LOAD, timed)
    assert found.synchronised is synchronised


@pytest.mark.parametrize(
    ("handler", "dtype", "rank"),
    [("    m = AutoModelForSequenceClassification.from_pretrained('Qwen/Qwen2.5-0.5B', dtype=torch.float32)", "float32", 16),
     ("    m = smaller()", None, 16)],
)  # fmt: skip
def test_a_second_attempt_that_is_the_same_leaves_nothing_in_doubt(handler: str, dtype: str | None, rank: int) -> None:
    tried = (
        "try:\n    m = AutoModelForSequenceClassification.from_pretrained('Qwen/Qwen2.5-0.5B', dtype=torch.float32)\n"
        f"except OSError as e:\n    print(e)\n{handler}\n"
    )
    cell = f"{tried}{LORA}Trainer(m, TrainingArguments('o')).train()"
    loads = {(item.dtype, item.trained) for item in written(Loaded, cell)}
    assert (dtype, True) in loads
    assert [item.config["r"] for item in written(LoraConfigured, cell)] == [rank]


@pytest.mark.parametrize(("made", "fp16"), [("lambda: dict(fp16=True)", True), ("unknown", None)])
def test_a_dataclass_s_field_holds_what_its_factory_makes(made: str, fp16: bool | None) -> None:
    config = f"@dataclass\nclass C:\n    train: dict = field(default_factory={made})\n"
    cell = f"from dataclasses import dataclass, field\n{config}c = C()\n{LOAD}Trainer(m, TrainingArguments('o', **c.train)).train()"
    assert [item.fp16 for item in written(Precision, cell)] == ([fp16] if fp16 else [])


@pytest.mark.parametrize(
    ("rule", "formula"),
    [
        ("1 / np.sqrt(np.maximum(n, 1))", "inverse_sqrt"),
        ("1 / np.sqrt(np.clip(n, 1, None))", "inverse_sqrt"),
        ("np.clip(np.sqrt(n.mean() / n), 0.5, 4.0)", None),
        ("(1 / np.sqrt(n)).clip(max=4)", None),
    ],
)
def test_weights_that_are_cut_off_follow_no_rule_that_the_text_shows(rule: str, formula: str | None) -> None:
    made = f"n = df.label.value_counts().sort_index().values\nw = torch.tensor({rule})\n"
    trainer = (
        "class W(Trainer):\n    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):\n"
        "        y = inputs.pop('labels'); out = model(**inputs)\n        return F.cross_entropy(out.logits, y, weight=w)\n"
    )
    used = written(LossWeights, LOAD + LORA, made + trainer + "W(m, TrainingArguments('o')).train()")
    assert [item.formula for item in used if item.reached_loss and item.formula] == ([formula] if formula else [])
