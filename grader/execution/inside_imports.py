"""Act on a module as soon as it is there: at once if it is loaded already, else right after its own import.

It works for every way of importing, because it acts inside the import system and not on names. It knows no library.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

Action = Callable[[Any], None]


class ImportHooks(importlib.abc.MetaPathFinder):
    """Actions waiting for modules."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Action]] = {}
        self._finding: set[str] = set()

    def install(self) -> None:
        """Watch imports from now on."""
        sys.meta_path.insert(0, self)

    def when(self, name: str, action: Action) -> None:
        """Run `action(module)` once the module has been executed."""
        module = sys.modules.get(name)
        if module is not None:
            action(module)
        else:
            self._waiting.setdefault(name, []).append(action)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The real spec with a loader that runs the waiting actions, for modules that something waits for."""
        if fullname not in self._waiting or fullname in self._finding:
            return None
        self._finding.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._finding.discard(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self)
        return spec

    def loaded(self, module: ModuleType) -> None:
        """Run what waits for this module; a package may have put another object in its place while it was imported."""
        for action in self._waiting.pop(module.__name__, []):
            action(sys.modules.get(module.__name__, module))


class _Loader(importlib.abc.Loader):
    """Stands in for a module's loader during its import, and then steps aside."""

    def __init__(self, real: Any, hooks: ImportHooks) -> None:
        self._real = real
        self._hooks = hooks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """As the real loader does."""
        module: ModuleType | None = self._real.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module with its own loader in place, then act on it."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        module.__loader__ = self._real
        self._real.exec_module(module)
        self._hooks.loaded(module)
