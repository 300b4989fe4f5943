"""Pull, grade, release, push against a Moodle that keeps state and behaves as the real one was seen to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from grader.errors import ConnectionLostError, InputError, MoodleSiteError, WorkspaceError
from grader.intake.export import Export, open_export
from grader.model.gradebook import Gradebook, GradebookRow, OwnGrade
from grader.moodlesite import client
from grader.moodlesite.client import Place, Site
from grader.pipeline.moodle_pull import pull
from grader.pipeline.moodle_push import PushOptions, PushReport, push
from grader.pipeline.released import keep_gradebook, newest_release
from grader.workspace import Workspace
from tests.builders_intake import notebook
from tests.fakes_moodle import TOKEN, FakeMoodle, Stored, Student, serving

DO = PushOptions(apply=True)


def student(userid: int, **more: object) -> Student:
    files = [Stored("homework.ipynb", notebook(f"x = {userid}", ran=True))]
    given: dict[str, object] = {"files": files, "email": f"s{userid}@example.org", **more}
    return Student(userid, str(given.pop("name", f"Ann {userid}")), 40 + userid, **given)  # type: ignore[arg-type]


class Class:
    """A site with its class, the folder pulled into and the results folder."""

    def __init__(self, site: FakeMoodle, folder: Path) -> None:
        self.site, self.pulled, self.results = site, folder / "pulled", folder / "results"

    def open(self) -> Site:
        return Site(self.site.address, SecretStr(TOKEN))

    def pull(self) -> Export:
        with self.open() as site:
            pull(site, Place(self.site.address, 1), self.pulled)
        return open_export(self.pulled / "export.zip", worksheet=self.pulled / "worksheet.csv")

    def release(self, number: int = 1, maximum: int = 100, **grades: object) -> None:
        """Results and a release as the verbs leave them: grade, comment and page by participant (`n44=85`)."""
        batch = open_export(self.pulled / "export.zip", worksheet=self.pulled / "worksheet.csv").batch
        rows = [
            {"participant": {"id": one.participant.id}, "submission": {"sha256": one.sha256}}
            for one in batch.submissions
        ]
        wanted = {name.removeprefix("n"): grade for name, grade in grades.items()}
        members = {one.participant.id: one.participant.members for one in batch.submissions}
        book = Gradebook(
            maximum=Decimal(maximum),
            rows=tuple(
                GradebookRow(
                    participant_id=name,
                    grade=None if grade is None else Decimal(str(grade)),
                    comment_html=f"<p>{grade} points\\, well <b>done</b></p><script>x</script>",
                    page=f"<!DOCTYPE html><p>page of {name}: {grade}".encode(),
                    members=members[name],
                )
                for name, grade in wanted.items()
            ),
        )
        with Workspace(self.results) as workspace:
            workspace.write_json("results.json", rows)
            keep_gradebook(workspace, number, book)

    def push(self, options: PushOptions = DO) -> PushReport:
        return push(self.results, self.pulled, SecretStr(TOKEN), options)

    def saves(self) -> int:
        return self.site.calls.count("mod_assign_save_grade")

    def state(self) -> dict[int, tuple[object, ...]]:
        return {
            one.userid: (one.grade, one.comment, [(file.folder, file.name, file.data) for file in one.feedback])
            for one in self.site.students.values()
        }


def kinds(report: PushReport) -> list[tuple[str, str]]:
    return [(step.participant, step.kind) for step in report.steps]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSES", (0.0,))


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Class]:
    people = [student(number) for number in range(4, 10)]
    people.append(student(10, name="Nora Nothing", files=[], status="new"))
    with serving(site := FakeMoodle(people)):
        yield Class(site, tmp_path)


@pytest.fixture
def released(plain: Class) -> Class:
    plain.pull()
    plain.release(n44=85.5, n45=70, n46=0, n47=100, n48=61.25)
    return plain


def test_what_is_released_arrives_and_nobody_else_is_touched(released: Class) -> None:
    report = released.push()
    assert kinds(report) == [(number, "give") for number in ("44", "45", "46", "47", "48")]
    after = released.state()
    for userid, grade in ((4, "85.5"), (5, "70"), (6, "0"), (7, "100"), (8, "61.25")):
        held, comment, files = after[userid]
        assert held == Decimal(grade)
        assert comment == f"<p>{grade} points\\, well <b>done</b></p><script>x</script>"
        assert files == [("/", "feedback.html", f"<!DOCTYPE html><p>page of {40 + userid}: {grade}".encode())]
    assert after[9] == after[10] == (None, None, [])


def test_nothing_is_changed_before_yes_is_said(released: Class) -> None:
    report = released.push(PushOptions())
    assert [kind for _, kind in kinds(report)] == ["give"] * 5
    assert not report.applied
    assert {"mod_assign_save_grade", "upload", "mod_assign_set_user_flags"} & set(released.site.calls) == set()


def test_a_second_push_changes_nothing_and_tells_nobody(released: Class) -> None:
    released.push()
    released.site.cron()
    before, records = released.state(), [one.record for one in released.site.students.values()]
    saves = released.saves()
    assert {kind for _, kind in kinds(released.push())} == {"unchanged"}
    released.site.cron()
    assert (released.state(), [one.record for one in released.site.students.values()]) == (before, records)
    assert released.saves() == saves
    assert [one.told for one in released.site.students.values()] == [1, 1, 1, 1, 1, 0, 0]


def test_a_second_push_changes_nothing_even_without_our_own_record_of_the_first(released: Class) -> None:
    released.push()
    for journal in (released.results / "moodle").glob("given-*.jsonl"):
        journal.unlink()
    saves = released.saves()
    assert {kind for _, kind in kinds(released.push())} == {"unchanged"}
    assert released.saves() == saves


def test_a_new_release_touches_and_tells_only_whom_it_changes(released: Class) -> None:
    released.push()
    released.site.cron()
    released.release(2, n44=85.5, n45=75, n46=0, n47=100, n48=61.25)
    report = released.push()
    released.site.cron()
    assert [number for number, kind in kinds(report) if kind == "give"] == ["45"]
    assert released.site.students[5].grade == 75
    assert [one.told for one in released.site.students.values()] == [1, 2, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("function", ["mod_assign_save_grade", "upload", "mod_assign_get_submission_status"])
def test_a_connection_that_breaks_once_is_mended_by_reading_back(released: Class, function: str, when: str) -> None:
    released.site.faults[function] = {3: when}
    report = released.push()
    assert {kind for _, kind in kinds(report)} == {"give"}
    released.site.cron()
    assert [one.told for one in released.site.students.values()] == [1, 1, 1, 1, 1, 0, 0]
    assert [released.site.students[number].grade for number in (4, 5, 6, 7, 8)] == [
        Decimal(text) for text in ("85.5", "70", "0", "100", "61.25")
    ]
    if function == "mod_assign_save_grade":
        assert released.saves() == (5 if when == "after" else 6)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [1, 3, 5])
def test_a_push_that_broke_off_goes_on_and_gives_each_once(released: Class, when: str, call: int) -> None:
    released.site.faults["mod_assign_save_grade"] = {call: f"{when}, for good"}
    with pytest.raises(ConnectionLostError):
        released.push()
    released.site.dead = False
    released.site.cron()
    report = released.push()
    released.site.cron()
    given = [number for number, kind in kinds(report) if kind == "give"]
    assert len(given) == 5 - call + (1 if when == "before" else 0)
    assert [one.told for one in released.site.students.values()] == [1, 1, 1, 1, 1, 0, 0]
    assert {kind for _, kind in kinds(released.push())} == {"unchanged"}


def test_a_pull_that_broke_off_fetches_only_what_is_missing(plain: Class) -> None:
    plain.site.faults["download"] = {4: "after, for good"}
    with pytest.raises(ConnectionLostError):
        plain.pull()
    plain.site.dead = False
    assert not (plain.pulled / "export.zip").exists()
    done = plain.site.calls.count("download")
    assert len(plain.pull().batch.submissions) == 7
    assert plain.site.calls.count("download") - done == 6 - 3
    assert not (plain.pulled / ".coming").exists()


def test_a_grade_given_by_hand_stays_until_it_is_named(released: Class) -> None:
    released.site.by_hand(5, 99)
    report = released.push()
    assert dict(kinds(report))["45"] == "skip"
    assert "somebody else" in next(step.why for step in report.steps if step.participant == "45")
    assert released.site.students[5].grade == 99
    assert report.needs_person
    report = released.push(PushOptions(apply=True, overwrite=("45",)))
    assert released.site.students[5].grade == 70
    assert dict(kinds(report))["45"] == "give"


def test_a_grade_changed_by_hand_after_our_push_stays(released: Class) -> None:
    released.push()
    released.site.by_hand(4, 86, released.site.students[4].comment or "")
    released.release(2, n44=90, n45=70, n46=0, n47=100, n48=61.25)
    assert dict(kinds(released.push()))["44"] == "skip"
    assert released.site.students[4].grade == 86


def test_feedback_files_put_there_by_hand_are_kept(released: Class) -> None:
    mine = Stored("notes.pdf", b"%PDF", "/sub/")
    released.site.students[4].feedback.append(mine)
    released.site.students[4].record = 4000
    released.push(PushOptions(apply=True, overwrite=("all",)))
    assert sorted((one.folder, one.name) for one in released.site.students[4].feedback) == [
        ("/", "feedback.html"), ("/sub/", "notes.pdf")
    ]  # fmt: skip


def test_a_locked_grade_is_left_to_a_person(released: Class) -> None:
    released.site.students[4].locked = True
    report = released.push()
    assert dict(kinds(report))["44"] == "skip"
    assert released.state()[4] == (None, None, [])


def test_success_is_not_believed_where_the_grade_was_not_taken(
    released: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FakeMoodle.mod_assign_save_grade

    def deaf(self: FakeMoodle, given: dict[str, str]) -> object:
        return None if given["userid"] == "6" else real(self, given)

    monkeypatch.setattr(FakeMoodle, "mod_assign_save_grade", deaf)
    report = released.push()
    assert dict(kinds(report))["46"] == "skip"
    assert "did not take over the grade" in next(step.why for step in report.steps if step.participant == "46")
    assert [kind for _, kind in kinds(report)].count("give") == 4


@pytest.mark.parametrize("plugin", ["comments", "files"])
def test_feedback_that_moodle_would_drop_silently_is_refused_first(released: Class, plugin: str) -> None:
    setattr(released.site, f"{plugin}_on", False)
    with pytest.raises(InputError, match="is off"):
        released.push()
    assert released.saves() == 0
    part = "comments" if plugin == "comments" else "pages"
    report = released.push(PushOptions(apply=True, leave_out=(part,)))
    assert {kind for _, kind in kinds(report)} == {"give"}
    assert released.site.students[4].grade == Decimal("85.5")


def test_who_handed_in_again_is_not_given_the_old_grade(released: Class) -> None:
    released.site.students[4].files = [Stored("homework.ipynb", b"{}", changed=3000)]
    released.site.students[4].modified = 3000
    report = released.push()
    assert dict(kinds(report))["44"] == "skip"
    assert "handed in again" in report.steps[0].why
    released.pull()
    assert "not what was pulled last" in released.push().steps[0].why
    assert released.site.students[4].grade is None


def test_who_hands_in_while_the_push_runs_is_not_given_the_old_grade(
    released: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FakeMoodle.mod_assign_save_grade

    def save(self: FakeMoodle, given: dict[str, str]) -> object:
        self.students[8].modified = 4000
        return real(self, given)

    monkeypatch.setattr(FakeMoodle, "mod_assign_save_grade", save)
    report = released.push()
    assert dict(kinds(report)) == {"44": "give", "45": "give", "46": "give", "47": "give", "48": "skip"}
    assert released.site.students[8].grade is None


def test_penalties_of_moodles_own_are_pointed_out(released: Class) -> None:
    assert released.push(PushOptions()).notes == ()
    released.site.settings["gradepenalty"] = 1
    assert "twice" in released.push(PushOptions()).notes[0]


def test_who_left_the_course_is_not_given_anything(released: Class) -> None:
    del released.site.students[4]
    report = released.push()
    assert dict(kinds(report))["44"] == "skip"
    assert released.saves() == 4


def test_grades_are_scaled_to_the_assignments_maximum(tmp_path: Path) -> None:
    with serving(site := FakeMoodle([student(4), student(5)], grade=20)):
        found = Class(site, tmp_path)
        found.pull()
        found.release(n44=85.5, n45=33.33)
        found.push()
        assert [one.grade for one in site.students.values()] == [Decimal("17.1"), Decimal("6.67")]


def test_a_scale_is_refused(tmp_path: Path) -> None:
    with serving(site := FakeMoodle([student(4)], grade=-3)):
        found = Class(site, tmp_path)
        found.pull()
        found.release(n44=85)
        with pytest.raises(InputError, match="no maximum grade"):
            found.push()


def test_no_grade_but_a_comment_and_a_page(released: Class) -> None:
    released.release(2, n44=None)
    released.push()
    held = released.site.students[4]
    assert (held.grade, held.comment is not None, len(held.feedback)) == (None, True, 1)
    assert kinds(released.push()) == [("44", "unchanged")]


def test_quiet_keeps_moodle_from_telling(released: Class) -> None:
    released.push(PushOptions(apply=True, quiet=True))
    released.site.cron()
    assert {one.told for one in released.site.students.values()} == {0}


def test_blind_marking_goes_there_and_back_without_a_name(tmp_path: Path) -> None:
    with serving(site := FakeMoodle([student(4), student(5)], blindmarking=1)):
        found = Class(site, tmp_path)
        export = found.pull()
        assert export.batch.blind
        assert [one.participant.name for one in export.batch.submissions] == [None, None]
        assert b"Ann" not in b"".join(path.read_bytes() for path in found.pulled.iterdir() if path.is_file())
        found.release(n44=85)
        found.push()
        assert (site.students[4].grade, site.students[5].grade) == (85, None)
        saves = found.saves()
        assert kinds(found.push()) == [("44", "unchanged")]
        assert found.saves() == saves


def test_a_push_that_broke_off_while_marking_is_blind_is_known_for_ours(tmp_path: Path) -> None:
    """Moodle shows the comment cleaned only, so it can't be compared: what we wrote down before decides."""
    with serving(site := FakeMoodle([student(4), student(5)], blindmarking=1)):
        found = Class(site, tmp_path)
        found.pull()
        found.release(n44=85, n45=70)
        site.faults["mod_assign_save_grade"] = {1: "after, for good"}
        with pytest.raises(ConnectionLostError):
            found.push()
        site.dead = False
        site.cron()
        assert kinds(found.push()) == [("44", "unchanged"), ("45", "give")]
        site.cron()
        assert [one.told for one in site.students.values()] == [1, 1]


