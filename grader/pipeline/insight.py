"""What a class says about its assignment, gathered from what is stored; also as tables for pandas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from grader.model.base import Frozen
from grader.model.insight import Insight
from grader.model.rubric import Rubric
from grader.pipeline.deciding import events_of
from grader.pipeline.results import Graded
from grader.pipeline.tables import csv_bytes, parquet_bytes
from grader.scoring import undone
from grader.scoring.insight import agreement_rows, item_rows, move_rows, time_rows
from grader.workspace import Workspace


def insight_of(workspace: Workspace, rubric: Rubric, graded: Sequence[Graded]) -> Insight:
    """Items, verdicts over attempts, times, and agreement with suggestions."""
    events = events_of(workspace.root)
    gone = undone(events)
    live = [event for event in events if event.id not in gone]
    return Insight(
        items=item_rows(rubric, [item.card for item in graded]),
        moves=move_rows(pair for item in graded for pair in _verdicts(workspace, item)),
        times=time_rows(events),
        agreement=agreement_rows(live, rubric),
    )


def _verdicts(workspace: Workspace, item: Graded) -> Iterator[tuple[Mapping[str, str], Mapping[str, str]]]:
    if (item.attempt or 0) < 2:
        return
    answers = []
    for attempt in workspace.attempts(item.submission.participant.id):
        found = attempt.findings()
        answers.append({name: one.verdict for name, one in found.findings.items()} if found else {})
    yield from pairwise(answers)


def write_tables(workspace: Workspace, insight: Insight) -> None:
    """tables/<name>.csv and .parquet; a table without rows is left out, and an older one goes."""
    tables: dict[str, tuple[Frozen, ...]] = {
        "items": insight.items,
        "verdicts_over_attempts": insight.moves,
        "marking_times": insight.times,
        "agreement": insight.agreement,
    }
    for name, found in tables.items():
        rows = [row.model_dump() for row in found]
        for ending, made in (("csv", csv_bytes), ("parquet", parquet_bytes)):
            path = f"tables/{name}.{ending}"
            if rows:
                workspace.write_bytes(path, made(rows))
            else:
                (workspace.root / path).unlink(missing_ok=True)
