"""What would go wrong in the training that is about to start? Looks at the objects in memory, for less than a second.

    from preflight import preflight
    preflight(model, tokenizer, training_args)

One file that may be copied beside a notebook: it needs the standard library and what the notebook has loaded
(transformers from 4.48, peft from 0.11), runs no model, changes nothing and never raises: what it can't see is a
question mark. It knows nothing of what results are expected.
"""

from __future__ import annotations

import contextlib
import html
import math
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

OK, FIX, LOOK, UNKNOWN = "ok", "fix", "look", "unknown"
MARKS = {OK: "ok  ", FIX: "FIX ", LOOK: "look", UNKNOWN: "?   "}
COLOURS = {OK: "#1a7f37", FIX: "#cf222e", LOOK: "#9a6700", UNKNOWN: "#57606a"}
HEADS = ("score", "classifier", "classification_head", "logits_proj", "qa_outputs", "lm_head")
NO_BFLOAT16 = re.compile(
    r"\b(t4g?|v100s?|p100|p40|p4|k80|k40|m60|m40|gtx|titan (v|x|xp|rtx)|quadro|t[4-9]00|t1000|t1200|mx\d{3}|1[06][5-8]0|20[678]0)\b"
)
"""GPUs before the Ampere generation, by name."""
LORA_KINDS = ("LORA", "ADALORA", "None", "")
AMPERE = (8, 0)


@dataclass(frozen=True)
class Row:
    """One answer."""

    level: str
    """`ok`, `fix` (mend it before you train), `look` (works; know what you do), `unknown`."""
    title: str
    text: str
    line: str = ""
    """The line to change or to add."""


@dataclass(frozen=True)
class Gpu:
    """What the training will run on."""

    name: str
    bfloat16: bool
    """In hardware: slow emulation, which torch also calls supported, doesn't count."""
    present: bool = True
    """False: none is seen here, the answers are for this one."""


@dataclass(frozen=True)
class Setup:
    """What preflight was given, with what several questions need."""

    model: Any
    tokenizer: Any
    args: Any
    trainer: Any
    weights: Any
    counts: Any
    gpu: Gpu

    @property
    def base(self) -> Any:
        """The model inside PEFT's."""
        if type(self.model).__module__.startswith("peft") and _has(self.model, "get_base_model"):
            return self.model.get_base_model()
        return self.model

    @property
    def config(self) -> Any:
        """The model's configuration."""
        return getattr(self.base, "config", None)

    def arg(self, name: str) -> Any:
        """A training argument; null where there is none."""
        return self.args.get(name) if isinstance(self.args, dict) else getattr(self.args, name, None)


