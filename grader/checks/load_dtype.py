"""Looks at the type that the decoder's weights really have when training begins."""

from __future__ import annotations

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.checks._seen import (
    citations,
    conflict,
    dry,
    gpu,
    has_bfloat16,
    load_type,
    loads,
    name,
    on_hardware,
    transformers_major,
    your_line,
)
from grader.model.finding import Finding
from grader.model.observation import Loaded
from grader.model.submission import Flag

FIX = (
    "Load it with `dtype=torch.float32` (`torch_dtype` in older versions) and let `fp16=True` do the rest in training."
)

TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


class Options(CheckOptions):
    """Options of `load_dtype`."""

    dtype: str = "float32"
    """The type that is asked for."""


@check(Options)
def load_dtype(case: Case, options: Options) -> Finding:
    """The model is loaded in float32, so that mixed precision with a gradient scaler can work on a T4.

    What counts is the type that the weights have when training begins: a cast after loading counts, and an omitted type
    means float32 under transformers 4 and the checkpoint's own (bfloat16) under transformers 5.
    """
    found = loads(case)
    if not found:
        return not_assessed(
            f"We could not see in which type your {name(case)} is loaded. {FIX}",
            f"No load of the {name(case)} was seen in the dry run, the outputs or the code.",
        )
    answers = [_one(case, options, load) for load in found]
    verdicts = {item.verdict for item in answers}
    if verdicts != {"passed"} and not any(load.trained is not False or _goes_on_to_train(case, load) for load in found):
        return not_assessed(
            f"We could not see in which type the {name(case)} that you train is loaded. {FIX}",
            "No training of what is loaded was seen: " + "; ".join(item.staff_text for item in answers),
        )
    if len(verdicts) == 1:
        return answers[-1]
    if "failed" in verdicts and "passed" in verdicts:
        return _mixed(case, answers)
    order = ("failed", "not_assessed", "partial", "passed")
    return min(answers, key=lambda item: order.index(item.verdict))


def _goes_on_to_train(case: Case, load: Loaded) -> bool:
    """The run did not get to training, and the code, followed, trains what it loads like this."""
    written = case.seen.of(Loaded, model=case.line.model, source="source")
    return any(
        item.trained is not False and item.dtype_given == load.dtype_given and item.dtype in (None, load.dtype)
        for item in written
    )


def _mixed(case: Case, answers: list[Finding]) -> Finding:
    bad = [item for item in answers if item.verdict == "failed"]
    return finding(
        "partial",
        student=f"One of your {name(case)} runs is loaded in float32, another is not. {FIX}",
        staff="; ".join(item.staff_text for item in answers),
        source=bad[0].source,
        citations=tuple(cited for item in bad for cited in item.citations),
    )


def _one(case: Case, options: Options, load: Loaded) -> Finding:
    dtype = load_type(case, load)
    if load.quantized:
        return _quantized(case, load)
    if load.trained is False and load.source == "source":
        return not_assessed(
            f"We could not see in which type the {name(case)} that you train is loaded. {FIX}",
            f"The model is loaded in the code ({load.dtype or 'type not said'}), but no training of it could be followed.",
        )
    if dtype == options.dtype and (load.dtype_given or dtype != load.dtype or load.source != "source"):
        return _passed(case, options, load, dtype)
    if not load.dtype_given and dtype in (None, load.dtype):
        return _omitted(case, options, load)
    if load.source == "recorded":
        return not_assessed(
            f"An output shows a model in {dtype}; whether it is the one that you train could not be seen. {FIX}",
            f"Printed {dtype}; no load that trains could be followed in the code.",
        )
    if dtype is None:
        return not_assessed(
            f"We could not tell the type that your code asks for. {FIX}", "The dtype's value is not known."
        )
    return _low(case, load, dtype)


def _passed(case: Case, options: Options, load: Loaded, dtype: str) -> Finding:
    return finding(
        "passed",
        student=f"Your {name(case)} is in {dtype} when training begins, as a T4 needs it.",
        staff=f"{load.source}: {load.checkpoint or name(case)} is {dtype} at the first step (loaded as {load.dtype}).",
        source=load.source,
        citations=citations([load]),
        flags=_contradicted(case, options, load),
    )


