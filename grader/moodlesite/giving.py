"""Giving one student a grade, a comment and a page: what is there, whether anything is to be done, doing it, reading it back.

`null` from Moodle says nothing; only what is read back counts. What somebody else gave is not touched.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from grader.errors import ConnectionLostError, MoodleSiteError
from grader.model.base import Frozen
from grader.moodlesite.answers import FileInfo, GradeItem, GradeRow, Mark, StatusAnswer, read_as
from grader.moodlesite.client import Site
from grader.moodlesite.exporting import plain_text
from grader.moodlesite.reading import GRADEBOOK, QUIET, Assignment

PLACES = Decimal("0.00001")
"""Moodle keeps five decimals."""
TRIES = 3
AGAIN = "has handed in again since the pull: pull, grade and release again"


class Wanted(Frozen):
    """What one student is to get."""

    userid: int
    participant: str
    """As in the release: participant number, or `g<group id>`."""
    grade: Decimal | None
    comment: str
    page: bytes | None = Field(default=None, repr=False)
    page_name: str = "feedback.html"
    mark: Mark | None = None
    """The attempt that was graded; null where nothing was handed in."""
    content: str = ""
    """The release's own hash of what it says to this student; empty: the page's bytes count."""

    @property
    def digest(self) -> str:
        """Changes when anything of it changes for this student; new figures of the class on the page are no change."""
        content = self.content or hashlib.sha256(self.page or b"").hexdigest()
        parts = [str(self.grade), self.comment, self.page_name, str(self.page is None), content]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


class Held(Frozen):
    """What Moodle holds for one student now."""

    grade: Decimal | None = None
    mark: Mark | None = None
    """The latest attempt; null where there is none."""
    changed_at: int = 0
    """When the grade's record was written last; 0: there is none."""
    grader: int = 0
    shown: bool = True
    """Comment and files can be read (not before release, in a marking workflow)."""
    comment: str | None = None
    """As stored, byte for byte; null where Moodle shows it cleaned only."""
    comment_shown: str = ""
    files: tuple[FileInfo, ...] = ()
    locked: bool = False
    """Locked or overridden in the gradebook: Moodle would drop the grade."""

    @property
    def anything(self) -> bool:
        """Whether anybody gave anything."""
        return self.grade is not None or bool(self.comment or self.comment_shown or self.files)


class Ours(Frozen):
    """What we gave this student last, from our own record."""

    digest: str
    grade: Decimal | None
    changed_at: int | None
    """When Moodle says that it was written; null where we don't know whether it arrived."""
    before: int = 0
    """`changed_at` of what was there before."""


class Step(Frozen):
    """What is to be done for one student, and why."""

    participant: str
    userid: int
    kind: Literal["give", "unchanged", "skip"]
    why: str = ""
    grade: Decimal | None = None
    page: bool = False
    """The page is sent too."""


def read_held(site: Site, assignment: Assignment, userid: int, grade: GradeRow | None = None) -> Held:
    """Read everything about one student; `grade` as listed, for where a workflow hides the feedback."""
    what = "mod_assign_get_submission_status"
    answer = read_as(StatusAnswer, site.read(what, assignid=assignment.info.id, userid=userid), what)
    item = _gradebook_item(site, assignment, userid)
    locked = bool(item and (item.gradeislocked or item.gradeisoverridden))
    if answer.feedback is None:
        shown = grade is None or not assignment.info.markingworkflow
        return Held(
            grade=grade.points if grade else None,
            changed_at=grade.timemodified if grade else 0,
            grader=grade.grader if grade else 0,
            mark=answer.mark,
            shown=shown,
            locked=locked,
        )
    record = answer.feedback.grade or grade
    return Held(
        grade=record.points if record else None,
        changed_at=record.timemodified if record else 0,
        grader=record.grader if record else 0,
        mark=answer.mark,
        comment=item.feedback if item and item.feedback else None,
        comment_shown=answer.feedback.plugin("comments").text,
        files=answer.feedback.plugin("file").files,
        locked=locked,
    )


def _gradebook_item(site: Site, assignment: Assignment, userid: int) -> GradeItem | None:
    if GRADEBOOK not in assignment.functions:
        return None
    answer = site.read(GRADEBOOK, courseid=assignment.course, userid=userid)
    for user in answer.get("usergrades", ()) if isinstance(answer, dict) else ():
        for item in user.get("gradeitems", ()):
            if item.get("cmid") == assignment.info.cmid:
                return read_as(GradeItem, item, GRADEBOOK)
    return None


def same_grade(one: Decimal | None, other: Decimal | None) -> bool:
    """Alike to the decimals that Moodle keeps."""
    if one is None or other is None:
        return one is other
    return one.quantize(PLACES) == other.quantize(PLACES)


def differences(site: Site, wanted: Wanted, held: Held, *, just_given: bool = False) -> list[str]:
    """In what Moodle's state is not what is wanted: `grade`, `comment`, `page`. Reads the page where it could be it.

    Where Moodle shows a comment cleaned and filtered only, one that was just given is right if there is any.
    """
    found = []
    if not same_grade(wanted.grade, held.grade):
        found.append("grade")
    if not held.shown:
        return found
    if not wanted.comment:
        pass
    elif held.comment is not None:
        if held.comment != wanted.comment:
            found.append("comment")
    elif not held.comment_shown or not (just_given or plain_text(held.comment_shown) == plain_text(wanted.comment)):
        found.append("comment")
    if wanted.page is not None and not _has_page(site, wanted, held):
        found.append("page")
    return found


