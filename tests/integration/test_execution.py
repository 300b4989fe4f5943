"""Notebooks executed for real: what is kept, what continues, what a notebook finds, and that nothing stays behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.execution import Job, Limits, Pool, Run, Stage, execute, open_pool, probe
from grader.execution.box import Bubblewrap

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

LIMITS = Limits(cell_seconds=20, notebook_seconds=60, memory_mb=1500)


def notebook(*cells: str) -> dict[str, Any]:
    return {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}


def printed(run: Run) -> list[str]:
    """What each code cell showed, as text."""
    return [
        "".join(str(o.get("text") or o.get("data", {}).get("text/plain") or o.get("ename")) for o in cell["outputs"])
        for cell in run.executed["cells"]
        if cell["cell_type"] == "code"
    ]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    # Not pytest's own folder: only its owner may enter that one, and workers are an ordinary user.
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    (folder / "hub").mkdir()
    (folder / "data").mkdir()
    (folder / "data/labels.json").write_text('["a", "b"]')
    yield Stage(hub=folder / "hub", data=folder / "data", inside_config={"some": "thing"})
    shutil.rmtree(folder)


@pytest.fixture(scope="module", params=["warm", "cold"])
def pool(request: pytest.FixtureRequest, sandbox: None, stage: Stage) -> Iterator[Pool]:
    with open_pool(stage, limits=LIMITS, jobs=2, warm=request.param == "warm") as pool:
        assert pool.why_not_warm is None
        yield pool


def run_one(pool: Pool, *cells: str, **more: Any) -> Run:
    ((job, run),) = pool.map([Job("k", notebook(*cells), **more)])
    assert job.key == "k"
    return run


def test_later_cells_run_after_an_error(pool: Pool) -> None:
    run = run_one(pool, "x = 1\nprint(x)", "1 / 0", "x + 1")
    assert (run.status, run.cells_run, run.boxed) == ("error", 3, True)
    assert printed(run) == ["1\n", "ZeroDivisionError", "2"]
    assert run.errors == ((1, "ZeroDivisionError", "division by zero"),)
    assert run.executed["cells"][2]["outputs"][0]["execution_count"] == 3


def test_cells_run_in_the_order_asked_for_and_keep_their_places(pool: Pool) -> None:
    run = run_one(pool, "print(value)", "never = 1", "value = 7", order=(2, 0))
    assert printed(run) == ["7\n", "", ""]
    assert [cell["execution_count"] for cell in run.executed["cells"]] == [2, None, 1]


def test_a_notebook_finds_its_files_the_stage_and_nobody_special(pool: Pool) -> None:
    run = run_one(
        pool,
        "import os, json, helper\nprint(helper.x, open('data/a.txt').read(), os.getcwd())",
        "print(json.load(open(os.environ['COURSE_DATA'] + '/labels.json')), os.environ['HF_HUB_CACHE'])",
        "print(os.getuid(), os.geteuid(), os.path.expanduser('~'))",
        "open(os.path.expanduser('~/cache'), 'w').write('x'); open('/tmp/y', 'w').write('y'); open('/dev/shm/z', 'w').write('z')",
        files={"helper.py": b"x = 5", "data/a.txt": b"hello"},
    )
    assert printed(run)[:3] == ["5 hello /job\n", "['a', 'b'] /course/hub\n", "1000 1000 /run/home\n"]
    assert run.status == "ok"


def test_a_cell_that_is_too_slow_is_interrupted_and_the_rest_runs(stage: Stage, sandbox: None) -> None:
    with open_pool(stage, limits=Limits(cell_seconds=3, notebook_seconds=60), warm=False) as pool:
        run = run_one(pool, "print('before', flush=True)\nwhile True: pass", "print('after')")
    assert (run.status, run.timed_out, run.cells_run) == ("timeout", (0,), 2)
    assert printed(run) == ["before\nKeyboardInterrupt", "after\n"]


def test_the_notebook_has_a_deadline_too(stage: Stage, sandbox: None) -> None:
    with open_pool(stage, limits=Limits(cell_seconds=30, notebook_seconds=4), warm=False) as pool:
        run = run_one(pool, "import time\ntime.sleep(1)\nprint(1)", "time.sleep(60)", "print(3)")
    assert run.status == "timeout"
    assert printed(run)[0] == "1\n"
    assert printed(run)[2] == ""


def test_magics_within_a_cell_do_not_shift_the_records(pool: Pool) -> None:
    run = run_one(pool, "%%capture\nprint(1)", "%%capture out\nx = 1", "y = 2")
    assert [record["cell"] for record in run.trace if record["t"] == "finish"] == [2]


def test_a_notebook_that_is_no_notebook_is_no_trouble(pool: Pool) -> None:
    strange: list[dict[str, Any]] = [{}, {"cells": None}, {"cells": [1, {"cell_type": "code"}]}]
    runs = [run for _, run in pool.map(Job(str(n), nb) for n, nb in enumerate(strange))]
    assert [(run.status, run.cells_run) for run in runs] == [("ok", 0)] * 3


@pytest.mark.parametrize("files", [{"../x": b""}, {"a": b"", "a/b": b""}, {"big": b"x" * (70 << 20)}])
def test_files_that_do_not_fit_are_said(stage: Stage, sandbox: None, files: dict[str, bytes]) -> None:
    run = execute(Job("k", notebook("print(1)"), files), stage, Limits(work_mb=64))
    assert run.status == "skipped"
    assert "could not be put beside the notebook" in run.why


def test_results_come_as_they_finish_and_jobs_are_read_as_needed(pool: Pool) -> None:
    read: list[str] = []

    def jobs() -> Iterator[Job]:
        for key, seconds in (("slow", 5), ("quick", 0), ("later", 0)):
            read.append(key)
            yield Job(key, notebook(f"import time; time.sleep({seconds})"))

    results = pool.map(jobs())
    assert next(results)[0].key == "quick"
    assert read == ["slow", "quick"]
    assert {job.key for job, _ in results} == {"later", "slow"}


def test_a_worker_that_dies_costs_one_job_and_only_after_a_second_try(stage: Stage, sandbox: None) -> None:
    with open_pool(stage, limits=LIMITS, jobs=1, warm=False) as pool:
        results = pool.map([Job("a", notebook("import time; time.sleep(6)")), Job("b", notebook("print('b')"))])
        killer = _kill_workers(times=2)
        told = {job.key: run for job, run in results}
        killer.wait()
    assert told["a"].status == "crashed"
    assert "twice" in told["a"].why
    assert printed(told["b"]) == ["b\n"]


def _kill_workers(times: int) -> subprocess.Popen[bytes]:
    """Kills the worker of this process while it is in the middle of its job, as often as asked."""
    script = f"""
