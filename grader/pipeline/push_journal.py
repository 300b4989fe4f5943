"""What was given to Moodle, line by line as it happened: what is ours to change again, and where a broken push stopped."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from grader.model.base import format_points
from grader.moodlesite.giving import Held, Ours, Wanted


class Journal:
    """moodle/given-<assignment>.jsonl of a results folder; a line that was cut off counts as not written."""

    def __init__(self, folder: Path, site: str, cmid: int) -> None:
        self._path = folder / f"given-{hashlib.sha256(f'{site} {cmid}'.encode()).hexdigest()[:8]}.jsonl"
        self._last: dict[int, Ours] = {}
        for line in self._path.read_bytes().splitlines() if self._path.is_file() else ():
            try:
                entry = json.loads(line)
                self._last[entry["userid"]] = Ours.model_validate(entry)
            except (ValueError, KeyError):
                continue

    def last(self, userid: int) -> Ours | None:
        """What this user got from us last."""
        return self._last.get(userid)

    def giving(self, wanted: Wanted, held: Held) -> None:
        """About to give: whether it arrives is not known yet."""
        self._write(wanted, {"changed_at": None, "before": held.changed_at})

    def given(self, wanted: Wanted, held: Held) -> None:
        """Read back, and right."""
        self._write(wanted, {"changed_at": held.changed_at, "before": held.changed_at})

    def _write(self, wanted: Wanted, more: dict[str, Any]) -> None:
        grade = None if wanted.grade is None else format_points(wanted.grade)
        entry = {"userid": wanted.userid, "participant": wanted.participant, "digest": wanted.digest, "grade": grade}
        entry |= more
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(b"\n" if file.tell() and not self._ends_whole() else b"")
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._last[wanted.userid] = Ours.model_validate(entry)

    def _ends_whole(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
