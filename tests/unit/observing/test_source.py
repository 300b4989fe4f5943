from __future__ import annotations

import time
from typing import Any

import pytest

from grader.model.assignment import Assignment, ModelFacts, StageAliases
from grader.model.evidence import Evidence
from grader.model.observation import (
    Cast,
    Environment,
    LatencyMeasured,
    Loaded,
    LoraConfigured,
    LossWeights,
    Observation,
    PaddingEffect,
    PaddingSet,
    Precision,
    Saved,
    TierTable,
    TrainingSetup,
)
from grader.observing.source import observe_source
from grader.observing.source_cells import parse

WEEK3 = Assignment(
    slug="week3",
    title="Week 3",
    rubric="rubrics/week3.yaml",
    classes=113,
    stage=StageAliases(hub_aliases={"unsloth/Q-small": "Qwen/Qwen2.5-0.5B"}),
    models={
        "encoder": ModelFacts(
            checkpoint="answerdotai/ModernBERT-base", checkpoint_dtype="float32", head="classifier",
            architectures=("ModernBertForSequenceClassification",),
        ),
        "decoder": ModelFacts(
            checkpoint="Qwen/Qwen2.5-0.5B", checkpoint_dtype="bfloat16", head="score",
            architectures=("Qwen2ForSequenceClassification",),
        ),
    },
)  # fmt: skip
LOAD = 'model = AutoModelForSequenceClassification.from_pretrained("Qwen/Qwen2.5-0.5B", num_labels=113, torch_dtype=torch.float32)\n'
PEFT = 'model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=16, target_modules=["q_proj", "v_proj"]))\n'
TOKENIZER = 'tok = AutoTokenizer.from_pretrained("Qwen/Qwen2.5-0.5B")\n'


def observed(*cells: str, kind: type = Observation) -> list[Any]:
    notebook = {"cells": [{"cell_type": "code", "source": cell, "outputs": []} for cell in cells]}
    return [item for item in observe_source(Evidence(notebook=notebook), WEEK3) if isinstance(item, kind)]


def loads(*cells: str) -> list[tuple[object, ...]]:
    return [(item.model, item.dtype, item.dtype_given) for item in observed(*cells, kind=Loaded)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("M.from_pretrained(DEC, torch_dtype=torch.float32)", ("decoder", "float32", True)),
        ("M.from_pretrained(DEC, dtype='bfloat16')", ("decoder", "bfloat16", True)),
        ("M.from_pretrained(DEC)", ("decoder", None, False)),
        ("M.from_pretrained(DEC, torch_dtype='auto')", ("decoder", "bfloat16", True)),
        ("M.from_pretrained(DEC, **{'torch_dtype': torch.half})", ("decoder", "float16", True)),
        ("M.from_pretrained(pretrained_model_name_or_path=DEC, dtype=DT)", ("decoder", "bfloat16", True)),
        ("kw = dict(num_labels=113)\nkw['dtype'] = torch.float32\nM.from_pretrained(DEC, **kw)", ("decoder", "float32", True)),
        ("M.from_pretrained(DEC, dtype=CFG.dtype)", ("decoder", "float32", True)),
        ("M.from_pretrained(DEC, dtype=getattr(torch, 'float32'))", ("decoder", "float32", True)),
        ("M.from_pretrained(DEC, dtype=torch.float16 if torch.cuda.is_available() else torch.float32)", ("decoder", "float16", True)),
        ("M.from_pretrained(DEC, dtype=torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32)", ("decoder", None, True)),
        ("M.from_pretrained(DEC, dtype=pick())", ("decoder", None, True)),
        ("M.from_pretrained(DEC, **options())", ("decoder", None, True)),
        ("M.from_pretrained('answerdotai/ModernBERT-base', dtype=torch.float32)", ("encoder", "float32", True)),
        ("M.from_pretrained('unsloth/Q-small', dtype=torch.float32)", ("decoder", "float32", True)),
        ("transformers.Qwen2ForSequenceClassification.from_pretrained(path(), dtype=torch.float32)", ("decoder", "float32", True)),
        ("load = partial(M.from_pretrained, dtype=torch.float32)\nload(DEC)", ("decoder", "float32", True)),
        ("def make(name, dtype=torch.float32):\n    return M.from_pretrained(name, dtype=dtype)\nmake(DEC)", ("decoder", "float32", True)),
        ("def make(name, dtype=torch.float32):\n    return M.from_pretrained(name, dtype=dtype)\nmake(DEC, torch.bfloat16)", ("decoder", "bfloat16", True)),
        ("class L:\n    def __init__(self, name):\n        self.m = M.from_pretrained(name, dtype=torch.float32)\nL(DEC)", ("decoder", "float32", True)),
        ("(lambda name: M.from_pretrained(name, dtype=torch.float32))(DEC)", ("decoder", "float32", True)),
        ("cfg = AutoConfig.from_pretrained(DEC)\ncfg.torch_dtype = torch.float32\nM.from_pretrained(DEC, config=cfg)", ("decoder", "float32", True)),
        ("if kind() == 3:\n    d = torch.float32\nelse:\n    d = torch.bfloat16\nM.from_pretrained(DEC, dtype=d)", ("decoder", None, True)),
        ("if True:\n    d = torch.float32\nelse:\n    d = torch.bfloat16\nM.from_pretrained(DEC, dtype=d)", ("decoder", "float32", True)),
        ("try:\n    m = M.from_pretrained(DEC, dtype=torch.float32)\nexcept Exception:\n    m = M.from_pretrained(DEC)", ("decoder", None, True)),
    ],
)  # fmt: skip
def test_a_load_is_read_with_its_dtype_however_it_is_written(code: str, expected: tuple[object, ...]) -> None:
    setup = (
        "from transformers import AutoModelForSequenceClassification as M\nimport torch\nDEC = 'Qwen/Qwen2.5-0.5B'\nDT = torch.bfloat16\n"
        "@dataclass\nclass Config:\n    dtype: object = torch.float32\nCFG = Config()"
    )
    assert loads(setup, code) == [expected]


