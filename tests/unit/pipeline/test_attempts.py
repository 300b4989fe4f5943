"""Several hand-ins of one person: which counts, and what a marker reads of what changed."""

from __future__ import annotations

import copy
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from grader.catalog import Course
from grader.ledger import Ledger
from grader.model.decision import Event
from grader.pipeline import Graded, Request, grade, load_materials
from grader.pipeline.attempts import change_since
from grader.pipeline.course import new_course
from grader.pipeline.regrading import regrade
from grader.pipeline.releasing import release
from grader.settings import Settings
from grader.workspace import Workspace

STATIC = Settings(mode="static")
ON_TIME, LATE, TOO_LATE = ("2026-11-24 09:00", "2026-11-26 10:00", "2026-12-02 10:00")
TERMS = """\
title: X
rubric: rubrics/week1.yaml
due: 2026-11-25 09:00
cutoff: 2026-12-01 09:00
timezone: Europe/Berlin
late: {kind: per_day, points: 1}
attempts: POLICY
"""


@pytest.fixture
def course(tmp_path: Path) -> Course:
    new_course(tmp_path / "course")
    return Course(tmp_path / "course")


def notebook(course: Course, answer: str, *extra: str) -> bytes:
    made = json.loads((course.folder("week1") / "solution.ipynb").read_text())
    made["cells"][2]["source"] = f"## Result\n\n{answer}"
    for text in extra:
        cell = copy.deepcopy(made["cells"][1])
        made["cells"].append({**cell, "source": text, "id": f"extra-{len(made['cells'])}"})
    return json.dumps(made).encode()


def hand_in(course: Course, out: Path, data: bytes, at: str, *, policy: str = "last", extension: str = "") -> Graded:
    """One export of a class of one, graded into the same folder."""
    (course.folder("week1") / "assignment.yaml").write_text(TERMS.replace("POLICY", policy))
    folder = out.parent / "export" / "Ada_24_assignsubmission_file"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "homework.ipynb").write_bytes(data)
    sheet = io.StringIO()
    status = f"Submitted for grading - {f'Extension granted until: {extension} - ' if extension else ''} - "
    late = "" if at == ON_TIME or extension else " late"
    if late:
        days = {LATE: "1 day 1 hour", TOO_LATE: "7 days 1 hour"}[at]
        status = f"Submitted for grading - {days} late -  - "
    csv.writer(sheet).writerows(
        [
            ["Identifier", "Full name", "Status", "Grade", "Maximum grade", "Last modified (submission)"],
            ["Participant 24", "Ada", status, "", "10.00", at],
        ]
    )
    (out.parent / "sheet.csv").write_text(sheet.getvalue())
    request = Request(out.parent / "export", out, out.parent / "sheet.csv")
    (item,) = grade(request, load_materials(course, "week1"), STATIC)
    return item


@pytest.mark.parametrize(
    ("policy", "hours", "counts"),
    [
        ("last", (ON_TIME, LATE), 2),
        ("first", (ON_TIME, LATE), 1),
        ("best", (ON_TIME, LATE), 1),
        ("best", (ON_TIME, ON_TIME), 1),
        ("best", (LATE, TOO_LATE), 1),
    ],
)
def test_the_counting_attempt_is_chosen_by_the_policy(
    course: Course, tmp_path: Path, policy: str, hours: tuple[str, str], counts: int
) -> None:
    out = tmp_path / "out"
    for number, at in enumerate(hours, 1):
        item = hand_in(course, out, notebook(course, f"Answer {number}, because."), at, policy=policy)
    assert item.attempt == counts
    (row,) = json.loads((out / "results.json").read_text())
    assert (row["attempts"]["counting"], row["attempts"]["handed_in"]) == (counts, 2)
    assert f"Answer {counts}" in json.dumps(
        (Workspace(out).attempts("24")[counts - 1].evidence() or item.evidence).notebook
    )


def test_another_policy_chooses_anew_from_what_is_stored_and_every_later_verb_agrees(
    course: Course, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    hand_in(course, out, notebook(course, "One."), ON_TIME)
    second = notebook(course, "Two.")
    assert hand_in(course, out, second, LATE).attempt == 2
    again = hand_in(course, out, second, LATE, policy="first")
    assert (again.attempt, again.card.lateness.seconds, again.card.adjustments) == (1, 0, ())
    changes, graded = regrade(out, load_materials(course, "week1"), because="nothing changed", apply=True)
    assert (changes, graded[0].attempt) == ([], 1)
    done = release(out, load_materials(course, "week1"), provisional=True)
    assert done.written


def test_time_granted_later_counts_for_an_earlier_attempt_too(course: Course, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = hand_in(course, out, notebook(course, "One."), LATE, policy="first")
    assert [str(item.points) for item in first.card.adjustments] == ["-2"]
    more = hand_in(course, out, notebook(course, "Two."), TOO_LATE, policy="first", extension="2026-12-03 09:00")
    assert (more.attempt, more.card.adjustments, more.card.lateness.flags) == (1, (), ())


def test_what_changed_is_told_cell_by_cell(course: Course, tmp_path: Path) -> None:
    out = tmp_path / "out"
    hand_in(course, out, notebook(course, "Because I say so.", "print(1)", "print(2)"), ON_TIME)
    item = hand_in(
        course, out, notebook(course, "Because six times seven is 42.", "print(1)", "print(3)", "x = 5"), LATE
    )
    change = item.judgement and change_since(Workspace(out), "24", 2)
    assert change is not None
    told = [(cell.kind, cell.cell, cell.text) for cell in change.cells]
    assert told == [
        ("changed", 2, "## Result Because six times seven is 42."),
        ("changed", 4, "print(3)"),
        ("added", 5, "x = 5"),
    ]
    assert change.sections == ("result",)
    assert change_since(Workspace(out), "24", 1) is None
    page = (out / "index.html").read_text("utf-8")
    assert "Handed in again" in page
    assert "2 changed, 1 added (cells 2, 4, 5)" in page


def test_handing_in_again_after_feedback_asks_again_only_where_the_answer_changed(
    course: Course, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    hand_in(course, out, notebook(course, "Because I say so."), ON_TIME)
    attempt = Workspace(out).attempts("24")[0]
    answers, submission = attempt.answers(), attempt.submission()
    assert answers is not None
    assert submission is not None
    about: dict[str, Any] = {"answer_sha256": answers.hashes["1a"], "submission_sha256": submission.sha256}
    Ledger.of(out).append(
        Event(author="Tom", kind="decision", participant="24", criterion="1a", points="3", **about)  # type: ignore[arg-type]
    )
    assert release(out, load_materials(course, "week1")).number == 1
    same = hand_in(course, out, notebook(course, "Because I say so.", "print(1)"), LATE)
    assert (same.outcome is not None and same.outcome.settled, str(same.card.total)) == (True, "1")
    other = hand_in(course, out, notebook(course, "Because six times seven is 42."), LATE)
    assert other.outcome is not None
    assert [item.target for item in other.outcome.open] == ["1a"]
