"""Whom a reviewer sees in which order: filters, orders, and answers that are alike next to each other. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import NamedTuple
from urllib.parse import urlencode
from zlib import crc32

from grader.model.decision import Outcome
from grader.model.rubric import Rubric
from grader.pipeline.reviewing import Reviewed

STATUSES = ("open", "settled", "person", "again", "request", "none")
ORDERS = ("id", "name", "random", "similar", "points")
SHINGLE = 4
SKETCH = 64
"""So many of an answer's smallest hashes stand for it where answers are ordered."""
ALIKE = 0.8
"""Share of common runs of words from which two answers are called nearly the same."""


@dataclass(frozen=True)
class Filter:
    """What is looked for; empty fields ask for nothing."""

    section: str = ""
    criterion: str = ""
    """With `by=criterion`: the one criterion that is gone through."""
    check: str = ""
    verdict: str = ""
    flag: str = ""
    """`any`, or the kind of a flag."""
    ta: str = ""
    """A TA's name; `-` for nobody."""
    status: str = ""
    by: str = ""
    """`criterion`: one criterion across students."""
    order: str = "id"
    seed: str = ""
    find: str = ""

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Filter:
        """From a query string; unknown words are ignored."""
        known = {name: str(values.get(name, ""))[:100] for name in cls.__dataclass_fields__}
        known["order"] = known["order"] if known["order"] in ORDERS else "id"
        known["status"] = known["status"] if known["status"] in STATUSES else ""
        return cls(**known)

    def query(self, **changes: str) -> str:
        """As a query string, without what is empty."""
        fields = {**asdict(self), **changes}
        return urlencode({name: value for name, value in fields.items() if value and (name, value) != ("order", "id")})


class Entry(NamedTuple):
    """One participant with what counts."""

    person: Reviewed
    outcome: Outcome


class Neighbour(NamedTuple):
    """The answer before in an order by likeness."""

    participant: str
    share: float


def ordered(entries: Iterable[Entry], wanted: Filter, chained: Callable[[str], Sequence[str]]) -> list[Entry]:
    """Everybody in the order asked for; `chained`: by likeness of their answers to a criterion, see `chain`."""
    found = sorted(entries, key=lambda entry: natural(entry.person.id))
    if wanted.order == "name":
        return sorted(found, key=lambda entry: (entry.person.submission.participant.name or "").casefold())
    if wanted.order == "points":
        return sorted(found, key=lambda entry: _points(entry.outcome, wanted.criterion))
    if wanted.order == "random":
        return sorted(found, key=lambda entry: hashlib.sha256(f"{wanted.seed}/{entry.person.id}".encode()).digest())
    if wanted.order == "similar":
        places = {name: place for place, name in enumerate(chained(wanted.criterion))}
        return sorted(found, key=lambda entry: places[entry.person.id])
    return found


def matches(entry: Entry, wanted: Filter, rubric: Rubric) -> bool:
    """Whether somebody passes all filters."""
    person, outcome = entry
    return (
        _status(outcome, wanted)
        and _verdict(person, wanted)
        and _flagged(person, outcome, wanted.flag)
        and (not wanted.ta or (outcome.standing.assigned or "-") == wanted.ta)
        and _open_in(outcome, wanted, rubric)
        and _found(person, wanted.find)
    )


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """`9` before `10`."""
    parts = re.split(r"(\d+)", text)
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts if part)


def answer_text(person: Reviewed, criterion: str, rubric: Rubric) -> str:
    """What somebody wrote in a criterion's section; all sections without a criterion."""
    for section in rubric.sections:
        if any(item.id == criterion for item in section.criteria):
            return person.answers.texts.get(section.id, "")
    return "\n\n".join(dict.fromkeys(person.answers.texts.values()))


def shingles(text: str) -> frozenset[int]:
    """Hashes of runs of words, for likeness; the same in every process."""
    words = re.findall(r"\w+", text.casefold())
    starts = range(max(len(words) - SHINGLE + 1, 1 if words else 0))
    return frozenset(crc32(" ".join(words[at : at + SHINGLE]).encode("utf-8", "replace")) for at in starts)


def likeness(one: frozenset[int], two: frozenset[int]) -> float:
    """Share of common runs in all runs."""
    common = len(one & two)
    return common / (len(one) + len(two) - common) if common else 0.0


