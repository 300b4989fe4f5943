"""More set-ups for preflight: adapters of other kinds, odd objects, wrong types, models that are only half there.

python preflight_setups_odd.py PREFLIGHT.py      as preflight_setups.py, with its set-ups and these
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

from preflight_setups import COUNTS, LABELS, arguments, decoder, given, lora, main, modernbert, qwen, setup, tokenizer

# -- adapters ----------------------------------------------------------------------------------------------------------


@setup()
def dora_on_two_layers() -> Any:
    return given(decoder(use_dora=True, layers_to_transform=[0, 1]), tokenizer(), arguments())


@setup()
def ranks_by_pattern() -> Any:
    return given(decoder(rank_pattern={"q_proj": 2}, alpha_pattern={"q_proj": 4}), tokenizer(), arguments())


@setup(trainable_parameters="look")
def embeddings_trained_in_full_beside_the_head() -> Any:
    return given(decoder(modules_to_save=["embed_tokens", "score"]), tokenizer(), arguments())


@setup()
def head_named_twice() -> Any:
    return given(decoder(modules_to_save=["score", "score"]), tokenizer(), arguments())


@setup(head="fix", trainable_parameters="look")
def modules_to_save_names_something_else() -> Any:
    return given(decoder(task_type=None, modules_to_save=["embed_tokens"]), tokenizer(), arguments())


@setup(trainable_parameters="look")
def ia3_in_place_of_lora() -> Any:
    from peft import IA3Config, get_peft_model

    config = IA3Config(
        task_type="SEQ_CLS", target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"]
    )
    return given(get_peft_model(qwen(), config), tokenizer(), arguments())


@setup(trainable_parameters="look")
def prompt_tuning_in_place_of_lora() -> Any:
    from peft import PromptTuningConfig, get_peft_model

    return given(
        get_peft_model(qwen(), PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=4)), tokenizer(), arguments()
    )


@setup()
def a_second_adapter_is_the_active_one() -> Any:
    from peft import LoraConfig

    model = decoder()
    model.add_adapter("second", LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="SEQ_CLS"))
    model.set_adapter("second")
    return given(model, tokenizer(), arguments())


@setup(trainable_parameters="fix", head="fix|ok")
def adapter_merged_into_the_base() -> Any:
    return given(decoder().merge_and_unload(), tokenizer(), arguments())


@setup()
def gradient_checkpointing() -> Any:
    model = decoder()
    model.enable_input_require_grads()
    return given(model, tokenizer(), arguments(gradient_checkpointing=True))


# -- models ------------------------------------------------------------------------------------------------------------


def quantised() -> Any:
    """Weights of the base packed into bytes, as a quantised checkpoint holds them."""
    import torch

    model = decoder()
    for name, value in model.named_parameters():
        if "base_layer" in name or "mlp" in name:
            value.requires_grad_(False)
            value.data = torch.zeros(value.numel() // 2, 1, dtype=torch.uint8)
    return model


@setup(weights_dtype="unknown|ok")
def a_quantised_base() -> Any:
    return given(quantised(), tokenizer(), arguments())


@setup(weights_dtype="look")
def weights_in_double() -> Any:
    return given(lora(qwen().double()), tokenizer(), arguments())


def on_meta(*words: str) -> Any:
    """Weights whose names hold one of the words are not there."""
    import torch

    model = decoder()
    for name, value in list(model.named_parameters()):
        if any(word in name for word in words):
            owner, _, last = name.rpartition(".")
            gone = torch.nn.Parameter(torch.empty_like(value, device="meta"), requires_grad=value.requires_grad)
            setattr(model.get_submodule(owner), last, gone)
    return model


@setup(model="fix")
def half_loaded_with_weights_to_train_missing() -> Any:
    return given(on_meta("layers.1"), tokenizer(), arguments())


@setup(model="look")
def half_loaded_with_frozen_weights_elsewhere() -> Any:
    return given(on_meta("embed_tokens"), tokenizer(), arguments())


@setup()
def placed_by_a_device_map() -> Any:
    model = decoder()
    model.base_model.model.hf_device_map = {"": "cpu"}
    return given(model, tokenizer(), arguments())


@setup()
def prepared_by_accelerate() -> Any:
    from accelerate import Accelerator

    return given(Accelerator(cpu=True).prepare(decoder()), tokenizer(), arguments())


@setup()
def wrapped_for_several_gpus() -> Any:
    import torch

    return given(torch.nn.DataParallel(decoder()), tokenizer(), arguments())


@setup()
def compiled() -> Any:
    import torch

    return given(torch.compile(decoder()), tokenizer(), arguments())


@setup()
def evaluating_at_the_moment() -> Any:
    return given(decoder().eval(), tokenizer(), arguments())


def bert(**options: Any) -> Any:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_labels=LABELS, pad_token_id=58,
    )  # fmt: skip
    return lora(BertForSequenceClassification(config), target_modules=["query", "value"], **options)


@setup()
def another_encoder_with_a_classifier() -> Any:
    return given(bert(), tokenizer("right"), arguments())


@setup(padding_side="fix")
def another_encoder_padded_on_the_left() -> Any:
    return given(bert(), tokenizer("left"), arguments())


def own_head() -> Any:
    """A decoder with a head under a name of the student's own."""
    import torch

    class Own(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            whole = qwen()
            self.config, self.backbone, self.final = whole.config, whole.model, torch.nn.Linear(16, LABELS)

    return Own()


@setup()
def a_head_under_another_name_that_is_saved() -> Any:
    return given(lora(own_head(), task_type=None, modules_to_save=["final"]), tokenizer(), arguments())


@setup(head="fix")
def a_head_under_another_name_that_is_frozen() -> Any:
    return given(lora(own_head(), task_type=None), tokenizer(), arguments())


# -- tokenizers and arguments ------------------------------------------------------------------------------------------


@setup()
def the_trainer_alone() -> Any:
    from transformers import DataCollatorWithPadding, Trainer

    model, own = decoder(), tokenizer()
    made = Trainer(model=model, args=arguments(fp16=False), data_collator=DataCollatorWithPadding(own))
    made.args.fp16 = True
    return given(made, own)


@setup()
def model_and_tokenizer_the_other_way_round() -> Any:
    return given(tokenizer(), decoder(), arguments())


@setup(padding_side="fix")
def the_data_collator_in_place_of_the_tokenizer() -> Any:
    from transformers import DataCollatorWithPadding

    return given(decoder(), DataCollatorWithPadding(tokenizer("right")), arguments())


@setup(padding_side="unknown")
def the_tokenizers_name_in_place_of_the_tokenizer() -> Any:
    return given(decoder(), "Qwen/Qwen2.5-0.5B", arguments())


@setup(padding_side="unknown")
def the_tokenizers_class() -> Any:
    from transformers import PreTrainedTokenizerFast

    return given(decoder(), PreTrainedTokenizerFast, arguments())


@setup(padding_side="unknown")
def a_tokenizer_of_the_library_below() -> Any:
    return given(decoder(), tokenizer().backend_tokenizer, arguments())


@setup(model="unknown", mixed_precision="unknown", padding_side="unknown")
def nothing_at_all() -> Any:
    return given(None)


@setup(model="unknown", padding_side="unknown")
def the_models_class() -> Any:
    from transformers import Qwen2ForSequenceClassification

    return given(Qwen2ForSequenceClassification, tokenizer(), arguments())


@setup(mixed_precision="unknown")
def the_arguments_class() -> Any:
    from transformers import TrainingArguments

    return given(decoder(), tokenizer(), TrainingArguments)


@setup(mixed_precision="unknown")
def the_output_folder_in_place_of_arguments() -> Any:
    return given(decoder(), tokenizer(), "runs/decoder")


@setup(mixed_precision="fix")
def both_kinds_of_half_precision() -> Any:
    return given(decoder(), tokenizer(), {"fp16": True, "bf16": True}, gpu="A100")


@setup(mixed_precision="fix")
def bf16_on_other_old_gpus() -> Any:
    return given(decoder(), tokenizer(), arguments(fp16=False, bf16=True), gpu="Quadro RTX 8000")


@setup()
def bf16_on_a_new_gpu_with_a_four_in_its_name() -> Any:
    return given(decoder(), tokenizer(), arguments(fp16=False, bf16=True), gpu="NVIDIA A100-SXM4-40GB")


# -- class weights -----------------------------------------------------------------------------------------------------


@setup()
def weights_by_label_in_a_dict() -> Any:
    weights = {label: count**-0.5 for label, count in enumerate(COUNTS)}
    return given(decoder(), tokenizer(), arguments(), weights, class_counts=dict(enumerate(COUNTS)))


@setup()
def counts_as_pandas_orders_them() -> Any:
    series = SimpleNamespace(tolist=lambda: COUNTS, sort_index=lambda: COUNTS)
    return given(decoder(), tokenizer(), arguments(), [count**-0.5 for count in COUNTS], class_counts=series)


@setup(class_weights="unknown")
def weights_as_a_table() -> Any:
    import torch

    return given(decoder(), tokenizer(), arguments(), torch.ones(LABELS, 1))


@setup(class_weights="unknown")
def weights_switched_on() -> Any:
    return given(decoder(), tokenizer(), arguments(), True)


@setup()
def counts_of_another_length_say_nothing() -> Any:
    return given(decoder(), tokenizer(), arguments(), [count**-0.5 for count in COUNTS], class_counts=[1, 2, 3])


@setup()
def weights_through_the_trainers_loss_function() -> Any:
    model = decoder()
    made = SimpleNamespace(compute_loss=None, compute_loss_func=lambda *_: 0, args=arguments(), model=model)
    return given(model, tokenizer(), made, [count**-0.5 for count in COUNTS])


@setup(trainable_parameters="fix|look", head="ok|fix")
def an_encoder_of_this_course_trained_in_full() -> Any:
    return given(modernbert(), tokenizer("right"), arguments())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
