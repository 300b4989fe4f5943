"""A small Moodle that keeps state, built from what was seen in a real one; and a server that replays recorded exchanges."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

RECORDED = Path(__file__).parent / "data" / "moodle" / "webservice"
HOST = "https://moodle.example"
TOKEN = "c0ffee" * 5 + "42"
Form = list[tuple[str, str]]


class HangupError(Exception):
    """Close the connection without an answer."""


@dataclass
class Answer:
    body: bytes
    kind: str = "application/json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def as_json(value: Any) -> Answer:
    return Answer(json.dumps(value).encode())


def refusal(code: str, message: str = "refused") -> Answer:
    return as_json({"exception": "moodle_exception", "errorcode": code, "message": message})


class Served:
    """Something that answers POST requests over HTTP on this machine."""

    address = ""

    def answer(self, path: str, form: Form, files: list[tuple[str, bytes]]) -> Answer:
        raise NotImplementedError


@contextmanager
def serving(site: Served) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            form, files = _parsed(self.headers.get("Content-Type", ""), body)
            try:
                answer = site.answer(self.path, form, files)
            except HangupError:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            pass

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site.address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _parsed(kind: str, body: bytes) -> tuple[Form, list[tuple[str, bytes]]]:
    if not kind.startswith("multipart/"):
        return parse_qsl(body.decode(), keep_blank_values=True), []
    message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    form: Form = []
    files = []
    for part in message.get_payload():
        data = part.get_payload(decode=True)
        raw = next(value for key, value in part.raw_items() if key.lower() == "content-disposition")
        text = str(raw).encode("ascii", "surrogateescape").decode()
        name = re.search(r'filename="([^"]*)"', text)
        if name:
            files.append((name[1], data))
        else:
            form.append((re.search(r' name="([^"]*)"', text)[1], data.decode()))  # type: ignore[index]
    return form, files


class Replay(Served):
    """Answers what was recorded for the very same request; of several recordings the next, and at last the last."""

    def __init__(self, *names: str) -> None:
        self.calls: list[Form] = []
        self._left: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for name in names:
            for one in json.loads((RECORDED / f"{name}.json").read_text("utf-8")):
                request = one["request"]
                self._left[_key(request["path"], request.get("params", []))].append(one["response"])

    def add(self, path: str, params: Form, value: Any) -> None:
        """Something that was not recorded in this place."""
        self._left[_key(path, params)].append({"status": 200, "json": value, "content_type": "application/json"})

    def answer(self, path: str, form: Form, files: list[tuple[str, bytes]]) -> Answer:
        self.calls.append(form)
        found = self._left.get(_key(path, form))
        if not found:
            return refusal("notrecorded", path)
        response = found.pop(0) if len(found) > 1 else found[0]
        text = response["text"] if "text" in response else json.dumps(response["json"])
        text = text if path.startswith("/webservice/pluginfile") else text.replace(HOST, self.address)
        headers = {key: value for key, value in response.get("headers", {}).items() if key == "etag"}
        return Answer(text.encode(), response.get("content_type") or "text/plain", response["status"], headers)


def _key(path: str, params: Any) -> str:
    return f"{path} {sorted((name, value) for name, value in params if 'token' not in name or value != 'TOKEN')}"


@dataclass
class Stored:
    name: str
    data: bytes
    folder: str = "/"
    changed: int = 1000


@dataclass
class Student:
    userid: int
    name: str
    number: int
    email: str = ""
    files: list[Stored] = field(default_factory=list)
    text: str = ""
    status: str = "submitted"
    attempt: int = 0
    modified: int = 1000
    extension: int = 0
    group: int = 0
    group_name: str = ""
    due: int | None = None
    # what was given
    grade: Decimal | None = None
    record: int = 0
    grader: int = 0
    comment: str | None = None
    feedback: list[Stored] = field(default_factory=list)
    locked: bool = False
    workflow: str = ""
    mailed: int = 2
    told: int = 0
    "How often cron would have told the student."


class FakeMoodle(Served):
    """One course, one assignment (id 1, course module 1)."""

    def __init__(self, students: list[Student], **settings: Any) -> None:
        self.students = {student.userid: student for student in students}
        self.settings = {
            "grade": 100,
            "duedate": 0,
            "teamsubmission": 0,
            "blindmarking": 0,
            "markingworkflow": 0,
            **settings,
        }
        self.comments_on = self.files_on = True
        self.numbered = True
        self.method: str | None = None
        self.now = 5000
        self.drafts: dict[int, list[Stored]] = {}
        self.team_files: dict[int, list[Stored]] = {}
        self.calls: list[str] = []
        self.forms: list[tuple[str, Form]] = []
        self.missing: set[str] = set()
        self.faults: dict[str, dict[int, str]] = defaultdict(dict)
        "Function -> which call -> `before` or `after` it is carried out the line breaks; `, for good` nothing works after it."
        self.dead = False

    # -- protocol

    def answer(self, path: str, form: Form, files: list[tuple[str, bytes]]) -> Answer:
        given = dict(form)
        if given.get("wstoken", given.get("token")) != TOKEN:
            return refusal("invalidtoken", "Invalid token - token not found")
        self.forms.append((path, form))
        name = given.get("wsfunction") or ("upload" if path.endswith("upload.php") else "download")
        self.calls.append(name)
        fault = self.faults[name].get(self.calls.count(name), "")
        if self.dead or fault.startswith("before"):
            self.dead = self.dead or fault.endswith("for good")
            raise HangupError
        if name == "upload":
            answer = self._upload(given, files)
        elif name == "download":
            answer = self._download(path)
        elif name in self.missing:
            answer = refusal("accessexception", "Access control exception")
        else:
            arguments = {
                key: value for key, value in form if key not in ("wstoken", "wsfunction", "moodlewsrestformat")
            }
            value = getattr(self, name)(arguments)
            answer = value if isinstance(value, Answer) else as_json(value)
        if fault:
            self.dead = fault.endswith("for good")
            raise HangupError
        return answer

    def _upload(self, given: dict[str, str], files: list[tuple[str, bytes]]) -> Answer:
        area = int(given["itemid"]) or 7000 + len(self.drafts)
        name, data = files[0]
        place = self.drafts.setdefault(area, [])
        if any((one.folder, one.name) == (given["filepath"], name) for one in place):
            return as_json([{"filename": name, "error": "File name already exists", "errortype": "filenameexist"}])
        place.append(Stored(name, data, given["filepath"]))
        return as_json([{"filename": name, "filepath": given["filepath"], "itemid": area, "filesize": len(data)}])

    def _download(self, path: str) -> Answer:
        kind, owner, name = re.fullmatch(r"/webservice/pluginfile\.php/9/(\w+)/(\d+)(/.*)", path).groups()  # type: ignore[union-attr]
        student = self.students.get(int(owner))
        files = self.team_files[int(owner)] if kind == "team" else student.files if kind == "sub" else student.feedback  # type: ignore[union-attr]
        found = next((one for one in files if one.folder + one.name == unquote(name)), None)
        if found is None:
            return Answer(json.dumps({"error": "gone", "errorcode": "filenotfound"}).encode(), status=404)
        sha1 = hashlib.sha1(found.data, usedforsecurity=False).hexdigest()
        return Answer(found.data, headers={"ETag": f'"{sha1}"'})

    def _files(self, kind: str, owner: int, files: list[Stored]) -> list[dict[str, Any]]:
        return [
            {"filename": one.name, "filepath": one.folder, "filesize": len(one.data), "timemodified": one.changed,
             "fileurl": f"{self.address}/webservice/pluginfile.php/9/{kind}/{owner}{quote(one.folder + one.name)}"}
            for one in files
        ]  # fmt: skip

    # -- functions

    def core_webservice_get_site_info(self, _: Any) -> Any:
        names = [
            name
            for name in dir(self)
            if name.startswith(("core_", "mod_", "gradereport_")) and name not in self.missing
        ]
        return {
            "userid": 3,
            "siteurl": self.address,
            "release": "5.1+",
            "functions": [{"name": name} for name in names],
        }

    def core_course_get_course_module(self, given: Any) -> Any:
        if given["cmid"] != "1":
            return refusal("invalidrecordunknown")
        grading = [{"area": "submissions", "method": self.method}]
        return {"cm": {"id": 1, "course": 2, "modname": "assign", "instance": 1, "advancedgrading": grading}}

    def mod_assign_get_assignments(self, _: Any) -> Any:
        on = [("comments", self.comments_on), ("file", self.files_on)]
        configs = [
            {"plugin": plugin, "subtype": "assignfeedback", "name": "enabled", "value": "1"}
            for plugin, yes in on
            if yes
        ]
        one = {"id": 1, "cmid": 1, "name": "Week 3", "revealidentities": 0, "configs": configs, **self.settings}
        return {"courses": [{"id": 2, "assignments": [one]}], "warnings": []}

    def mod_assign_list_participants(self, _: Any) -> Any:
        blind = self.settings["blindmarking"]
        return [
            {"id": one.userid, "fullname": f"Participant {one.number}" if blind else one.name, "email": None if blind else one.email,
             "recordid": one.number if blind else -1, **({"groupid": one.group, "groupname": one.group_name} if one.group else {})}
            for one in self.students.values()
        ]  # fmt: skip

    def mod_assign_get_user_mappings(self, _: Any) -> Any:
        rows = [{"id": one.number, "userid": one.userid} for one in self.students.values()] if self.numbered else []
        return {"assignments": [{"assignmentid": 1, "mappings": rows}], "warnings": []}

    def mod_assign_get_submissions(self, _: Any) -> Any:
        rows = []
        for number, files in self.team_files.items():
            rows.append(self._submission(900 + number, 0, number, self._files("team", number, files), ""))
        for one in self.students.values():
            if one.files or one.text or one.status != "submitted":
                row = self._submission(
                    100 + one.userid, one.userid, 0, self._files("sub", one.userid, one.files), one.text
                )
                rows.append({**row, "status": one.status, "attemptnumber": one.attempt, "timemodified": one.modified})
        return {"assignments": [{"assignmentid": 1, "submissions": rows}], "warnings": []}

    def _submission(self, number: int, userid: int, group: int, files: Any, text: str) -> dict[str, Any]:
        plugins: list[Any] = [{"type": "file", "fileareas": [{"area": "submission_files", "files": files}]}]
        plugins += [{"type": "onlinetext", "editorfields": [{"name": "onlinetext", "text": text}]}] if text else []
        return {"id": number, "userid": userid, "groupid": group, "status": "submitted", "attemptnumber": 0,
                "timemodified": 1000, "plugins": plugins}  # fmt: skip

    def mod_assign_get_grades(self, _: Any) -> Any:
        rows = [self._grade(one) for one in self.students.values() if one.record]
        warnings = [] if rows else [{"item": "assignment", "itemid": 1, "warningcode": "3", "message": "No grades"}]
        return {"assignments": [{"assignmentid": 1, "grades": rows}] if rows else [], "warnings": warnings}

    @staticmethod
    def _grade(one: Student) -> dict[str, Any]:
        grade = Decimal(-1) if one.grade is None else one.grade
        return {"id": one.userid, "userid": one.userid, "attemptnumber": one.attempt, "timemodified": one.record,
                "grader": one.grader, "grade": f"{grade:.5f}"}  # fmt: skip

    def mod_assign_get_user_flags(self, _: Any) -> Any:
        rows = [
            {"userid": one.userid, "mailed": one.mailed, "extensionduedate": one.extension, "workflowstate": one.workflow}
            for one in self.students.values() if one.extension or one.workflow or one.record
        ]  # fmt: skip
        return {"assignments": [{"assignmentid": 1, "userflags": rows}], "warnings": []}

    def mod_assign_get_participant(self, given: Any) -> Any:
        one = self.students[int(given["userid"])]
        return {"id": one.userid, "duedate": self.settings["duedate"] if one.due is None else one.due}

    def mod_assign_get_submission_status(self, given: Any) -> Any:
        one = self.students[int(given["userid"])]
        last = self._last(one)
        if not one.record or (self.settings["markingworkflow"] and one.workflow != "released"):
            return {"lastattempt": last, "warnings": []}
        cleaned = re.sub(r"<script.*?</script>|</?details>", "", one.comment or "", flags=re.DOTALL)
        plugins = [
            {"type": "comments", "fileareas": [], "editorfields": [{"name": "comments", "text": cleaned, "format": 1}]},
            {
                "type": "file",
                "fileareas": [{"area": "feedback_files", "files": self._files("fb", one.userid, one.feedback)}],
            },
        ]
        return {"lastattempt": last, "feedback": {"grade": self._grade(one), "plugins": plugins}, "warnings": []}

    def _last(self, one: Student) -> dict[str, Any]:
        if one.group in self.team_files and self.settings["teamsubmission"]:
            return {"teamsubmission": self._submission(900 + one.group, 0, one.group, [], "")}
        row = {
            **self._submission(100 + one.userid, one.userid, 0, [], ""),
            "attemptnumber": one.attempt,
            "timemodified": one.modified,
        }
        return {"submission": row} if one.files or one.text or one.status != "submitted" else {}

    def gradereport_user_get_grade_items(self, given: Any) -> Any:
        one = self.students[int(given["userid"])]
        hidden = self.settings["blindmarking"] or (self.settings["markingworkflow"] and one.workflow != "released")
        item = {
            "cmid": 1,
            "feedback": None if hidden else one.comment,
            "gradeislocked": one.locked,
            "gradeisoverridden": False,
        }
        return {"usergrades": [{"userid": one.userid, "gradeitems": [{"cmid": 77, "feedback": "other"}, item]}]}

    def mod_assign_set_user_flags(self, given: Any) -> Any:
        one = self.students[int(given["userflags[0][userid]"])]
        one.mailed = int(given["userflags[0][mailed]"])
        return [{"id": 1, "userid": one.userid}]

    def mod_assign_save_grade(self, given: Any) -> Any:
        needed = ("assignmentid", "userid", "grade", "attemptnumber", "addattempt", "workflowstate", "applytoall")
        editor = "plugindata[assignfeedbackcomments_editor]"
        allowed = {*needed, f"{editor}[text]", f"{editor}[format]", "plugindata[files_filemanager]"}
        if not set(needed) <= set(given) or not set(given) <= allowed:
            return refusal("invalidparameter")
        try:
            grade = Decimal(given["grade"])
        except InvalidOperation:
            return refusal("invalidparameter")
        one = self.students[int(given["userid"])]
        text = given.get(f"{editor}[text]")
        if self.comments_on and text is None and one.comment is not None:
            return refusal("dmlwriteexception", "Error writing to database")
        self.now += 1
        one.record, one.grader = self.now, 3
        if not one.locked and (grade == -1 or 0 <= grade <= self.settings["grade"]):
            one.grade = None if grade == -1 else grade
        if self.comments_on and text is not None:
            one.comment = text
        draft = int(given.get("plugindata[files_filemanager]", 0))
        if self.files_on and draft:
            one.feedback = [Stored(each.name, each.data, each.folder, self.now) for each in self.drafts[draft]]
        one.workflow = given["workflowstate"]
        one.mailed = 2 if self.settings["markingworkflow"] and one.workflow != "released" else 0
        return None

    def cron(self) -> None:
        """Tell everybody who is to be told."""
        for one in self.students.values():
            if one.mailed == 0:
                one.told, one.mailed = one.told + 1, 1

    def by_hand(self, userid: int, grade: int, comment: str = "<p>by hand</p>") -> None:
        self.now += 1
        one = self.students[userid]
        one.grade, one.comment, one.record, one.grader, one.workflow = Decimal(grade), comment, self.now, 4, "released"
