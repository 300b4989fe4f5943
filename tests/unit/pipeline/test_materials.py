from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = """
from pathlib import Path
from grader.catalog import Course
from grader.pipeline import load_materials
found = load_materials(Course(Path(".")), "week3")
print(found.rubric_sha256, found.environment())
"""


def test_the_same_course_has_the_same_fingerprints_in_every_process() -> None:
    seen = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", CODE], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        seen.add(done.stdout)
    assert len(seen) == 1
