"""Writing files so that a kill at any moment leaves the old or the new one, and reading artefacts so that damage is noticed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from grader.errors import StorageError, WorkspaceError
from grader.model.base import SCHEMA, Artefact

ArtefactT = TypeVar("ArtefactT", bound=Artefact)
DIGEST = "digest"


def sha256_of(data: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    """JSON bytes that are the same for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write beside, flush to disk, rename over. Raises StorageError with what to do when the disk refuses."""
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise StorageError(
            f"could not be written: {error.strerror or error}", where=str(path), todo=_todo_for(error)
        ) from error


def _todo_for(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space on this disk and run the same command again: it goes on where it stopped"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "choose another --out, or make this folder writable; nothing that was done before is lost"
    return "mend the cause and run the same command again: it goes on where it stopped"


def write_artefact(path: Path, artefact: Artefact) -> str:
    """Store an artefact as JSON with its own digest; returns that digest."""
    body = artefact.model_dump(mode="json", by_alias=True)
    digest = sha256_of(canonical(body))
    text = json.dumps({**body, DIGEST: digest}, ensure_ascii=False, indent=1)
    write_atomic(path, text.encode("utf-8", "surrogatepass"))
    return digest


def digest_of(artefact: Artefact) -> str:
    """The digest that `write_artefact` would store."""
    return sha256_of(canonical(artefact.model_dump(mode="json", by_alias=True)))


def read_artefact(path: Path, kind: type[ArtefactT]) -> ArtefactT | None:
    """Read an artefact back; null if there is none. Raises when it was damaged or is of a newer schema."""
    found = read_with_digest(path, kind)
    return None if found is None else found[0]


def read_with_digest(path: Path, kind: type[ArtefactT]) -> tuple[ArtefactT, str] | None:
    """The same, with the digest that it was stored under."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"could not be read: {error.strerror}", where=str(path), todo=_todo_for(error)) from error
    return _parse(path, raw, kind)


def _parse(path: Path, raw: bytes, kind: type[ArtefactT]) -> tuple[ArtefactT, str]:
    try:
        body = json.loads(raw.decode("utf-8", "surrogatepass"))
        digest = body.pop(DIGEST)
        newer = int(body.get("schema_version", SCHEMA)) > SCHEMA
        intact = digest == sha256_of(canonical(body))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise _damaged(path) from None
    if newer:
        raise WorkspaceError(
            "was written by a newer version of grader", where=str(path), todo="update grader, or grade into a new --out"
        )
    if not intact:
        raise _damaged(path)
    try:
        return kind.model_validate(body), str(digest)
    except ValidationError as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> StorageError:
    return StorageError(
        "this artefact is damaged (its content doesn't match its digest)",
        where=str(path),
        todo=f"restore it from a backup, or delete it and run the same command again: "
        f"only what depends on {path.name} is made anew",
    )
