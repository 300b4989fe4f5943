"""What calls of transformers, peft, torch and numpy mean for the facts: loading, casting, adapting, padding, training, saving.

Works on the values of `source_values`; facts are noted in `source_facts`. Unknown calls say nothing.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from grader.model.base import Role
from grader.observing.source_facts import Facts
from grader.observing.source_numeric import numeric_call, numeric_method
from grader.observing.source_timing import Timing, TimingToken
from grader.observing.source_torch import TorchCalls
from grader.observing.source_values import (
    ITEM,
    UNKNOWN,
    Arguments,
    Bound,
    Collator,
    Env,
    Function,
    Instance,
    Lib,
    Lora,
    Loss,
    Model,
    Output,
    Partial,
    Power,
    Scaler,
    Tokenizer,
    Trainer,
    Value,
    plain,
    plain_dtype,
    unknown,
)

if TYPE_CHECKING:
    pass

_SAME_MODEL = frozenset(
    {"eval", "train", "cuda", "cpu", "requires_grad_", "merge_and_unload", "unload", "merge_adapter", "gradient_checkpointing_enable",
     "get_base_model", "compile", "DataParallel", "deepcopy", "prepare_model_for_kbit_training", "prepare_model",
     "enable_input_require_grads", "resize_token_embeddings", "share_memory", "to_bettertransformer"}
)  # fmt: skip
_CASTS = {"half": "float16", "bfloat16": "bfloat16", "float": "float32"}
_POOLED = re.compile(r"hidden|last_hidden_state|\bhs\b|sequence_output|token_embed|features", re.IGNORECASE)
_LORA_POSITIONS = ("task_type", "peft_type", "auto_mapping", "base_model_name_or_path", "revision", "inference_mode", "r")
_ARGUMENT_DEFAULTS_ON = ("fp16", "bf16")


class Library(TorchCalls):
    """Understands library calls; one per notebook."""

    def __init__(self, facts: Facts) -> None:
        """Facts are noted there."""
        super().__init__(facts)
        self.timing = Timing(self)

    # calls

    def call(self, function: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        """The value of a library call, with its facts noted."""
        self.timing.called(function, args, kwargs, node)
        if isinstance(function, Lib):
            return self._of_library(function, args, kwargs)
        if isinstance(function, Bound):
            return self._of_method(function, args, kwargs, node)
        if isinstance(function, Model):
            return self._forward(function, args, kwargs)
        if isinstance(function, Loss):
            return self._loss(function.weight, args)
        if isinstance(function, Tokenizer):
            self._tokenize(function, kwargs)
        return UNKNOWN

    def _of_library(self, function: Lib, args: list[Value], kwargs: dict[str, Value]) -> Value:
        name = function.name
        if name == "from_pretrained":
            return self._load(function.path.split(".")[-2] if "." in function.path else "", args, kwargs)
        method = getattr(self, f"_lib_{name.lower()}", None)
        if method and (name[0].isupper() or name in _LOWER_NAMES):
            return method(args, kwargs)
        if name in _SAME_MODEL and args and isinstance(args[0], Model):
            return args[0]
        if re.fullmatch(r"(?:Seq2Seq)?TrainingArguments|SFTConfig", name):
            return self._training_arguments(args, kwargs)
        if name.endswith("Trainer"):
            made = Trainer(None)
            self.set_up(made, args, kwargs)
            return made
        if "Collator" in name:
            pads = kwargs.get("tokenizer", args[0] if args else UNKNOWN)
            return Collator(pads) if isinstance(pads, Tokenizer) else UNKNOWN
        return numeric_call(function, args, kwargs)

    def _of_method(self, function: Bound, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        owner, name = function.owner, function.name
        if isinstance(owner, Model):
            return self._model_method(owner, name, args, kwargs)
        if isinstance(owner, Tokenizer):
            if name in ("__call__", "pad", "encode", "encode_plus", "batch_encode_plus"):
                self._tokenize(owner, {"padding": True} if name == "pad" else kwargs)
            return UNKNOWN
        if isinstance(owner, Trainer):
            return self._trainer_method(owner, name, args, kwargs)
        if isinstance(owner, Output):
            return self._output_method(owner, name)
        if isinstance(owner, Scaler):
            self.facts.scaler(next((item.model for item in args if isinstance(item, Output)), None))
            return args[0] if args else UNKNOWN
        if name == "backward" and args and isinstance(args[0], Output):
            return self._accelerated(owner, args[0])
        if name == "prepare" and args:
            return tuple(args) if len(args) > 1 else args[0]
        if name == "from_pretrained":
            return UNKNOWN
        return numeric_method(owner, name, args)

    # loading

    def _load(self, kind: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
        first = args[0] if args else kwargs.get("pretrained_model_name_or_path", kwargs.get("model", UNKNOWN))
        if kind.endswith(("Tokenizer", "TokenizerFast")):
            side = kwargs.get("padding_side")
            known = "**" not in kwargs
            settled = side if isinstance(side, str) else "right" if side is None and known else None
            made = Tokenizer(self._role(first), settled, side is not None, self.walker.cite())
            self.facts.tokenizers.append(made)
            return made
        if kind.startswith("PeftModel") or kind == "PeftMixedModel":
            return first if isinstance(first, Model) else UNKNOWN
        if kind.endswith(("Config", "Processor", "FeatureExtractor")):
            return Instance(attrs={**kwargs, "name_or_path": first})
        if "Model" in kind or kind.endswith("Classification"):
            return self._load_model(kind, first, kwargs)
        return UNKNOWN

    def _load_model(self, kind: str, first: Value, kwargs: dict[str, Value]) -> Model:
        name = first if isinstance(first, str) else ""
        model = Model(self._role(first) or self.facts.role_of_class(kind), name, causal=kind.endswith("CausalLM"))
        config = kwargs.get("config")
        given = next((kwargs[key] for key in ("dtype", "torch_dtype") if key in kwargs), None)
        if given is None and isinstance(config, Instance):
            given = next((config.attrs[key] for key in ("dtype", "torch_dtype") if key in config.attrs), None)
        quantized = any(kwargs.get(key) not in (None, False) for key in ("quantization_config", "load_in_4bit", "load_in_8bit"))
        labels = kwargs.get("num_labels")
        is_given = given is not None or "**" in kwargs
        self.facts.loaded(model, given, quantized, is_given, labels if isinstance(labels, int) else None)
        return model

    def _role(self, checkpoint: Value) -> Role | None:
        return self.facts.role_of(checkpoint) if isinstance(checkpoint, str) else None

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
        self.facts.configs.append(made)
        return made

    def _lib_get_peft_model(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        model = kwargs.get("model", args[0] if args else UNKNOWN)
        config = kwargs.get("peft_config", args[1] if len(args) > 1 else UNKNOWN)
        if isinstance(model, Model):
            self._adapt(model, config)
        return model

    def _adapt(self, model: Model, config: Value) -> None:
        if isinstance(config, Lora):
            config.applied = True
            model.lora = config
            self.facts.adapted(model, config)

    # training

    def _training_arguments(self, args: list[Value], kwargs: dict[str, Value]) -> Arguments:
        given = dict(kwargs)
        if args:
            given.setdefault("output_dir", args[0])
        left_open = frozenset("*" if name == "**" else name for name, value in given.items() if unknown(value))
        return Arguments({name: value for name, value in given.items() if not unknown(value)}, left_open)

    def set_up(self, trainer: Trainer, args: list[Value], kwargs: dict[str, Value]) -> None:
        """`Trainer(...)`, also through `super().__init__`."""
        given = {**dict(zip(("model", "args", "data_collator"), args, strict=False)), **kwargs}
        model, arguments, collator = given.get("model"), given.get("args"), given.get("data_collator")
        trainer.model = model if isinstance(model, Model) else trainer.model
        trainer.arguments = arguments if isinstance(arguments, Arguments) else trainer.arguments
        tokenizer = given.get("processing_class", given.get("tokenizer"))
        if isinstance(collator, Collator):
            trainer.pads = collator.tokenizer
        elif collator is None and isinstance(tokenizer, Tokenizer):
            trainer.pads = tokenizer
        elif isinstance(collator, Function | Partial | Instance):
            self.walker.call_unknown(collator, {}) if not isinstance(collator, Instance) else None
        trainer.loss = given.get("compute_loss_func")
        if isinstance(given.get("peft_config"), Lora) and trainer.model:
            self._adapt(trainer.model, given["peft_config"])

    def _lib_super(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """`super()` inside a method of a student's class: the object itself, seen as the library's."""
        owner = self._self()
        return Bound(owner, "super") if isinstance(owner, Trainer) else UNKNOWN

    def _self(self) -> Value:
        return self.walker.self_value()

    def _trainer_method(self, trainer: Trainer, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if name == "super.__init__":
            self.set_up(trainer, args, kwargs)
        elif name == "train":
            self._train(trainer)
        elif name in ("save_model", "push_to_hub") and trainer.model:
            self.facts.saved(trainer.model, _text(args, kwargs, "output_dir", _output_dir(trainer)))
        if name in ("train", "evaluate", "predict", "prediction_loop", "evaluation_loop") and trainer.model:
            return Output(trainer.model)
        return UNKNOWN

    def _train(self, trainer: Trainer) -> None:
        self.trainers.append(trainer)
        method = trainer.cls.find("compute_loss") if trainer.cls else None
        if isinstance(method, Function):
            output = Output(trainer.model) if trainer.model else UNKNOWN
            self.walker.follow(method, [trainer, trainer.model or UNKNOWN, output], {})
        if isinstance(trainer.loss, Function | Partial):
            self.walker.call_unknown(trainer.loss, {})
        self.trainers.pop()
        self.facts.trained(trainer)

    def _forward(self, model: Model, args: list[Value], kwargs: dict[str, Value]) -> Value:
        timed_only = "no_grad" in self.contexts
        autocast = next((item for item in reversed(self.contexts) if item.startswith("autocast:")), None)
        if autocast and not timed_only:
            self.facts.autocast(model, autocast.partition(":")[2])
        return Output(model)

    def _output_method(self, owner: Output, name: str) -> Value:
        if name == "backward":
            owner.model.trained = True
            self.facts.stepped(owner.model)
        return owner

    def _accelerated(self, owner: Value, output: Output) -> Value:
        """`accelerator.backward(loss)`: the accelerator's precision holds for the pass."""
        precision = owner.attrs.get("mixed_precision") if isinstance(owner, Instance) else None
        dtype = plain_dtype(precision)
        if dtype in ("float16", "bfloat16"):
            self.facts.autocast(output.model, dtype)
        if dtype == "float16":
            self.facts.scaler(output.model)
        return self._output_method(output, "backward")

    # models

    def _model_method(self, model: Model, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if name in ("to", "type", *_CASTS):
            self._cast(model, name, args, kwargs)
            return model
        if name in ("merge_and_unload", "unload"):
            model.merged = True
            return model
        if name in _SAME_MODEL:
            return model
        if name == "save_pretrained" or name == "push_to_hub":
            self.facts.saved(model, _text(args, kwargs, "save_directory", ""))
        elif name == "add_adapter":
            self._adapt(model, next((item for item in (*args, *kwargs.values()) if isinstance(item, Lora)), UNKNOWN))
        elif name in ("__call__", "forward"):
            return self._forward(model, args, kwargs)
        elif name == "state_dict" or name == "generate":
            return Output(model)
        return UNKNOWN

    def _cast(self, model: Model, name: str, args: list[Value], kwargs: dict[str, Value]) -> None:
        dtype = _CASTS.get(name) or next((found for item in (*args, *kwargs.values()) if (found := plain_dtype(item))), None)
        if dtype and not model.trained and not self.walker.uncertain:
            self.facts.cast(model, dtype)

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
            self.facts.saved(model, _text(args[1:], {}, "f", ""), by_hand="state_dict" if kind == "state_dict" else "other")

    # tokenizers

    def _tokenize(self, tokenizer: Tokenizer, kwargs: dict[str, Value]) -> None:
        padding = kwargs.get("padding", kwargs.get("pad_to_max_length", kwargs.get("**", False)))
        if padding in (False, None, "do_not_pad"):
            return
        side = kwargs.get("padding_side")
        if isinstance(side, str):
            self.facts.padded(Tokenizer(tokenizer.role, side, True, self.walker.cite()), tokenizer.role)
        else:
            self.facts.padded(tokenizer, tokenizer.role)

    # what the walker tells

    def set_attribute(self, owner: Instance | Trainer, name: str, value: Value) -> None:
        """Weights kept on an object count as made there."""
        if isinstance(value, Power):
            self.facts.made(name, value)

    def named(self, target: ast.AST, value: Value) -> None:
        """A name was bound: weights that are made, the run that a model belongs to."""
        if not isinstance(target, ast.Name):
            return
        if isinstance(value, Power):
            self.facts.made(target.id, value)
        elif isinstance(value, Model | Trainer):
            self.facts.run_by_name(value, target.id)

    def position(self, node: ast.Subscript, base: Value) -> None:
        """`hidden[:, -1]`: the head reads a place, not the last token that isn't padding."""
        if not isinstance(node.slice, ast.Tuple) or len(node.slice.elts) < 2:
            return
        last = node.slice.elts[1]
        minus_one = isinstance(last, ast.UnaryOp) and isinstance(last.op, ast.USub) and ast.unparse(last.operand) == "1"
        if minus_one and isinstance(node.ctx, ast.Load):
            text = ast.unparse(node.value)[:200]
            causal = isinstance(base, Output) and base.model.causal and "logits" in text
            if _POOLED.search(text) or causal:
                self.facts.pools(base.model.role if isinstance(base, Output) else None)

    # timing

    def timing_cell(self, code: object, statement: ast.stmt) -> None:
        """A statement of a cell begins."""
        self.timing.statement(statement)

    def timing_enter(self, function: Function, env: Env) -> TimingToken | None:
        """A function of the student's begins."""
        return self.timing.enter(function, env)

    def timing_leave(self, token: TimingToken | None, env: Env) -> None:
        """It ends."""
        self.timing.leave(token, env)


_LOWER_NAMES = frozenset(
    {"get_peft_model", "super", "save", "save_file", "cross_entropy", "nll_loss", "autocast", "no_grad", "inference_mode",
     "partial", "setattr"}
)  # fmt: skip


def _text(args: list[Value], kwargs: dict[str, Value], name: str, otherwise: str) -> str:
    value = args[0] if args else kwargs.get(name, otherwise)
    return value if isinstance(value, str) else "" if value is ITEM or unknown(value) else str(plain(value))


def _output_dir(trainer: Trainer) -> str:
    given = trainer.arguments.given.get("output_dir") if trainer.arguments else None
    return given if isinstance(given, str) else ""
