"""What a check is: a function from a case to a finding, marked with its options' type. Decorators only mark.

    class Options(CheckOptions):
        side: Literal["left", "right"] = "left"

    @check(Options)
    def padding_side(case: Case, options: Options) -> Finding:
        '''The decoder is trained and evaluated on batches padded on the left.'''
        ...

One file under grader/checks/ per check; the docstring's first paragraph is the sentence students read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ConfigDict

from grader.model.assignment import Assignment, ExpectedRanges, ModelFacts
from grader.model.base import Frozen
from grader.model.evidence import Evidence
from grader.model.finding import Citation, Finding, Source, Verdict
from grader.model.observation import Observations
from grader.model.rubric import CheckLine
from grader.model.submission import Flag

CREDIT = {"passed": 1.0, "partial": 0.5, "failed": 0.0}


class CheckOptions(Frozen):
    """Base of a check's options: unknown keys in the rubric line are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Case(Frozen):
    """Everything that a check may look at."""

    line: CheckLine
    evidence: Evidence
    seen: Observations
    assignment: Assignment
    scale: str = "t4"
    """Which expected ranges apply."""

    @property
    def facts(self) -> ModelFacts | None:
        """True-size facts of the line's model."""
        return self.assignment.models.get(self.line.model) if self.line.model else None

    @property
    def expected(self) -> ExpectedRanges | None:
        """Ranges of the scale in force."""
        return self.assignment.expected.get(self.scale)


OptionsT = TypeVar("OptionsT", bound=CheckOptions)
CheckFunction = Callable[[Case, Any], Finding]


def check(options: type[OptionsT]) -> Callable[[Callable[[Case, OptionsT], Finding]], CheckFunction]:
    """Mark a function as a check with this options type; the registry collects marked functions."""

    def mark(function: Callable[[Case, OptionsT], Finding]) -> CheckFunction:
        function.__check_options__ = options  # type: ignore[attr-defined]
        return function

    return mark


def finding(  # noqa: PLR0913  (a constructor with readable defaults; all keyword-only)
    verdict: Verdict,
    *,
    student: str,
    staff: str,
    source: Source | None = None,
    citations: tuple[Citation | None, ...] = (),
    caps: bool = True,
    flags: tuple[Flag, ...] = (),
    **values: str | int | float | bool | None,
) -> Finding:
    """A finding with its credit filled in; null citations are dropped."""
    return Finding(
        verdict=verdict,
        credit=CREDIT.get(verdict),
        source=source,
        student_text=student,
        staff_text=staff,
        citations=tuple(dict.fromkeys(item for item in citations if item is not None)),
        caps=caps,
        flags=flags,
        values=values,
    )


def not_assessed(why_student: str, why_staff: str, *, flags: tuple[Flag, ...] = ()) -> Finding:
    """It can't be known from this submission; a person looks, nothing is capped."""
    return finding("not_assessed", student=why_student, staff=why_staff, flags=flags)
