from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.ledger import Access
from grader.model.decision import TaRole
from grader.review import Desk, create_app
from tests.builders_review import graded_export


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return graded_export(tmp_path_factory.mktemp("review") / "out")


@pytest.fixture
def out(graded: Path, tmp_path: Path) -> Path:
    shutil.copytree(graded, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def desk(out: Path) -> Desk:
    return Desk(out)


class Hand:
    """Somebody at the application, without a browser."""

    def __init__(self, desk: Desk, name: str = "Ada", role: TaRole = "ta") -> None:
        self.desk = desk
        self.client: Any = create_app(desk).test_client()
        secret = Access(desk.ledger).grant(name, role, by="test")
        assert self.client.post("/enter", data={"secret": secret}).status_code == 303
        self.csrf = re.findall(r'X-CSRF-Token": "([0-9a-f]+)"', self.client.get("/").text)[0]

    def get(self, path: str) -> Any:
        return self.client.get(path, buffered=True)

    def post(self, path: str, **form: Any) -> Any:
        return self.client.post(path, data={"csrf": self.csrf, **form}, headers={"HX-Request": "true"})

    def readable(self) -> str:
        return next(who for who, person in self.desk.people.items() if person.card.total is not None)


@pytest.fixture
def hand(desk: Desk) -> Iterator[Callable[..., Hand]]:
    yield lambda name="Ada", role="ta": Hand(desk, name, role)
