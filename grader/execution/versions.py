"""What an execution depends on beside the notebook: our recorder and the libraries, so that two machines can be compared."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata
from pathlib import Path

import grader

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "datasets")
_HERE = Path(__file__).parent


def library_versions() -> dict[str, str]:
    """Installed versions of the libraries that student code uses."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def recorder_hash() -> str:
    """Over the files of ours that run beside the student's code."""
    files = sorted([*_HERE.glob("inside*.py"), *_HERE.glob("compat*.py")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def here() -> dict[str, str]:
    """Everything that has to be the same on every machine that executes for one class."""
    return {
        "grader": grader.__version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "recorder": recorder_hash()[:16],
        **library_versions(),
    }


def difference(ours: dict[str, str], theirs: dict[str, str]) -> str:
    """In what the other machine differs, as one line; empty where it doesn't."""
    names = [name for name in ours if ours[name] != theirs.get(name)]
    return ", ".join(f"{name} {theirs.get(name, 'missing')} instead of {ours[name]}" for name in names)
