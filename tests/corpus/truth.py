"""Which verdicts are right for a generated notebook, check by check, from the choices alone.

A set holds more than one verdict where the rules leave it open, or where the notebook doesn't show enough to decide.
`not_assessed` outside a set is no error but a lack of coverage; the report counts it apart.
"""

from __future__ import annotations

from tests.corpus.choices import REFERENCE_DECODER, REFERENCE_ENCODER, Choices

Verdicts = frozenset[str]
PASSED, PARTIAL, FAILED, OPEN = (frozenset({word}) for word in ("passed", "partial", "failed", "not_assessed"))
ANY = PASSED | PARTIAL | FAILED | OPEN
NOT_FAILED = PASSED | PARTIAL | OPEN
NEW_GPUS = ("A100", "L4")


def truth(chosen: Choices) -> dict[str, Verdicts]:
    """Right verdicts by check line id."""
    return {
        "decoder.padding_side": _padding(chosen),
        "decoder.score_head": _head(chosen),
        "decoder.load_dtype": _dtype(chosen),
        "decoder.mixed_precision": _precision(chosen),
        "encoder.trainable_params": _trainable(chosen, "encoder"),
        "decoder.trainable_params": _trainable(chosen, "decoder"),
        "decoder.class_weights": _weights(chosen),
        "metrics.encoder": _metrics(chosen, "encoder"),
        "metrics.decoder": _metrics(chosen, "decoder"),
        "metrics.decoder_weighted": OPEN if chosen.weights == "none" else _metrics(chosen, "decoder_weighted"),
        "tiers.reported": _tiers(chosen),
        "latency.method": _latency_method(chosen),
        "latency.reported": _latency_reported(chosen),
        "memo.sections": _sections(chosen),
        "integrity.outputs_match_code": _outputs(chosen),
        "integrity.memo_matches_outputs": _memo_numbers(chosen),
    }


def _padding(chosen: Choices) -> Verdicts:
    fault = chosen.padding_fault
    if fault == "latency_right" and chosen.latency in ("none", "single", "predict", "loader"):
        return PASSED
    return {"": PASSED, "eval_right": PARTIAL, "latency_right": PARTIAL}.get(fault, FAILED)


def _head(chosen: Choices) -> Verdicts:
    lora, saving = chosen.decoder, chosen.saving
    if lora.append_bug and lora.task_type == "missing":  # LoRA on a head whose random base isn't in the adapter
        return ANY if saving in ("merged", "torch_save", "nothing") else FAILED
    if not lora.head_trains:
        return FAILED
    if saving in ("before", "backbone"):
        return FAILED
    return {
        "unsafe": PASSED | PARTIAL,
        "torch_save": PARTIAL,
        "nothing": PARTIAL,
        "checkpoints": PASSED | PARTIAL,
        "peft_state": PASSED | PARTIAL,
    }.get(saving, PASSED | PARTIAL if lora.unfrozen else PASSED)


def _versions(chosen: Choices) -> set[str]:
    """What a reader of the notebook may take the library's version for."""
    known = chosen.library != "unknown"
    if known and (chosen.shown_by == "pin" or chosen.outputs in ("full", "text")):
        return {chosen.library}
    maybe = {chosen.library} if known and chosen.outputs == "truncated" else set()
    return {"unknown"} | maybe | ({"4"} if chosen.old_spelling else set())


def _new_gpu(chosen: Choices) -> set[bool]:
    """Whether the notebook shows a GPU that can do bfloat16; both where outputs may have been lost."""
    if chosen.hardware not in NEW_GPUS or chosen.outputs == "missing":
        return {False}
    return {True, False} if chosen.outputs == "truncated" else {True}


def _by_gpu(chosen: Choices, new: Verdicts) -> Verdicts:
    return frozenset().union(*(new if shown else FAILED for shown in _new_gpu(chosen)))


def _dtype(chosen: Choices) -> Verdicts:
    if chosen.dtype in ("float32", "float_after"):
        return PASSED if chosen.dtype == "float32" else PASSED | PARTIAL
    if chosen.dtype in ("float16", "half_after"):
        return FAILED
    if chosen.dtype == "omitted":
        by_version = {"4": PASSED, "5": _by_gpu(chosen, PARTIAL | FAILED), "unknown": OPEN}
        return frozenset().union(*(by_version[version] for version in _versions(chosen)))
    return _by_gpu(chosen, PARTIAL)


