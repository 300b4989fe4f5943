"""How the command ends where something unforeseen happens."""

from __future__ import annotations

import click
import pytest

from grader.cli.app import app, main


def _ends_with(trouble: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def act() -> None:
        raise trouble

    monkeypatch.setitem(app.commands, "acts", click.Command("acts", callback=act))
    main(["acts"])


def test_an_interrupt_is_said_with_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        _ends_with(KeyboardInterrupt(), monkeypatch)
    assert ended.value.code == 130
    assert "run the same command again to go on" in capsys.readouterr().err


def test_our_own_trouble_is_not_taken_for_an_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EOFError, match="too short"):
        _ends_with(EOFError("too short"), monkeypatch)
    assert "stopped" not in capsys.readouterr().err
