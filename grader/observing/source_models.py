"""What calls mean that load, cast, adapt or save a model, and calls after which its type or what trains can't be told any more.

A part of `source_library.Library`. Nothing is guessed: a model handed to something unknown before training is in doubt.
"""

from __future__ import annotations

import ast
import re

from grader.observing.source_torch import TorchCalls
from grader.observing.source_values import (
    ITEM,
    UNKNOWN,
    Lora,
    Model,
    Output,
    Parts,
    Value,
    model_in,
    model_of_part,
    plain,
    plain_dtype,
    unknown,
)

SAME_MODEL = frozenset(
    {"eval", "train", "cuda", "cpu", "requires_grad_", "merge_and_unload", "unload", "merge_adapter", "gradient_checkpointing_enable",
     "get_base_model", "compile", "DataParallel", "deepcopy", "prepare_model_for_kbit_training", "prepare_model",
     "enable_input_require_grads", "resize_token_embeddings", "share_memory", "to_bettertransformer", "tie_weights"}
)  # fmt: skip
_CASTS = {"half": "float16", "bfloat16": "bfloat16", "float": "float32"}
_PARTS = frozenset(
    {"parameters", "named_parameters", "modules", "named_modules", "children", "named_children", "get_submodule"}
)
_ASKING = frozenset(
    {"print_trainable_parameters", "get_nb_trainable_parameters", "num_parameters", "get_memory_footprint", "set_adapter",
     "disable_adapter", "zero_grad", "get_input_embeddings", "load_adapter", "load_state_dict", "train", "active_adapters",
     "gradient_checkpointing_disable", "delete_adapter", "register_forward_hook", "extra_repr", "get_parameter", "items",
     "get_model_status", "get_layer_status", "unmerge_adapter", "register_for_auto_class", "create_or_update_model_card"}
)  # fmt: skip
HARMLESS = frozenset(
    {"print", "display", "pprint", "repr", "str", "type", "id", "isinstance", "len", "hasattr", "getattr", "vars", "dir", "iter",
     "callable", "summary", "watch", "info", "debug", "DataLoader", "set_seed", "pipeline", "deepcopy", "copy", "next", "sum",
     "list", "tuple", "dict", "zip", "enumerate", "sizeof", "getsizeof", "get_peft_model_state_dict", "flop_count", "clip_grad_norm_",
     "set", "sorted", "reversed", "any", "all", "hash", "save", "save_file", "save_model", "from_pretrained", "super", "append"}
)  # fmt: skip
HARMLESS_MODULES = (
    "torch.optim",
    "wandb",
    "logging",
    "gc.",
    "numpy",
    "pandas",
    "matplotlib",
    "sklearn",
    "transformers.get_",
)
HARMLESS_METHODS = frozenset(
    {"append", "extend", "update", "setdefault", "get", "items", "pop", "insert", "add", "watch", "add_graph", "info", "log",
     "evaluate",
     "predict", "compute", "step", "scale", "unscale_", "backward", "write", "format", "join", "register", "clip_grad_norm_"}
)  # fmt: skip
_HARMLESS_ATTRIBUTES = frozenset(
    {"config", "generation_config", "name", "training", "is_parallelizable", "model_parallel"}
)
_LORA_POSITIONS = (
    "task_type",
    "peft_type",
    "auto_mapping",
    "base_model_name_or_path",
    "revision",
    "inference_mode",
    "r",
)
_ABOUT_TYPES = re.compile(r"dtype|type|precision|fp\d|bf\d", re.IGNORECASE)