@dataclass(frozen=True)
class Report:
    """All answers; shows itself as a table in a notebook and as text elsewhere."""

    rows: tuple[Row, ...]
    _shown_in: object = field(default=None, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Nothing has to be mended."""
        return not any(row.level == FIX for row in self.rows)

    @property
    def summary(self) -> str:
        """One line."""
        wrong = sum(row.level == FIX for row in self.rows)
        unknown = sum(row.level == UNKNOWN for row in self.rows)
        unsure = f" {unknown} could not be looked at." if unknown else ""
        if any(row.title == "Model" and row.level == UNKNOWN for row in self.rows):
            return "There is no model here to look at."
        if wrong:
            return f"Before you train: {wrong} {'thing' if wrong == 1 else 'things'} to mend.{unsure}"
        return f"Nothing here speaks against training.{unsure}"

    def __str__(self) -> str:
        lines = [f"preflight: {self.summary}"]
        for row in self.rows:
            lines.append(f"{MARKS[row.level]} {row.title}: {row.text}")
            lines += [f"       -> {line}" for line in row.line.splitlines()]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(_html_row(row) for row in self.rows)
        style = "border-collapse:collapse;text-align:left;max-width:60em"
        return (
            f'<div lang="en"><b>Preflight.</b> {html.escape(self.summary)}<table style="{style}">{rows}</table></div>'
        )

    def _ipython_display_(self) -> None:
        """Once a cell: `preflight(...)` as the last line of a cell would else stand there twice."""
        if self._shown_in is None or self._shown_in != _cell():
            _show(self)


def preflight(  # noqa: PLR0913  (what students write in a cell: model, tokenizer, arguments, weights)
    model: Any,
    tokenizer: Any = None,
    training_args: Any = None,
    class_weights: Any = None,
    *,
    class_counts: Any = None,
    gpu: str | None = None,
    show: bool = True,
) -> Report:
    """Look at what is about to be trained, and show what to mend.

    training_args  TrainingArguments, a dict of them, or the Trainer itself (then it is seen whether weights can reach its loss)
    class_weights  the weights of a weighted run; class_counts: training examples per class, to name the weighting
    gpu            "T4", "A100" ...: look for this one, where none is at hand; show=False: only return the report
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = _sorted_out(model, tokenizer, training_args)
            setup = Setup(*given, class_weights, class_counts, _gpu(gpu))
            rows = tuple(row for title, question in QUESTIONS for row in _answers(title, question, setup))
    except Exception as error:  # a notebook must never stop because of us
        rows = (_stumbled("Preflight", error),)
    report = Report(rows, _cell() if show else None)
    if show:
        _show(report)
    return report


def _sorted_out(model: Any, tokenizer: Any, args: Any) -> tuple[Any, Any, Any, Any]:
    """(model, tokenizer, arguments, trainer), whatever order and wrapping they came in."""
    things = [model, tokenizer, args]
    trainer = next((thing for thing in things if _is_trainer(thing)), None)
    if trainer is not None:
        things = [None if thing is trainer else thing for thing in things]
        args = getattr(trainer, "args", None)
    else:
        args = next((thing for thing in things if _is_arguments(thing)), things[2])
    # No `or` between objects: a model may have a length, and a compiled one fails when it is asked for it.
    model = _first([thing for thing in things if _is_model(thing)] + [getattr(trainer, "model", None), things[0]])
    own = [getattr(trainer, name, None) for name in ("processing_class", "tokenizer")]
    rest = [thing for thing in things if thing is not None and thing is not model and thing is not args]
    found = _first([thing for thing in rest if _has_side(_inner_tokenizer(thing))] + rest + own)
    return _unwrapped(model), _inner_tokenizer(found), args, trainer


def _first(things: Iterable[Any]) -> Any:
    return next((thing for thing in things if thing is not None), None)


def _is_trainer(thing: Any) -> bool:
    return not isinstance(thing, type) and _has(thing, "compute_loss") and _has(thing, "args")


def _is_model(thing: Any) -> bool:
    return not isinstance(thing, type) and _has(thing, "named_parameters") and not _is_trainer(thing)


def _is_arguments(thing: Any) -> bool:
    return isinstance(thing, dict) or (
        not isinstance(thing, type) and _has(thing, "fp16") and _has(thing, "output_dir")
    )


def _has(thing: Any, name: str) -> bool:
    """`hasattr` for objects that raise whatever they like."""
    try:
        getattr(thing, name)
    except Exception:
        return False
    return True


def _has_side(thing: Any) -> bool:
    return not isinstance(thing, type) and _has(thing, "padding_side") and thing.padding_side in ("left", "right")


def _inner_tokenizer(thing: Any) -> Any:
    """The tokenizer in a data collator or processor."""
    inner = None if isinstance(thing, type) or _has_side(thing) or not _has(thing, "tokenizer") else thing.tokenizer
    return thing if inner is None else inner


def _unwrapped(model: Any) -> Any:
    """The model inside torch.compile's or a parallel wrapper."""
    for name in ("_orig_mod", "module") * 2:
        inner = getattr(model, name) if _has(model, name) else None
        if _is_model(inner) and (name == "_orig_mod" or "Parallel" in type(model).__name__):
            model = inner
    return model


def _answers(title: str, question: Callable[[Setup], Iterable[Row]], setup: Setup) -> list[Row]:
    rows: list[Row] = []
    try:
        rows.extend(question(setup))
    except Exception as error:  # as above: one question less, the others stay
        rows.append(_stumbled(title, error))
    return rows


def _stumbled(title: str, error: Exception) -> Row:
    return Row(
        UNKNOWN,
        title,
        f"could not be looked at here ({type(error).__name__}: {str(error)[:120]}). Your run is not affected.",
    )


def _given(setup: Setup) -> Iterator[Row]:
    if setup.model is None:
        yield Row(UNKNOWN, "Model", "none was given.", "preflight(model, tokenizer, training_args)")
    elif not _is_model(setup.model):
        what = "a class" if isinstance(setup.model, type) else f"an object of the type {type(setup.model).__name__}"
        yield Row(UNKNOWN, "Model", f"{what}, not a model.", "preflight(model, tokenizer, training_args)")
    else:
        away = [value for _, value in setup.model.named_parameters() if str(getattr(value, "device", "")) == "meta"]
        if any(value.requires_grad for value in away):
            text = f"{len(away)} of its weights are not in memory (`meta`), some that are to be trained among them."
            yield Row(FIX, "Model", text, "from_pretrained(...)   # without device_map, then .to('cuda')")
        elif away:
            text = f"{len(away)} of its weights are not in memory (`meta`): device_map put them elsewhere; training is slow or fails."
            yield Row(LOOK, "Model", text, "from_pretrained(...)   # without device_map, then .to('cuda')")


# -- the questions -----------------------------------------------------------------------------------------------------


def _padding(setup: Setup) -> Iterator[Row]:
    title, tokenizer, decoder = "Padding side", setup.tokenizer, _is_decoder(setup)
    side = tokenizer.padding_side if _has_side(tokenizer) else None
    if side is None:
        kind = "a class" if isinstance(tokenizer, type) else f"an object of the type {type(tokenizer).__name__}"
        what = f"{kind}, which has no padding side; give the tokenizer."
        yield Row(UNKNOWN, title, "no tokenizer was given." if tokenizer is None else what)
    elif decoder is None:
        yield Row(UNKNOWN, title, f"{side}; whether this model reads its last token could not be told.")
    elif decoder and side == "right":
        why = "a decoder's answer is read at the last position; with padding on the right that may be a padding token."
        yield Row(FIX, title, f"right: {why} Tokenise again what was padded before.", 'tokenizer.padding_side = "left"')
    elif not decoder and side == "left" and getattr(setup.config, "classifier_pooling", "cls") != "mean":
        why = "this encoder's answer is read at the first position; with padding on the left that is a padding token."
        yield Row(FIX, title, f"left: {why}", 'tokenizer.padding_side = "right"')
    else:
        yield Row(OK, title, f"{side}, as {'a decoder' if decoder else 'an encoder'} needs it.")
    yield from _other_tokenizer(setup)


def _other_tokenizer(setup: Setup) -> Iterator[Row]:
    names = [str(getattr(item, "name_or_path", "") or "") for item in (setup.tokenizer, setup.config)]
    short = [re.split(r"[/\\]", name.rstrip("/\\"))[-1].lower() for name in names]
    rows = getattr(getattr(setup.base, "get_input_embeddings", lambda: None)(), "num_embeddings", None)
    size = len(setup.tokenizer) if hasattr(setup.tokenizer, "__len__") else 0
    if rows and size > rows:
        text = f"it knows {size:,} tokens, the model only {rows:,}: it belongs to another model, or tokens were added."
        yield Row(FIX, "Tokenizer", text, f"tokenizer = AutoTokenizer.from_pretrained({names[1] or '...'!r})")
    elif all(short) and short[0] != short[1] and not any(name.startswith((".", "/")) for name in names):
        yield Row(LOOK, "Tokenizer", f"comes from {names[0]}, the model from {names[1]}: is that what you mean?")


def _pad_token(setup: Setup) -> Iterator[Row]:
    title, tokenizer = "Pad token", setup.tokenizer
    if setup.config is None or not _has_side(tokenizer):
        return
    own, models = getattr(tokenizer, "pad_token_id", None), _config_value(setup.config, "pad_token_id")
    line = "model.config.pad_token_id = tokenizer.pad_token_id"
    if own is None:
        both = f"tokenizer.pad_token = tokenizer.eos_token\n{line}"
        yield Row(FIX, title, "the tokenizer has none, so batches can't be padded.", both)
    elif _is_decoder(setup) and models is None and _trainer_aligns(setup):
        text = "the model's configuration has none. This version's Trainer will set it; a loop of your own would fail."
        yield Row(LOOK, title, text, line)
    elif _is_decoder(setup) and models is None:
        yield Row(
            FIX, title, "the model's configuration has none: the first batch of more than one row will fail.", line
        )
    elif _is_decoder(setup) and models != own:
        text = f"the model takes id {models} for padding, the tokenizer writes {own}: the model then reads padding as text."
        yield Row(FIX, title, text, line)
    else:
        yield Row(
            OK,
            title,
            f"{getattr(tokenizer, 'pad_token', own)!r}, id {own}" + (", known to the model." if models == own else "."),
        )


def _trainer_aligns(setup: Setup) -> bool:
    """transformers from 4.56: Trainer copies the tokenizer's special tokens into the model's configuration."""
    return setup.args is not None and not isinstance(setup.args, dict) and _version("transformers") >= (4, 56)


def _head(setup: Setup) -> Iterator[Row]:
    if not _is_model(setup.model):
        return
    name, head = _find_head(setup.base)
    title = f"Head `{name}`" if name else "Classification head"
    if head is None:
        yield Row(UNKNOWN, title, "none was found under a usual name.")
        return
    wrapped = hasattr(head, "modules_to_save")
    parameters = dict(head.named_parameters())
    lora = [key for key in parameters if "lora_" in key]
    trains = [key for key, value in parameters.items() if value.requires_grad and key not in lora]
    if not _has_adapter(setup.model):
        yield Row(
            OK if trains else FIX,
            title,
            "trains, with the model." if trains else "is frozen.",
            "" if trains else _unfreeze(name),
        )
    elif wrapped and trains:
        yield Row(OK, title, "trains, and is saved with the adapter.")
    elif wrapped:
        text = "is in modules_to_save, but frozen. An adapter that is loaded to be trained on needs is_trainable=True."
        yield Row(FIX, title, text, "model = PeftModel.from_pretrained(base, folder, is_trainable=True)")
    elif lora:
        text = "has LoRA matrices on a random start that is not saved: after loading, the head would be another one."
        yield Row(
            FIX, title, f"{text} Take it out of target_modules and train it in full.", f'modules_to_save=["{name}"]'
        )
    elif trains:
        text = "trains, but the adapter that save_pretrained writes won't hold it: after loading, it is random."
        yield Row(FIX, title, text, _in_config(name))
    else:
        text = "is frozen at its random start and would not be saved. It does nothing for you like this."
        yield Row(FIX, title, text, _in_config(name))


def _in_config(name: str) -> str:
    return f'LoraConfig(task_type="SEQ_CLS", ...)   # or modules_to_save=["{name}"], then get_peft_model(model, config)'


def _unfreeze(name: str) -> str:
    return f"model.{name}.requires_grad_(True)"


def _labels(setup: Setup) -> Iterator[Row]:
    number = getattr(setup.config, "num_labels", None)
    given = getattr(setup.config, "id2label", None) or {}
    if number == 2 and set(given.values()) == {"LABEL_0", "LABEL_1"}:
        yield Row(
            LOOK, "Labels", "the head has 2, which is what it gets if num_labels is left out.", "num_labels=NUM_LABELS"
        )


def _trainable(setup: Setup) -> Iterator[Row]:
    title = "Trainable parameters"
    if not _is_model(setup.model):
        return
    parameters = list(setup.model.named_parameters())
    total = sum(_size(value) for _, value in parameters)
    parts = _parts(parameters, _find_head(setup.base)[0])
    number = sum(parts.values())
    share = f"{number:,} of {total:,} train ({100 * number / max(1, total):.2f} %)"
    adapter = _has_adapter(setup.model)
    if not number:
        text = "none trains: everything is frozen."
        yield Row(
            FIX,
            title,
            text,
            "model = get_peft_model(model, config)   # or PeftModel.from_pretrained(..., is_trainable=True)",
        )
    elif _other_kind(setup.model):
        text = f"{share}: an adapter of the kind {_other_kind(setup.model)}, not LoRA. Fine if that is what you want."
        yield Row(LOOK, title, text)
    elif not adapter:
        text = f"{share}; there is no LoRA on this model. If LoRA is what you want:"
        yield Row(FIX if "peft" in sys.modules else LOOK, title, text, "model = get_peft_model(model, config)")
    elif parts["base"] > 0.5 * (total - number + parts["base"]):
        text = f"{share}: the base trains in full beside LoRA. Something set requires_grad again after get_peft_model."
        yield Row(FIX, title, text, "model = get_peft_model(model, config)   # last, and nothing unfrozen after it")
    elif not parts["lora"]:
        yield Row(
            FIX,
            title,
            f"{share}, but no LoRA matrix does.",
            "PeftModel.from_pretrained(base, folder, is_trainable=True)",
        )
    elif parts["full"]:
        text = f"{share}: {_made_of(setup, parts)}. What modules_to_save names is trained and saved in full."
        yield Row(LOOK, title, text, f'modules_to_save=["{_find_head(setup.base)[0] or "score"}"]')
    else:
        yield Row(OK, title, f"{share}: {_made_of(setup, parts)}.")


def _parts(parameters: Sequence[tuple[str, Any]], head: str) -> Counter[str]:
    """Trainable parameters by what they belong to: lora, saved (the head), full (other PEFT copies), bias, base."""
    parts: Counter[str] = Counter()
    for name, value in parameters:
        if value.requires_grad:
            parts[_kind_of(name, (*HEADS, head))] += _size(value)
    return parts


def _kind_of(name: str, heads: Iterable[str]) -> str:
    if "lora_" in name:
        return "lora"
    if any(head and f".{head}." in f".{name}" for head in heads):
        return "saved"
    if "modules_to_save" in name:
        return "full"
    return "bias" if name.endswith(".bias") else "base"


def _other_kind(model: Any) -> str:
    """PEFT's name for an adapter that is not LoRA; empty where it is, or where there is none."""
    configs = getattr(model, "peft_config", None)
    kinds = [getattr(item, "peft_type", "") for item in configs.values()] if isinstance(configs, dict) else []
    kinds = [str(getattr(kind, "value", kind)) for kind in kinds]
    lora = any("lora_" in name for name, _ in model.named_parameters())
    return "" if lora or not kinds or kinds[-1] in LORA_KINDS else kinds[-1]


def _made_of(setup: Setup, parts: Counter[str]) -> str:
    ranks: Counter[int] = Counter()
    names: set[str] = set()
    for name, value in setup.model.named_parameters():
        found = re.search(r"([^.]+)\.lora_(?:A|embedding_A)\.", name)
        if found and value.requires_grad:
            names.add(found[1])
            ranks[int(value.shape[0])] += 1
    rank = " and ".join(f"r={item}" for item in sorted(ranks)) or "LoRA"
    where = f" on {', '.join(sorted(names))} ({sum(ranks.values())} matrices)" if names else ""
    words = {"saved": "head", "full": "other modules in full", "bias": "biases", "base": "other weights"}
    rest = "".join(f", {words[kind]} {parts[kind]:,}" for kind in words if parts[kind])
    return f"LoRA {rank}{where} {parts['lora']:,}{rest}"


def _load_dtype(setup: Setup) -> Iterator[Row]:
    if not _is_model(setup.model):
        return
    title, dtype = "Weights' dtype", _base_dtype(setup.model)
    word = "dtype" if _version("transformers") >= (4, 56) else "torch_dtype"
    name = str(getattr(setup.config, "name_or_path", "") or "...")
    line = f"{type(setup.base).__name__}.from_pretrained({name!r}, {word}=torch.float32, ...)"
    if dtype == "float32":
        yield Row(OK, title, "float32.")
    elif dtype == "float64":
        yield Row(LOOK, title, "float64: twice the memory, and slow on every GPU of the course.", line)
    elif dtype is None or dtype not in ("bfloat16", "float16"):
        yield Row(UNKNOWN, title, f"{dtype or 'none'}: quantised or of a kind that is not judged here.")
    elif dtype == "bfloat16" and setup.gpu.bfloat16:
        text = f"bfloat16. {setup.gpu.name} can do that; with three digits per number small steps may get lost."
        yield Row(LOOK, title, text, line)
    elif dtype == "bfloat16":
        text = f"bfloat16, which {setup.gpu.name} has no hardware for: slow, and mixed precision fails or does nothing."
        yield Row(FIX, title, f"{text} A checkpoint stored so is loaded so unless you say otherwise.", line)
    else:
        yield Row(
            FIX,
            title,
            "float16: gradients that small become zero or infinite. Load in float32, let fp16=True do the rest.",
            line,
        )


def _precision(setup: Setup) -> Iterator[Row]:
    title = "Mixed precision"
    if not _is_arguments(setup.args):
        what = "no training arguments were given." if setup.args is None else "these are no training arguments."
        yield Row(UNKNOWN, title, what)
        return
    if not _is_model(setup.model):
        return
    fp16, bf16, dtype, gpu = bool(setup.arg("fp16")), bool(setup.arg("bf16")), _base_dtype(setup.model), setup.gpu
    if fp16 and bf16:
        word = "bf16" if gpu.bfloat16 else "fp16"
        yield Row(FIX, title, "fp16 and bf16 are both set; only one can be.", f"TrainingArguments(..., {word}=True)")
    elif bf16 and not gpu.bfloat16:
        yield Row(
            FIX,
            title,
            f"bf16=True, which {gpu.name} has no hardware for.",
            "TrainingArguments(..., fp16=True)   # without bf16",
        )
    elif fp16 and any(
        str(value.dtype).endswith("float16") for value in setup.model.parameters() if value.requires_grad
    ):
        text = "fp16=True scales gradients, which needs trainable weights in float32; some are not, and the first step fails."
        yield Row(FIX, title, text, f"{_dtype_word()}=torch.float32 in from_pretrained")
    elif fp16 and dtype == "bfloat16":
        yield Row(
            LOOK,
            title,
            "fp16=True on weights in bfloat16 mixes two kinds of half precision.",
            "bf16=True in place of fp16=True",
        )
    elif dtype in ("bfloat16", "float16") and not fp16 and not bf16:
        text = f"none, and the weights are {dtype}: every step is computed and added up in half precision."
        yield Row(
            FIX if dtype == "float16" or not gpu.bfloat16 else LOOK,
            title,
            text,
            f"{_dtype_word()}=torch.float32 in from_pretrained",
        )
    elif not fp16 and not bf16:
        text = f"none: sound, but on {gpu.name} about half as fast as it could be." if gpu.present else "none."
        yield Row(
            LOOK if gpu.present else OK,
            title,
            text,
            f"TrainingArguments(..., {'bf16' if gpu.bfloat16 else 'fp16'}=True)" * gpu.present,
        )
    else:
        yield Row(OK, title, f"{'fp16' if fp16 else 'bf16'}, right for {gpu.name}.")


def _hardware(setup: Setup) -> Iterator[Row]:
    gpu = setup.gpu
    if gpu.present:
        yield Row(OK, "GPU", f"{gpu.name}, {'with' if gpu.bfloat16 else 'without'} bfloat16 in hardware.")
    else:
        text = f'none is seen here: the answers are for a {gpu.name}. Colab: Runtime > Change runtime type. Another one: gpu="A100".'
        yield Row(LOOK, "GPU", text)


def _weights(setup: Setup) -> Iterator[Row]:
    title = "Class weights"
    if setup.weights is None:
        return
    values = _numbers(setup.weights)
    number = getattr(setup.config, "num_labels", None)
    if number and len(values) != number:
        yield Row(
            FIX,
            title,
            f"{len(values)} weights for {number} labels.",
            "one weight per label, in the order of the labels",
        )
    elif not all(math.isfinite(value) and value > 0 for value in values):
        text = "some are zero, negative or not finite (a class without training examples?)."
        yield Row(FIX, title, text, "counts.clip(min=1)   # before you divide by them")
    elif max(values) - min(values) <= 1e-6 * max(values):
        yield Row(FIX, title, "all are equal, so they change nothing.", "weights = 1 / counts ** 0.5")
    else:
        yield _named_weights(title, values, setup.counts)
    yield from _reach(setup)


def _named_weights(title: str, values: list[float], counts: Any) -> Row:
    spread = f"from {min(values):.3g} to {max(values):.3g}"
    follows = None if counts is None else _follow(_numbers(_by_label(counts)), values)
    if follows is None:
        return Row(OK, title, f"{spread}, one per label.")
    slope, fit = follows
    if fit < 0.5:
        return Row(
            LOOK,
            title,
            f"{spread}; they don't follow the counts: are both in the order of the labels?",
            "counts.sort_index()",
        )
    if slope > 0:
        return Row(FIX, title, f"{spread}; frequent classes weigh more than rare ones.", "weights = 1 / counts ** 0.5")
    name = {-0.5: "one over the root of the count", -1.0: "one over the count"}.get(
        round(slope, 2), f"about count to the {slope:.2f}"
    )
    return Row(OK, title, f"{spread}: {name}.")


def _by_label(counts: Any) -> Any:
    """pandas' value_counts is in order of frequency; its index says which label is meant."""
    return counts.sort_index() if hasattr(counts, "sort_index") else counts


def _follow(counts: list[float], values: list[float]) -> tuple[float, float] | None:
    """(slope, how well it fits) of the weights against the counts, on a log scale; null where that can't be said."""
    pairs = [(math.log(count), math.log(value)) for count, value in zip(counts, values) if count > 0 and value > 0]  # noqa: B905
    if len(counts) != len(values) or len(pairs) < 3:
        return None
    means = [sum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1)]
    x, y = ([pair[side] - means[side] for pair in pairs] for side in (0, 1))
    xx, yy, xy = (sum(a * b for a, b in zip(u, v)) for u, v in ((x, x), (y, y), (x, y)))  # noqa: B905
    return (xy / xx, abs(xy) / math.sqrt(xx * yy)) if xx > 0 and yy > 0 else None