def test_a_loop_over_configurations_loads_each_model() -> None:
    code = (
        "CONFIGS = {'enc': dict(name='answerdotai/ModernBERT-base', dt=torch.float32), 'dec': dict(name='Qwen/Qwen2.5-0.5B', dt='bfloat16')}\n"
        "for key, c in CONFIGS.items():\n    m = AutoModelForSequenceClassification.from_pretrained(c['name'], torch_dtype=c['dt'])\n"
    )
    assert loads(code) == [("encoder", "float32", True), ("decoder", "bfloat16", True)]


def test_quantized_loads_are_told() -> None:
    code = "M = AutoModelForSequenceClassification\nM.from_pretrained('Qwen/Qwen2.5-0.5B', quantization_config=BitsAndBytesConfig(load_in_4bit=True))"
    assert [item.quantized for item in observed(code, kind=Loaded)] == [True]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("model.half()", ["float16"]),
        ("model = model.to(torch.bfloat16)", ["bfloat16"]),
        ("model.to(device='cuda', dtype=torch.float32)", ["float32"]),
        ("model.to('cuda')", []),
        ("model = model.eval().cuda().float()", ["float32"]),
        ("Trainer(model=model, args=TrainingArguments('o')).train()\nmodel.half()", []),
    ],
)
def test_casts_before_training_are_told(code: str, expected: list[str]) -> None:
    assert [item.dtype for item in observed(LOAD, code, kind=Cast)] == expected


@pytest.mark.parametrize(
    ("code", "config"),
    [
        ("LoraConfig(r=8, task_type=TaskType.SEQ_CLS)", {"r": 8, "task_type": "SEQ_CLS"}),
        ("LoraConfig(TaskType.SEQ_CLS, r=16)", {"r": 16, "task_type": "SEQ_CLS"}),
        ("LoraConfig(r=R, target_modules={'q_proj'}, modules_to_save=['score'])", {"r": 16, "target_modules": ["q_proj"], "modules_to_save": ["score"]}),
        ("LoraConfig(r=R, target_modules='all-linear', use_dora=True)", {"r": 16, "target_modules": "all-linear", "use_dora": True}),
        ("LoraConfig(r=R, target_modules=[f'{x}_proj' for x in 'qkvo'])", {"r": 16, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]}),
        ("LoraConfig(r=R, target_modules=find_linear(model))", {"r": 16, "unresolved": ["requires_grad", "target_modules"]}),
        ("LoraConfig(r=R, **more())", {"r": 16, "unresolved": ["*"]}),
        ("LoraConfig(r=R * 2, lora_alpha=2 * R)", {"r": 32, "lora_alpha": 32}),
    ],
)  # fmt: skip
def test_lora_configurations_are_read_as_given(code: str, config: dict[str, object]) -> None:
    found = observed("R = 16", LOAD, f"model = get_peft_model(model, {code})", kind=LoraConfigured)
    assert [(item.model, item.config) for item in found] == [("decoder", config)]


