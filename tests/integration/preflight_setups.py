"""Right and wrong set-ups, each with the answers that preflight must give, on tiny models made here.

Needs only preflight.py (first argument: its path), torch, transformers and peft, so that it also runs under old versions of them:

    python preflight_setups.py PREFLIGHT.py        prints the versions and, per set-up, what was answered and wanted
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

LABELS = 5
COUNTS = [400, 100, 25, 16, 4]
SETUPS: dict[str, tuple[Callable[[], tuple[tuple[Any, ...], dict[str, Any]]], dict[str, str]]] = {}
"""Name -> (arguments of preflight, the level of each answer that is not ok)."""


def setup(**wanted: str) -> Callable[[Any], Any]:
    """`padding_side="fix"`: these answers, and nothing but ok elsewhere."""

    def kept(function: Any) -> Any:
        SETUPS[function.__name__] = (function, wanted)
        return function

    return kept


# -- pieces ------------------------------------------------------------------------------------------------------------


def tokenizer(side: str = "left", *, pad: bool = True, words: int = 60, name: str = "") -> Any:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    vocabulary = {f"w{number}": number for number in range(words - 2)} | {"<pad>": words - 2, "<eos>": words - 1}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="w0"))
    special = {"pad_token": "<pad>"} if pad else {}
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", padding_side=side, **special)
    made.name_or_path = name
    return made


def qwen(*, labels: int = LABELS, pad: int | None = 58, name: str = "") -> Any:
    from transformers import Qwen2Config, Qwen2ForSequenceClassification

    config = Qwen2Config(
        vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        num_labels=labels, pad_token_id=pad, bos_token_id=None, eos_token_id=59,
    )  # fmt: skip
    config._name_or_path = name
    return Qwen2ForSequenceClassification(config)


def modernbert(*, pooling: str = "mean") -> Any:
    from transformers import ModernBertConfig, ModernBertForSequenceClassification

    config = ModernBertConfig(
        vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_labels=LABELS,
        pad_token_id=58, bos_token_id=1, eos_token_id=59, cls_token_id=1, sep_token_id=59, classifier_pooling=pooling,
    )  # fmt: skip
    return ModernBertForSequenceClassification(config)


def lora(model: Any, **options: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    chosen = {"r": 4, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"], "task_type": "SEQ_CLS", **options}
    return get_peft_model(model, LoraConfig(**{key: value for key, value in chosen.items() if value is not None}))


def arguments(**options: Any) -> Any:
    """TrainingArguments; precision is set afterwards, because some versions refuse it where there is no GPU."""
    from transformers import TrainingArguments

    made = TrainingArguments(output_dir="runs", report_to="none", use_cpu=True)
    for name, value in ({"fp16": True} | options).items():
        object.__setattr__(made, name, value)
    return made


def decoder(**options: Any) -> Any:
    return lora(qwen(), **options)


def given(*items: Any, gpu: str = "T4", **options: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return items, {"gpu": gpu, **options}


# -- right -------------------------------------------------------------------------------------------------------------


@setup()
def decoder_as_asked() -> Any:
    return given(decoder(), tokenizer(), arguments())


@setup()
def head_by_modules_to_save() -> Any:
    return given(decoder(task_type=None, modules_to_save=["score"]), tokenizer(), arguments())


@setup()
def encoder_as_asked() -> Any:
    return given(lora(modernbert(), target_modules=["Wqkv", "Wo", "Wi"]), tokenizer("right"), arguments())


@setup()
def encoder_all_linear() -> Any:
    return given(lora(modernbert(), target_modules="all-linear"), tokenizer("right"), arguments())


@setup()
def another_rank_with_dora_and_biases() -> Any:
    return given(decoder(r=2, use_dora=True, bias="all"), tokenizer(), arguments())


@setup()
def bf16_on_a_gpu_that_has_it() -> Any:
    return given(decoder(), tokenizer(), arguments(fp16=False, bf16=True), gpu="A100")


@setup()
def arguments_as_a_dict() -> Any:
    return given(decoder(), tokenizer(), {"fp16": True})


@setup()
def weights_by_the_root() -> Any:
    import torch

    return given(decoder(), tokenizer(), arguments(), torch.tensor(COUNTS).float() ** -0.5, class_counts=COUNTS)


@setup()
def weights_that_a_trainer_of_ones_own_uses() -> Any:
    import torch
    from transformers import Trainer

    class Weighted(Trainer):
        def compute_loss(self, model: Any, inputs: Any, *args: Any, **rest: Any) -> Any:
            raise NotImplementedError

    model = decoder()
    trainer = Weighted(model=model, args=arguments(fp16=False))
    trainer.args.fp16 = True
    return given(model, tokenizer(), trainer, torch.tensor(COUNTS).float() ** -0.5)


@setup()
def a_large_real_depth() -> Any:
    from transformers import Qwen2Config, Qwen2ForSequenceClassification

    config = Qwen2Config(
        vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=24, num_attention_heads=2, num_key_value_heads=1,
        num_labels=113, pad_token_id=58,
    )  # fmt: skip
    return given(lora(Qwen2ForSequenceClassification(config)), tokenizer(), arguments())


# -- padding and tokens ------------------------------------------------------------------------------------------------


@setup(padding_side="fix")
def decoder_padded_on_the_right() -> Any:
    return given(decoder(), tokenizer("right"), arguments())


@setup(padding_side="fix")
def encoder_that_reads_the_first_token_padded_on_the_left() -> Any:
    return given(lora(modernbert(pooling="cls"), target_modules=["Wqkv"]), tokenizer("left"), arguments())


@setup()
def encoder_that_pools_padded_on_the_left() -> Any:
    return given(lora(modernbert(), target_modules=["Wqkv"]), tokenizer("left"), arguments())


@setup(pad_token="fix")
def tokenizer_without_pad_token() -> Any:
    return given(decoder(), tokenizer(pad=False), arguments())


@setup(pad_token="fix")
def model_without_pad_token_in_a_loop_of_ones_own() -> Any:
    return given(lora(qwen(pad=None)), tokenizer(), {"fp16": True})


@setup(pad_token="fix")
def model_with_another_pad_token() -> Any:
    return given(lora(qwen(pad=3)), tokenizer(), arguments())


@setup(tokenizer="fix")
def tokenizer_of_a_larger_model() -> Any:
    return given(decoder(), _larger(), arguments())


def _larger() -> Any:
    made = tokenizer(words=60)
    made.add_tokens([f"new{number}" for number in range(20)])
    return made


@setup(tokenizer="look")
def tokenizer_of_another_model() -> Any:
    return given(lora(qwen(name="Qwen/Qwen2.5-0.5B")), tokenizer(name="answerdotai/ModernBERT-base"), arguments())


@setup(padding_side="unknown")
def no_tokenizer() -> Any:
    return given(decoder(), None, arguments())


# -- head and what trains ----------------------------------------------------------------------------------------------


@setup(head="fix")
def head_frozen_without_task_type() -> Any:
    return given(decoder(task_type=None), tokenizer(), arguments())


@setup(head="fix")
def head_unfrozen_by_hand_is_not_saved() -> Any:
    model = decoder(task_type=None)
    model.base_model.model.score.requires_grad_(True)
    return given(model, tokenizer(), arguments())


@setup(head="fix")
def head_among_the_targets_by_appends_none() -> Any:
    targets = ["q_proj", "v_proj"]
    saved = targets.append("score")
    return given(decoder(task_type=None, target_modules=targets, modules_to_save=saved), tokenizer(), arguments())


@setup(head="fix")
def head_frozen_after_wrapping() -> Any:
    model = decoder()
    model.base_model.model.score.requires_grad_(False)
    return given(model, tokenizer(), arguments())


@setup(trainable_parameters="fix")
def no_lora_at_all() -> Any:
    return given(qwen(), tokenizer(), arguments())


@setup(trainable_parameters="fix", head="fix")
def everything_frozen() -> Any:
    return given(decoder().requires_grad_(False), tokenizer(), arguments())


@setup(trainable_parameters="fix")
def everything_unfrozen_after_lora() -> Any:
    model = decoder()
    for value in model.parameters():
        value.requires_grad = True
    return given(model, tokenizer(), arguments())


@setup(
    trainable_parameters="fix", head="fix|ok"
)  # some versions of peft leave the head's copy unfrozen: then it does train
def adapter_loaded_only_to_predict() -> Any:
    import tempfile

    from peft import PeftModel

    with tempfile.TemporaryDirectory() as folder:
        decoder().save_pretrained(folder)
        return given(PeftModel.from_pretrained(qwen(), folder), tokenizer(), arguments())


@setup()
def adapter_loaded_to_train_on() -> Any:
    import tempfile

    from peft import PeftModel

    with tempfile.TemporaryDirectory() as folder:
        decoder().save_pretrained(folder)
        return given(PeftModel.from_pretrained(qwen(), folder, is_trainable=True), tokenizer(), arguments())


@setup(head="fix")
def adapter_added_without_peft_model() -> Any:
    from peft import LoraConfig

    model = qwen()
    model.add_adapter(LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="SEQ_CLS"))
    return given(model, tokenizer(), arguments())


@setup(labels="look")
def number_of_labels_left_out() -> Any:
    return given(lora(qwen(labels=2)), tokenizer(), arguments())


# -- dtype and precision -----------------------------------------------------------------------------------------------


def in_dtype(name: str, **options: Any) -> Any:
    import torch

    return lora(qwen().to(getattr(torch, name)), **options)


@setup(weights_dtype="fix", mixed_precision="look")
def bfloat16_weights_on_a_t4() -> Any:
    model = _trainable_in_float32(in_dtype("bfloat16"))
    return given(model, tokenizer(), arguments())


@setup(weights_dtype="fix", mixed_precision="fix")
def half_trainable_weights_under_fp16() -> Any:
    model = in_dtype("float16")
    for value in model.parameters():
        value.data = value.data.half()
    return given(model, tokenizer(), arguments())


@setup(weights_dtype="look")
def bfloat16_weights_on_an_l4() -> Any:
    return given(_trainable_in_float32(in_dtype("bfloat16")), tokenizer(), arguments(fp16=False, bf16=True), gpu="L4")


@setup(weights_dtype="fix", mixed_precision="fix")
def bfloat16_weights_and_no_mixed_precision_on_a_t4() -> Any:
    return given(_trainable_in_float32(in_dtype("bfloat16")), tokenizer(), arguments(fp16=False))


@setup(mixed_precision="fix")
def bf16_on_a_t4() -> Any:
    return given(decoder(), tokenizer(), arguments(fp16=False, bf16=True), gpu="Tesla T4")


@setup(mixed_precision="look")
def plain_float32() -> Any:
    return given(decoder(), tokenizer(), arguments(fp16=False))


@setup(mixed_precision="unknown")
def no_arguments() -> Any:
    return given(decoder(), tokenizer())


@setup(gpu="look")
def no_gpu_at_hand() -> Any:
    return (decoder(), tokenizer(), arguments()), {}


def _trainable_in_float32(model: Any) -> Any:
    for value in model.parameters():
        if value.requires_grad:
            value.data = value.data.float()
    return model


# -- class weights -----------------------------------------------------------------------------------------------------


@setup(class_weights="fix")
def weights_for_too_few_labels() -> Any:
    return given(decoder(), tokenizer(), arguments(), [1.0, 2.0])


@setup(class_weights="fix")
def weights_with_infinity() -> Any:
    return given(decoder(), tokenizer(), arguments(), [1.0, 2.0, 3.0, 4.0, float("inf")])


@setup(class_weights="fix")
def weights_all_equal() -> Any:
    return given(decoder(), tokenizer(), arguments(), [0.2] * LABELS)


@setup(class_weights="fix")
def weights_upside_down() -> Any:
    return given(decoder(), tokenizer(), arguments(), [count**0.5 for count in COUNTS], class_counts=COUNTS)


@setup(class_weights="look")
def weights_in_another_order() -> Any:
    weights = [count**-0.5 for count in COUNTS]
    return given(decoder(), tokenizer(), arguments(), [weights[at] for at in (2, 4, 0, 3, 1)], class_counts=COUNTS)


@setup(class_weights="fix")
def weights_in_double() -> Any:
    import torch

    return given(decoder(), tokenizer(), arguments(), torch.tensor(COUNTS).double() ** -0.5)


@setup(class_weights="fix")
def weights_beside_a_plain_trainer() -> Any:
    from transformers import Trainer

    model = decoder()
    trainer = Trainer(model=model, args=arguments(fp16=False))
    trainer.args.fp16 = True
    return given(model, tokenizer(), trainer, [count**-0.5 for count in COUNTS])


# -- asking ------------------------------------------------------------------------------------------------------------


def load(path: str) -> Any:
    """preflight.py from wherever it lies."""
    found = importlib.util.spec_from_file_location("preflight", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["preflight"] = module
    found.loader.exec_module(module)
    return module


def answers(module: Any, name: str) -> tuple[dict[str, str], dict[str, str], float]:
    """(answered, wanted, seconds): levels of all answers that are not ok; the worst where a title has several."""
    make, wanted = SETUPS[name]
    items, options = make()
    start = time.perf_counter()
    report = module.preflight(*items, show=False, **options)
    seconds = time.perf_counter() - start
    order = ["ok", "look", "unknown", "fix"]
    found: dict[str, str] = {}
    for row in report.rows:
        title = row.title.split(" `")[0].lower().replace("'", "").replace("classification ", "").replace(" ", "_")
        found[title] = max(found.get(title, "ok"), row.level, key=order.index)
    either = {
        title: found.get(title, "ok") for title, level in wanted.items() if found.get(title, "ok") in level.split("|")
    }
    settled = {title: level for title, level in {**wanted, **either}.items() if level != "ok"}
    return {title: level for title, level in found.items() if level != "ok"}, settled, seconds


def main(path: str) -> int:
    """Every set-up, as JSON."""
    import peft
    import torch
    import transformers

    warnings.simplefilter("ignore")
    module = load(path)
    rows = {}
    for name in SETUPS:
        try:
            answered, wanted, seconds = answers(module, name)
        except Exception as error:  # a version that can't build this set-up at all
            rows[name] = {"error": f"{type(error).__name__}: {error}"[:300], "right": None}
            continue
        rows[name] = {"answered": answered, "wanted": wanted, "seconds": round(seconds, 3), "right": answered == wanted}
    versions = {item.__name__: str(item.__version__) for item in (transformers, peft, torch)}
    print(json.dumps({"python": sys.version.split()[0], **versions, "setups": rows}))
    return 0 if all(row["right"] for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
