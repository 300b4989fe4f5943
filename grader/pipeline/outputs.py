"""What a run leaves for people and for Moodle: results.json, pages, overview, tables, a preview of the Moodle files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from grader.feedback import (
    ClassSpread,
    OverviewInput,
    PageInput,
    StudentEntry,
    class_overview,
    class_spread,
    moodle_comment,
    overview_rows,
    student_page,
)
from grader.model.gradebook import Gradebook, GradebookRow
from grader.model.submission import Batch, file_stem
from grader.pipeline.materials import Materials
from grader.pipeline.moodle import write_moodle_files
from grader.pipeline.parallel import in_parallel
from grader.pipeline.results import Graded, results_json
from grader.workspace import Workspace


def write_outputs(
    workspace: Workspace, materials: Materials, batch: Batch, graded: Sequence[Graded], *, scale: str, jobs: int = 1
) -> None:
    """Write everything; pages first, results.json last, so that it never names a page that isn't there."""
    spread = class_spread(
        [item.judgement.seen for item in graded], [item.judgement.findings.findings for item in graded]
    )

    def page(item: Graded) -> bytes:
        return student_html(item, materials, scale=scale, preview=True, spread=spread).encode("utf-8", "replace")

    pages = {}
    for item, made in zip(graded, in_parallel(page, graded, jobs=jobs), strict=True):
        who = item.submission.participant.id
        pages[who] = made
        workspace.write_bytes(f"feedback/{file_stem(who)}.html", made)
    overview = overview_input(materials, batch, graded)
    workspace.write_text("index.html", class_overview(overview))
    workspace.write_bytes("overview.csv", _csv(overview_rows(overview)))
    columns = (workspace.run_info() or {}).get("columns")
    write_moodle_files(workspace, _gradebook(materials, batch, graded, pages), workspace.worksheet(), columns)
    workspace.write_json("results.json", results_json(graded))


def student_html(
    item: Graded, materials: Materials, *, scale: str, preview: bool, spread: ClassSpread | None = None
) -> str:
    """One student's page."""
    assignment = materials.assignment
    return student_page(
        PageInput(
            course_title=assignment.course,
            assignment_title=assignment.title,
            submission=item.submission,
            rubric=materials.rubric,
            scorecard=item.card,
            findings=item.judgement.findings.findings,
            observations=item.judgement.seen,
            execution=item.evidence.execution,
            expected=assignment.expected.get(scale),
            spread=spread,
            reference_trainable={
                role: facts.reference_trainable
                for role, facts in assignment.models.items()
                if facts.reference_trainable is not None
            },
            comments=_comments(item),
            preview=preview,
        )
    )


def _comments(item: Graded) -> dict[str, str]:
    return {name: event.text for name, event in item.outcome.standing.comments.items()} if item.outcome else {}


def overview_input(materials: Materials, batch: Batch, graded: Sequence[Graded]) -> OverviewInput:
    """What the class overview shows."""
    return OverviewInput(
        course_title=materials.assignment.course,
        assignment_title=materials.assignment.title,
        batch_name=batch.name,
        rubric=materials.rubric,
        students=tuple(
            StudentEntry(
                submission=item.submission,
                scorecard=item.card,
                findings=item.judgement.findings.findings,
                execution=item.evidence.execution,
                flags=item.flags,
            )
            for item in graded
        ),
        notes=batch.notes,
        made_at=datetime.now(UTC),
    )


def _gradebook(materials: Materials, batch: Batch, graded: Sequence[Graded], pages: dict[str, bytes]) -> Gradebook:
    rows = tuple(_rows(materials, graded, pages))
    return Gradebook(maximum=materials.rubric.max, rows=rows, numbered=batch.style != "single")


def _rows(materials: Materials, graded: Sequence[Graded], pages: dict[str, bytes]) -> Iterator[GradebookRow]:
    for item in graded:
        card, person = item.card, item.submission.participant
        if card.status == "no_submission":
            continue
        yield GradebookRow(
            participant_id=person.id,
            name=person.name,
            grade=card.total,
            comment_html=moodle_comment(card, materials.rubric, preview=True, draft=item.submission.draft),
            page=pages[person.id],
            members=person.members,
        )


def _csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig", "replace")
