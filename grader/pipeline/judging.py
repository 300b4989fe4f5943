"""From evidence to a scorecard: observe, check, suggest, score. Pure; the same for instructors and students."""

from __future__ import annotations

from dataclasses import dataclass

from grader.checking.engine import run_checks
from grader.model.evidence import Evidence
from grader.model.finding import Findings
from grader.model.memo import Memo
from grader.model.observation import Observations
from grader.model.scorecard import Scorecard, Suggestion
from grader.model.submission import Flag, Submission
from grader.observing import observe
from grader.observing.memo import memo_observation, read_memo
from grader.pipeline.materials import Materials
from grader.scoring import score, unscored
from grader.scoring.suggest import suggest
from grader.workspace.files import digest_of


@dataclass(frozen=True)
class Judgement:
    """Everything that was concluded about one submission."""

    findings: Findings
    seen: Observations
    memo: Memo | None
    scorecard: Scorecard
    flags: tuple[Flag, ...] = ()


def judge(
    submission: Submission, evidence: Evidence, materials: Materials, *, scale: str, public_only: bool = False
) -> Judgement:
    """Never raises because of the submission's content: what breaks down is a flag or a `crashed` finding."""
    if evidence.notebook is None and evidence.memo_text is None:
        return Judgement(
            Findings(), Observations(), None, unscored(materials.rubric, submission, evidence.flags), evidence.flags
        )
    seen, broken = observe(evidence, materials.assignment)
    memo, memo_trouble = _memo(evidence, materials, seen)
    if memo is not None:
        seen = seen.model_copy(update={"items": (*seen.items, memo_observation(memo))})
    findings = run_checks(
        materials.rubric,
        evidence,
        seen,
        materials.assignment,
        materials.registry,
        scale=scale,
        public_only=public_only,
    ).model_copy(update={"evidence_sha256": digest_of(evidence), "rubric_sha256": materials.rubric_sha256})
    suggestions, suggest_trouble = _suggestions(memo, materials, seen, findings)
    flags = (*evidence.flags, *broken, *memo_trouble, *suggest_trouble)
    card = score(
        materials.rubric,
        submission,
        findings=findings.findings,
        suggestions=suggestions,
        flags=flags,
        late=materials.assignment.late,
    ).model_copy(update={"findings_sha256": digest_of(findings), "rubric_sha256": materials.rubric_sha256})
    return Judgement(findings, seen, memo, card, flags)


def _memo(evidence: Evidence, materials: Materials, seen: Observations) -> tuple[Memo | None, tuple[Flag, ...]]:
    try:
        return read_memo(evidence, materials.assignment, materials.rubric, seen), ()
    except Exception as error:  # the memo is a student's text: whatever it breaks, a person reads it then
        return None, (_our_fault("the memo reader", error),)


def _suggestions(
    memo: Memo | None, materials: Materials, seen: Observations, findings: Findings
) -> tuple[dict[str, Suggestion], tuple[Flag, ...]]:
    if memo is None:
        return {}, ()
    try:
        return suggest(memo, materials.rubric, seen, findings), ()
    except Exception as error:  # as above
        return {}, (_our_fault("suggesting points", error),)


def _our_fault(what: str, error: Exception) -> Flag:
    why = f"{what} failed on this submission ({type(error).__name__}): our fault, a person reads the memo"
    return Flag(kind="memo_reader_crashed", why=why)
