"""Which two models does the course compare, at true size and as small stand-ins? Loads no weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

ENCODER = "answerdotai/ModernBERT-base"
DECODER = "Qwen/Qwen2.5-0.5B"
LABELS = 113


@dataclass(frozen=True)
class Kind:
    """One of the two models, at some size."""

    repo: str
    "Name on the hub."
    model_type: str
    "transformers' name of the architecture."
    architecture: str
    "Class of the base checkpoint."
    dtype: str
    "Type in which the checkpoint is stored."
    config: dict[str, Any]
    "Fields of config.json, spelled as in the original."


_ENCODER_CONFIG: dict[str, Any] = {
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 50281,
    "classifier_activation": "gelu",
    "classifier_bias": False,
    "classifier_dropout": 0.0,
    "classifier_pooling": "mean",
    "cls_token_id": 50281,
    "decoder_bias": True,
    "deterministic_flash_attn": False,
    "embedding_dropout": 0.0,
    "eos_token_id": 50282,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 160000.0,
    "gradient_checkpointing": False,
    "hidden_activation": "gelu",
    "hidden_size": 768,
    "initializer_cutoff_factor": 2.0,
    "initializer_range": 0.02,
    "intermediate_size": 1152,
    "layer_norm_eps": 1e-05,
    "local_attention": 128,
    "local_rope_theta": 10000.0,
    "max_position_embeddings": 8192,
    "mlp_bias": False,
    "mlp_dropout": 0.0,
    "norm_bias": False,
    "norm_eps": 1e-05,
    "num_attention_heads": 12,
    "num_hidden_layers": 22,
    "pad_token_id": 50283,
    "position_embedding_type": "absolute",
    "sep_token_id": 50282,
    "tie_word_embeddings": True,
    "vocab_size": 50368,
}

_DECODER_CONFIG: dict[str, Any] = {
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "eos_token_id": 151643,
    "hidden_act": "silu",
    "hidden_size": 896,
    "initializer_range": 0.02,
    "intermediate_size": 4864,
    "max_position_embeddings": 32768,
    "max_window_layers": 24,
    "num_attention_heads": 14,
    "num_hidden_layers": 24,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "sliding_window": 32768,
    "tie_word_embeddings": True,
    "use_cache": True,
    "use_mrope": False,
    "use_sliding_window": False,
    "vocab_size": 151936,
}

TRUE_SIZE = {
    ENCODER: Kind(ENCODER, "modernbert", "ModernBertForMaskedLM", "float32", _ENCODER_CONFIG),
    DECODER: Kind(DECODER, "qwen2", "Qwen2ForCausalLM", "bfloat16", _DECODER_CONFIG),
}

_SMALL = {
    ENCODER: {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 1},
    DECODER: {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1},
}


def stand_in(repo: str, *, vocab_size: int, special: dict[str, int]) -> Kind:
    """The model `repo` with its real depth and module names, but a width that a CPU trains in minutes."""
    kind = TRUE_SIZE[repo]
    changed = _SMALL[repo] | special | {"vocab_size": vocab_size}
    return replace(kind, config=kind.config | changed)


def config_json(kind: Kind) -> dict[str, Any]:
    """config.json as the original repository has it (the spelling that transformers 4 and 5 both read)."""
    head = {"architectures": [kind.architecture], "model_type": kind.model_type, "torch_dtype": kind.dtype}
    return dict(sorted((kind.config | head).items()))


@cache
def _auto_config() -> Any:
    from transformers import AutoConfig

    return AutoConfig


def build_config(kind: Kind, **changes: Any) -> Any:
    """The transformers configuration of `kind`."""
    return _auto_config().for_model(kind.model_type, **(kind.config | changes))
