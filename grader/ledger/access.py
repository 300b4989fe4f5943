"""Who may open the review: personal links, revocable, stored as hashes; sessions; and when somebody last looked."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Literal

from grader.errors import InputError
from grader.ledger.book import Ledger, _insert
from grader.ledger.database import now
from grader.model.base import Frozen
from grader.model.decision import Event, TaRole

SESSION_HOURS = 14
ONE_TIME_MINUTES = 30
VISIT_GAP = timedelta(hours=1)
"""A visit ends when nothing was opened for this long."""


class Visitor(Frozen):
    """Whose session it is."""

    name: str
    role: TaRole
    csrf: str
    """Must come with everything that changes something; bound to the session."""


class Person(Frozen):
    """Somebody with a link, for lists."""

    name: str
    role: TaRole
    made_at: str
    state: Literal["open", "revoked"]


class Access:
    """Tokens and sessions beside the events of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._database = ledger.database

    def grant(self, name: str, role: TaRole, *, by: str, once: bool = False) -> str:
        """A new secret for a link. Personal links replace the person's earlier one; `once`: for one visit, soon."""
        if not name.strip() or len(name) > 80 or not name.isprintable():
            raise InputError(f"{name!r} is no name for a TA", todo="give 1 to 80 plain characters")
        secret = secrets.token_urlsafe(32)
        until = (datetime.now(UTC) + timedelta(minutes=ONE_TIME_MINUTES)).isoformat() if once else None
        with self._database.writing() as connection:
            if not once:
                _revoke(connection, name)
                _note(connection, name, by=by, what="granted", role=role)
            connection.execute(
                "INSERT INTO tokens (name, role, hash, once, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
                (name, role, _hash(secret), int(once), now(), until),
            )
        return secret

    def revoke(self, name: str, *, by: str) -> bool:
        """End a person's links and sessions at once; false if there were none."""
        with self._database.writing() as connection:
            if not _revoke(connection, name):
                return False
            _note(connection, name, by=by, what="revoked")
            return True

    def people(self) -> list[Person]:
        """Everybody who was ever given a personal link, newest state first by name."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT * FROM tokens WHERE once = 0 ORDER BY name, id DESC").fetchall()
        found: dict[str, Person] = {}
        for row in rows:
            state: Literal["open", "revoked"] = "revoked" if row["revoked_at"] else "open"
            found.setdefault(
                row["name"], Person(name=row["name"], role=row["role"], made_at=row["made_at"], state=state)
            )
        return list(found.values())

    def enter(self, secret: str) -> str | None:
        """A session for a link's secret; null if it is unknown, revoked, used up or too old."""
        with self._database.writing() as connection:
            token = connection.execute(
                "SELECT * FROM tokens WHERE hash = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)",
                (_hash(secret), now()),
            ).fetchone()
            if token is None:
                return None
            if token["once"]:
                connection.execute("UPDATE tokens SET expires_at = ? WHERE id = ?", (now(), token["id"]))
            return _begin(connection, token["id"])

    def enter_as(self, name: str) -> str | None:
        """A session for somebody whom a trusted proxy vouches for; null unless they hold a personal link."""
        with self._database.writing() as connection:
            token = connection.execute(
                "SELECT id FROM tokens WHERE name = ? AND once = 0 AND revoked_at IS NULL", (name,)
            ).fetchone()
            return None if token is None else _begin(connection, token["id"])

    def visitor(self, session: str) -> Visitor | None:
        """Whose session it is; null if it is unknown, too old, or its link was revoked."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT tokens.name, tokens.role FROM sessions JOIN tokens ON tokens.id = sessions.token"
                " WHERE sessions.hash = ? AND sessions.expires_at > ? AND tokens.revoked_at IS NULL",
                (_hash(session), now()),
            ).fetchone()
        return None if row is None else Visitor(name=row["name"], role=row["role"], csrf=csrf_of(session))

    def leave(self, session: str) -> None:
        """End a session."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM sessions WHERE hash = ?", (_hash(session),))

    def visit(self, name: str, last_event: int) -> int:
        """Note that somebody looks now; returns the newest event that they saw on their visit before this one."""
        with self._database.writing() as connection:
            row = connection.execute("SELECT * FROM visits WHERE name = ?", (name,)).fetchone()
            if row is None:
                before = last_event
            else:
                apart = datetime.now(UTC) - datetime.fromisoformat(row["at"]) > VISIT_GAP
                before = int(row["event"] if apart else row["before"])
            connection.execute("INSERT OR REPLACE INTO visits VALUES (?, ?, ?, ?)", (name, before, last_event, now()))
            return before


def csrf_of(session: str) -> str:
    """The token that forms of this session carry."""
    return hmac.new(session.encode(), b"csrf", hashlib.sha256).hexdigest()


def _hash(secret: str) -> str:
    """Secrets are 256 random bits: a plain hash can't be searched."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _begin(connection: sqlite3.Connection, token: int) -> str:
    session = secrets.token_urlsafe(32)
    until = (datetime.now(UTC) + timedelta(hours=SESSION_HOURS)).isoformat()
    connection.execute("DELETE FROM sessions WHERE expires_at < ?", (now(),))
    connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (_hash(session), token, now(), until))
    return session


def _revoke(connection: sqlite3.Connection, name: str) -> int:
    return connection.execute(
        "UPDATE tokens SET revoked_at = ? WHERE name = ? AND once = 0 AND revoked_at IS NULL", (now(), name)
    ).rowcount


def _note(connection: sqlite3.Connection, name: str, *, by: str, what: str, role: str = "") -> None:
    event = Event(author=by, kind="access", text=f"link {what}", data={"to": name, **({"role": role} if role else {})})
    _insert(connection, event, None)
