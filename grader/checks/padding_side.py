"""Looks at the attention masks of batches that reached the decoder, not at what the code says of a tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.checks._outputs import cells, source_of
from grader.checks._seen import citations, dry, ran, your_line
from grader.model.finding import Finding
from grader.model.observation import Loaded, PaddingEffect, PaddingFed, PaddingSet

HARM = 1e-3
PHASES = {"train": "training", "eval": "evaluation", "latency": "the timing"}
_SIDE = re.compile(r"padding_side|\bleft\b|\[::-1\]|\.flip\(|\breversed?\b|padded_side")
"""What may turn the side round, however it is done: where it occurs, silence proves nothing."""
State = Literal["good", "bad", "mixed", "none"]


class Options(CheckOptions):
    """Options of `padding_side`."""

    side: Literal["left", "right"] = "left"
    """The side that is asked for."""


@check(Options)
def padding_side(case: Case, options: Options) -> Finding:
    """The decoder is trained and evaluated on batches that are padded on the left.

    A causal model is classified from its last token. Batches of unequal length are looked at as they reach the model, in
    training, in evaluation and while time is taken; what a tokenizer was once set to does not count.
    """
    fed = [item for item in dry(case, PaddingFed) if item.phase in PHASES]
    if not any(item.phase in ("train", "eval") for item in fed):
        return _from_text(case, options)
    states = {phase: _state(fed, phase, options.side) for phase in PHASES}
    bad = [phase for phase, state in states.items() if state in ("bad", "mixed")]
    if not bad:
        return _passed(case, options, fed)
    good = [phase for phase, state in states.items() if state in ("good", "mixed")]
    wrong = [item for item in fed if item.phase in bad and item.side != options.side]
    if states["train"] == "bad" and (not good or states["eval"] == "bad"):
        return _failed(case, options, wrong)
    if not good and not any(item.phase == "train" for item in fed):
        sure = "eval" in bad and _only_other_side(case, options)
        return _failed(case, options, wrong) if sure else _partial(options, wrong, bad, "; its training was not seen")
    return _partial(options, wrong, bad, ", and rightly padded ones elsewhere" if "good" in states.values() else "")


def _state(fed: Iterable[PaddingFed], phase: str, side: str) -> State:
    sides = {item.side for item in fed if item.phase == phase} - {"none"}
    if not sides:
        return "none"
    return "good" if sides == {side} else "mixed" if side in sides or "both" in sides else "bad"


def _counts(fed: Iterable[PaddingFed]) -> str:
    return "; ".join(f"{item.phase}: {item.padded} of {item.batches} batches padded, side {item.side}" for item in fed)


def _passed(case: Case, options: Options, fed: list[PaddingFed]) -> Finding:
    padded = [item for item in fed if item.side == options.side]
    what = f"was padded on the {options.side}" if padded else "needed no padding at all"
    return finding(
        "passed",
        student=f"Every batch that reached your decoder {what}. That is what a causal model needs: its last token is real text.",
        staff=f"Dry run, attention masks: {_counts(fed)}.",
        source="dry_run",
        citations=citations(padded or fed),
    )


def _fix(options: Options) -> str:
    return (
        f'Set `tokenizer.padding_side = "{options.side}"` on the very tokenizer that makes the batches (the one in the data '
        "collator, or that you call), before anything is tokenised."
    )


def _only_other_side(case: Case, options: Options) -> bool:
    """Where the run did not get to training: the code sets no other side than the one that was seen elsewhere."""
    from_code = case.seen.of(PaddingSet, model=case.line.model, source="source")
    return bool(from_code) and all(item.side == _other(options.side) and not item.by_hand for item in from_code)


def _partial(options: Options, wrong: list[PaddingFed], bad: list[str], beside: str) -> Finding:
    where = " and ".join(PHASES[phase] for phase in bad)
    sides = "on both sides" if any(item.side == "both" for item in wrong) else "on the other side"
    return finding(
        "partial",
        student=f"Your decoder saw batches padded {sides} in {where}{beside}. {_fix(options)}",
        staff=f"Dry run, attention masks, phases that are wrong: {_counts(wrong)}{beside}.",
        source="dry_run",
        citations=citations(wrong),
    )


def _failed(case: Case, options: Options, wrong: list[PaddingFed]) -> Finding:
    effects = [item for item in case.seen.of(PaddingEffect) if item.model in (case.line.model, None)]
    worst = max((item.relative_difference or 0.0 for item in effects), default=0.0)
    by_position = any(item.pools_by_position for item in effects)
    harmful = by_position or worst > HARM
    if by_position:
        effect = (
            "Your code takes the last position (`[:, -1]`), which is padding in these batches: the numbers are harmed."
        )
    elif harmful:
        effect = f"It matters here: a padded batch gives other logits than its single rows (by up to {worst:.1%})."
    else:
        effect = (
            "In your setup the model finds the last real token by itself, so these numbers are not harmed; the course asks for "
            "left padding because code that takes the last position goes wrong without an error."
        )
    return finding(
        "failed",
        student=(
            f"In training and evaluation your decoder's batches were padded on the {_other(options.side)}. "
            f"{effect}{your_line(_padders(case, options))} {_fix(options)}"
        ),
        staff=(
            f"Dry run, attention masks: {_counts(wrong)}. Effect: relative logits difference "
            f"{worst:.1e}{' (pools by position)' if by_position else ''}; caps only if above {HARM:g} or by position."
        ),
        source="dry_run",
        citations=(*citations(wrong), *citations(effects)),
        caps=harmful,
        relative_difference=worst,
    )


def _padders(case: Case, options: Options) -> list[PaddingSet]:
    """Where the code pads on the other side, or by hand."""
    found = case.seen.of(PaddingSet, model=case.line.model, source="source")
    return [item for item in found if item.side != options.side]


def _other(side: str) -> str:
    return "right" if side == "left" else "left"


def _from_text(case: Case, options: Options) -> Finding:
    """No batch was seen: the code can show which tokenizers pad on which side, never that a batch had it."""
    from_code = case.seen.of(PaddingSet, model=case.line.model, source="source")
    sides = {item.side for item in from_code}
    reached = "The dry run did not get to the decoder's batches" if ran(case) else "The notebook was not run"
    if sides == {options.side} and any(item.explicit for item in from_code) and _training_seen(case):
        return finding(
            "passed",
            student=f'Your code sets `padding_side = "{options.side}"` for the decoder\'s tokenizer.',
            staff=f"{reached}; the code sets the side, and no other padding is in it. Not seen on a batch.",
            source="source",
            citations=citations(from_code),
        )
    if sides == {_other(options.side)} and all(item.explicit and item.fed for item in from_code):
        return finding(
            "failed",
            student=f"Your code sets the decoder's tokenizer to pad on the {_other(options.side)}. {_fix(options)}",
            staff=f"{reached}; the code sets the other side explicitly and nowhere this one. Effect not measured: no cap.",
            source="source",
            citations=citations(from_code),
            caps=_pools_by_position(case),
        )
    if _never_set(case, options, from_code):
        return finding(
            "failed",
            student=(
                f"Your code never sets the side on which the decoder's tokenizer pads, so it pads on the {_other(options.side)}, "
                f"its default. {_fix(options)}"
            ),
            staff=f"{reached}; no side is set anywhere in the code, training pads by the default. Effect not measured: no cap.",
            source="source",
            citations=citations(from_code),
            caps=_pools_by_position(case),
        )
    return not_assessed(
        f"We could not see how your decoder's batches are padded. {_fix(options)}",
        f"{reached}, and the code does not settle it ({_written(from_code)}).",
    )


def _never_set(case: Case, options: Options, found: tuple[PaddingSet, ...]) -> bool:
    """All padding is by a tokenizer's default, one makes training batches, and no code speaks of a side at all."""
    default = all(item.side == _other(options.side) and not item.explicit and not item.by_hand for item in found)
    code = (source_of(cell) for cell in cells(case) if cell.get("cell_type") == "code")
    return default and any(item.fed for item in found) and not any(_SIDE.search(text) for text in code)


def _training_seen(case: Case) -> bool:
    """Where loads of the model are seen, one of them goes into a training run: else its batches may come from anywhere."""
    loads = case.seen.of(Loaded, model=case.line.model, source="source")
    return not loads or any(item.trained is not False for item in loads)


def _written(found: Iterable[PaddingSet]) -> str:
    return "; ".join(dict.fromkeys(_way(item) for item in found)) or "no padding seen"


def _way(item: PaddingSet) -> str:
    line = f" by `{item.citation.quote[:60]}`" if item.citation else ""
    return (
        f"by hand or unknown{line}" if item.by_hand else f"{item.side}{'' if item.explicit else ', the default'}{line}"
    )


def _pools_by_position(case: Case) -> bool:
    return any(item.pools_by_position for item in case.seen.of(PaddingEffect) if item.model in (case.line.model, None))
