"""What Moodle's functions answer, as far as it is used here. Foreign data: wrong shapes are an error, unknown fields are nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from grader.errors import MoodleSiteError
from grader.model.base import Frozen

T = TypeVar("T")
Mark = tuple[int, int, int]
"""Of an attempt: its id, its number, when it was changed last."""


class FunctionName(Frozen):
    """One function of the token's service."""

    name: str


class SiteInfo(Frozen):
    """`core_webservice_get_site_info`; it also holds a secret key, which is left out."""

    userid: int
    siteurl: str
    release: str = ""
    functions: tuple[FunctionName, ...]
    usermaxuploadfilesize: int = 0


class AdvancedGrading(Frozen):
    """Rubric or marking guide, where one is in force."""

    method: str | None = None


class CourseModule(Frozen):
    """`core_course_get_course_module`."""

    id: int
    course: int
    modname: str
    instance: int
    advancedgrading: tuple[AdvancedGrading, ...] = ()


class PluginSetting(Frozen):
    """One setting of a plugin that is on; plugins that are off have none."""

    plugin: str
    subtype: str
    name: str
    value: str


class AssignmentInfo(Frozen):
    """One assignment of `mod_assign_get_assignments`."""

    id: int
    cmid: int
    name: str
    grade: int
    """Maximum grade; negative: minus the number of a scale; 0: not graded."""
    duedate: int = 0
    teamsubmission: bool = False
    blindmarking: bool = False
    revealidentities: bool = False
    markingworkflow: bool = False
    gradepenalty: bool = False
    """Moodle itself deducts points for lateness."""
    configs: tuple[PluginSetting, ...] = ()

    def gives(self, plugin: str) -> bool:
        """Whether this kind of feedback (`comments`, `file`) is switched on."""
        wanted = ("assignfeedback", plugin, "enabled", "1")
        return any((one.subtype, one.plugin, one.name, one.value) == wanted for one in self.configs)

    @property
    def blind(self) -> bool:
        """Marking is blind, and identities were not revealed yet."""
        return self.blindmarking and not self.revealidentities


class Person(Frozen):
    """One of `mod_assign_list_participants`."""

    id: int
    """The user id, also while marking is blind."""
    fullname: str = ""
    email: str | None = None
    idnumber: str | None = None
    recordid: int = -1
    """The participant number while marking is blind, else -1."""
    groupid: int = 0
    groupname: str = ""


class FileInfo(Frozen):
    """A file that lies in Moodle."""

    filename: str
    filepath: str
    filesize: int
    fileurl: str
    timemodified: int = 0


class FileArea(Frozen):
    """Files of one plugin."""

    area: str = ""
    files: tuple[FileInfo, ...] = ()


class EditorField(Frozen):
    """A text of one plugin."""

    name: str
    text: str = ""


class Plugin(Frozen):
    """What one plugin holds of a submission or of feedback."""

    type: str
    fileareas: tuple[FileArea, ...] = ()
    editorfields: tuple[EditorField, ...] = ()

    @property
    def files(self) -> tuple[FileInfo, ...]:
        """All its files."""
        return tuple(file for area in self.fileareas for file in area.files)

    @property
    def text(self) -> str:
        """Its texts."""
        return "\n".join(field.text for field in self.editorfields if field.text)


class SubmissionRow(Frozen):
    """One of `mod_assign_get_submissions`: the latest attempt of a student or team."""

    id: int
    userid: int
    groupid: int = 0
    status: str
    attemptnumber: int
    timemodified: int
    plugins: tuple[Plugin, ...] = ()

    @property
    def mark(self) -> Mark:
        """Changes when somebody hands in again."""
        return self.id, self.attemptnumber, self.timemodified

    def plugin(self, kind: str) -> Plugin:
        """That plugin, or an empty one."""
        return next((one for one in self.plugins if one.type == kind), Plugin(type=kind))


class GradeRow(Frozen):
    """One of `mod_assign_get_grades`: the grade of the latest attempt."""

    userid: int
    attemptnumber: int = 0
    grade: Decimal
    """Below zero: a record without a grade."""
    timemodified: int = 0
    grader: int = 0

    @property
    def points(self) -> Decimal | None:
        """The grade, where there is one."""
        return self.grade if self.grade >= 0 else None


class FlagRow(Frozen):
    """One of `mod_assign_get_user_flags`."""

    userid: int
    extensionduedate: int = 0
    workflowstate: str = ""


class NumberRow(Frozen):
    """Participant number and user id."""

    id: int
    userid: int


class Feedback(Frozen):
    """`feedback` of `mod_assign_get_submission_status`."""

    grade: GradeRow | None = None
    plugins: tuple[Plugin, ...] = ()

    def plugin(self, kind: str) -> Plugin:
        """That plugin, or an empty one."""
        return next((one for one in self.plugins if one.type == kind), Plugin(type=kind))


class LastAttempt(Frozen):
    """`lastattempt` of `mod_assign_get_submission_status`."""

    submission: SubmissionRow | None = None
    teamsubmission: SubmissionRow | None = None


class StatusAnswer(Frozen):
    """`mod_assign_get_submission_status`."""

    feedback: Feedback | None = None
    lastattempt: LastAttempt = LastAttempt()

    @property
    def mark(self) -> Mark | None:
        """Which attempt is the latest now: the team's, where there is one."""
        last = self.lastattempt.teamsubmission or self.lastattempt.submission
        return last.mark if last else None


class GradeItem(Frozen):
    """One line of a student's gradebook."""

    cmid: int | None = None
    feedback: str | None = None
    gradeislocked: bool | None = None
    gradeisoverridden: bool | None = None


class Due(Frozen):
    """`mod_assign_get_participant`, as far as it is about dates."""

    duedate: int | None = None


class Group(Frozen):
    """A group that the token's owner may see."""

    id: int
    name: str = ""


def read_as(kind: type[T], answer: Any, what: str) -> T:
    """The answer in this shape; raises MoodleSiteError if it has another."""
    try:
        return TypeAdapter(kind).validate_python(answer)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise MoodleSiteError(f"answered {what} in a shape that is not known ({place}: {first['msg']})") from None
