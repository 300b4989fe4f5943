"""The checks that come with the grader, one file each, and those that an assignment brings along in its own folder.

Says only where checks lie; what a check is stands in `grader.checking.api`. Modules whose name begins with an
underscore hold shared helpers and are not looked into.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from grader.checking.registry import Registry
from grader.errors import CourseError


def collect(*folders: Path) -> Registry:
    """All built-in checks, and those of the given folders (`assignments/<slug>/checks`); missing folders are fine."""
    return Registry.of([*_built_in(), *(module for folder in folders for module in _of_folder(folder))])


def _built_in() -> Iterator[ModuleType]:
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda item: item.name):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{__name__}.{info.name}")


def _of_folder(folder: Path) -> Iterator[ModuleType]:
    for path in sorted(folder.glob("*.py")):
        if not path.stem.startswith("_"):
            yield _import_file(path)


def _import_file(path: Path) -> ModuleType:
    """A module of the course, imported from its file under a name that no other module has."""
    name = f"course_checks_{path.parent.parent.name}_{path.stem}".replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CourseError("this file can't be imported as Python", where=str(path), todo="name it NAME.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic and dataclasses look a class's module up here
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        what = f"importing it raised {type(error).__name__}: {error}"
        raise CourseError(what, where=_place(path, error), todo="mend the check's file") from error
    return module


def _place(path: Path, error: Exception) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    return f"{path}:{lines[-1]}" if lines else str(path)
