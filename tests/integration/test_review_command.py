"""`grader review`'s side at the terminal: links, revoking, where the ledger lies; and what `status` says of decisions."""

from __future__ import annotations

import json
import shutil
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from grader.cli.app import MODULES, app
from grader.errors import GraderError, InputError
from grader.ledger import Access, Ledger
from grader.model.decision import Event
from tests.builders_review import graded_export, settle

for module in MODULES:
    import_module(f"grader.cli.{module}")


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return graded_export(tmp_path_factory.mktemp("command") / "out", "flow")


@pytest.fixture
def out(graded: Path, tmp_path: Path) -> Path:
    shutil.copytree(graded, tmp_path / "out")
    return tmp_path / "out"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)


def test_a_link_is_given_and_revoked_at_the_terminal(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_and_run("review", out, "--ta", "Ada", "--url", "https://review.example/") == 0
    link = capsys.readouterr().out.strip()
    assert link.startswith("https://review.example/enter#")
    access = Access(Ledger.of(out))
    session = access.enter(link.rpartition("#")[2])
    assert session is not None
    assert import_and_run("review", out, "--revoke", "Ada") == 0
    assert access.visitor(session) is None


def import_and_run(*words: str | Path) -> int:
    code = app.main([str(word) for word in words], standalone_mode=False)
    assert isinstance(code, int)
    return code


def test_names_and_links_never_go_over_a_network_in_the_clear(out: Path) -> None:
    with pytest.raises(InputError, match="unencrypted"):
        import_and_run("review", out, "--host", "0.0.0.0", "--no-browser")


def test_the_ledger_can_lie_elsewhere_until_something_was_decided(out: Path, tmp_path: Path) -> None:
    import_and_run("review", out, "--ledger", tmp_path / "local" / "book.sqlite", "--revoke", "nobody")
    Ledger.of(out).append(Event(author="Ada", kind="flag", participant="142"))
    assert (tmp_path / "local" / "book.sqlite").is_file()
    assert not (out / "ledger.sqlite").exists()
    with pytest.raises(GraderError, match="decisions stand"):
        import_and_run("review", out, "--ledger", tmp_path / "other.sqlite", "--revoke", "nobody")


def test_a_folder_without_a_class_is_an_error_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(GraderError) as caught:
        import_and_run("review", tmp_path / "empty", "--ta", "Ada")
    assert "grader grade" in (caught.value.todo or "")


def test_status_counts_what_was_decided_since_the_grading(out: Path) -> None:
    before = json.loads(run("status", out, "--json").output)
    assert (before["settled"], before["open"] > 0) == (0, True)
    settle(out)
    after = json.loads(run("status", out, "--json").output)
    assert (after["settled"], after["open"], after["needs_person"]) == (3, 0, [])
