"""The lines that train and evaluate: Trainer, a subclass, a loop by hand, accelerate; with class weights or without."""

from __future__ import annotations

from tests.corpus.choices import Choices
from tests.corpus.code_feeding import collator, loader_lines, targets
from tests.corpus.naming import Config, Names, indent

FORMULAS = {
    "sqrt": "1.0 / np.sqrt(counts.to_numpy())",
    "power": "counts.to_numpy() ** -0.5",
    "rsqrt": "torch.rsqrt(torch.tensor(counts.to_numpy(), dtype=torch.float32)).numpy()",
    "balanced_sqrt": "np.sqrt(compute_class_weight('balanced', classes=np.arange(113), y=train_labels))",
    "mean_n": "np.sqrt(counts.to_numpy().mean() / counts.to_numpy())",
    "inverse": "1.0 / counts.to_numpy()",
    "balanced": "compute_class_weight('balanced', classes=np.arange(113), y=train_labels)",
    "effective": "(1 - 0.999) / (1 - np.power(0.999, counts.to_numpy()))",
    "log": "np.log1p(counts.to_numpy().sum() / counts.to_numpy())",
}
NORMS = {"mean": "w = w / w.mean()", "sum": "w = w / w.sum() * len(w)", "max": "w = w / w.max()", "none": ""}


def weight_lines(chosen: Choices) -> list[str]:
    """`class_weights` from the training set's counts."""
    formula = FORMULAS.get(chosen.weights, FORMULAS["sqrt"])
    lines = []
    if "compute_class_weight" in formula:
        lines += [
            "from sklearn.utils.class_weight import compute_class_weight",
            f"train_labels = np.array({targets(chosen, 'train')})",
        ]
    norm = NORMS[chosen.weights_norm]
    return [
        *lines,
        f"w = {formula}",
        *([norm] if norm else []),
        "class_weights = torch.tensor(w, dtype=torch.float32)",
        'print("weights: min", round(float(class_weights.min()), 4), "max", round(float(class_weights.max()), 4))',
    ]


def arguments_lines(chosen: Choices, name: str) -> list[str]:
    """`TrainingArguments(...)`, without a name before it."""
    config, old = Config(chosen), chosen.old_spelling
    precision = {"fp16": "fp16=True", "fp16_if_gpu": "fp16=torch.cuda.is_available()", "bf16": "bf16=True"}.get(
        chosen.precision
    )
    parts = [
        f"output_dir={name}",
        f"num_train_epochs={config['epochs']}, learning_rate={config['lr']}",
        f"per_device_train_batch_size={config['batch']}, per_device_eval_batch_size=64",
        f'{"evaluation_strategy" if old else "eval_strategy"}="epoch", '
        f'save_strategy="{"epoch" if chosen.saving == "checkpoints" else "no"}"',
        "warmup_ratio=0.06" if old else "warmup_steps=50",
        "weight_decay=0.01, logging_steps=50, seed=42",
        *([precision] if precision else []),
        *(["remove_unused_columns=False"] if chosen.feeding == "text_collate" else []),
        *(["overwrite_output_dir=True"] if old and chosen.naming % 2 else []),
        'report_to="none"',
    ]
    return ["TrainingArguments(", *indent([f"{part}," for part in parts]), ")"]


def trainer_setup(chosen: Choices) -> list[str]:
    """Functions and classes for training at the top level, but for those of the weighted run."""
    if chosen.trainer == "subclass":
        return [
            "class MyTrainer(Trainer):",
            "    def __init__(self, *args, class_weights=None, **kwargs):",
            "        super().__init__(*args, **kwargs)",
            "        self.class_weights = class_weights",
            "",
            *indent(_compute_loss(chosen, "self.class_weights", optional=True)),
        ]
    if chosen.trainer in ("loop", "accelerate"):
        return [
            "@torch.no_grad()",
            "def predict(model, loader):",
            "    model.eval()",
            "    found = []",
            "    for batch in loader:",
            '        batch = {k: v.to(device) for k, v in batch.items() if k != "labels"}',
            "        found.append(model(**batch).logits.float().argmax(-1).cpu())",
            "    return torch.cat(found).numpy()",
        ]
    return []


def _compute_loss(chosen: Choices, weights: str, *, optional: bool = False, used: bool = True) -> list[str]:
    lines = [
        "def compute_loss(self, model, inputs, return_outputs=False, **kwargs):",
        '    labels = inputs.pop("labels")',
        "    outputs = model(**inputs)",
        "    logits = outputs.logits.float()",
    ]
    moved = f"{weights}.to(logits.device)"
    if optional:
        moved += f" if {weights} is not None else None"
    lines += indent(_loss(chosen.loss_how, moved if used else "None", optional=optional))
    return [*lines, "    return (loss, outputs) if return_outputs else loss"]


