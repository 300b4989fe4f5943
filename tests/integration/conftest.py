"""Tests that execute notebooks: in a sandbox, so they fail loudly in CI where there is none, and are skipped at home."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from grader.execution import probe

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def sandbox() -> None:
    """Insist on a sandbox."""
    machine = probe()
    if machine.box:
        return
    trouble = f"no sandbox here: {machine.box_trouble} (-> {machine.box_mend})"
    if os.environ.get("CI"):
        pytest.fail(trouble)
    pytest.skip(trouble)
