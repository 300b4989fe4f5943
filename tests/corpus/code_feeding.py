"""The lines that read the data, tokenise it and put batches together."""

from __future__ import annotations

from tests.corpus.choices import Choices
from tests.corpus.naming import Config, Names

PLACES = {
    "environment": 'DATA = os.environ.get("COURSE_DATA", "data")',
    "relative": 'DATA = "data"',
    "drive": 'DATA = "/content/drive/MyDrive/data"',
    "kaggle": 'DATA = "/kaggle/input/consumer-complaints"',
    "hub": 'DATA = os.environ.get("COURSE_DATA", "data")',
}
SPLITS = ("train", "validation", "test")


def read_lines(chosen: Choices) -> list[str]:
    """The three splits, the label names, the class counts."""
    lines = [PLACES[chosen.place]]
    if chosen.place == "hub":
        lines = ["from datasets import load_dataset", 'hub = load_dataset("consumer-complaints")']
        lines += [
            f'{name}_df = hub["{split}"].to_pandas()'
            for name, split in zip(("train", "val", "test"), SPLITS, strict=True)
        ]
        return [*lines, *_counts("train_df['label']", hub=True)]
    if chosen.data == "datasets":
        return [
            *lines,
            "from datasets import load_dataset",
            'raw = load_dataset("parquet", data_files={s: f"{DATA}/{s}.parquet" for s in ("train", "validation", "test")})',
            "print(raw)",
            *_names(),
            *_counts('pd.Series(list(raw["train"]["label"]))'),
        ]
    frames = [
        f'{name}_df = pd.read_parquet(f"{{DATA}}/{split}.parquet")'
        for name, split in zip(("train", "val", "test"), SPLITS, strict=True)
    ]
    if chosen.data == "pandas":
        return [
            *lines,
            *frames,
            "print(train_df.shape, val_df.shape, test_df.shape)",
            *_names(),
            *_counts('train_df["label"]'),
        ]
    return [
        *lines,
        "import csv",
        "# plain CSV is easier to look at",
        'for split in ("train", "validation", "test"):',
        '    pd.read_parquet(f"{DATA}/{split}.parquet").to_csv(f"{split}.csv", index=False)',
        "",
        "",
        "def read_csv(name):",
        '    with open(name, newline="", encoding="utf-8") as handle:',
        "        return list(csv.DictReader(handle))",
        "",
        "",
        'train_rows, val_rows, test_rows = (read_csv(f"{s}.csv") for s in ("train", "validation", "test"))',
        "print(len(train_rows), len(val_rows), len(test_rows))",
        *_names(),
        *_counts('pd.Series([int(row["label"]) for row in train_rows])'),
    ]


def _names() -> list[str]:
    return ['label_names = json.load(open(f"{DATA}/labels.json"))']


def _counts(expression: str, *, hub: bool = False) -> list[str]:
    lines = ["label_names = [str(i) for i in range(113)]"] if hub else []
    return [
        *lines,
        f"counts = {expression}.value_counts().reindex(range(113), fill_value=0).sort_index()",
        'print("classes:", len(counts), "rarest:", counts.min(), "most common:", counts.max())',
    ]


def texts(chosen: Choices, split: str) -> str:
    """Expression of a split's texts as a list."""
    if chosen.data == "datasets":
        return f'list(raw["{_full(split)}"]["text"])'
    return f'{split}_df["text"].tolist()' if chosen.data == "pandas" else f'[row["text"] for row in {split}_rows]'


def targets(chosen: Choices, split: str) -> str:
    """Expression of a split's labels as a list."""
    if chosen.data == "datasets":
        return f'list(raw["{_full(split)}"]["label"])'
    return (
        f'{split}_df["label"].tolist()' if chosen.data == "pandas" else f'[int(row["label"]) for row in {split}_rows]'
    )


def _full(split: str) -> str:
    return "validation" if split == "val" else split


def call_side(chosen: Choices, n: Names) -> str:
    """`padding_side=` in the tokenizer's call, where the student says it there."""
    if chosen.side_how != "call" or n.role == "encoder" or chosen.padding_fault:
        return ""
    return f", padding_side={n.side}" if n.shared else ', padding_side="left"'


def feeding_setup(chosen: Choices) -> list[str]:
    """Classes and functions that the feeding needs, at the top level."""
    length = Config(chosen)["max_length"]
    if chosen.feeding == "item":
        return [
            "class Complaints(torch.utils.data.Dataset):",
            "    def __init__(self, texts, labels, tokenizer):",
            "        self.texts, self.labels, self.tokenizer = texts, labels, tokenizer",
            "",
            "    def __len__(self):",
            "        return len(self.texts)",
            "",
            "    def __getitem__(self, index):",
            f"        item = self.tokenizer(self.texts[index], truncation=True, max_length={length})",
            '        item["labels"] = int(self.labels[index])',
            "        return dict(item)",
        ]
    lines = _encoded_class() if chosen.data == "csv" and chosen.feeding != "text_collate" else []
    return [*lines, *_collate_setup(chosen, length)]


def _encoded_class() -> list[str]:
    return [
        "class Encoded(torch.utils.data.Dataset):",
        "    def __init__(self, encodings, labels):",
        "        self.encodings, self.labels = encodings, labels",
        "",
        "    def __len__(self):",
        "        return len(self.labels)",
        "",
        "    def __getitem__(self, i):",
        '        return {**{k: v[i] for k, v in self.encodings.items()}, "labels": self.labels[i]}',
        "",
        "",
    ]


