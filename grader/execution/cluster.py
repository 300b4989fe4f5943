"""Many notebooks executed on many machines: the same function as in a pool, mapped over a Dask cluster.

TLS with certificates on both sides is required: who may talk to a scheduler may run code on its workers. A machine that
is lost costs nothing but time: its notebooks are given to others, and each comes back once. Nothing is stored here.
"""

from __future__ import annotations

import collections
import contextlib
import json
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from grader.errors import InputError, MachineError
from grader.execution import wire
from grader.execution.cluster_worker import TROUBLE, Workshop, as_plugin, name_of, pack_stage, run_job, trouble_of
from grader.execution.nouns import Job, Limits, Run, Stage
from grader.execution.pool import insist_on_stage
from grader.execution.versions import difference, here

FILES = {"tls_ca_file": "ca.pem", "tls_client_cert": "cert.pem", "tls_client_key": "key.pem"}
"""Names in the folder of `--cluster-tls`."""
CONNECT_SECONDS = 30.0
FIRST_WORKER_SECONDS = 120.0
NOBODY_SECONDS = 600.0
"""Without any worker for so long a run is given up; what came back is kept."""
AHEAD = 2
"""Notebooks under way per thread of the cluster: enough that nobody waits, few enough to be held in memory."""
AGAIN = "what came back is kept: run the same command again"


class Cluster:
    """A connected cluster with its workers checked; maps as a pool does."""

    def __init__(self, client: Any, name: str) -> None:
        self._client, self._name = client, name
        self._run = uuid.uuid4().hex[:12]
        self._number = 0
        self._nobody_since: float | None = None

    @property
    def threads(self) -> int:
        """Notebooks that the cluster executes at once now."""
        return sum(self._client.nthreads().values())

    def map(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Run]]:
        """Execute every job; results as they finish, each job's once. `jobs` may be a generator."""
        try:
            yield from self._map(jobs)
        except OSError:  # Dask's own word for a connection that closed is one
            raise MachineError("the scheduler of the cluster was lost", todo=AGAIN) from None

    def _map(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Run]]:
        source, again = iter(jobs), collections.deque[Job]()
        under_way: dict[Any, Job] = {}
        while True:
            while len(under_way) < max(1, self.threads) * AHEAD:
                job = again.popleft() if again else next(source, None)
                if job is None:
                    break
                under_way[self._submit(job)] = job
            if not under_way:
                return
            for future in self._finished(under_way):
                job = under_way.pop(future)
                run = self._run_of(future)
                if run is None:
                    again.append(job)
                else:
                    yield job, run

    def _submit(self, job: Job) -> Any:
        self._number += 1
        key = f"grader-{self._run}-{self._number}"
        return self._client.submit(run_job, wire.dump_job(job), self._name, key=key, pure=False, retries=1)

    def _finished(self, under_way: dict[Any, Job]) -> list[Any]:
        distributed = _distributed()
        with self._client.as_current(), contextlib.suppress(TimeoutError):
            distributed.wait(list(under_way), timeout=5.0, return_when="FIRST_COMPLETED")
        self._insist_on_somebody()
        return [future for future in under_way if future.done()]

    def _insist_on_somebody(self) -> None:
        """Machines may come and go; with none for long, or without a scheduler, there is nothing to wait for."""
        if self._client.status != "running":
            raise MachineError("the scheduler of the cluster was lost", todo=AGAIN)
        if self._client.nthreads():
            self._nobody_since = None
        elif self._nobody_since is None:
            self._nobody_since = time.monotonic()
        elif time.monotonic() - self._nobody_since > NOBODY_SECONDS:
            raise MachineError("the cluster has had no worker for ten minutes", todo=f"start some; {AGAIN}")

    def _run_of(self, future: Any) -> Run | None:
        """A result; null to try again elsewhere, because that worker turned out to be unfit."""
        if future.status == "finished":
            data: bytes = future.result(timeout=CONNECT_SECONDS)
            if not data.startswith(TROUBLE):
                return wire.load_run(data)
            self._retire_unfit(json.loads(data)["trouble"])
            return None
        if future.status in ("cancelled", "lost"):
            raise MachineError("the scheduler of the cluster was lost", todo=AGAIN)
        what = type(future.exception(timeout=CONNECT_SECONDS)).__name__
        why = "every machine that tried it was lost" if what == "KilledWorker" else what
        return Run("crashed", f"The grader could not execute it on the cluster: {why}")

    def _retire_unfit(self, trouble: str) -> None:
        """Machines that came later were not asked before; the others go on without those that can't be used."""
        unfit = [address for address, why in self._client.run(trouble_of, self._name).items() if why]
        if unfit and len(unfit) == len(self._client.nthreads()):
            raise MachineError(f"no worker of the cluster can be used: {trouble}", todo=AGAIN)
        if unfit:
            self._client.retire_workers(workers=unfit, close_workers=True)


