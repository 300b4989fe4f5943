"""Findings, suggestions and rubric into a scorecard; scorecard and decisions into an outcome."""

from grader.scoring.scorecard import score, unscored

__all__ = ["score", "unscored"]
