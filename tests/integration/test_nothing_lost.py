"""Kills, full and read-only disks, two graders, damaged files, jumping clocks: the same outcome, or an error that says what to do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from killing import kill_at_random

from grader.catalog import Course
from grader.errors import GraderError, StorageError
from grader.pipeline import Materials, Request, grade, grading, load_materials, outputs, regrade
from grader.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MOODLE = ROOT / "tests" / "data" / "moodle"
EXPORT = ("blind-folders.zip", "blind-worksheet.csv")
STATIC = Settings(mode="static")
VARY = {"run.json", "run.log", ".lock", "index.html"}
"""Files that hold times."""


@pytest.fixture(scope="module")
def materials() -> Materials:
    return load_materials(Course(ROOT), "week3")


def request_for(out: Path) -> Request:
    return Request(MOODLE / EXPORT[0], out, MOODLE / EXPORT[1])


@pytest.fixture(scope="module")
def graded_class(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "results"
    grade(request_for(out), materials, STATIC)
    return out


def everything(out: Path) -> dict[str, bytes]:
    paths = (path for path in out.rglob("*") if path.is_file() and path.name not in VARY)
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(paths)}


def command(out: str) -> list[str]:
    words = [sys.executable, "-m", "grader", "grade", str(MOODLE / EXPORT[0]), "--worksheet", str(MOODLE / EXPORT[1])]
    return [*words, "--assignment", "week3", "--mode", "static", "--course", str(ROOT), "--json", "--out", out]


# -- kills ----------------------------------------------------------------------------------------------------------------


@pytest.mark.sandbox
def test_killed_at_random_moments_while_notebooks_run_nothing_is_lost(sandbox: None, tmp_path: Path) -> None:
    report = kill_at_random(
        int(os.environ.get("GRADER_TEST_KILLS", "10")), seed=time.time_ns() % 100_000, folder=tmp_path
    )
    assert (report.different, report.executed_twice, report.unhelpful) == ([], [], []), report


# -- disks -----------------------------------------------------------------------------------------------------------------

FULL = """
import json, os, subprocess, sys
from pathlib import Path
out, ballast, told = Path("/mnt/full/results"), Path("/mnt/full/ballast"), []
for room in json.loads(sys.argv[1]):
    facts = os.statvfs("/mnt/full")
    with ballast.open("wb") as file:
        file.write(bytes(max(0, facts.f_bavail * facts.f_frsize - room * 1024)))
    done = subprocess.run(json.loads(sys.argv[2]), capture_output=True, text=True)
    told.append([done.returncode, done.stderr[-600:]])
    ballast.unlink()
