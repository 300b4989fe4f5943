"""What calls of transformers, peft, torch and numpy mean for the facts: loading, casting, adapting, padding, training, saving.

Works on the values of `source_values`; facts are noted in `source_facts`. Unknown calls say nothing.
"""

from __future__ import annotations

import ast
import re

from grader.model.base import Role
from grader.model.finding import Citation
from grader.observing.source_cells import Code
from grader.observing.source_facts import Facts
from grader.observing.source_models import HARMLESS, HARMLESS_METHODS, HARMLESS_MODULES, SAME_MODEL, ModelCalls, text_of
from grader.observing.source_numeric import numeric_call, numeric_method
from grader.observing.source_padding import pads_by_hand
from grader.observing.source_timing import Timing, TimingToken
from grader.observing.source_values import (
    UNKNOWN,
    Arguments,
    Bound,
    Class,
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
    Parts,
    Power,
    Scaler,
    Tokenizer,
    Trainer,
    Value,
    model_in,
    model_of_part,
    plain_dtype,
    unknown,
)

_POOLED = re.compile(r"hidden|last_hidden_state|\bhs\b|sequence_output|token_embed|features", re.IGNORECASE)
_RUNS = re.compile(r"exec$|run_cell|run_line_magic|set_default_dtype$|run_module$|run_path$")
_DEFAULT_COLLATORS = ("default_data_collator", "DefaultDataCollator", "default_collate", "torch_default_data_collator")


