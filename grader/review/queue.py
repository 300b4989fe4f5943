"""Whom a reviewer sees in which order: filters, orders, and answers that are alike next to each other. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import NamedTuple
from urllib.parse import urlencode

from grader.model.decision import Outcome
from grader.model.rubric import Rubric
from grader.pipeline.reviewing import Reviewed

STATUSES = ("open", "settled", "person", "again", "request", "none")
ORDERS = ("id", "name", "random", "similar", "points")
SHINGLE = 4
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


def ordered(entries: Iterable[Entry], wanted: Filter, rubric: Rubric) -> list[Entry]:
    """Everybody in the order asked for."""
    found = sorted(entries, key=lambda entry: natural(entry.person.id))
    if wanted.order == "name":
        return sorted(found, key=lambda entry: (entry.person.submission.participant.name or "").casefold())
    if wanted.order == "points":
        return sorted(found, key=lambda entry: _points(entry.outcome, wanted.criterion))
    if wanted.order == "random":
        return sorted(found, key=lambda entry: hashlib.sha256(f"{wanted.seed}/{entry.person.id}".encode()).digest())
    if wanted.order == "similar":
        texts = {entry.person.id: answer_text(entry.person, wanted.criterion, rubric) for entry in found}
        places = {name: place for place, name in enumerate(chain(texts))}
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
    """Hashes of runs of words, for likeness."""
    words = re.findall(r"\w+", text.casefold())
    return frozenset(
        hash(tuple(words[at : at + SHINGLE])) for at in range(max(len(words) - SHINGLE + 1, 1 if words else 0))
    )


def likeness(one: frozenset[int], two: frozenset[int]) -> float:
    """Share of common runs in all runs."""
    return len(one & two) / len(one | two) if one and two else 0.0


def chain(texts: Mapping[str, str]) -> list[str]:
    """From one answer to the one most like it that is left; starts with the first."""
    left = {name: shingles(text) for name, text in texts.items()}
    made: list[str] = []
    while left:
        last = shingles(texts[made[-1]]) if made else frozenset()
        name = max(left, key=partial(_nearness, left, last)) if made else next(iter(left))
        del left[name]
        made.append(name)
    return made


def _nearness(left: Mapping[str, frozenset[int]], last: frozenset[int], name: str) -> float:
    return likeness(left[name], last)


def alike(texts: Mapping[str, str], name: str) -> list[Neighbour]:
    """Answers that are nearly the same as one, most alike first."""
    own = shingles(texts.get(name, ""))
    shares = [Neighbour(other, likeness(own, shingles(text))) for other, text in texts.items() if other != name]
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
    return next((float(item.points or 0) for item in scores), -1.0)


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
