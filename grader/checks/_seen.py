"""What several checks ask of the observations: the best source first, hardware and versions, words for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from grader.checking.api import Case
from grader.model.base import Role
from grader.model.finding import Citation, Source
from grader.model.observation import Cast, Environment, Loaded, LoraConfigured, Observation
from grader.model.submission import Flag

ORDER: tuple[Source, ...] = ("artifact", "dry_run", "recorded", "source")
"""Which source is believed first, where it reached that far."""
BFLOAT16 = re.compile(
    r"\b(A100|A10G?|A16|A30|A40|A[2456]000|L4|L40S?|H100|H200|H800|GH200|B200|GB200|G4|RTX\s*(PRO\s*)?(30|40|50|60|A|\d000)\d*)",
    re.IGNORECASE,
)
NO_BFLOAT16 = re.compile(r"\b(T4|P100|V100|K80|P4|GTX|RTX\s*20|TITAN|Quadro)", re.IGNORECASE)
LINE = 120
OLD_SPELLINGS = ("TrainingArguments(", "Trainer(tokenizer=)", "tokenizer.", "transformers.")
"""Beginnings of compat records for what transformers 5 refuses."""
MACHINE = ("=True)", "(optim=", "(report_to=")
"""Ends or parts of compat records that say something of the machine, not of a version."""

Seen = TypeVar("Seen", bound=Observation)


def best(case: Case, kind: type[Seen], *, model: Role | None = None) -> tuple[Seen, ...]:
    """Facts of one type from the best source that has any."""
    for source in ORDER:
        found = case.seen.of(kind, model=model or case.line.model, source=source)
        if found:
            return found
    return ()


def dry(case: Case, kind: type[Seen], *, model: Role | None = None) -> tuple[Seen, ...]:
    """Facts of one type from the dry run."""
    return case.seen.of(kind, model=model or case.line.model, source="dry_run")


def said(case: Case, kind: type[Seen], *, model: Role | None = None) -> tuple[Seen, ...]:
    """Facts of one type from saved outputs, then from the code."""
    role = model or case.line.model
    return case.seen.of(kind, model=role, source="recorded") + case.seen.of(kind, model=role, source="source")


def citations(items: Iterable[Observation]) -> tuple[Citation | None, ...]:
    """Where they were seen, at most three places."""
    return tuple(dict.fromkeys(item.citation for item in items if item.citation is not None))[:3]


def your_line(items: Iterable[Observation]) -> str:
    """` Your line is ...`: the first line of code that the facts were seen in, to be read beside what should change."""
    cited = (item.citation for item in items if item.citation is not None and item.citation.where == "notebook")
    quotes = (" ".join(item.quote.replace("`", "'").split()) for item in cited if item.output is None)
    quote = next((text for text in quotes if text), "")
    return f" Your line is `{quote[:LINE]}{'…' if len(quote) > LINE else ''}`." if quote else ""


def finished(case: Case) -> bool:
    """The dry run came to the notebook's end without an error, and nothing of what was seen is missing: absence means something."""
    execution = case.evidence.execution
    stumbled = execution.trace_truncated or any(record.get("t") == "recorder_error" for record in case.evidence.trace)
    return execution.status == "ok" and not execution.errors and not stumbled


def ran(case: Case) -> bool:
    """There was a dry run at all."""
    return case.evidence.execution.status not in ("skipped",) and bool(case.evidence.trace)


def gpu(case: Case) -> str | None:
    """The GPU that the student's own outputs show."""
    shown = case.seen.of(Environment, source="recorded")
    return next((item.gpu for item in shown if item.gpu and item.gpu != "cpu"), None)


def has_bfloat16(name: str | None) -> bool:
    """A GPU that is shown, and computes in bfloat16."""
    return bool(name and BFLOAT16.search(name) and not NO_BFLOAT16.search(name))


def on_hardware(case: Case) -> str:
    """`on a Tesla T4`, or what the course assumes."""
    shown = gpu(case)
    return f"on the {shown} that your outputs show" if shown else f"on a {case.assignment.hardware or 'T4'}"


def transformers_major(case: Case) -> tuple[int | None, str]:
    """The student's own major version of transformers, where it is known, and from what."""
    for item in case.seen.of(Environment, source="recorded") + case.seen.of(Environment, source="source"):
        found = re.match(r"\D*(\d+)", item.transformers or "")
        if found:
            return int(found[1]), f"{item.source}: transformers {item.transformers}"
    old = _old_spelling(case)
    return (4, f"the student's run took {old}, which transformers 5 refuses") if old else (None, "version not shown")


def _old_spelling(case: Case) -> str | None:
    """An argument or name that only transformers 4 takes, in a cell that ran without an error at the student's."""
    for record in case.evidence.trace:
        name, cell = record.get("name"), record.get("cell")
        if record.get("t") != "compat" or not isinstance(name, str) or not isinstance(cell, int):
            continue
        if name.startswith(OLD_SPELLINGS) and not any(part in name for part in MACHINE) and _worked(case, cell):
            return name[:80]
    return None


def _worked(case: Case, index: int) -> bool:
    cells = (case.evidence.notebook or {}).get("cells")
    if not isinstance(cells, list) or not 0 <= index < len(cells) or not isinstance(cells[index], dict):
        return False
    outputs = cells[index].get("outputs")
    errors = [item for item in outputs or () if isinstance(item, dict) and item.get("output_type") == "error"]
    return bool(cells[index].get("execution_count")) and not errors


def loads(case: Case) -> tuple[Loaded, ...]:
    """Loads of the models that train: as the dry run saw them, else as the code has them, else as printed.

    What is loaded and never trained (a first try, a model loaded again) counts only where nothing else is known. Where the dry
    run got to no training, the code is followed from the load on: a cast may stand in between.
    """
    seen = dry(case, Loaded)
    written = case.seen.of(Loaded, model=case.line.model, source="source")
    training = tuple(item for item in written if item.trained is not False)
    printed = case.seen.of(Loaded, model=case.line.model, source="recorded")
    if not any(item.trained is not False for item in seen):
        return tuple(item for item in training if item.trained) or seen or training or printed or written
    return seen or training or printed or written


def configurations(case: Case) -> tuple[LoraConfigured, ...]:
    """LoRA configurations of outputs and code; of those in the code, the ones whose model trains, where any does."""
    found = said(case, LoraConfigured)
    training = tuple(item for item in found if item.trained)
    return training or found


def load_type(case: Case, load: Loaded) -> str | None:
    """Type in which a loaded model was trained: a cast after loading counts. Null where the code alone does not show it."""
    if load.source == "source" and load.trained is not None:
        return (load.cast or load.dtype) if load.trained else None
    casts = [item for item in case.seen.of(Cast, model=load.model, source=load.source) if item.run == load.run]
    return casts[-1].dtype if casts else load.dtype


def lora_claimed(case: Case) -> bool:
    """A LoRA configuration stands in the code or was used."""
    return any(item.model in (case.line.model, None) for item in case.seen.of(LoraConfigured))


def conflict(why: str) -> Flag:
    """Two sources that can't both be right."""
    return Flag(kind="conflict", why=why)


def name(case: Case) -> str:
    """What the line's model is called: `encoder`, `decoder`."""
    return case.line.model or "model"


def word(role: Role | None) -> str:
    """How texts call the model."""
    return f"the {role}" if role else "the model"
