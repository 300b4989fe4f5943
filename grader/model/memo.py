"""A memo as it was read: passages, the parts that they stand in, numbers with what they are about, and claims.

Made by `grader.observing.memo`; says what stands where and what the outputs say to it. It gives no points.
"""

from __future__ import annotations

from typing import Literal

from grader.model.base import Artefact, Frozen, Role
from grader.model.finding import Citation
from grader.model.observation import Observation

PassageKind = Literal["prose", "item", "row", "heading"]
NumberStatus = Literal["agrees", "rounded", "derived", "course", "unsourced", "contradicts", "untraced"]
ClaimKind = Literal[
    "comparison",
    "tier",
    "class",
    "hypothesis",
    "prediction",
    "explanation",
    "recommendation",
    "experiment",
    "decision_rule",
    "limit",
]


class Passage(Frozen):
    """A sentence, a list item's sentence, or a table row; the student's own, prompts of the starter left out."""

    text: str
    cell: int | None = None
    """Index over all cells of the notebook; null in a separate document."""
    section: str | None = None
    """Rubric section whose heading it stands under; null outside of all of them."""
    kind: PassageKind = "prose"
    block: int = 0
    """Number of the paragraph or table that it belongs to."""
    header: str = ""
    """For a row: the table's header cells, joined with ` | `."""
    tags: frozenset[str] = frozenset()
    """What its words are about (`encoder`, `macro_f1`, `hedge` ...): keys of observing/memo_words.yaml."""
    inside: frozenset[str] = frozenset()
    """For a row: the tags of its own cells, without the header's."""
    classes: frozenset[str] = frozenset()
    """Names of classes that it mentions."""
    copied: float = 0.0
    """Share of its words that stand in runs of words taken from the course's lecture."""
    memo: bool = True
    """False for notebook text outside the memo (predictions, comments): read for hypotheses, not for numbers."""


class MemoNumber(Frozen):
    """A number in the memo and what the outputs say to it."""

    text: str
    value: float
    """As written, thousands and decimal signs understood; per cent stay per cent, M and k are multiplied out."""
    unit: str = ""
    """`%`, `points`, `x`, `ms`, `s`, `min`, `h`, `per_second`, `mb`, `money` or empty."""
    passage: int
    """Index of its passage."""
    kind: Literal["value", "difference", "ratio", "planned"] = "value"
    """`planned`: an expectation, threshold or budget, which no output need hold."""
    model: Role | None = None
    run: str | None = None
    metric: str | None = None
    subject: str | None = None
    """Tier or class, as far as the words around say so."""
    status: NumberStatus = "untraced"
    """`untraced`: configuration, counting or a plan; nothing to hold it against."""
    output: str = ""
    """The output's own figure that it was held against, or how it was derived."""
    citation: Citation | None = None
    """Where that output stands."""
    keys: frozenset[str] = frozenset()
    """Outputs that it quotes, as `model/run/metric/subject` with `-` for what is not known."""


class Claim(Frozen):
    """Something that the memo states."""

    kind: ClaimKind
    passage: int
    topics: frozenset[str] = frozenset()
    """For explanations `exposure`, `size`, `architecture`; for tiers `rare`, `common`; else models and metrics."""
    held: Literal["certain", "plain", "hedged", "open"] = "plain"
    """How surely it is stated; `open`: says that the evidence can't decide."""
    condition: bool = False
    """It says under which condition it holds."""
    has_number: bool = False


class RefutedClaim(Frozen):
    """A statement that the student's own tables contradict. Shown with both places; what it costs, a person decides."""

    kind: Literal["share", "tier", "others", "every", "zeros", "speed", "metric"]
    passage: int
    """Where the memo says so."""
    outputs: str
    """What the tables hold instead, in words."""
    citation: Citation | None = None
    """Where they stand."""
    weighted: bool = False
    """It is about the weighted run against the unweighted one."""


class MemoPart(Frozen):
    """One section of the rubric, as found in the memo."""

    id: str
    found: Literal["heading", "content", "none"]
    heading: str = ""
    """The heading's own words."""
    shared_with: tuple[str, ...] = ()
    """Other sections under the same heading."""
    apart: bool = True
    """False where it is merged with another part so that the two can't be told apart."""
    empty: bool = False
    """A heading is there, but no text of the student's."""
    cell: int | None = None


class Memo(Artefact):
    """Everything that was read out of one submission's memo."""

    where: Literal["cells", "document", "none"] = "none"
    language: str = "en"
    """`en`, `de`, `es`, `fr`, `zh`, or `other`: words were then not understood, only numbers."""
    parts: tuple[MemoPart, ...] = ()
    passages: tuple[Passage, ...] = ()
    numbers: tuple[MemoNumber, ...] = ()
    claims: tuple[Claim, ...] = ()
    refuted: tuple[RefutedClaim, ...] = ()
    copied: float = 0.0
    """Share of the memo's words that stand in runs taken from the lecture."""
    outputs: int = 0
    """How many numbers the saved outputs held; 0: nothing to trace to."""
    truncated: bool = False
    """It was too long and only its beginning was read."""


class MemoRead(Observation):
    """The memo as an observation, so that checks can look at it."""

    memo: Memo


class CourseFigure(Frozen):
    """A figure that the course itself gave (lecture, earlier weeks)."""

    value: float
    unit: str = ""
    """As in `MemoNumber.unit`."""
    about: str = ""
    """What it is, for people."""
    baseline: bool = False
    """A result of an earlier week that students are asked to compare with."""


class MemoAids(Frozen):
    """What the memo reader knows of the course: assignments/<slug>/memo_aids.json."""

    words: int = 8
    """Length of a shingle."""
    key: str = ""
    """Key of the hash."""
    shingles: frozenset[str] = frozenset()
    """Truncated keyed hashes of the lecture's runs of words; the text can't be read back out of them."""
    figures: tuple[CourseFigure, ...] = ()
    prompts: frozenset[str] = frozenset()
    """Lines of the starter notebook's text, normalised: never counted as the student's."""
    classes: tuple[str, ...] = ()
    """Names of the classes."""
