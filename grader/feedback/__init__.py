"""Pages for people: per student, for staff, and a short comment for Moodle. Decides no points, reads no files."""

from grader.feedback.comment import moodle_comment
from grader.feedback.figures import class_spread
from grader.feedback.inputs import (
    ClassSpread,
    EarlierPair,
    OverviewInput,
    PageInput,
    RegradeRequest,
    SimilarPair,
    Spread,
    StudentEntry,
)
from grader.feedback.render import class_overview, student_page
from grader.feedback.rows import overview_rows

__all__ = [
    "ClassSpread",
    "EarlierPair",
    "OverviewInput",
    "PageInput",
    "RegradeRequest",
    "SimilarPair",
    "Spread",
    "StudentEntry",
    "class_overview",
    "class_spread",
    "moodle_comment",
    "overview_rows",
    "student_page",
]
