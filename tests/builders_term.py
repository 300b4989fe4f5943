"""A term for tests: forty people with difficult names, what they hand in and when, and Moodle's files of it."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from grader.catalog import Course
from grader.ledger import Ledger
from grader.model.moodle_names import folder_name
from grader.model.rubric import Rubric
from grader.pipeline.course import new_course
from grader.pipeline.deciding import by_participant, events_of
from grader.pipeline.reviewing import load_class

ROOT = Path(__file__).parents[1]
SEED = json.loads((ROOT / "tests" / "data" / "moodle" / "seed.json").read_text("utf-8"))
MORE = (
    "Nguyễn Văn Anh", "Þórdís Ævarsdóttir", "O'Neill-Smith, Jr.", "van der Berg", "X Æ A-12", "Null Undefined", "-1 Minus",
    "@Import Mention", "Łukasz Żółć", "ǅ Ligature", "İstanbul Ilgaz", "Mary  Double  Blank", "Дмитрий Ёлкин", "S",
)  # fmt: skip
NAMES = [user["fullname"] for user in SEED["users"].values()] + list(MORE)
ZONE = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True)
class Student:
    """Somebody in the course."""

    index: int
    name: str

    @property
    def email(self) -> str:
        return f"t{self.index:02}@example.org"

    def number(self, week: int) -> str:
        """Moodle's participant number: another one in each assignment, and not in order of people."""
        return str(week * 100 + (self.index * 7 + week) % 41)


STUDENTS = [Student(index, name) for index, name in enumerate(NAMES)]
TERMS = {
    "week1": {
        "due": datetime(2026, 10, 21, 9),
        "cutoff": datetime(2026, 11, 4, 9),
        "late": {"kind": "per_day", "points": 2, "grace": "PT15M", "at_most": 12},
    },
    "week2": {"due": datetime(2026, 11, 4, 9), "late": {"kind": "per_hour", "points": "0.5", "at_most": 8}},
    "week3": {"due": datetime(2026, 11, 25, 9), "late": {"kind": "steps", "steps": [["PT0S", 5], ["P2D", 20]]}},
}


def course_at(root: Path) -> Course:
    """A course with three assignments, their rubrics, and the terms above."""
    new_course(root, title="LLM engineering", timezone="Europe/Berlin")
    shutil.rmtree(root / "assignments")
    shutil.rmtree(root / "rubrics")
    shutil.copytree(ROOT / "rubrics", root / "rubrics")
    for slug, terms in TERMS.items():
        source, target = ROOT / "assignments" / slug, root / "assignments" / slug
        ignored = shutil.ignore_patterns("golden", "*.ipynb", "hub")
        shutil.copytree(source, target, ignore=ignored)
        change_terms(Course(root), slug, **terms)
    return Course(root)


def change_terms(course: Course, slug: str, **terms: object) -> None:
    """Rewrite fields of an assignment.yaml."""
    path = course.folder(slug) / "assignment.yaml"
    data = yaml.safe_load(path.read_text("utf-8"))
    path.write_text(yaml.safe_dump({**data, **terms}, allow_unicode=True), "utf-8")


