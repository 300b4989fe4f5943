"""Jobs and results as bytes, between the grader and its workers.

JSON, not pickle: a worker handles what a hostile kernel sends, so nothing from it may be able to run code here.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.execution.nouns import Job, Limits, Run, Stage


def dump_job(job: Job) -> bytes:
    """A job as bytes."""
    return _dump({"key": job.key, "notebook": job.notebook, "files": _text(job.files), "order": job.order})


def load_job(data: bytes) -> Job:
    """A job from bytes."""
    told = json.loads(data)
    order = None if told["order"] is None else tuple(told["order"])
    return Job(told["key"], told["notebook"], _bytes(told["files"]), order)


def dump_run(run: Run) -> bytes:
    """A result as bytes."""
    told = {name.name: getattr(run, name.name) for name in dataclasses.fields(run)}
    return _dump({**told, "files": _text(run.files)})


def load_run(data: bytes) -> Run:
    """A result from bytes; lists become tuples again."""
    told = json.loads(data)
    tuples = {name: tuple(told[name]) for name in ("trace", "cut", "timed_out", "reloaded")}
    rows: dict[str, Any] = {name: tuple(tuple(row) for row in told[name]) for name in ("left", "errors")}
    return Run(**{**told, **tuples, **rows, "files": _bytes(told["files"])})


def dump_setup(stage: Stage, limits: Limits, **more: Any) -> bytes:
    """What a worker needs once."""
    told = {name.name: getattr(stage, name.name) for name in dataclasses.fields(stage)}
    return _dump({"stage": told, "limits": dataclasses.asdict(limits), **more})


def load_setup(data: bytes) -> tuple[Stage, Limits, dict[str, Any]]:
    """The same, and whatever else was told."""
    told = json.loads(data)
    stage = told.pop("stage")
    places = {name: Path(stage[name]) if stage[name] else None for name in ("hub", "data")}
    return Stage(**{**stage, **places, "devices": tuple(stage["devices"])}), Limits(**told.pop("limits")), told


def _dump(value: Any) -> bytes:
    return json.dumps(value, default=_plain, separators=(",", ":")).encode("utf-8", "replace")


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _text(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(content).decode() for name, content in files.items()}


def _bytes(files: Mapping[str, str]) -> dict[str, bytes]:
    return {name: base64.b64decode(content) for name, content in files.items()}
