"""Looks at how the decoder's training was asked to compute: fp16, bf16, autocast, gradient scaler."""

from __future__ import annotations

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.checks._seen import (
    best,
    citations,
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
from grader.model.observation import Loaded, Precision

FIX = "Use `fp16=True` in the TrainingArguments (or fp16 autocast with a GradScaler) and load the model in float32."


class Options(CheckOptions):
    """Options of `mixed_precision`: none."""


@check(Options)
def mixed_precision(case: Case, options: Options) -> Finding:
    """The model trains in a precision that a T4 can do: fp16 mixed precision, or plain float32.

    A T4 has no bfloat16: `bf16=True` is slow or fails there. It is in order on a GPU that is shown to have it.
    """
    runs = best(case, Precision)
    if not runs:
        return not_assessed(
            f"We could not see in which precision your {name(case)} trains. {FIX}",
            f"No training run of the {name(case)} was seen, and the code does not settle it.",
        )
    order = ("failed", "not_assessed", "partial", "passed")
    return min((_one(case, item) for item in runs), key=lambda item: order.index(item.verdict))


def _one(case: Case, run: Precision) -> Finding:
    staff = f"{run.source}: fp16={run.fp16}, bf16={run.bf16}, autocast={run.autocast}, scaler={run.scaler}"
    if run.bf16 or run.autocast == "bfloat16":
        return _bfloat16(case, run, staff)
    if run.autocast == "float16" and not run.scaler and not run.fp16:
        text = "You train under fp16 autocast without a GradScaler: small gradients are lost. Wrap backward and step in one."
        return _finding("partial", run, text, staff)
    if run.fp16 or run.autocast == "float16":
        return _finding(
            "passed", run, f"Your {name(case)} trains in fp16 mixed precision, which a T4 does well.", staff
        )
    return _none(case, run, staff)


def _finding(verdict: str, run: Precision, student: str, staff: str) -> Finding:
    kind = {"passed": "passed", "partial": "partial"}.get(verdict, "failed")
    return finding(kind, student=student, staff=f"{staff}.", source=run.source, citations=citations([run]))  # type: ignore[arg-type]


def _bfloat16(case: Case, run: Precision, staff: str) -> Finding:
    staff = f"{staff}; GPU shown: {gpu(case)}"
    if has_bfloat16(gpu(case)):
        text = f"You train in bfloat16, which works {on_hardware(case)}; a T4, as others use it, can't. Say so in the memo."
        return _finding("partial", run, text, staff)
    text = f"You train in bfloat16, which {on_hardware(case)} is not to be had.{your_line([run])} {FIX}"
    return _finding("failed", run, text, staff)


def _none(case: Case, run: Precision, staff: str) -> Finding:
    """No mixed precision: in order if the model itself is in float32."""
    found = loads(case)
    found = tuple(load for load in found if load.run == run.run) or found
    types = {load_type(case, load) for load in found}
    low = types - {"float32", None}
    unknown = any(load_type(case, load) is None and (load.dtype_given or load.trained is False) for load in found)
    if (unknown and not low) or (low and run.source == "source" and len(types) > 1):
        return not_assessed(
            f"No mixed precision is used, and we could not tell the type that the model is loaded in. {FIX}",
            f"{staff}; the model's own type is not known.",
        )
    if not low and not _left_to_library(case, found):
        return _finding(
            "passed", run, f"Your {name(case)} trains in plain float32: slower than fp16, and right.", staff
        )
    given = any(load.dtype_given or load.cast for load in found)
    major, why = transformers_major(case)
    if not given and major is not None and major < 5:
        return _finding(
            "passed", run, f"Your {name(case)} trains in plain float32: slower than fp16, and right.", f"{staff}; {why}"
        )
    if not given and major is None:
        return not_assessed(
            f"No mixed precision is used, and the model's own type depends on your version of transformers. {FIX}",
            f"{staff}; dtype omitted and {why}.",
        )
    low = low or {case.facts.checkpoint_dtype if case.facts else "bfloat16"}
    text = f"The model is in {', '.join(sorted(str(item) for item in low))} and trains without mixed precision. {FIX}"
    return _finding("failed", run, text, f"{staff}; model {low}; {why}")


def _left_to_library(case: Case, found: tuple[Loaded, ...]) -> bool:
    """The code names no type: the library's version decides."""
    own = case.facts.checkpoint_dtype if case.facts else "bfloat16"
    silent = any(load.source == "source" and not load.dtype_given and load_type(case, load) is None for load in found)
    return silent and own != "float32"
