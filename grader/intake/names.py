"""What a name in an export says: whose file it is, and under which safe path it is kept."""

from __future__ import annotations

import re
import unicodedata

from grader.intake.limits import IntakeLimits
from grader.model.base import Frozen
from grader.model.moodle_names import folder_name

_FOLDERS = re.compile(r"(?P<name>[^/]*?)_(?P<pid>[0-9]+)_assignsubmission_(?P<plugin>[a-z]+)_?/(?P<path>.+)", re.DOTALL)
_FLAT = re.compile(r"(?P<name>[^/]*?)_(?P<pid>[0-9]+)_assignsubmission_(?P<plugin>[a-z]+)_(?P<path>[^/]+)", re.DOTALL)
_DEFAULT_TEAM = re.compile(
    r"(?P<name>[^/]*?)_assignsubmission_(?P<plugin>[a-z]+)_?(?P<sep>[_/])(?P<path>.+)", re.DOTALL
)
_JUNK = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._)", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f]")
DEFAULT_TEAM = "0"
"""Moodle's group id of the people in no group."""


class EntryName(Frozen):
    """A name in Moodle's export, taken apart."""

    name: str
    """Name of the student or team as cleaned by Moodle, or its word for a participant."""
    number: str
    """Participant number or group id, without leading zeros; `0` for the default team."""
    plugin: str
    path: str
    """The file's own name, with folders where the export has them."""
    flat: bool
    default_team: bool = False


def parse_entry(entry: str) -> EntryName | None:
    """Take a name apart at the left-most place (file names may hold anything); null for foreign names."""
    for pattern, flat in ((_FOLDERS, False), (_FLAT, True)):
        found = pattern.fullmatch(entry)
        if found:
            number = str(int(found["pid"]))
            return EntryName(name=found["name"], number=number, plugin=found["plugin"], path=found["path"], flat=flat)
    found = _DEFAULT_TEAM.fullmatch(entry)
    if not found:
        return None
    return EntryName(
        name=found["name"], number=DEFAULT_TEAM, plugin=found["plugin"], path=found["path"], flat=found["sep"] == "_",
        default_team=True,
    )  # fmt: skip


def is_junk(entry: str) -> bool:
    """What operating systems leave in archives by themselves."""
    return bool(_JUNK.search(entry))


def unsafe(path: str, limits: IntakeLimits) -> str | None:
    """Why a path can't be kept as it is; null if it can."""
    parts = path.split("/")
    if _FORBIDDEN.search(path):
        return "control characters in its name"
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return "an absolute path"
    if ".." in parts:
        return "a path that leaves its folder"
    if any(part in ("", ".") for part in parts):
        return "an empty part in its path"
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        return "a name that is no text"
    if max(sizes) > limits.name_bytes or sum(sizes) > limits.path_bytes:
        return "a name that is too long"
    return None


def shortened(path: str, limits: IntakeLimits) -> str:
    """A path whose over-long parts are cut in the middle, so that the ending stays."""
    return "/".join(_cut(part, limits.name_bytes) for part in path.split("/"))


def free_path(path: str, taken: dict[str, bytes]) -> str:
    """`a/b.ipynb`, or `a/b (2).ipynb` if that is taken."""
    folder, slash, file = path.rpartition("/")
    stem, dot, ending = file.rpartition(".")
    stem, dot, ending = (stem, dot, ending) if stem else (file, "", "")
    number, free = 1, path
    while free in taken:
        number += 1
        free = f"{folder}{slash}{stem} ({number}){dot}{ending}"
    return free


def same_team(exported: str, group: str) -> bool:
    """Whether a folder of the export is of this group."""
    return " ".join(exported.split()) == folder_name(group)


def same_person(exported: str, name: str) -> bool:
    """Whether two spellings are of one person; sites turn the order of names round."""
    return _words(exported) == _words(folder_name(name))


def _words(name: str) -> list[str]:
    return sorted(unicodedata.normalize("NFKC", name).casefold().split())


def _cut(part: str, limit: int) -> str:
    while len(part.encode()) > limit:
        keep = max(len(part) // 2 - 2, 1)
        part = part[:keep] + "~" + part[-keep:] if len(part) > 2 * keep + 1 else part[: len(part) - 1]
    return part