class ModelCalls(TorchCalls):
    """Casting, adapting, saving, and what puts a model in doubt."""

    # PEFT

    def _lib_loraconfig(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        given = {**dict(zip(_LORA_POSITIONS, args, strict=False)), **kwargs}
        config: dict[str, object] = {}
        left_open: list[str] = []
        for name, value in given.items():
            known = plain(value)
            if unknown(known):
                left_open.append("*" if name == "**" else name)
            else:
                config[name] = known
        if left_open:
            config["unresolved"] = sorted(left_open)
        made = Lora(config, self.walker.cite())
        self.facts.objects.configs.append(made)
        return made

    def _lib_get_peft_model(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        model = kwargs.get("model", args[0] if args else UNKNOWN)
        config = kwargs.get("peft_config", args[1] if len(args) > 1 else UNKNOWN)
        if isinstance(model, Model):
            self.adapt(model, config)
        return model

    _lib_peftmodelforsequenceclassification = _lib_get_peft_model

    def _lib_peftmodel(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """PEFT's plain class: unlike get_peft_model it does not add the head for the task type (peft 0.21)."""
        model = kwargs.get("model", args[0] if args else UNKNOWN)
        if isinstance(model, Model):
            self.adapt(model, kwargs.get("peft_config", args[1] if len(args) > 1 else UNKNOWN), adds_head=False)
        return model

    _lib_peftmodelforfeatureextraction = _lib_inject_adapter_in_model = _lib_peftmodel

    def adapt(self, model: Model, config: Value, *, adds_head: bool = True) -> None:
        """A configuration is put on a model; one that can't be read leaves open what trains."""
        if isinstance(config, Lora):
            self.facts.objects.adapt(model, config, adds_head=adds_head)
            if self.walker.uncertain:
                model.switched = True
        else:
            model.switched = True

    # models

    def model_method(
        self, model: Model, name: str, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        """A method of a model."""
        if name in ("to", "type", *_CASTS):
            self._cast(model, name, [*args, *kwargs.values()], node)
            return model
        if name in ("merge_and_unload", "unload"):
            model.merged = True
            return model
        if name == "requires_grad_" and model.lora:
            model.switched = True
        if name in SAME_MODEL:
            return model
        if name in _PARTS:
            return Parts(model)
        if name == "save_pretrained" or name == "push_to_hub":
            self.facts.saved(model, text_of(args, kwargs, "save_directory", ""))
        elif name == "add_adapter":
            self.adapt(
                model,
                next((item for item in (*args, *kwargs.values()) if isinstance(item, Lora)), UNKNOWN),
                adds_head=False,
            )
        elif name in ("__call__", "forward"):
            return self.forward(model)
        elif name == "state_dict" or name == "generate":
            return Output(model)
        elif name not in _ASKING:
            self.in_doubt(model)
        return UNKNOWN

    def _cast(self, model: Model, name: str, given: list[Value], node: ast.Call) -> None:
        dtype = _CASTS.get(name) or next((found for item in given if (found := plain_dtype(item))), None)
        if model.trained:
            return
        if dtype and not self.walker.uncertain:
            self.facts.cast(model, dtype)
        elif dtype or (any(unknown(item) for item in given) and _about_types(node)):
            model.unsure = True

    def part_method(self, model: Model, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """A method of a module or parameter of a model."""
        if name in _PARTS:
            return Parts(model)
        if model.trained:
            return UNKNOWN
        if name in ("half", "float", "bfloat16", "double", "apply") or any(
            plain_dtype(item) for item in (*args, *kwargs.values())
        ):
            model.unsure = True
        if name == "requires_grad_" and model.lora:
            model.switched = True
        return UNKNOWN

    def set_part(self, owner: Value, name: str) -> None:
        """`parameter.requires_grad = ...`, `parameter.data = ...`, `model.score = ...`."""
        model = model_of_part(owner)
        if model is None or model.trained or (isinstance(owner, Model) and name in _HARMLESS_ATTRIBUTES):
            return
        if name == "requires_grad":
            model.switched = model.switched or model.lora is not None
        elif name == "data":
            model.unsure = True
        else:
            self.in_doubt(model)

    def handed_over(self, args: list[Value], kwargs: dict[str, Value]) -> None:
        """Models among the arguments of a call that is not understood."""
        for item in (*args, *kwargs.values()):
            for value in item if isinstance(item, list | tuple) else (item,):
                self.in_doubt(model_in(value))

    def in_doubt(self, value: Value) -> None:
        """Its type and what trains of it can't be told any more."""
        if isinstance(value, Model) and not value.trained:
            value.unsure = value.switched = True

    def _lib_prepare_model_for_kbit_training(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """PEFT casts what is in half precision to float32 there."""
        if args and isinstance(args[0], Model):
            self.facts.cast(args[0], "float32")
        return args[0] if args else UNKNOWN

    def forward(self, model: Model) -> Value:
        """A forward pass, under the autocast that is on."""
        autocast = next((item for item in reversed(self.contexts) if item.startswith("autocast:")), None)
        if autocast and "no_grad" not in self.contexts:
            self.facts.autocast(model, autocast.partition(":")[2])
        return Output(model)

    def _lib_save(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """`torch.save(...)`."""
        self._dump(args, "state_dict" if args and isinstance(args[0], Output) else "other")
        return UNKNOWN

    def _lib_save_file(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """`safetensors.torch.save_file(...)`."""
        self._dump(args, "state_dict")
        return UNKNOWN

    def _dump(self, args: list[Value], kind: str) -> None:
        what = args[0] if args else UNKNOWN
        model = what if isinstance(what, Model) else what.model if isinstance(what, Output) else None
        if model is not None:
            self.facts.saved(
                model, text_of(args[1:], {}, "f", ""), by_hand="state_dict" if kind == "state_dict" else "other"
            )


def _about_types(node: ast.Call) -> bool:
    """The arguments speak of a type, not of a device."""
    return any(_ABOUT_TYPES.search(ast.unparse(item)[:200]) for item in (*node.args, *node.keywords))


def text_of(args: list[Value], kwargs: dict[str, Value], name: str, otherwise: str) -> str:
    """The first argument as text."""
    value = args[0] if args else kwargs.get(name, otherwise)
    return value if isinstance(value, str) else "" if value is ITEM or unknown(value) else str(plain(value))
