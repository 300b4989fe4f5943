"""The lines that make a tokenizer and a LoRA model, in every way of writing that the choices know."""

from __future__ import annotations

from tests.corpus.choices import Choices, Lora
from tests.corpus.naming import Config, Names

MODULE_PATHS = {
    "q_proj": "self_attn.q_proj",
    "k_proj": "self_attn.k_proj",
    "v_proj": "self_attn.v_proj",
    "o_proj": "self_attn.o_proj",
    "gate_proj": "mlp.gate_proj",
    "up_proj": "mlp.up_proj",
    "down_proj": "mlp.down_proj",
    "Wqkv": "attn.Wqkv",
    "Wi": "mlp.Wi",
}


def tokenizer_lines(chosen: Choices, n: Names) -> list[str]:
    """A tokenizer, and the side it pads on."""
    if n.shared:
        return [
            f"{n.tok} = AutoTokenizer.from_pretrained({n.checkpoint})",
            f"if {n.side}:",
            f"    {n.tok}.padding_side = {n.side}",
            *_pad_token(n),
        ]
    if n.role == "encoder":
        return [f"{n.tok} = AutoTokenizer.from_pretrained({n.checkpoint})"]
    fault, how = chosen.padding_fault, chosen.side_how
    if fault in ("unset", "too_late") or how == "call":
        return [f"{n.tok} = AutoTokenizer.from_pretrained({n.checkpoint})", *_pad_token(n)]
    if how == "keyword":
        return [f'{n.tok} = AutoTokenizer.from_pretrained({n.checkpoint}, padding_side="left")', *_pad_token(n)]
    side = '"right"' if fault == "explicit_right" else '"left"'
    set_it = f'setattr({n.tok}, "padding_side", {side})' if how == "setattr" else f"{n.tok}.padding_side = {side}"
    lines = [f"{n.tok} = AutoTokenizer.from_pretrained({n.checkpoint})", *_pad_token(n), set_it]
    if fault == "other_object":
        lines += [
            'print("padding side:", ' + n.tok + ".padding_side)",
            "# fresh copy for the data set",
            f"{n.tok} = AutoTokenizer.from_pretrained({n.checkpoint})",
        ]
    return lines


def _pad_token(n: Names) -> list[str]:
    return [f"if {n.tok}.pad_token is None:", f"    {n.tok}.pad_token = {n.tok}.eos_token"]


def dtype_expression(chosen: Choices) -> str:
    """What stands behind `dtype=`; empty where nothing is given."""
    wanted = {"float32": "float32", "bfloat16": "bfloat16", "float16": "float16", "bf16_after": "float32"}.get(
        chosen.dtype
    )
    if chosen.dtype == "auto":
        return '"auto"'
    if wanted is None:
        return ""
    if chosen.dtype == "bf16_after":
        return "torch.float32"
    if chosen.dtype_how == "config":
        return Config(chosen)["dtype"] if chosen.config != "literals" else f"torch.{wanted}"
    return {"torch": f"torch.{wanted}", "string": f'"{wanted}"', "kwargs": f"torch.{wanted}"}.get(
        chosen.dtype_how, "DTYPE"
    )


def dtype_setup(chosen: Choices) -> list[str]:
    """Lines near the top that the dtype's expression needs."""
    if chosen.dtype_how == "variable" and chosen.dtype in ("float32", "bfloat16", "float16"):
        return [f"DTYPE = torch.{chosen.dtype}"]
    return []


def load_lines(chosen: Choices, n: Names) -> list[str]:
    """The classifier, before LoRA."""
    labels = Config(chosen)["num_labels"]
    value = n.dtype if n.shared else dtype_expression(chosen) if n.role == "decoder" else _encoder_dtype(chosen)
    given = f"{chosen.dtype_keyword}={value}" if value else ""
    family = {"encoder": "ModernBert", "decoder": "Qwen2"}[n.role]
    own_class = chosen.naming % 5 == 0 and not n.shared
    name = f"{family}ForSequenceClassification" if own_class else "AutoModelForSequenceClassification"
    lines = []
    if chosen.dtype_how == "kwargs" and given:
        lines += [f"load_kwargs = dict(num_labels={labels}, {given})"]
        lines += [f"{n.model} = {name}.from_pretrained({n.checkpoint}, **load_kwargs)"]
    else:
        arguments = ", ".join(filter(None, [n.checkpoint, f"num_labels={labels}", given]))
        lines += [f"{n.model} = {name}.from_pretrained({arguments})"]
    if own_class:
        lines.insert(0, f"from transformers import {name}")
    return [*lines, *_cast(chosen, n), f"{n.model}.config.pad_token_id = {n.tok}.pad_token_id"]


