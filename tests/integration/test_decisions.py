"""Decisions of people through grading again: kept, shown in every output, asked again where the answer changed."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from grader.catalog import Course
from grader.ledger import Ledger, Visitor
from grader.model.answers import Answers
from grader.model.decision import Event
from grader.pipeline import Materials, Request, grade, load_materials, regrade
from grader.review import Desk
from grader.review.items import make_item
from grader.settings import Settings
from grader.workspace import Workspace

ROOT = Path(__file__).parents[2]
STATIC = Settings(mode="static")
SOLUTION = ROOT / "assignments" / "week3" / "solution.ipynb"


@pytest.fixture(scope="module")
def materials() -> Materials:
    return load_materials(Course(ROOT), "week3")


@pytest.fixture
def out(materials: Materials, tmp_path: Path) -> Path:
    (tmp_path / "homework.ipynb").write_text(SOLUTION.read_text("utf-8"))
    grade(Request(tmp_path / "homework.ipynb", tmp_path / "out"), materials, STATIC)
    return tmp_path / "out"


def stored(out: Path) -> Answers:
    answers = Workspace(out).attempts("homework")[-1].answers()
    assert answers is not None
    return answers


def decide(out: Path, criterion: str, points: str | None, **other: Any) -> Event:
    submission = Workspace(out).attempts("homework")[-1].submission()
    assert submission is not None
    about = {"answer_sha256": stored(out).hashes[criterion], "submission_sha256": submission.sha256}
    fields = {"author": "Ada", "kind": "decision", "participant": "homework", "criterion": criterion, "points": points}
    return Ledger.of(out).append(Event.model_validate({**fields, **about, **other}))


def criteria(out: Path) -> dict[str, dict[str, Any]]:
    (row,) = json.loads((out / "results.json").read_text("utf-8"))
    return {item["id"]: item for section in row["sections"] for item in section["criteria"]}


def test_a_decision_stands_in_results_and_page_after_grading_again(materials: Materials, out: Path) -> None:
    decide(out, "1b", "2.5")
    decide(out, "1b", None, kind="comment", text="Say more about pooling.")
    (again,) = grade(Request(out.parent / "homework.ipynb", out), materials, STATIC)
    assert again.outcome is not None
    item = criteria(out)["1b"]
    assert (item["points"], item["low"], item["high"], item["settled"]) == ("2.5", "2.5", "2.5", True)
    page = (out / "feedback" / "homework.html").read_text("utf-8")
    assert "Say more about pooling." in page
    assert "decided by a person" in page


def test_a_regrade_keeps_decisions_and_the_difference_shown_is_the_difference_made(
    materials: Materials, out: Path
) -> None:
    decide(out, "1b", "1")
    decide(out, "1c", "3")
    before = criteria(out)
    changed = other_maxima(materials)
    shown, _ = regrade(out, changed, because="1b is worth less", apply=False)
    made, _ = regrade(out, changed, because="1b is worth less", apply=True)
    assert shown == made
    after = criteria(out)
    assert (after["1b"]["points"], after["1b"]["max"], after["1b"]["settled"]) == ("1", "1", True)
    assert (after["1c"]["points"], after["1c"]["settled"]) == ("3", True)
    differ = {name for name in after if name not in ("1b", "1c") and after[name] != before[name]}
    assert differ == set()
    assert [change.again for change in made] == []
    assert [event.text for event in Ledger.of(out).events(kind="regrade")] == ["1b is worth less"]


def test_points_that_no_longer_fit_ask_again_and_the_regrade_says_so(materials: Materials, out: Path) -> None:
    decide(out, "1b", "4")
    (change,), _ = regrade(out, other_maxima(materials), because="1b is worth less", apply=True)
    assert change.again == ("1b",)
    assert "asks again: 1b" in change.text()
    assert criteria(out)["1b"]["settled"] is False


def test_a_resubmission_asks_again_only_where_the_answer_changed(materials: Materials, out: Path) -> None:
    before = stored(out)
    for name in before.hashes:
        decide(out, name, "1")
    notebook = json.loads(SOLUTION.read_text("utf-8"))
    cell = next(
        c for c in notebook["cells"] if c["cell_type"] == "markdown" and "next" in "".join(c["source"]).lower()[:80]
    )
    cell["source"] = "".join(cell["source"]) + "\n\nAnd one more experiment, with r=64, because rank may be too low.\n"
    (out.parent / "homework.ipynb").write_text(json.dumps(notebook))
    (again,) = grade(Request(out.parent / "homework.ipynb", out), materials, STATIC)
    assert again.attempt == 2
    assert again.outcome is not None
    changed = {name for name, value in stored(out).hashes.items() if value != before.hashes[name]}
    assert changed
    assert len(changed) < len(before.hashes)
    assert {name for name, held in again.outcome.standing.decisions.items() if not held.fits} == changed
    assert {name for name, item in criteria(out).items() if not item["settled"]} == changed
    _shows_the_difference(out, sorted(changed)[-1])


def _shows_the_difference(out: Path, criterion: str) -> None:
    """The reviewer sees what was given before, and what the answer says now."""
    desk = Desk(out)
    visitor = Visitor(name="Ada", role="ta", csrf="")
    item = make_item(desk, desk.people["homework"], visitor, criterion)
    assert item is not None
    assert (item.state, item.given) == ("again", "1")
    assert "<ins>" in item.difference
    assert "r=64" in item.difference
    assert "<del>" not in item.difference


def other_maxima(materials: Materials) -> Materials:
    sections = list(materials.rubric.sections)
    shift = {"1b": Decimal(-4), "1c": Decimal(4)}
    moved = tuple(
        item.model_copy(update={"max": item.max + shift.get(item.id, Decimal(0))}) for item in sections[0].criteria
    )
    sections[0] = sections[0].model_copy(update={"criteria": moved})
    return replace(materials, rubric=materials.rubric.model_copy(update={"sections": tuple(sections)}))
