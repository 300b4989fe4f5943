"""Looks at which parameters train, by name, and counts them at true size. A miss is explained by its configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.checking.counting import Count, count_config, count_names, explain, short_target, weights_of, with_rank
from grader.checks._outputs import practice_count
from grader.checks._seen import citations, configurations, conflict, dry, lora_claimed, said, word, your_line
from grader.model.finding import Finding, Source
from grader.model.observation import LoraConfigured, Observation, Trainable, Trained
from grader.model.submission import Flag

MOST = 0.5
"""More of the base than this, trained in full: everything trains."""
ENOUGH_STEPS = 3
ORDER = ("q_proj", "k_proj", "v_proj", "o_proj", "Wqkv", "Wo", "Wi")


class Options(CheckOptions):
    """Options of `trainable_params`."""

    train: Literal["lora", "full"] = "lora"
    """What is asked for: adapters and head by LoRA, or every weight."""


@dataclass(frozen=True)
class Setup:
    """What trains in one run."""

    count: Count | None
    full: int
    """Parameters of the base that train in full, of the stand-in."""
    share: float
    """Of the base's parameters, by name."""
    head: bool
    extras: tuple[str, ...]
    """Further choices that change the count: DoRA, biases."""
    source: Source
    seen: tuple[Observation, ...]


@check(Options)
def trainable_params(case: Case, options: Options) -> Finding:
    """LoRA trains what the course's configuration trains, and the classification head with it.

    Counted at true size from the names of what trains. Another deliberate configuration is named with what it costs; a
    count alone decides nothing, since several configurations give the same.
    """
    if case.facts is None or not case.facts.parameters:
        return not_assessed(
            "This model is not known to the grader.", "The assignment has no true sizes for this model."
        )
    if options.train == "full":
        return _full(case)
    setups = [_setup(case, item) for item in dry(case, Trainable)]
    if setups:
        return min((_judge_run(case, item) for item in setups), key=lambda item: _worst(item))
    return _from_text(case)


def _full(case: Case) -> Finding:
    """Every weight is asked for: what the run trains, by name; the code alone can only show that LoRA was chosen."""
    setups = [_setup(case, item) for item in dry(case, Trainable)]
    if not setups:
        configs = said(case, LoraConfigured)
        staff = f"not run; LoRA configurations in the code: {len(configs)}."
        return not_assessed(f"We could not see which weights of {word(case.line.model)} train.", staff)
    return min((_judge_full(case, item) for item in setups), key=_worst)


def _judge_full(case: Case, setup: Setup) -> Finding:
    run = setup.seen[0].run
    trained = [item for item in dry(case, Trained) if item.run == run and item.steps >= ENOUGH_STEPS]
    model = word(case.line.model)
    if (not setup.full and not setup.head and not setup.count) or any(_still(item) for item in trained):
        text = f"Nothing trains in {model}: after the optimizer's steps every weight is what it was."
        return _failed(case, setup, text, f"no bit changed in {[item.steps for item in trained]} steps")
    if setup.share >= MOST and setup.head:
        answer = finding(
            "passed",
            student=f"All of {model} trains, head included, as full fine-tuning is meant.",
            staff=f"{setup.source}: {setup.share:.0%} of the tensors and the head train.",
            source=setup.source,
            citations=citations(setup.seen),
        )
        return answer.model_copy(update={"values": _values(setup.count)})
    lora = setup.count is not None and setup.count.lora > 0
    how = "LoRA trains, not the base" if lora else f"only {setup.share:.0%} of the base's weights train"
    head = "" if setup.head else ", and the head stays at its random start"
    return finding(
        "partial" if setup.head else "failed",
        student=f"Full fine-tuning is asked for; in {model} {how}{head}. Say in the memo if that was your choice, and why.",
        staff=f"{setup.source}: {_described(setup.count)}; share {setup.share:.0%}, head {setup.head}.",
        source=setup.source,
        citations=citations(setup.seen),
    )


def _still(item: Trained) -> bool:
    return item.head is False and not item.adapter and not item.base


def _worst(answer: Finding) -> int:
    return ("failed", "partial", "not_assessed", "passed").index(answer.verdict)


def _config(case: Case, run: str | None) -> Mapping[str, Any]:
    found = [*dry(case, LoraConfigured), *said(case, LoraConfigured)]
    same = [item for item in found if item.run == run] or found
    return same[0].config if same else {}


