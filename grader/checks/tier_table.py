"""Looks for F1 broken down by frequency tier, for both models, in outputs and in the memo's tables."""

from __future__ import annotations

import re

from grader.checking.api import Case, CheckOptions, check, finding, not_assessed
from grader.checks._outputs import has_outputs, joined, memo_says, outputs_say, shows_picture
from grader.model.base import Role
from grader.model.finding import Finding
from grader.model.observation import TierTable

BOTH: tuple[Role, ...] = ("encoder", "decoder")
_MEMO = re.compile(
    r"\btiers?\b|\brare(?:st)?\b|\bper[- ]class\b|\bfrequen\w+\b|\blong[- ]tail\b|\bbuckets?\b", re.IGNORECASE
)
_OUTPUT = re.compile(
    r"\btiers?\b|\brare|\bcommon\b|\bfrequent|\bbuckets?\b|\bbins?\b|\bquartile|\bhead\b|\btail\b|selten|häufig|mittel|\brar[ao]s?\b|"
    r"comun|frecuent|fréquent|稀有|罕见|常见|\d\s?(?:-|–|\.\.|to|bis|à|a)\s?\d{2,}|[<>≤≥]=?\s?\d{2,}|\d{3,}\s?\+",
    re.IGNORECASE,
)
"""What a line of a breakdown may begin with, in whatever language; only ever a reason not to say that there is none."""


class Options(CheckOptions):
    """Options of `tier_table`."""

    models: tuple[Role, ...] = BOTH
    """Whose F1 is asked for."""


@check(Options)
def tier_table(case: Case, options: Options) -> Finding:
    """F1 is shown by frequency tier for every model that is asked for, and it is said which classes belong to which tier.

    Tiers may be called anything and may stand in rows, columns or printed lines, in an output or in a table of the memo.
    """
    recorded = case.seen.of(TierTable, source="recorded")
    tiered = [item for item in recorded if item.tiers]
    per_class = [item for item in recorded if item.per_class]
    if tiered and _models(tiered):
        return _judged(tiered, options.models)
    if tiered:
        return not_assessed(
            "There is a table by tier, but we could not tell which column is which model; a person will look. Naming the "
            "models in the table's head helps every reader.",
            f"Tiers {joined(tiered[0].tiers)} found, the models of the columns not recognised.",
        )
    if per_class:
        return _per_class_only(per_class)
    return _nothing(case)


def _both(asked: tuple[Role, ...]) -> str:
    return " for both models" if len(asked) > 1 else ""


def _models(tables: list[TierTable]) -> set[Role]:
    return {role for item in tables for role in item.models}


def _judged(tables: list[TierTable], asked: tuple[Role, ...]) -> Finding:
    roles = _models(tables)
    defined = any(item.defined for item in tables)
    missing = [role for role in asked if role not in roles]
    tiers = joined(dict.fromkeys(tier for item in tables for tier in item.tiers))
    citations = tuple(item.citation for item in tables[:3])
    if not missing and defined:
        return finding(
            "passed",
            student=f"F1 by frequency tier is there{_both(asked)}, and it is said where the tiers' borders are.",
            staff=f"Tiers {tiers}; models {joined(asked)}; borders stated in a label, in the text or in the code.",
            source="recorded",
            citations=citations,
        )
    advice = "Say by which numbers of training examples the tiers are drawn."
    if missing:
        advice = f"Add the {missing[0]}'s figures beside them."
    borders = "not where the tiers' borders are"
    what = (
        f"only for the {next(iter(roles))}"
        if missing
        else f"for both models, but {borders}"
        if len(asked) > 1
        else f"but {borders}"
    )
    return finding(
        "partial",
        student=f"Your notebook shows F1 by tier {what}. {advice}",
        staff=f"Tiers {tiers}; models: {joined(sorted(roles))}; borders {'stated' if defined else 'not found'}.",
        source="recorded",
        citations=citations,
    )


def _per_class_only(tables: list[TierTable]) -> Finding:
    roles = sorted(_models(tables))
    return finding(
        "partial",
        student=(
            "Your notebook shows F1 class by class. Grouping the classes into a few tiers by their number of training "
            "examples, with both models side by side, would show where the models differ."
        ),
        staff=f"Per-class F1 for {joined(roles) or 'an unnamed model'}, no table by tier recognised.",
        source="recorded",
        citations=tuple(item.citation for item in tables[:3]),
    )


def _nothing(case: Case) -> Finding:
    code = case.seen.of(TierTable, source="source")
    if any(shows_picture(case, item.citation.cell) for item in code if item.citation):
        return _unclear(
            "a figure may show it", "The code breaks F1 down and its output is a picture, which was not read.", code
        )
    if code:
        what = "your code computes it, but we found no table in the outputs"
        return _unclear(what, "Code for a breakdown, no table recognised.", code)
    if memo_says(case, _MEMO):
        return _unclear(
            "your memo speaks of it", "No table recognised; the memo speaks of tiers or rare classes with numbers.", ()
        )
    if outputs_say(case, _OUTPUT):
        staff = "Output lines with tier words or ranges and decimals, not read as a table."
        return _unclear("lines of your outputs may show it", staff, ())
    if not has_outputs(case):
        return _unclear("the notebook was handed in without outputs", "No outputs to look at.", ())
    return finding(
        "failed",
        student=(
            "We found no breakdown of F1 by class or by frequency tier. Sort the classes into tiers by their number of training "
            "examples and show the mean F1 (and the classes at zero) in each, for every model."
        ),
        staff="No per-class or tier breakdown in outputs, code or memo tables.",
        source="recorded",
    )


def _unclear(student: str, staff: str, tables: tuple[TierTable, ...]) -> Finding:
    answer = not_assessed(f"F1 by tier could not be read automatically ({student}); a person will look.", staff)
    return answer.model_copy(update={"citations": tuple(item.citation for item in tables[:3] if item.citation)})
