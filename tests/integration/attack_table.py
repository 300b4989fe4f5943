"""docs/attacks.md from the attacks that the tests make: `python tests/integration/attack_table.py` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from attacks import ESCAPING, GREED, NETWORK, POISON, SPYING, STUBBORN
from attacks_handed_in import HANDED_IN

PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"
HEAD = """# Attacks that the tests make

Written by `python tests/integration/attack_table.py` from the attacks themselves; a test holds this page against them. Executed
attacks run in one class with honest notebooks, twice: as whoever runs the tests (root in many containers) in warm kernels with control
groups where there are any, and as an ordinary user in cold ones with the watchdog. Each must show that it was attempted, end as the last
column says, bring out no secret, reach nobody, leave nothing behind, and change nothing in its honest neighbours' outputs. None succeeds.
"""
EXECUTED = {
    "Spying": SPYING, "Network": NETWORK, "Bombs": GREED, "Endless and suicidal": STUBBORN, "Breaking out": ESCAPING,
    "Forging and poisoning": POISON,
}  # fmt: skip


def page() -> str:
    """The whole page."""
    return HEAD + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    number = 0
    for title, group in EXECUTED.items():
        yield f"\n## {title}\n"
        yield "| | a notebook that | is stopped by | ends as |"
        yield "|---|---|---|---|"
        for attack in group:
            number += 1
            yield f"| {number} | {attack.name} | {attack.stopped_by} | {', '.join(attack.status)} |"
    yield "\n## In the files themselves\n"
    yield "Read, judged and shown without execution, in a class with an honest submission whose result must be the same as alone.\n"
    yield "| | a submission with | is stopped by | ends as |"
    yield "|---|---|---|---|"
    for count, given in enumerate(HANDED_IN, start=number + 1):
        name = given.name.removeprefix("hands in ")
        yield f"| {count} | {name} | {given.stopped_by} | {', '.join(given.status)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