def _setup(case: Case, item: Trainable) -> Setup:
    assert case.facts is not None
    plain = [name for name, _ in item.names if ".lora_" not in name and "modules_to_save" not in name]
    known = {name.rpartition("model.")[2] for name in case.facts.parameters if f"{case.facts.head}." not in name}
    base = [name for name in plain if name.rpartition("model.")[2].replace(".base_layer.", ".") in known]
    weights = [name for name in base if not name.endswith(".bias")]
    extras = ["DoRA"] if any("lora_magnitude" in name for name, _ in item.names) else []
    extras += ["biases"] if len(base) > len(weights) and len(weights) < MOST * len(known) else []
    extras += ["other base weights"] if 0 < len(weights) < MOST * len(known) else []
    count = count_names(case.facts, item.names)
    return Setup(
        count, len(base), len(weights) / max(1, len(known)), bool(item.head), tuple(extras), "dry_run", (item,)
    )


def _judge_run(case: Case, setup: Setup) -> Finding:
    run = setup.seen[0].run
    trained = [item for item in dry(case, Trained) if item.run == run and item.steps >= ENOUGH_STEPS]
    idle = any(_still(item) for item in trained)
    names = setup.seen[0].names if isinstance(setup.seen[0], Trainable) else ()
    if not names or idle:
        text = f"Nothing trains in {word(case.line.model)}: after the optimizer's steps every weight is what it was."
        fix = "Give the optimizer the parameters of the model that get_peft_model returns, and train that model."
        return _failed(case, setup, f"{text} {fix}", f"no bit changed in {[item.steps for item in trained]} steps")
    if setup.share >= MOST:
        return _everything(case, setup)
    if isinstance(setup.seen[0], Trainable) and setup.seen[0].head is None:
        return not_assessed(
            f"{word(case.line.model).capitalize()} is trained to write text; it has no classification head, so this was not judged.",
            f"{setup.source}: a model for generation, {_described(setup.count)}; a person decides whether it answers the task.",
        )
    if not setup.head:
        head = case.facts.head if case.facts else "head"
        text = (
            f"The classification head `{head}` of {word(case.line.model)} stays frozen at its random start."
            f"{your_line([*said(case, LoraConfigured), *setup.seen])} Give the LoraConfig "
            f'`task_type="SEQ_CLS"` or `modules_to_save=["{head}"]`.'
        )
        return _failed(case, setup, text, "the head is not among what trains")
    return _compare(case, setup)


def _failed(case: Case, setup: Setup, student: str, staff: str) -> Finding:
    answer = finding(
        "failed",
        student=f"{student}{_counted(setup.count)}",
        staff=f"{setup.source}: {staff}; {_described(setup.count)}.",
        source=setup.source,
        citations=citations(setup.seen),
    )
    return answer.model_copy(update={"values": _values(setup.count)})


def _everything(case: Case, setup: Setup) -> Finding:
    text = f"Nearly all weights of {word(case.line.model)} train in full ({setup.share:.0%} of its tensors)"
    if lora_claimed(case):
        fix = "Train the model that `get_peft_model(model, config)` returns, and don't set requires_grad on the base again."
        return _failed(
            case, setup, f"{text}, though LoRA is configured. {fix}", "full fine-tuning beside a LoRA configuration"
        )
    return finding(
        "partial",
        student=f"{text}: this is full fine-tuning, not LoRA as asked for. It costs all gradients and optimizer states.",
        staff=f"{setup.source}: full fine-tuning, no LoRA configuration seen.",
        source=setup.source,
        citations=citations(setup.seen),
    )


def _compare(case: Case, setup: Setup) -> Finding:
    count = setup.count
    if count is None:
        return finding(
            "partial",
            student=f"Adapter and head of {word(case.line.model)} train, in a model class of your own that can't be counted here.",
            staff=f"{setup.source}: names unknown at true size; LoRA and head train.",
            source=setup.source,
            citations=citations(setup.seen),
        )
    if not setup.extras and _in_full(case, count):
        setup = replace(setup, extras=("further modules trained in full",))
    if not _equal(case, count) or setup.extras:
        return _deliberate(case, setup, count)
    answer = finding(
        "passed",
        student=(
            f"LoRA trains {_words(count)} of {word(case.line.model)} and the head: {count.trainable:,} parameters "
            f"({count.percent:.2f} %)."
        ),
        staff=f"{setup.source}: {_described(count)}.",
        source=setup.source,
        citations=citations(setup.seen),
        flags=_printed_otherwise(case),
    )
    return answer.model_copy(update={"values": _values(count)})


