from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import stat
from pathlib import Path

import pytest

from grader.errors import StorageError, WorkspaceError
from grader.model.evidence import Evidence, Execution
from grader.model.submission import Participant, Submission, SubmittedFile, file_stem
from grader.workspace import Attempt, Workspace, read_artefact, write_artefact, write_atomic


def submission(sha: str = "a" * 64, who: str = "24") -> Submission:
    file = SubmittedFile(path="homework.ipynb", size=2, sha256="0" * 64)
    return Submission(participant=Participant(id=who), status="submitted", files=(file,), sha256=sha)


def test_an_artefact_comes_back_as_it_was_written(tmp_path: Path) -> None:
    evidence = Evidence(execution=Execution(status="ok", seconds=1.5), trace=({"t": "load", "text": "é\ud800"},))
    write_artefact(tmp_path / "evidence.json", evidence)
    assert read_artefact(tmp_path / "evidence.json", Evidence) == evidence


def test_a_missing_artefact_is_none(tmp_path: Path) -> None:
    assert read_artefact(tmp_path / "evidence.json", Evidence) is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b'{"digest": "x"}', b"\xff\xfe"])
def test_a_damaged_artefact_is_named_with_what_to_do(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "evidence.json"
    path.write_bytes(damage)
    with pytest.raises(StorageError, match="damaged") as caught:
        read_artefact(path, Evidence)
    assert str(path) == caught.value.where
    assert "delete it" in (caught.value.todo or "")


def test_a_changed_value_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    write_artefact(path, Evidence(environment="one"))
    path.write_text(path.read_text().replace('"one"', '"two"'))
    with pytest.raises(StorageError, match="digest"):
        read_artefact(path, Evidence)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    write_artefact(path, Evidence(schema_version=2))
    with pytest.raises(WorkspaceError, match="newer version"):
        read_artefact(path, Evidence)


def test_the_same_bytes_are_the_same_attempt_and_others_the_next(tmp_path: Path) -> None:
    with Workspace(tmp_path / "run") as workspace:
        first, new = workspace.attempt_for(submission())
        assert (first.number, new) == (1, True)
        first.store_submission(submission(), {"homework.ipynb": b"{}"})
        again, new = workspace.attempt_for(submission())
        assert (again.number, new) == (1, False)
        other, new = workspace.attempt_for(submission("b" * 64))
        assert (other.number, new) == (2, True)


def test_an_attempt_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    with Workspace(tmp_path / "run") as workspace:
        attempt, _ = workspace.attempt_for(submission())
        write_atomic(attempt.path / "original" / "homework.ipynb", b"{}")
        assert workspace.attempt_for(submission())[1]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", "a\0b"])
def test_originals_never_leave_their_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match="unsafe"):
        Attempt(tmp_path / "1").store_submission(submission(), {name: b"x"})


def test_notebooks_are_verified_against_the_evidence(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path / "1")
    attempt.store_evidence(Evidence(notebook={"cells": []}, executed={"cells": [1]}))
    found = attempt.evidence()
    assert found is not None
    assert (found.notebook, found.executed) == ({"cells": []}, {"cells": [1]})
    (attempt.path / "executed.ipynb").write_text("{}")
    with pytest.raises(StorageError, match="changed after it was stored"):
        attempt.evidence()


def test_two_graders_never_hold_one_folder(tmp_path: Path) -> None:
    with (
        Workspace(tmp_path / "run"),
        pytest.raises(WorkspaceError, match="another grader"),
        Workspace(tmp_path / "run"),
    ):
        pass
    with Workspace(tmp_path / "run"):
        pass


def test_the_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    with Workspace(tmp_path / "run") as workspace:
        assert stat.S_IMODE(workspace.root.stat().st_mode) == 0o700


def _write_for_ever(path: str) -> None:
    for number in range(10**9):
        write_atomic(Path(path), json.dumps({"number": number, "pad": "x" * 20000}).encode())


def test_a_kill_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_atomic(path, b'{"number": -1}')
    for _ in range(10):
        process = multiprocessing.get_context("fork").Process(target=_write_for_ever, args=(str(path),))
        process.start()
        process.join(0.05)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert "number" in json.loads(path.read_text())


def test_a_full_disk_says_what_to_do(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists() or shutil.disk_usage("/dev").total == 0:
        pytest.skip("no /dev/full here")
    from grader.workspace.files import _todo_for

    with pytest.raises(OSError) as caught, full.open("wb", buffering=0) as file:
        file.write(b"x")
    assert "free some space" in _todo_for(caught.value)


def test_an_unwritable_place_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        write_atomic(tmp_path / "file" / "below", b"x")
    assert caught.value.todo


@pytest.mark.parametrize(
    "who", ["24", "g12", "homework_1", "Ünal, Ö.", "a/b", "..", ".", "con ", "x" * 300, "=1+1", "作业"]
)
def test_every_id_has_a_safe_folder_of_its_own(who: str) -> None:
    name = file_stem(who)
    assert name not in (".", "..")
    assert "/" not in name
    assert len(name.encode()) <= 80
    assert file_stem(who + "x") != name
