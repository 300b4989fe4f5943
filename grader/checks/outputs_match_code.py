"""Holds saved outputs against the code that stands beside them: could this code have produced these figures?

It looks at parameter counts, ranks, class counts, epochs and steps. A contradiction is a flag for a person; it costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.checking.counting import count_config, explain
from grader.checks._outputs import cells, has_outputs, joined, practice_models, source_of, true_size
from grader.model.base import Role
from grader.model.finding import Citation, Finding
from grader.model.observation import (
    Environment,
    LoraConfigured,
    Number,
    Trainable,
    TrainingSetup,
    Trick,
)
from grader.model.submission import Flag

EPOCH_SLACK = 0.05
_PROGRESS = re.compile(r"'epoch'|\bepoch[ =:]*\d+\b.*\bloss\b", re.IGNORECASE)
"""A line of training's own log."""
_CHANGES_TRAINING = ("requires_grad", "add_weighted_adapter", "resize_token_embeddings", "unfreeze", "freeze(")
_WRAPS = re.compile(r"\b(?:get_peft_model|PeftModel\w*)\s*\(")


@dataclass(frozen=True)
class Difference:
    """Something in the outputs that the code doesn't give."""

    weight: Literal["contradiction", "small"]
    student: str
    staff: str
    citation: Citation | None = None


@check(CheckOptions)
def outputs_match_code(case: Case, options: CheckOptions) -> Finding:
    """The figures saved in the notebook are such as its code can produce.

    Notebooks are edited after they ran; outputs of an earlier version stay behind. What stands in the outputs is held
    against what the code beside it would give.
    """
    answer = _compared(case)
    return answer.model_copy(update={"flags": (*answer.flags, *_tricks(case))})


def _tricks(case: Case) -> Iterator[Flag]:
    """What no honest notebook needs: a person looks, and nothing follows from it by itself."""
    for item in case.seen.of(Trick):
        where = f": {item.citation.quote[:160]}" if item.citation else ""
        yield Flag(kind="worth_a_look", why=f"{item.what}{where}")


def _compared(case: Case) -> Finding:
    if not has_outputs(case):
        return not_assessed("The notebook has no saved outputs to compare with its code.", "No outputs.")
    differences = [*_counts(case), *_ranks(case), *_classes(case), *_epochs(case), *_steps(case)]
    contradictions = [item for item in differences if item.weight == "contradiction"]
    if contradictions:
        return _failed(case, contradictions)
    small = [*_versions(case), *_order(case)]
    if small:
        return finding(
            "partial",
            student=(
                f"{' '.join(item.student for item in small)} Running the notebook once from top to bottom before you hand it "
                "in settles this."
            ),
            staff=" ".join(item.staff for item in small),
            source="recorded",
            citations=tuple(item.citation for item in small),
        )
    return finding(
        "passed",
        student="Nothing in your saved outputs contradicts your code.",
        staff="Parameter counts, ranks, class counts, epochs, steps and versions compared where both sides were readable.",
        source="recorded",
    )


def _failed(case: Case, contradictions: list[Difference]) -> Finding:
    staff = " ".join(item.staff for item in contradictions)
    return finding(
        "failed",
        student=(
            f"{' '.join(item.student for item in contradictions)} Most often this means that the code was changed after it ran. "
            "It costs nothing by itself; a person will have a look. Running the notebook again would bring both together."
        ),
        staff=f"{staff} Outputs and code are both the student's; an edit after the run is the usual reason.",
        source="recorded",
        citations=tuple(item.citation for item in contradictions[:3]),
        flags=(Flag(kind="outputs_contradict_code", why=staff[:400]),),
    )


# parameter counts


def _counts(case: Case) -> Iterator[Difference]:
    """A printed count of trainable parameters that no configuration of the code gives."""
    if practice_models(case) or _trains_by_hand(case):
        return
    for item in case.seen.of(Trainable, source="recorded"):
        if item.count is None or item.model is None or item.run == "baseline":
            continue
        possible = _possible(case, item.model)
        if possible is None or item.count in possible or _whole_model(case, item.model, item.count):
            continue
        yield _count_difference(case, item, possible)


