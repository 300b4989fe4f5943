"""Give a release back to the Moodle site that its submissions were pulled from: grades, comments, pages.

Shows first what it would do. Only people who were pulled and graded are touched, and only what was not given by
somebody else. Stopped at any moment, the same command goes on; what is there already is left alone, so nobody is told
twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from grader.errors import ConnectionLostError, InputError, MoodleSiteError, WorkspaceError
from grader.model.base import Frozen
from grader.model.gradebook import Gradebook, GradebookRow
from grader.moodlesite.client import Site
from grader.moodlesite.exporting import owner_of
from grader.moodlesite.giving import AGAIN, Held, Ours, Step, Wanted, decide, give, read_held
from grader.moodlesite.reading import QUIET, Assignment, Snapshot, open_assignment, read_snapshot
from grader.moodlesite.record import Pulled, PulledSubmission
from grader.pipeline.moodle_pull import RECORD
from grader.pipeline.progress import Progress, RunLog, Silent
from grader.pipeline.push_journal import Journal
from grader.pipeline.released import contents_of, newest_release
from grader.release.archive import file_name
from grader.release.plan import has_something, scaled
from grader.workspace import Workspace
from grader.workspace.files import read_artefact

Part = Literal["comments", "pages"]
STATES = ("inmarking", "readyforreview", "inreview", "readyforrelease", "released")
"""Moodle's marking workflow; any other word would be stored as it is."""
PENALTY = "Moodle itself deducts points for lateness in this assignment (grade penalties): if the rubric does too, it happens twice."
FATAL = ("invalidtoken", "accessexception", "nopermission", "nopermissions")


@dataclass(frozen=True)
class PushOptions:
    """How to push."""

    apply: bool = False
    overwrite: Collection[str] = ()
    """Participants (or `all`) whose grade, given by somebody else, is replaced."""
    quiet: bool = False
    """Keep Moodle from telling the students."""
    workflow: str | None = None
    """Marking workflow state to set; null: as it is."""
    leave_out: Collection[Part] = ()


class PushReport(Frozen):
    """What was done, or would be."""

    release: int
    applied: bool
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    @property
    def needs_person(self) -> bool:
        """Whether anybody was skipped."""
        return any(step.kind == "skip" for step in self.steps)


def load_pulled(folder: Path) -> Pulled:
    """What `pull` left in this folder."""
    found = read_artefact(folder / RECORD, Pulled)
    if found is None:
        raise WorkspaceError(
            "holds nothing pulled", where=str(folder), todo="name the --out folder of `grader moodle pull`"
        )
    return found


def push(
    results: Path, pulled: Path, token: SecretStr, options: PushOptions, progress: Progress | None = None
) -> PushReport:
    """Everybody's step; carried out only with `apply`."""
    record = load_pulled(pulled)
    if not results.is_dir():
        raise WorkspaceError(
            "there is no such folder", where=str(results), todo="name the --out folder of `grader grade`"
        )
    with Workspace(results) as workspace, Site(record.site, token) as site:
        number, gradebook = newest_release(workspace)
        assignment = _usable(site, record, gradebook, options)
        snapshot = read_snapshot(site, assignment, known={one.userid: one.number for one in record.people})
        journal = Journal(workspace.root / "moodle", record.site, record.cmid)
        pusher = _Pusher(site, snapshot, journal, options, contents_of(workspace, number))
        told = progress or Silent()
        told.begin("Giving to Moodle" if options.apply else "Comparing with Moodle", len(gradebook.rows))
        steps: list[Step] = []
        check = _Provenance(record, snapshot, _graded(workspace))
        for row in gradebook.rows:
            if has_something(row):
                why = check.trouble(row.participant_id)
                steps += [_skip(row.participant_id, why)] if why else pusher.row(row, gradebook, record)
            told.step(row.participant_id)
        if options.apply:
            given = sum(1 for step in steps if step.kind == "give")
            RunLog(workspace.root / "run.log").write(f"gave release {number} to Moodle: {given} of {len(steps)} people")
        notes = (PENALTY,) if assignment.info.gradepenalty else ()
        return PushReport(release=number, applied=options.apply, steps=tuple(steps), notes=notes)