def _precision(chosen: Choices) -> Verdicts:
    if chosen.precision == "bf16":
        return _by_gpu(chosen, PARTIAL)
    versions = _versions(chosen)
    if chosen.dtype in ("float32", "float_after") or (chosen.dtype == "omitted" and versions == {"4"}):
        return PASSED
    if chosen.dtype == "omitted" and "5" not in versions:
        return PASSED | OPEN
    if chosen.precision == "none" and chosen.dtype in ("bfloat16", "auto", "bf16_after"):
        return _by_gpu(chosen, PARTIAL | FAILED)
    return ANY


def _trainable(chosen: Choices, role: str) -> Verdicts:
    lora = chosen.encoder if role == "encoder" else chosen.decoder
    if lora.append_bug and lora.task_type == "missing":
        return FAILED | PARTIAL
    if lora.unfrozen or not lora.head_trains:
        return FAILED
    whole = (
        (REFERENCE_ENCODER, (*REFERENCE_ENCODER, "Wo2"), ("all-linear",)) if role == "encoder" else (REFERENCE_DECODER,)
    )
    if lora.rank == 16 and lora.targets in whole:
        return PASSED | PARTIAL if lora.extra == "use_rslora=True" else PASSED
    return PARTIAL


def _weights(chosen: Choices) -> Verdicts:
    if chosen.weights in ("sqrt", "power", "rsqrt", "balanced_sqrt", "mean_n"):
        return PASSED
    if chosen.weights in ("inverse", "balanced", "effective", "log"):
        return PARTIAL
    return {"none": FAILED | OPEN, "sampler": ANY - PASSED}.get(chosen.weights, FAILED)


def _metrics(chosen: Choices, run: str) -> Verdicts:
    if chosen.outputs == "missing":
        return NOT_FAILED
    if run != "decoder":  # the course publishes no range for these two
        return NOT_FAILED
    if chosen.result != "normal":
        return {"impossible": FAILED, "boast": FAILED | PARTIAL, "poor": PARTIAL}[chosen.result]
    return PASSED | PARTIAL


def _tiers(chosen: Choices) -> Verdicts:
    lost = chosen.outputs in ("missing", "truncated")
    if chosen.tiers == "none":
        return FAILED | OPEN if lost else FAILED
    if chosen.tiers == "one_model":
        return PARTIAL | OPEN if lost else PARTIAL
    if chosen.tiers == "plot" or lost:
        return PASSED | PARTIAL if chosen.memo != "none" else NOT_FAILED
    return PASSED


def _latency_method(chosen: Choices) -> Verdicts:
    shown = chosen.outputs != "missing"
    return {
        "predict": PASSED | PARTIAL,
        "no_warmup": PARTIAL,
        "no_sync": PARTIAL if shown else PARTIAL | PASSED,
        "single": FAILED,
        "one_model": FAILED,
        "none": FAILED | OPEN,
    }.get(chosen.latency, PASSED)


def _latency_reported(chosen: Choices) -> Verdicts:
    lost = chosen.outputs in ("missing", "truncated")
    in_memo = chosen.memo in ("full", "four")
    if chosen.latency == "none":
        return FAILED | OPEN if lost else FAILED
    if chosen.latency == "one_model":
        return PARTIAL | OPEN if lost else PARTIAL
    if lost and not in_memo:
        return ANY if chosen.outputs == "missing" else NOT_FAILED
    return PASSED | PARTIAL if lost or chosen.latency_print == "ms_only" else PASSED


def _sections(chosen: Choices) -> Verdicts:
    said_why_not = chosen.weights == "none"  # "I ran out of time and did not run this part": a part, or an empty one
    return {
        "full": PASSED | PARTIAL if said_why_not else PASSED,
        "four": PARTIAL | FAILED if said_why_not else PARTIAL,
        "three": FAILED,
        "none": FAILED | OPEN,
    }[chosen.memo]


def _outputs(chosen: Choices) -> Verdicts:
    if chosen.result == "impossible":
        return ANY
    if chosen.forged:
        return FAILED if chosen.forged == "count" else FAILED | PARTIAL
    if chosen.outputs == "missing":
        return PASSED | OPEN
    return PASSED | PARTIAL if chosen.damage != "none" else PASSED


def _memo_numbers(chosen: Choices) -> Verdicts:
    if chosen.memo == "none":
        return OPEN
    if chosen.forged == "count":
        return ANY
    if chosen.contradiction:
        return FAILED
    return NOT_FAILED if chosen.outputs == "missing" else PASSED | PARTIAL
