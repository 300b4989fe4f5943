"""Which submissions resemble each other more than the course explains: a hint for a person, never a verdict, never in a mark.

What the starter holds and what many share is the course's and is left out first. Memo, code and printed figures count apart.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Hashable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from grader.catalog import Course
from grader.errors import StorageError
from grader.feedback import EarlierPair, SimilarPair
from grader.model.base import SCHEMA
from grader.model.evidence import Evidence
from grader.model.likeness import Likeness
from grader.observing.likeness import likeness_of
from grader.pipeline.materials import Materials
from grader.pipeline.reading import read
from grader.workspace import Workspace

MANY, MANY_SHARE = 4, 0.25
"""What more people than either of these share is common ground."""
FEWEST = {"memo": 40, "code": 60, "shape": 60, "figures": 6, "weights": 1}
"""Fewer runs (or figures) of its own leave nothing to compare."""
ALIKE = {"memo": 0.35, "code": 0.7, "shape": 0.7, "figures": 0.6, "weights": 0.01}
"""From this share of the smaller one on, a pair is shown."""
SHOWN = 60
ASPECTS = ("memo", "code", "shape", "figures", "weights")
HASHED = ("memo", "code", "shape")
"""Kept as numbers of eight bytes; the others as they are."""
KEPT = "likeness.json"
FIGURES_NAMED = 4


def keep_likeness(workspace: Workspace, found: Mapping[str, Likeness]) -> None:
    """Beside the results, for later terms: hashes and printed figures, no text."""
    people = {who: {name: _packed(item, name) for name in ASPECTS} for who, item in found.items()}
    workspace.write_json(KEPT, {"schema": SCHEMA, "people": people})


def earlier_pairs(
    course: Course, found: Mapping[str, Likeness], starter: Likeness | None = None
) -> tuple[EarlierPair, ...]:
    """Who resembles somebody of an earlier term (`earlier` in course.yaml), most alike first."""
    folders = [path for name in course.file().earlier for path in sorted((course.root / name).glob(f"**/{KEPT}"))]
    pairs = []
    for path in folders:
        before = {f"{path.parent}\0{who}": item for who, item in _kept(path).items()}
        for pair in similar_pairs({**found, **before}, starter):
            here = [who for who in pair.participants if who in found]
            there = [who for who in pair.participants if who in before]
            if here and there:
                number = there[0].partition("\0")[2]
                pairs.append(
                    EarlierPair(here=here[0], folder=path.parent.name, there=number, share=pair.share, why=pair.why)
                )
    return tuple(sorted(pairs, key=lambda pair: (-pair.share, pair.here))[:SHOWN])


def _packed(item: Likeness, name: str) -> object:
    values = sorted(getattr(item, name))
    return values if name not in HASHED else b64encode(b"".join(one.to_bytes(8) for one in values)).decode()


def _kept(path: Path) -> dict[str, Likeness]:
    try:
        data = json.loads(path.read_text("utf-8"))["people"]
        return {
            who: Likeness.model_validate({name: _unpacked(one[name]) for name in ASPECTS}) for who, one in data.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        todo = "grade that term's class again, or take the folder out of `earlier` in course.yaml"
        raise StorageError(f"can't be read: {error}", where=str(path), todo=todo) from error


def _unpacked(value: Any) -> frozenset[Hashable]:
    if isinstance(value, list):
        return frozenset(value)
    data = b64decode(value)
    return frozenset(int.from_bytes(data[start : start + 8]) for start in range(0, len(data), 8))


def similar_pairs(found: Mapping[str, Likeness], starter: Likeness | None = None) -> tuple[SimilarPair, ...]:
    """The pairs most alike first; `found` by participant."""
    common = starter or Likeness()
    shares: dict[tuple[str, str], dict[str, float]] = {}
    kept: dict[str, dict[str, frozenset[Hashable]]] = {}
    for aspect in ASPECTS:
        kept[aspect] = _own({key: getattr(item, aspect) for key, item in found.items()}, getattr(common, aspect))
        for pair, share in _shares(kept[aspect], FEWEST[aspect]).items():
            shares.setdefault(pair, {})[aspect] = share
    alike = {
        pair: share
        for pair, share in shares.items()
        if any(share.get(name, 0) >= least for name, least in ALIKE.items())
    }
    ranked = sorted(alike.items(), key=lambda item: (-max(item[1].values()), item[0]))[:SHOWN]
    return tuple(
        SimilarPair(participants=pair, share=max(share.values()), why=_why(share, pair, kept["figures"]))
        for pair, share in ranked
    )


def starter_likeness(materials: Materials) -> Likeness | None:
    """The starter notebook's own; null where the course has none."""
    path = materials.course.root / "assignments" / materials.assignment.slug / "starter.ipynb"
    if not path.is_file():
        return None
    evidence = Evidence(notebook=json.loads(path.read_text(encoding="utf-8")))
    reading = read(evidence, materials)
    return likeness_of(evidence, reading.memo, reading.seen)


def _own(sets: Mapping[str, frozenset[Hashable]], common: frozenset[Hashable]) -> dict[str, frozenset[Hashable]]:
    """Without the starter's and without what many share."""
    counts = Counter(item for items in sets.values() for item in items)
    limit = max(MANY, MANY_SHARE * len(sets))
    shared = {item for item, count in counts.items() if count > limit} | common
    return {key: frozenset(items - shared) for key, items in sets.items()}


def _shares(sets: Mapping[str, frozenset[Hashable]], fewest: int) -> dict[tuple[str, str], float]:
    """How much of the smaller one of each pair the other holds, for pairs that share anything."""
    holders: dict[Hashable, list[str]] = {}
    for key in sorted(sets):
        for item in sets[key]:
            holders.setdefault(item, []).append(key)
    met = Counter(pair for keys in holders.values() if len(keys) > 1 for pair in combinations(keys, 2))
    shares = {}
    for (one, other), count in met.items():
        smaller = min(len(sets[one]), len(sets[other]))
        if smaller >= fewest:
            shares[(one, other)] = count / smaller
    return shares


def _why(share: Mapping[str, float], pair: tuple[str, str], figures: Mapping[str, frozenset[Hashable]]) -> str:
    parts = []
    if share.get("memo", 0) >= ALIKE["memo"]:
        parts.append(f"{share['memo']:.0%} of the shorter memo's wording")
    if share.get("code", 0) >= ALIKE["code"]:
        parts.append(f"{share['code']:.0%} of the code that is not the starter's")
    elif share.get("shape", 0) >= ALIKE["shape"]:
        parts.append(f"{share['shape']:.0%} of the code that is not the starter's, under other names")
    if share.get("figures", 0) >= ALIKE["figures"]:
        same = sorted(map(str, figures[pair[0]] & figures[pair[1]]))
        parts.append(f"{len(same)} printed results equal to the last digit ({', '.join(same[:FIGURES_NAMED])} …)")
    if share.get("weights", 0) >= ALIKE["weights"]:
        parts.append("a file of weights that is the same to the last bit")
    return "; ".join(parts)