def test_a_marking_workflow_keeps_its_state(tmp_path: Path) -> None:
    people = [student(4, workflow="inmarking"), student(5, workflow="released")]
    with serving(site := FakeMoodle(people, markingworkflow=1)):
        found = Class(site, tmp_path)
        found.pull()
        found.release(n44=85, n45=60)
        assert {kind for _, kind in kinds(found.push())} == {"give"}
        assert [one.workflow for one in site.students.values()] == ["inmarking", "released"]
        assert {kind for _, kind in kinds(found.push())} == {"unchanged"}
        report = found.push(PushOptions(apply=True, workflow="released"))
        assert [kind for _, kind in kinds(report)] == ["give", "unchanged"]
        assert [one.workflow for one in site.students.values()] == ["released", "released"]
        assert {kind for _, kind in kinds(found.push())} == {"unchanged"}


def team_class(tmp_path: Path) -> FakeMoodle:
    names = {4: (1, "Team_Alpha"), 5: (1, "Team_Alpha"), 6: (3, "Team Alpha"), 7: (0, "")}
    people = [
        student(userid, files=[], status="draft", group=group, group_name=name)
        for userid, (group, name) in names.items()
    ]
    site = FakeMoodle(people, teamsubmission=1)
    site.team_files = {group: [Stored("project.ipynb", notebook(f"team = {group}"))] for group in (0, 1, 3)}
    return site