def test_targets_appended_through_none_are_seen_as_python_sees_them() -> None:
    code = "t = ['q_proj', 'v_proj']\nc = LoraConfig(r=16, target_modules=t, modules_to_save=t.append('score'))\nmodel = get_peft_model(model, c)"
    assert [item.config for item in observed(LOAD, code, kind=LoraConfigured)] == [
        {"r": 16, "target_modules": ["q_proj", "v_proj", "score"], "modules_to_save": None}
    ]


def test_adapters_added_without_get_peft_model_count_too() -> None:
    assert [item.model for item in observed(LOAD, "model.add_adapter(LoraConfig(r=4))", kind=LoraConfigured)] == [
        "decoder"
    ]


def sides(*cells: str) -> set[tuple[object, ...]]:
    return {(item.model, item.side, item.explicit) for item in observed(*cells, kind=PaddingSet)}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("tok.padding_side = 'left'", "tok(texts, padding=True)"), {("decoder", "left", True)}),
        (("tok(texts, padding='max_length')",), {("decoder", "right", False)}),
        (("tok(texts, padding=True)", "tok.padding_side = 'left'"), {("decoder", "right", False)}),
        (("tok(texts)", "tok.padding_side = 'left'"), {("decoder", "left", True)}),
        (("tok.padding_side = 'left'", TOKENIZER, "tok(texts, padding=True)"), {("decoder", "right", False)}),
        (("tok.padding_side = 'left'", "def f(b): return tok(b['text'], padding=True)", "ds.map(f, batched=True)"), {("decoder", "left", True)}),
        (("def f(b, t): return t(b['text'], padding=True)", "ds.map(f, fn_kwargs={'t': tok})"), {("decoder", "right", False)}),
        (("ds.map(lambda b: tok(b['text'], truncation=True))", "tok.padding_side='left'", "c = DataCollatorWithPadding(tok)", LOAD, "Trainer(model=model, args=TrainingArguments('x'), data_collator=c).train()"), {("decoder", "left", True)}),
        ((LOAD, "Trainer(model=model, args=TrainingArguments('x'), tokenizer=tok).train()"), {("decoder", "right", False)}),
        (("def collate(b): return tok.pad(b)", LOAD, "tok.padding_side = 'left'", "Trainer(model, TrainingArguments('x'), data_collator=collate)"), {("decoder", "left", True)}),
        (("setattr(tok, 'padding_side', 'left')", "tok(texts, padding=True)"), {("decoder", "left", True)}),
        (("if is_decoder(name):\n    tok.padding_side = 'left'", "tok(texts, padding=True)"), {("decoder", "both", True)}),
        (("tok(texts, padding=True, padding_side='left')",), {("decoder", "left", True)}),
        (("class DS(Dataset):\n    def __init__(self, t): self.t = t\n    def __getitem__(self, i): return self.t(x[i], padding='max_length')", "tok.padding_side = 'left'", "DS(tok)"), {("decoder", "left", True)}),
    ],
)  # fmt: skip
def test_the_side_is_that_of_the_tokenizer_which_pads_at_the_time_it_pads(
    cells: tuple[str, ...], expected: set[tuple[object, ...]]
) -> None:
    assert sides(TOKENIZER, *cells) == expected


def test_two_tokenizers_are_kept_apart() -> None:
    code = (
        "enc = AutoTokenizer.from_pretrained('answerdotai/ModernBERT-base')\ndec = AutoTokenizer.from_pretrained('Qwen/Qwen2.5-0.5B', padding_side='left')\n"
        "enc(a, padding=True)\ndec(a, padding=True)"
    )
    assert sides(code) == {("encoder", "right", False), ("decoder", "left", True)}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("h = out.last_hidden_state[:, -1, :]", True),
        ("h = outputs.hidden_states[-1][:, -1]", True),
        ("top5 = np.argsort(probs)[:, -1]", False),
        ("h = out.last_hidden_state[:, 0]", False),
        ("column = matrix[:, -1]", False),
        ("h = hidden[torch.arange(n), lengths]", False),
    ],
)
def test_pooling_by_position_is_told_and_other_last_columns_are_not(code: str, expected: bool) -> None:
    assert [item.pools_by_position for item in observed(LOAD, code, kind=PaddingEffect)] == [True] * expected


