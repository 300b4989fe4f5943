"""Looks into the files that the run saved: is the classification head there, and are its values the trained ones?"""

from __future__ import annotations

from pathlib import PurePosixPath

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.checking.counting import count_config, saved_modules
from grader.checks._seen import citations, configurations, conflict, dry, finished, said, your_line
from grader.model.finding import Finding
from grader.model.observation import LoraConfigured, Saved, Trainable
from grader.model.submission import Flag


class Options(CheckOptions):
    """Options of `head_saved`: none."""


@check(Options)
def head_saved(case: Case, options: Options) -> Finding:
    """The classification head is trained with the adapter, and its trained values are in what is saved.

    The head starts at random. Under LoRA it trains and is saved only if PEFT knows of it, by `task_type="SEQ_CLS"` or
    `modules_to_save`; otherwise a reloaded model classifies with another random head.
    """
    trains = [item for item in dry(case, Trainable) if item.head is not None]
    handed = {file.path for file in case.evidence.saved if file.origin == "handed_in"}
    artifacts = case.seen.of(Saved, model=case.line.model, source="artifact")
    saved = [item for item in artifacts if trains or item.path in handed]
    claimed = list(dry(case, Saved)) if trains else []
    if trains and not any(item.head for item in trains):
        return _frozen(case, trains, saved + claimed)
    files = _meant(saved + claimed)
    if any(item.head is not None for item in files):
        return _judge_files(case, files)
    if trains:
        return _nothing_saved(case, trains, files)
    return _from_text(case)


OTHER_ANSWERS = 0.05
"""Half precision alone makes some per cent of difference."""
PICKLES = (".pt", ".pth", ".bin", ".pkl", ".ckpt", ".joblib")
TRAINERS_OWN = {"training_args.bin", "optimizer.pt", "optimizer.bin", "scheduler.pt", "scaler.pt", "rng_state.pth"}


def _head(case: Case) -> str:
    return case.facts.head if case.facts else "score"


def _fix(case: Case) -> str:
    return f'Give the LoraConfig `task_type="SEQ_CLS"` or `modules_to_save=["{_head(case)}"]`, and save after training.'


def _meant(saved: list[Saved]) -> list[Saved]:
    """What the student saved on purpose; the Trainer's own checkpoints where there is nothing else."""
    own = [item for item in saved if "checkpoint-" not in item.path]
    return own or saved


def _frozen(case: Case, trains: list[Trainable], saved: list[Saved]) -> Finding:
    lists = _content(saved)
    return finding(
        "failed",
        student=(
            f"The head `{_head(case)}` stays frozen at its random start while LoRA trains around it"
            f"{', and it is not in the adapter that you save' if saved and not any(item.head for item in saved) else ''}."
            f"{your_line([*said(case, LoraConfigured), *trains])} {_fix(case)}"
        ),
        staff=f"Dry run: the head is not among the {len(trains[0].names)} trainable parameters. Saved: {lists}.",
        source="dry_run",
        citations=(*citations(trains), *citations(saved)),
    )


def _content(saved: list[Saved]) -> str:
    return (
        "; ".join(
            f"{item.path} ({item.format}, head {_yes(item.head)}, its values trained {_yes(item.head_trained)})"
            for item in saved[:4]
        )
        or "nothing"
    )


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "not known"}[value]


def _judge_files(case: Case, files: list[Saved]) -> Finding:
    with_head = [item for item in files if item.head]
    good = [item for item in with_head if item.head_trained is not False and not item.adapter_zero]
    staff = f"{'Measured' if files[0].source == 'artifact' else 'Claimed by the recorder'}: {_content(files)}."
    apart = _unopened(case)
    if not with_head and apart:
        return finding(
            "partial",
            student=(
                f"Your adapter does not hold the head `{_head(case)}`. You also save {apart[0]}, which may hold it, "
                f"but that needs further "
                f"code to load. {_fix(case)}"
            ),
            staff=f"{staff} Left unopened (never unpickled): {', '.join(apart[:4])}.",
            source=files[0].source,
            citations=citations(files),
            flags=_copies(case),
        )
    if not with_head:
        return finding(
            "failed",
            student=(
                f"Your decoder's head `{_head(case)}` is missing from what you save, so the reloaded model would classify with a "
                f"random one. {_fix(case)}"
            ),
            staff=f"{staff}{_asked_again(files)}",
            source=files[0].source,
            citations=citations(files),
            flags=_copies(case),
        )
    if not good and trained_later(case):
        return _unknown(case, f"the files seen hold the head untrained, and the run stopped before its end. {staff}")
    if not good:
        return finding(
            "failed",
            student=f"Your file holds the head, but with its values from before training. {_fix(case)}",
            staff=f"{staff} lora_B all zero: {', '.join(_yes(item.adapter_zero) for item in with_head)}.",
            source=with_head[0].source,
            citations=citations(with_head),
            flags=_copies(case),
        )
    return _saved_well(case, good, staff)


def _unopened(case: Case) -> list[str]:
    """Pickled files of the student's own that the run left: a head may be in them, and they are never opened."""
    return [
        path
        for path in case.evidence.left
        if path.endswith(PICKLES) and "checkpoint-" not in path and PurePosixPath(path).name not in TRAINERS_OWN
    ]


def trained_later(case: Case) -> bool:
    """The run broke off: what is saved after training may not have been reached."""
    return not finished(case) and bool(dry(case, Trainable))


