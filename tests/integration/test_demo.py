"""The embedded sample class as a new user runs it: executed, every sample with its agreed verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.sandbox
@pytest.mark.torch
@pytest.mark.slow
def test_every_sample_gets_its_agreed_verdict(sandbox: None, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "grader", "demo", "--out", str(tmp_path / "demo"), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["differences"] == []
    assert done.returncode == 0
    pages = {path.stem for path in tmp_path.glob("demo/results/feedback/*.html")}
    assert pages == {row["participant"]["id"] for row in told["results"]}
