"""`grader moodle ...` as a teacher types it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import grader.cli.moodle
from grader.cli.app import app
from grader.errors import GraderError
from tests.builders_intake import notebook
from tests.fakes_moodle import TOKEN, Answer, FakeMoodle, Stored, Student, as_json, refusal, serving


class WithLogin(FakeMoodle):
    def answer(self, path: str, form: Any, files: Any) -> Answer:
        if path != "/login/token.php":
            return super().answer(path, form, files)
        right = dict(form) == {"username": "tess", "password": "open sesame", "service": "moodle_mobile_app"}
        return as_json({"token": TOKEN, "privatetoken": None}) if right else refusal("invalidlogin", "Invalid login")


@pytest.fixture
def site() -> Iterator[WithLogin]:
    files = [Stored("homework.ipynb", notebook("x = 1"))]
    with serving(found := WithLogin([Student(4, "Ann", 44, "ann@example.org", files)])):
        yield found


def run(*arguments: object, **more: Any) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], standalone_mode=False, **more)


def test_login_keeps_the_token_for_the_owner_only_and_shows_neither_token_nor_password(
    site: WithLogin, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    done = run("moodle", "login", site.address, "--user", "tess", "--token-file", file, input="open sesame\n")
    assert done.exception is None
    assert (file.read_text(), oct(file.stat().st_mode & 0o777)) == (TOKEN + "\n", "0o600")
    assert TOKEN not in done.output
    assert "sesame" not in done.output
    wrong = run("moodle", "login", site.address, "--user", "tess", "--token-file", tmp_path / "other", input="wrong\n")
    assert isinstance(wrong.exception, GraderError)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("way", ["file", "environment"])
def test_pull_says_what_to_do_next(site: WithLogin, tmp_path: Path, way: str) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "token").chmod(0o600)
    how: dict[str, Any] = {"env": {"GRADER_MOODLE_TOKEN": TOKEN}} if way == "environment" else {}
    options = ["--token-file", tmp_path / "token"] if way == "file" else []
    done = run(
        "moodle", "pull", f"{site.address}/mod/assign/view.php?id=1", "--out", tmp_path / "pulled", *options, **how
    )
    assert done.exception is None
    assert done.return_value == 0
    assert "1 participants, 1 with a submission" in done.output
    assert f"grader grade {tmp_path / 'pulled' / 'export.zip'}" in done.output
    assert TOKEN not in done.output


def test_there_is_no_option_that_takes_a_token() -> None:
    group = grader.cli.moodle.moodle_group
    options = {name for command in group.commands.values() for option in command.params for name in option.opts}
    assert {name for name in options if "token" in name or "password" in name} == {"--token-file"}


def test_without_a_token_it_says_how_to_get_one(site: WithLogin, tmp_path: Path) -> None:
    done = run(
        "moodle",
        "pull",
        f"{site.address}/mod/assign/view.php?id=1",
        "--out",
        tmp_path / "pulled",
        env={"GRADER_MOODLE_TOKEN": ""},
    )
    assert isinstance(done.exception, GraderError)
    assert "docs/moodle.md" in done.exception.text()


def test_nothing_released_is_nothing_pushed(site: WithLogin, tmp_path: Path) -> None:
    given: dict[str, Any] = {"env": {"GRADER_MOODLE_TOKEN": TOKEN}}
    pulled = tmp_path / "pulled"
    run("moodle", "pull", f"{site.address}/mod/assign/view.php?id=1", "--out", pulled, **given)
    (tmp_path / "results").mkdir()
    done = run("moodle", "push", tmp_path / "results", "--pulled", pulled, "--yes", **given)
    assert isinstance(done.exception, GraderError)
    assert "nothing was released yet" in done.exception.text()
    assert "mod_assign_save_grade" not in site.calls


def test_pull_as_json(site: WithLogin, tmp_path: Path) -> None:
    done = run("moodle", "pull", f"{site.address}/mod/assign/view.php?id=1", "--out", tmp_path / "p", "--json",
               env={"GRADER_MOODLE_TOKEN": TOKEN})  # fmt: skip
    assert json.loads(done.stdout) == {
        "name": "Week 3", "people": 1, "submissions": 1, "fetched": 1, "kept": 0, "notes": []
    }  # fmt: skip
