"""Notebooks made fit, bytes on the wire, paths behind closed doors, flags of the box, the words for an end."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from grader.errors import GraderError
from grader.execution import cgroups, descend, layout, notebooks, open_pool, wire
from grader.execution.box import put
from grader.execution.nouns import Job, Limits, Run, Stage
from grader.execution.runner import Story, _verdict

RUN = Run(
    "error", "Cell 1 ended with ValueError.", seconds=1.5, cells_run=2, executed={"cells": []}, trace=({"t": "a", "cell": None},),
    files={"a/b.json": b"\x00\xff"}, left=(("x", 3),), errors=((1, "ValueError", "é\ud800"),), cut=(1,), timed_out=(2,),
)  # fmt: skip


def test_a_result_survives_the_wire_and_a_pickle() -> None:
    clean = Run(**{**{name: getattr(RUN, name) for name in Run.__slots__}, "errors": ((1, "ValueError", "é"),)})
    assert wire.load_run(wire.dump_run(clean)) == clean == pickle.loads(pickle.dumps(clean))
    assert wire.load_run(wire.dump_run(RUN)).errors[0][1] == "ValueError"


def test_a_job_and_a_setting_survive_the_wire() -> None:
    job = Job("k", {"cells": [{"cell_type": "code", "source": "é"}]}, {"a.py": b"\x00"}, (2, 0))
    assert wire.load_job(wire.dump_job(job)) == job
    stage = Stage(hub=Path("/h"), env={"A": "b"}, inside_config={"steps": 4}, devices=("/dev/x",))
    assert wire.load_setup(wire.dump_setup(stage, Limits(files=7), warm=True)) == (
        stage,
        Limits(files=7),
        {"warm": True},
    )


def test_cells_keep_their_places_whatever_they_are() -> None:
    cells = [
        {"cell_type": "markdown", "source": "# t"}, {"cell_type": "code", "source": ["a\n", "b"], "id": "same"},
        {"cell_type": "code", "source": "c", "id": "same", "metadata": {"tags": ["raises-exception"]}, "outputs": [{"old": 1}]},
        "no cell", {"cell_type": "heading", "source": 5}, {"cell_type": "code"}, {"cell_type": "code", "source": "x\ud800"},
    ]  # fmt: skip
    notebook = notebooks.fresh({"cells": cells})
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code", "raw", "raw", "code", "code"]
    assert notebook.cells[1].source == "a\nb"
    assert [dict(cell.metadata) for cell in notebook.cells] == [{}] * 7
    assert notebook.cells[2].outputs == []
    assert notebook.cells[6].source == "x?"
    assert len({cell.id for cell in notebook.cells}) == 7
    assert notebooks.sequence(notebook, None) == [1, 2, 6]
    assert notebooks.sequence(notebook, (6, 0, 2, 99, -1)) == [6, 2]


@pytest.mark.parametrize("notebook", [{}, {"cells": 3}, {"cells": None}])
def test_no_cells_are_no_trouble(notebook: dict[str, object]) -> None:
    assert notebooks.plain(notebooks.fresh(notebook))["cells"] == []


def test_forged_outputs_become_plain_json() -> None:
    notebook = notebooks.fresh({"cells": [{"cell_type": "code", "source": "x"}]})
    notebook.cells[0]["outputs"] = [{"output_type": "error", "ename": 5, "evalue": b"x" * 9000, "traceback": []}]
    notebook.cells[0]["execution_count"] = "many"
    plain = notebooks.plain(notebook)
    json.dumps(plain)
    assert plain["cells"][0]["execution_count"] is None
    assert notebooks.errors(plain)[0][:2] == (0, "5")
    assert len(notebooks.errors(plain)[0][2]) == 2000


@pytest.mark.parametrize(
    ("story", "no_memory", "errors", "status"),
    [
        (Story([0, 2]), False, (), "ok"),
        (Story([0, 2]), False, ((2, "KeyError", "'x'"),), "error"),
        (Story([0], [0]), False, ((0, "KeyboardInterrupt", ""),), "timeout"),
        (Story([0], [0], "stuck"), False, (), "timeout"),
        (Story([0], [], "deadline"), False, (), "timeout"),
        (Story([0], [], "died", 3), False, (), "crashed"),
        (Story([0], [], "died", -9), True, (), "out_of_memory"),
        (Story([0], [], "memory"), False, (), "out_of_memory"),
        (Story([0]), False, ((0, "MemoryError", ""),), "out_of_memory"),
        (
            Story([0]),
            False,
            ((0, "RuntimeError", "DefaultCPUAllocator: can't allocate memory: you tried"),),
            "out_of_memory",
        ),
        (Story([0], [], "files"), False, (), "crashed"),
        (Story([0], [], "garbled"), False, (), "crashed"),
        (Story([]), False, (), "ok"),
    ],
)
def test_every_end_has_its_word_and_its_sentence(
    story: Story, no_memory: bool, errors: tuple[tuple[int, str, str], ...], status: str
) -> None:
    word, why = _verdict(story, Limits(), errors=errors, no_memory=no_memory)
    assert word == status
    assert why.endswith(".") and why[0].isupper()


def test_only_what_lies_behind_a_closed_door_is_moved(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "closed/python/lib").mkdir(parents=True)
    (tmp_path / "closed/stage").mkdir()
    (tmp_path / "open/venv").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    needed = [
        tmp_path / "closed/python",
        tmp_path / "closed/python/lib",
        tmp_path / "closed/stage",
        tmp_path / "open/venv",
    ]
    doors = descend.behind_closed_doors(needed)
    inner = {door: paths for door, paths in doors.items() if door.is_relative_to(tmp_path)}
    outer = [door for door in doors if not door.is_relative_to(tmp_path)]
    if not outer:
        assert inner == {tmp_path / "closed": [tmp_path / "closed/python", tmp_path / "closed/stage"]}
    (tmp_path / "closed").chmod(0o755)


def test_a_path_that_is_itself_closed_is_named(tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir(mode=0o700)
    (tmp_path / "free").mkdir()
    (tmp_path / "free").chmod(0o755)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner").chmod(0o755)
    (tmp_path / "inner/model.safetensors").touch(0o600)
    places = [tmp_path / "stage", tmp_path / "free", tmp_path / "inner"]
    assert descend.unreadable(places) == [tmp_path / "inner", tmp_path / "stage"]


def test_the_box_has_no_network_no_writable_folder_of_ours_and_none_of_our_environment() -> None:
    stage = Stage(hub=Path("/h"), data=Path("/d"), env={"MORE": "1"})
    flags = layout.flags(stage, Limits(), passwd=9, disable_userns=True, env=layout.environment(stage))
    for flag in ("--unshare-all", "--disable-userns", "--die-with-parent", "--new-session", "--clearenv"):
        assert flag in flags
    assert "--bind" not in flags and "--share-net" not in flags and "--dev-bind" not in flags
    environment = dict(
        zip(flags[flags.index("--setenv") + 1 :: 3], flags[flags.index("--setenv") + 2 :: 3], strict=False)
    )
    assert environment["HF_HUB_CACHE"] == "/course/hub"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert environment["MORE"] == "1"


def test_data_beside_the_notebook_s_folder_is_the_course_s_where_nothing_else_lies_there() -> None:
    aliases = ["../data", "../../corpus", "../usr", "/kaggle/input/x", "/mine/data", "../mine", "data"]
    stage = Stage(data=Path("/d"), inside_config={"path_aliases": aliases})
    flags = layout.flags(stage, Limits(), passwd=9, disable_userns=False, env={})
    places = {flags[at + 2] for at, flag in enumerate(flags) if flags[at : at + 2] == ["--symlink", layout.DATA]}
    assert places == {"/data", "/corpus"}
    nothing = layout.flags(
        Stage(inside_config={"path_aliases": aliases}), Limits(), passwd=9, disable_userns=False, env={}
    )
    assert layout.DATA not in nothing


def test_a_gpu_comes_in_only_when_asked_for() -> None:
    stage = Stage(devices=("/dev/nvidia0",))
    flags = layout.flags(stage, Limits(), passwd=9, disable_userns=False, env={})
    assert flags[flags.index("--dev-bind") : flags.index("--dev-bind") + 3] == [
        "--dev-bind",
        "/dev/nvidia0",
        "/dev/nvidia0",
    ]
    assert "CUDA_VISIBLE_DEVICES" not in layout.environment(stage)


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "", "a\0b"])
def test_files_go_below_the_folder_or_nowhere(tmp_path: Path, name: str) -> None:
    import os

    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with pytest.raises(ValueError, match="not a path below"):
        put(folder, {name: b"x"})
    os.close(folder)
    assert list(tmp_path.iterdir()) == []


def test_groups_of_a_killed_grader_are_swept_away(tmp_path: Path) -> None:
    (tmp_path / "grader-999999999/box-1").mkdir(parents=True)
    (tmp_path / "grader-1").mkdir()
    (tmp_path / "grader-x").mkdir()
    cgroups.sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grader-1", "grader-x"]


def test_a_missing_stage_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(GraderError) as told, open_pool(Stage(hub=tmp_path / "nowhere"), boxed=False):
        pass
    assert told.value.where == str(tmp_path / "nowhere")
