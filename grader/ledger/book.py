"""Appending events and reading them back. What follows from them is scoring's business."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Any

from grader.errors import GraderError
from grader.ledger.database import Database, now
from grader.model.decision import Event, EventKind

LEDGER = "ledger.sqlite"
ELSEWHERE = "ledger.path"
OWN_COLUMNS = {"id", "at", "author", "kind", "participant", "criterion"}


class ConflictError(GraderError):
    """Somebody else decided the same thing after the page was made; `theirs` is that event."""

    def __init__(self, theirs: Event) -> None:
        self.theirs = theirs
        super().__init__(f"{theirs.author} decided this in the meantime")


def ledger_file(root: Path) -> Path:
    """Where the ledger of a results folder lies: in it, or where `ledger.path` in it says (SQLite needs a local disk)."""
    pointer = root / ELSEWHERE
    return Path(pointer.read_text("utf-8").strip()) if pointer.is_file() else root / LEDGER


class Ledger:
    """The events of one results folder. May be used by many threads and processes at once."""

    def __init__(self, path: Path) -> None:
        """Open or make the file."""
        self.database = Database(path)

    @classmethod
    def of(cls, root: Path) -> Ledger:
        """The ledger of a results folder; made where there is none."""
        return cls(ledger_file(root))

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self.database.path

    def append(self, event: Event, *, once: str | None = None, seen: int | None = None) -> Event:
        """Store an event; on disk when this returns.

        `once`: a key of the sender's; the same key again stores nothing and returns the first event.
        `seen`: the last event of this kind about this target that the author saw (0 for none); raises ConflictError if
        somebody else added one since.
        """
        return self.append_all([event], once=once, seen=seen)[0]

    def append_all(self, events: list[Event], *, once: str | None = None, seen: int | None = None) -> list[Event]:
        """Store several events, all or none; `once` and `seen` as in `append`."""
        with self.database.writing() as connection:
            if once is not None and (before := _stored(connection, once, len(events))):
                return before
            if seen is not None:
                for event in events:
                    _refuse_unseen(connection, event, seen)
            keys = [None if once is None else f"{once}/{index}" for index in range(len(events))]
            return [_insert(connection, event, key) for event, key in zip(events, keys, strict=True)]

    def events(self, *, after: int = 0, participant: str | None = None, kind: EventKind | None = None) -> list[Event]:
        """Events in the order in which they were stored."""
        where, values = ["id > ?"], [after]
        for name, value in (("participant", participant), ("kind", kind)):
            if value is not None:
                where.append(f"{name} = ?")
                values.append(value)  # type: ignore[arg-type]
        with self.database.reading() as connection:
            rows = connection.execute(f"SELECT * FROM events WHERE {' AND '.join(where)} ORDER BY id", values)
            return [_event(row) for row in rows]

    def last(self) -> int:
        """Id of the newest event; 0 for none."""
        with self.database.reading() as connection:
            return int(connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])

    def forget(self, participants: Collection[str], numbers: Collection[str], *, author: str) -> int:
        """Remove what is about these participants, and their `numbers` from what is about the class; returns how many events.

        The one way in which anything leaves a ledger: a person's right to be forgotten. That it happened stays.
        """
        with self.database.writing() as connection:
            guards = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'"
            ).fetchall()
            connection.execute("PRAGMA secure_delete = ON")
            for guard in guards:
                connection.execute(f'DROP TRIGGER "{guard["name"]}"')
            gone = _removed(connection, participants, numbers)
            for guard in guards:
                connection.execute(guard["sql"])
            _insert(connection, Event(author=author, kind="forgotten", data={"events": gone}), None)
        self.database.compact()
        return gone

    def copy_to(self, target: Path) -> None:
        """A consistent copy, also while others write."""
        self.database.copy_to(target)


def _insert(connection: sqlite3.Connection, event: Event, key: str | None) -> Event:
    at = now()
    body = json.dumps(event.model_dump(mode="json", exclude=OWN_COLUMNS, exclude_defaults=True), ensure_ascii=False)
    made = connection.execute(
        "INSERT INTO events (at, author, kind, participant, criterion, body, once) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (at, event.author, event.kind, event.participant, event.criterion, _storable(body), key),
    )
    row = connection.execute("SELECT * FROM events WHERE id = ?", (made.lastrowid,)).fetchone()
    return _event(row)


def _removed(connection: sqlite3.Connection, participants: Collection[str], numbers: Collection[str]) -> int:
    gone = 0
    for row in connection.execute("SELECT * FROM events").fetchall():
        body = json.loads(row["body"])
        member = str(body.get("data", {}).get("member", ""))
        if row["participant"] in participants or (member and member in numbers):
            connection.execute("DELETE FROM events WHERE id = ?", (row["id"],))
            gone += 1
        elif not row["participant"] and (kept := scrubbed(body, numbers)) != body:
            text = _storable(json.dumps(kept, ensure_ascii=False))
            connection.execute("UPDATE events SET body = ? WHERE id = ?", (text, row["id"]))
    return gone


def scrubbed(value: Any, numbers: Collection[str]) -> Any:
    """JSON data without entries that are about these participants."""
    if isinstance(value, dict):
        return {key: scrubbed(item, numbers) for key, item in value.items() if key not in numbers}
    if isinstance(value, list):
        return [scrubbed(item, numbers) for item in value if not _about(item, numbers)]
    return value


def _about(item: Any, numbers: Collection[str]) -> bool:
    if isinstance(item, str):
        return item in numbers
    if not isinstance(item, dict):
        return False
    who = item.get("participant", item.get("participant_id"))
    return (who.get("id") if isinstance(who, dict) else who) in numbers


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _event(row: sqlite3.Row) -> Event:
    return Event.model_validate({**json.loads(row["body"]), **{name: row[name] for name in OWN_COLUMNS}})


def _stored(connection: sqlite3.Connection, once: str, count: int) -> list[Event]:
    keys = [f"{once}/{index}" for index in range(count)]
    marks = ", ".join("?" * count)
    rows = connection.execute(f"SELECT * FROM events WHERE once IN ({marks}) ORDER BY id", keys)
    return [_event(row) for row in rows]


def _refuse_unseen(connection: sqlite3.Connection, event: Event, seen: int) -> None:
    """Events of the same kind about the same target, and their undoing, count as seen up to `seen` or by the author."""
    row = connection.execute(
        "SELECT * FROM events WHERE participant = ? AND criterion = ? AND id > ? AND author != ?"
        " AND (kind = ? OR kind = 'undo') ORDER BY id DESC LIMIT 1",
        (event.participant, event.criterion, seen, event.author, event.kind),
    ).fetchone()
    if row is not None:
        raise ConflictError(_event(row))