class Library(ModelCalls):
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
            return self.forward(function)
        if isinstance(function, Loss):
            return self._loss(function.weight, args, rows=function.rows)
        if isinstance(function, Tokenizer):
            self._tokenize(function, kwargs)
        else:
            self.handed_over(args, kwargs)
        return UNKNOWN

    def _of_library(self, function: Lib, args: list[Value], kwargs: dict[str, Value]) -> Value:
        name = function.name
        if name == "from_pretrained":
            return self._load(function.path.split(".")[-2] if "." in function.path else "", args, kwargs)
        method = getattr(self, f"_lib_{name.lower()}", None)
        if method and (name[0].isupper() or name in _LOWER_NAMES):
            return method(args, kwargs)
        if name in SAME_MODEL and args and isinstance(args[0], Model):
            return self.facts.objects.copied(args[0]) if name == "deepcopy" else args[0]
        if re.fullmatch(r"(?:Seq2Seq)?TrainingArguments|SFTConfig", name):
            return self._training_arguments(args, kwargs)
        if name.endswith("Trainer"):
            made = Trainer(None)
            self.set_up(made, args, kwargs)
            return made
        if "Collator" in name and name not in _DEFAULT_COLLATORS:
            pads = kwargs.get("tokenizer", args[0] if args else UNKNOWN)
            return Collator(pads) if isinstance(pads, Tokenizer) else UNKNOWN
        if name == "DataLoader":
            self._collates(kwargs.get("collate_fn"), None)
        if "optim" in function.path or name.startswith(("Adam", "SGD")):
            self._optimizes(args, kwargs)
        if name not in HARMLESS and not function.path.startswith(HARMLESS_MODULES):
            self.handed_over(args, kwargs)
        return numeric_call(function, args, kwargs)

    def _of_method(self, function: Bound, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        owner, name = function.owner, function.name
        if isinstance(owner, Model):
            return self.model_method(owner, name, args, kwargs, node)
        whole = model_of_part(owner)
        if whole is not None:
            return self.part_method(whole, name, args, kwargs)
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
        if name in ("unwrap_model", "prepare_model") and args:
            return args[0]
        if name == "from_pretrained":
            return (
                self._load(owner.library_base().rpartition(".")[2], args, kwargs)
                if isinstance(owner, Class)
                else UNKNOWN
            )
        if name not in HARMLESS_METHODS:
            self.handed_over(args, kwargs)
        return numeric_method(owner, name, args)

    # loading

    def _load(self, kind: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
        first = args[0] if args else kwargs.get("pretrained_model_name_or_path", kwargs.get("model", UNKNOWN))
        if kind.endswith(("Tokenizer", "TokenizerFast")):
            side = kwargs.get("padding_side")
            known = "**" not in kwargs
            settled = side if isinstance(side, str) else "right" if side is None and known else None
            name = first if isinstance(first, str) else ""
            made = Tokenizer(self._role(first), settled, side is not None, self.walker.cite(), name)
            self.facts.padding.tokenizers.append(made)
            return made
        if kind.startswith(("PeftModel", "AutoPeftModel")) or kind == "PeftMixedModel":
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
        quantized = any(
            kwargs.get(key) not in (None, False) for key in ("quantization_config", "load_in_4bit", "load_in_8bit")
        )
        labels = kwargs.get("num_labels")
        is_given = given is not None or "**" in kwargs
        self.facts.loaded(model, given, quantized, is_given, labels if isinstance(labels, int) else None)
        return model

    def _optimizes(self, args: list[Value], kwargs: dict[str, Value]) -> None:
        """An optimizer gets parameters as they are now."""
        for item in (*args, *kwargs.values()):
            if isinstance(item, Parts) and item.model.lora is None:
                item.model.optimized = True

    def _role(self, checkpoint: Value) -> Role | None:
        return self.facts.role_of(checkpoint) if isinstance(checkpoint, str) else None

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
        model, arguments, collator = model_in(given.get("model")), given.get("args"), given.get("data_collator")
        if model is None and isinstance(given.get("model_init"), Function | Partial):
            model = model_in(self.walker.call_unknown(given["model_init"], {}))
        trainer.model = model or trainer.model
        trainer.arguments = arguments if isinstance(arguments, Arguments) else trainer.arguments
        tokenizer = given.get("processing_class", given.get("tokenizer"))
        if isinstance(collator, Collator):
            trainer.pads = collator.tokenizer
        elif collator is None and isinstance(tokenizer, Tokenizer):
            trainer.pads = tokenizer
        elif collator is not None:
            self._collates(collator, trainer.model)
        trainer.loss = given.get("compute_loss_func")
        if isinstance(given.get("peft_config"), Lora) and trainer.model:
            self.adapt(trainer.model, given["peft_config"])

    def _collates(self, collator: Value, model: Model | None) -> None:
        """Something puts batches together: a tokenizer's collator, the student's own function or class, or nothing that pads."""
        role = model.role if model else None
        if collator is None or (isinstance(collator, Lib) and collator.name in _DEFAULT_COLLATORS):
            return
        if isinstance(collator, Collator):
            self.facts.padding.padded(collator.tokenizer, role, self.walker.cite())
            return
        before = self.facts.padding.calls
        if isinstance(collator, Function | Partial):
            self.walker.call_unknown(collator, {})
        elif isinstance(collator, Instance):
            self.walker.call_methods(collator)
        if self.facts.padding.calls == before:
            self.facts.padding.by_hand(role, self.walker.cite())

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
            self.facts.saved(trainer.model, text_of(args, kwargs, "output_dir", _output_dir(trainer)))
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

    # tokenizers

    def _tokenize(self, tokenizer: Tokenizer, kwargs: dict[str, Value]) -> None:
        padding = kwargs.get("padding", kwargs.get("pad_to_max_length", kwargs.get("**", False)))
        if padding in (False, None, "do_not_pad"):
            return
        given = kwargs.get("padding_side")
        if given is None:
            self.facts.padding.padded(tokenizer, tokenizer.role, self.walker.cite())
        else:
            side = given if isinstance(given, str) else None
            called = Tokenizer(tokenizer.role, side, True, self.walker.cite())
            self.facts.padding.padded(called, tokenizer.role, self.walker.cite())

    # what the walker tells

    def set_attribute(self, owner: Instance | Trainer, name: str, value: Value) -> None:
        """Weights kept on an object count as made there; a Trainer's collator may be replaced."""
        if isinstance(value, Power):
            self.facts.made(name, value)
        elif isinstance(owner, Trainer) and name == "data_collator":
            self._collates(value, owner.model)

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

    def begin(self, code: Code) -> None:
        """A cell begins; what did not parse, or is run from text, may do anything."""
        called = (_name(item) for item in ast.walk(code.tree) if isinstance(item, ast.Call))
        outside = any(line.startswith("run ") for line in code.shell) or any(_RUNS.match(name) for name in called)
        self.facts.objects.incomplete |= outside or not code.whole
        line = pads_by_hand(code.tree)
        if line is not None:
            self.facts.padding.by_hand(None, Citation(where="notebook", cell=code.cell, quote=code.quote(line)[:300]))

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
    {"get_peft_model", "inject_adapter_in_model", "prepare_model_for_kbit_training",
     "super", "save", "save_file", "cross_entropy", "nll_loss", "autocast", "no_grad", "inference_mode",
     "partial", "setattr", "field"}
)  # fmt: skip


def _name(call: ast.Call) -> str:
    return (
        call.func.id
        if isinstance(call.func, ast.Name)
        else call.func.attr
        if isinstance(call.func, ast.Attribute)
        else ""
    )


def _output_dir(trainer: Trainer) -> str:
    given = trainer.arguments.given.get("output_dir") if trainer.arguments else None
    return given if isinstance(given, str) else ""
