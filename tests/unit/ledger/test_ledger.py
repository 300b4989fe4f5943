from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from grader.errors import StorageError, WorkspaceError
from grader.ledger import Access, ConflictError, Ledger, ledger_file
from grader.model.decision import Event

ROOT = Path(__file__).parents[3]
WRITER = """
import sys
from pathlib import Path
from grader.ledger import Ledger
from grader.model.decision import Event
ledger, name, count = Ledger(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
for number in range(count):
    done = ledger.append(Event(author=name, kind="decision", participant=str(number), criterion="1a", points="1"))
    print(done.id, flush=True)
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.of(tmp_path)


def decision(points: str = "4.5", author: str = "Ada", participant: str = "24", **other: object) -> Event:
    fields = {"author": author, "kind": "decision", "participant": participant, "criterion": "1a", "points": points}
    return Event.model_validate({**fields, **other})


def test_an_event_comes_back_whole_with_number_and_time(ledger: Ledger) -> None:
    sent = decision(text='"quoted" <b>\ud800 ü', answer_sha256="aa", submission_sha256="bb", data={"max": "6"})
    stored = ledger.append(sent)
    (read,) = ledger.events()
    assert read == stored
    assert (read.id, read.points, read.text) == (1, Decimal("4.5"), '"quoted" <b>? ü')
    assert read.at is not None
    assert read.at.tzinfo is not None


def test_nothing_is_ever_changed_or_deleted_not_even_by_hand(ledger: Ledger) -> None:
    ledger.append(decision())
    with sqlite3.connect(ledger.path) as by_hand:
        for statement in ("UPDATE events SET author = 'Eve'", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="only ever appended"):
                by_hand.execute(statement)
    by_hand.close()
    assert [event.author for event in ledger.events()] == ["Ada"]


def test_the_same_sending_twice_is_stored_once(ledger: Ledger) -> None:
    first = ledger.append(decision(), once="form-1")
    assert ledger.append(decision(), once="form-1") == first
    assert len(ledger.append_all([decision(participant="1"), decision(participant="2")], once="form-2")) == 2
    ledger.append_all([decision(participant="1"), decision(participant="2")], once="form-2")
    assert [event.participant for event in ledger.events()] == ["24", "1", "2"]


def test_who_did_not_see_anothers_decision_is_told_and_nothing_is_stored(ledger: Ledger) -> None:
    theirs = ledger.append(decision("3", author="Ada"), seen=0)
    with pytest.raises(ConflictError) as caught:
        ledger.append(decision("5", author="Ben"), seen=0)
    assert caught.value.theirs == theirs
    assert ledger.events() == [theirs]
    ledger.append(decision("5", author="Ben"), seen=theirs.id)
    with pytest.raises(ConflictError):
        ledger.append(decision("4", author="Ada"), seen=theirs.id)


def test_ones_own_earlier_decision_and_other_targets_are_no_conflict(ledger: Ledger) -> None:
    ledger.append(decision("3"), seen=0)
    ledger.append(decision("4"), seen=0)
    ledger.append(decision("4", author="Ben", participant="25"), seen=0)
    ledger.append(decision("4", author="Ben", criterion="1b"), seen=0)
    assert len(ledger.events()) == 4


def test_two_processes_writing_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, "40"], stdout=subprocess.PIPE, cwd=ROOT)
        for name in ("Ada", "Ben", "Cem")
    ]
    told = [int(line) for process in running for line in process.communicate()[0].split()]
    events = Ledger(path).events()
    assert sorted(told) == [event.id for event in events] == list(range(1, 121))
    assert {(event.author, event.participant) for event in events} == {
        (name, str(number)) for name in ("Ada", "Ben", "Cem") for number in range(40)
    }


def test_killed_in_the_middle_everything_that_was_told_is_there(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    command = [sys.executable, "-c", WRITER, str(path), "Ada", "100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    told += [int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
    process.wait()
    process.stdout.close()
    events = Ledger(path).events()
    assert told == [event.id for event in events][: len(told)]
    assert len(events) - len(told) in (0, 1)
    assert Ledger(path).append(decision()).id == len(events) + 1


def test_a_ledger_of_a_newer_grader_is_refused(ledger: Ledger) -> None:
    with sqlite3.connect(ledger.path) as by_hand:
        by_hand.execute("INSERT INTO migrations VALUES ('9999_from_the_future.sql', '')")
    by_hand.close()
    with pytest.raises(WorkspaceError, match="newer grader"):
        Ledger(ledger.path)


def test_a_file_that_is_no_ledger_is_an_error_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageError) as caught:
        Ledger(path)
    assert "backup" in (caught.value.todo or "")


def test_the_ledger_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "ledger.path").write_text(f"{tmp_path / 'local' / 'book.sqlite'}\n")
    assert ledger_file(tmp_path) == tmp_path / "local" / "book.sqlite"
    assert Ledger.of(tmp_path).append(decision()).id == 1


def test_a_copy_taken_while_others_write_is_whole(ledger: Ledger, tmp_path: Path) -> None:
    for number in range(5):
        ledger.append(decision(participant=str(number)))
    ledger.copy_to(tmp_path / "copy.sqlite")
    ledger.append(decision())
    assert len(Ledger(tmp_path / "copy.sqlite").events()) == 5


def test_events_can_be_asked_for_by_what_is_new_whom_and_kind(ledger: Ledger) -> None:
    ledger.append(decision())
    ledger.append(Event(author="Ada", kind="flag", participant="25", text="odd"))
    assert [event.id for event in ledger.events(after=1)] == [2]
    assert [event.id for event in ledger.events(participant="24")] == [1]
    assert [event.id for event in ledger.events(kind="flag")] == [2]
    assert ledger.last() == 2


def test_a_personal_link_opens_until_it_is_revoked(ledger: Ledger) -> None:
    access = Access(ledger)
    secret = access.grant("Ada", "ta", by="lead")
    session = access.enter(secret)
    assert session is not None
    visitor = access.visitor(session)
    assert visitor is not None
    assert (visitor.name, visitor.role) == ("Ada", "ta")
    assert access.enter(secret) not in (None, session)
    assert access.revoke("Ada", by="lead")
    assert (access.visitor(session), access.enter(secret)) == (None, None)
    assert not access.revoke("Ada", by="lead")
    assert [event.text for event in ledger.events(kind="access")] == ["link granted", "link revoked"]


def test_a_new_link_ends_the_old_one(ledger: Ledger) -> None:
    access = Access(ledger)
    old, new = access.grant("Ada", "ta", by="lead"), access.grant("Ada", "lead", by="lead")
    assert access.enter(old) is None
    session = access.enter(new)
    assert session is not None
    assert [(person.name, person.role, person.state) for person in access.people()] == [("Ada", "lead", "open")]


def test_a_one_time_link_opens_once(ledger: Ledger) -> None:
    access = Access(ledger)
    secret = access.grant("instructor", "lead", by="instructor", once=True)
    assert access.enter(secret) is not None
    time.sleep(0.002)
    assert access.enter(secret) is None
    assert access.people() == []


def test_forged_secrets_and_sessions_open_nothing_and_none_is_stored(ledger: Ledger) -> None:
    access = Access(ledger)
    secret = access.grant("Ada", "ta", by="lead")
    session = access.enter(secret)
    assert session is not None
    for forged in ("", "x", secret[:-1], secret + "x", "' OR 1=1 --", "\ud800"):
        assert access.enter(forged) is None
        assert access.visitor(forged) is None
    with sqlite3.connect(ledger.path) as by_hand:
        dump = "\n".join(by_hand.iterdump())
    by_hand.close()
    assert secret not in dump
    assert session not in dump


def test_a_proxy_lets_in_only_people_with_a_link(ledger: Ledger) -> None:
    access = Access(ledger)
    access.grant("Ada", "ta", by="lead")
    assert access.enter_as("Ada") is not None
    assert access.enter_as("Eve") is None


def test_leaving_ends_the_session_only(ledger: Ledger) -> None:
    access = Access(ledger)
    secret = access.grant("Ada", "ta", by="lead")
    one, two = access.enter(secret), access.enter(secret)
    assert one is not None
    assert two is not None
    access.leave(one)
    assert access.visitor(one) is None
    assert access.visitor(two) is not None