WEIGHTS = "import numpy as np\ncounts = np.bincount(train_labels, minlength=113)\n"
USE = "loss_fn = torch.nn.CrossEntropyLoss(weight=w)\nfor b in loader:\n    out = model(**b)\n    loss = loss_fn(out.logits, b['labels'])\n    loss.backward()\n"


@pytest.mark.parametrize(
    ("code", "formula"),
    [
        ("w = 1 / np.sqrt(counts)", "inverse_sqrt"),
        ("w = 1.0 / np.sqrt(np.maximum(counts, 1))\nw = w / w.mean()", "inverse_sqrt"),
        ("w = torch.tensor(counts, dtype=torch.float32).clamp(min=1).rsqrt()\nw = w / w.sum() * 113", "inverse_sqrt"),
        ("w = counts ** -0.5", "inverse_sqrt"),
        ("w = np.power(counts, -0.5)", "inverse_sqrt"),
        ("w = np.sqrt(counts.sum() / counts)", "inverse_sqrt"),
        ("w = np.sqrt(len(train) / (113 * counts))", "inverse_sqrt"),
        ("alpha = 0.5\nw = (1 / counts) ** alpha", "inverse_sqrt"),
        ("w = [1 / math.sqrt(c) for c in counts]", "inverse_sqrt"),
        ("freq = Counter(train_labels)\nw = torch.tensor([1 / freq[i] ** 0.5 for i in range(113)])", "inverse_sqrt"),
        ("w = torch.ones(113)\nfor i, c in train_df.label.value_counts().items():\n    w[i] = 1 / np.sqrt(c)", "inverse_sqrt"),
        ("w = np.sqrt(compute_class_weight('balanced', classes=np.unique(y), y=y))", "inverse_sqrt"),
        ("def make(c):\n    r = 1 / np.sqrt(c)\n    return torch.FloatTensor(r / r.mean())\nw = make(counts).to('cuda')", "inverse_sqrt"),
        ("w = 1 / counts", "inverse"),
        ("w = compute_class_weight(class_weight='balanced', classes=np.unique(y), y=y)", "inverse"),
        ("w = len(y) / (113 * counts)", "inverse"),
        ("beta = 0.999\nw = (1 - beta) / (1 - np.power(beta, counts))", "effective_number"),
        ("w = 1 / np.log1p(counts)", "log"),
        ("w = np.log(counts.sum() / counts)", "log"),
        ("w = counts ** -0.25", "other"),
    ],
)  # fmt: skip
def test_class_weights_are_followed_from_counts_to_the_loss(code: str, formula: str) -> None:
    found = observed(LOAD, WEIGHTS + code, USE, kind=LossWeights)
    assert [(item.model, item.run, item.formula, item.reached_loss) for item in found] == [
        ("decoder", "weighted", formula, True)
    ]


@pytest.mark.parametrize(
    "use",
    [
        "class W(Trainer):\n    def compute_loss(self, model, inputs, return_outputs=False, **kw):\n        y = inputs.pop('labels')\n        out = model(**inputs)\n        return F.cross_entropy(out.logits, y, weight=w.to(out.logits.device))\nW(model=model, args=a).train()",
        "class W(Trainer):\n    def __init__(self, *args, class_weights=None, **kw):\n        super().__init__(*args, **kw)\n        self.cw = class_weights\n    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):\n        y = inputs.get('labels')\n        out = model(**inputs)\n        f = nn.CrossEntropyLoss(weight=self.cw)\n        return f(out.logits.view(-1, 113), y.view(-1))\nt = W(class_weights=w, model=model, args=a)\nt.train()",
        "def weighted_loss(outputs, labels, num_items_in_batch=None):\n    return F.cross_entropy(outputs['logits'], labels, w)\nTrainer(model=model, args=a, compute_loss_func=weighted_loss).train()",
        "class Weighted(nn.Module):\n    def __init__(self, w):\n        super().__init__()\n        self.w = w\n    def forward(self, x, y):\n        return F.cross_entropy(x, y, weight=self.w)\ncrit = Weighted(w)\nout = model(**b)\ncrit(out.logits, y).backward()",
        "def train(model, weights=None):\n    crit = nn.CrossEntropyLoss(weight=weights)\n    for epoch in range(3):\n        for b in loader:\n            crit(model(**b).logits, b['labels']).backward()\ntrain(model, weights=w)",
    ],
)
def test_weights_reach_the_loss_through_trainers_functions_and_classes(use: str) -> None:
    found = observed(LOAD, WEIGHTS + "w = torch.tensor(1 / np.sqrt(counts)).float()", use, kind=LossWeights)
    assert [(item.model, item.formula, item.reached_loss) for item in found] == [("decoder", "inverse_sqrt", True)]


