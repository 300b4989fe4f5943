"""results.json, status and explain: what was concluded, for other tools and for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.model.attempts import AttemptChange
from grader.model.decision import Outcome
from grader.model.evidence import Evidence
from grader.model.likeness import Likeness
from grader.model.results import (
    Result,
    ResultAttempts,
    ResultCriterion,
    ResultExecution,
    ResultFinding,
    ResultFlag,
    ResultParticipant,
    ResultSection,
    ResultSubmission,
)
from grader.model.scorecard import CriterionScore, Scorecard, SectionScore
from grader.model.submission import Flag, Submission
from grader.pipeline.judging import Judgement


@dataclass(frozen=True)
class Graded:
    """One participant's way through a run, complete."""

    submission: Submission
    evidence: Evidence
    """How the run went; of a class without its records and notebooks, which stay on disk."""
    judgement: Judgement
    attempt: int | None = None
    extra_flags: tuple[Flag, ...] = ()
    handed_in: int = 0
    """How many attempts there are."""
    change: AttemptChange | None = None
    """What changed since the attempt before."""
    outcome: Outcome | None = None
    """With what people decided; null before the ledger was asked."""
    likeness: Likeness = field(default_factory=Likeness)
    """What the submission is compared with others by."""

    @property
    def card(self) -> Scorecard:
        """What counts: decisions applied where there are any."""
        return self.outcome.card if self.outcome is not None else self.judgement.scorecard

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Everything odd, each thing once."""
        found = [*self.submission.flags, *self.judgement.flags, *self.extra_flags]
        for finding in self.judgement.findings.findings.values():
            found.extend(finding.flags)
        return tuple(dict.fromkeys(found))


def result_of(graded: Graded) -> Result:
    """One object of results.json."""
    submission, card, execution = graded.submission, graded.card, graded.evidence.execution
    person = submission.participant
    return Result(
        participant=ResultParticipant(id=person.id, name=person.name, email=person.email),
        status=card.status,
        submission=ResultSubmission(
            files=tuple(file.path for file in submission.files),
            sha256=submission.sha256,
            draft=submission.draft,
            late_seconds=card.lateness.seconds,
            submitted=card.lateness.submitted,
            due=card.lateness.due,
        ),
        attempts=ResultAttempts(counting=graded.attempt, handed_in=graded.handed_in, change=graded.change),
        execution=ResultExecution(
            mode=execution.mode,
            status=execution.status,
            seconds=execution.seconds,
            cells_run=execution.cells_run,
            why=execution.why,
        ),
        findings={
            name: ResultFinding(
                **found.model_dump(include=set(ResultFinding.model_fields) - {"citations"}), citations=found.citations
            )
            for name, found in graded.judgement.findings.findings.items()
        },
        sections=tuple(_section(section) for section in card.sections),
        adjustments=card.adjustments,
        total=card.total,
        low=card.low,
        high=card.high,
        max=card.max,
        review=card.review,
        flags=tuple(ResultFlag(kind=flag.kind, why=flag.why) for flag in graded.flags if flag.blocking),
        notes=tuple(ResultFlag(kind=flag.kind, why=flag.why) for flag in graded.flags if not flag.blocking),
    )


def _section(section: SectionScore) -> ResultSection:
    fields = section.model_dump(exclude={"criteria"})
    return ResultSection(**fields, criteria=tuple(_criterion(item) for item in section.criteria))


def _criterion(item: CriterionScore) -> ResultCriterion:
    return ResultCriterion(**item.model_dump(exclude={"suggestion"}))


def results_json(everybody: Sequence[Graded]) -> list[dict[str, Any]]:
    """results.json as data."""
    return [result_of(graded).model_dump(mode="json", by_alias=True) for graded in everybody]


def needs_person(everybody: Sequence[Graded]) -> bool:
    """Whether anything waits for a person beyond confirming suggestions."""
    return any(graded.card.status in ("needs_review", "unreadable") for graded in everybody)
