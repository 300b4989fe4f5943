"""The class on the reviewers' desk: loaded once, events read as they come, outcomes kept until something changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from grader.ledger import Access, Ledger
from grader.model.decision import Event, Outcome
from grader.model.evidence import Evidence
from grader.model.rubric import Criterion, Rubric, Section
from grader.pipeline.reviewing import ReviewClass, Reviewed, class_stamp, load_class
from grader.review.queue import answer_text, chain, natural, shingles
from grader.scoring import undone

KEPT = 16
"""Notebooks in memory at once."""


class Desk:
    """Safe for many threads; other processes' events and a new grading are noticed at the next request."""

    def __init__(self, root: Path) -> None:
        """Load the class and open its ledger."""
        self.root = root
        self.ledger = Ledger.of(root)
        self.access = Access(self.ledger)
        self._lock = threading.RLock()
        self._class: ReviewClass = load_class(root)
        self._events: list[Event] = []
        self._about: dict[str, list[Event]] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._evidence: OrderedDict[str, Evidence] = OrderedDict()
        self._answers: dict[str, dict[str, frozenset[int]]] = {}
        self._chains: dict[str, list[str]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take in what is new on disk."""
        with self._lock:
            if class_stamp(self.root) != self._class.stamp:
                self._class = load_class(self.root)
                self._outcomes.clear()
                for kept in (self._evidence, self._answers, self._chains):
                    kept.clear()
            for event in self.ledger.events(after=self._events[-1].id if self._events else 0):
                self._events.append(event)
                self._about.setdefault(event.participant, []).append(event)
                self._outcomes.pop(event.participant, None)

    @property
    def title(self) -> str:
        """The assignment's name."""
        return self._class.title

    @property
    def rubric(self) -> Rubric:
        """As it graded this class."""
        return self._class.rubric

    @property
    def stamp(self) -> tuple[int, ...]:
        """Changes when the class is graded again."""
        return self._class.stamp

    @property
    def people(self) -> dict[str, Reviewed]:
        """Everybody by participant id."""
        return self._class.people

    @property
    def last_event(self) -> int:
        """Id of the newest event that was read."""
        return self._events[-1].id if self._events else 0

    def events(self, participant: str | None = None, *, after: int = 0) -> list[Event]:
        """Events in order, of one participant or of all."""
        with self._lock:
            found = self._events if participant is None else self._about.get(participant, [])
            return [event for event in found if event.id > after]

    def live(self, participant: str | None = None) -> list[Event]:
        """Without what was taken back."""
        events = self.events(participant)
        gone = undone(events)
        return [event for event in events if event.id not in gone]

    def outcome(self, participant: str) -> Outcome:
        """What counts for somebody now."""
        with self._lock:
            known = self._outcomes.get(participant)
            if known is None:
                known = self.people[participant].outcome(self.rubric, self._about.get(participant, []))
                self._outcomes[participant] = known
            return known

    def append(self, event: Event, *, once: str | None = None, seen: int | None = None) -> Event:
        """Store an event and take it in; ConflictError if somebody else was faster."""
        stored = self.ledger.append(event, once=once, seen=seen)
        self.refresh()
        return stored

    def append_all(self, events: list[Event], *, once: str | None = None) -> None:
        """Store several events, all or none."""
        if events:
            self.ledger.append_all(events, once=once)
            self.refresh()

    def evidence(self, participant: str) -> Evidence | None:
        """Notebook and run of one submission, read from disk when it is looked at."""
        attempt = self.people[participant].attempt
        if attempt is None:
            return None
        with self._lock:
            if participant in self._evidence:
                self._evidence.move_to_end(participant)
                return self._evidence[participant]
        found = attempt.evidence()
        if found is None:
            return None
        slim = found.model_copy(update={"trace": (), "saved": ()})
        with self._lock:
            self._evidence[participant] = slim
            while len(self._evidence) > KEPT:
                self._evidence.popitem(last=False)
        return slim

    def notebook(self, participant: str, *, executed: bool) -> dict[str, Any] | None:
        """As handed in, or with the run's outputs."""
        found = self.evidence(participant)
        return None if found is None else found.executed if executed else found.notebook

    def earlier_answer(self, participant: str, section: str, submission_sha256: str) -> str | None:
        """What somebody wrote in a section of an earlier attempt; null if that attempt is not there."""
        for attempt in self.people[participant].earlier:
            handed_in, answers = attempt.submission(), attempt.answers()
            if handed_in is not None and answers is not None and handed_in.sha256 == submission_sha256:
                return answers.texts.get(section, "")
        return None

    def answers(self, criterion: str) -> dict[str, frozenset[int]]:
        """Everybody's answer to a criterion's section as what likeness is measured by; kept until the class changes."""
        with self._lock:
            if criterion not in self._answers:
                people = sorted(self.people, key=natural)
                self._answers[criterion] = {
                    who: shingles(answer_text(self.people[who], criterion, self.rubric)) for who in people
                }
            return self._answers[criterion]

    def chained(self, criterion: str) -> list[str]:
        """Everybody, similar answers next to each other."""
        with self._lock:
            if criterion not in self._chains:
                self._chains[criterion] = chain(self.answers(criterion))
            return self._chains[criterion]

    def criterion(self, name: str) -> tuple[Section, Criterion] | None:
        """A criterion with its section."""
        for section in self.rubric.sections:
            for item in section.criteria:
                if item.id == name:
                    return section, item
        return None