def _reach(setup: Setup) -> Iterator[Row]:
    dtype = str(getattr(setup.weights, "dtype", "")).rpartition(".")[2]
    if hasattr(setup.weights, "requires_grad") and dtype != "float32":
        yield Row(FIX, "Class weights", f"the tensor is {dtype}; the loss wants float32.", "weights = weights.float()")
    trainer = setup.trainer
    if trainer is None:
        return
    own = any(
        "compute_loss" in vars(kind)
        for kind in type(trainer).__mro__
        if not kind.__module__.startswith("transformers.")
    )
    if not own and getattr(trainer, "compute_loss_func", None) is None:
        text = "this Trainer's loss is the plain one: the weights never reach it."
        yield Row(
            FIX,
            "Class weights",
            text,
            "class MyTrainer(Trainer): def compute_loss(self, model, inputs, ...): ...",
        )


QUESTIONS: tuple[tuple[str, Callable[[Setup], Iterable[Row]]], ...] = (
    ("Model", _given),
    ("GPU", _hardware),
    ("Padding side", _padding),
    ("Pad token", _pad_token),
    ("Classification head", _head),
    ("Labels", _labels),
    ("Trainable parameters", _trainable),
    ("Weights' dtype", _load_dtype),
    ("Mixed precision", _precision),
    ("Class weights", _weights),
)


