"""The embedded sample class: golden cases packed as Moodle exports them, graded, and held against their agreed verdicts."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grader.catalog import Course
from grader.errors import CourseError
from grader.model.assignment import Assignment
from grader.pipeline.results import Graded

FIRST_ID = 101
HEADER = (
    "Identifier",
    "Full name",
    "Email address",
    "Status",
    "Grade",
    "Maximum grade",
    "Grade can be changed",
    "Last modified (submission)",
    "Last modified (grade)",
    "Feedback comments",
)


@dataclass(frozen=True)
class Sample:
    """One golden case: a submission and what was agreed about it."""

    name: str
    """The case's folder."""
    participant: str
    """Participant number in the packed export."""
    student: str
    files: Mapping[str, bytes]
    status: str
    """Words of the worksheet's Status cell."""
    expect: Mapping[str, Any]
    """`status`, `execution` and `findings` (check line id -> verdict), each where agreed."""


def samples(course: Course, slug: str) -> list[Sample]:
    """All golden cases of an assignment, in order of name; CourseError if there are none."""
    folder = course.folder(slug) / "golden"
    cases = sorted(path.parent for path in folder.glob("*/case.yaml"))
    if not cases:
        raise CourseError(
            "has no golden cases", where=str(folder), todo=f"make them with `python -m reference samples {slug}`"
        )
    return [_sample(path, str(FIRST_ID + index)) for index, path in enumerate(cases)]


def _sample(folder: Path, participant: str) -> Sample:
    data = yaml.safe_load((folder / "case.yaml").read_text("utf-8"))
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "case.yaml"}
    status = data.get("moodle_status") or ("Submitted for grading -  - " if files else "No submission -  - ")
    return Sample(folder.name, participant, data["student"], files, status, data.get("expect") or {})


def scale_for(assignment: Assignment) -> str | None:
    """The scale of the golden cases, once it has been recorded; else the assignment's own."""
    wanted = assignment.golden_scale
    return wanted if wanted in assignment.expected else None


def pack(found: Sequence[Sample]) -> tuple[bytes, bytes]:
    """(export zip, worksheet), laid out as Moodle does."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for sample in found:
            for name, data in sample.files.items():
                archive.writestr(f"{sample.student}_{sample.participant}_assignsubmission_file/{name}", data)
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(HEADER)
    for sample in found:
        mail = f"student{sample.participant}@example.edu"
        writer.writerow(
            [
                f"Participant {sample.participant}",
                sample.student,
                mail,
                sample.status,
                "",
                "100.00",
                "Yes",
                "-",
                "-",
                "",
            ]
        )
    return buffer.getvalue(), sheet.getvalue().encode("utf-8-sig")


@dataclass(frozen=True)
class Difference:
    """Where a sample's result is not what was agreed."""

    sample: str
    what: str
    agreed: str
    found: str

    def text(self) -> str:
        """One line."""
        return f"{self.sample}: {self.what} should be {self.agreed}, is {self.found}"


def differences(found: Sequence[Sample], graded: Sequence[Graded]) -> Iterator[Difference]:
    """Everything in which the results differ from what was agreed."""
    by_id = {item.submission.participant.id: item for item in graded}
    for sample in found:
        item = by_id.get(sample.participant)
        if item is None:
            yield Difference(sample.name, "participant", "present", "missing")
            continue
        card, evidence = item.card, item.evidence
        for what, value in (("status", card.status), ("execution", evidence.execution.status)):
            if what in sample.expect and sample.expect[what] != value:
                yield Difference(sample.name, what, str(sample.expect[what]), value)
        for line, agreed in (sample.expect.get("findings") or {}).items():
            finding = item.judgement.findings.findings.get(line)
            if finding is None or finding.verdict != agreed:
                yield Difference(sample.name, line, agreed, finding.verdict if finding else "missing")