@pytest.mark.parametrize(
    "use", ["", "loss_fn = nn.CrossEntropyLoss(weight=class_weights)", "Trainer(model=model, args=a).train()"]
)
def test_weights_that_never_reach_a_loss_are_told(use: str) -> None:
    found = observed(LOAD, WEIGHTS + "class_weights = 1 / np.sqrt(counts)", use, kind=LossWeights)
    assert [(item.formula, item.reached_loss) for item in found] == [("inverse_sqrt", False)]


def test_a_loss_without_weights_is_told_as_such() -> None:
    found = observed(LOAD, USE.replace("weight=w", ""), kind=LossWeights)
    assert [(item.model, item.weights, item.formula, item.reached_loss) for item in found] == [
        ("decoder", None, None, True)
    ]


def test_weights_that_can_not_be_followed_are_not_called_missing() -> None:
    assert observed(LOAD, "w = load_weights()", USE, kind=LossWeights) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a = TrainingArguments('o', fp16=True)\nTrainer(model=model, args=a).train()", {"fp16": True}),
        ("a = TrainingArguments('o', bf16=True, num_train_epochs=1)\nTrainer(model, a).train()", {"bf16": True}),
        ("c = {'output_dir': 'o', 'fp16': torch.cuda.is_available()}\nTrainer(model=model, args=TrainingArguments(**c)).train()", {"fp16": True}),
        ("Trainer(model=model, args=TrainingArguments('o')).train()", {}),
        ("s = torch.cuda.amp.GradScaler()\nwith torch.autocast('cuda', dtype=torch.float16):\n    loss = model(**b).loss\ns.scale(loss).backward()", {"autocast": "float16", "scaler": True}),
        ("with torch.cuda.amp.autocast():\n    loss = model(**b).loss\nloss.backward()", {"autocast": "float16"}),
        ("with torch.autocast(device_type='cuda', dtype=torch.bfloat16):\n    loss = model(**b).loss\nloss.backward()", {"autocast": "bfloat16"}),
        ("loss = model(**b).loss\nloss.backward()", {}),
    ],
)  # fmt: skip
def test_precision_of_training_is_read(code: str, expected: dict[str, object]) -> None:
    found = observed(LOAD, code, kind=Precision)
    names = ("fp16", "bf16", "autocast", "scaler")
    assert [{name: getattr(item, name) for name in names if getattr(item, name)} for item in found] == [expected]


def test_precision_that_can_not_be_read_is_not_said() -> None:
    assert (
        observed(LOAD, "Trainer(model=model, args=TrainingArguments('o', fp16=decide())).train()", kind=Precision) == []
    )
    assert observed(LOAD, "Trainer(model=model, args=TrainingArguments(**options())).train()", kind=Precision) == []


def test_the_length_of_training_is_read() -> None:
    code = "a = TrainingArguments('o', num_train_epochs=EPOCHS, per_device_train_batch_size=8, gradient_accumulation_steps=4)\nTrainer(model=model, args=a).train()"
    found = [item for item in observed(f"EPOCHS = 3\n{LOAD}", code, kind=TrainingSetup) if item.labels is None]
    assert [(item.model, item.epochs, item.batch_size, item.max_steps) for item in found] == [
        ("decoder", 3.0, 32, None)
    ]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("model.save_pretrained('a')", [("a", "adapter", True, None, False)]),
        ("t = Trainer(model=model, args=TrainingArguments('o', save_strategy='no'))\nt.train()\nt.save_model('b')", [("b", "adapter", True, None, False)]),
        ("Trainer(model=model, args=TrainingArguments('o')).train()", [("o/checkpoint-*", "adapter", True, None, False)]),
        ("m = model.merge_and_unload()\nm.save_pretrained('full')", [("full", "full", True, None, False)]),
        ("torch.save(model.state_dict(), 'm.pt')", [("m.pt", "state_dict", True, None, True)]),
        ("torch.save(model, 'm.pt')", [("m.pt", "other", None, None, True)]),
        ("model.save_pretrained('a')\nTrainer(model=model, args=TrainingArguments('o', save_strategy='no')).train()", [("a", "adapter", True, False, False)]),
        ("Trainer(model=model, args=TrainingArguments('o', save_strategy='no')).train()", []),
        ("model.push_to_hub('me/qwen-lora')", [("me/qwen-lora", "adapter", True, None, False)]),
    ],
)  # fmt: skip
def test_what_is_saved_is_read(code: str, expected: list[tuple[object, ...]]) -> None:
    found = observed(LOAD + PEFT, code, kind=Saved)
    assert [(item.path, item.format, item.head, item.head_trained, item.needs_hand_work) for item in found] == expected


