"""A language model's opinion: asked only when told to, without names, believed only with quotes, widening at most, deciding nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from grader.catalog import Course
from grader.errors import InputError, MachineError
from grader.feedback.render import student_page
from grader.model.opinion import Opinions
from grader.pipeline import Request, grade, load_materials, regrade
from grader.pipeline.asking import Endpoint, ask_about
from grader.scoring.suggest_opinion import opinions_of, with_opinions, without_names
from grader.settings import Settings
from grader.workspace import Workspace
from tests import builders_feedback as build
from tests.builders_memos import rubric
from tests.unit.scoring.test_suggest import sample

ROOT = Path(__file__).parents[3]
MEMO = "The decoder gains most in the rare tier. I would deploy the encoder for the portal. Nothing else matters here."


def answer(*rows: dict[str, Any]) -> str:
    return "Sure! " + json.dumps({"criteria": list(rows)}) + " Hope this helps."


def row(**other: Any) -> dict[str, Any]:
    return {"id": "4c", "low": 4, "high": 5, "quotes": ["I would deploy the encoder"], "why": "named"} | other


def believed(*rows: dict[str, Any]) -> Opinions:
    return opinions_of(answer(*rows), MEMO, rubric(), "m")


class Server(HTTPServer):
    """Answers what it is given, in turn, and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[tuple[int, str]] = []
        self.bodies: list[str] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.headers.append(dict(self.headers))
        status, text = self.server.replies.pop(0) if len(self.server.replies) > 1 else self.server.replies[0]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.url + "/elsewhere")
        self.end_headers()
        self.wfile.write(json.dumps({"choices": [{"message": {"content": text}}]}).encode())

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def endpoint(server: Server, **other: Any) -> Endpoint:
    return Endpoint(server.url, "small", pause=0.0, **other)


def test_an_opinion_with_a_quote_from_the_memo_is_kept() -> None:
    found = believed(row())
    assert {name: (item.low, item.high, item.quotes) for name, item in found.items.items()} == {
        "4c": (Decimal(4), Decimal(5), ("I would deploy the encoder",))
    }


@pytest.mark.parametrize(
    "other",
    [
        {"quotes": ["I would deploy the decoder"]},
        {"quotes": ["deploy"]},
        {"quotes": []},
        {"quotes": "I would deploy the encoder"},
        {"low": "many"},
        {"low": 5, "high": 4},
        {"low": True},
        {"low": "NaN"},
        {"id": "9z"},
        {"id": None},
    ],
)
def test_what_cannot_be_bound_to_the_memo_or_the_rubric_is_thrown_away(other: dict[str, Any]) -> None:
    assert believed(row(**other)).items == {}


@pytest.mark.parametrize(
    "text", ["", "no json", "{", "[1]", '{"criteria": 3}', '{"criteria": ["x", 4, null]}', "{" * 5000]
)
def test_an_answer_that_is_not_what_was_asked_for_says_nothing(text: str) -> None:
    assert opinions_of(text, MEMO, rubric(), "m").items == {}


def test_points_are_held_inside_the_criterion_and_its_steps() -> None:
    item = believed(row(low=-3, high=99)).items["4c"]
    assert (item.low, item.high) == (0, 6)
    assert believed(row(low=3.2, high=4.4)).items["4c"].low == 3


def test_names_and_addresses_are_taken_out_whatever_their_case_and_ordinary_words_stay() -> None:
    text = "Written by ADA LOVELACE with Will (w.m@uni.edu). I will deploy; Ada agrees, adaptation is no name."
    assert without_names(text, ["Ada Lovelace", "Will Murray"]) == (
        "Written by [name] with [name] ([name]). I will deploy; [name] agrees, adaptation is no name."
    )


