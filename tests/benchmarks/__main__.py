"""Our grader against nbgrader, otter and a plain loop, and what its own parts cost; one run, one machine.

    python -m tests.benchmarks [--only ten parts ...] [--class-size 200] [--count 10]

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
SECTIONS = ("ten", "parts", "scaling", "same", "class")
RESULTS = HERE / "results" / "execution.json"
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"


def main() -> int:
    """Parse, run, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="measure these, keep the others")
    parser.add_argument("--count", type=int, default=10, help="notebooks held against the peers")
    parser.add_argument("--class-size", type=int, default=200)
    parser.add_argument("--page-only", action="store_true", help="write docs/benchmarks.md from the stored results")
    options = parser.parse_args()
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    if not options.page_only:
        _measure(options, found)
    PAGE.write_text(report.page(found), encoding="utf-8")
    return 0


def _measure(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Section by section, each stored at once: a run that is stopped leaves what it has."""
    # Under /tmp, where an ordinary user can go: notebooks never run as root.
    with TemporaryDirectory(dir="/tmp") as temporary:
        folder = Path(temporary)
        for name in options.only:
            told = {"commit": _commit(), "at": datetime.now(UTC).isoformat(timespec="minutes"), "machine": machine()}
            found[name] = {**told, **_section(name, folder / name, options)}
            RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _section(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    folder.mkdir()
    bench = ours.Bench(folder / "ours")
    if name == "ten":
        found: dict[str, Any] = {"count": options.count, "versions": peers.VERSIONS}
        found["ours"] = _told("ours", ours.ten, bench, options.count)
        for peer, measure in (("nbconvert", peers.nbconvert), ("nbgrader", peers.nbgrader), ("otter", peers.otter)):
            found[peer] = asdict(_told(peer, measure, folder, options.count))
        return found
    if name == "parts":
        recorder = _told("recorder", ours.recorder_costs)
        return {"recorder": recorder, "parts": _told("parts", ours.parts, bench, recorder, options.count)}
    if name == "scaling":
        return {"count": options.count, "seconds": _told("scaling", ours.scaling, bench, options.count)}
    if name == "same":
        return dict(_told("warm and cold", ours.warm_against_cold, bench))
    return dict(_told("class", ours.large, bench, options.class_size))


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