def roster_csv(path: Path, people: Iterable[Student]) -> Path:
    """Moodle's list of participants."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Full name", "Email address", "ID number", "Roles"])
        writer.writerows([student.name, student.email, f"M{student.index:03}", "Student"] for student in people)
    return path


def homework(rubric: Rubric, who: str, *, changed: str = "") -> bytes:
    """A short notebook whose memo has all parts; `changed`: a section that reads otherwise."""
    texts = []
    for section in rubric.sections:
        more = " I changed my mind after your feedback." if section.id == changed else ""
        texts.append(f"## {section.title}\n\nWhat I, {who}, found about this: it works on most classes.{more}")
    cells = [{"cell_type": "markdown", "metadata": {}, "id": f"m{i}", "source": text} for i, text in enumerate(texts)]
    code = {"cell_type": "code", "metadata": {}, "id": "c", "source": "print(1)", "outputs": [], "execution_count": 1}
    return json.dumps({"cells": [code, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


@dataclass(frozen=True)
class HandIn:
    """What stands in Moodle for one person or team."""

    data: bytes
    after: timedelta = timedelta(0)
    """After the due date; negative before it."""
    extension: datetime | None = None


def stamp(moment: datetime) -> str:
    """As the worksheet writes it, minutes only."""
    return f"{moment:%A}, {moment.day} {moment:%B %Y}, {moment:%I:%M %p}".replace(", 0", ", ")


def in_words(seconds: int) -> str:
    """Moodle names the two largest units only."""
    units = (("day", 86400), ("hour", 3600), ("min", 60), ("sec", 1))
    parts = []
    for word, length in units:
        count, seconds = divmod(seconds, length)
        parts.append((count, f"{count} {word}{'s' if count > 1 else ''}"))
    first = next(place for place, (count, _) in enumerate(parts) if count)
    return " ".join(text for count, text in parts[first : first + 2] if count)


def moodle_files(
    folder: Path,
    week: int,
    handed_in: Mapping[int, HandIn],
    *,
    people: list[Student] = STUDENTS,
    teams: Mapping[int, str] | None = None,
) -> tuple[Path, Path]:
    """Export and worksheet. `handed_in` by student, or by team number where there are `teams` (by student)."""
    folder.mkdir(parents=True, exist_ok=True)
    due = TERMS[f"week{week}"]["due"].replace(tzinfo=ZONE)  # type: ignore[attr-defined]
    sheet, rows = io.StringIO(newline=""), []
    numbers = {name: place for place, name in enumerate(dict.fromkeys((teams or {}).values()), 1)}
    for student in people:
        own = numbers[teams[student.index]] if teams else student.index
        rows.append(_row(student, week, handed_in.get(own), due, teams[student.index] if teams else None))
    writer = csv.DictWriter(sheet, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    (folder / "sheet.csv").write_text(sheet.getvalue(), "utf-8-sig")
    owners = {place: (name, str(place)) for name, place in numbers.items()} or {
        student.index: (student.name, student.number(week)) for student in people
    }
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        for own, one in handed_in.items():
            name, number = owners[own]
            archive.writestr(f"{folder_name(name)}_{number}_assignsubmission_file/homework.ipynb", one.data)
    return folder / "export.zip", folder / "sheet.csv"


def _row(student: Student, week: int, one: HandIn | None, due: datetime, team: str | None) -> dict[str, str]:
    status, modified = "No submission -  - ", "-"
    if one is not None:
        at = (due + one.after).astimezone(ZONE) if abs(one.after) < timedelta(days=1) else _by_clock(due, one.after)
        late = int(
            (at.astimezone(ZoneInfo("UTC")) - (one.extension or due).astimezone(ZoneInfo("UTC"))).total_seconds()
        )
        words = f" - {in_words(late)} late" if late > 0 else ""
        granted = f" - Extension granted until: {stamp(one.extension)}" if one.extension else ""
        status, modified = f"Submitted for grading{words}{granted} -  - ", stamp(at)
    group = {} if team is None else {"Group": team}
    return {
        "Identifier": f"Participant {student.number(week)}",
        "Full name": student.name,
        "Email address": student.email,
        "Status": status,
        **group,
        "Grade": "",
        "Maximum grade": "100.00",
        "Grade can be changed": "Yes",
        "Last modified (submission)": modified,
        "Last modified (grade)": "-",
        "Feedback comments": "",
    }


def _by_clock(due: datetime, after: timedelta) -> datetime:
    return (due.replace(tzinfo=None) + after).replace(tzinfo=ZONE)


def mark(out: Path, *, seed: int) -> dict[str, Decimal]:
    """A TA settles all that is open; returns everybody's points of the rubric after that, as the TA gave them."""
    graded = load_class(out)
    events = by_participant(events_of(out))
    ledger, given = Ledger.of(out), {}
    for who, person in graded.people.items():
        outcome = person.outcome(graded.rubric, events.get(who, []))
        made = []
        for item in outcome.open:
            if item.kind == "criterion":
                top = next(c.max for s in graded.rubric.sections for c in s.criteria if c.id == item.target)
                points = Decimal(random.Random(f"{seed}/{who}/{item.target}").randint(0, int(top * 2))) / 2
                made.append(person.event("decision", "Tom", item.target, points=points))
            else:
                asked = [one.why for one in person.card.review if one.criterion == item.target]
                made.append(person.event("verdict", "Tom", item.target, verdict="passed", data={"asked": asked}))
        if made:
            ledger.append_all(made)
        mine = [*events.get(who, []), *made]
        newest = {
            event.criterion: event.points for event in mine if event.kind == "decision" and event.points is not None
        }
        given[who] = sum(newest.values(), Decimal(0))
    return given
