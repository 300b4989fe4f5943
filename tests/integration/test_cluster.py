"""A class on a cluster: three workers as separate processes, with certificates, one of them lost in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cluster_lab import Lab, lab, make_certificates

import grader.execution.cluster
from grader.errors import InputError, MachineError
from grader.execution import Job, Limits, Run, Stage, open_pool
from grader.execution.cluster import open_cluster
from grader.execution.cluster_worker import Workshop, pack_stage, unpack_stage

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

LIMITS = Limits(cell_seconds=20, notebook_seconds=60, memory_mb=1500)
STUDENTS = int(os.environ.get("GRADER_TEST_CLASS", "9"))
"""CI takes a small class; the benchmark takes 30."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not pytest's own folder: only its owner may enter that one, and notebooks run as an ordinary user.
    found = Path(tempfile.mkdtemp(dir="/tmp"))
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


@pytest.fixture(scope="module")
def stage(folder: Path) -> Stage:
    (folder / "stage/hub/models--a--b").mkdir(parents=True)
    (folder / "stage/hub/models--a--b/config.json").write_text("{}")
    (folder / "stage/data").mkdir()
    (folder / "stage/data/labels.json").write_text('["a", "b"]')
    return Stage(hub=folder / "stage/hub", data=folder / "stage/data", inside_config={"some": "thing"})


@pytest.fixture(scope="module")
def cluster(sandbox: None, folder: Path) -> Iterator[Lab]:
    with lab(folder / "lab") as found:
        while found.scheduler_log().count("Register worker") < 3:
            time.sleep(0.1)
        yield found


def a_class(count: int) -> list[Job]:
    """Notebooks that read the stage and a file of their own, leave files, print, fail, and are run out of order."""
    jobs = []
    for number in range(count):
        cells = [
            "import json, os, pathlib\nlabels = json.load(open(os.environ['COURSE_DATA'] + '/labels.json'))",
            f"print(labels, open('mine.txt').read(), {number} * 7, os.path.isdir(os.environ['HF_HUB_CACHE'] + '/models--a--b'))",
            "1 / 0" if number % 4 == 3 else f"pathlib.Path('left.json').write_text('[{number}]')",
        ]
        notebook = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
        jobs.append(Job(f"p{number}", notebook, {"mine.txt": f"student {number}".encode()}))
    return jobs


def lasting(run: Run) -> dict[str, Any]:
    """What may not depend on where and when it ran."""
    cells = [
        [{key: value for key, value in output.items() if key != "traceback"} for output in cell["outputs"]]
        for cell in run.executed["cells"]
    ]
    names = ("status", "why", "cells_run", "boxed", "files", "left", "errors", "cut", "timed_out", "trace_truncated")
    return {"cells": cells, **{name: getattr(run, name) for name in names}}


def by_key(results: Sequence[tuple[Job, Run]]) -> dict[str, dict[str, Any]]:
    assert Counter(job.key for job, _ in results).most_common(1)[0][1] == 1
    return {job.key: lasting(run) for job, run in results}


def test_a_class_is_judged_on_the_same_whatever_happens_to_its_machines(cluster: Lab, stage: Stage) -> None:
    jobs = a_class(STUDENTS)
    results = []
    with open_cluster(cluster.address, stage, limits=LIMITS, tls=cluster.tls, warm=False) as workers:
        while workers.threads < 3:
            time.sleep(0.1)
        for done in workers.map(iter(jobs)):
            results.append(done)
            if len(results) == STUDENTS // 3:
                cluster.workers[0].send_signal(signal.SIGKILL)
        assert workers.threads == 2
    with open_pool(stage, limits=LIMITS, jobs=2, warm=False) as pool:
        here = by_key(list(pool.map(jobs)))
    assert by_key(results) == here
    assert len(here) == STUDENTS
    assert {found["status"] for found in here.values()} == {"ok", "error"}


def test_a_worker_without_our_authoritys_certificate_is_refused(cluster: Lab, stage: Stage, folder: Path) -> None:
    """It trusts our authority, but shows a certificate of another one: it is the scheduler that says no."""
    papers = make_certificates(folder / "stranger")
    shutil.copy(cluster.tls / "ca.pem", papers / "ca.pem")
    before = cluster.scheduler_log().count("Register worker")
    stranger = cluster.add_worker(papers)
    deadline = time.monotonic() + 30
    while "CERTIFICATE_VERIFY_FAILED" not in cluster.scheduler_log() and time.monotonic() < deadline:
        time.sleep(0.2)
    with open_cluster(cluster.address, stage, limits=LIMITS, tls=cluster.tls, warm=False) as workers:
        assert {run.status for _, run in workers.map(a_class(2))} == {"ok"}
    assert "CERTIFICATE_VERIFY_FAILED" in cluster.scheduler_log()
    assert cluster.scheduler_log().count("Register worker") == before
    stranger.kill()


