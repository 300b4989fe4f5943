"""From evidence to a scorecard: observe, check, suggest, score. Pure; the same for instructors and students."""

from __future__ import annotations

from dataclasses import dataclass, field

from grader.checking.engine import run_checks
from grader.model.answers import Answers
from grader.model.evidence import Evidence
from grader.model.finding import Findings
from grader.model.memo import Memo
from grader.model.observation import Observations
from grader.model.scorecard import Scorecard, Suggestion
from grader.model.submission import Flag, Submission
from grader.pipeline.answers import answers_of
from grader.pipeline.materials import Materials
from grader.pipeline.reading import Reading, our_fault, read
from grader.scoring import score, unscored
from grader.scoring.suggest import suggest
from grader.scoring.suggest_opinion import with_opinions
from grader.workspace.files import digest_of


@dataclass(frozen=True)
class Judgement:
    """Everything that was concluded about one submission."""

    findings: Findings
    seen: Observations
    memo: Memo | None
    scorecard: Scorecard
    flags: tuple[Flag, ...] = ()
    answers: Answers = field(default_factory=Answers)


def judge(
    submission: Submission,
    evidence: Evidence,
    materials: Materials,
    *,
    scale: str,
    public_only: bool = False,
    reading: Reading | None = None,
) -> Judgement:
    """Never raises because of the submission's content: what breaks down is a flag or a `crashed` finding.

    `reading`: what this evidence was read to say before, where that is known.
    """
    if evidence.notebook is None and evidence.memo_text is None:
        card = unscored(materials.rubric, submission, evidence.flags, dates=materials.assignment.dates)
        return Judgement(Findings(), Observations(), None, card, (*evidence.flags, *card.lateness.flags))
    reading = reading or read(evidence, materials)
    seen, memo = reading.seen, reading.memo
    findings = run_checks(
        materials.rubric,
        evidence,
        seen,
        materials.assignment,
        materials.registry,
        scale=scale,
        public_only=public_only,
    ).model_copy(update={"evidence_sha256": reading.evidence_sha256, "rubric_sha256": materials.rubric_sha256})
    suggestions, suggest_trouble = _suggestions(memo, materials, seen, findings)
    if reading.opinions is not None:
        suggestions = with_opinions(suggestions, reading.opinions, materials.rubric)
    flags = (*evidence.flags, *reading.flags, *suggest_trouble)
    card = score(
        materials.rubric,
        submission,
        findings=findings.findings,
        suggestions=suggestions,
        flags=flags,
        dates=materials.assignment.dates,
    ).model_copy(update={"findings_sha256": digest_of(findings), "rubric_sha256": materials.rubric_sha256})
    flags = (*flags, *card.lateness.flags)
    return Judgement(findings, seen, memo, card, flags, answers_of(materials.rubric, evidence, memo))


def _suggestions(
    memo: Memo | None, materials: Materials, seen: Observations, findings: Findings
) -> tuple[dict[str, Suggestion], tuple[Flag, ...]]:
    if memo is None:
        return {}, ()
    try:
        return suggest(memo, materials.rubric, seen, findings), ()
    except Exception as error:  # the memo is a student's text: whatever it breaks, a person reads it then
        return {}, (our_fault("suggesting points", error),)
