from __future__ import annotations

import pytest

from grader.model.evidence import Evidence
from grader.model.observation import Loaded, LoraConfigured, LossWeights, PaddingSet, Saved, TrainingSetup
from grader.observing.source import observe_source
from tests.unit.observing.test_source import LOAD, PEFT, TOKENIZER, WEEK3, WEIGHTS, observed

TRAIN = "Trainer(model=model, args=TrainingArguments('o', save_strategy='no')).train()"
LOOK = "first = AutoModelForSequenceClassification.from_pretrained('Qwen/Qwen2.5-0.5B', dtype=torch.bfloat16)\nprint(first.dtype)\ndel first"


def loads(*cells: str) -> list[tuple[object, ...]]:
    return [(item.dtype, item.cast, item.trained) for item in observed(*cells, kind=Loaded)]


def test_a_load_that_is_only_looked_at_is_told_from_the_one_that_trains() -> None:
    assert loads(LOOK, LOAD + PEFT, TRAIN) == [("bfloat16", None, False), ("float32", None, True)]


def test_a_function_that_nobody_calls_loads_nothing() -> None:
    dead = "def old():\n    return AutoModelForSequenceClassification.from_pretrained('Qwen/Qwen2.5-0.5B', dtype=torch.bfloat16)"
    assert loads(dead, LOAD, TRAIN) == [("float32", None, True)]


@pytest.mark.parametrize(
    "train",
    [
        TRAIN,
        "t = Trainer(model_init=lambda: model, args=a)\nt.train()",
        "acc = Accelerator()\nmodel, o, l = acc.prepare(model, o, l)\nfor b in l:\n    acc.backward(model(**b).loss)",
        "s = GradScaler()\nfor b in l:\n    s.scale(model(**b).loss).backward()",
        "class Own(nn.Module):\n    def __init__(self, inner):\n        super().__init__()\n        self.inner = inner\nTrainer(model=Own(model), args=a).train()",
        "class Run:\n    def __init__(self, m, t):\n        self.m, self.t = m, t\n    def go(self):\n        Trainer(model=self.m, args=a).train()\nRun(model, tok).go()",
    ],
)  # fmt: skip
def test_training_is_followed_to_the_object_that_was_loaded(train: str) -> None:
    assert loads(LOAD, train) == [("float32", None, True)]


@pytest.mark.parametrize(
    ("doing", "dtype"),
    [
        ("print(model)\nlen(list(model.parameters()))\nmodel.config.use_cache = False\nmodel.to('cuda')\nwandb.watch(model)", "float32"),
        ("n = sum(p.numel() for p in model.parameters() if p.requires_grad)\nopt = torch.optim.AdamW(model.parameters())", "float32"),
        ("for p in model.parameters():\n    p.requires_grad = False", "float32"),
        ("model.to(device)", "float32"),
        ("model.to(chosen_dtype())", None),
        ("model.to(dtype=pick())", None),
        ("for p in model.parameters():\n    p.data = p.data.to(torch.float32)", None),
        ("for n, m in model.named_modules():\n    m.half()", None),
        ("model.score.to(torch.float32)", None),
        ("model.score = nn.Linear(896, 113)", None),
        ("operator.methodcaller(name)(model)", None),
        ("shrink_it(model)", None),
        ("model.apply(lower)", None),
        ("if odd():\n    model.half()", None),
        ("exec('model.half()')", None),
        ("this isn't python either", None),
        ("try:\n    pass\nexcept OSError:\n    model = other()", None),
    ],
)  # fmt: skip
def test_a_type_that_may_have_changed_is_not_said(doing: str, dtype: str | None) -> None:
    found = observed(LOAD, doing, TRAIN, kind=Loaded)
    assert [(item.dtype, item.dtype_given) for item in found] == [(dtype, True)]


def test_a_cast_of_the_whole_model_settles_its_type_again() -> None:
    assert loads(LOAD, "shrink_it(model)\nmodel = model.float()", TRAIN) == [("float32", "float32", True)]


