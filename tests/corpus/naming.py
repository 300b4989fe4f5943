"""How a student names things and where the constants stand. Knows nothing of models."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.corpus.choices import Choices

ENCODER = "answerdotai/ModernBERT-base"
DECODER = "Qwen/Qwen2.5-0.5B"
INDENT = "    "


def indent(lines: list[str], depth: int = 1) -> list[str]:
    """The lines, further right."""
    return [INDENT * depth + line if line else line for line in lines]


class Config:
    """Where numbers and names stand: each is asked for by its key and given as an expression."""

    def __init__(self, chosen: Choices) -> None:
        self.kind = chosen.config
        self.name = random.Random(f"config/{chosen.naming}").choice(("cfg", "config", "CFG", "params"))
        self.values: dict[str, str] = {
            "encoder": repr(ENCODER),
            "decoder": repr(DECODER),
            "num_labels": "113",
            "max_length": str(chosen.length),
            "epochs": str(chosen.epochs),
            "batch": str(chosen.batch),
            "lr": "2e-4",
            "rank_encoder": str(chosen.encoder.rank),
            "rank_decoder": str(chosen.decoder.rank),
        }
        if chosen.dtype_how == "config" and chosen.dtype in ("float32", "bfloat16", "float16"):
            self.values["dtype"] = f"torch.{chosen.dtype}"

    def __getitem__(self, key: str) -> str:
        if self.kind == "literals":
            return self.values[key]
        if self.kind == "constants":
            return key.upper()
        return f'{self.name}["{key}"]' if self.kind == "dict" else f"{self.name}.{key}"

    def cell(self) -> list[str]:
        """The lines that define everything."""
        pairs = self.values.items()
        if self.kind == "literals":
            return []
        if self.kind == "constants":
            return [f"{key.upper()} = {value}" for key, value in pairs]
        if self.kind == "dict":
            return [f"{self.name} = {{", *[f'    "{key}": {value},' for key, value in pairs], "}"]
        if self.kind == "namespace":
            return [
                "from types import SimpleNamespace",
                f"{self.name} = SimpleNamespace(",
                *[f"    {key}={value}," for key, value in pairs],
                ")",
            ]
        types = {"lr": "float", "encoder": "str", "decoder": "str", "dtype": "object"}
        return [
            "from dataclasses import dataclass",
            "",
            "",
            "@dataclass",
            "class Config:",
            *[f"    {key}: {types.get(key, 'int')} = {value}" for key, value in pairs],
            "",
            "",
            f"{self.name} = Config()",
        ]


@dataclass(frozen=True)
class Names:
    """Expressions for the things of one run, in the scope where the code stands."""

    role: str
    """encoder or decoder."""
    run: str
    """encoder, decoder, decoder_weighted: the key of its results."""
    model: str
    tok: str
    checkpoint: str
    train: str
    val: str
    test: str
    trainer: str
    side: str = '"left"'
    lora: str = ""
    """Expression of a ready LoraConfig, where the scope gets one."""
    dtype: str = ""
    """Expression of the dtype, where the scope gets one."""
    weights: str = ""
    """Expression of class weights in this scope; empty: none."""
    shared: bool = False
    """The code serves both models."""


STEMS = {
    "model": ("{r}_model", "{r}", "model_{s}", "{s}_lora", "peft_{r}"),
    "tok": ("{r}_tokenizer", "tok_{s}", "{s}_tok", "tokenizer_{r}"),
}


def names_for(chosen: Choices, run: str) -> Names:
    """Names at the top level of a notebook."""
    rng = random.Random(f"names/{chosen.naming}")
    role = "encoder" if run == "encoder" else "decoder"
    short = "enc" if role == "encoder" else "dec"
    model, tok = (rng.choice(STEMS[kind]).format(r=role, s=short) for kind in ("model", "tok"))
    if chosen.tokenizers == "shared":
        tok = "tokenizer"
    weighted = run == "decoder_weighted"
    tail = rng.choice(("_weighted", "_w", "2")) if weighted else ""
    return Names(
        role=role,
        run=run,
        model=model + tail,
        tok=tok,
        checkpoint=Config(chosen)[role],
        train=f"{short}_train",
        val=f"{short}_val",
        test=f"{short}_test",
        trainer=f"{short}_trainer{tail}",
        weights="class_weights" if weighted else "",
    )
