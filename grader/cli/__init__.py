"""The command line: parse, call the pipeline, print. No grading happens here."""

from grader.cli.app import main

__all__ = ["main"]