def test_each_member_of_a_team_gets_its_grade_and_teams_of_one_name_are_told_apart(tmp_path: Path) -> None:
    with serving(site := team_class(tmp_path)):
        found = Class(site, tmp_path)
        export = found.pull()
        assert {one.participant.id: one.participant.members for one in export.batch.submissions} == {
            "g0": ("47",), "g1": ("44", "45"), "g3": ("46",)
        }  # fmt: skip
        found.release(g0=50, g1=80, g3=90)
        report = found.push()
        assert [(step.userid, step.kind) for step in report.steps] == [
            (7, "give"),
            (4, "give"),
            (5, "give"),
            (6, "give"),
        ]
        assert [one.grade for one in site.students.values()] == [80, 80, 90, 50]
        assert {kind for _, kind in kinds(found.push())} == {"unchanged"}
        site.students[5].group = 3
        found.release(2, g1=81)
        assert "members changed" in found.push().steps[0].why


def test_a_member_with_a_grade_of_their_own_gets_that(tmp_path: Path) -> None:
    with serving(site := team_class(tmp_path)):
        found = Class(site, tmp_path)
        found.pull()
        found.release(g1=80)
        with Workspace(found.results) as workspace:
            number, book = newest_release(workspace)
            own = {"45": OwnGrade(grade=Decimal(70), comment_html="<p>70, did less</p>")}
            rows = tuple(row.model_copy(update={"own": own}) for row in book.rows)
            keep_gradebook(workspace, number + 1, book.model_copy(update={"rows": rows}))
        assert {kind for _, kind in kinds(found.push())} == {"give"}
        assert [(one.grade, one.comment) for one in site.students.values()][:2] == [
            (80, "<p>80 points\\, well <b>done</b></p><script>x</script>"), (70, "<p>70, did less</p>")
        ]  # fmt: skip
        assert {kind for _, kind in kinds(found.push())} == {"unchanged"}


