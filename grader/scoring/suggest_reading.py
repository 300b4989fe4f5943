"""A memo as the suggestion rules ask it: which sentences speak of what, which output figures it quotes, what contradicts.

Everything is looked for in the whole memo, wherever it stands. Nothing here knows points.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from grader.model.base import Role
from grader.model.finding import Citation
from grader.model.memo import Memo, MemoNumber, Passage
from grader.model.observation import Number, Observations

COPIED = 0.5
"""From this share of words in runs of the lecture, a sentence is the lecture's."""
_DIGITS = re.compile(r"\D")
WORDS_ONLY = 0.45
"""What reasoning is worth that rests on no figure of the student's own."""
SOURCED = ("agrees", "rounded")
Tags = str | tuple[str, ...]


@dataclass(frozen=True)
class Quoted:
    """Whether the memo gives an output figure."""

    credit: float
    """1 agrees with an output; a third where it has no source; 0.2 where it contradicts; 0 not given."""
    number: MemoNumber | None = None

    @property
    def contradicts(self) -> bool:
        """It disagrees with the output that it names."""
        return self.number is not None and self.number.status == "contradicts"


NOT_GIVEN = Quoted(0.0)


@dataclass(frozen=True)
class Reading:
    """One memo with the outputs that it is held against."""

    memo: Memo
    seen: Observations

    def find(self, *groups: Tags, section: str | None = None, without: Tags = (), anywhere: bool = False) -> list[int]:
        """Passages that carry a tag of every group (a tuple: any of its tags); `anywhere`: outside the memo too."""
        banned = {without} if isinstance(without, str) else set(without)
        return [
            index
            for index, item in self.written(anywhere=anywhere)
            if (section is None or item.section == section)
            and not banned & item.tags
            and all(group in item.tags if isinstance(group, str) else bool(set(group) & item.tags) for group in groups)
        ]

    def written(self, *, anywhere: bool = False) -> Iterator[tuple[int, Passage]]:
        """The student's sentences and rows."""
        for index, item in enumerate(self.memo.passages):
            if item.kind != "heading" and (item.memo or anywhere):
                yield index, item

    def own(self, places: list[int]) -> float:
        """1 where a place is the student's wording, a third where all are the lecture's, 0 for none."""
        if not places:
            return 0.0
        return 1.0 if any(self.memo.passages[index].copied < COPIED for index in places) else 1 / 3

    def prose(self, places: list[int]) -> list[int]:
        """Those that are sentences, not table rows."""
        return [index for index in places if self.memo.passages[index].kind != "row"]

    def around(self, places: list[int], reach: int = 1) -> list[int]:
        """Places with their neighbours in the same section."""
        found: set[int] = set()
        for place in places:
            home = self.memo.passages[place]
            for index in range(max(0, place - reach), min(len(self.memo.passages), place + reach + 1)):
                item = self.memo.passages[index]
                if item.kind != "heading" and item.section == home.section:
                    found.add(index)
        return sorted(found)

    def numbers_in(self, places: list[int]) -> list[MemoNumber]:
        """All numbers of these passages."""
        return [number for place in places for number in self._by_passage.get(place, ())]

    def quoted(self, model: Role, metric: str, *, run: str = "plain") -> Quoted:
        """An aggregate of one model."""
        key = f"{model}/{run if model == 'decoder' else '-'}/{metric}/-"
        exact = next((item for item in self.memo.numbers if key in item.keys and not self._taken(item, key)), None)
        if exact is not None:
            return Quoted(1.0, exact)
        mine = [item for item in self.memo.numbers if _is_about(item, model, metric, run)]
        for status, credit in (
            ("agrees", 1.0),
            ("rounded", 1.0),
            ("contradicts", 0.2),
            ("unsourced", 1 / 3),
            ("course", 1 / 6),
        ):
            found = next(
                (item for item in mine if item.status == status and (status not in SOURCED or not item.keys)), None
            )
            if found is not None:
                return Quoted(credit, found)
        return NOT_GIVEN

    def _taken(self, item: MemoNumber, key: str) -> bool:
        """A small whole number that fits several outputs is the one that its words name."""
        if len(item.keys) == 1 or "." in item.text or "," in item.text:
            return False
        model = key.split("/")[0]
        return item.model is not None and item.model != model

    @cached_property
    def _by_passage(self) -> dict[int, list[MemoNumber]]:
        groups: dict[int, list[MemoNumber]] = {}
        for item in self.memo.numbers:
            groups.setdefault(item.passage, []).append(item)
        return groups

    @cached_property
    def outputs(self) -> tuple[Number, ...]:
        """Numbers of the saved outputs."""
        return tuple(item for item in self.seen.of(Number) if item.source == "recorded")

    @cached_property
    def own_figures(self) -> int:
        """How many different outputs the memo quotes."""
        telling = [
            item
            for item in self.memo.numbers
            if item.status in SOURCED and len(_DIGITS.sub("", item.text).lstrip("0")) >= 3
        ]
        return len({key for item in telling for key in item.keys if not key.startswith("-")})

    @cached_property
    def unsourced(self) -> float:
        """Share of its result figures that no output holds."""
        results = [
            item
            for item in self.memo.numbers
            if item.kind == "value" and item.status != "untraced" and item.status != "course"
        ]
        wrong = [item for item in results if item.status in ("unsourced", "contradicts") and item.metric is not None]
        return len(wrong) / len(results) if results else 0.0

    @cached_property
    def grounded(self) -> float:
        """How far reasoning can rest on own results: 1 with own figures, 0.75 where most have no source, 0.45 with "
        "hardly any."""
        if self.memo.outputs and self.own_figures >= 4 and self.unsourced <= 0.6:
            return 1.0
        telling = [item for item in self.memo.numbers if len(_DIGITS.sub("", item.text).lstrip("0")) >= 2]
        figures = sum(1 for item in telling if item.status in (*SOURCED, "unsourced", "contradicts") and item.metric)
        if self.memo.outputs and self.unsourced > 0.6:
            return 0.6 if figures >= 3 else 0.45
        return 0.8 if figures >= 6 else 0.6 if figures >= 3 else 0.45

    def rests_on(self, kind: Literal["tiers", "speed", "weighted"]) -> float:
        """How far reasoning on one part can rest on that part's own figures: words about figures that aren't there carry little."""
        if not self.memo.outputs:
            return self.grounded
        own = [key.split("/") for item in self.memo.numbers if item.status in SOURCED for key in item.keys]
        has = {
            "tiers": any(key[2] in ("f1", "macro_f1", "zero_f1_classes") and key[3] != "-" for key in own),
            "speed": any(key[2] in ("latency_ms", "throughput") for key in own),
            "weighted": any(key[1] == "weighted" for key in own),
        }
        known = {
            "tiers": any(item.subject and item.metric == "f1" for item in self.outputs),
            "speed": any(item.metric in ("latency_ms", "throughput") for item in self.outputs),
            "weighted": any(item.run == "weighted" for item in self.outputs),
        }
        return self.grounded if has[kind] or not known[kind] else min(self.grounded, WORDS_ONLY)

    def cite(self, index: int) -> Citation:
        """A passage, for people."""
        item = self.memo.passages[index]
        return Citation(where="memo" if item.cell is None else "notebook", cell=item.cell, quote=item.text[:300])


def _is_about(item: MemoNumber, model: Role, metric: str, run: str) -> bool:
    if item.kind != "value" or item.model != model or item.metric != metric or item.subject is not None:
        return False
    return model == "encoder" or (item.run or "plain") == run
