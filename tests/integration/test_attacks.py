"""Hostile notebooks in one class with honest ones: none gets anywhere, and the honest ones don't notice."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from attack_table import PAGE, page
from attacks import ATTACKS, Attack

from grader.execution import Job, Limits, Run, Stage, wire
from grader.observing import measure_saved

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

HERE = Path(__file__).parent
LIMITS = Limits(
    cell_seconds=8, grace_seconds=3, notebook_seconds=20, finish_seconds=3, memory_mb=900, processes=60, files=6000, work_mb=64,
    temp_mb=48, file_mb=64, cell_output_bytes=300_000, notebook_output_bytes=1_000_000, trace_bytes=4_000_000,
    open_files=500, message_bytes=4 << 20, harvest_bytes=1 << 20,
)  # fmt: skip
HONEST = (
    "import os, json\nnames = sorted(os.listdir('.'))\nprint(names, os.path.exists(os.path.expanduser('~/.bashrc')))",
    "values = [n * n for n in range(10)]\nsum(values)",
    "json.dump(values, open('values.json', 'w'))\nprint(sorted(os.listdir('/tmp')), sorted(os.listdir('/dev/shm')))",
    "raise ValueError('an honest mistake')",
    "print('still here')",
)
WAYS = ["self warm", "user cold"] if os.geteuid() == 0 else ["self warm", "self cold"]
EVERY = 6


@dataclass(frozen=True)
class Scene:
    """A machine with something to steal and a class that was executed on it."""

    runs: dict[str, Run]
    fill: dict[str, str]
    secret: str
    callers: list[str]
    daemons: str


def _notebook(cells: tuple[str, ...]) -> dict[str, object]:
    return {"cells": [{"cell_type": "code", "source": cell} for cell in cells], "nbformat": 4}


def _stage(folder: Path) -> Stage:
    (folder / "hub/models--Qwen--Qwen2.5-0.5B/refs").mkdir(parents=True)
    (folder / "hub/models--Qwen--Qwen2.5-0.5B/refs/main").write_text("abc")
    (folder / "data").mkdir()
    (folder / "data/labels.json").write_text("[]")
    return Stage(hub=folder / "hub", data=folder / "data")


def _listen(server: socket.socket, callers: list[str]) -> None:
    server.listen(8)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connection.close()
            callers.append(str(server.getsockname()))

    threading.Thread(target=serve, daemon=True).start()


@pytest.fixture(scope="module", params=WAYS)
def scene(request: pytest.FixtureRequest, sandbox: None) -> Iterator[Scene]:
    """The whole class, executed once in each way."""
    who, how = request.param.split()
    # Not pytest's own folder: only its owner may enter that one, and here an ordinary user has to.
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    secret = f"GRADEBOOK-{secrets.token_hex(8)}"
    (folder / "gradebook.csv").write_text(f"name,points\n{secret},100\n")
    (folder / "other.ipynb").write_text(secret)
    callers: list[str] = []
    tcp, unix, abstract = socket.socket(), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    tcp.bind(("127.0.0.1", 0))
    unix.bind(str(folder / "other.ipynb.socket"))
    (folder / "other.ipynb.socket").chmod(0o777)  # else a call would fail for want of permission, whoever made it
    abstract.bind(f"\0grader-test-{os.getpid()}-{how}")
    for server in (tcp, unix, abstract):
        _listen(server, callers)
    fill = {
        "secret": str(folder / "gradebook.csv"), "other": str(folder / "other.ipynb"),
        "port": str(tcp.getsockname()[1]), "abstract": abstract.getsockname()[1:].decode(),
    }  # fmt: skip
    runs = _execute(who, how, _stage(folder), _class(fill), secret)
    daemons = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    yield Scene(runs, fill, secret, callers, daemons)
    for server in (tcp, unix, abstract):
        server.close()
    shutil.rmtree(folder)


def _class(fill: dict[str, str]) -> list[Job]:
    """Every attack, with an honest notebook before, after, and now and then between."""
    jobs = [Job("honest first", _notebook(HONEST))]
    for number, attack in enumerate(ATTACKS):
        cells = tuple(attack.cells[0:1]) + tuple(cell.format(**fill) for cell in attack.cells[1:])
        jobs.append(Job(attack.name, _notebook(cells)))
        if number % EVERY == 0:
            jobs.append(Job(f"honest {number}", _notebook(HONEST)))
    return [*jobs, Job("honest last", _notebook(HONEST))]


def _execute(who: str, how: str, stage: Stage, jobs: list[Job], secret: str) -> dict[str, Run]:
    settings = {
        "root": str(HERE.parents[1]), "jobs": 2, "warm": how == "warm",
        "setup": base64.b64encode(wire.dump_setup(stage, LIMITS)).decode(),
    }  # fmt: skip
    lines = [json.dumps(settings), *(base64.b64encode(wire.dump_job(job)).decode() for job in jobs)]
    done = subprocess.run(
        [sys.executable, str(HERE / "somebody.py"), who], input="\n".join(lines), text=True, capture_output=True,
        env={"PATH": "/usr/bin:/bin", "HF_TOKEN": secret, "AWS_SECRET_ACCESS_KEY": secret}, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = (line.rsplit(" ", 1) for line in done.stdout.splitlines())
    return {json.loads(key): wire.load_run(base64.b64decode(run)) for key, run in told}


def _printed(run: Run) -> str:
    """All that a notebook showed, as text."""
    outputs = [output for cell in run.executed["cells"] for output in cell.get("outputs", ())]
    return "\n".join(str(o.get("text") or o.get("data") or [o.get("ename"), o.get("evalue")]) for o in outputs)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_attempted_and_stopped(scene: Scene, attack: Attack) -> None:
    run = scene.runs[attack.name]
    printed = _printed(run)
    for pattern in attack.proof:
        assert re.search(_filled(pattern, scene.fill), printed), f"{run.why}\n{printed[-3000:]}"
    for pattern in attack.never:
        assert not re.search(_filled(pattern, scene.fill), printed), printed[-3000:]
    assert run.status in attack.status, run.why
    assert run.boxed
    assert run.why


def _filled(pattern: str, fill: dict[str, str]) -> str:
    for name, value in fill.items():
        pattern = pattern.replace(f"{{{name}}}", re.escape(value))
    return pattern


def test_honest_notebooks_come_out_the_same_before_between_and_after(scene: Scene) -> None:
    honest = {key: run for key, run in scene.runs.items() if key.startswith("honest")}
    first = honest["honest first"]
    assert first.status == "error"
    assert first.errors == ((3, "ValueError", "an honest mistake"),)
    assert first.files == {"values.json": b"[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]"}
    assert "[] False" in _printed(first)
    for key, run in honest.items():
        assert (run.status, run.executed, run.files, run.left) == (
            first.status,
            first.executed,
            first.files,
            first.left,
        ), key


def test_no_secret_comes_out_of_any_box(scene: Scene) -> None:
    for key, run in scene.runs.items():
        assert scene.secret.encode() not in wire.dump_run(run), key
        assert not any(scene.secret.encode() in content for content in run.files.values()), key


def test_nobody_called_the_machine(scene: Scene) -> None:
    assert scene.callers == []


def test_nothing_stays_behind(scene: Scene) -> None:
    assert "86397" not in scene.daemons
    assert not Path("/tmp/grader-was-here").exists()
    groups = Path("/sys/fs/cgroup").glob("**/grader-*[0-9]")
    assert [str(group) for group in groups if not Path("/proc", group.name.rpartition("-")[2]).exists()] == []


def test_what_is_harvested_is_regular_and_small(scene: Scene) -> None:
    run = scene.runs["leaves links, pipes, deep folders and strange names to be harvested"]
    assert run.files == {"adapter/adapter_config.json": b"{}", "bad\\udcff\\x1b[2J\\n.json": b"1"}
    assert {"stolen.json", "root", "pipe.json", "sock.json", "huge.json", "adapter/etc"} <= {
        path for path, _ in run.left
    }


def test_forged_records_stay_claims(scene: Scene) -> None:
    run = scene.runs["forges the recorder's records"]
    assert run.trace_dropped >= 2
    assert all(record["cell"] in (None, 0, 1, 2) for record in run.trace)
    flooded = scene.runs["floods the recorder"]
    assert flooded.trace_truncated
    assert sum(len(json.dumps(record)) for record in flooded.trace) < 2 * LIMITS.trace_bytes


def test_weights_that_lie_and_forged_artefacts_are_only_files(scene: Scene) -> None:
    lying = measure_saved(scene.runs["leaves safetensors whose headers lie"].files, "dry_run")
    assert len(lying) == 3
    assert all(saved.problem and not saved.tensors for saved in lying)
    forged = scene.runs["forges evidence, findings and scorecard beside its notebook"]
    assert "evidence.json" in forged.files
    assert (forged.status, forged.errors, forged.cells_run) == ("ok", (), 2)


def test_the_page_of_attacks_is_what_the_tests_make() -> None:
    assert PAGE.read_text("utf-8") == page()