def _encoder_dtype(chosen: Choices) -> str:
    return "torch.float32" if chosen.naming % 2 else ""


def _cast(chosen: Choices, n: Names) -> list[str]:
    call = {"float_after": "float()", "half_after": "half()", "bf16_after": "to(torch.bfloat16)"}.get(chosen.dtype)
    if call is None or (n.role == "encoder" and not n.shared):
        return []
    line = f"{n.model} = {n.model}.{call}"
    return [f'if "Qwen" in {n.checkpoint}:', f"    {line}"] if n.shared else [line]


def lora_expression(chosen: Choices, role: str) -> str:
    """`LoraConfig(...)` of one model."""
    lora: Lora = getattr(chosen, role)
    head = {"encoder": "classifier", "decoder": "score"}[role]
    parts = [f"r={Config(chosen)[f'rank_{role}']}", f"lora_alpha={lora.alpha}", "lora_dropout=0.05"]
    if lora.append_bug:
        parts += [f"target_modules={role}_targets", f'modules_to_save={role}_targets.append("{head}")']
    else:
        parts.append(f"target_modules={_targets(lora, role)}")
        if lora.head_listed:
            parts.append(f'modules_to_save=["{head}"]')
    task = {"enum": "task_type=TaskType.SEQ_CLS", "string": 'task_type="SEQ_CLS"', "missing": ""}[lora.task_type]
    parts = [*([task] if task else []), *parts] if chosen.naming % 2 else [*parts, *([task] if task else [])]
    return f"LoraConfig({', '.join([*parts, *([lora.extra] if lora.extra else [])])})"


def lora_setup(chosen: Choices, role: str) -> list[str]:
    """Lines before the configuration that it needs."""
    lora: Lora = getattr(chosen, role)
    return [f"{role}_targets = {list(lora.targets)!r}"] if lora.spelling == "variable" or lora.append_bug else []


def _targets(lora: Lora, role: str) -> str:
    names = list(lora.targets)
    if lora.targets == ("all-linear",):
        return '"all-linear"'
    if lora.spelling == "regex":
        return f'r".*\\.({"|".join(names)})"'
    if lora.spelling == "paths" and "Wo" not in names:
        names = [MODULE_PATHS.get(name, name) for name in names]
    text = ", ".join(f'"{name}"' for name in names)
    if lora.spelling == "variable":
        return f"{role}_targets"
    return {"set": f"{{{text}}}", "tuple": f"({text},)"}.get(lora.spelling, f"[{text}]")


def wrap_lines(chosen: Choices, n: Names) -> list[str]:
    """LoRA put around the model, and what trains printed."""
    lora: Lora = getattr(chosen, n.role)
    setup = [] if n.shared else lora_setup(chosen, n.role)
    config = n.lora if n.shared else "lora_config"
    if not n.shared:
        setup.append(f"lora_config = {lora_expression(chosen, n.role)}")
    if lora.wrap == "add_adapter":
        wrapped = [f"{n.model}.add_adapter({config})"]
    else:
        name = {"sequence_class": "PeftModelForSequenceClassification", "peft_model": "PeftModel"}.get(
            lora.wrap, lora.wrap
        )
        wrapped = [f"{n.model} = {name}({n.model}, {config})"]
    return [*setup, *wrapped, *_unfreeze(chosen, n), *count_lines(lora, n.model)]


def _unfreeze(chosen: Choices, n: Names) -> list[str]:
    lines = [f"for parameter in {n.model}.parameters():", "    parameter.requires_grad = True"]
    if not n.shared:
        return lines if getattr(chosen, n.role).unfrozen else []
    guilty = [role for role in ("encoder", "decoder") if getattr(chosen, role).unfrozen]
    if not guilty:
        return []
    if len(guilty) == 2:
        return lines
    word = {"encoder": "ModernBERT", "decoder": "Qwen"}[guilty[0]]
    return [f'if "{word}" in {n.checkpoint}:', *[f"    {line}" for line in lines]]


def count_lines(lora: Lora, model: str) -> list[str]:
    """What trains, printed by PEFT or by hand."""
    if lora.wrap != "add_adapter":
        return [f"{model}.print_trainable_parameters()"]
    return [
        f"trainable = sum(p.numel() for p in {model}.parameters() if p.requires_grad)",
        f"total = sum(p.numel() for p in {model}.parameters())",
        'print(f"trainable: {trainable:,} of {total:,} ({100 * trainable / total:.2f} %)")',
    ]