@pytest.mark.parametrize(
    ("config", "head"),
    [
        ("task_type='SEQ_CLS'", True),
        ("modules_to_save=['score']", True),
        ("", False),
        ("modules_to_save=['x']", False),
        ("**more()", None),
        ("task_type=tt()", None),
    ],
)
def test_an_adapter_holds_the_head_as_its_configuration_says(config: str, head: bool | None) -> None:
    code = f"model = get_peft_model(model, LoraConfig(r=16, target_modules=['q_proj'], {config}))\nmodel.save_pretrained('a')"
    assert [item.head for item in observed(LOAD, code, kind=Saved)] == [head]


def timing(code: str) -> list[tuple[object, ...]]:
    found = observed("import time, torch\n" + TOKENIZER + LOAD, code, kind=LatencyMeasured)
    return [(item.model, item.batch_size, item.warmup, item.repeats, item.synchronised) for item in found]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def bench(m, bs=32, runs=10):\n    x = tok(texts[:bs], padding=True)\n    for _ in range(3):\n        m(**x)\n    torch.cuda.synchronize()\n    t = time.perf_counter()\n    for _ in range(runs):\n        m(**x)\n    torch.cuda.synchronize()\n    return time.perf_counter() - t\nbench(model)", ("decoder", 32, 3, 10, True)),
        ("t0 = time.time()\nfor text in texts:\n    x = tok(text, return_tensors='pt')\n    model(**x)\nprint(time.time() - t0)", ("decoder", 1, 0, None, False)),
        ("loader = DataLoader(ds, batch_size=32)\nstart = time.time()\nfor b in loader:\n    model(**b)\nprint(time.time() - start)", ("decoder", None, 0, None, False)),
        ("def lat(m):\n    loader = DataLoader(ds, batch_size=32)\n    s = time.time()\n    for b in loader:\n        m(**b)\n    return time.time() - s\nlat(model)", ("decoder", 32, 0, None, False)),
        ("# warm-up\nmodel(**x)\nt = time.perf_counter()\nfor i in range(0, 640, 32):\n    model(**tok(texts[i:i + 32], padding=True))\nprint(time.perf_counter() - t)", ("decoder", 32, 1, None, False)),
    ],
)  # fmt: skip
def test_how_time_was_taken_is_read(code: str, expected: tuple[object, ...]) -> None:
    found = timing(code)
    assert len(found) == 1
    model, batch, warmup, repeats, sync = found[0]
    assert (model, warmup, repeats, sync) == (expected[0], *expected[2:])
    assert batch == expected[1] or expected[1] is None


def test_timing_of_training_is_no_latency() -> None:
    assert (
        timing("t = time.time()\nTrainer(model=model, args=TrainingArguments('o')).train()\nprint(time.time() - t)")
        == []
    )


def test_pins_are_read_where_they_are_installed_and_not_in_comments() -> None:
    found = observed(
        "# !pip install transformers==4.40.0\n!pip install -q 'transformers==4.48.0' peft==0.14.0", kind=Environment
    )
    assert [(item.transformers, item.peft) for item in found] == [("4.48.0", None), (None, "0.14.0")]


