"""A notebook is checked again after each save, never half-way through one."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from grader.selfcheck.watching import saves


class Clock:
    """Instead of sleeping, does the next thing that happens to the file."""

    def __init__(self, path: Path, *happens: str | None) -> None:
        self.path, self.happens = path, list(happens)

    def __call__(self, seconds: float) -> None:
        word = self.happens.pop(0)
        if word == "delete":
            self.path.unlink()
        elif word is not None:
            self.path.write_text(word)


def looks_until_noticed(folder: Path, *happens: str | None) -> int:
    """How many looks went by until a save was noticed."""
    path = folder / "homework.ipynb"
    path.write_text("old")
    clock = Clock(path, *happens)
    assert list(islice(saves(path, sleep=clock), 1)) == [None]
    return len(happens) - len(clock.happens)


def test_a_save_is_noticed_once_the_file_rests(tmp_path: Path) -> None:
    assert looks_until_noticed(tmp_path, None, None, "a new text", None) == 4


def test_a_file_that_still_grows_is_waited_for(tmp_path: Path) -> None:
    assert looks_until_noticed(tmp_path, "new", "newer and", "newer and newer", None) == 4


def test_editors_that_delete_and_write_anew_are_understood(tmp_path: Path) -> None:
    assert looks_until_noticed(tmp_path, "delete", None, "written anew", None) == 4


def test_each_save_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "homework.ipynb"
    path.write_text("old")
    clock = Clock(path, "second", None, None, "third text", None)
    assert list(islice(saves(path, sleep=clock), 2)) == [None, None]
    assert clock.happens == []