def _saved_well(case: Case, good: list[Saved], staff: str) -> Finding:
    if all(item.needs_hand_work for item in good):
        return finding(
            "partial",
            student=(
                "The trained head is saved, but as a bare state dict or pickle that needs further code to load. "
                "`model.save_pretrained(folder)` keeps everything that is needed."
            ),
            staff=staff,
            source=good[0].source,
            citations=citations(good),
        )
    sure = any(item.head_trained for item in good)
    staff = f"{staff}{_asked_again(good)}"
    return finding(
        "passed",
        student=f"The trained head `{_head(case)}` is in what you save: the decoder can be loaded again as it was.",
        staff=f"{staff} {'Its bytes differ from the start and match the run.' if sure else 'Trained values not provable.'}",
        source=good[0].source,
        citations=citations(good),
        flags=(*_copies(case), *_answers_otherwise(good)),
    )


def _asked_again(files: list[Saved]) -> str:
    """What became of loading it in a box of its own."""
    worst = max((item.reload_difference for item in files if item.reload_difference is not None), default=None)
    return (
        ""
        if worst is None
        else f" Loaded in a fresh box, its answers differ from the live model's by {worst:.1e} at most."
    )


def _answers_otherwise(files: list[Saved]) -> tuple[Flag, ...]:
    """The file holds the trained head, and still does not give the model that was trained: more was changed than is saved."""
    odd = [item for item in files if item.reload_difference is not None and item.reload_difference > OTHER_ANSWERS]
    if not odd:
        return ()
    why = f"{odd[0].path}, loaded in a fresh box, gives other answers than the notebook's model (by {odd[0].reload_difference:.0%})"
    return (conflict(why),)


def _copies(case: Case) -> tuple[Flag, ...]:
    """Adapters that are not this run's: handed in and never trained, or there without a save."""
    handed = {file.path for file in case.evidence.saved if file.origin == "handed_in"}
    files = [item for item in case.seen.of(Saved, model=case.line.model, source="artifact") if item.path in handed]
    zero = [item.path for item in files if item.adapter_zero]
    foreign = [item.path for item in case.seen.of(Saved, source="artifact") if item.unexplained]
    said = [f"the adapter handed in ({path}) never trained (lora_B all zero)" for path in zero[:1]]
    said += [f"no save of the run wrote {path}: it came from elsewhere" for path in foreign[:1]]
    return tuple(conflict(why) for why in said)


def _nothing_saved(case: Case, trains: list[Trainable], files: list[Saved]) -> Finding:
    calls = said(case, Saved)
    if not finished(case) or calls:
        return _from_text(case, trained=True)
    return finding(
        "partial",
        student=(
            f"Your decoder's head is trained, but nothing is saved. `model.save_pretrained(folder)` after training keeps adapter and "
            f"head `{_head(case)}` together."
        ),
        staff="Dry run to the end: the head trains, no file of weights was written and no save was seen.",
        source="dry_run",
        citations=citations(trains),
    )


def _from_text(case: Case, *, trained: bool = False) -> Finding:
    """The run did not get to saving: the configuration says what would be in the adapter."""
    configs = [*dry(case, LoraConfigured), *configurations(case)]
    calls = [item for item in said(case, Saved) if item.after_training is not False and item.head is not False]
    if case.facts is None or not configs:
        return _unknown(case, "no LoRA configuration of the decoder was seen")
    config = configs[0]
    if any("optimizer" in item.config.get("unresolved", ()) for item in configs):
        return _unknown(case, "the optimizer is made before LoRA is put on, so that the head may not train")
    keeping = [any(name == _head(case) for name in saved_modules(case.facts, item.config)) for item in configs]
    kept = all(keeping)
    if kept and calls and all(item.needs_hand_work for item in calls):
        return finding(
            "partial",
            student=(
                "Your code saves the trained head as a bare state dict or pickle that needs further code to load. "
                "`model.save_pretrained(folder)` keeps everything that is needed."
            ),
            staff=f"Not measured (saving was not reached): {config.source} configuration keeps the head; saved as {calls[0].format}.",
            source=config.source,
            citations=citations(calls),
        )
    if kept and calls:
        return finding(
            "passed",
            student=f"Your configuration trains the head `{_head(case)}` and your code saves the adapter, so the head is in it.",
            staff=f"Not measured (saving was not reached): {config.source} configuration keeps the head; the code saves.",
            source=config.source,
            citations=(*citations([config]), *citations(calls)),
        )
    counts = {item.count for item in case.seen.of(Trainable, model=case.line.model, source="recorded")}
    count = count_config(case.facts, config.config)
    settled = not any(keeping) and all(count_config(case.facts, item.config) == count for item in configs)
    texts = any("LM" in str(item.config.get("task_type")) for item in configs)
    if settled and not trained and not texts and count is not None and count.trainable in counts:
        return finding(
            "failed",
            student=(
                f"Your configuration leaves the head `{_head(case)}` frozen: the {count.trainable:,} trainable parameters that you "
                f"print are LoRA's alone.{your_line(configs)} {_fix(case)}"
            ),
            staff=f"Not run: {config.source} configuration without task type or modules_to_save, and the printed count agrees.",
            source="recorded",
            citations=citations(case.seen.of(Trainable, model=case.line.model, source="recorded")),
        )
    return _unknown(case, f"configuration keeps the head: {_yes(kept)}; saves in the code: {len(calls)}")


def _unknown(case: Case, why: str) -> Finding:
    return not_assessed(
        f"We could not see whether your decoder's trained head is in what you save. {_fix(case)}",
        f"Saving was not reached in a dry run, and the rest does not settle it: {why}.",
    )