def _in_full(case: Case, count: Count) -> bool:
    """More is copied and trained (`modules_to_save`) than the classification head, a bias in it aside."""
    usual = count_config(case.facts, {**case.facts.reference_lora, "task_type": "SEQ_CLS"}) if case.facts else None
    return usual is not None and count.trainable - count.lora > usual.trainable - usual.lora + usual.trainable / 100


def _deliberate(case: Case, setup: Setup, count: Count) -> Finding:
    assert case.facts is not None
    reference = case.facts.reference_trainable
    extras = f", with {' and '.join(setup.extras)}" if setup.extras else ""
    cost = ""
    if reference:
        times = f"{count.trainable / reference:.2g} times the course's {reference:,}"
        cost = f", {'exactly as many as the course' if count.trainable == reference else times}"
    answer = finding(
        "partial",
        student=(
            f"You train {_words(count)} of {word(case.line.model)}{extras}: {count.trainable:,} parameters{cost}. It works, "
            f"and differs from the course's {_reference(case)}. {_ambiguous(case, count)}Say in the memo that you chose it, and why."
        ),
        staff=f"{setup.source}: {_described(count)}{extras}; reference {_reference(case)}.",
        source=setup.source,
        citations=citations(setup.seen),
        flags=_printed_otherwise(case),
    )
    return answer.model_copy(update={"values": _values(count)})


def _equal(case: Case, count: Count) -> bool:
    """The reference's rank on the reference's modules in every layer; linear modules of the head may be adapted, too."""
    assert case.facts is not None
    reference = count_config(case.facts, {**case.facts.reference_lora, "task_type": "SEQ_CLS"})
    if reference is None or count.rank != reference.rank or not count.head:
        return False
    in_layers = {
        name.rpartition(".")[2] for name in weights_of(case.facts) if any(part.isdigit() for part in name.split("."))
    }
    same = set(count.targets) & in_layers == set(reference.targets)
    extra = count_config(
        case.facts, {"r": reference.rank, "target_modules": list(count.targets), "task_type": "SEQ_CLS"}
    )
    return same and count.lora in {reference.lora, extra.lora if extra else 0}


def _reference(case: Case) -> str:
    assert case.facts is not None
    lora = case.facts.reference_lora
    return f"r={lora.get('r')} on {','.join(short_target(str(name)) for name in lora.get('target_modules') or ())}"


def _words(count: Count) -> str:
    return (
        f"r={count.rank} on {','.join(short_target(name) for name in sorted(count.targets, key=_usual_order))}"
        if count.targets
        else "no LoRA matrix"
    )


def _usual_order(name: str) -> tuple[int, str]:
    """q, k, v, o, as everybody says it."""
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def _ambiguous(case: Case, count: Count) -> str:
    """Which other configurations give this very count."""
    assert case.facts is not None
    own = _words(count)
    others = [item.words() for item in explain(case.facts, count.trainable) if set(item.targets) != set(count.targets)]
    also = ", and ".join(others[:3])
    return also and f"({count.trainable:,} is also what {also} gives; your code says {own}.) "


def _gives(case: Case, number: int, count: Count) -> str:
    """`1,182,592 is what r=8 on q,k,v,o gives, and r=16 on q,v; your code says r=16 on q,k,v,o.`"""
    assert case.facts is not None
    known = ", and ".join([item.words() for item in explain(case.facts, number)][:3])
    return known and f"{number:,} is what {known} gives; your code says {_words(count)}."


def _described(count: Count | None) -> str:
    if count is None:
        return "not countable at true size"
    head = "trained" if count.head else "frozen"
    return f"{count.trainable:,} of {count.total:,} ({count.percent:.4f} %), {_words(count)}, head {head}"


def _counted(count: Count | None) -> str:
    return f" (At true size {count.trainable:,} parameters train.)" if count is not None and count.trainable else ""


def _values(count: Count | None) -> dict[str, str | int | float | bool | None]:
    if count is None:
        return {}
    return {"trainable": count.trainable, "total": count.total, "percent": round(count.percent, 4), "rank": count.rank}


def _printed(case: Case) -> list[Trainable]:
    """Counts in the saved outputs; those of the practice models say nothing of the real run."""
    found = case.seen.of(Trainable, model=case.line.model, source="recorded")
    return [item for item in found if item.count and not practice_count(case, item)]


