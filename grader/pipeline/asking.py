"""`grader ask`: a language model's opinion on the memos of a graded folder, from an OpenAI-compatible endpoint. Off unless called.

What is sent: the rubric and the memo's text without names. What is kept: opinions.json beside the evidence; a regrade then brings it
into the ranges. It decides nothing, and nothing else of a submission leaves the machine.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from grader.errors import InputError, MachineError
from grader.model.submission import Batch, Participant
from grader.pipeline.grading import stored_batch
from grader.pipeline.materials import Materials
from grader.pipeline.progress import Progress, Silent
from grader.pipeline.reading import kept_or_read
from grader.scoring.suggest_opinion import digest, memo_for_model, messages, opinions_of
from grader.workspace import Attempt, Workspace

MAX_ANSWER = 400_000
TRIES = 3
LOCAL = ("localhost", "127.0.0.1", "::1")
Ask = Callable[[list[dict[str, str]]], str]


@dataclass(frozen=True)
class Endpoint:
    """Where to ask, and how."""

    url: str
    """Up to and including the version, `https://host/v1`."""
    model: str
    key: str = ""
    timeout: float = 120.0
    pause: float = 2.0
    """Seconds before another try, doubled each time."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{self.url!r} is no address of an endpoint", todo="for example https://host/v1")
        if parts.scheme == "http" and parts.hostname not in LOCAL:
            raise InputError(
                "memos travel only encrypted", where=self.url, todo="use https, or a server on this machine"
            )

    def ask(self, said: list[dict[str, str]]) -> str:
        """The answer's text; raises MachineError after several tries."""
        body = json.dumps({"model": self.model, "messages": said, "temperature": 0}).encode()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        request = urllib.request.Request(f"{self.url.rstrip('/')}/chat/completions", data=body, headers=headers)
        why = ""
        for number in range(TRIES):
            if number:
                time.sleep(self.pause * 2 ** (number - 1))
            try:
                with _OPENER.open(request, timeout=self.timeout) as answer:
                    return _content(answer.read(MAX_ANSWER))
            except urllib.error.HTTPError as error:
                why = f"it answers {error.code}"
                if error.code not in (429, 500, 502, 503, 504):
                    break
            except (OSError, ValueError) as error:
                why = f"{type(error).__name__}"
        raise MachineError(
            f"the endpoint can't be used: {why}", where=self.url, todo="check address, key and model name"
        )


class _Stay(urllib.request.HTTPRedirectHandler):
    """A memo goes to the address that was named and to no other."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""


_OPENER = urllib.request.build_opener(_Stay)


def _content(raw: bytes) -> str:
    data = json.loads(raw)
    try:
        return str(data["choices"][0]["message"]["content"] or "")
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("no message in the answer") from error


@dataclass(frozen=True)
class Asked:
    """What came of it."""

    answered: int
    kept: int
    """Had an opinion on this very memo already."""
    unusable: int
    """Answers without a single opinion that could be bound to the memo."""


def ask_about(workspace: Workspace, materials: Materials, endpoint: Endpoint, told: Progress | None = None) -> Asked:
    """Ask about every memo of the folder that this model was not asked about yet."""
    progress = told or Silent()
    batch = stored_batch(workspace)
    names = tuple(_names(batch))
    attempts = [workspace.attempt_for(item)[0] for item in batch.submissions if item.files]
    progress.begin("Asking about memos", len(attempts))
    counts = {"answered": 0, "kept": 0, "unusable": 0}
    for attempt in attempts:
        what = _ask_one(attempt, materials, endpoint, names)
        if what:
            counts[what] += 1
        progress.step(attempt.path.parent.name)
    return Asked(**counts)


def _ask_one(attempt: Attempt, materials: Materials, endpoint: Endpoint, names: tuple[str, ...]) -> str:
    found = attempt.evidence_with_digest()
    if found is None:
        return ""
    memo = kept_or_read(attempt, *found, materials, keep=True).memo
    text = memo_for_model(memo, names) if memo is not None else ""
    if not text.strip():
        return ""
    before = attempt.opinions()
    if before is not None and before.model == endpoint.model and before.memo_sha256 == digest(text):
        return "kept"
    opinions = opinions_of(endpoint.ask(messages(text, materials.rubric)), text, materials.rubric, endpoint.model)
    attempt.store_opinions(opinions)
    return "answered" if opinions.items else "unusable"


def _names(batch: Batch) -> list[str]:
    return [name for item in batch.submissions for name in _of(item.participant)]


def _of(who: Participant) -> list[str]:
    return [name for name in (who.name, who.email, who.id_number, who.group) if name]
