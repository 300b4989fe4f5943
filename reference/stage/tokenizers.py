"""The two tokenizers, trained on the stage's own text, behaving as the originals do (special tokens, padding, class).

Only the vocabulary is small. Files are spelled as in the original repositories, for older libraries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from reference.models import DECODER, ENCODER

END = "<|endoftext|>"
_QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
_QWEN_EXTRA = ["<|im_start|>", "<|im_end|>"]
_BERT_SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


def decoder_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Byte-level BPE as in Qwen2.5: no special tokens added to a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(_QWEN_SPLIT), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    extra = [END, *_QWEN_EXTRA]
    tokenizer.train_from_iterator(texts, _trainer(vocab_size - len(extra), []))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in extra])
    return tokenizer


def encoder_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Byte-level BPE as in ModernBERT: [CLS] text [SEP]."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, _trainer(vocab_size - len(_BERT_SPECIAL), []))
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False, lstrip=token == "[MASK]") for token in _BERT_SPECIAL]
    )
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
    )
    return tokenizer


def _trainer(vocab_size: int, special: list[str]) -> trainers.BpeTrainer:
    return trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )


TRAIN = {ENCODER: encoder_tokenizer, DECODER: decoder_tokenizer}


def special_ids(repo: str, tokenizer: Tokenizer) -> dict[str, int]:
    """The token ids that the model's configuration names (the decoder's names no padding token, as in the original)."""
    if repo == DECODER:
        return {"bos_token_id": token_id(tokenizer, END), "eos_token_id": token_id(tokenizer, END)}
    cls, sep, pad = (token_id(tokenizer, token) for token in ("[CLS]", "[SEP]", "[PAD]"))
    return {"bos_token_id": cls, "cls_token_id": cls, "eos_token_id": sep, "sep_token_id": sep, "pad_token_id": pad}


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """The id of a token that must be there."""
    found: int | None = tokenizer.token_to_id(token)
    if found is None:
        raise KeyError(token)
    return found


def save(repo: str, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes tokenizer.json and tokenizer_config.json (and what else the original repository has)."""
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = _decoder_config(tokenizer) if repo == DECODER else _encoder_config(tokenizer)
    _write(folder / "tokenizer_config.json", config)
    if repo == DECODER:
        content = json.loads(tokenizer.to_str())["model"]
        _write(folder / "vocab.json", content["vocab"], indent=None)
        merges = [" ".join(merge) if isinstance(merge, list) else merge for merge in content["merges"]]
        (folder / "merges.txt").write_text("\n".join(merges) + "\n", encoding="utf-8")
    else:
        _write(folder / "special_tokens_map.json", _map())


def _added(tokenizer: Tokenizer, names: list[str], *, stripped: str = "") -> dict[str, Any]:
    return {
        str(tokenizer.token_to_id(name)): {
            "content": name,
            "lstrip": name == stripped,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": True,
        }
        for name in names
    }


def _decoder_config(tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": _added(tokenizer, [END, *_QWEN_EXTRA]),
        "additional_special_tokens": _QWEN_EXTRA,
        "bos_token": None,
        "clean_up_tokenization_spaces": False,
        "eos_token": END,
        "errors": "replace",
        "model_max_length": 32768,
        "pad_token": END,
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }


def _encoder_config(tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "added_tokens_decoder": _added(tokenizer, _BERT_SPECIAL, stripped="[MASK]"),
        "clean_up_tokenization_spaces": True,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": 8192,
        "tokenizer_class": "PreTrainedTokenizerFast",
        **_map(),
    }


def _map() -> dict[str, str]:
    return {f"{token[1:-1].lower()}_token": token for token in _BERT_SPECIAL}


def _write(path: Path, content: Any, indent: int | None = 2) -> None:
    path.write_text(json.dumps(content, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