def _has_page(site: Site, wanted: Wanted, held: Held) -> bool:
    page = wanted.page or b""
    there = next((file for file in held.files if (file.filepath, file.filename) == ("/", wanted.page_name)), None)
    if there is None or there.filesize != len(page):
        return False
    target = io.BytesIO()
    site.download(path_on(site, there.fileurl), target, size=there.filesize)
    return target.getvalue() == page


def path_on(site: Site, address: str) -> str:
    """The part of a file's address below the site's own; the token is sent nowhere else."""
    marker = "/webservice/pluginfile.php/"
    _, found, rest = address.partition(marker)
    if not found or "?" in rest:
        raise MoodleSiteError("names a file at an address that is not known", where=site.address)
    return marker + rest


def decide(
    site: Site, wanted: Wanted, held: Held, ours: Ours | None, *, overwrite: Collection[str] = frozenset()
) -> Step:
    """Give, leave as it is, or leave to a person."""

    def step(kind: Literal["give", "unchanged", "skip"], why: str = "", *, page: bool = False) -> Step:
        return Step(
            participant=wanted.participant, userid=wanted.userid, kind=kind, why=why, grade=wanted.grade, page=page
        )

    if ours is not None and ours.digest == wanted.digest and ours.changed_at == held.changed_at:
        return step("unchanged")
    # Sent, and the answer never came: something was written since, so it is most likely ours.
    sent = ours is not None and ours.digest == wanted.digest and ours.changed_at is None
    if wanted.mark and held.mark and wanted.mark != held.mark:
        return step("skip", AGAIN)
    found = differences(site, wanted, held, just_given=sent and ours is not None and held.changed_at != ours.before)
    if not found and held.shown:
        return step("unchanged")
    if held.locked and "grade" in found:
        return step("skip", "the grade is locked or overridden in the gradebook: Moodle would keep the old one")
    mine = ours is not None and (
        held.changed_at in (ours.changed_at, ours.before)
        or (ours.changed_at is None and same_grade(held.grade, ours.grade))
    )
    if held.anything and not mine and not {wanted.participant, "all"} & set(overwrite):
        return step(
            "skip", f"was given {_said(held)} in Moodle by somebody else: --overwrite {wanted.participant} replaces it"
        )
    return step("give", ", ".join(found), page="page" in found or not held.shown)


def _said(held: Held) -> str:
    return "feedback" if held.grade is None else f"{held.grade.normalize():f} points"


def give(
    site: Site, assignment: Assignment, wanted: Wanted, held: Held, *, state: str = "", quiet: bool = False
) -> Held:
    """Give it and read it back; raises MoodleSiteError if Moodle holds anything else afterwards.

    A broken connection is no answer: what is there decides whether it is tried again, so nobody is told twice.
    """
    lost: ConnectionLostError | None = None
    now = held
    for _ in range(TRIES):
        try:
            _save(site, assignment, wanted, now, state)
            lost = None
        except ConnectionLostError as error:
            lost = error
        now = read_held(site, assignment, wanted.userid, _listed_grade(site, assignment, wanted.userid))
        left = differences(site, wanted, now, just_given=now.changed_at != held.changed_at)
        if not left and now.changed_at:
            if quiet:
                site.read(QUIET, assignmentid=assignment.info.id, userflags=[{"userid": wanted.userid, "mailed": 1}])
            return now
        if lost is None:
            raise MoodleSiteError(
                f"said yes, but did not take over the {' and the '.join(left) or 'grade'}",
                where=f"user {wanted.userid}",
            )
    assert lost is not None
    raise lost


def _listed_grade(site: Site, assignment: Assignment, userid: int) -> GradeRow | None:
    """Only where a workflow hides it elsewhere."""
    if not assignment.info.markingworkflow:
        return None
    answer: Any = site.read("mod_assign_get_grades", assignmentids=[assignment.info.id])
    rows = [
        row for one in answer.get("assignments", ()) for row in one.get("grades", ()) if row.get("userid") == userid
    ]
    return read_as(GradeRow, rows[-1], "mod_assign_get_grades") if rows else None


def _save(site: Site, assignment: Assignment, wanted: Wanted, held: Held, state: str) -> None:
    plugins: dict[str, Any] = {}
    if assignment.info.gives("comments"):
        kept = wanted.comment or held.comment or held.comment_shown
        plugins["assignfeedbackcomments_editor"] = {"text": kept, "format": 1}
    if wanted.page is not None and not _has_page(site, wanted, held):
        plugins["files_filemanager"] = _draft(site, wanted, held)
    site.write(
        "mod_assign_save_grade",
        assignmentid=assignment.info.id,
        userid=wanted.userid,
        grade="-1" if wanted.grade is None else format(wanted.grade, "f"),
        attemptnumber=-1,
        addattempt=0,
        workflowstate=state,
        applytoall=0,
        plugindata=plugins,
    )


def _draft(site: Site, wanted: Wanted, held: Held) -> int:
    """A draft area with the page and every file that is there already: saving replaces all files of a student."""
    draft = site.upload(wanted.page_name, wanted.page or b"")
    for file in held.files:
        if (file.filepath, file.filename) == ("/", wanted.page_name):
            continue
        target = io.BytesIO()
        site.download(path_on(site, file.fileurl), target, size=file.filesize)
        site.upload(file.filename, target.getvalue(), folder=file.filepath, draft=draft)
    return draft
