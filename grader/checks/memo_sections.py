"""Are all five parts of the memo there? By heading under any wording, or by what is written; quality is not looked "
"at."""

from __future__ import annotations

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.model.finding import Citation, Finding, Verdict
from grader.model.memo import Memo, MemoPart, MemoRead

LONG = 120
"""Words from which a memo without any recognised heading is one that was not understood, rather than one that is "
  "missing."""


class Options(CheckOptions):
    """Nothing to set: the parts are the rubric's sections."""

    enough: int = 4
    """So many parts make it `partial`; fewer are `failed`."""


@check(Options)
def memo_sections(case: Case, options: Options) -> Finding:
    """All parts of the memo are there, whatever their headings say and in whatever order they stand."""
    read = next(iter(case.seen.of(MemoRead)), None)
    if read is None:
        return not_assessed(
            "Your memo was not read yet.", "The memo was not among the observations: nothing was judged."
        )
    memo = read.memo
    present = [part for part in memo.parts if part.found != "none" and not part.empty]
    missing = [part.id for part in memo.parts if part not in present]
    merged = [part.id for part in present if not part.apart]
    if missing and _not_understood(memo, present):
        return not_assessed(
            "We could not tell the parts of your memo apart; a person will read it as it is.",
            f"Text without recognised headings ({memo.language}); found by content: "
            f"{_list([part.id for part in present])}.",
        )
    verdict: Verdict = (
        "passed" if not missing and not merged else "partial" if len(present) >= options.enough else "failed"
    )
    return finding(
        verdict,
        student=_student(missing, merged, bool(present)),
        staff=_staff(memo, missing, merged),
        source="recorded",
        citations=tuple(_cite(part) for part in present),
        found=len(present),
        parts=len(memo.parts),
    )


def _not_understood(memo: Memo, present: list[MemoPart]) -> bool:
    words = sum(len(item.text.split()) for item in memo.passages if item.memo and item.kind != "heading")
    chinese = sum(len(item.text) for item in memo.passages if item.memo) // 2 if memo.language == "zh" else 0
    headed = any(part.found == "heading" for part in memo.parts)
    return max(words, chinese) >= LONG and (not headed or memo.language == "other")


def _student(missing: list[str], merged: list[str], anything: bool) -> str:
    if not anything:
        return (
            "We found no memo text. If it is in another file, hand that in too; if it is in the notebook, check "
            "that the cells are text cells."
        )
    if missing:
        return (
            f"We did not find these parts of the memo, or they are empty: {_list(missing)}. The other parts were "
            f"read wherever they stand."
        )
    if merged:
        return (
            f"All parts are there, but {_list(merged)} can't be told from another part. A heading for each helps "
            f"your reader."
        )
    return "All parts of the memo are there."


def _staff(memo: Memo, missing: list[str], merged: list[str]) -> str:
    how = "; ".join(_how(part) for part in memo.parts)
    return f"{how}. Missing or empty: {_list(missing)}. Not told apart: {_list(merged)}."


def _how(part: MemoPart) -> str:
    heading = f" “{part.heading}”" if part.heading else ""
    return f"{part.id}: {part.found}{heading}{', empty' if part.empty else ''}"


def _cite(part: MemoPart) -> Citation | None:
    return (
        Citation(where="memo" if part.cell is None else "notebook", cell=part.cell, quote=part.heading)
        if part.heading
        else None
    )


def _list(names: list[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names) or "none"
