"""Moodle's exports in: who handed in what, and which notebook is to be graded."""
