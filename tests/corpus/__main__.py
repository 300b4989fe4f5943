"""Judge generated notebooks and say how often the verdicts are right.

    python -m tests.corpus --count 300 --seed 0 --mode static
    python -m tests.corpus --count 40 --seed 9000 --mode dry-run --jobs 2 --out results.json
    python -m tests.corpus --merge part-*.json --out results.json   # parts of a long run, each made with --full
    python -m tests.corpus --show 17          # one notebook as text, with its truth
    python -m tests.corpus --write 17 FILE    # ... as the file that would be handed in

Exits 1 if a verdict was falsely `failed` or another one wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from grader.settings import Settings
from tests.corpus.choices import draw
from tests.corpus.handwritten import judge_handwritten
from tests.corpus.judge import ROOT, Judged, as_file, as_records, from_record, judge_seeds, pretty
from tests.corpus.notebook import build
from tests.corpus.report import summary, text
from tests.corpus.truth import truth


def main() -> int:
    """Parse, run, print."""
    options = _options()
    if options.show is not None:
        return _show(options.show)
    if options.write:
        Path(options.write[1]).write_bytes(as_file(draw(int(options.write[0])))[1])
        return 0
    if options.merge:
        return _merge(options)
    settings = Settings(mode=options.mode, jobs=options.jobs)
    seeds = options.seeds or range(options.seed, options.seed + options.count)
    by_hand = judge_handwritten(settings, options.course)
    found: list[Judged] = []
    result: dict[str, Any] = {}
    for judged in by_hand if options.handwritten else judge_seeds(seeds, settings, options.course):
        found.append(judged)
        print(f"\r{len(found)}", end="", file=sys.stderr, flush=True)
        result = summary(found, options.mode, min(options.seeds, default=0) if options.seeds else options.seed)
        if options.out:  # rewritten each time: a long run that is stopped leaves what it has
            _store(options, result, found)
    print("\n" + text(result))
    return int(bool(result["totals"]["false_failed"] or result["totals"]["wrong"]))


def _merge(options: argparse.Namespace) -> int:
    parts = [json.loads(path.read_text(encoding="utf-8")) for path in options.merge]
    found = [from_record(item) for part in parts for item in part["notebooks_judged"]]
    result = summary(found, parts[0]["mode"], min(part["first_seed"] for part in parts))
    result["commit"] = ", ".join(dict.fromkeys(part["commit"] for part in parts))
    if options.out:
        _store(options, result, found)
    print(text(result))
    return 0


def _store(options: argparse.Namespace, result: dict[str, Any], found: list[Judged]) -> None:
    kept = {**result, "notebooks_judged": as_records(found)} if options.full else result
    options.out.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="how many notebooks")
    parser.add_argument("--seed", type=int, default=0, help="the first one's seed")
    parser.add_argument("--seeds", type=int, nargs="+", help="these seeds instead")
    parser.add_argument("--handwritten", action="store_true", help="tests/data/handwritten instead")
    parser.add_argument("--mode", choices=("static", "dry-run"), default="static")
    parser.add_argument("--jobs", type=int, default=1, help="notebooks executed at the same time")
    parser.add_argument("--course", type=Path, default=ROOT, help="course root (default: this repository)")
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    parser.add_argument("--merge", type=Path, nargs="+", metavar="FILE", help="put parts of a long run together")
    parser.add_argument("--full", action="store_true", help="with every notebook's verdicts")
    parser.add_argument("--show", type=int, metavar="SEED", help="print one notebook and its truth")
    parser.add_argument("--write", nargs=2, metavar=("SEED", "FILE"), help="write one notebook as it is handed in")
    return parser.parse_args()


def _show(seed: int) -> int:
    chosen = draw(seed)
    print(pretty(build(chosen)))
    print(json.dumps(chosen.describe(), indent=1))
    print(json.dumps({name: sorted(right) for name, right in truth(chosen).items()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
