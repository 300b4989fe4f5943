"""Preflight on right and wrong set-ups under old, middle and new versions of the libraries: each answer right?

    python -m tests.benchmarks.preflight_matrix [--out FILE] [--keep FOLDER]

Each combination is installed into a virtual environment of its own. Needs a package registry; not part of CI. The last table
is tests/benchmarks/results/preflight_matrix.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SETUPS = ROOT / "tests" / "integration" / "preflight_setups_odd.py"
PREFLIGHT = ROOT / "grader" / "selfcheck" / "preflight.py"
RESULTS = Path(__file__).parent / "results" / "preflight_matrix.json"
TORCH = "torch==2.13.0"
"""The same everywhere: what differs is what students import above it."""
COMBINATIONS: dict[str, list[str]] = {
    "oldest": [
        "transformers==4.48.0",
        "peft==0.11.0",
        "accelerate==1.2.1",
        "tokenizers==0.21.0",
        "huggingface_hub==0.27.1",
    ],
    "middle": [
        "transformers==4.57.6",
        "peft==0.17.1",
        "accelerate==1.10.1",
        "tokenizers==0.22.1",
        "huggingface_hub==0.36.0",
    ],
    "first of 5": [
        "transformers==5.0.0",
        "peft==0.18.1",
        "accelerate==1.12.0",
        "tokenizers==0.22.2",
        "huggingface_hub==1.3.0",
    ],
    "installed": [],
}


def answered(name: str, packages: list[str], folder: Path) -> dict[str, Any]:
    """The set-ups' table under one combination."""
    python = sys.executable
    if packages:
        place = folder / name.replace(" ", "-")
        python = str(place / "bin" / "python")
        if not place.is_dir():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
            # A virtual environment need not have a pip of its own, so the one that is found serves all.
            pip = [sys.executable, "-m", "pip"] if find_spec("pip") else ["python3", "-m", "pip"]
            subprocess.run([*pip, "--python", python, "install", "-q", TORCH, *packages], check=True)
    done = subprocess.run(
        [python, str(SETUPS), str(PREFLIGHT)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if not done.stdout.startswith("{"):
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def main() -> int:
    """All combinations; 1 where an answer is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--keep", type=Path, help="folder for the installed versions, used again if it is there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        table = {
            name: answered(name, packages, chosen.keep or Path(scratch)) for name, packages in COMBINATIONS.items()
        }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    wrong = 0
    for name, result in table.items():
        rows = result["setups"]
        bad = {key: row for key, row in rows.items() if row["right"] is False}
        unbuilt = [key for key, row in rows.items() if row["right"] is None]
        wrong += len(bad)
        print(f"{name}: transformers {result['transformers']}, peft {result['peft']}: {len(rows) - len(bad) - len(unbuilt)} right, "
              f"{len(bad)} wrong, {len(unbuilt)} can't be built there {unbuilt}")  # fmt: skip
        for key, row in bad.items():
            print(f"   {key}: answered {row['answered']}, wanted {row['wanted']}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
