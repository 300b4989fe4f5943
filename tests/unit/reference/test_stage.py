"""The committed stage is what the sources make, holds no surprises, and behaves as the originals do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from reference.corpus.generator import Corpus
from reference.models import DECODER, ENCODER, TRUE_SIZE, config_json, stand_in
from reference.stage import data, tokenizers

STAGE = Path(__file__).parents[3] / "assignments" / "week3" / "stage"


def snapshot(repo: str) -> Path:
    folder = STAGE / "hub" / f"models--{repo.replace('/', '--')}"
    return folder / "snapshots" / (folder / "refs" / "main").read_text()


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_tables_are_what_the_generator_writes():
    splits = data.generate(Corpus())
    for part, rows in splits.parts.items():
        table = pd.read_parquet(STAGE / "data" / f"{part}.parquet")
        assert list(zip(table["text"], table["label"], strict=True)) == [(row.text, row.label) for row in rows]
    assert json.loads((STAGE / "data" / "labels.json").read_text()) == splits.labels


def test_every_file_is_the_one_that_the_provenance_names():
    named = read(STAGE / "provenance.json")["files"]
    there = {
        path.relative_to(STAGE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in STAGE.rglob("*")
        if path.is_file() and path.name not in ("provenance.json", "README.md")
    }
    assert {name: file["sha256"] for name, file in named.items()} == there


def test_the_stage_is_small_and_holds_no_pickle():
    files = [path for path in STAGE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 6_000_000
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".parquet", ".txt", ".md", ""}
    assert not [path for path in STAGE.rglob("*") if path.is_symlink()]


def test_true_sizes_are_those_of_the_real_models():
    table = read(STAGE / "true_size.json")["models"]
    assert {repo: found["total"] for repo, found in table.items()} == {ENCODER: 149_691_761, DECODER: 494_134_016}
    for found in table.values():
        assert found["total"] == sum(_size(shape) for shape in found["parameters"].values())


def _size(shape: list[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


@pytest.mark.parametrize(
    "repo, targets, head, trainable",
    [
        (ENCODER, ("Wqkv", "Wo", "Wi"), "classifier", 3_466_097),
        (DECODER, ("q_proj", "k_proj", "v_proj", "o_proj"), "score", 2_263_936),
    ],
)
def test_the_reference_configurations_train_the_known_counts(repo, targets, head, trainable):
    found = read(STAGE / "true_size.json")["models"][repo]
    lora = sum(
        16 * sum(module["weight"])
        for name, module in found["modules"].items()
        if name.split(".")[-1] in targets and module["kind"] == "Linear"
    )
    whole = sum(_size(shape) for name, shape in found["parameters"].items() if name.split(".")[0] == head)
    assert lora + whole == trainable


def test_stand_ins_keep_depth_and_differ_from_the_originals_in_width_alone():
    for repo, kind in TRUE_SIZE.items():
        small = stand_in(repo, vocab_size=1536, special={})
        changed = {key for key, value in small.config.items() if kind.config[key] != value}
        assert changed <= {
            "hidden_size",
            "intermediate_size",
            "num_attention_heads",
            "num_key_value_heads",
            "vocab_size",
        }
        assert config_json(small)["torch_dtype"] == kind.dtype


def test_the_decoder_names_no_padding_token_in_its_configuration():
    assert "pad_token_id" not in read(snapshot(DECODER) / "config.json")
    assert read(snapshot(ENCODER) / "config.json")["architectures"] == ["ModernBertForMaskedLM"]


def test_weights_are_stored_in_the_originals_types():
    from safetensors import safe_open

    found = {}
    for repo in TRUE_SIZE:
        with safe_open(snapshot(repo) / "model.safetensors", framework="numpy") as file:
            found[repo] = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    assert found == {ENCODER: {"F32"}, DECODER: {"BF16"}}


@pytest.mark.torch
def test_tokenizers_behave_as_the_originals():
    from transformers import AutoTokenizer

    decoder = AutoTokenizer.from_pretrained(snapshot(DECODER))
    encoder = AutoTokenizer.from_pretrained(snapshot(ENCODER))
    assert (type(decoder).__name__, decoder.padding_side, decoder.pad_token, decoder.eos_token, decoder.bos_token) == (
        "Qwen2Tokenizer",
        "right",
        "<|endoftext|>",
        "<|endoftext|>",
        None,
    )
    assert (encoder.padding_side, encoder.pad_token, encoder.cls_token, encoder.sep_token, encoder.mask_token) == (
        "right",
        "[PAD]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
    )
    assert encoder.model_input_names == ["input_ids", "attention_mask"]
    assert encoder.convert_ids_to_tokens(encoder("Hi")["input_ids"])[:: len(encoder("Hi")["input_ids"]) - 1] == [
        "[CLS]",
        "[SEP]",
    ]
    text = "I was charged $40.00 \u2013 twice!\n\u6f22 \U0001f600"
    for tokenizer in (decoder, encoder):
        assert (
            tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"], clean_up_tokenization_spaces=False)
            == text
        )


def test_training_a_tokenizer_again_gives_the_same():
    texts = [row.text for row in data.generate(Corpus()).train[:400]]
    for train in tokenizers.TRAIN.values():
        assert train(texts, 600).to_str() == train(texts, 600).to_str()


@pytest.mark.torch
def test_moving_the_gain_leaves_the_encoder_the_same_model():
    import torch
    from transformers import ModernBertForMaskedLM

    from reference.models import build_config
    from reference.stage import pretrain

    kind = stand_in(ENCODER, vocab_size=96, special={"pad_token_id": 0})
    torch.manual_seed(1)
    model = ModernBertForMaskedLM(build_config(kind)).eval()
    torch.nn.init.constant_(model.head.norm.weight, 8.0)
    batch = {"input_ids": torch.arange(1, 25).reshape(2, 12), "attention_mask": torch.ones(2, 12, dtype=torch.long)}
    with torch.no_grad():
        before = model(**batch).logits
        pretrain._fold_gain(model)
        after = model(**batch).logits
    assert model.head.norm.weight.mean().item() == pytest.approx(1)
    assert torch.allclose(before, after, atol=2e-2 * before.std().item())


@pytest.mark.torch
@pytest.mark.slow
def test_one_stand_in_is_built_again_byte_for_byte_and_the_other_stays(tmp_path):
    from reference.stage import build, pretrain

    diets = {repo: pretrain.Diet(steps=2, batch=4) for repo in TRUE_SIZE}
    first = build.build(tmp_path, diets=diets, report=lambda line: None)
    again = build.build(tmp_path, diets=diets, report=lambda line: None, only=ENCODER)
    assert again == first


def test_a_part_of_a_stage_that_is_not_there_is_refused(tmp_path):
    from reference.errors import RunError
    from reference.stage import build

    with pytest.raises(RunError, match="build both models first"):
        build.build(tmp_path, diets={}, report=print, only=ENCODER)