import os, time, subprocess
def worker():
    found = subprocess.run(["pgrep", "-P", "{os.getpid()}", "-f", "grader.execution.worker"], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]
gone = set()
while len(gone) < {times}:
    for pid in worker():
        if pid not in gone and subprocess.run(["pgrep", "-P", str(pid), "-f", "bwrap"], capture_output=True).returncode == 0:
            time.sleep(2.0); os.kill(pid, 9); gone.add(pid)
    time.sleep(0.05)
"""
    return subprocess.Popen([sys.executable, "-c", script])


@pytest.mark.parametrize(
    ("cell", "files"),
    [
        (
            "import os\nos.environ['HF_HOME'] = '/tmp/mine'\nfrom huggingface_hub import constants\nprint(constants.HF_HOME)",
            {},
        ),
        ("import tokenize\nprint(tokenize.MINE)", {"tokenize.py": b"MINE = '/tmp/mine'"}),
    ],
)
def test_a_notebook_that_must_come_first_gets_a_fresh_interpreter(
    pool: Pool, cell: str, files: dict[str, bytes]
) -> None:
    run = run_one(pool, cell, files=files)
    assert not run.warm
    assert "/tmp/mine" in printed(run)[0] or "tokenize" in cell


def test_a_warm_kernel_gives_what_a_cold_one_gives(pool: Pool, stage: Stage) -> None:
    cells = (
        "import os, sys, random, numpy as np\nprint(random.random(), np.random.rand(3), sorted({'a', 'b', 'c'}), hash('x'))",
        "print([p for p in sys.path], sys.argv, sys.flags, os.getcwd(), __name__)",
        "print(sorted(os.listdir('.')), os.umask(0o022), sorted(os.environ) == sorted(os.environ.keys()))",
        "import pandas as pd\npd.DataFrame({'a': range(3)})",
        "import signal, resource\nprint(signal.getsignal(signal.SIGTERM), resource.getrlimit(resource.RLIMIT_NPROC))",
        "print([line for line in open('/proc/self/status') if line.startswith(('Cap', 'NoNew', 'Seccomp:', 'Uid', 'Gid', 'Groups'))])",
        "print(sorted(os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in (0, 1, 2)))",
        "import threading; print(threading.current_thread().name, threading.active_count() < 9)",
    )
    run = run_one(pool, *cells)
    cold = execute(Job("k", notebook(*cells)), stage, LIMITS)
    assert (cold.warm, cold.status) == (False, "ok")
    assert run.executed == cold.executed


def test_unboxed_is_only_for_those_who_ask(stage: Stage, tmp_path: Path) -> None:
    run = execute(
        Job("k", notebook("print(open('a.txt').read())", "open('b.json', 'w').write('{}')"), {"a.txt": b"mine"}),
        stage,
        LIMITS,
        boxed=False,
    )
    assert (run.status, run.boxed, run.warm) == ("ok", False, False)
    assert printed(run) == ["mine\n", "2"]
    assert run.files == {"b.json": b"{}"}


def test_a_stage_may_be_named_from_where_one_stands(
    stage: Stage, sandbox: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stage.data is not None
    monkeypatch.chdir(stage.data.parent)
    run = execute(
        Job("k", notebook("import os; os.listdir(os.environ['COURSE_DATA'])")), Stage(data=Path("data")), LIMITS
    )
    assert printed(run) == ["['labels.json']"]


def test_this_machine_is_described(sandbox: None) -> None:
    machine = probe()
    assert machine.box and machine.box_trouble is None
    assert machine.cores >= 1 and machine.root == (os.geteuid() == 0)


DRIVER = """
import sys
sys.path.insert(0, {root!r})
from grader.execution import Job, Stage, open_pool
code = "import os, time\\nif os.fork() == 0:\\n    os.setsid()\\n    os.execvp('sleep', ['sleep', '{mark}'])\\n"
code += "time.sleep(300)"
nb = {{"cells": [{{"cell_type": "code", "source": code}}]}}
with open_pool(Stage(), jobs=2, warm={warm}) as pool:
    print("open", flush=True)
    for _ in pool.map([Job("a", nb), Job("b", nb)]): pass