@contextlib.contextmanager
def open_cluster(
    address: str, stage: Stage, *, limits: Limits | None = None, tls: Path | None = None, warm: bool = True
) -> Iterator[Cluster]:
    """Connect, check versions everywhere, bring the stage to every worker; `tls` is a folder with our certificate."""
    stage = insist_on_stage(stage)
    distributed = _distributed()
    security = _security(distributed, address, tls)
    # Notebooks travel as arguments; Dask would warn of large ones each time.
    with _settings({"distributed.admin.large-graph-warning-threshold": "1GB"}):
        try:
            client = distributed.Client(address, security=security, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            todo = (
                "is it running there, with TLS, and is our certificate signed by the same authority? (docs/cluster.md)"
            )
            why = str(error.__cause__ or error)[:300]
            raise MachineError(f"the cluster can't be reached: {why}", where=address, todo=todo) from None
        with client:
            workshop = Workshop(stage, limits or Limits(), pack_stage(stage), warm=warm)
            name = name_of(workshop)
            _check_versions(client)
            client.register_plugin(as_plugin(workshop), name=name)
            try:
                _check_workers(client, name)
                yield Cluster(client, name)
            finally:
                with contextlib.suppress(Exception):  # a cluster that is gone needs no tidying
                    client.unregister_worker_plugin(name)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        todo = "pip install 'llm-course-grader[cluster]'"
        raise MachineError("Dask is missing, which --cluster needs", todo=todo) from None
    return distributed


def _settings(values: dict[str, str]) -> Any:
    import dask

    return dask.config.set(values)


def _security(distributed: Any, address: str, tls: Path | None) -> Any:
    if not address.startswith("tls://"):
        todo = "start scheduler and workers with certificates, and give tls://HOST:8786 (docs/cluster.md)"
        raise InputError("is not an address with TLS", where=address, todo=todo)
    files = {} if tls is None else {name: str(tls / file) for name, file in FILES.items()}
    for path in files.values():
        if not Path(path).is_file():
            todo = f"--cluster-tls names a folder with {', '.join(FILES.values())}"
            raise InputError("is missing", where=path, todo=todo)
    security = distributed.Security(require_encryption=True, **files)
    if not security.tls_ca_file or not security.tls_client_cert:
        todo = "name a folder with --cluster-tls, or set distributed.comm.tls in Dask's own configuration"
        raise InputError("there is no certificate of ours for the cluster", where=address, todo=todo)
    return security


def _check_versions(client: Any) -> None:
    """Scheduler and workers against this machine; waits for the first worker."""
    ours = here()
    try:
        theirs = client.run_on_scheduler(here)
    except ImportError:
        raise MachineError("the scheduler lacks the grader", todo="install the same version there") from None
    except Exception as error:
        raise MachineError(f"the scheduler can't be asked for its version: {error}"[:300]) from None
    ours_there = {name: ours[name] for name in ("grader", "python")}
    if wrong := difference(ours_there, theirs):
        raise MachineError(f"the scheduler has {wrong}", todo="install the same versions everywhere")
    try:
        client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
    except TimeoutError:
        raise MachineError("the cluster has no worker", todo="start some (docs/cluster.md)") from None


def _check_workers(client: Any, name: str) -> None:
    told = client.run(trouble_of, name, on_error="return")
    wrong = {
        address: f"{type(why).__name__}: {why}" if isinstance(why, Exception) else why
        for address, why in sorted(told.items())
        if why
    }
    if wrong:
        lines = "; ".join(f"{address}: {why}" for address, why in list(wrong.items())[:5])
        todo = "install the same versions everywhere, and bubblewrap on every worker (docs/cluster.md)"
        raise MachineError(f"{len(wrong)} of {len(told)} workers can't be used: {lines}"[:1500], todo=todo)
