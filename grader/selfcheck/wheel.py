"""The installed package as a wheel, so that students get exactly the checks that their instructor runs.

Made from the files that are running now; nothing is compiled and nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import grader
from grader.errors import MachineError

NAME = "llm-course-grader"
DATE = (2020, 1, 1, 0, 0, 0)
LEFT_OUT = ("__pycache__", ".pyc")
_ABOUT = "Wheel-Version: 1.0\nGenerator: grader\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_ENTRY = "[console_scripts]\ngrader = grader.cli:main\n"


@cache
def version() -> str:
    """With a mark of what is in it: pip passes over a file whose version is installed already."""
    digest = hashlib.sha256()
    for name, data in _package():
        digest.update(f"{name} {_digest(data)}\n".encode())
    return f"{grader.__version__}+{digest.hexdigest()[:8]}"


def wheel_name() -> str:
    """Its file name, which pip insists on."""
    return f"{NAME.replace('-', '_')}-{version()}-py3-none-any.whl"


def wheel() -> bytes:
    """The same bytes for the same package."""
    info = f"{NAME.replace('-', '_')}-{version()}.dist-info"
    files = {**dict(_package()), f"{info}/METADATA": _metadata().encode(), f"{info}/WHEEL": _ABOUT.encode()}
    files[f"{info}/entry_points.txt"] = _ENTRY.encode()
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()


def _package() -> Iterator[tuple[str, bytes]]:
    folder = Path(grader.__file__).parent
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder.parent).as_posix()
        if path.is_file() and not any(part in name for part in LEFT_OUT):
            yield name, path.read_bytes()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _metadata() -> str:
    """From the checkout that the package runs from, else from how it was installed."""
    source = Path(grader.__file__).parents[1] / "pyproject.toml"
    if source.is_file():
        return _from_project(tomllib.loads(source.read_text("utf-8"))["project"])
    try:
        found = distribution(NAME).read_text("METADATA")
    except PackageNotFoundError:
        found = None
    if not found:
        raise MachineError(
            "grader is not installed as a package, so none can be made for students", todo="pip install it"
        )
    return re.sub(r"^Version: .*$", f"Version: {version()}", found, count=1, flags=re.MULTILINE)


def _from_project(project: dict[str, Any]) -> str:
    extras: dict[str, list[str]] = project.get("optional-dependencies", {})
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {NAME}",
        f"Version: {version()}",
        f"Summary: {project['description']}",
    ]
    lines += [f"Requires-Python: {project['requires-python']}", f"License: {project['license']}"]
    lines += [f"Requires-Dist: {item}" for item in project["dependencies"]]
    for name, items in extras.items():
        lines.append(f"Provides-Extra: {name}")
        lines += [f'Requires-Dist: {item}; extra == "{name}"' for item in items]
    return "\n".join(lines) + "\n"