def _loss(how: str, weights: str, *, optional: bool, labels: str = "labels") -> list[str]:
    if how == "module":
        return [f"loss = torch.nn.CrossEntropyLoss(weight={weights})(logits, {labels})"]
    if how == "per_row" and weights != "None":
        rows = [f'loss = torch.nn.functional.cross_entropy(logits, {labels}, reduction="none")', f"weight = {weights}"]
        if optional:
            return [*rows, f"loss = (loss * weight[{labels}]).mean() if weight is not None else loss.mean()"]
        return [*rows, f"loss = (loss * weight[{labels}]).mean()"]
    return [f"loss = torch.nn.functional.cross_entropy(logits, {labels}, weight={weights})"]


def weighted_setup(chosen: Choices) -> list[str]:
    """What the weighted run needs at the top level, after `class_weights`."""
    if chosen.trainer != "trainer" or chosen.weights == "none":
        return []
    if chosen.loss_how == "loss_func" and chosen.weights != "plain_trainer":
        used = ", weight=class_weights.to(logits.device)" if chosen.weights not in ("unused", "never_called") else ""
        extra = _idle(chosen)
        return [
            "def weighted_loss(outputs, labels, num_items_in_batch=None):",
            "    logits = outputs.logits.float()",
            *indent(extra),
            f"    return torch.nn.functional.cross_entropy(logits, labels{used})",
        ]
    used = chosen.weights not in ("unused", "never_called")
    body = _compute_loss(chosen, "class_weights", used=used)
    if not used and chosen.weights == "never_called":
        body.insert(2, "    weighted_criterion = torch.nn.CrossEntropyLoss(weight=class_weights)")
    return ["class WeightedTrainer(Trainer):", *indent(body)]


def _idle(chosen: Choices) -> list[str]:
    return (
        ["weighted_criterion = torch.nn.CrossEntropyLoss(weight=class_weights)"]
        if chosen.weights == "never_called"
        else []
    )


def reaching(chosen: Choices, n: Names) -> str:
    """The weights that reach this run's loss, as an expression; empty for none."""
    if chosen.weights == "encoder_only" and not n.shared:
        return "class_weights" if n.run == "encoder" else ""
    if chosen.weights in ("unused", "never_called", "none", "sampler", "plain_trainer"):
        return ""
    return n.weights


def train_lines(chosen: Choices, n: Names, name: str) -> list[str]:
    """One training run; `name` is an expression of its name."""
    return {"loop": _loop, "accelerate": _accelerate}.get(chosen.trainer, _trainer)(chosen, n, name)


def _trainer(chosen: Choices, n: Names, name: str) -> list[str]:
    weights = reaching(chosen, n)
    given = [f"train_dataset={n.train}", f"eval_dataset={n.val}"]
    if together := collator(chosen, n):
        given.append(f"data_collator={together}")
    if chosen.feeding == "default" or chosen.naming % 3 == 0:
        given.append(f"{'tokenizer' if chosen.old_spelling else 'processing_class'}={n.tok}")
    given.append("compute_metrics=compute_metrics")
    cls = "Trainer"
    if chosen.trainer == "subclass":
        cls = "MyTrainer"
        given += [f"class_weights={weights}"] if weights else []
    elif weights and n.shared:
        cls = f"(WeightedTrainer if {weights} is not None else Trainer)"
    elif weights or (n.run == "decoder_weighted" and chosen.weights in ("unused", "never_called")):
        cls = "WeightedTrainer"
    if chosen.loss_how == "loss_func" and cls != "Trainer" and chosen.trainer == "trainer":
        cls = "Trainer"
        given.append(
            f"compute_loss_func={f'weighted_loss if {weights} is not None else None' if n.shared else 'weighted_loss'}"
        )
    head = (
        f"{n.trainer} = {cls}({n.model}, args, "
        if chosen.naming % 4 == 0
        else f"{n.trainer} = {cls}(model={n.model}, args=args, "
    )
    return [
        "args = " + arguments_lines(chosen, f'f"runs/{{{name}}}"')[0],
        *arguments_lines(chosen, f'f"runs/{{{name}}}"')[1:],
        head + given[0] + ",",
        *indent([f"{each}," for each in given[1:]]),
        ")",
        f"{n.trainer}.train()",
    ]


