"""Do the memo's numbers agree with the notebook's own outputs? A contradiction is shown with both numbers; nobody is accused."""

from __future__ import annotations

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.model.finding import Citation, Finding, Verdict
from grader.model.memo import Memo, MemoNumber, MemoRead
from grader.model.submission import Flag

METRICS = frozenset({"accuracy", "macro_f1", "f1", "zero_f1_classes", "trainable", "latency_ms", "throughput"})
SHARES = frozenset({"accuracy", "macro_f1", "f1"})
ELSEWHERE = frozenset({"full_ft", "week2", "hypothesis", "expectation", "experiment", "switch", "give_up"})
SHOWN = 5


class Options(CheckOptions):
    """How strictly figures are held against outputs."""

    rounding: float = 0.006
    """Relative difference beyond which a rounded share counts as rounded beyond three digits."""
    many_unsourced: int = 4
    """So many result figures without a source, and more than half of all, are a flag for a person."""


@check(Options)
def memo_numbers(case: Case, options: Options) -> Finding:
    """The figures in the memo are those that the notebook's own outputs show, or follow from them."""
    read = next(iter(case.seen.of(MemoRead)), None)
    if read is None:
        return not_assessed(
            "Your memo was not read yet.", "The memo was not among the observations: nothing was judged."
        )
    memo = read.memo
    wrong = [item for item in memo.numbers if item.status == "contradicts"]
    sourced = [item for item in memo.numbers if item.status in ("agrees", "rounded") and item.metric is not None]
    bare = [item for item in memo.numbers if _unsourced(item, memo)]
    if not wrong and not sourced and not (bare and memo.outputs):
        why = "the saved outputs hold no numbers" if not memo.outputs else "the memo holds no result figures"
        return not_assessed(f"There was nothing to compare: {why}.", f"Nothing to compare: {why}.")
    coarse = [item for item in sourced if _coarse(item, options.rounding)]
    verdict: Verdict = "failed" if wrong else "partial" if bare or coarse or memo.refuted else "passed"
    return finding(
        verdict,
        student=" ".join(filter(None, (_student(wrong, bare, coarse, memo), _sentences(memo)))),
        staff=f"{len(sourced)} figures agree with outputs, {len(wrong)} contradict one, {len(bare)} have no source, "
        f"{len(coarse)} are coarsely rounded; {len(memo.refuted)} sentence(s) say something else than the tables.",
        source="recorded",
        citations=(
            *(citation for item in wrong[:SHOWN] for citation in (_place(item.passage, memo), item.citation)),
            *(citation for item in memo.refuted[:SHOWN] for citation in (_place(item.passage, memo), item.citation)),
        ),
        flags=(*_flags(wrong, bare, sourced, options), *_claim_flags(memo)),
        agree=len(sourced),
        contradict=len(wrong),
        unsourced=len(bare),
        claims=len(memo.refuted),
    )


def _unsourced(item: MemoNumber, memo: Memo) -> bool:
    """A result figure, written as one, that no output holds and that isn't about another week, a plan or a condition."""
    if item.status != "unsourced" or item.kind != "value" or item.metric not in METRICS or item.model is None:
        return False
    precise = any(sign in item.text for sign in ".,") or item.unit in ("%", "ms")
    return precise and memo.outputs > 0 and not ELSEWHERE & memo.passages[item.passage].tags


def _coarse(item: MemoNumber, tolerance: float) -> bool:
    """An F1 or accuracy given so roughly that it could be several results."""
    if item.status != "rounded" or item.metric not in SHARES or item.subject is not None:
        return False
    try:
        true = float(item.output.strip(" %").replace(",", ""))
    except ValueError:
        return False
    return true > 0 and min(abs(item.value * factor / true - 1) for factor in (1, 0.01, 100)) > tolerance


def _student(wrong: list[MemoNumber], bare: list[MemoNumber], coarse: list[MemoNumber], memo: Memo) -> str:
    if wrong:
        pairs = "; ".join(
            f"{_name(item)}: the memo says {item.text}, the notebook's output {item.output}" for item in wrong[:SHOWN]
        )
        return (
            f"Some figures in the memo differ from your notebook's own outputs. {pairs}. Often one of them is "
            f"from an earlier run: bring them in line."
        )
    if bare:
        named = ", ".join(dict.fromkeys(f"{item.text} ({_name(item)})" for item in bare[:SHOWN]))
        return (
            f"We could not find these figures of the memo in your outputs: {named}. Print them in the notebook, "
            f"so that a reader can follow them."
        )
    if coarse:
        named = ", ".join(dict.fromkeys(f"{item.text} for {item.output}" for item in coarse[:SHOWN]))
        return f"The figures agree with your outputs, some are rounded a lot: {named}. Three digits are enough."
    return "The figures in your memo agree with your notebook's outputs."


def _name(item: MemoNumber) -> str:
    words = (
        item.model,
        item.run if item.run == "weighted" else None,
        (item.metric or "figure").replace("_", " "),
        item.subject,
    )
    return " ".join(str(word) for word in words if word)


def _sentences(memo: Memo) -> str:
    """Claims that the student's own tables contradict, each beside what these hold."""
    told = "; ".join(f"“{memo.passages[item.passage].text[:200]}” ({item.outputs})" for item in memo.refuted[:SHOWN])
    return f"Please look again at what your own tables say here: {told}." if told else ""


def _claim_flags(memo: Memo) -> list[Flag]:
    """For a person to see, not to wait for: a sentence may be meant in another way."""
    if not memo.refuted:
        return []
    first = memo.refuted[0]
    why = f"{len(memo.refuted)} sentence(s) of the memo say something else than its tables: {first.outputs}"
    return [Flag(kind="memo_claim_against_tables", why=why, blocking=False)]


def _place(index: int, memo: Memo) -> Citation:
    passage = memo.passages[index]
    return Citation(where="memo" if passage.cell is None else "notebook", cell=passage.cell, quote=passage.text[:300])


def _flags(wrong: list[MemoNumber], bare: list[MemoNumber], sourced: list[MemoNumber], options: Options) -> list[Flag]:
    flags = []
    if wrong:
        flags.append(
            Flag(
                kind="memo_contradicts_output",
                why=f"{len(wrong)} figure(s) of the memo differ from the "
                f"notebook's own outputs: {_name(wrong[0])} {wrong[0].text} against {wrong[0].output}",
            )
        )
    if len(bare) >= options.many_unsourced and len(bare) > len(sourced):
        flags.append(
            Flag(
                kind="memo_without_source",
                why=f"{len(bare)} result figures of the memo stand in no output, {len(sourced)} do",
            )
        )
    return flags
