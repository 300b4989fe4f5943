"""Looks at what lies between two looks at the clock: batches of which size, how many, what ran before, what was waited for."""

from __future__ import annotations

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.checks._seen import citations, finished, gpu, ran
from grader.model.base import Role
from grader.model.finding import Finding, Source
from grader.model.observation import LatencyMeasured, Number

REPEATS = 3
SHOWN = ("latency_ms", "throughput", "batch_latency_ms", "latency_tail_ms")
FIX = (
    "Time batches of 32 for both models: some warm-up passes first, then several timed ones, with `torch.cuda.synchronize()` before "
    "each look at the clock."
)


class Options(CheckOptions):
    """Options of `latency_method`."""

    repeats: int = REPEATS
    """Timed passes that count as several."""


@check(Options)
def latency_method(case: Case, options: Options) -> Finding:
    """Inference time is taken for both models, in batches, after a warm-up or over several repetitions.

    A GPU works on after the call returns: without waiting for it the clock shows only how fast work is handed over.
    """
    roles = tuple(case.assignment.models)
    both_shown = _shown_for(case) >= set(roles)
    for source in ("dry_run", "source"):
        found = {role: _best(case.seen.of(LatencyMeasured, model=role, source=source)) for role in roles}
        timed = {role: item for role, item in found.items() if item is not None}
        absent = source == "dry_run" and finished(case) and not both_shown
        if timed and (len(timed) == len(roles) or absent):
            return _judge(case, options, roles, timed, source)
    shared = [item for item in case.seen.of(LatencyMeasured) if item.model is None]
    if shared and (best := _best(tuple(shared))) is not None and both_shown:
        return _judge(case, options, roles, dict.fromkeys(roles, best), best.source)
    return not_assessed(
        f"We could not see how you took the time of both models. {FIX}",
        f"{'The dry run did not get to a timing of both models' if ran(case) else 'Not run'}, and the code does not settle it.",
    )


def _best(items: tuple[LatencyMeasured, ...]) -> LatencyMeasured | None:
    """The measurement that is worth most: the largest batches, then the most repetitions."""
    known = [item for item in items if item.batch_size != 1] or list(items)
    return max(
        known, key=lambda item: (item.batch_size or 0, item.repeats or 0, item.synchronised is True), default=None
    )


def _shown_for(case: Case) -> set[Role | None]:
    """The models of which the outputs show times."""
    return {item.model for item in case.seen.of(Number, source="recorded") if item.metric in SHOWN}


def _judge(
    case: Case, options: Options, roles: tuple[Role, ...], timed: dict[Role, LatencyMeasured], source: Source
) -> Finding:
    missing = [role for role in roles if role not in timed]
    single = [role for role, item in timed.items() if item.batch_size == 1]
    staff = "; ".join(_described(role, item) for role, item in timed.items())
    seen = citations(timed.values())
    if missing:
        text = f"Only the {', '.join(timed)} is timed; the comparison needs the {', '.join(missing)} as well. {FIX}"
        return finding("failed", student=text, staff=f"{source}: {staff}.", source=source, citations=seen)
    if len(single) == len(timed):
        text = f"You time single examples; a GPU is used in batches, and one example says little of it. {FIX}"
        return finding("failed", student=text, staff=f"{source}: {staff}.", source=source, citations=seen)
    lacking = _lacking(case, options, timed, single)
    if not lacking:
        text = "You time both models in batches, with a warm-up or several repetitions: a fair measurement."
        return finding("passed", student=text, staff=f"{source}: {staff}.", source=source, citations=seen)
    text = f"Both models are timed. What is missing for figures to rely on: {' and '.join(lacking)}. {FIX}"
    return finding("partial", student=text, staff=f"{source}: {staff}.", source=source, citations=seen)


def _lacking(case: Case, options: Options, timed: dict[Role, LatencyMeasured], single: list[Role]) -> list[str]:
    items = timed.values()
    lacking = [f"batches for the {', '.join(single)}"] if single else []
    if any(not item.warmup and _few(item, options.repeats) for item in items):
        lacking.append("a warm-up or several repetitions")
    if any(_hasty(case, item) for item in items):
        lacking.append("waiting for the GPU before the clock is read")
    return lacking


def _hasty(case: Case, item: LatencyMeasured) -> bool:
    """The clock is read while a GPU may still work.

    Where the run had no GPU to show (a batch that follows the model's own device), code that waits only for a GPU was not
    reached: there what stands in the code counts.
    """
    if item.synchronised is not False or item.on_gpu is False or (item.on_gpu is None and gpu(case) is None):
        return False
    written = case.seen.of(LatencyMeasured, source="source") if item.on_gpu is None else ()
    return not any(other.synchronised and other.model in (item.model, None) for other in written)


def _few(item: LatencyMeasured, enough: int) -> bool:
    """Too few passes; from the code alone, a number that could not be read is not held against anybody."""
    return item.repeats < enough if item.repeats is not None else item.source == "dry_run"


def _described(role: Role, item: LatencyMeasured) -> str:
    return (
        f"{role}: batch {item.batch_size}, {item.warmup} before, {item.repeats} timed, "
        f"synchronised {item.synchronised}, GPU {item.on_gpu}"
    )