def _criterion(chosen: Choices, n: Names) -> tuple[list[str], list[str]]:
    """(before the loop, in the loop after the forward pass)"""
    weights = reaching(chosen, n)
    idle = chosen.weights == "never_called" and n.run == "decoder_weighted" and not n.shared
    before = ["weighted_criterion = torch.nn.CrossEntropyLoss(weight=class_weights.to(device))"] if idle else []
    if not weights:
        return before, ["loss = out.loss"]
    logits = "logits = out.logits.float()"
    if n.shared:
        step = [
            logits,
            *_loss(
                chosen.loss_how,
                f"{weights}.to(device) if {weights} is not None else None",
                optional=True,
                labels='batch["labels"]',
            ),
        ]
        return before, step
    if chosen.loss_how == "module":
        return [f"criterion = torch.nn.CrossEntropyLoss(weight={weights}.to(device))"], [
            logits,
            'loss = criterion(logits, batch["labels"])',
        ]
    return before, [logits, *_loss(chosen.loss_how, f"{weights}.to(device)", optional=False, labels='batch["labels"]')]


def _loader(chosen: Choices, n: Names) -> list[str]:
    if chosen.weights != "sampler" or n.run != "decoder_weighted":
        return loader_lines(chosen, n, "train", shuffle=True)
    return [
        f"row_weights = class_weights[torch.tensor({targets(chosen, 'train')})]",
        f"sampler = torch.utils.data.WeightedRandomSampler(row_weights, len({n.train}))",
        *loader_lines(chosen, n, "train", sampler="sampler"),
    ]


def _loop(chosen: Choices, n: Names, name: str) -> list[str]:
    before, loss = _criterion(chosen, n)
    cast = {"scaler": "torch.float16", "bf16": "torch.bfloat16"}.get(chosen.precision)
    forward = [f"out = {n.model}(**batch)", *loss]
    if cast:
        opening = f"with torch.autocast(device_type=device, dtype={cast}):"
        forward = [opening, *indent(forward)]
    if chosen.precision == "scaler":
        before = [*before, "scaler = torch.amp.GradScaler(device)"]
        step = ["scaler.scale(loss).backward()", "scaler.step(optimizer)", "scaler.update()"]
    else:
        step = ["loss.backward()", "optimizer.step()"]
    return [
        *_loader(chosen, n),
        f"{n.model}.to(device)",
        f"optimizer = torch.optim.AdamW([p for p in {n.model}.parameters() if p.requires_grad], lr={Config(chosen)['lr']})",
        *before,
        f"for epoch in range({Config(chosen)['epochs']}):",
        f"    {n.model}.train()",
        "    total = 0.0",
        "    for batch in train_loader:",
        *indent(
            [
                "batch = {k: v.to(device) for k, v in batch.items()}",
                "optimizer.zero_grad()",
                *forward,
                *step,
                "total += loss.item()",
            ],
            2,
        ),
        f'    print(f"{{{name}}} epoch {{epoch + 1}}: loss {{total / len(train_loader):.4f}}")',
    ]


def _accelerate(chosen: Choices, n: Names, name: str) -> list[str]:
    before, loss = _criterion(chosen, n)
    mixed = {"fp16": 'mixed_precision="fp16"', "bf16": 'mixed_precision="bf16"'}.get(chosen.precision, "")
    return [
        *_loader(chosen, n),
        f"accelerator = Accelerator({mixed})",
        "device = accelerator.device",
        f"optimizer = torch.optim.AdamW({n.model}.parameters(), lr={Config(chosen)['lr']})",
        f"{n.model}, optimizer, train_loader = accelerator.prepare({n.model}, optimizer, train_loader)",
        *before,
        f"for epoch in range({Config(chosen)['epochs']}):",
        f"    {n.model}.train()",
        "    total = 0.0",
        "    for batch in train_loader:",
        *indent(
            [
                f"out = {n.model}(**batch)",
                *loss,
                "accelerator.backward(loss)",
                "optimizer.step()",
                "optimizer.zero_grad()",
                "total += loss.item()",
            ],
            2,
        ),
        f'    accelerator.print(f"{{{name}}} epoch {{epoch + 1}}: loss {{total / len(train_loader):.4f}}")',
        f"{n.model} = accelerator.unwrap_model({n.model})",
    ]


def predict_lines(chosen: Choices, n: Names) -> list[str]:
    """`y_pred` on the test set."""
    other = []
    if chosen.padding_fault == "eval_right" and n.role == "decoder" and not n.shared:
        other = [f"test_tokenizer = AutoTokenizer.from_pretrained({n.checkpoint})"]
    if chosen.padding_fault == "eval_right" and n.shared:
        other = [f"test_tokenizer = AutoTokenizer.from_pretrained({n.checkpoint})"]
    if chosen.trainer in ("loop", "accelerate"):
        loader = loader_lines(chosen, n, "test")
        if other:
            loader = [line.replace(f"{n.tok})", "test_tokenizer)") for line in loader]
        return [*other, *loader, f"y_pred = predict({n.model}, test_loader)"]
    swap = [f"{n.trainer}.data_collator = DataCollatorWithPadding(test_tokenizer)"] if other else []
    return [*other, *swap, f"y_pred = {n.trainer}.predict({n.test}).predictions.argmax(-1)"]
