"""Assignments and rubrics from disk, validated whole. Grades nothing."""

from grader.catalog.assignments import Course, find_course, load_assignment
from grader.catalog.rubrics import load_rubric

__all__ = ["Course", "find_course", "load_assignment", "load_rubric"]