# -- looking -----------------------------------------------------------------------------------------------------------


def _gpu(named: str | None) -> Gpu:
    torch = sys.modules.get("torch")
    if named:
        return Gpu(named, not NO_BFLOAT16.search(named.lower().replace("-", " ")))
    if torch is not None and torch.cuda.is_available():
        found = [(torch.cuda.get_device_capability(index), index) for index in range(torch.cuda.device_count())]
        weakest, index = min(found)
        return Gpu(str(torch.cuda.get_device_name(index)), tuple(weakest) >= AMPERE)
    return Gpu("T4", False, present=False)


def _version(name: str) -> tuple[int, ...]:
    text = str(getattr(sys.modules.get(name), "__version__", "0"))
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _dtype_word() -> str:
    return "dtype" if _version("transformers") >= (4, 56) else "torch_dtype"


def _is_decoder(setup: Setup) -> bool | None:
    """By transformers' own lists: a causal language model that is no masked one; else by the head's usual name."""
    kind = str(getattr(setup.config, "model_type", ""))
    lists = sys.modules.get("transformers.models.auto.modeling_auto")
    causal = getattr(lists, "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", {})
    masked = getattr(lists, "MODEL_FOR_MASKED_LM_MAPPING_NAMES", {})
    if kind in masked and not getattr(setup.config, "is_decoder", False):
        return False
    if kind in causal:
        return True
    return {"score": True, "classifier": False}.get(_find_head(setup.base)[0])