def _collate_setup(chosen: Choices, length: str) -> list[str]:
    if chosen.feeding == "text_collate":
        side = ", **extra" if chosen.side_how == "call" else ""
        return [
            f"def make_collate(tokenizer{side}):",
            "    def collate(rows):",
            '        batch = tokenizer([row["text"] for row in rows], padding=True, truncation=True,',
            f'                          max_length={length}, return_tensors="pt"{side})',
            '        batch["labels"] = torch.tensor([int(row["label"]) for row in rows])',
            "        return batch",
            "    return collate",
        ]
    if chosen.feeding == "pad_collate":
        return [
            "def make_collate(tokenizer):",
            "    def collate(rows):",
            '        keys = ("input_ids", "attention_mask")',
            '        batch = tokenizer.pad([{k: row[k] for k in keys} for row in rows], padding="longest", return_tensors="pt")',
            '        batch["labels"] = torch.tensor([row["labels"] for row in rows])',
            "        return batch",
            "    return collate",
        ]
    if chosen.feeding != "manual":
        return []
    return [
        "class PadBatch:",
        '    """Pads by hand, only as far as the longest row."""',
        "",
        '    def __init__(self, pad_id, side="right"):',
        "        self.pad_id, self.side = pad_id, side",
        "",
        "    def __call__(self, rows):",
        '        longest = max(len(row["input_ids"]) for row in rows)',
        "        ids, mask = [], []",
        "        for row in rows:",
        '            gap = longest - len(row["input_ids"])',
        '            if self.side == "left":',
        '                ids.append([self.pad_id] * gap + list(row["input_ids"]))',
        '                mask.append([0] * gap + [1] * len(row["input_ids"]))',
        "            else:",
        '                ids.append(list(row["input_ids"]) + [self.pad_id] * gap)',
        '                mask.append([1] * len(row["input_ids"]) + [0] * gap)',
        '        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask),',
        '                "labels": torch.tensor([int(row["labels"]) for row in rows])}',
    ]


def dataset_lines(chosen: Choices, n: Names) -> list[str]:
    """Tokenised splits of one model."""
    lines = []
    for split, name in (("train", n.train), ("val", n.val), ("test", n.test)):
        lines += _split_lines(chosen, n, split, name)
    if chosen.padding_fault == "too_late" and not n.shared and n.role == "decoder":
        lines.append(f'{n.tok}.padding_side = "left"')
    return lines


def _split_lines(chosen: Choices, n: Names, split: str, name: str) -> list[str]:
    length = Config(chosen)["max_length"]
    if chosen.feeding == "item":
        return [f"{name} = Complaints({texts(chosen, split)}, {targets(chosen, split)}, {n.tok})"]
    if chosen.feeding == "text_collate":
        return [
            f'{name} = [{{"text": t, "label": y}} for t, y in zip({texts(chosen, split)}, {targets(chosen, split)})]'
        ]
    fixed = f', padding="max_length"{call_side(chosen, n)}' if chosen.feeding == "fixed" else ""
    call = f"truncation=True, max_length={length}{fixed}"
    if chosen.data == "datasets":
        return [
            f'{name} = raw["{_full(split)}"].map(lambda batch: {n.tok}(batch["text"], {call}), batched=True,',
            f'{" " * len(name)}   remove_columns=["text"]).rename_column("label", "labels")',
        ]
    encoded = f"{n.tok}({texts(chosen, split)}, {call})"
    if chosen.data == "csv":
        return [f"{name} = Encoded({encoded}, {targets(chosen, split)})"]
    return [f'{name} = Dataset.from_dict({{**{encoded}, "labels": {targets(chosen, split)}}})']


def collator(chosen: Choices, n: Names) -> str:
    """Expression of what puts a batch together; empty where Trainer's own does."""
    if chosen.feeding in ("collator", "item"):
        return (
            f"DataCollatorWithPadding({n.tok})" if chosen.naming % 2 else f"DataCollatorWithPadding(tokenizer={n.tok})"
        )
    if chosen.feeding == "fixed":
        return "default_data_collator"
    if chosen.feeding in ("text_collate", "pad_collate"):
        extra = call_side(chosen, n) if chosen.feeding == "text_collate" else ""
        return f"make_collate({n.tok}{extra})"
    if chosen.feeding == "manual":
        right = chosen.padding_fault == "manual_right"
        side = '"right"' if right else n.side if n.shared else '"left"' if n.role == "decoder" else '"right"'
        return f"PadBatch({n.tok}.pad_token_id, side={side})"
    return ""


def loader_lines(chosen: Choices, n: Names, name: str, *, shuffle: bool = False, sampler: str = "") -> list[str]:
    """A DataLoader over `n.train`, `n.val` or `n.test`."""
    data = {"train": n.train, "val": n.val, "test": n.test}[name]
    size = Config(chosen)["batch"] if name == "train" else "64"
    order = f", sampler={sampler}" if sampler else ", shuffle=True" if shuffle else ""
    return [f"{name}_loader = DataLoader({data}, batch_size={size}{order}, collate_fn={collator(chosen, n)})"]
