"""Stand-in checkpoints that have learnt something: masked-token training for the encoder, next-token for the decoder.

Plain loops on one CPU thread, so that the same machine gives the same bits. The decoder reads more text
than the encoder, as in the originals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer

from reference.models import DECODER, ENCODER, Kind, build_config
from reference.stage.tokenizers import token_id

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Diet:
    """How one stand-in is pre-trained."""

    steps: int
    "Optimizer steps; 0 leaves random weights."
    batch: int = 48
    "Texts per step."
    rate: float = 6e-3
    "Highest learning rate (linear warm-up, cosine decay)."
    gain: float = 8.0
    "Of the last norm at the start; large, they learn in half the steps."
    seed: int = 20
    "Of the weights and the masking."


DIETS = {ENCODER: Diet(steps=1000), DECODER: Diet(steps=1200)}
_MASKED = 0.25


def pretrain(kind: Kind, tokenizer: Tokenizer, texts: Iterator[str], *, diet: Diet, progress: Progress) -> Any:
    """The base model of `kind`, trained on `texts`."""
    torch.manual_seed(diet.seed)
    model = getattr(transformers, kind.architecture)(build_config(kind)).train()
    last_norm = model.head.norm if kind.repo == ENCODER else model.model.norm
    torch.nn.init.constant_(last_norm.weight, diet.gain)
    if not diet.steps:
        return model
    optimizer = torch.optim.AdamW(model.parameters(), lr=diet.rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = transformers.get_cosine_schedule_with_warmup(optimizer, min(200, diet.steps // 5), diet.steps)
    batches = _batches(kind, tokenizer, texts, diet)
    for step, batch in enumerate(islice(batches, diet.steps), start=1):
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        progress(step, diet.steps, float(loss.detach()))
    if kind.repo == ENCODER:
        _fold_gain(model)
    return model


@torch.no_grad()
def _fold_gain(model: Any) -> None:
    """Moves the last norm's gain into the embeddings, tied to the output and normalised at the input: the same model.

    The classification head is drawn for features of size one; with larger ones its first steps undo what was learnt.
    """
    gain = model.head.norm.weight.mean()
    model.head.norm.weight /= gain
    model.model.embeddings.tok_embeddings.weight *= gain


def _batches(kind: Kind, tokenizer: Tokenizer, texts: Iterator[str], diet: Diet) -> Iterator[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(diet.seed)
    while True:
        ids = [encoding.ids for encoding in tokenizer.encode_batch(list(islice(texts, diet.batch)))]
        if kind.repo == ENCODER:
            yield _masked(ids, tokenizer, generator)
        else:
            yield _causal(ids, kind.config["eos_token_id"])


def _padded(ids: list[list[int]], filler: int) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(row) for row in ids)
    tokens = torch.tensor([row + [filler] * (width - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])
    return tokens, mask


def _causal(ids: list[list[int]], end: int) -> dict[str, torch.Tensor]:
    """Rows that end with the end token, padding left out of the loss."""
    tokens, mask = _padded([[*row, end] for row in ids], end)
    return {"input_ids": tokens, "attention_mask": mask, "labels": tokens.masked_fill(mask == 0, -100)}


def _masked(ids: list[list[int]], tokenizer: Tokenizer, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Rows with some tokens replaced by [MASK], which are to be told."""
    tokens, mask = _padded(ids, token_id(tokenizer, "[PAD]"))
    ordinary = (mask == 1) & (tokens < token_id(tokenizer, "[UNK]"))
    chosen = ordinary & (torch.rand(tokens.shape, generator=generator) < _MASKED)
    return {
        "input_ids": tokens.masked_fill(chosen, token_id(tokenizer, "[MASK]")),
        "attention_mask": mask,
        "labels": tokens.masked_fill(~chosen, -100),
    }