def test_code_that_breaks_f1_down_is_told() -> None:
    code = "tiers = pd.cut(counts, bins=[0, 27, 500])\ndf.groupby('tier')[['enc_f1', 'dec_f1']].mean().plot.bar()"
    assert [(item.models, item.defined, item.per_class) for item in observed(code, kind=TierTable)] == [
        (("decoder", "encoder"), True, False)
    ]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("!pip install x\nx = 1", {"x"}),
        ("%matplotlib inline\n%time y = 2\nx = 1", {"x"}),
        ("%%time\nx = 1", {"x"}),
        ("%%bash\necho x = 1", set()),
        ("files = !ls\nx = 1", {"x"}),
        ("model?\nx = 1", {"x"}),
        ("x = 1\nthis is not python\ny = 2", {"x", "y"}),
        ("def f(:\n    pass\ny = 2", {"y"}),
        ("!pip install \\\n  transformers \\\n  peft\nx = 1", {"x"}),
        ("s = '''\n!not a magic\n'''", {"s"}),
        ("x = (1\n % 2)", {"x"}),
        ('x = f"{d["a"]}"', {"x"}),
        ("\tx = 1", set()),
        ("x = 1\x00", {"x"}),
    ],
)
def test_cells_are_parsed_without_ipythons_lines_and_broken_ones_in_parts(source: str, names: set[str]) -> None:
    import ast

    tree = parse(0, source).tree
    assert {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    } == names


def test_facts_cite_the_students_own_line() -> None:
    found = observed("x = 1", f"# loads\n\n{LOAD}", kind=Loaded)[0].citation
    assert (found.cell, found.output, found.quote) == (1, None, LOAD.strip())


HOSTILE = {
    "deep parentheses": "x = " + "(" * 5_000 + "1" + ")" * 5_000,
    "long sum": "x = " + "+".join(["1"] * 20_000),
    "deep attributes": "x" + ".a" * 20_000,
    "deep calls": "f(" * 90 + ")" * 90,
    "big power": "x = 10 ** 10 ** 10",
    "big string": "x = 'a' * 10 ** 12",
    "big list": "x = [0] * 10 ** 12",
    "format bomb": "x = '%999999999d' % 1\ny = '{:999999999}'.format(1)",
    "doubling": "x = 'ab'\n" + "x = x + x\n" * 200,
    "list doubling": "x = [1]\n" + "x = x + x\n" * 100,
    "replace bomb": "x = 'aaaa'\n" + "x = x.replace('a', 'aaaaaaaa')\n" * 50,
    "join bomb": "x = ['a'] * 250\ny = ('b' * 2000).join(x)\nz = y.join(x)\nw = z.join(x)",
    "recursion": "def f(n):\n    return f(n - 1)\nf(3)",
    "mutual recursion": "def f():\n    g()\ndef g():\n    f()\nf()",
    "loops": "for a in range(9):\n"
    + "".join(" " * i + f"for b{i} in ['x', 'y', 'z']:\n" for i in range(1, 15))
    + " " * 15
    + "f(a)",
    "calls in calls": "\n".join(f"def f{i}():\n    f{i + 1}()\n    f{i + 1}()\n    f{i + 1}()" for i in range(60))
    + "\nf0()",
    "self list": "x = []\nx.append(x)\nx == x\nfor y in x: pass\nLoraConfig(r=16, target_modules=x)",
    "self dict": "d = {}\nd['d'] = d\nLoraConfig(**d)\nprint(d == d)",
    "own lambda": "f = lambda f: f(f)\nf(f)",
    "while": "while True:\n    x = 1",
    "many cells worth": "x = 1\n" * 50_000,
    "ranges": "list(range(10 ** 12))\nfor i in range(10 ** 15): pass",
    "format attribute": "'{0.__class__}'.format(x)\n'{a.b}'.format(1)\n'a'.split(5)",
    "odd classes": "class A(A): pass\nclass B(B2 := C): pass\nA()\nclass T(T): pass\nT()",
    "class loop": "class A: pass\nA.x = A\nclass B(A): pass\nB().x.x.x",
    "null": "\x00\x00x = 1",
    "surrogates": "x = '\udcff'",
}


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_code_is_followed_in_bounded_time_and_never_raises(code: str) -> None:
    start = time.process_time()
    found = observed(code, LOAD, kind=Loaded)
    assert time.process_time() - start < 30
    assert len(found) == 1  # the next cell is followed all the same


def test_an_accelerators_precision_is_read() -> None:
    code = "acc = Accelerator(mixed_precision='fp16')\nmodel, opt, loader = acc.prepare(model, opt, loader)\nfor b in loader:\n    acc.backward(model(**b).loss)"
    found = observed(LOAD, code, kind=Precision)
    assert [(item.model, item.autocast, item.scaler) for item in found] == [("decoder", "float16", True)]
