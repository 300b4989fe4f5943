"""An assignment as it stands in Moodle now: its settings, its people with their numbers, who handed in what and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from grader.errors import InputError, MoodleSiteError
from grader.moodlesite.answers import (
    AssignmentInfo,
    CourseModule,
    Due,
    FlagRow,
    GradeRow,
    Group,
    NumberRow,
    Person,
    SiteInfo,
    SubmissionRow,
    read_as,
)
from grader.moodlesite.client import Site

READING = (
    "core_course_get_course_module",
    "mod_assign_get_assignments",
    "mod_assign_list_participants",
    "mod_assign_get_submissions",
    "mod_assign_get_grades",
    "mod_assign_get_user_flags",
    "mod_assign_get_user_mappings",
    "mod_assign_get_participant",
    "mod_assign_get_submission_status",
)
GIVING = ("mod_assign_save_grade",)
GRADEBOOK = "gradereport_user_get_grade_items"
QUIET = "mod_assign_set_user_flags"
GROUPS = "core_group_get_activity_allowed_groups"
MADE_UP = 9_000_000_000
"""Where a site gives no participant number: this plus the user id, which no site has as a participant number."""


@dataclass(frozen=True)
class Assignment:
    """What an assignment is, checked: it can be pulled from and pushed to."""

    site: SiteInfo
    course: int
    info: AssignmentInfo

    @property
    def functions(self) -> frozenset[str]:
        """What the token may call."""
        return frozenset(one.name for one in self.site.functions)


@dataclass(frozen=True)
class Snapshot:
    """Everybody, and what was handed in."""

    assignment: Assignment
    people: tuple[Person, ...]
    submissions: tuple[SubmissionRow, ...]
    """Latest attempts of these people or their teams."""
    numbers: Mapping[int, str]
    """Participant number by user id."""
    made_up: frozenset[str]
    grades: Mapping[int, GradeRow] = field(default_factory=dict)
    flags: Mapping[int, FlagRow] = field(default_factory=dict)
    left_out: int = 0
    """Submissions of people who are no active participants."""


def open_assignment(site: Site, cmid: int, *, giving: bool = False) -> Assignment:
    """Who we are, and the assignment; raises where the site or the assignment can't be used in this way."""
    info = read_as(SiteInfo, site.read("core_webservice_get_site_info"), "core_webservice_get_site_info")
    needed = {*READING, *(GIVING if giving else ())}
    missing = sorted(needed - {one.name for one in info.functions})
    if missing:
        todo = f"ask the administrator to add to the token's service: {', '.join(missing)}"
        raise MoodleSiteError("the token's service lacks functions", where=site.address, todo=todo)
    answer = site.read("core_course_get_course_module", cmid=cmid)
    module = read_as(
        CourseModule, answer["cm"] if isinstance(answer, dict) and "cm" in answer else answer, "the module"
    )
    if module.modname != "assign":
        raise InputError(f"is a {module.modname}, no assignment", where=f"{site.address} id={cmid}")
    method = next((one.method for one in module.advancedgrading if one.method), None)
    if giving and method:
        todo = "set the grading method to 'Simple direct grading', or enter the points by hand"
        raise InputError(
            f"is graded by Moodle's own {method}, which needs its own points", where=f"id={cmid}", todo=todo
        )
    return Assignment(info, module.course, _settings(site, module))


def _settings(site: Site, module: CourseModule) -> AssignmentInfo:
    answer = site.read("mod_assign_get_assignments", courseids=[module.course])
    for course in answer.get("courses", ()) if isinstance(answer, dict) else ():
        for one in course.get("assignments", ()):
            if one.get("id") == module.instance:
                return read_as(AssignmentInfo, one, "mod_assign_get_assignments")
    raise MoodleSiteError("the assignment is not among those of its course", where=f"id={module.id}")


