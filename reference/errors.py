"""What can go wrong in reference runs, as one exception that says what to do."""

from __future__ import annotations


class RunError(Exception):
    """Something a person has to mend: a config, a data file, a missing model. The message says what, where and how."""