def _contradicted(case: Case, options: Options, load: Loaded) -> tuple[Flag, ...]:
    printed = [item for item in case.seen.of(Loaded, model=case.line.model, source="recorded") if item.dtype]
    other = [item for item in printed if item.dtype != options.dtype]
    stored = _stored_types(case)
    if load.source == "dry_run" and stored and options.dtype not in stored:
        return (
            conflict(f"the run says {load.dtype}, the head in the file that it saved is {', '.join(sorted(stored))}"),
        )
    if load.source != "dry_run" or not load.dtype_given or len(other) < len(printed) or not printed:
        return ()
    return (conflict(f"the code loads the {name(case)} in {load.dtype}, a saved output shows {other[0].dtype}"),)


def _stored_types(case: Case) -> set[str]:
    """Types of the decoder's head in the files that the run left: PEFT keeps a copied head in the model's own type."""
    head = f".{case.facts.head}.weight" if case.facts else ".score.weight"
    files = (file for file in case.evidence.saved if file.origin == "dry_run")
    return {
        TYPES[item.dtype]
        for file in files
        for item in file.tensors
        if f".{item.name}".endswith(head) and item.dtype in TYPES
    }


def _omitted(case: Case, options: Options, load: Loaded) -> Finding:
    """No type was asked for: the student's version of transformers decides."""
    printed = [item for item in case.seen.of(Loaded, model=case.line.model, source="recorded") if item.dtype]
    if printed and load.source != "recorded" and not _others(case):
        return (
            _passed(case, options, printed[-1], options.dtype)
            if printed[-1].dtype == options.dtype
            else _low(case, printed[-1], printed[-1].dtype or "")
        )
    major, why = transformers_major(case)
    if major is not None and major < 5:
        return finding(
            "passed",
            student=f"You give no type when you load the {name(case)}; under your transformers 4 that means float32.",
            staff=f"dtype omitted; {why}.",
            source=load.source,
            citations=citations([load]),
        )
    own = case.facts.checkpoint_dtype if case.facts else "bfloat16"
    if major is not None:
        return _low(case, load, own, why=why)
    return not_assessed(
        f"You give no type when you load the {name(case)}. Under transformers 5 that means {own}, under 4 float32, and your notebook "
        f"does not show which you had. {FIX}",
        f"dtype omitted and {why}: {own} under 5, float32 under 4.",
    )


def _others(case: Case) -> bool:
    """The code loads decoders that don't train, too: a printed type may be theirs."""
    return any(item.trained is False for item in case.seen.of(Loaded, model=case.line.model, source="source"))


def _low(case: Case, load: Loaded, dtype: str, *, why: str = "") -> Finding:
    can = has_bfloat16(gpu(case))
    reason = (
        f"Transformers 5 loads the checkpoint's own type where none is given ({dtype})."
        if not load.dtype_given and load.source != "recorded"
        else f"Your {name(case)} is in {dtype} when training begins."
    )
    if can:
        text = f"{reason} It works {on_hardware(case)}; on the T4 that others have, training would fail or go wrong."
    else:
        text = (
            f"{reason} O{on_hardware(case)[1:]} the gradient scaler can't work with that: training goes wrong silently."
        )
    return finding(
        "partial" if can else "failed",
        student=f"{text}{'' if can else your_line([load])} {FIX}",
        staff=f"{load.source}: {name(case)} {dtype} at the first step; {why or 'asked for in the code'}; GPU shown: {gpu(case)}.",
        source=load.source,
        citations=citations([load]),
        dtype=dtype,
    )


def _quantized(case: Case, load: Loaded) -> Finding:
    return finding(
        "partial",
        student=f"Your {name(case)} is loaded quantised, which is another technique (QLoRA) than the one asked for. {FIX}",
        staff=f"{load.source}: quantisation requested at load; the stand-in was loaded without. Runs seen: {len(dry(case, Loaded))}.",
        source=load.source,
        citations=citations([load]),
    )