def test_a_range_is_only_widened_by_a_quarter_and_never_where_evidence_decides_or_contradicts() -> None:
    before = sample("excellent_full")
    everything = Opinions.model_validate(
        {
            "model": "m",
            "memo_sha256": "",
            "items": {name: {"low": "0", "high": "0", "quotes": ["a b c d"]} for name in before},
        }
    )
    after = with_opinions(before, everything, rubric())
    most = {item.id: item.max for section in rubric().sections for item in section.criteria}
    for name, item in after.items():
        assert item.low <= before[name].low
        assert item.high == before[name].high
        assert before[name].low - item.low <= most[name] / 4 + rubric().step
        assert (item.state, item.confidence) == (before[name].state, before[name].confidence)
        assert item.opinions
        assert (item.low + item.high) / 2 % rubric().step == 0
    firm = [name for name, item in before.items() if item.confidence == "firm"]
    assert firm
    assert all(after[name].low == before[name].low for name in firm)
    against = with_opinions(sample("contradicting"), everything, rubric())["3b"]
    assert against.low == sample("contradicting")["3b"].low


def test_without_an_opinion_nothing_changes() -> None:
    nothing = Opinions(model="m", memo_sha256="")
    assert with_opinions(sample("german"), nothing, rubric()) == sample("german")


def test_students_never_see_what_a_model_said() -> None:
    data = build.page()
    card = data.scorecard.model_dump(mode="json")
    for section in card["sections"]:
        for item in section["criteria"]:
            item["suggestion"]["opinions"] = ["SECRET OPINION"]
    changed = data.model_copy(update={"scorecard": type(data.scorecard).model_validate(card)})
    assert "SECRET OPINION" not in student_page(changed)


@pytest.mark.parametrize("url", ["ftp://host/v1", "host/v1", "", "http://example.org/v1", "file:///etc/passwd"])
def test_an_address_that_is_none_or_not_encrypted_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        Endpoint(url, "m")


def test_a_busy_endpoint_is_tried_again_and_the_key_travels_in_its_header(server: Server) -> None:
    server.replies = [(503, ""), (429, ""), (200, "fine")]
    assert endpoint(server, key="k").ask([{"role": "user", "content": "x"}]) == "fine"
    assert len(server.bodies) == 3
    assert server.headers[0]["Authorization"] == "Bearer k"


@pytest.mark.parametrize("status", [401, 404, 302])
def test_a_refusal_or_a_redirect_ends_it_at_once(server: Server, status: int) -> None:
    server.replies = [(status, "")]
    with pytest.raises(MachineError):
        endpoint(server).ask([{"role": "user", "content": "x"}])
    assert len(server.bodies) == 1


def test_a_graded_folder_is_asked_about_once_and_a_regrade_shows_what_it_widens(tmp_path: Path, server: Server) -> None:
    source = json.loads((ROOT / "assignments/week3/golden/01-right/homework.ipynb").read_text(encoding="utf-8"))
    said = "This memo was written by Ada Lovelace herself."
    source["cells"].append({"cell_type": "markdown", "metadata": {}, "source": f"## What I would do next\n\n{said}"})
    folder = tmp_path / "Ada Lovelace_24_assignsubmission_file"
    folder.mkdir()
    (folder / "homework.ipynb").write_text(json.dumps(source), encoding="utf-8")
    materials = load_materials(Course(ROOT), "week3")
    out = tmp_path / "out"
    before = grade(Request(tmp_path, out), materials, Settings(mode="static"))[0].card
    assert server.bodies == []
    quote = "This is an applied comparison and no controlled experiment"
    server.replies = [(200, answer({"id": "1d", "low": 0, "high": 1, "quotes": [quote], "why": "thin"}))]
    with Workspace(out) as workspace:
        assert (ask_about(workspace, materials, endpoint(server)).answered, len(server.bodies)) == (1, 1)
        assert (ask_about(workspace, materials, endpoint(server)).kept, len(server.bodies)) == (1, 1)
    sent = server.bodies[0]
    assert "Lovelace" not in sent
    assert "This memo was written by [name] herself." in sent
    changes, graded = regrade(out, materials, because="asked", apply=False)
    item = next(each for section in graded[0].card.sections for each in section.criteria if each.id == "1d")
    old = next(each for section in before.sections for each in section.criteria if each.id == "1d")
    assert item.low < old.low
    assert item.high == old.high
    assert not item.settled
    assert len(changes) == 1
