"""Tokenizer and model of a run, ready to train; and the counts of what trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils.hub import cached_file

from reference.errors import RunError
from reference.models import TRUE_SIZE
from reference.stage.truesize import classifier_on_meta
from reference.training.lora import Lora

if TYPE_CHECKING:
    from reference.training.config import RunConfig


def tokenizer(config: RunConfig) -> Any:
    """With the run's padding side and a padding token."""
    loaded = AutoTokenizer.from_pretrained(config.model)
    loaded.padding_side = config.padding_side
    if loaded.pad_token is None:
        loaded.pad_token = loaded.eos_token
    return loaded


def revision(config: RunConfig) -> str | None:
    """Which checkpoint: the snapshot's name in the hub cache; null for a local folder."""
    if Path(config.model).is_dir():
        return None
    found = cached_file(config.model, "config.json")
    return Path(found).parent.name if found else None


def classifier(config: RunConfig, labels: int, pad_token_id: int) -> Any:
    """The model in float32, with its adapter if the run has one."""
    model = AutoModelForSequenceClassification.from_pretrained(config.model, num_labels=labels, dtype=torch.float32)
    model.config.pad_token_id = pad_token_id
    if config.pooling == "last_position":
        model.forward = _LastPosition(model)
    return adapted(model, config.lora) if config.lora else model


def adapted(model: Any, lora: Lora) -> Any:
    """`model` with the adapter; without a head named, the head stays as it was drawn."""
    task = TaskType.SEQ_CLS if lora.head else None
    saved = [lora.head] if lora.head else None
    return get_peft_model(
        model,
        LoraConfig(
            task_type=task,
            r=lora.r,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=list(lora.targets),
            modules_to_save=saved,
        ),
    )


def true_size(config: RunConfig) -> dict[str, int]:
    """What the run would train with the real model: built on the meta device, no weights, no download."""
    kind = TRUE_SIZE.get(config.model)
    if kind is None:
        raise RunError(f"{config.name}: the true size of {config.model} is not known here.")
    model = classifier_on_meta(kind)
    with torch.device("meta"):
        return counts(adapted(model, config.lora) if config.lora else model)


def counts(model: Any) -> dict[str, int]:
    """Trainable and all parameters, as PEFT counts them."""
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return {"trainable": sum(size for size, trains in sizes if trains), "all": sum(size for size, _ in sizes)}


class _LastPosition:
    """Stands in for a decoder's forward and reads the last position whatever stands there: a planted fault."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None, **_: Any) -> Any:
        from transformers.modeling_outputs import SequenceClassifierOutput

        hidden = self._model.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[:, -1]
        logits = self._model.score(hidden)
        loss = torch.nn.functional.cross_entropy(logits, labels) if labels is not None else None
        return SequenceClassifierOutput(loss=loss, logits=logits)
