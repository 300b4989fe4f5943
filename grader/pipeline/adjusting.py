"""Points given or taken beside the rubric by a person, for a submission or for one member of a team: an event like any decision."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from grader.errors import InputError
from grader.ledger import Ledger
from grader.model.decision import Event
from grader.model.submission import Batch
from grader.pipeline.grading import stored_batch
from grader.workspace import Workspace


def adjust(target: Path, who: str, points: Decimal, *, because: str, author: str) -> Event:
    """Append it; the next release says it. `who`: a participant or team, or the number of one member of a team."""
    if not because.strip():
        raise InputError("an adjustment needs its reason", todo="say it with --because; the student reads it")
    batch = stored_batch(Workspace(target))
    participant, member = _meant(batch, who, target)
    data = {"member": member} if member else {}
    return Ledger.of(target).append(
        Event(author=author, kind="adjustment", participant=participant, points=points, text=because, data=data)
    )


def _meant(batch: Batch, who: str, target: Path) -> tuple[str, str]:
    for submission in batch.submissions:
        if submission.participant.id == who:
            return who, ""
        if who in submission.participant.members:
            return submission.participant.id, who
    raise InputError(f"there is no participant {who!r}", where=str(target), todo="`grader status` lists them")
