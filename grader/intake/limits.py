"""How much of a hand-in intake is willing to read. Values, no logic."""

from __future__ import annotations

from grader.model.base import Frozen

MEGABYTE = 1024 * 1024


class IntakeLimits(Frozen):
    """Bounds on one export and on each submission in it; what lies above is left out and flagged, never read."""

    export_entries: int = 100_000
    """Entries of the export as a whole."""
    files: int = 2_000
    """Files of one submission, members of its zips included."""
    file_bytes: int = 256 * MEGABYTE
    """One file, unpacked."""
    submission_bytes: int = 512 * MEGABYTE
    """All files of one submission together, unpacked."""
    ratio: int = 200
    """Unpacked size over packed size of a file above `ratio_from` bytes."""
    ratio_from: int = 20 * MEGABYTE
    """Below this size no ratio is suspicious."""
    depth: int = 2
    """Zips inside zips."""
    name_bytes: int = 240
    """One part of a path; file systems end at 255."""
    path_bytes: int = 800
    """A whole path."""
