"""What a run leaves for people and for Moodle: results.json, pages, overview, tables, a preview of the Moodle files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from grader.feedback import (
    ClassSpread,
    OverviewInput,
    PageInput,
    RegradeRequest,
    StudentEntry,
    class_overview,
    class_spread,
    moodle_comment,
    overview_rows,
    student_page,
)
from grader.model.gradebook import Gradebook, GradebookRow, OwnGrade
from grader.model.scorecard import Adjustment
from grader.model.submission import Batch, Submission, file_stem
from grader.pipeline.attempts import with_attempts
from grader.pipeline.insight import insight_of, write_tables
from grader.pipeline.materials import Materials
from grader.pipeline.moodle import write_moodle_files
from grader.pipeline.parallel import in_parallel
from grader.pipeline.results import Graded, results_json
from grader.pipeline.similar import earlier_pairs, keep_likeness, similar_pairs, starter_likeness
from grader.pipeline.tables import csv_bytes, parquet_bytes
from grader.scoring import adjusted
from grader.scoring.dates import granted
from grader.workspace import Workspace


def write_outputs(
    workspace: Workspace, materials: Materials, batch: Batch, graded: Sequence[Graded], *, scale: str, jobs: int = 1
) -> list[Graded]:
    """Write everything; pages first, results.json last, so that it never names a page that isn't there.

    Returns everybody's result together with their attempts, as results.json has it.
    """
    graded = [with_attempts(workspace, item) for item in graded]
    pages = student_pages(materials, graded, scale=scale, jobs=jobs, preview=True)
    for who, made in pages.items():
        workspace.write_bytes(f"feedback/{file_stem(who)}.html", made)
    insight = insight_of(workspace, materials.rubric, graded)
    write_tables(workspace, insight)
    overview = overview_input(materials, batch, graded).model_copy(update={"insight": insight})
    workspace.write_text("index.html", class_overview(overview))
    keep_likeness(workspace, {item.submission.participant.id: item.likeness for item in graded})
    rows = overview_rows(overview)
    workspace.write_bytes("overview.csv", csv_bytes(rows))
    workspace.write_bytes("overview.parquet", parquet_bytes(rows))
    columns = (workspace.run_info() or {}).get("columns")
    write_moodle_files(
        workspace, gradebook_of(materials, batch, graded, pages, preview=True), workspace.worksheet(), columns
    )
    workspace.write_json("results.json", results_json(graded))
    return graded


def student_pages(
    materials: Materials,
    graded: Sequence[Graded],
    *,
    scale: str,
    preview: bool,
    jobs: int = 1,
    with_class: bool = True,
) -> dict[str, bytes]:
    """Everybody's page by participant; `with_class`: beside the class's figures."""
    found = ([item.judgement.seen for item in graded], [item.judgement.findings.findings for item in graded])
    spread = class_spread(*found) if with_class else None

    def page(item: Graded) -> bytes:
        return student_html(item, materials, scale=scale, preview=preview, spread=spread).encode("utf-8", "replace")

    made = in_parallel(page, graded, jobs=jobs)
    return {item.submission.participant.id: text for item, text in zip(graded, made, strict=True)}


def student_html(
    item: Graded, materials: Materials, *, scale: str, preview: bool, spread: ClassSpread | None = None
) -> str:
    """One student's page."""
    assignment = materials.assignment
    return student_page(
        PageInput(
            course_title=assignment.course,
            assignment_title=assignment.title,
            submission=_as_it_counts(item),
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
            requests=_requests(item),
            preview=preview,
        )
    )


def _comments(item: Graded) -> dict[str, str]:
    return {name: event.text for name, event in item.outcome.standing.comments.items()} if item.outcome else {}


def _requests(item: Graded) -> tuple[RegradeRequest, ...]:
    asked = item.outcome.standing.requests if item.outcome else ()
    return tuple(
        RegradeRequest(
            criterion=one.asked.criterion, asked=one.asked.text, answer=one.answer.text if one.answer else ""
        )
        for one in asked
    )


def _as_it_counts(item: Graded) -> Submission:
    """A draft that a person accepted is a submission like any other."""
    accepted = item.submission.draft and item.card.total is not None
    return item.submission.model_copy(update={"draft": False}) if accepted else item.submission


def overview_input(materials: Materials, batch: Batch, graded: Sequence[Graded]) -> OverviewInput:
    """What the class overview shows."""
    alike, starter = {item.submission.participant.id: item.likeness for item in graded}, starter_likeness(materials)
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
                change=item.change,
            )
            for item in graded
        ),
        similar=similar_pairs(alike, starter),
        earlier=earlier_pairs(materials.course, alike, starter),
        notes=(*batch.notes, *_nobodys(materials, batch)),
        made_at=datetime.now(UTC),
    )


def _nobodys(materials: Materials, batch: Batch) -> Iterator[str]:
    """Time that was granted to somebody whom the export doesn't have is most likely a slip."""
    dates = materials.assignment.dates
    known = {index for item in batch.submissions for index in granted(item.participant, dates)}
    for index, one in enumerate(dates.extensions):
        if index not in known:
            yield f"Time until {one.until:%Y-%m-%d %H:%M} was granted to {one.who!r}, whom this export doesn't have."


def gradebook_of(
    materials: Materials, batch: Batch, graded: Sequence[Graded], pages: Mapping[str, bytes], *, preview: bool
) -> Gradebook:
    """Everybody who gets something: grade (never 0 for nothing), comment, page."""
    rows = tuple(_rows(materials, graded, pages, preview=preview))
    return Gradebook(maximum=materials.rubric.max, rows=rows, numbered=batch.style != "single")


def _rows(
    materials: Materials, graded: Sequence[Graded], pages: Mapping[str, bytes], *, preview: bool
) -> Iterator[GradebookRow]:
    for item in graded:
        card, person = item.card, item.submission.participant
        if card.status == "no_submission":
            continue
        draft = _as_it_counts(item).draft
        yield GradebookRow(
            participant_id=person.id,
            name=person.name,
            grade=card.total,
            comment_html=moodle_comment(card, materials.rubric, preview=preview, draft=draft),
            page=pages[person.id],
            members=person.members,
            own=_own_grades(item, materials, preview=preview),
        )


def _own_grades(item: Graded, materials: Materials, *, preview: bool) -> dict[str, OwnGrade]:
    """Members of a team who get something beside the team's grade: said in their comment only, the page is everybody's."""
    team = set(item.submission.participant.members)
    found = {}
    for member, events in (item.outcome.members if item.outcome else {}).items():
        if member not in team:
            continue
        own = tuple(Adjustment(kind="for you", points=one.points or Decimal(0), why=one.text) for one in events)
        card = adjusted(item.card, own)
        html = moodle_comment(card, materials.rubric, preview=preview, draft=_as_it_counts(item).draft)
        found[member] = OwnGrade(grade=card.total, comment_html=html)
    return found
