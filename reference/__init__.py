"""Reference solutions: builds the stage, trains the course's models, records what their metrics should be.

Meets the grader through files only (the stage, expected ranges); neither package imports the other.
"""
