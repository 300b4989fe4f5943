"""Full mode with a small hub and data folder in the place of the real ones. No GPU is needed, and none is tested."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grader.errors import InputError
from grader.execution import Job, Limits, Stage, gpu_devices, open_pool
from grader.pipeline import Request, grade
from grader.pipeline.executing import limits_of, stage_of
from grader.pipeline.grading import scale_of
from grader.settings import Settings
from tests.builders_intake import notebook
from tests.builders_review import materials

WRITES = """
import os
for place in (os.environ["HF_HUB_CACHE"], os.environ["COURSE_DATA"]):
    try:
        open(place + "/mine", "w")
        print("written", place)
    except OSError as error:
        print(error.strerror, sorted(os.listdir(place)))
"""


@pytest.fixture
def real() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    (folder / "hub/models--Qwen--Qwen2.5-0.5B").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "data/labels.json").write_text("[]")
    yield folder
    shutil.rmtree(folder)


def settings(real: Path) -> Settings:
    return Settings(mode="full", hub=real / "hub", data=real / "data")


def test_nothing_is_cut_short_and_the_real_places_are_used(real: Path) -> None:
    stage = stage_of(materials(), settings(real))
    assert (stage.hub, stage.data, stage.inside_config["steps"]) == (real / "hub", real / "data", 0)
    assert stage.inside_config["models"]["decoder"] == "Qwen/Qwen2.5-0.5B"
    assert stage.inside_config["real_gpu"] is bool(gpu_devices())


def test_limits_are_those_of_a_real_training_and_the_commands_win(real: Path) -> None:
    assert limits_of(materials(), settings(real)).notebook_seconds == 14400
    assert limits_of(materials(), replace(settings(real), notebook_seconds=60.0)).notebook_seconds == 60
    assert limits_of(materials(), Settings()).notebook_seconds == 600


def test_the_ranges_are_those_of_full_runs_where_there_are_any(real: Path) -> None:
    found = materials()
    assert scale_of(found, settings(real)) == "t4"
    expected = {**found.assignment.expected, "full": found.assignment.expected["t4"]}
    recorded = replace(found, assignment=found.assignment.model_copy(update={"expected": expected}))
    assert scale_of(recorded, settings(real)) == "full"
    assert scale_of(recorded, replace(settings(real), scale="t4")) == "t4"
    assert scale_of(recorded, Settings()) == "t4"


def test_a_gpu_is_all_its_device_files_and_nothing_else(tmp_path: Path) -> None:
    for name in ("nvidiactl", "nvidia-uvm", "sda", "mem"):
        (tmp_path / name).touch()
    assert gpu_devices(tmp_path) == ()
    (tmp_path / "nvidia0").touch()
    assert [Path(path).name for path in gpu_devices(tmp_path)] == ["nvidia0", "nvidiactl", "nvidia-uvm"]


@pytest.mark.sandbox
def test_a_device_is_let_in_and_the_others_stay_out(sandbox: None) -> None:
    device = next((name for name in ("/dev/fuse", "/dev/net/tun", "/dev/kmsg") if Path(name).exists()), None)
    if device is None:
        pytest.skip("this machine has no device file to try it with")
    code = f"import os; print(os.path.exists({device!r}), repr(os.environ.get('CUDA_VISIBLE_DEVICES')), len(os.listdir('/dev')))"
    told = []
    for devices in ((), (device,)):
        with open_pool(Stage(devices=devices), limits=Limits(memory_mb=1000), warm=False) as pool:
            ((_, run),) = pool.map([Job("k", {"cells": [{"cell_type": "code", "source": code}]})])
        told.append("".join(output["text"] for output in run.executed["cells"][0]["outputs"]).split())
    assert told[0][:2] == ["False", "''"]
    assert told[1][:2] == ["True", "None"]
    assert int(told[1][2]) - int(told[0][2]) == 1


@pytest.mark.sandbox
@pytest.mark.slow
def test_hub_and_data_are_read_only_and_the_figures_of_both_runs_stand_side_by_side(
    sandbox: None, real: Path, tmp_path: Path
) -> None:
    told = "print('Qwen2.5-0.5B decoder, test set: macro F1 0.2100')"
    path = tmp_path / "homework.ipynb"
    path.write_bytes(notebook(WRITES, told))
    chosen = replace(settings(real), cell_seconds=60.0, memory_mb=3000)
    (one,) = grade(Request(path, tmp_path / "out"), materials(), chosen)
    assert one.evidence.execution.mode == "full"
    executed = json.loads((tmp_path / "out/submissions/homework/1/executed.ipynb").read_text("utf-8"))
    printed = "".join(output["text"] for output in executed["cells"][0]["outputs"])
    assert printed == ("Read-only file system ['models--Qwen--Qwen2.5-0.5B']\nRead-only file system ['labels.json']\n")
    assert sorted(item.name for item in (real / "data").iterdir()) == ["labels.json"]
    with (tmp_path / "out" / "rerun.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {(row["model"], row["metric"]): row for row in csv.DictReader(file)}
    found = rows["decoder", "macro_f1"]
    assert (found["shown"], found["rerun"], found["low"], found["high"], found["rerun_in_range"]) == (
        "", "0.21", "0.15", "0.5", "yes"
    )  # fmt: skip


def test_full_mode_does_not_travel(real: Path) -> None:
    from click.testing import CliRunner

    import grader.cli.grading  # noqa: F401
    from grader.cli.app import app

    path = real / "homework.ipynb"
    path.write_bytes(notebook("x = 1"))
    arguments = ["grade", path, "--out", real / "out", "--mode", "full", "--hub", real / "hub", "--data", real / "data",
                 "--cluster", "tls://127.0.0.1:8786"]  # fmt: skip
    done = CliRunner().invoke(app, [str(one) for one in arguments], standalone_mode=False)
    assert isinstance(done.exception, InputError)
    assert "one machine" in done.exception.text()
