"""One's own notebook without a sandbox: the same on every system, as far as that can be tried on this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grader.catalog import Course
from grader.execution import Job, Limits, Run, Stage, open_pool
from grader.selfcheck.bundle import write_bundle

ROOT = Path(__file__).parents[2]
LIKE_WINDOWS = Path(__file__).with_name("like_windows.py")
LIMITS = Limits(cell_seconds=2.0, notebook_seconds=20.0)


def run(*cells: str, files: dict[str, bytes] | None = None, limits: Limits = LIMITS) -> Run:
    notebook = {"cells": [{"cell_type": "code", "metadata": {}, "source": cell} for cell in cells], "metadata": {}}
    with open_pool(Stage(), limits=limits, boxed=False) as pool:
        return next(iter(pool.map([Job("k", notebook, files or {})])))[1]


def printed(done: Run) -> list[str]:
    cells = done.executed["cells"]
    return ["".join(output.get("text", "") for output in cell["outputs"]) for cell in cells]


def test_a_notebook_runs_in_a_copy_and_gives_back_what_it_left(tmp_path: Path) -> None:
    done = run(
        "import os\nprint(open('data/größe.txt', encoding='utf-8').read())",
        "os.makedirs('out', exist_ok=True); n = open('out/adapter_config.json', 'w').write('{}')\nopen('note.txt', 'w').write('x')",
        files={"data/größe.txt": "né".encode()},
    )
    assert (done.status, done.boxed, printed(done)[0]) == ("ok", False, "né\n")
    assert done.files == {"out/adapter_config.json": b"{}"}
    assert ("note.txt", 1) in done.left and not any(path.startswith("data/") for path, _ in done.left)


def test_the_recorder_is_heard_and_told_which_cell_it_was() -> None:
    done = run("x = 1", "import google.colab")
    assert done.trace and done.trace_dropped == 0
    assert {record["cell"] for record in done.trace} & {1}


def test_a_cell_that_takes_too_long_is_interrupted_and_the_rest_runs() -> None:
    done = run("import time\ntime.sleep(60)", "print('after')")
    assert (done.status, done.timed_out, printed(done)[1]) == ("timeout", (0,), "after\n")


def test_a_kernel_that_dies_keeps_what_was_shown() -> None:
    done = run("print('before')", "import os; os._exit(3)", "print('never')")
    assert (done.status, printed(done)[0]) == ("crashed", "before\n")


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run("import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])")
    assert list(tmp_path.iterdir()) == []


def test_a_grader_that_is_killed_takes_its_kernel_with_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    source = f"import os, time\nn = open({str(told)!r}, 'w').write(str(os.getpid()))\ntime.sleep(300)"
    driver = (
        "from grader.execution import Job, Stage, open_pool\n"
        f"cell = {{'cell_type': 'code', 'metadata': {{}}, 'source': {source!r}}}\n"
        "with open_pool(Stage(), boxed=False) as pool:\n"
        "    list(pool.map([Job('k', {'cells': [cell], 'metadata': {}})]))\n"
    )
    grader = subprocess.Popen([sys.executable, "-c", driver], cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert waited(lambda: told.is_file() and told.read_text() != "")
    grader.kill()
    grader.wait()
    assert waited(lambda: not Path(f"/proc/{told.read_text()}").exists())


def waited(done: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.1)
    return done()


@pytest.mark.parametrize("name", ["../out.txt", "/etc/x", "a/../../b"])
def test_files_stay_in_the_copy(name: str) -> None:
    assert run("1", files={name: b"x"}).status == "skipped"


def test_the_students_own_environment_does_not_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert "secret" not in printed(run("import os\nprint(dict(os.environ))"))[0]


# -- as poor as Windows ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("Schülerin (Kopie)")
    zipfile.ZipFile(write_bundle(Course(ROOT), "week3", folder / "week3.zip")).extractall(folder)
    return folder / "week3"


def like_windows(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "utf8=0", "-W", "ignore", str(LIKE_WINDOWS), *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8")


def test_looking_exporting_and_explaining_need_nothing_that_windows_lacks(bundle: Path) -> None:
    notebook = bundle / "hausaufgabe – größe.ipynb"
    notebook.write_bytes((ROOT / "assignments/week3/golden/01-right/homework.ipynb").read_bytes())
    checked = like_windows("check", notebook, "--static", "--html", "seite.html", folder=bundle)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "All that can be checked before you submit is in order." in checked.stdout
    assert "in order" in (bundle / "seite.html").read_text("utf-8")
    exported = like_windows("export", notebook, folder=bundle)
    assert exported.returncode == 0 and notebook.with_suffix(".html").is_file()
    again = like_windows("check", notebook.with_suffix(".html"), "--static", "--json", folder=bundle)
    assert json.loads(again.stdout)["done"] is True
    assert "last position" in like_windows("checks", "padding_side", folder=bundle).stdout


def test_a_terminal_that_can_not_show_every_sign_stops_nothing(bundle: Path) -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# 系统 → 比较"},
        {"cell_type": "code", "metadata": {}, "source": "# YOUR CODE HERE", "outputs": [], "execution_count": None},
    ]
    notebook = bundle / "signs.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    for more in ((), ("--json",)):
        command = [sys.executable, "-m", "grader", "check", str(notebook), "--static", *more]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
        done = subprocess.run(command, cwd=bundle, env=environment, capture_output=True)
        assert done.returncode == 1 and done.stderr == b""
    assert json.loads(done.stdout)["to_write"][0]["heading"] == "系统 → 比较"


def test_the_run_needs_nothing_that_windows_lacks(bundle: Path) -> None:
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for source in ("print('größe')", "1 / 0")
    ]
    notebook = bundle / "small.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    done = like_windows("check", notebook, "--json", folder=bundle)
    assert "temporary copy with your own rights" in " ".join(done.stderr.split())
    told = json.loads(done.stdout)
    assert (told["execution"]["status"], told["execution"]["boxed"]) == ("error", False)
    assert told["execution"]["errors"][0]["name"] == "ZeroDivisionError"
    assert any("cell 1 (1 / 0) ended with ZeroDivisionError" in note for note in told["notes"])
