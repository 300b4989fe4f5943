"""The people of a course under all their names. Matching is by what is unique; a name decides only where it is."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Literal, Self

from pydantic import model_validator

from grader.model.base import Frozen
from grader.model.submission import Participant

PersonRole = Literal["student", "ta", "teacher"]


class Person(Frozen):
    """One person of the course."""

    name: str = ""
    email: str = ""
    id_number: str = ""
    """The institution's number."""
    aliases: tuple[str, ...] = ()
    """Other e-mail addresses, numbers, or spellings of the name."""
    role: PersonRole = "student"
    dropped: bool = False
    """Left the course: still known, no longer expected to hand in."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.name or self.email or self.id_number):
            raise ValueError("a person needs a name, an e-mail address or an ID number")
        return self

    @property
    def key(self) -> str:
        """What names this person in tables and events."""
        return self.id_number or self.email or self.name

    @property
    def marks(self) -> frozenset[str]:
        """Everything that means this person and nobody else; names don't."""
        unique = (self.id_number, self.email, *(alias for alias in self.aliases if _unique(alias)))
        return frozenset(folded(mark) for mark in unique if mark)

    @property
    def names(self) -> frozenset[str]:
        """Spellings of the name, whatever the order of its parts."""
        return frozenset(_parts(name) for name in (self.name, *self.aliases) if name and not _is_mail(name))


class People(Frozen):
    """Everybody of a course."""

    people: tuple[Person, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        times = Counter(mark for person in self.people for mark in person.marks)
        shared = sorted(mark for mark, count in times.items() if count > 1)
        if shared:
            raise ValueError(f"two people share {shared[0]!r}")
        return self

    def find(self, who: str) -> Person | None:
        """The person whom a number, an address, an alias or a name that nobody else has means."""
        marked = next((person for person in self.people if folded(who) in person.marks), None)
        return marked or self._named(who)

    def match(self, participant: Participant) -> Person | None:
        """Whose a row of a worksheet is: by number, then by address; by name only where one person has it."""
        for mark in (participant.id_number, participant.email, participant.id):
            found = next((one for one in self.people if mark and folded(mark) in one.marks), None)
            if found is not None:
                return found
        if participant.id_number or participant.email or not participant.name:
            return None
        return self._named(participant.name)

    def _named(self, name: str) -> Person | None:
        found = [person for person in self.people if _parts(name) in person.names]
        return found[0] if len(found) == 1 else None

    def merged(self, others: tuple[Person, ...]) -> People:
        """With other people taken in: what is new is added to whom it belongs, nobody is taken out."""
        known = list(self.people)
        for other in others:
            places = [place for place, person in enumerate(known) if person.marks & other.marks]
            if not places and not other.marks:
                places = [place for place, person in enumerate(known) if person.names & other.names]
            if len(places) > 1:
                raise ValueError(f"{other.key!r} is two people of the roster at once")
            if places:
                known[places[0]] = _joined(known[places[0]], other)
            else:
                known.append(other)
        return People(people=tuple(known))


def folded(text: str) -> str:
    """Without case and other differences that mean nothing."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _joined(known: Person, new: Person) -> Person:
    """The newer word counts; what it replaces stays as an alias."""
    update: dict[str, object] = {"role": new.role, "dropped": new.dropped}
    old = []
    for field in ("name", "email", "id_number"):
        before, after = getattr(known, field), getattr(new, field)
        if after and before and folded(before) != folded(after):
            old.append(before)
        update[field] = after or before
    aliases = dict.fromkeys([*known.aliases, *new.aliases, *old])
    return known.model_copy(update={**update, "aliases": tuple(aliases)})


def _parts(name: str) -> str:
    return " ".join(sorted(folded(name.replace(",", " ")).split()))


def _is_mail(text: str) -> bool:
    return "@" in text and " " not in text.strip()


def _unique(alias: str) -> bool:
    """Addresses and numbers, not names."""
    return _is_mail(alias) or (any(char.isdigit() for char in alias) and " " not in alias.strip())