def test_a_copy_is_cast_without_the_original() -> None:
    code = "twin = copy.deepcopy(model)\ntwin.half()\nTrainer(model=twin, args=a).train()"
    assert loads(LOAD, TRAIN, code) == [("float32", None, True)]
    assert loads(LOAD, code.replace("Trainer(model=twin", "Trainer(model=model")) == [
        ("float32", None, True), ("float32", "float16", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrap", "task"),
    [
        ("get_peft_model(model, c)", "SEQ_CLS"),
        ("PeftModelForSequenceClassification(model, c)", "SEQ_CLS"),
        ("PeftModel(model, c)", None),
        ("model.add_adapter(c)", None),
    ],
)
def test_the_task_type_adds_the_head_only_in_pefts_own_wrapper(wrap: str, task: str | None) -> None:
    found = observed(LOAD, f"c = LoraConfig(task_type='SEQ_CLS', r=16)\nm = {wrap}", kind=LoraConfigured)
    assert [item.config.get("task_type") for item in found] == [task]


@pytest.mark.parametrize(
    ("change", "left_open"),
    [
        ("", None),
        ("for p in model.parameters():\n    p.requires_grad = True", ["requires_grad"]),
        (
            "for n, p in model.named_parameters():\n    if 'score' in n:\n        p.requires_grad_(True)",
            ["requires_grad"],
        ),
        ("model.score.weight.requires_grad = True", ["requires_grad"]),
        ("model.requires_grad_(True)", ["requires_grad"]),
        ("unfreeze(model)", ["requires_grad"]),
        ("print([n for n, p in model.named_parameters() if p.requires_grad])", None),
    ],
)
def test_what_trains_is_left_open_where_it_is_switched_by_hand(change: str, left_open: list[str] | None) -> None:
    found = observed(LOAD + PEFT, change or "pass", TRAIN, kind=LoraConfigured)
    assert [item.config.get("unresolved") for item in found] == [left_open]


@pytest.mark.parametrize(("text", "rank"), [("2 ** 4", 16), ("1 << 4", 16), ("64 // 4", 16), ("10 ** 10 ** 10", None)])
def test_arithmetic_of_constants_is_done_and_what_is_too_large_is_unknown(text: str, rank: int | None) -> None:
    found = observed(LOAD, f"model = get_peft_model(model, LoraConfig(r={text}))", kind=LoraConfigured)
    assert [(item.config.get("r"), item.config.get("unresolved")) for item in found] == [
        (rank, None if rank else ["r"])
    ]


def sides(*cells: str) -> list[tuple[object, ...]]:
    found = [item for item in observed(*cells, kind=PaddingSet) if item.model == "decoder"]
    return sorted({(item.side, item.by_hand, bool(item.fed)) for item in found})


@pytest.mark.parametrize(
    ("feed", "expected"),
    [
        ("c = DataCollatorWithPadding(tok)", [("left", False, True)]),
        ("c = default_data_collator", [("left", False, False)]),
        ("def c(rows):\n    return tok.pad(rows)", [("left", False, False)]),
        ("def c(rows):\n    return pack(rows)", [("both", True, False)]),
        ("class C:\n    def __call__(self, rows):\n        n = max(len(r) for r in rows)\n        return [r + [self.pad_id] * (n - len(r)) for r in rows]\nc = C()", [("both", True, False)]),
        ("c = their_collator()", [("both", True, False)]),
    ],
)  # fmt: skip
def test_batches_that_the_students_own_code_puts_together_have_no_known_side(
    feed: str, expected: list[tuple[object, ...]]
) -> None:
    run = "Trainer(model=model, args=a, data_collator=c).train()"
    assert sides(TOKENIZER + "tok.padding_side = 'left'", LOAD, feed, run) == expected


def test_a_tokenizer_made_again_for_the_timing_pads_on_its_own_side() -> None:
    run = "Trainer(model=model, args=a, data_collator=DataCollatorWithPadding(tok)).train()"
    again = TOKENIZER.replace("tok =", "other =") + "other(texts, padding=True)"
    assert sides(TOKENIZER + "tok.padding_side = 'left'", LOAD, run, again) == [
        ("left", False, True),
        ("right", False, False),
    ]


def test_a_side_that_depends_on_the_tokenizers_name_is_followed() -> None:
    code = "tok(texts, padding='max_length', padding_side='left' if 'Qwen' in tok.name_or_path else 'right')"
    assert sides(TOKENIZER, code) == [("left", False, False)]


def test_what_is_saved_before_training_or_never_trained_is_told() -> None:
    save = "model.save_pretrained('a')"
    assert [item.after_training for item in observed(LOAD + PEFT, save, TRAIN, kind=Saved)] == [False]
    assert [item.after_training for item in observed(LOAD + PEFT, TRAIN, save, kind=Saved)] == [True]
    assert [item.after_training for item in observed(LOAD + PEFT, "model = run(model)", save, kind=Saved)] == []


@pytest.mark.parametrize(
    "reduce",
    ["F.cross_entropy(out.logits, y, reduction='none')", "nn.CrossEntropyLoss(reduction='none')(out.logits, y)"],
)
def test_weights_by_which_single_losses_are_multiplied_reach_the_loss(reduce: str) -> None:
    use = f"for b in loader:\n    out = model(**b)\n    rows = {reduce}\n    (rows * w[b['labels']]).mean().backward()"
    found = observed(LOAD, WEIGHTS + "w = torch.tensor(1 / np.sqrt(counts))", use, kind=LossWeights)
    assert [(item.model, item.formula, item.reached_loss) for item in found] == [("decoder", "inverse_sqrt", True)]


def test_cells_that_ran_in_another_order_are_followed_in_that_order_where_only_it_trains() -> None:
    cells = [("run(model)", 3), (LOAD, 1), ("def run(m):\n    Trainer(model=m, args=a).train()", 2)]
    made = [{"cell_type": "code", "source": text, "execution_count": count, "outputs": []} for text, count in cells]
    found = observe_source(Evidence(notebook={"cells": made}), WEEK3)
    assert [(item.dtype, item.trained) for item in found if isinstance(item, Loaded)] == [("float32", True)]


@pytest.mark.parametrize(
    ("loop", "epochs"),
    [
        ("for epoch in range(4):", 4.0),
        ("for ep in range(EPOCHS):", None),
        ("for epoch in tqdm(numbers()):", None),
        ("for i in range(4):", None),
    ],
)
def test_epochs_of_a_loop_by_hand_are_read_where_they_are_said(loop: str, epochs: float | None) -> None:
    code = f"{loop}\n    for b in loader:\n        model(**b).loss.backward()"
    found = [item for item in observed(LOAD, code, kind=TrainingSetup) if item.labels is None]
    assert [item.epochs for item in found] == [epochs]
