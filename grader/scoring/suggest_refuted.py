"""Claims that the student's own tables contradict, brought into the criteria that rest on them: shown, lowered and widened.

What a contradiction costs is a person's to say (rule 5 of the guide); here the range only comes to hold both readings.
"""

from __future__ import annotations

from grader.model.memo import RefutedClaim
from grader.scoring.suggest_draft import Draft

RESTS_ON = {
    "share": "where",
    "tier": "where",
    "others": "where",
    "every": "named_classes",
    "zeros": "named_classes",
    "metric": "interpretation",
    "speed": "translated",
}
LEFT = 0.5
"""Share of the points that stays in the middle of the range where the reading itself is contradicted."""
CAUSES = frozenset({"exposure", "size", "architecture"})
QUOTED = 160


def hold_against(rule: str, draft: Draft) -> None:
    """Show every contradicted claim that this criterion rests on, and let its range reach lower."""
    mine = [item for item in draft.reading.memo.refuted if rule in _rules(draft, item)]
    for item in mine:
        passage = draft.reading.memo.passages[item.passage]
        draft.seen.append(f"the memo says “{passage.text[:QUOTED]}”; {item.outputs}")
        draft.places.insert(0, item.passage)
        if item.citation is not None:
            draft.citations.append(item.citation)
        draft.contradicts = True
    if mine and rule != "translated":
        draft.points *= LEFT
        draft.spread = max(draft.spread, min(draft.points, draft.top / 4))
        draft.firm = False
        draft.not_judged.append("What the contradiction costs; whether the sentence is meant in another way.")


def _rules(draft: Draft, item: RefutedClaim) -> set[str]:
    """The reading rules whose criterion a claim carries."""
    rules = {"weighting_explained" if item.weighted else RESTS_ON[item.kind]}
    tags = draft.reading.memo.passages[item.passage].tags
    if not item.weighted and item.kind in ("share", "tier", "others") and CAUSES & tags:
        rules.add("explanations")
    return rules