done = subprocess.run(json.loads(sys.argv[2]), capture_output=True, text=True)
told.append([done.returncode, done.stderr[-600:]])
subprocess.run(["cp", "-r", str(out), sys.argv[3]], check=True)
print(json.dumps(told))
"""


def boxed(*words: str) -> list[str]:
    """A command with a disk of its own of 40 MB at /mnt/full; bubblewrap mounts it for an ordinary user too."""
    mounts = ["--dev-bind", "/", "/", "--size", str(40 << 20), "--tmpfs", "/mnt"]
    return ["bwrap", *mounts, "--dir", "/mnt/full", "--chdir", str(ROOT), *words]


def test_a_disk_that_fills_up_costs_nothing_but_time(sandbox: None, graded_class: Path, tmp_path: Path) -> None:
    rooms = [8, 100, 300, 700, 1200, 2000]
    words = [
        sys.executable,
        "-c",
        FULL,
        json.dumps(rooms),
        json.dumps(command("/mnt/full/results")),
        str(tmp_path / "out"),
    ]
    done = subprocess.run(boxed(*words), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *full, last = json.loads(done.stdout)
    assert [code for code, _ in full if code not in (0, 1)][:2] == [3, 3], full
    for code, told in full:
        assert code in (0, 1) or (code == 3 and "free some space" in told), told
    assert last[0] in (0, 1)
    assert everything(tmp_path / "out") == everything(graded_class)


def test_an_output_that_is_read_only_is_said_with_what_to_do(sandbox: None, graded_class: Path, tmp_path: Path) -> None:
    shutil.copytree(graded_class, tmp_path / "results")
    before = everything(tmp_path / "results")
    for out in (tmp_path / "results", tmp_path / "new"):
        mounts = ["--dev-bind", "/", "/", "--ro-bind", str(tmp_path), str(tmp_path), "--chdir", str(ROOT)]
        done = subprocess.run(["bwrap", *mounts, *command(str(out))], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (3, "")
        assert "--out" in done.stderr and str(out) in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
    assert everything(tmp_path / "results") == before


# -- two graders -------------------------------------------------------------------------------------------------------------


def test_two_graders_on_one_folder_the_second_is_told_and_the_first_undisturbed(
    graded_class: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    with subprocess.Popen(command(str(out)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        while not (out / "batch.json").exists():
            time.sleep(0.01)
        first.send_signal(19)  # stopped in the middle, so that the second surely meets it
        second = subprocess.run(command(str(out)), capture_output=True, text=True, check=False)
        first.send_signal(18)
    assert first.returncode in (0, 1)
    assert second.returncode == 2
    assert "another grader is working in this folder" in second.stderr
    assert everything(out) == everything(graded_class)


# -- damage ------------------------------------------------------------------------------------------------------------------

DAMAGES = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "flipped": lambda data: _flipped(data),
}


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _files(out: Path) -> list[str]:
    """Every file of the first attempt that has a notebook, and those of the whole run."""
    first = sorted(path.parent for path in out.glob("submissions/*/1/notebook.ipynb"))[0]
    kept = [path for path in (*first.rglob("*"), *out.glob("*.json")) if path.is_file()]
    return sorted(str(path.relative_to(out)) for path in kept)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_anew_or_named_with_what_mends_it(
    damage: str, graded_class: Path, materials: Materials, tmp_path: Path
) -> None:
    wanted = everything(graded_class)
    names = _files(graded_class)
    assert {Path(name).name for name in names} >= {
        "evidence.json", "reading.json", "findings.json", "scorecard.json", "submission.json", "notebook.ipynb",
        "results.json", "run.json", "batch.json",
    }  # fmt: skip
    for name in names:
        out = tmp_path / "results"
        shutil.copytree(graded_class, out)
        (out / name).write_bytes(DAMAGES[damage]((out / name).read_bytes()))
        _until_mended(lambda out=out: grade(request_for(out), materials, STATIC), name, out)  # type: ignore[misc]
        assert everything(out) == wanted, name
        shutil.rmtree(out)


def _until_mended(run: Any, name: str, out: Path) -> None:
    """Run; where an error names what to delete, delete that and run again."""
    try:
        run()
    except GraderError as error:
        assert error.todo, error
        target = re.search(r"delete (\S+)", error.todo)
        assert isinstance(error, StorageError) and error.where and str(out) in error.where
        assert target, f"{name}: {error}"
        path = Path(error.where) if target[1] == "it" else Path(target[1].rstrip(","))
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        run()


def test_a_regrade_names_a_damaged_file_and_leaves_the_rest_alone(
    graded_class: Path, materials: Materials, tmp_path: Path
) -> None:
    shutil.copytree(graded_class, tmp_path / "results")
    evidence = sorted((tmp_path / "results").glob("submissions/*/1/evidence.json"))[0]
    evidence.write_bytes(_flipped(evidence.read_bytes()))
    before = everything(tmp_path / "results")
    with pytest.raises(StorageError, match="damaged") as caught:
        regrade(tmp_path / "results", materials, because="a look", apply=True)
    assert caught.value.where == str(evidence)
    assert everything(tmp_path / "results") == before


# -- clocks ------------------------------------------------------------------------------------------------------------------


class _JumpingClock(datetime):
    """Each look is years away from the last one."""

    jumps = cycle((timedelta(days=4000), timedelta(days=-8000), timedelta(0)))

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + next(cls.jumps)


def test_a_clock_that_jumps_changes_no_result(
    graded_class: Path, materials: Materials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (grading, outputs):
        monkeypatch.setattr(module, "datetime", _JumpingClock)
    real, jumps = time.time, cycle((1e8, -2e8, 0.0))
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    out = tmp_path / "results"
    grade(request_for(out), materials, STATIC)
    for path in out.rglob("*"):
        os.utime(path, (2**31 - 1, 2**31 - 1))
    grade(request_for(out), materials, STATIC)
    assert everything(out) == everything(graded_class)


def test_limits_and_locks_look_at_no_clock_that_can_be_set() -> None:
    code = {
        path: path.read_text("utf-8")
        for part in ("execution", "workspace")
        for path in (ROOT / "grader" / part).glob("*.py")
    }
    assert code
    assert [
        path.name for path, text in code.items() if re.search(r"time\.time(_ns)?\(|datetime\.now|st_mtime", text)
    ] == []
