"""Names and arguments that transformers from 4.48 and peft from 0.11 took and the installed ones refuse.

Only spellings of that time are mapped or ignored; anything else fails as it would on the student's machine.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .inside_session import Session, from_notebook, wrap

Original = Callable[..., Any]

RENAMED = {
    "evaluation_strategy": "eval_strategy",
    "per_gpu_train_batch_size": "per_device_train_batch_size",
    "per_gpu_eval_batch_size": "per_device_eval_batch_size",
    "no_cuda": "use_cpu",
    "push_to_hub_token": "hub_token",
    "push_to_hub_model_id": "hub_model_id",
}
GONE = {
    "adafactor",
    "dispatch_batches",
    "fp16_backend",
    "fp16_opt_level",
    "half_precision_backend",
    "include_inputs_for_metrics",
    "include_tokens_per_second",
    "jit_mode_eval",
    "logging_dir",
    "mp_parameters",
    "overwrite_output_dir",
    "past_index",
    "push_to_hub_organization",
    "ray_scope",
    "save_safetensors",
    "sharded_ddp",
    "split_batches",
    "tpu_metrics_debug",
    "tpu_num_cores",
    "torchdynamo",
    "use_ipex",
    "use_legacy_prediction_loop",
    "use_mps_device",
    "xpu_backend",
    "fsdp_min_num_params",
    "fsdp_transformer_layer_cls_to_wrap",
    "include_for_metrics",
    "eval_use_gather_object",
    "length_column_name",
    "group_by_length",
    "hub_private_repo",
    "dataloader_prefetch_factor",
    "dataloader_persistent_workers",
    "tf32",
    "torch_compile",
    "torch_compile_backend",
    "torch_compile_mode",
    "local_rank",
    "debug",
    "ddp_backend",
    "skip_memory_metrics",
    "log_on_each_node",
    "save_on_each_node",
    "use_cpu",
}
OFF = ("tf32", "torch_compile", "push_to_hub", "bf16", "bf16_full_eval", "use_liger_kernel")
"""Ask for another machine: taken back here, the wish recorded."""
OPTIMIZERS = (
    "bnb",
    "paged",
    "8bit",
    "adamw_hf",
    "anyprecision",
    "lomo",
    "galore",
    "lion",
    "4bit",
    "ademamix",
    "apex_fused",
)


def install(session: Session) -> None:
    """Map arguments as soon as the libraries are there."""
    hooks, guard = session.hooks, session.guard
    hooks.when("transformers", guard(lambda module: _old_names(session, module)))
    hooks.when("transformers.optimization", guard(lambda module: _old_optimizers(session, module)))
    hooks.when("transformers.training_args", guard(lambda module: _training_arguments(session, module)))
    hooks.when("transformers.trainer", guard(lambda module: _trainer(session, module)))
    hooks.when("transformers.tokenization_utils_base", guard(lambda module: _tokenizer(session, module)))
    hooks.when("accelerate.accelerator", guard(lambda module: _accelerator(session, module)))
    hooks.when("torch.utils.data.dataloader", guard(lambda module: _workers(session, module)))
    hooks.when("peft", guard(lambda module: _peft(session, module)))


def _training_arguments(session: Session, module: Any) -> None:
    def make(original: Original) -> Original:
        accepted = set(inspect.signature(original).parameters)

        def __init__(arguments: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            asked = {key: kwargs[key] for key in ("fp16", "bf16") if key in kwargs}
            original(arguments, *args, **_mapped_arguments(session, kwargs, accepted))
            object.__setattr__(arguments, "_asked_precision", asked)

        return __init__

    wrap(module.TrainingArguments, "__init__", make)
    if not hasattr(module.TrainingArguments, "evaluation_strategy"):
        module.TrainingArguments.evaluation_strategy = property(lambda arguments: arguments.eval_strategy)


def _mapped_arguments(session: Session, given: dict[str, Any], accepted: set[str]) -> dict[str, Any]:
    kwargs: dict[str, Any] = {}
    for key, value in given.items():
        new = RENAMED.get(key, key)
        if key not in accepted and new in accepted:
            session.compat(f"TrainingArguments({key}=)", f"now {new}")
            kwargs[new] = value
        elif key == "warmup_ratio" and key not in accepted:
            session.compat("TrainingArguments(warmup_ratio=)", "now warmup_steps below 1")
            kwargs.setdefault("warmup_steps", value)
        elif key == "group_by_length" and key not in accepted and "train_sampling_strategy" in accepted:
            session.compat("TrainingArguments(group_by_length=)", "now train_sampling_strategy")
            kwargs.update({"train_sampling_strategy": "group_by_length"} if value else {})
        elif key in GONE and key not in accepted:
            session.compat(f"TrainingArguments({key}=)", "gone, ignored")
        else:
            kwargs[key] = value
    return _local_arguments(session, kwargs)


def _local_arguments(session: Session, kwargs: dict[str, Any]) -> dict[str, Any]:
    """What only another machine can give, taken back."""
    for key in OFF:
        if kwargs.get(key):
            session.compat(f"TrainingArguments({key}=True)", "needs another machine, left off")
            kwargs[key] = False
    optimizer = str(getattr(kwargs.get("optim"), "value", kwargs.get("optim") or ""))
    if any(part in optimizer for part in OPTIMIZERS):
        session.compat(f"TrainingArguments(optim={optimizer!r})", "adamw_torch here")
        kwargs["optim"] = "adamw_torch"
    if kwargs.get("report_to") not in (None, "none", []):
        session.compat(f"TrainingArguments(report_to={kwargs['report_to']!r})", "nothing to report to")
    kwargs["report_to"] = "none"
    for key, quiet in (("dataloader_num_workers", 0), ("dataloader_persistent_workers", False)):
        if kwargs.get(key):
            kwargs[key] = quiet
    if kwargs.get("dataloader_prefetch_factor"):
        kwargs["dataloader_prefetch_factor"] = None
    return kwargs


def _trainer(session: Session, module: Any) -> None:
    def make(original: Original) -> Original:
        parameters = list(inspect.signature(original).parameters)

        def __init__(trainer: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            if "tokenizer" in kwargs and "tokenizer" not in parameters:
                session.compat("Trainer(tokenizer=)", "now processing_class")
                tokenizer = kwargs.pop("tokenizer")
                kwargs.setdefault("processing_class", tokenizer)
            original(trainer, *args, **kwargs)

        return __init__

    wrap(module.Trainer, "__init__", make)
    wrap(module.Trainer, "push_to_hub", lambda original: _kept_home(session, "Trainer.push_to_hub"))
    if not hasattr(module.Trainer, "tokenizer"):
        module.Trainer.tokenizer = property(
            lambda trainer: trainer.processing_class,
            lambda trainer, value: setattr(trainer, "processing_class", value),
        )


def _kept_home(session: Session, name: str) -> Original:
    def push(this: Any, *args: Any, **kwargs: Any) -> str:
        session.compat(name, "no network: kept here")
        this.save_model()
        return "https://huggingface.co/offline"

    return push


def _tokenizer(session: Session, module: Any) -> None:
    base = module.PreTrainedTokenizerBase

    def call(name: str) -> Original:
        def old(tokenizer: Any, *args: Any, **kwargs: Any) -> Any:
            session.compat(f"tokenizer.{name}", "now the tokenizer itself")
            if kwargs.pop("pad_to_max_length", False):
                kwargs["padding"] = "max_length"
            first = kwargs.pop("batch_text_or_text_pairs", None)
            return tokenizer(*((first,) if first is not None else ()), *args, **kwargs)

        return old

    for name in ("encode_plus", "batch_encode_plus"):
        if not hasattr(base, name):
            setattr(base, name, call(name))


def _accelerator(session: Session, module: Any) -> None:
    def make(original: Original) -> Original:
        def __init__(accelerator: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            asked = kwargs.get("mixed_precision")
            if asked not in (None, "no") and from_notebook():
                session.emit("accelerator", fp16=str(asked) == "fp16", bf16=str(asked) == "bf16")
                session.compat(f"Accelerator(mixed_precision={str(asked)!r})", "needs a GPU, left off")
                kwargs["mixed_precision"] = "no"
            if kwargs.get("log_with") is not None:
                session.compat("Accelerator(log_with=)", "nothing to report to")
                kwargs["log_with"] = None
            original(accelerator, *args, **kwargs)

        return __init__

    wrap(module.Accelerator, "__init__", make)


def _workers(session: Session, module: Any) -> None:
    """Loader processes cost more than they bring with a small data set; the batches are the same."""

    def make(original: Original) -> Original:
        def __init__(loader: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            if kwargs.get("num_workers"):
                session.compat("DataLoader(num_workers=)", "0 here: the same batches")
                kwargs.update(num_workers=0, persistent_workers=False, prefetch_factor=None, timeout=0)
                kwargs.pop("multiprocessing_context", None)
            if kwargs.get("pin_memory"):
                kwargs["pin_memory"] = False
            original(loader, *args, **kwargs)

        return __init__

    wrap(module.DataLoader, "__init__", make)


def _old_names(session: Session, transformers: Any) -> None:
    """Names that were importable from transformers."""
    missing: dict[str, Callable[[], Any]] = {
        "AdamW": _adamw,
        "EvaluationStrategy": lambda: transformers.IntervalStrategy,
    }
    original: Callable[[Any, str], Any] | None = getattr(type(transformers), "__getattr__", None)
    if original is None:
        return

    def __getattr__(module: Any, name: str) -> Any:  # noqa: N807
        try:
            return original(module, name)
        except AttributeError:
            if (
                name not in missing or module.__name__ != "transformers"
            ):  # the package puts new objects in its own place
                raise
            session.compat(f"transformers.{name}", "from torch")
            return missing[name]()

    type(transformers).__getattr__ = __getattr__


def _old_optimizers(session: Session, module: Any) -> None:
    """`from transformers.optimization import AdamW`."""

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name != "AdamW":
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        session.compat("transformers.optimization.AdamW", "from torch")
        return _adamw()

    if not hasattr(module, "AdamW") and not hasattr(module, "__getattr__"):
        module.__getattr__ = __getattr__


def _adamw() -> Any:
    import torch

    class AdamW(torch.optim.AdamW):
        """transformers.AdamW of old: torch's, without the switch that it alone had."""

        def __init__(self, params: Any, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("correct_bias", None)
            kwargs.pop("no_deprecation_warning", None)
            kwargs.setdefault("weight_decay", 0.0)
            super().__init__(params, *args, **kwargs)

    return AdamW


def _peft(session: Session, peft: Any) -> None:
    old = {
        "prepare_model_for_int8_training": "prepare_model_for_kbit_training",
        "prepare_model_for_training": "prepare_model_for_kbit_training",
    }
    for name, new in old.items():
        if not hasattr(peft, name) and hasattr(peft, new):
            setattr(peft, name, getattr(peft, new))
