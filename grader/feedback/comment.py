"""The short comment in Moodle's worksheet, in simple tags. The worksheet's own traps (backslashes) are release's."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from grader.feedback import words
from grader.feedback.text import clip
from grader.model.rubric import Rubric
from grader.model.scorecard import Scorecard

_P = Markup("<p>{}</p>")
_LI = Markup("<li>{}</li>")
PREVIEW = Markup("<p><strong>Preview, not released.</strong> Points and words can still change.</p>")


def moodle_comment(card: Scorecard, rubric: Rubric, *, preview: bool, draft: bool = False) -> str:
    """Points by section and where the rest stands; empty for somebody who handed in nothing."""
    if card.status == "no_submission":
        return ""
    parts = [PREVIEW] if preview else []
    if draft:
        parts.append(_P.format("This was saved as a draft and not submitted for grading."))
    if card.status == "unreadable":
        parts.append(_P.format("Your submission could not be read; there are no points yet, and a person looks at it."))
    else:
        parts.extend(_points(card, rubric))
    parts.append(_P.format("The whole feedback is in the feedback file: one page that opens in any browser."))
    return str(Markup("").join(parts))


def _points(card: Scorecard, rubric: Rubric) -> Iterable[Markup]:
    if card.total is not None and card.low is not None and card.high is not None:
        total = Markup("<strong>{} of {}</strong> points")
        settled = card.low == card.high and all(section.settled for section in card.sections)
        line = total.format(words.span(card.low, card.high), words.points(card.max))
        yield _P.format(line if settled else line + " (not settled yet)")
    titles = {section.id: clip(section.title, 120) for section in rubric.sections}
    rows = [f"{titles.get(s.id, s.id)}: {words.span(s.low, s.high)} of {words.points(s.max)}" for s in card.sections]
    rows += [
        f"{item.kind.capitalize()}: {words.points(item.points)} ({clip(item.why, 200)})" for item in card.adjustments
    ]
    if rows:
        yield Markup("<ul>{}</ul>").format(Markup("").join(_LI.format(row) for row in rows))