def _trains_by_hand(case: Case) -> bool:
    """The code switches parameters on or off by itself: its count can't be derived from the configuration."""
    return any(word in source_of(cell) for cell in cells(case) for word in _CHANGES_TRAINING[1:]) or any(
        "requires_grad =" in source_of(cell) or "requires_grad_(" in source_of(cell) for cell in cells(case)
    )


def _possible(case: Case, role: Role) -> set[int] | None:
    """The counts that the code's configurations give; null where any of them can't be read."""
    facts = case.assignment.models.get(role)
    configs = _configs(case, role)
    if facts is None or not facts.parameters or not configs or _other_labels(case):
        return None
    if not _wraps_with_peft(case):  # `add_adapter` leaves the head as it was, whatever the task type says
        configs += [{**config, "task_type": None, "modules_to_save": None} for config in configs]
    counts = [count_config(facts, config) for config in configs]
    return {item.trainable for item in counts if item} if all(counts) else None


def _wraps_with_peft(case: Case) -> bool:
    """The call that puts the adapter on is there, and it is not transformers' own."""
    code = "\n".join(source_of(cell) for cell in cells(case))
    return _WRAPS.search(code) is not None and "add_adapter" not in code


def _configs(case: Case, role: Role) -> list[dict[str, Any]]:
    """All LoRA configurations of the model; one whose model isn't known might be its own."""
    seen = [item for item in case.seen.of(LoraConfigured) if item.source in ("source", "dry_run")]
    return [item.config for item in seen if item.model in (role, None)]


def _other_labels(case: Case) -> bool:
    setups = [item.labels for item in case.seen.of(TrainingSetup) if item.labels is not None]
    return any(labels != case.assignment.classes for labels in setups)


def _whole_model(case: Case, role: Role, count: int) -> bool:
    """The count of full fine-tuning, printed for comparison."""
    size = true_size(case, role)
    return size is not None and 0.9 * size < count < 1.1 * size


def _count_difference(case: Case, item: Trainable, possible: set[int]) -> Difference:
    facts = case.assignment.models[item.model] if item.model else None
    usual = explain(facts, item.count or 0) if facts else ()
    known = f" ({item.count:,} is what {joined([each.words() for each in usual[:3]])} gives)" if usual else ""
    gives = joined(f"{count:,}" for count in sorted(possible))
    return Difference(
        "contradiction",
        f"Your output shows {item.count:,} trainable parameters for the {item.model}; the LoRA configuration in your code "
        f"gives {gives}.",
        f"{item.model}: printed {item.count:,} trainable, the code's configuration gives {gives}{known}.",
        item.citation,
    )


def _ranks(case: Case) -> Iterator[Difference]:
    """A printed LoraConfig whose rank no configuration of the code has."""
    code = [item.config.get("r", 8) for item in case.seen.of(LoraConfigured, source="source")]
    readable = [item for item in case.seen.of(LoraConfigured, source="source") if "unresolved" not in item.config]
    for item in case.seen.of(LoraConfigured, source="recorded"):
        rank = item.config.get("r")
        if readable and len(readable) == len(code) and isinstance(rank, int) and rank not in code:
            shown = joined(str(value) for value in dict.fromkeys(code))
            yield Difference(
                "contradiction",
                f"An output shows a LoRA configuration of rank {rank}; your code has {shown}.",
                f"Printed LoraConfig r={rank}, code r={shown}.",
                item.citation,
            )


def _classes(case: Case) -> Iterator[Difference]:
    """More classes at zero than the model has outputs."""
    labels = [item.labels for item in case.seen.of(TrainingSetup, source="source") if item.labels]
    most = max((*labels, case.assignment.classes or 0), default=0)
    for item in _recorded(case, "zero_f1_classes"):
        if most and item.value > most:
            yield Difference(
                "contradiction",
                f"An output counts {item.value:g} classes at zero F1; your model has {most}.",
                f"{item.value:g} zero-F1 classes printed, {most} classes in the code.",
                item.citation,
            )