"""


@pytest.mark.parametrize("warm", [False, True])
def test_a_grader_that_is_killed_leaves_nothing(sandbox: None, tmp_path: Path, warm: bool) -> None:
    mark = str(800_000 + os.getpid() * 2 + warm)
    script = tmp_path / "driver.py"
    script.write_text(DRIVER.format(root=str(Path(__file__).parents[2]), mark=mark, warm=warm))
    temporary = set(Path("/tmp").glob("grader-*"))
    grader = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
    assert grader.stdout is not None
    grader.stdout.readline()
    _until(lambda: len(_sleepers(mark)) >= 2, seconds=90)
    assert 0 not in {Path(f"/proc/{pid}").stat().st_uid for pid in _sleepers(mark)}
    family = _descendants(grader.pid)
    os.kill(grader.pid, signal.SIGKILL)
    grader.wait()
    grader.stdout.close()
    _until(lambda: not any(_alive(pid) for pid in family) and not _sleepers(mark), seconds=20)
    _until(lambda: not list(Path("/sys/fs/cgroup").glob(f"**/grader-{grader.pid}")), seconds=20)
    assert set(Path("/tmp").glob("grader-*")) <= temporary
    assert not any(f"grader-{grader.pid}" in line for line in Path("/proc/mounts").read_text().splitlines())


def _until(condition: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def _sleepers(mark: str) -> list[int]:
    """Processes of the box, seen from outside."""
    lines = subprocess.run(
        ["ps", "-eo", "pid,stat,args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    parts = [line.split(None, 2) for line in lines]
    return [int(pid) for pid, state, args in parts[1:] if args == f"sleep {mark}" and not state.startswith("Z")]


def _descendants(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{waiting.pop()}/task").iterdir():
                children = [int(word) for word in (task / "children").read_text().split()]
                found += children
                waiting += children
    return found


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def test_without_bubblewrap_foreign_code_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bubblewrap, "find", classmethod(lambda cls: None))
    with pytest.raises(Exception, match="bubblewrap is missing") as told:
        execute(Job("k", notebook("print(1)")), stage)
    assert "apt-get install bubblewrap" in str(told.value)
    machine = probe()
    assert (machine.box, machine.box_mend) == (False, "apt-get install bubblewrap")