def _find_head(base: Any) -> tuple[str, Any]:
    """By its usual name, else the one layer of the model's own that gives as many numbers as there are labels."""
    for name in HEADS:
        found = getattr(base, name, None)
        if found is not None and hasattr(found, "named_parameters"):
            return name, found
    labels = getattr(getattr(base, "config", None), "num_labels", None) or getattr(base, "num_labels", None)
    children = list(base.named_children()) if hasattr(base, "named_children") else []
    last = [(name, child) for name, child in children if labels and _outputs(child) == labels]
    return last[0] if len(last) == 1 else ("", None)


def _outputs(layer: Any) -> int | None:
    """How many numbers a layer gives, whatever PEFT has put around it."""
    around = [layer, getattr(layer, "original_module", None), getattr(layer, "base_layer", None)]
    return _first(getattr(item, "out_features", None) for item in around)  # type: ignore[no-any-return]


def _has_adapter(model: Any) -> bool:
    return any("lora_" in name or ".modules_to_save." in name for name, _ in model.named_parameters()) or bool(
        getattr(model, "peft_config", None)
    )


def _base_dtype(model: Any) -> str | None:
    """The kind of number in which most of the frozen (or all) weights are held."""
    sizes: Counter[str] = Counter()
    for name, value in model.named_parameters():
        if "lora_" not in name and "modules_to_save" not in name:
            sizes[str(value.dtype).rpartition(".")[2]] += _size(value)
    return sizes.most_common(1)[0][0] if sizes else None


