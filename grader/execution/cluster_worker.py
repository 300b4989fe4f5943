"""What runs on a machine of a cluster: the stage that came with it unpacked, a pool kept warm, one notebook after the other.

Notebooks come as bytes and evidence goes as bytes; nothing of a student's is ever unpickled. Nothing is kept between
notebooks, and nothing lies on a disk that machines would have to share.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from grader.errors import GraderError
from grader.execution import wire
from grader.execution.nouns import Limits, Stage
from grader.execution.pool import Pool, open_pool, try_box
from grader.execution.versions import difference, here

TROUBLE = b'{"trouble":'


def pack_stage(stage: Stage) -> bytes:
    """Hub and data as one archive, links as what they lead to; the same stage gives the same bytes."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, root in (("hub", stage.hub), ("data", stage.data)):
            if root is None:
                continue
            for path in sorted(path for path in root.rglob("*") if path.is_file()):
                entry = tarfile.TarInfo(f"{name}/{path.relative_to(root).as_posix()}")
                data = path.read_bytes()
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def unpack_stage(packed: bytes, place: Path) -> None:
    """Its files, and nothing outside of `place`."""
    for name in ("hub", "data"):
        (place / name).mkdir()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            parts = PurePosixPath(entry.name).parts
            if content is None or ".." in parts or parts[0] not in ("hub", "data"):
                raise tarfile.TarError(f"the stage holds something odd: {entry.name}")
            target = place.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())


class Workshop:
    """One worker's side: made by the grader, sent to each worker once, set up there."""

    def __init__(self, stage: Stage, limits: Limits, packed: bytes, *, warm: bool = True) -> None:
        self.sha256 = hashlib.sha256(packed).hexdigest()
        self._packed: bytes | None = packed
        self._stage = replace(stage, hub=None, data=None)
        self._has = (stage.hub is not None, stage.data is not None)
        self._limits, self._warm = limits, warm
        self._versions = here()
        self.trouble: str | None = "it was not set up"
        """Why this machine can't be used; null if all is well."""
        self._open: Any = None
        self._mine: Any = None

    def set_up(self, folder: Path) -> None:
        """Check this machine and unpack the stage; what is wrong is kept, not raised: the grader asks for it."""
        self._open, self._mine = contextlib.ExitStack(), threading.local()
        packed, self._packed = self._packed or b"", None
        try:
            self.trouble = difference(self._versions, here()) or None
            if self.trouble is None and hashlib.sha256(packed).hexdigest() != self.sha256:
                self.trouble = "the stage arrived damaged"
            if self.trouble is None:
                self._stage = self._unpacked(packed, folder)
                try_box(self._stage, self._limits)
        except (GraderError, OSError, tarfile.TarError) as error:
            self.trouble = error.text() if isinstance(error, GraderError) else f"{type(error).__name__}: {error}"

    def _unpacked(self, packed: bytes, folder: Path) -> Stage:
        place = Path(tempfile.mkdtemp(prefix="grader-stage-", dir=folder))
        self._open.callback(shutil.rmtree, place, ignore_errors=True)
        place.chmod(0o755)
        unpack_stage(packed, place)
        for path in place.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        has_hub, has_data = self._has
        return replace(self._stage, hub=place / "hub" if has_hub else None, data=place / "data" if has_data else None)

    def execute(self, job: bytes) -> bytes:
        """One notebook; a pool per thread stays warm for the next."""
        if self.trouble is not None:
            return TROUBLE + json.dumps(self.trouble).encode() + b"}"
        try:
            ((_, run),) = self._pool().map([wire.load_job(job)])
        except GraderError as error:
            return TROUBLE + json.dumps(error.text()).encode() + b"}"
        return wire.dump_run(run)

    def _pool(self) -> Pool:
        found: Pool | None = getattr(self._mine, "pool", None)
        if found is None:
            opened = open_pool(self._stage, limits=self._limits, jobs=1, warm=self._warm)
            found = self._mine.pool = self._open.enter_context(opened)
        return found

    def close(self) -> None:
        """End everything that runs here."""
        if self._open is not None:
            self._open.close()

    def __getstate__(self) -> Mapping[str, Any]:
        """Without what lives on one machine only."""
        return {**self.__dict__, "_open": None, "_mine": None}


def as_plugin(workshop: Workshop) -> Any:
    """The workshop in the form in which Dask brings it to every worker, later ones too."""
    from distributed import WorkerPlugin

    class WorkshopPlugin(WorkerPlugin):
        """Sets up and closes."""

        name = name_of(workshop)

        def __init__(self) -> None:
            self.workshop = workshop

        async def setup(self, worker: Any) -> None:
            """In a thread of its own: the worker keeps answering."""
            await asyncio.to_thread(self.workshop.set_up, Path(worker.local_directory))

        def teardown(self, worker: Any) -> None:
            """With the worker, or when the grader is done."""
            self.workshop.close()

    return WorkshopPlugin()


def name_of(workshop: Workshop) -> str:
    """Under which a worker knows it."""
    return f"grader-{id(workshop):x}-{workshop.sha256[:16]}"


def run_job(job: bytes, name: str) -> bytes:
    """The function that is mapped over the cluster."""
    from distributed import get_worker

    plugin: Any = get_worker().plugins[name]
    found: bytes = plugin.workshop.execute(job)
    return found


def trouble_of(name: str, dask_worker: Any) -> str | None:
    """Asked of every worker before anything is given to it; Dask fills in `dask_worker`."""
    plugin = dask_worker.plugins.get(name)
    found: str | None = plugin.workshop.trouble if plugin is not None else "the stage did not get there"
    return found
