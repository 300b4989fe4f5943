"""Files taken out of a box."""

from __future__ import annotations

import os
from pathlib import Path

from grader.execution.harvest import harvest, printable
from grader.execution.nouns import Limits


def taken(
    folder: Path, limits: Limits | None = None, given: dict[str, bytes] | None = None
) -> tuple[dict[str, bytes], set[str]]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        files, left = harvest(handle, limits or Limits(), given or {})
    finally:
        os.close(handle)
    return files, {path for path, _ in left}


def test_adapters_and_json_are_taken_and_the_rest_is_named(tmp_path: Path) -> None:
    (tmp_path / "out/adapter").mkdir(parents=True)
    (tmp_path / "out/adapter/adapter_config.json").write_bytes(b"{}")
    (tmp_path / "out/adapter/adapter_model.safetensors").write_bytes(b"abc")
    (tmp_path / "training_args.bin").write_bytes(b"pickle")
    files, left = taken(tmp_path)
    assert files == {"out/adapter/adapter_config.json": b"{}", "out/adapter/adapter_model.safetensors": b"abc"}
    assert left == {"training_args.bin"}


def test_what_was_handed_in_is_not_taken_unless_it_changed(tmp_path: Path) -> None:
    (tmp_path / "same.json").write_bytes(b"1")
    (tmp_path / "changed.json").write_bytes(b"2")
    (tmp_path / "notes.txt").write_bytes(b"3")
    given = {"same.json": b"1", "changed.json": b"1", "notes.txt": b"3"}
    assert taken(tmp_path, given=given) == ({"changed.json": b"2"}, set())


def test_links_pipes_and_folders_of_others_are_never_followed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret.json").write_bytes(b"secret")
    (inside / "link.json").symlink_to(outside / "secret.json")
    (inside / "folder").symlink_to(outside)
    os.mkfifo(inside / "pipe.json")
    assert taken(inside) == ({}, {"link.json", "folder", "pipe.json"})


def test_adapters_come_first_when_there_is_not_room_for_all(tmp_path: Path) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes(b"x" * 50)
    (tmp_path / "trainer_state.json").write_bytes(b"y" * 20)
    (tmp_path / "model.safetensors").write_bytes(b"z" * 60)
    files, left = taken(tmp_path, Limits(harvest_bytes=75))
    assert set(files) == {"adapter_model.safetensors", "trainer_state.json"}
    assert left == {"model.safetensors"}


def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.json").write_bytes(b"1")
    files, left = taken(tmp_path, Limits(harvest_files=5))
    assert (len(files), len(left)) == (5, 15)


def test_very_deep_folders_are_left_alone(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 100)
    deep.mkdir(parents=True)
    (deep / "x.json").write_bytes(b"1")
    (tmp_path / "y.json").write_bytes(b"1")
    assert taken(tmp_path) == ({"y.json": b"1"}, set())


def test_names_are_printable(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[2J.json")).write_bytes(b"1")
    (tmp_path / "modèle.json").write_bytes(b"2")
    assert set(taken(tmp_path)[0]) == {"\\udcff\\x1b[2J.json", "modèle.json"}
    assert printable("a\u202eb\n") == "a\\u202eb\\n"
