"""Trains one run with the library's Trainer: the same seed gives the same numbers, an interrupted run goes on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint

from reference.training import evaluation, models
from reference.training.config import RunConfig
from reference.training.tables import Tables


class WeightedTrainer(Trainer):
    """Cross entropy with class weights."""

    def __init__(self, *args: Any, weights: torch.Tensor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._weights = weights

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The weighted mean over the batch."""
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        weights = self._weights.to(outputs.logits.device)
        loss = torch.nn.functional.cross_entropy(outputs.logits.float(), labels, weight=weights)
        return (loss, outputs) if return_outputs else loss


def prepare(config: RunConfig, tables: Tables, *, seed: int, folder: Path) -> tuple[Trainer, Any]:
    """The trainer of a run and its tokenizer."""
    set_seed(seed)
    tokenizer = models.tokenizer(config)
    model = models.classifier(config, len(tables.labels), tokenizer.pad_token_id)
    common = {
        "model": model,
        "args": arguments(config, seed=seed, folder=folder),
        "train_dataset": tokenised(tables.train, tokenizer, config.max_length),
        "eval_dataset": tokenised(tables.validation, tokenizer, config.max_length),
        "data_collator": DataCollatorWithPadding(tokenizer),
    }
    if config.class_weights == "none":
        return Trainer(**common), tokenizer
    weights = torch.tensor(evaluation.sqrt_inverse(tables.counts), dtype=torch.float32)
    return WeightedTrainer(**common, weights=weights), tokenizer


def arguments(config: RunConfig, *, seed: int, folder: Path) -> TrainingArguments:
    """fp16 where there is a GPU, as the course asks; a bar with the time left on a terminal."""
    return TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        seed=seed,
        data_seed=seed,
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch,
        per_device_eval_batch_size=64,
        learning_rate=config.learning_rate,
        warmup_steps=config.warmup,
        weight_decay=config.weight_decay,
        fp16=torch.cuda.is_available(),
        gradient_checkpointing=config.gradient_checkpointing,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        logging_steps=25,
        report_to="none",
        label_names=["labels"],
        disable_tqdm=not sys.stderr.isatty(),
    )


def train(trainer: Trainer, folder: Path) -> list[dict[str, Any]]:
    """Trains, from the last checkpoint if there is one; returns the log (loss per step, validation per epoch)."""
    checkpoints = folder / "checkpoints"
    last = _last_checkpoint(checkpoints)
    trainer.train(resume_from_checkpoint=last)
    return [dict(entry) for entry in trainer.state.log_history]


def _last_checkpoint(folder: Path) -> str | None:
    find: Any = get_last_checkpoint
    return find(str(folder)) if folder.is_dir() else None


def predict(trainer: Trainer, table: Any, tokenizer: Any, max_length: int) -> list[int]:
    """The predicted label of every row."""
    logits: Any = trainer.predict(tokenised(table, tokenizer, max_length)).predictions
    return [int(label) for label in logits.argmax(-1)]


def tokenised(table: Any, tokenizer: Any, max_length: int) -> Dataset:
    """Rows as the Trainer takes them; padding is left to each batch."""
    encoded = tokenizer(list(table["text"]), truncation=True, max_length=max_length)
    return Dataset.from_dict({**encoded, "labels": [int(label) for label in table["label"]]})
