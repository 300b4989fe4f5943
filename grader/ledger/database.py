"""The SQLite file itself: how it is opened, brought up to date by named migrations, and copied while in use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from grader.errors import StorageError, WorkspaceError

BUSY_SECONDS = 30.0
"""How long a writer waits for another one."""


def now() -> str:
    """UTC, as it is stored; sorts by time."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Database:
    """Opens a connection for each use: they are cheap, and none is shared between threads or processes."""

    def __init__(self, path: Path) -> None:
        """Make the file if there is none, and bring it up to date."""
        self.path = path
        with self._trouble():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            with closing(self._connect()) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                _migrate(connection, path)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for questions."""
        with self._trouble(), closing(self._connect()) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, one writer at a time; what is committed survives a kill and a power cut."""
        with self._trouble(), closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def compact(self) -> None:
        """Nothing of what was removed stays in the file or its log."""
        with self._trouble(), closing(self._connect()) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy_to(self, target: Path) -> None:
        """A consistent copy, also while others write."""
        with self._trouble(), closing(self._connect()) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError) as error:
            raise StorageError(
                f"the ledger can't be used: {error}",
                where=str(self.path),
                todo="free the disk or mend its rights; if the file is damaged, restore it from a `grader backup`",
            ) from error


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT")
    folder = files("grader.ledger") / "migrations"
    known = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    connection.execute("BEGIN IMMEDIATE")
    done = {row["name"] for row in connection.execute("SELECT name FROM migrations")}
    if done - set(known):
        connection.execute("ROLLBACK")
        raise WorkspaceError("was written by a newer grader", where=str(path), todo="update grader")
    for name in known:
        if name not in done:
            for statement in _statements((folder / name).read_text("utf-8")):
                connection.execute(statement)
            connection.execute("INSERT INTO migrations VALUES (?, ?)", (name, now()))
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """`executescript` would commit half-way; this keeps a migration whole."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