def _usable(site: Site, record: Pulled, gradebook: Gradebook, options: PushOptions) -> Assignment:
    assignment = open_assignment(site, record.cmid, giving=True)
    info = assignment.info
    if info.id != record.assignment:
        raise InputError("is another assignment than the one pulled", where=f"id={record.cmid}", todo="pull again")
    if info.grade <= 0 and any(row.grade is not None for row in gradebook.rows):
        todo = "give the assignment a maximum grade in Moodle, or enter the scale's words there by hand"
        raise InputError("the assignment has no maximum grade to scale to", where=f"id={record.cmid}", todo=todo)
    for part, plugin, words in (("comments", "comments", "Feedback comments"), ("pages", "file", "Feedback files")):
        if part not in options.leave_out and not info.gives(plugin):
            todo = f"switch '{words}' on in the assignment's settings, or add --leave-out {part}"
            raise InputError(f"'{words}' is off: Moodle would drop them silently", where=f"id={record.cmid}", todo=todo)
    if options.quiet and QUIET not in assignment.functions:
        raise InputError(f"the token's service lacks {QUIET}", todo="leave --quiet out, or ask the administrator")
    if options.workflow is not None and not info.markingworkflow:
        raise InputError(
            "the assignment has no marking workflow", where=f"id={record.cmid}", todo="leave --workflow out"
        )
    return assignment


def _graded(workspace: Workspace) -> Mapping[str, str | None]:
    rows: list[Any] = workspace.read_json(workspace.root / "results.json") or []
    return {row["participant"]["id"]: row["submission"]["sha256"] for row in rows}


def _skip(participant: str, why: str, userid: int = 0) -> Step:
    return Step(participant=participant, userid=userid, kind="skip", why=why)


class _Provenance:
    """Whether a row is about what was pulled, and that is still what is handed in."""

    def __init__(self, record: Pulled, snapshot: Snapshot, graded: Mapping[str, str | None]) -> None:
        self._pulled, self._people, self._graded = record.by_participant(), record.userids(), graded
        self._now = {owner_of(snapshot, one): one for one in snapshot.submissions}

    def trouble(self, participant: str) -> str | None:
        """Why it can't be given back; null if it can."""
        pulled = self._pulled.get(participant)
        if participant not in self._graded or (pulled is None and participant not in self._people):
            return "is not among the people who were pulled: were these results graded from this pull?"
        if self._graded[participant] != (pulled.sha256 if pulled else None):
            return "what was graded is not what was pulled last: grade the new export, and release again"
        now = self._now.get(participant)
        if (now.mark if now else None) != (pulled.mark if pulled else None):
            return AGAIN
        return None


def _row_of(row: GradebookRow, number: str) -> GradebookRow:
    """A team's row as it is for one member, who may have a grade of their own."""
    own = row.own.get(number)
    return row if own is None else row.model_copy(update=dict(own))


