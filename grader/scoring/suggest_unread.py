"""Sentences that say something about the student's results and that no rule understood: room upward instead of a zero.

Only where a criterion found little and its own part of the memo holds such sentences. Padding names no results and earns no room.
"""

from __future__ import annotations

from grader.scoring.suggest_draft import Draft
from grader.scoring.suggest_reading import SOURCED, Reading

FEW_WORDS = 6
LITTLE = 0.1
"""A criterion that found less than this share of its points may have been written in words that are not known."""
LEAST, ROOM = 0.2, 0.4
"""Share of the criterion's points that such sentences may earn: where all of them were understood for something else, and at most."""
ENOUGH = 3
"""So many sentences that were not understood at all earn all of that room."""


def leave_room(drafts: list[Draft], reading: Reading, section: str) -> None:
    """Widen what found little in a section where much was not understood."""
    used = set().union(*(draft.used for draft in drafts)) if drafts else set()
    telling = [
        index
        for index, item in reading.written()
        if item.section == section and item.kind != "row" and _tells(reading, index)
    ]
    unread = [index for index in telling if index not in used]
    for draft in drafts:
        if (
            draft.firm
            or draft.contradicts
            or draft.ceiling is not None
            or draft.points >= LITTLE * draft.top
            or not telling
        ):
            continue
        draft.room = draft.top * max(LEAST, ROOM * min(len(unread), ENOUGH) / ENOUGH)
        draft.not_judged.append(
            f"What {len(telling)} sentence(s) of this part say about the results: not understood in this respect."
        )
        draft.places.extend((unread or telling)[:2])


def _tells(reading: Reading, place: int) -> bool:
    """A sentence on own results: a figure of the outputs, or a class, and more than a caption."""
    item = reading.memo.passages[place]
    own = any(number.status in (*SOURCED, "derived") for number in reading.numbers_in([place]))
    return len([word for word in item.text.split() if any(map(str.isalpha, word))]) >= FEW_WORDS and (
        own or bool(item.classes)
    )
