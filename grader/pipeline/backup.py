"""One file that holds a whole results folder, and back. The ledger is copied consistently, also while people decide."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from grader.errors import InputError, StorageError, WorkspaceError
from grader.ledger import Ledger, ledger_file
from grader.ledger.book import ELSEWHERE, LEDGER
from grader.model.base import SCHEMA
from grader.workspace import Workspace
from grader.workspace.files import sha256_of

MANIFEST = "manifest.json"
PART = 1 << 20


def backup(target: Path, file: Path) -> int:
    """Write a zip with a manifest of hashes; returns how many files are in it. `file` is replaced only when it is whole."""
    if not (target / "run.json").is_file():
        raise WorkspaceError("holds no graded batch", where=str(target), todo="name an --out folder of `grader grade`")
    with Workspace(target) as workspace, tempfile.TemporaryDirectory(dir=file.absolute().parent) as scratch:
        hashes: dict[str, str] = {}
        made = Path(scratch) / "backup.zip"
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in _files(workspace.root, Path(scratch)):
                data = path.read_bytes()
                hashes[name] = sha256_of(data)
                archive.writestr(zipfile.ZipInfo(f"files/{name}"), data, zipfile.ZIP_DEFLATED)
            archive.writestr(MANIFEST, json.dumps({"schema": SCHEMA, "files": hashes}, ensure_ascii=False))
        made.chmod(0o600)
        with made.open("rb") as whole:
            os.fsync(whole.fileno())
        made.replace(file)
        return len(hashes)


def _files(root: Path, scratch: Path) -> Iterator[tuple[str, Path]]:
    ledger = ledger_file(root)
    for path in sorted(item for item in root.rglob("*") if item.is_file() and not item.is_symlink()):
        name = path.relative_to(root).as_posix()
        if name not in (".lock", ELSEWHERE) and not name.startswith(LEDGER):
            yield name, path
    if ledger.is_file():
        copy = scratch / LEDGER
        Ledger(ledger).copy_to(copy)
        yield LEDGER, copy


def restore(file: Path, target: Path) -> int:
    """Unpack a backup into a new folder, every file held against its hash first; returns how many files."""
    if target.exists() and any(target.iterdir()):
        raise WorkspaceError("is not empty", where=str(target), todo="restore into a new folder")
    parent = target.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restoring-", dir=parent) as scratch:
        made = Path(scratch) / "folder"
        made.mkdir(mode=0o700)
        try:
            with zipfile.ZipFile(file) as archive:
                hashes = _manifest(archive, file)
                for name, expected in hashes.items():
                    _unpack(archive, name, expected, made)
        except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
            raise StorageError(f"can't be restored: {error}", where=str(file), todo="take another backup") from error
        if target.exists():
            target.rmdir()
        shutil.move(made, target)
    return len(hashes)


def _manifest(archive: zipfile.ZipFile, file: Path) -> dict[str, str]:
    manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
    if int(manifest["schema"]) > SCHEMA:
        raise InputError("was made by a newer grader", where=str(file), todo="update grader")
    return dict(manifest["files"])


def _unpack(archive: zipfile.ZipFile, name: str, expected: str, root: Path) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or any(part in ("", ".", "..") or "\\" in part for part in parts):
        raise ValueError(f"unsafe name {name!r}")
    data = archive.read(f"files/{name}")
    if sha256_of(data) != expected:
        raise ValueError(f"{name} is damaged")
    path = root.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(data)