def test_people_without_a_number_get_one_that_no_upload_by_hand_could_hit(plain: Class) -> None:
    plain.site.numbered = False
    export = plain.pull()
    numbers = [one.participant.id for one in export.batch.submissions]
    assert numbers == [str(9_000_000_000 + userid) for userid in range(4, 11)]
    plain.site.numbered = True
    assert [one.participant.id for one in plain.pull().batch.submissions] == numbers
    plain.release(n9000000004=77)
    plain.push()
    assert plain.site.students[4].grade == 77


def test_dates_attempts_and_texts_are_pulled(tmp_path: Path) -> None:
    people = [
        student(4, modified=5000),
        student(5, modified=5000, extension=6000),
        student(6, modified=9000, due=8000),
        student(7, status="draft"),
        student(8, files=[], text="<p>my <b>essay</b></p>"),
        student(9, files=[], status="reopened", attempt=1),
    ]
    with serving(site := FakeMoodle(people, duedate=4000)):
        found = Class(site, tmp_path)
        rows = {one.participant.id: one for one in found.pull().batch.submissions}
        assert (rows["44"].due_text, rows["46"].due_text) == ("@4000", "@8000")
        assert rows["44"].submitted_text == "@5000"
        late = {number: rows[number].late_seconds for number in ("44", "45", "46")}
        assert late == {"44": 1000, "45": 0, "46": 1000}
        assert (rows["47"].draft, rows["48"].files[0].plugin, rows["49"].status) == (True, "onlinetext", "none")


