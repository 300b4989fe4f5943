"""Our grader against nbgrader, otter and a plain loop, and what its own parts cost; one run, one machine.

    python -m tests.benchmarks [--without-peers] [--class-size 200] [--count 10]

Writes results/execution.json beside this file (with the commit) and docs/benchmarks.md. Takes about a quarter of an hour on two cores;
the peers are installed from the package index into a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks import ours, peers, report
from tests.benchmarks.metering import machine

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "execution.json"
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"


def main() -> int:
    """Parse, run, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--without-peers", action="store_true", help="keep the peers' figures of the last run")
    parser.add_argument("--count", type=int, default=10, help="notebooks held against the peers")
    parser.add_argument("--class-size", type=int, default=200)
    parser.add_argument("--page-only", action="store_true", help="write docs/benchmarks.md from the stored results")
    options = parser.parse_args()
    stored = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    if not options.page_only:
        stored = _measure(options, stored)
        RESULTS.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(report.page(stored), encoding="utf-8")
    return 0


def _measure(options: argparse.Namespace, before: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "commit": _commit(),
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": machine(),
    }
    # Under /tmp, where an ordinary user can go: notebooks never run as root.
    with TemporaryDirectory(dir="/tmp") as temporary:
        folder = Path(temporary)
        if options.without_peers:
            found["peers"] = before.get("peers", {})
        else:
            found["peers"] = {"count": options.count, "versions": peers.VERSIONS}
            for name, measure in (("nbconvert", peers.nbconvert), ("nbgrader", peers.nbgrader), ("otter", peers.otter)):
                found["peers"][name] = asdict(_told(name, measure, folder, options.count))
        bench = ours.Bench(folder / "ours")
        found["ours"] = _told("ours", ours.ten, bench, options.count)
        found["recorder"] = _told("recorder", ours.recorder_costs)
        found["parts"] = _told(
            "parts", ours.parts, bench, found["recorder"], found["ours"]["each_beyond_the_first"]["cpu"]
        )
        found["scaling"] = _told("scaling", ours.scaling, bench, options.count)
        found["warm_and_cold"] = _told("warm and cold", ours.warm_against_cold, bench)
        found["class"] = _told("class", ours.large, bench, options.class_size)
    return found


def _told(name: str, measure: Any, *given: Any) -> Any:
    print(f"{name} ...", file=sys.stderr, flush=True)
    found = measure(*given)
    print(f"    {found}", file=sys.stderr, flush=True)
    return found


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
