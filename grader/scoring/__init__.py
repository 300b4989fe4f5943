"""Findings, suggestions and rubric into a scorecard; scorecard and decisions into an outcome."""

from grader.scoring.outcome import by_hand_card, outcome
from grader.scoring.scorecard import adjusted, score, unscored
from grader.scoring.standing import standing, undone

__all__ = ["adjusted", "by_hand_card", "outcome", "score", "standing", "undone", "unscored"]
