"""One Moodle site and one token: calls, downloads, uploads, and every way in which they go wrong.

What the answers mean is `answers.py`'s affair. The token travels in the body of a POST only, to the address that the
user gave only, and is in no message: addresses end up in logs.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from pydantic import SecretStr

import grader
from grader.errors import ConnectionLostError, InputError, MoodleSiteError

REST = "/webservice/rest/server.php"
UPLOAD = "/webservice/upload.php"
TOKEN = "/login/token.php"
SERVICE = "moodle_mobile_app"
"""Moodle's predefined service; it holds every function that is needed here."""
PAUSES = (1.0, 4.0)
"""Seconds before a reading is tried again."""
TIMEOUT = httpx2.Timeout(60.0, connect=15.0)
TODO = {
    "invalidtoken": "get a new token (docs/moodle.md); a token is valid for some weeks only",
    "accessexception": "ask the administrator: the token's service lacks a function, or its owner webservice/rest:use",
    "nopermission": "the token's owner must be a teacher of this course",
    "nopermissions": "the token's owner must be a teacher of this course",
    "enablewsdescription": "ask the administrator to enable web services for mobile devices (docs/moodle.md)",
    "servicenotavailable": "ask the administrator to enable web services for mobile devices (docs/moodle.md)",
    "invalidlogin": "check user name and password; with single sign-on there is another way (docs/moodle.md)",
    "invalidrecordunknown": "check the number behind `id=` in the assignment's address",
}


class Place:
    """Where an assignment is: the site's address and the number in `mod/assign/view.php?id=NUMBER`."""

    def __init__(self, site: str, cmid: int) -> None:
        self.site = site
        self.cmid = cmid


def place_of(address: str) -> Place:
    """Take the address of an assignment's page apart, as copied from a browser."""
    parts = urlsplit(address)
    numbers = parse_qs(parts.query).get("id", [])
    before, found, _ = parts.path.partition("/mod/assign/")
    if not found or not numbers or not numbers[0].isdecimal():
        raise InputError(
            "is not the address of an assignment", where=address, todo="copy it: https://.../mod/assign/view.php?id=123"
        )
    site = f"{parts.scheme}://{parts.netloc}{before}"
    refuse_open(site)
    return Place(site, int(numbers[0]))


def refuse_open(site: str) -> None:
    """A token is as good as a password: it goes through TLS, or to this very machine."""
    parts = urlsplit(site)
    if parts.scheme == "https" and parts.hostname and not parts.username:
        return
    if parts.scheme == "http" and parts.hostname and _is_here(parts.hostname):
        return
    raise InputError("is not a safe address for a token", where=site, todo="give the address that begins with https://")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Site:
    """An open connection; use as a context manager."""

    def __init__(self, address: str, token: SecretStr, *, pauses: Sequence[float] | None = None) -> None:
        refuse_open(address)
        self.address = address.rstrip("/")
        self._token = token
        self._pauses = tuple(PAUSES if pauses is None else pauses)
        self._http = httpx2.Client(timeout=TIMEOUT, headers={"User-Agent": f"llm-course-grader/{grader.__version__}"})

    def __enter__(self) -> Site:
        """Connections are opened as needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close them."""
        self._http.close()

    def read(self, function: str, **arguments: Any) -> Any:
        """Call a function that changes nothing: tried again when the connection breaks."""
        for pause in (*self._pauses, None):
            try:
                return self.write(function, **arguments)
            except ConnectionLostError:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    def write(self, function: str, **arguments: Any) -> Any:
        """Call a function once; a broken connection is a ConnectionLostError, and what happened is not known."""
        form = {
            "wstoken": self._token.get_secret_value(),
            "wsfunction": function,
            "moodlewsrestformat": "json",
            **flattened(arguments),
        }
        return _answer(self._post(REST, what=function, data=form), function)

    def upload(self, name: str, data: bytes, *, folder: str = "/", draft: int = 0) -> int:
        """Put a file into a draft area (0: a new one); returns the area's number."""
        form = {"token": self._token.get_secret_value(), "itemid": str(draft), "filepath": folder}
        answer = _answer(
            self._post(UPLOAD, what="upload", data=form, files={"file_1": (name, data, "text/html")}), "upload"
        )
        entry = answer[0] if isinstance(answer, list) and answer and isinstance(answer[0], dict) else {}
        if "itemid" not in entry or entry.get("filesize") != len(data):
            why = str(entry.get("errortype") or entry.get("error") or "it answered nothing about the file")
            raise MoodleSiteError(f"did not take the file {name!r}: {why[:200]}", where=self.address)
        return int(entry["itemid"])

    def download(self, path: str, target: IO[bytes], *, size: int) -> str:
        """Write a file's bytes to `target`, in full or not at all; returns the sha1 of the content, Moodle's own hash."""
        for pause in (*self._pauses, None):
            target.seek(0)
            target.truncate()
            try:
                return self._download(path, target, size)
            except ConnectionLostError:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _download(self, path: str, target: IO[bytes], size: int) -> str:
        total, digest = 0, hashlib.sha1(usedforsecurity=False)
        form = {"token": self._token.get_secret_value()}
        with _trouble("download"), self._http.stream("POST", self.address + path, data=form) as response:
            tag = response.headers.get("etag", "").removeprefix("W/").strip('"')
            if response.status_code != 200:
                raise MoodleSiteError(f"does not give a file out (HTTP {response.status_code})", where=self.address)
            for chunk in response.iter_bytes():
                total += len(chunk)
                if total > size:
                    break
                digest.update(chunk)
                target.write(chunk)
        if total != size or (len(tag) == 40 and tag != digest.hexdigest()):
            _refuse_error_page(target, total)
            raise ConnectionLostError(
                "a file came damaged or in part", where=self.address, todo="run the same command again"
            )
        return digest.hexdigest()

    def _post(self, path: str, *, what: str, **body: Any) -> httpx2.Response:
        with _trouble(what):
            response = self._http.post(self.address + path, **body)
        if response.is_redirect:
            to = urlsplit(response.headers.get("location", ""))
            todo = f"give the site's own address ({to.scheme}://{to.netloc})" if to.netloc else None
            raise MoodleSiteError("sends us elsewhere, which a token doesn't follow", where=self.address, todo=todo)
        if response.status_code in (429, 500, 502, 503, 504):
            raise ConnectionLostError(
                f"is busy or broken (HTTP {response.status_code})", where=self.address, todo="try again later"
            )
        if response.status_code == 403:
            raise MoodleSiteError(
                "web services are switched off (HTTP 403)", where=self.address, todo=TODO["enablewsdescription"]
            )
        if response.status_code != 200:
            raise MoodleSiteError(f"is no Moodle that answers here (HTTP {response.status_code})", where=self.address)
        return response