def read_snapshot(site: Site, assignment: Assignment, *, known: Mapping[int, str] | None = None) -> Snapshot:
    """Read all; `known` numbers (of an earlier pull) stay, so that nobody changes under a results folder."""
    number = assignment.info.id
    people = _people(site, assignment)
    numbers, made_up = _numbers(site, assignment, people, known or {})
    rows = _listed(site, "mod_assign_get_submissions", "submissions", number)
    submissions = tuple(read_as(SubmissionRow, row, "mod_assign_get_submissions") for row in rows)
    kept = tuple(_kept(submissions, people, teams=assignment.info.teamsubmission))
    grades = [
        read_as(GradeRow, row, "mod_assign_get_grades")
        for row in _listed(site, "mod_assign_get_grades", "grades", number)
    ]
    flags = [
        read_as(FlagRow, row, "mod_assign_get_user_flags")
        for row in _listed(site, "mod_assign_get_user_flags", "userflags", number)
    ]
    ours = {person.id for person in people}
    return Snapshot(
        assignment=assignment,
        people=people,
        submissions=kept,
        numbers=numbers,
        made_up=made_up,
        grades={row.userid: row for row in grades if row.userid in ours},
        flags={row.userid: row for row in flags},
        left_out=sum(1 for row in submissions if row.userid and row.userid not in ours and row.plugin("file").files),
    )


def _people(site: Site, assignment: Assignment) -> tuple[Person, ...]:
    """Active participants; a tutor in separate groups sees them group by group only."""
    found = _participants(site, assignment.info.id, 0)
    if not found and GROUPS in assignment.functions:
        answer = site.read(GROUPS, cmid=assignment.info.cmid)
        for group in read_as(tuple[Group, ...], answer.get("groups", ()), GROUPS):
            found |= _participants(site, assignment.info.id, group.id)
    return tuple(found.values())


def _participants(site: Site, assignment: int, group: int) -> dict[int, Person]:
    what = "mod_assign_list_participants"
    answer = site.read(what, assignid=assignment, groupid=group, filter="", includeenrolments=False)
    return {person.id: person for person in read_as(tuple[Person, ...], answer, what)}


def _numbers(
    site: Site, assignment: Assignment, people: tuple[Person, ...], known: Mapping[int, str]
) -> tuple[dict[int, str], frozenset[str]]:
    rows = _listed(site, "mod_assign_get_user_mappings", "mappings", assignment.info.id, optional=True)
    mapped = {
        row.userid: str(row.id) for row in (read_as(NumberRow, one, "mod_assign_get_user_mappings") for one in rows)
    }
    numbers = {}
    for person in people:
        own = str(person.recordid) if person.recordid > 0 else mapped.get(person.id)
        numbers[person.id] = known.get(person.id) or own or str(MADE_UP + person.id)
    return numbers, frozenset(number for number in numbers.values() if int(number) > MADE_UP)


def _kept(submissions: tuple[SubmissionRow, ...], people: tuple[Person, ...], *, teams: bool) -> list[SubmissionRow]:
    """Rows of teams (the members' own are shadows without files), or of active participants."""
    if teams:
        groups = {person.groupid for person in people}
        return [row for row in submissions if row.userid == 0 and row.groupid in groups]
    ours = {person.id for person in people}
    return [row for row in submissions if row.userid in ours]


def _listed(site: Site, function: str, key: str, assignment: int, *, optional: bool = False) -> list[object]:
    """Rows of a function that takes assignments; warning 1 is a refusal that comes as success."""
    answer = site.read(function, assignmentids=[assignment])
    if not isinstance(answer, dict):
        raise MoodleSiteError(f"answered {function} with something else than expected")
    refused = [one for one in answer.get("warnings", ()) if str(one.get("warningcode")) == "1"]
    if refused and not optional:
        todo = "the token's owner must be a teacher of this course"
        raise MoodleSiteError(f"Moodle refuses {function}: {refused[0].get('message')}", todo=todo, code="nopermission")
    return [row for one in answer.get("assignments", ()) if one.get("assignmentid") == assignment for row in one[key]]


@dataclass(frozen=True)
class DueDates:
    """When something was due, in seconds since 1970; 0 for never."""

    own: int
    """By the assignment, or by an override for this student or group."""
    extension: int = 0

    @property
    def in_force(self) -> int:
        """An extension only ever gives more time."""
        return max(self.own, self.extension) if self.own else 0


def due_of(site: Site, snapshot: Snapshot, row: SubmissionRow) -> DueDates:
    """The dates of one submission; of a team those of one member."""
    userid = row.userid or next((person.id for person in snapshot.people if person.groupid == row.groupid), 0)
    what = "mod_assign_get_participant"
    own = snapshot.assignment.info.duedate
    if userid:
        number = snapshot.assignment.info.id
        answer = site.read(what, assignid=number, userid=userid, embeduser=False)
        own = read_as(Due, answer, what).duedate or 0
    extended = snapshot.flags[userid].extensionduedate if userid in snapshot.flags else 0
    return DueDates(own, extended)
