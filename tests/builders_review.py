"""A class that is graded (statically: no notebook runs) and decided by people, for tests of ledger, review and release."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import shutil
import zipfile
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any

from grader.catalog import Course
from grader.ledger import Ledger
from grader.model.decision import Event
from grader.model.scorecard import CriterionScore
from grader.pipeline import Materials, Request, grade, load_materials
from grader.pipeline.deciding import by_participant
from grader.pipeline.grading import BATCH_FILE, stored_batch
from grader.pipeline.reviewing import Reviewed, load_class
from grader.settings import Settings
from grader.workspace import Workspace, write_artefact

ROOT = Path(__file__).parents[1]
MOODLE = ROOT / "tests" / "data" / "moodle"
SOLUTION = ROOT / "assignments" / "week3" / "solution.ipynb"
COLUMNS = ("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade", "Grade can be changed",
           "Last modified (submission)", "Last modified (grade)", "Feedback comments")  # fmt: skip
STATIC = Settings(mode="static")


@cache
def materials() -> Materials:
    return load_materials(Course(ROOT), "week3")


def graded_export(out: Path, name: str = "main") -> Path:
    """One of Moodle's own exports, graded."""
    request = Request(MOODLE / f"{name}-folders.zip", out, MOODLE / f"{name}-worksheet.csv")
    grade(request, materials(), STATIC)
    return out


def graded_class(folder: Path, count: int, spoil: Callable[[dict[str, Any], int], None] | None = None) -> Path:
    """`count` notebooks, each the solution with a memo of its own, graded into `folder`/out."""
    folder.mkdir(parents=True, exist_ok=True)
    source = json.loads(SOLUTION.read_text("utf-8"))
    hand_in = folder / "class"
    hand_in.mkdir()
    for number in range(1, count + 1):
        notebook = json.loads(json.dumps(source))
        _vary(notebook, number)
        if spoil is not None:
            spoil(notebook, number)
        (hand_in / f"student-{number:03}.ipynb").write_text(json.dumps(notebook), "utf-8")
    grade(Request(hand_in, folder / "out"), materials(), STATIC)
    return folder / "out"


def graded_moodle_class(
    folder: Path, count: int, spoil: Callable[[dict[str, Any], int], None] | None = None, name: str = "Ada Öz {}"
) -> Path:
    """The same as Moodle exports it: a zip of folders and a worksheet, so that it can be given back."""
    folder.mkdir(parents=True, exist_ok=True)
    source = json.loads(SOLUTION.read_text("utf-8"))
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(COLUMNS)
    with zipfile.ZipFile(folder / "class.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(1, count + 1):
            notebook = json.loads(json.dumps(source))
            _vary(notebook, number)
            if spoil is not None:
                spoil(notebook, number)
            who, pid = name.format(number), str(1000 + number)
            plain = re.sub(r"[&<>\"`|':\\/?*_]", "", who)
            archive.writestr(f"{plain}_{pid}_assignsubmission_file/homework.ipynb", json.dumps(notebook))
            status = "Submitted for grading -  - "
            writer.writerow(
                [f"Participant {pid}", who, f"s{number}@example.org", status, "", "100.00", "Yes", "-", "-", ""]
            )
    (folder / "sheet.csv").write_bytes(sheet.getvalue().encode("utf-8-sig"))
    grade(Request(folder / "class.zip", folder / "out", folder / "sheet.csv"), materials(), STATIC)
    return folder / "out"


def multiplied(out: Path, count: int) -> Path:
    """The class again and again under other numbers, until there are `count`: the same load without grading each."""
    workspace = Workspace(out)
    batch = stored_batch(workspace)
    first = list(batch.submissions)
    made = []
    for number in range(len(first), count):
        source = first[number % len(first)]
        person = source.participant.model_copy(update={"id": f"student-{number + 1:03}"})
        copy = source.model_copy(update={"participant": person})
        attempt = workspace.attempt_for(source)[0].path
        target = out / "submissions" / person.id / attempt.name
        shutil.copytree(attempt, target)
        write_artefact(target / "submission.json", copy)
        made.append(copy)
    whole = batch.model_copy(update={"submissions": (*first, *made)})
    workspace.write_json(BATCH_FILE, whole.model_dump(mode="json"))
    return out


def _vary(notebook: dict[str, Any], number: int) -> None:
    chance = random.Random(number)
    markdown = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    for cell in chance.sample(markdown, len(markdown) // 3):
        cell["source"] = "".join(cell["source"]) + f"\n\nNote {number}: {chance.choice(('seen twice', 'as expected'))}."


def settle(out: Path, who: Collection[str] | None = None, *, author: str = "Ada") -> None:
    """Confirm every suggestion, find every questionable check in order, and let every submission count."""
    loaded, ledger = load_class(out), Ledger.of(out)
    events = by_participant(ledger.events())
    made: list[Event] = []
    for person in loaded.people.values():
        if who is not None and person.id not in who:
            continue
        made += settling(person, loaded.rubric, events.get(person.id, []), author)
    ledger.append_all(made)


def settling(person: Reviewed, rubric: Any, events: list[Event], author: str) -> list[Event]:
    outcome = person.outcome(rubric, events)
    scores = {item.id: item for section in outcome.card.sections for item in section.criteria}
    made = []
    for item in outcome.open:
        if item.kind == "criterion":
            made.append(person.event("decision", author, item.target, points=_points(scores[item.target])))
        elif item.kind == "check":
            made.append(person.event("verdict", author, item.target, verdict="passed"))
    if any(item.kind == "submission" for item in outcome.open):
        asked = [item.why for item in outcome.card.review if not item.criterion]
        verdict = "failed" if outcome.card.status == "unreadable" else "passed"
        made.append(person.event("verdict", author, verdict=verdict, data={"asked": asked}))
    return made


def _points(score: CriterionScore) -> str:
    return str(score.points if score.points is not None else score.low)