def new_token(address: str, user: str, password: SecretStr, *, service: str = SERVICE) -> SecretStr:
    """Log in once; the same token comes back each time until it expires."""
    refuse_open(address)
    form = {"username": user, "password": password.get_secret_value(), "service": service}
    with _trouble("login"), httpx2.Client(timeout=TIMEOUT) as http:
        response = http.post(address.rstrip("/") + TOKEN, data=form)
    answer = _answer(response, "login")
    if not isinstance(answer, dict) or not isinstance(answer.get("token"), str):
        raise MoodleSiteError("gave no token", where=address)
    return SecretStr(answer["token"])


def flattened(arguments: Mapping[str, Any]) -> dict[str, str]:
    """`{"a": [{"b": True}]}` -> `{"a[0][b]": "1"}`, as Moodle reads arguments."""
    found: dict[str, str] = {}
    for name, value in _leaves("", arguments):
        found[name] = str(int(value)) if isinstance(value, bool) else str(value)
    return found


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)  # type: ignore[assignment]
    else:
        yield prefix, value
        return
    for key, item in inner:
        yield from _leaves(f"{prefix}[{key}]" if prefix else str(key), item)


@contextmanager
def _trouble(what: str) -> Iterator[None]:
    """Everything that the network can do, as one error without addresses that might hold a secret."""
    try:
        yield
    except httpx2.HTTPError as error:
        why = str(error)[:200] if isinstance(error, httpx2.ConnectError) else type(error).__name__
        raise ConnectionLostError(
            f"the connection to Moodle broke ({what}: {why})",
            todo="check the address and the network, and run the same command again: it goes on where it stopped",
        ) from None


def _answer(response: httpx2.Response, what: str) -> Any:
    try:
        answer = response.json()
    except ValueError:
        raise MoodleSiteError(f"answered {what} with something that is not JSON") from None
    _refuse(answer, what)
    return answer


def _refuse(answer: Any, what: str) -> None:
    """Moodle's errors come with HTTP 200, in two shapes."""
    if not isinstance(answer, dict) or not ({"exception", "error"} & set(answer)) or "errorcode" not in answer:
        return
    code, text = str(answer["errorcode"]), str(answer.get("message") or answer.get("error") or "")
    raise MoodleSiteError(f"Moodle refuses {what}: {text[:300]} ({code})", todo=TODO.get(code), code=code)


def _refuse_error_page(target: IO[bytes], total: int) -> None:
    """Where a file should be there may stand an error as JSON, also with HTTP 200."""
    if total > 4096:
        return
    target.seek(0)
    try:
        answer = httpx2.Response(200, content=target.read()).json()
    except ValueError:
        return
    _refuse(answer, "download")