def test_a_wrong_token_is_refused_and_is_in_no_message_and_no_file(plain: Class) -> None:
    with pytest.raises(MoodleSiteError, match="token") as caught, Site(plain.site.address, SecretStr("f" * 32)) as site:
        pull(site, Place(plain.site.address, 1), plain.pulled)
    assert "f" * 32 not in caught.value.text()
    plain.pull()
    plain.release(n44=1)
    plain.push()
    files = [path for root in (plain.pulled, plain.results) for path in root.rglob("*") if path.is_file()]
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []
    assert all(TOKEN not in path for path, _ in plain.site.forms)


def test_functions_that_the_service_lacks_are_named_first(plain: Class) -> None:
    plain.pull()
    plain.release(n44=1)
    plain.site.missing = {"mod_assign_save_grade"}
    with pytest.raises(MoodleSiteError, match="mod_assign_save_grade"):
        plain.push()


def test_a_folder_holds_one_assignment_only(plain: Class) -> None:
    plain.pull()
    with plain.open() as site, pytest.raises(WorkspaceError, match="another assignment"):
        pull(site, Place(plain.site.address, 2), plain.pulled)


def test_results_of_another_class_are_not_given(released: Class, tmp_path: Path) -> None:
    path = released.results / "results.json"
    rows = json.loads(path.read_text("utf-8"))
    rows[0]["submission"]["sha256"] = "0" * 64
    path.write_text(json.dumps(rows))
    assert dict(kinds(released.push()))["44"] == "skip"


def test_a_page_changed_after_the_release_stops_the_push(released: Class) -> None:
    (released.results / "releases" / "1" / "pages" / "44.html").write_text("other")
    with pytest.raises(WorkspaceError, match="changed"):
        released.push()


def test_a_journal_line_cut_off_by_a_crash_costs_nothing(released: Class) -> None:
    released.push()
    journal = next((released.results / "moodle").glob("given-*.jsonl"))
    whole = journal.read_bytes()
    journal.write_bytes(whole[: len(whole) - 20])
    assert {kind for _, kind in kinds(released.push())} == {"unchanged"}
    assert {kind for _, kind in kinds(released.push())} == {"unchanged"}


def test_folders_are_for_the_owner_only(released: Class) -> None:
    released.push()
    assert [oct(path.stat().st_mode & 0o777) for path in (released.pulled, released.results)] == ["0o700", "0o700"]
    assert oct((released.pulled / "export.zip").stat().st_mode & 0o777) == "0o600"
    assert os.access(released.pulled / "worksheet.csv", os.R_OK)
