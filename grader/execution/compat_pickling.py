"""dill, with which `datasets.map` tells functions apart and sends them to processes, follows every function once.

To hash a lambda it follows all functions that one mentions, those that they mention, and each again wherever it meets it: for
`self.train_set = raw.map(lambda rows: self.tok(...))` in a class of the notebook, through half of scikit-learn, minutes. What
is wrapped here goes by the name of what it was.
"""

from __future__ import annotations

import importlib
import weakref
from functools import reduce
from types import FunctionType
from typing import Any

from .inside_session import Session

_PACKAGE = __name__.rpartition(".")[0] + "."


def install(session: Session) -> None:
    """As soon as dill is there."""
    session.hooks.when("dill.detect", session.guard(_follow_once))
    session.hooks.when("dill._dill", session.guard(_pickle_by_name))


def _ours(item: Any) -> bool:
    return str(getattr(item, "__globals__", {}).get("__name__", "")).startswith(_PACKAGE)


def _follow_once(detect: Any) -> None:
    original = detect.globalvars
    libraries: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
    under_way: dict[Any, Any] = {}
    """The notebook's own functions may change from one cell to the next: they are kept for one question only."""
    depth = 0

    def globalvars(func: Any, recurse: bool = True, builtin: bool = False) -> Any:
        nonlocal depth
        plain = getattr(func, "__func__", func)
        if type(plain) is not FunctionType or not (recurse and builtin):
            return original(func, recurse, builtin)
        kept = under_way if plain.__module__ == "__main__" else libraries
        if _ours(plain) or plain in kept:
            return kept.get(plain, {})
        kept[plain] = {}
        depth += 1
        try:
            kept[plain] = found = original(func, recurse, builtin)
        finally:
            depth -= 1
            if not depth:
                under_way.clear()
        return found

    detect.globalvars = globalvars


def _pickle_by_name(module: Any) -> None:
    original = module.Pickler.save

    def save(pickler: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        if type(obj) is FunctionType and obj is not named and _ours(obj):
            return pickler.save_reduce(named, (obj.__module__, obj.__qualname__), obj=obj)
        return original(pickler, obj, *args, **kwargs)

    module.Pickler.save = save


def named(module: str, name: str) -> Any:
    """What stands under a name, as it was before or as it is wrapped."""
    return reduce(getattr, name.split("."), importlib.import_module(module))