def _printed_otherwise(case: Case) -> tuple[Flag, ...]:
    """A count in the saved outputs that nothing that ran gives."""
    assert case.facts is not None
    printed = _printed(case)
    runs = [count for item in dry(case, Trainable) if (count := count_names(case.facts, item.names)) is not None]
    if not printed or not runs or any(item.count == count.trainable for item in printed for count in runs):
        return ()
    configured = [
        count_config(case.facts, item.config) for item in (*dry(case, LoraConfigured), *said(case, LoraConfigured))
    ]
    if any(count is not None and item.count == count.trainable for count in configured for item in printed):
        return ()
    return (
        conflict(
            f"a saved output shows {printed[0].count:,} trainable parameters, the code trains {runs[0].trainable:,}"
        ),
    )


def _from_text(case: Case) -> Finding:
    assert case.facts is not None
    configs = configurations(case) or dry(case, LoraConfigured)
    printed = _printed(case)
    whole = [with_rank(case.facts, item.config, [shown.count or 0 for shown in printed]) for item in configs]
    found = zip(configs, (count_config(case.facts, config) for config in whole), strict=True)
    counts = [(item, count) for item, count in found if count is not None]
    if len(counts) < len(configs) or not counts:
        return _from_count(case, printed)
    matching = [(item, count) for item, count in counts if any(shown.count == count.trainable for shown in printed)]
    item, count = (matching or counts)[-1]
    seen: tuple[Observation, ...] = (item, *printed)
    setup = Setup(count, 0, 0.0, count.head, _extras(item.config), item.source, seen)
    if len({(count.trainable, count.targets, count.head) for _, count in counts}) > 1 and not matching:
        return not_assessed(
            f"Your code puts several LoRA configurations on {word(case.line.model)}; which one is meant could not be told.",
            f"Not run; configured: {'; '.join(_described(count) for _, count in counts)}.",
        )
    if printed and not matching:
        return not_assessed(
            f"Your outputs show {printed[0].count:,} trainable parameters for {word(case.line.model)}, your configuration gives "
            f"{count.trainable:,}. {_gives(case, printed[0].count or 0, count)}".strip(),
            f"Not run; printed {printed[0].count:,}, configured {count.trainable:,} ({_words(count)}): they do not fit. "
            f"{_gives(case, printed[0].count or 0, count)}".strip(),
        )
    if not count.head:
        return _frozen_in_text(case, setup, confirmed=bool(matching))
    return _compare(case, setup)


def _extras(config: Mapping[str, Any]) -> tuple[str, ...]:
    biases = str(config.get("bias") or "none") != "none"
    return tuple(name for name, used in (("DoRA", config.get("use_dora")), ("biases", biases)) if used)


def _frozen_in_text(case: Case, setup: Setup, *, confirmed: bool) -> Finding:
    if confirmed and not writes_text(setup.seen):
        text = f"The classification head of {word(case.line.model)} is frozen: your printed count is LoRA's alone."
        fix = f'{your_line(setup.seen)} Give the LoraConfig `task_type="SEQ_CLS"`.'
        return _failed(case, setup, f"{text}{fix}", "configuration and printed count agree")
    return not_assessed(
        f"Your configuration does not name the head of {word(case.line.model)}; whether it trains could not be seen.",
        "Not run: no task type, no modules_to_save, no printed count that settles it.",
    )


def writes_text(seen: Iterable[Observation]) -> bool:
    """LoRA was put on a model that writes text (`task_type="CAUSAL_LM"`): it has no classification head to be frozen."""
    return any(isinstance(item, LoraConfigured) and "LM" in str(item.config.get("task_type")) for item in seen)


def _from_count(case: Case, printed: list[Trainable]) -> Finding:
    """Only a printed number: it can't tell the configuration, but the candidates help a person."""
    assert case.facts is not None
    if not printed or printed[0].count is None:
        return not_assessed(
            f"We could not see what trains in {word(case.line.model)}. `model.print_trainable_parameters()` shows it.",
            "No training run, no LoRA configuration and no printed count was seen.",
        )
    number = printed[0].count
    names = ", ".join(item.words() for item in explain(case.facts, number)) or "no usual configuration"
    return not_assessed(
        f"Your outputs show {number:,} trainable parameters for {word(case.line.model)}; the configuration itself was not found.",
        f"Printed {number:,}: what {names} gives. A count alone does not settle it.",
    )