def _epochs(case: Case) -> Iterator[Difference]:
    """Progress beyond the last epoch that the code asks for."""
    for role in ("encoder", "decoder"):
        asked = _asked(case, role, "epochs")
        shown = [
            (value, item)
            for item in case.seen.of(Number, source="recorded")
            if (value := _epoch(item, role)) is not None
        ]
        if asked is None or not shown:
            continue
        value, item = max(shown, key=lambda pair: pair[0])
        if value > asked + EPOCH_SLACK:
            yield Difference(
                "contradiction",
                f"An output shows epoch {value:g} of the {role}; your code trains {asked:g}.",
                f"{role}: progress up to epoch {value:g}, num_train_epochs={asked:g} in the code.",
                item.citation,
            )


def _epoch(item: Number, role: str) -> float | None:
    if item.model != role:
        return None
    if item.metric == "epochs" and item.run != "baseline" and item.citation and _PROGRESS.search(item.citation.quote):
        return item.value
    kind, _, value = (item.subject or "").partition(" ")
    return float(value) if kind == "epoch" and value.replace(".", "", 1).isdigit() else None


def _steps(case: Case) -> Iterator[Difference]:
    """More steps than `max_steps` allows."""
    for role in ("encoder", "decoder"):
        asked = _asked(case, role, "max_steps")
        for item in _recorded(case, "steps"):
            if asked is not None and item.model == role and item.value > asked:
                yield Difference(
                    "contradiction",
                    f"An output shows {item.value:g} steps of the {role}; your code stops at {asked:g}.",
                    f"{role}: {item.value:g} steps printed, max_steps={asked:g} in the code.",
                    item.citation,
                )
                break


def _asked(case: Case, role: str, name: str) -> float | None:
    """The largest value that any run of the model asks for; null where one can't be read."""
    setups: list[TrainingSetup] = [
        item
        for item in case.seen.of(TrainingSetup, source="source")
        if item.model in (role, None) and item.labels is None
    ]
    values = [getattr(item, name) for item in setups]
    return float(max(values)) if values and all(value is not None for value in values) else None


def _recorded(case: Case, metric: str) -> Iterator[Number]:
    return (item for item in case.seen.of(Number, source="recorded") if item.metric == metric)


# small differences


def _versions(case: Case) -> Iterator[Difference]:
    """A pinned version, and another one printed."""
    for name in ("transformers", "peft", "torch"):
        pinned = [item for item in case.seen.of(Environment, source="source") if getattr(item, name)]
        shown = [item for item in case.seen.of(Environment, source="recorded") if getattr(item, name)]
        if not pinned or not shown:
            continue
        pin, printed = getattr(pinned[-1], name), [getattr(item, name) for item in shown]
        if not any(_same_version(pin, value) for value in printed):
            yield Difference(
                "small",
                f"Your code installs {name} {pin}; an output shows {printed[-1]}.",
                f"{name}: pinned {pin}, printed {printed[-1]}.",
                shown[-1].citation,
            )


def _same_version(pin: str, shown: str) -> bool:
    short, long = sorted((pin.split("+")[0].split("."), shown.split("+")[0].split(".")), key=len)
    return long[: len(short)] == short


def _order(case: Case) -> Iterator[Difference]:
    """Cells that ran in another order than they stand."""
    counts = [
        (place, cell.get("execution_count"))
        for place, cell in enumerate(cells(case))
        if cell.get("cell_type") == "code"
    ]
    ran = [(place, count) for place, count in counts if isinstance(count, int)]
    back = [(place, count) for (_, before), (place, count) in pairwise(ran) if count < before]
    if back:
        yield Difference(
            "small",
            "Your cells ran in another order than they stand in.",
            f"Execution counts go back at cell {back[0][0]} (to {back[0][1]}).",
            Citation(where="notebook", cell=back[0][0]),
        )