def test_a_grader_without_our_authoritys_certificate_is_refused(cluster: Lab, stage: Stage, folder: Path) -> None:
    other = make_certificates(folder / "other")
    with pytest.raises(MachineError, match="can't be reached"), open_cluster(cluster.address, stage, tls=other):
        pass


def test_a_worker_with_other_libraries_is_named_before_anything_is_given_to_it(
    cluster: Lab, stage: Stage, folder: Path
) -> None:
    info = folder / "other-libraries" / "torch-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 0.1\n")
    from cluster_lab import ROOT

    wrong = cluster.add_worker(PYTHONPATH=f"{info.parent}:{ROOT}")
    number = len(cluster.workers) - 1
    while "Registered to" not in cluster.log(number):
        time.sleep(0.1)
    try:
        with (
            pytest.raises(MachineError, match=r"torch 0\.1 instead of"),
            open_cluster(cluster.address, stage, limits=LIMITS, tls=cluster.tls),
        ):
            pass
    finally:
        wrong.kill()
        wrong.wait(10)


def test_a_worker_that_comes_late_and_is_unfit_is_sent_away_and_costs_nobody_anything(
    cluster: Lab, stage: Stage, folder: Path
) -> None:
    info = folder / "other-libraries"
    from cluster_lab import ROOT

    results = []
    with open_cluster(cluster.address, stage, limits=LIMITS, tls=cluster.tls, warm=False) as workers:
        before = workers.threads
        late = cluster.add_worker(PYTHONPATH=f"{info}:{ROOT}")
        while workers.threads == before:
            time.sleep(0.1)
        results = list(workers.map(a_class(6)))
        assert workers.threads == before
    assert sorted(job.key for job, _ in results) == [f"p{number}" for number in range(6)]
    assert {run.status for _, run in results} == {"ok", "error"}
    late.wait(20)


def test_addresses_without_tls_are_refused(stage: Stage, folder: Path) -> None:
    with pytest.raises(InputError, match="TLS"), open_cluster("tcp://127.0.0.1:8786", stage):
        pass
    with pytest.raises(InputError, match="missing"), open_cluster("tls://127.0.0.1:8786", stage, tls=folder):
        pass


def test_nothing_is_left_on_a_worker_when_the_grader_goes(cluster: Lab, stage: Stage) -> None:
    with open_cluster(cluster.address, stage, limits=LIMITS, tls=cluster.tls, warm=False) as workers:
        list(workers.map(a_class(2)))
        assert list(cluster.folder.rglob("grader-stage-*"))
    deadline = time.monotonic() + 10
    alive = [number for number, worker in enumerate(cluster.workers) if worker.poll() is None]
    while time.monotonic() < deadline and any(
        list((cluster.folder / f"worker{n}").rglob("grader-stage-*")) for n in alive
    ):
        time.sleep(0.1)
    assert [n for n in alive if list((cluster.folder / f"worker{n}").rglob("grader-stage-*"))] == []


def test_a_stage_arrives_as_it_was_sent_links_included(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    (hub / "blobs").mkdir(parents=True)
    (hub / "snapshots" / "1").mkdir(parents=True)
    (hub / "blobs" / "abc").write_bytes(b"weights")
    (hub / "snapshots" / "1" / "model.safetensors").symlink_to("../../blobs/abc")
    (tmp_path / "there").mkdir()
    unpack_stage(pack_stage(Stage(hub=hub)), tmp_path / "there")
    assert (tmp_path / "there/hub/snapshots/1/model.safetensors").read_bytes() == b"weights"
    assert not (tmp_path / "there/hub/snapshots/1/model.safetensors").is_symlink()


def test_a_stage_that_arrives_damaged_is_not_used(stage: Stage, tmp_path: Path) -> None:
    import pickle

    packed = pack_stage(stage)
    assert pack_stage(stage) == packed
    workshop = Workshop(stage, LIMITS, packed)
    workshop._packed = packed[:-600] + b"x" * 600
    there = pickle.loads(pickle.dumps(workshop))
    there.set_up(tmp_path)
    assert there.trouble == "the stage arrived damaged"
    assert there.execute(b"{}") == b'{"trouble":"the stage arrived damaged"}'


def test_a_scheduler_that_is_lost_ends_the_run_with_what_to_do(
    cluster: Lab, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test here: there is no cluster after it."""
    monkeypatch.setattr(grader.execution.cluster, "CONNECT_SECONDS", 5.0)
    results = []
    with (
        pytest.raises(MachineError, match="scheduler of the cluster was lost") as caught,
        open_cluster(cluster.address, stage, limits=LIMITS, tls=cluster.tls, warm=False) as workers,
    ):
        for done in workers.map(a_class(6)):
            results.append(done)
            cluster.scheduler.kill()
    assert results
    assert "again" in (caught.value.todo or "")
