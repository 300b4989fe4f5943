"""The verbs: load -> stage -> store. Commands call these; no verb prints."""

from grader.pipeline.grading import Request, grade
from grader.pipeline.judging import Judgement, judge
from grader.pipeline.materials import Materials, load_materials
from grader.pipeline.regrading import Change, regrade
from grader.pipeline.results import Graded, needs_person, result_of, results_json

__all__ = [
    "Change",
    "Graded",
    "Judgement",
    "Materials",
    "Request",
    "grade",
    "judge",
    "load_materials",
    "needs_person",
    "regrade",
    "result_of",
    "results_json",
]
