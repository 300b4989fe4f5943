"""Grades notebooks of a course on LLM engineering. The commands live in `grader.cli`."""

__version__ = "0.1.0"