def chain(answers: Mapping[str, frozenset[int]]) -> list[str]:
    """From one answer to the one most like it that is left; starts with the first. Same answers stay together."""
    groups: dict[frozenset[int], list[str]] = {}
    for name, found in answers.items():
        groups.setdefault(found, []).append(name)
    left = {found: frozenset(sorted(found)[:SKETCH]) for found in groups}
    made: list[str] = []
    last: frozenset[int] = frozenset()
    while left:
        found = max(left, key=partial(_nearness, left, last)) if made else next(iter(left))
        last = left.pop(found)
        made.extend(groups[found])
    return made


def _nearness(left: Mapping[frozenset[int], frozenset[int]], last: frozenset[int], found: frozenset[int]) -> float:
    return likeness(left[found], last)


def alike(answers: Mapping[str, frozenset[int]], name: str) -> list[Neighbour]:
    """Answers that are nearly the same as one, most alike first."""
    own = answers.get(name, frozenset())
    shares = [Neighbour(other, likeness(own, found)) for other, found in answers.items() if other != name]
    return sorted((one for one in shares if one.share >= ALIKE), key=lambda one: -one.share)


def around(
    entries: Sequence[Entry], wanted: Filter, rubric: Rubric, current: str
) -> tuple[str | None, str | None, int, int]:
    """(before, after, place, count) of somebody among those who match; the current one need not match any more."""
    ids = [entry.person.id for entry in entries if entry.person.id == current or matches(entry, wanted, rubric)]
    if current not in ids:
        return None, ids[0] if ids else None, 0, len(ids)
    at = ids.index(current)
    return ids[at - 1] if at else None, ids[at + 1] if at + 1 < len(ids) else None, at + 1, len(ids)


def _points(outcome: Outcome, criterion: str) -> float:
    if not criterion:
        return float(outcome.card.total) if outcome.card.total is not None else -1.0
    scores = (item for section in outcome.card.sections for item in section.criteria if item.id == criterion)
    return next((float(item.low + item.high) / 2 for item in scores), -1.0)


def _status(outcome: Outcome, wanted: Filter) -> bool:
    if not wanted.status:
        return True
    nothing = outcome.card.status == "no_submission"
    if wanted.status == "none":
        return nothing
    if wanted.status in ("open", "settled"):
        relevant = outcome.open
        if wanted.by == "criterion":
            relevant = tuple(item for item in outcome.open if item.target == wanted.criterion)
        return not nothing and bool(relevant) == (wanted.status == "open")
    if wanted.status == "again":
        held = {**outcome.standing.decisions, **outcome.standing.verdicts}
        return any(not one.fits for one in held.values())
    kinds = {"person": {"check", "submission", "flag"}, "request": {"request"}}[wanted.status]
    return any(item.kind in kinds for item in outcome.open)


def _verdict(person: Reviewed, wanted: Filter) -> bool:
    if not (wanted.check or wanted.verdict):
        return True
    found = person.findings.findings
    names = [wanted.check] if wanted.check else list(found)
    return any(name in found and wanted.verdict in ("", found[name].verdict) for name in names)


def flag_kinds(person: Reviewed) -> set[str]:
    """Kinds of the flags that intake and checks raised."""
    flags = [*person.submission.flags, *(flag for one in person.findings.findings.values() for flag in one.flags)]
    return {flag.kind for flag in flags}


def _flagged(person: Reviewed, outcome: Outcome, flag: str) -> bool:
    if not flag:
        return True
    if flag == "person":
        return bool(outcome.standing.flags)
    kinds = flag_kinds(person)
    return bool(kinds or outcome.standing.flags) if flag == "any" else flag in kinds


def _open_in(outcome: Outcome, wanted: Filter, rubric: Rubric) -> bool:
    """With a section or criterion, only people who have it at all (and, with status, in that state: see `_status`)."""
    if wanted.by == "criterion":
        return outcome.card.status != "no_submission"
    if not (wanted.section or wanted.criterion):
        return True
    names = {wanted.criterion} if wanted.criterion else set()
    for section in rubric.sections:
        if section.id == wanted.section and not names:
            names = {item.id for item in section.criteria}
    return any(item.target in names for item in outcome.open)


def _found(person: Reviewed, text: str) -> bool:
    who = person.submission.participant
    return not text or any(text.casefold() in (field or "").casefold() for field in (who.id, who.name, who.email))
