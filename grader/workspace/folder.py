"""The results folder of one run: which attempt of whom lies where. One grader at a time holds it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any

from grader.errors import GraderError, StorageError, WorkspaceError
from grader.model.answers import Answers
from grader.model.evidence import Evidence
from grader.model.finding import Findings
from grader.model.opinion import Opinions
from grader.model.reading import StoredReading
from grader.model.scorecard import Scorecard
from grader.model.submission import Submission, file_stem
from grader.workspace.files import canonical, read_artefact, read_with_digest, sha256_of, write_artefact, write_atomic

WORKSHEET = "worksheet.original.csv"
PATIENCE = 2.0
"""Seconds to wait for the folder's lock."""


class Attempt:
    """One attempt's folder: the originals and what was made from them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def number(self) -> int:
        """Attempts count from 1."""
        return int(self.path.name)

    def submission(self) -> Submission | None:
        """What was handed in."""
        return read_artefact(self.path / "submission.json", Submission)

    def store_submission(self, submission: Submission, files: Mapping[str, bytes]) -> None:
        """Originals first, `submission.json` last: its presence says that the attempt is complete."""
        self.store_originals(files)
        write_artefact(self.path / "submission.json", submission)

    def store_originals(self, files: Mapping[str, bytes]) -> None:
        """The files as they were handed in."""
        root = self.path / "original"
        for name, data in files.items():
            write_atomic(self._inside(root, name), data)

    def intact(self, submission: Submission) -> bool:
        """Whether the stored originals are still the bytes that were handed in."""
        stored = {name: sha256_of(data) for name, data in self.files().items()}
        return all(stored.get(file.path) == file.sha256 for file in submission.files)

    def files(self) -> dict[str, bytes]:
        """The originals by path."""
        root = self.path / "original"
        paths = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else []
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}

    @staticmethod
    def _inside(root: Path, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if not parts or any(part in ("..", "/", "\\") or "\0" in part for part in parts):
            raise StorageError(f"a submitted file has the unsafe name {name!r}", where=str(root))
        return root.joinpath(*parts)

    def evidence(self) -> Evidence | None:
        """Evidence with its notebooks read back and verified against their hashes."""
        found = self.evidence_with_digest()
        return None if found is None else found[0]

    def evidence_with_digest(self) -> tuple[Evidence, str] | None:
        """The same, with the digest of what is stored: other digest, other evidence."""
        stored = read_with_digest(self.path / "evidence.json", Evidence)
        if stored is None:
            return None
        found, digest = stored
        notebooks = {
            "notebook": self._notebook("notebook.ipynb", found.notebook_sha256),
            "executed": self._notebook("executed.ipynb", found.executed_sha256),
        }
        return found.model_copy(update=notebooks), digest

    def _notebook(self, name: str, expected: str | None) -> dict[str, Any] | None:
        if expected is None:
            return None
        path = self.path / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StorageError(
                "is missing", where=str(path), todo=f"delete {path.parent / 'evidence.json'} and run the command again"
            ) from error
        if sha256_of(data) != expected:
            raise StorageError(
                "was changed after it was stored",
                where=str(path),
                todo=f"delete {path.parent / 'evidence.json'} and run the command again: it is executed anew",
            )
        notebook: dict[str, Any] = json.loads(data)
        return notebook

    def store_evidence(self, evidence: Evidence) -> Evidence:
        """Notebooks first, evidence.json last; returns the evidence with the notebooks' hashes."""
        hashes = {
            "notebook_sha256": self._store_notebook("notebook.ipynb", evidence.notebook),
            "executed_sha256": self._store_notebook("executed.ipynb", evidence.executed),
        }
        stored = evidence.model_copy(update=hashes)
        write_artefact(self.path / "evidence.json", stored)
        return stored

    def _store_notebook(self, name: str, notebook: dict[str, Any] | None) -> str | None:
        if notebook is None:
            return None
        data = json.dumps(notebook, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")
        write_atomic(self.path / name, data)
        return sha256_of(data)

    def reading(self) -> StoredReading | None:
        """What was read out of the evidence last; null too where it is damaged, since it can be made again."""
        try:
            return read_artefact(self.path / "reading.json", StoredReading)
        except GraderError:
            return None

    def store_reading(self, reading: StoredReading) -> str:
        """Returns the digest."""
        return write_artefact(self.path / "reading.json", reading)

    def findings(self) -> Findings | None:
        """What the checks answered last."""
        return read_artefact(self.path / "findings.json", Findings)

    def store_findings(self, findings: Findings) -> str:
        """Returns the digest."""
        return write_artefact(self.path / "findings.json", findings)

    def scorecard(self) -> Scorecard | None:
        """What was computed last."""
        return read_artefact(self.path / "scorecard.json", Scorecard)

    def store_scorecard(self, scorecard: Scorecard) -> str:
        """Returns the digest."""
        return write_artefact(self.path / "scorecard.json", scorecard)

    def opinions(self) -> Opinions | None:
        """What a language model said of the memo, where one was asked."""
        return read_artefact(self.path / "opinions.json", Opinions)

    def store_opinions(self, opinions: Opinions) -> str:
        """Returns the digest."""
        return write_artefact(self.path / "opinions.json", opinions)

    def answers(self) -> Answers | None:
        """What the submission answers to each section."""
        return read_artefact(self.path / "answers.json", Answers)

    def store_answers(self, answers: Answers) -> str:
        """Returns the digest."""
        return write_artefact(self.path / "answers.json", answers)


class Workspace:
    """A results folder, held by a lock for as long as it is open for writing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Workspace:
        """Create the folder (0700) and take its lock; raises WorkspaceError if another grader holds it."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.root.chmod(0o700)
            self._lock = (self.root / ".lock").open("ab")
        except OSError as error:
            raise StorageError(
                f"can't be used for results: {error.strerror or error}",
                where=str(self.root),
                todo="choose a folder that you may write to with --out",
            ) from error
        if not _lock(self._lock):
            self._lock.close()
            raise WorkspaceError(
                "another grader is working in this folder",
                where=str(self.root),
                todo="wait until it is done, or grade into another --out",
            )
        for leftover in self.root.rglob(".writing-*"):
            leftover.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            self._lock.close()

    @property
    def run_file(self) -> Path:
        """How and with what this folder was graded."""
        return self.root / "run.json"

    def run_info(self) -> dict[str, Any] | None:
        """run.json as data; null in a new folder."""
        info: dict[str, Any] | None = self.read_json(self.run_file)
        return info

    def read_json(self, path: Path) -> Any:
        """A JSON file of the folder; null if missing; StorageError if broken."""
        try:
            return json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            raise StorageError(
                f"can't be read: {error}",
                where=str(path),
                todo=f"restore it from a backup; or delete {path} and run the very same `grader grade` again: "
                "it is written anew, and nothing is executed twice",
            ) from error

    def worksheet(self) -> bytes | None:
        """The worksheet as it was downloaded; null if none was given."""
        path = self.root / WORKSHEET
        return path.read_bytes() if path.is_file() else None

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file for people and other tools."""
        write_atomic(self.root / name, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode())

    def write_text(self, name: str, text: str) -> Path:
        """Write a page or other text; returns where."""
        path = self.root / name
        write_atomic(path, text.encode("utf-8", "replace"))
        return path

    def write_bytes(self, name: str, data: bytes) -> Path:
        """Write a binary file; returns where."""
        path = self.root / name
        write_atomic(path, data)
        return path

    def attempts(self, participant: str) -> list[Attempt]:
        """Complete attempts of a participant, oldest first."""
        folder = self.root / "submissions" / file_stem(participant)
        found = [Attempt(path) for path in folder.glob("*") if path.name.isdigit()] if folder.is_dir() else []
        return sorted(
            (attempt for attempt in found if (attempt.path / "submission.json").exists()), key=lambda item: item.number
        )

    def attempt_for(self, submission: Submission) -> tuple[Attempt, bool]:
        """The attempt with these very bytes, or the folder of the next one; True if it is new."""
        known = self.attempts(submission.participant.id)
        for attempt in reversed(known):
            stored = attempt.submission()
            if stored is not None and stored.sha256 == submission.sha256:
                return attempt, False
        number = known[-1].number + 1 if known else 1
        folder = self.root / "submissions" / file_stem(submission.participant.id)
        return Attempt(folder / str(number)), True

    def participants(self) -> Iterator[str]:
        """Ids of everybody with an attempt in this folder."""
        root = self.root / "submissions"
        for folder in sorted(root.iterdir()) if root.is_dir() else []:
            for attempt in sorted(folder.glob("*/submission.json")):
                stored = read_artefact(attempt, Submission)
                if stored is not None:
                    yield stored.participant.id
                break


def fingerprint(value: Any) -> str:
    """Hash of any JSON-able value, for comparing settings and course files."""
    return sha256_of(canonical(value))


def _lock(file: IO[bytes]) -> bool:
    """Take the lock; whoever was killed a moment ago gets the time to let go of it."""
    try:
        import fcntl
    except ImportError:  # Windows: instructors' runs need Linux; a student's own check has no second grader
        return True
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)
        else:
            return True