class _Pusher:
    """One push under way."""

    def __init__(
        self, site: Site, snapshot: Snapshot, journal: Journal, options: PushOptions, contents: Mapping[str, str]
    ) -> None:
        self._site, self._snapshot, self._journal, self._options = site, snapshot, journal, options
        self._contents = contents
        self._assignment = snapshot.assignment
        self._groups = {person.id: person.groupid for person in snapshot.people}

    def row(self, row: GradebookRow, gradebook: Gradebook, record: Pulled) -> list[Step]:
        """One step per person of a row: the student, or every member of the team."""
        try:
            pulled = record.by_participant().get(row.participant_id)
            numbers = {one.userid: one.number for one in record.people}
            wanted = [
                self._wanted(_row_of(row, numbers[userid]), userid, gradebook, pulled)
                for userid in self._userids(row, record)
            ]
            return [self._one(one) for one in wanted]
        except LookupError as error:
            return [_skip(row.participant_id, str(error.args[0]))]

    def _userids(self, row: GradebookRow, record: Pulled) -> Iterator[int]:
        if row.participant_id.startswith("g"):
            group = int(row.participant_id[1:])
            members = [one.userid for one in record.people if one.groupid == group]
            gone = [one for one in members if self._groups.get(one) != group]
            if gone or not members:
                raise LookupError(
                    "the team's members changed since the pull: pull and grade again, or enter it by hand"
                )
            yield from members
            return
        userid = record.userids()[row.participant_id]
        if userid not in self._groups:
            raise LookupError("is no active participant any more")
        yield userid

    def _wanted(self, row: GradebookRow, userid: int, gradebook: Gradebook, pulled: PulledSubmission | None) -> Wanted:
        grade: Decimal | None = None
        if row.grade is not None:
            grade = scaled(row.grade, gradebook.maximum, f"{self._assignment.info.grade}.00")
            if grade is None:
                raise LookupError(f"{row.grade} of {gradebook.maximum} is out of range: Moodle would drop it")
        return Wanted(
            userid=userid,
            participant=row.participant_id,
            grade=grade,
            comment="" if "comments" in self._options.leave_out else row.comment_html,
            page=None if "pages" in self._options.leave_out else row.page,
            page_name=file_name(row),
            mark=pulled.mark if pulled else None,
            content=self._contents.get(row.participant_id, ""),
        )

    def _one(self, wanted: Wanted) -> Step:
        ours = self._journal.last(wanted.userid)
        listed = self._snapshot.grades.get(wanted.userid)
        state = self._state(wanted.userid)
        if (
            ours
            and listed
            and ours.digest == wanted.digest
            and ours.changed_at == listed.timemodified
            and state is None
        ):
            return Step(participant=wanted.participant, userid=wanted.userid, kind="unchanged", grade=wanted.grade)
        held = read_held(self._site, self._assignment, wanted.userid, listed)
        step = decide(self._site, wanted, held, ours, overwrite=self._options.overwrite)
        if step.kind == "unchanged" and state is not None:
            step = step.model_copy(update={"kind": "give", "why": f"workflow: {state}"})
        if not self._options.apply or step.kind == "skip":
            return step
        if step.kind == "unchanged":
            return self._settled(step, wanted, held, ours)
        return self._give(step, wanted, held)

    def _settled(self, step: Step, wanted: Wanted, held: Held, ours: Ours | None) -> Step:
        """It is there already; a push that was broken off there has one thing left to do."""
        if self._options.quiet and ours is not None and ours.changed_at is None:
            flags = [{"userid": wanted.userid, "mailed": 1}]
            self._site.read(QUIET, assignmentid=self._assignment.info.id, userflags=flags)
        self._journal.given(wanted, held)
        return step

    def _give(self, step: Step, wanted: Wanted, held: Held) -> Step:
        self._journal.giving(wanted, held)
        state = self._state(wanted.userid)
        if state is None:
            flag = self._snapshot.flags.get(wanted.userid)
            state = flag.workflowstate if flag and self._assignment.info.markingworkflow else ""
        try:
            now = give(self._site, self._assignment, wanted, held, state=state, quiet=self._options.quiet)
        except ConnectionLostError:
            raise
        except MoodleSiteError as error:
            if error.code in FATAL:
                raise
            return step.model_copy(update={"kind": "skip", "why": f"Moodle {error.what}"})
        self._journal.given(wanted, now)
        return step

    def _state(self, userid: int) -> str | None:
        """The workflow state to be set, where it is another than now."""
        flag = self._snapshot.flags.get(userid)
        wanted = self._options.workflow
        return None if wanted is None or (flag and flag.workflowstate == wanted) else wanted
