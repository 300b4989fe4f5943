"""Against exchanges recorded from a real Moodle 5.1, served on this machine."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from pydantic import SecretStr

from grader.errors import ConnectionLostError, InputError, MoodleSiteError
from grader.intake.export import open_export
from grader.moodlesite.client import Place, Site, flattened, new_token, place_of
from grader.moodlesite.giving import Wanted, differences, read_held
from grader.moodlesite.reading import open_assignment, read_snapshot
from grader.pipeline.moodle_pull import pull
from tests.fakes_moodle import RECORDED, Replay, serving

REST = "/webservice/rest/server.php"
MAIN = RECORDED.parent


def params(function: str, **given: str) -> list[tuple[str, str]]:
    return [("wsfunction", function), ("moodlewsrestformat", "json"), *given.items()]


def recorded_site(*more: str) -> Replay:
    """The main assignment as it was before anything was graded."""
    site = Replay("02-site", "03-participants", "04-submissions", "05b-downloads-main", *more)
    numbers = seed_numbers()
    site.add(REST, params("mod_assign_get_user_mappings", **{"assignmentids[0]": "1"}),
             {"assignments": [{"assignmentid": 1, "mappings": numbers}], "warnings": []})  # fmt: skip
    empty = {
        "assignments": [],
        "warnings": [{"item": "assignment", "itemid": 1, "warningcode": "3", "message": "none"}],
    }
    site.add(REST, params("mod_assign_get_grades", **{"assignmentids[0]": "1"}), empty)
    for row in numbers:
        due = {"id": row["userid"], "duedate": 1795158310}
        given = {"assignid": "1", "userid": str(row["userid"]), "embeduser": "0"}
        site.add(REST, params("mod_assign_get_participant", **given), due)
    return site


def seed_numbers() -> list[dict[str, int]]:
    """Participant numbers of the main assignment, from the worksheet of the same seeded course."""
    people = json.loads((RECORDED / "03-participants.json").read_text("utf-8"))[0]["response"]["json"]
    by_mail = {person["email"]: person["id"] for person in people}
    batch = open_export(MAIN / "main-folders.zip", worksheet=MAIN / "main-worksheet.csv").batch
    return [
        {"id": int(one.participant.id), "userid": by_mail[one.participant.email]}
        for one in batch.submissions
        if one.participant.email in by_mail
    ]


def site_at(address: str, token: str = "TOKEN") -> Site:
    return Site(address, SecretStr(token), pauses=())


def test_what_is_pulled_is_what_moodle_itself_exports(tmp_path: Path) -> None:
    with serving(recorded_site()) as address, site_at(address) as site:
        done = pull(site, Place(address, 1), tmp_path / "pulled")
    ours = open_export(tmp_path / "pulled" / "export.zip", worksheet=tmp_path / "pulled" / "worksheet.csv")
    theirs = open_export(MAIN / "main-folders.zip", worksheet=MAIN / "main-worksheet.csv")

    def told(export: object) -> dict[str, object]:
        return {
            one.participant.id: (one.participant.name, one.participant.email, one.status, one.draft, one.sha256,
                                 one.maximum_grade, one.extension is not None)
            for one in export.batch.submissions  # type: ignore[attr-defined]
        }  # fmt: skip

    assert told(ours) == told(theirs)
    assert (done.people, done.submissions, done.fetched) == (len(theirs.batch.submissions), 24, 28)
    late = {one.participant.id: one.late_seconds for one in theirs.batch.submissions if one.late_seconds}
    exact = {one.participant.id: one.late_seconds for one in ours.batch.submissions if one.late_seconds}
    assert late.keys() == exact.keys()
    assert all(0 <= exact[number] - late[number] < 3600 for number in late)


def test_a_second_pull_fetches_nothing_again(tmp_path: Path) -> None:
    with serving(recorded_site()) as address, site_at(address) as site:
        pull(site, Place(address, 1), tmp_path)
        first = (tmp_path / "export.zip").read_bytes()
        again = pull(site, Place(address, 1), tmp_path)
    assert (again.fetched, again.kept) == (0, 28)
    assert (tmp_path / "export.zip").read_bytes() == first
    assert not (tmp_path / ".coming").exists()


@pytest.mark.parametrize("number", range(10))
def test_every_recorded_refusal_is_an_error_with_moodles_word(number: int) -> None:
    recorded = json.loads((RECORDED / "06-errors.json").read_text("utf-8"))[number]
    answer = recorded["response"]
    site = Replay()
    site.add(REST, params("core_webservice_get_site_info"), None)
    for left in site._left.values():
        left[:] = [answer]
    with serving(site) as address, site_at(address) as open_site, pytest.raises(MoodleSiteError) as caught:
        open_site.read("core_webservice_get_site_info")
    assert caught.value.code == (answer["json"]["errorcode"] if "json" in answer else "")


@pytest.mark.parametrize(
    ("number", "code"),
    [(0, "enablewsdescription"), (5, "cannotcreatetoken"), (8, "servicenotavailable"), (10, "invalidlogin")],
)
def test_a_token_that_is_not_given_says_why(number: int, code: str) -> None:
    recorded = json.loads((RECORDED / "01-token.json").read_text("utf-8"))[number]
    site = Replay()
    site.add("/login/token.php", recorded["request"]["params"], recorded["response"]["json"])
    with serving(site) as address, pytest.raises(MoodleSiteError) as caught:
        given = dict(recorded["request"]["params"])
        new_token(address, given["username"], SecretStr(given["password"]), service=given["service"])
    assert caught.value.code == code


def test_a_token_is_given_for_a_password() -> None:
    recorded = json.loads((RECORDED / "01-token.json").read_text("utf-8"))[12]
    site = Replay()
    site.add("/login/token.php", recorded["request"]["params"], recorded["response"]["json"])
    with serving(site) as address:
        assert new_token(address, "teacher", SecretStr("teacher")).get_secret_value() == "TOKEN"


def test_web_services_that_are_off_are_named() -> None:
    site = Replay()
    site.add(REST, params("core_webservice_get_site_info"), None)
    for left in site._left.values():
        left[:] = [{"status": 403, "text": ""}]
    with serving(site) as address, site_at(address) as open_site, pytest.raises(MoodleSiteError, match="switched off"):
        open_site.read("core_webservice_get_site_info")


@pytest.mark.parametrize("number", [4, 5, 7])
def test_an_error_in_the_place_of_a_file_is_never_taken_for_the_file(number: int) -> None:
    recorded = json.loads((RECORDED / "05-files.json").read_text("utf-8"))[number]
    body = json.dumps(recorded["response"]["json"])
    site = Replay()
    site.add("/webservice/pluginfile.php/x", [], None)
    for left in site._left.values():
        left[:] = [{**recorded["response"], "text": body, "headers": {}}]
    with serving(site) as address, site_at(address) as open_site, pytest.raises(MoodleSiteError) as caught:
        open_site.download("/webservice/pluginfile.php/x", io.BytesIO(), size=1060)
    assert not isinstance(caught.value, ConnectionLostError)


@pytest.mark.parametrize("number", [1, 5, 6, 8, 9, 11])
def test_an_upload_that_failed_with_http_200_is_an_error(number: int) -> None:
    recorded = json.loads((RECORDED / "07-upload.json").read_text("utf-8"))[number]
    site = Replay()
    site.add("/webservice/upload.php", [("itemid", "0"), ("filepath", "/")], recorded["response"]["json"])
    with serving(site) as address, site_at(address) as open_site, pytest.raises(MoodleSiteError):
        open_site.upload("feedback.html", b"x" * 111)


def test_an_upload_tells_the_draft_area() -> None:
    recorded = json.loads((RECORDED / "07-upload.json").read_text("utf-8"))[0]
    site = Replay()
    site.add("/webservice/upload.php", [("itemid", "0"), ("filepath", "/")], recorded["response"]["json"])
    with serving(site) as address, site_at(address) as open_site:
        assert open_site.upload("feedback.html", b"x" * 111) == 252215106


def test_what_a_real_moodle_holds_is_compared_in_full() -> None:
    """Grade, comment byte for byte (with script, backslash and table) and page, as the real site had taken them."""
    recorded = json.loads((RECORDED / "08-save-grade.json").read_text("utf-8"))
    comment = dict(recorded[0]["request"]["params"])["plugindata[assignfeedbackcomments_editor][text]"]
    page = json.loads((RECORDED / "07-upload.json").read_text("utf-8"))[0]["request"]["files"][0]["content"].encode()
    site = Replay("02-site", "08-save-grade")
    area = "/webservice/pluginfile.php/39/assignfeedback_file/feedback_files/1/feedback.html"
    site.add(area, [], None)
    for key, left in site._left.items():
        if key.startswith(area):
            left[:] = [{"status": 200, "text": page.decode(), "content_type": "text/html"}]
    with serving(site) as address, site_at(address) as open_site:
        assignment = open_assignment(open_site, 1)
        held = read_held(open_site, assignment, 7)
        wanted = Wanted(userid=7, participant="1", grade=held.grade, comment=comment, page=page)
        assert differences(open_site, wanted, held) == []
        other = wanted.model_copy(
            update={"comment": comment + " ", "page": page.replace(b"first", b"other"), "grade": None}
        )
        assert differences(open_site, other, held) == ["grade", "comment", "page"]
    assert [file.filename for file in held.files] == ["feedback.html", "notes.html"]


def test_a_teacher_without_access_is_refused_although_moodle_says_success() -> None:
    site = recorded_site()
    denied = {
        "assignments": [],
        "warnings": [{"item": "assignment", "itemid": 1, "warningcode": "1", "message": "No access"}],
    }
    key = next(key for key in site._left if "mod_assign_get_submissions" in key and "'1'" in key and "since" not in key)
    site._left[key] = [{"status": 200, "json": denied}]
    with serving(site) as address, site_at(address) as open_site:
        assignment = open_assignment(open_site, 1)
        with pytest.raises(MoodleSiteError, match="No access"):
            read_snapshot(open_site, assignment)


def test_a_marking_guide_is_refused_before_anything_is_sent() -> None:
    recorded = json.loads((RECORDED / "19-long-and-advanced.json").read_text("utf-8"))[0]
    site = Replay("02-site", "19-long-and-advanced")
    assert recorded["response"]["json"]["cm"]["advancedgrading"][0]["method"] == "guide"
    with serving(site) as address, site_at(address) as open_site, pytest.raises(InputError, match="guide"):
        open_assignment(open_site, 3, giving=True)


def test_the_address_of_an_assignment_is_taken_apart() -> None:
    place = place_of("https://moodle.example/sub/mod/assign/view.php?id=12&action=grading")
    assert (place.site, place.cmid) == ("https://moodle.example/sub", 12)
    for wrong in (
        "https://moodle.example/course/view.php?id=2",
        "http://moodle.example/mod/assign/view.php?id=1",
        "week3",
    ):
        with pytest.raises(InputError):
            place_of(wrong)


def test_arguments_are_written_as_moodle_reads_them() -> None:
    assert flattened({"a": [{"b": True}, 2], "c": "x"}) == {"a[0][b]": "1", "a[1]": "2", "c": "x"}


def test_the_token_is_in_bodies_only_and_in_no_error(tmp_path: Path) -> None:
    site = Replay()
    with serving(site) as address, site_at(address, "SECRETTOKEN") as open_site:
        with pytest.raises(MoodleSiteError) as caught:
            open_site.read("core_webservice_get_site_info")
        assert "SECRETTOKEN" not in repr(open_site.__dict__)
    assert "SECRETTOKEN" not in caught.value.text()
    assert ("wstoken", "SECRETTOKEN") in site.calls[0]


def test_the_recordings_hold_the_bytes_they_are_said_to_hold(tmp_path: Path) -> None:
    with serving(recorded_site()) as address, site_at(address) as site:
        pull(site, Place(address, 1), tmp_path)
    with zipfile.ZipFile(tmp_path / "export.zip") as ours, zipfile.ZipFile(MAIN / "main-folders.zip") as theirs:
        assert sorted(ours.read(name) for name in ours.namelist()) == sorted(
            theirs.read(name) for name in theirs.namelist()
        )