def _config_value(config: Any, name: str) -> Any:
    value = getattr(config, name, None)
    return value if value is not None else getattr(getattr(config, "text_config", None), name, None)


def _size(value: Any) -> int:
    return int(value.numel())


def _numbers(values: Any) -> list[float]:
    """Numbers of a tensor, array, series, list or of a dict by label."""
    if isinstance(values, dict):
        values = [values[key] for key in sorted(values)]
    for step in ("detach", "tolist"):
        if hasattr(values, step):
            values = getattr(values, step)()
    return [float(value) for value in values]


# -- showing -----------------------------------------------------------------------------------------------------------


def _html_row(row: Row) -> str:
    cell = "padding:4px 10px 4px 0;vertical-align:top;text-align:left"
    mark = f'<td style="{cell};color:{COLOURS[row.level]}"><b>{html.escape(MARKS[row.level].strip())}</b></td>'
    line = f'<pre style="margin:4px 0;white-space:pre-wrap">{html.escape(row.line)}</pre>' if row.line else ""
    return f'<tr>{mark}<td style="{cell}">{html.escape(row.title)}</td><td style="{cell}">{html.escape(row.text)}{line}</td></tr>'


def _shell() -> Any:
    found = sys.modules.get("IPython")
    return found.get_ipython() if found is not None else None


def _cell() -> object:
    with contextlib.suppress(Exception):
        return getattr(_shell(), "execution_count", None)
    return None


def _show(report: Report) -> None:
    """As a table in a notebook, as text elsewhere; where even that fails, nothing is shown and nothing breaks."""
    with contextlib.suppress(Exception):
        if getattr(_shell(), "kernel", None) is not None:
            from IPython.display import display

            display({"text/html": report._repr_html_(), "text/plain": str(report)}, raw=True)  # type: ignore[no-untyped-call]
            return
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(str(report).encode(encoding, "replace").decode(encoding))
