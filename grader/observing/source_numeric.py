"""What numpy, torch, pandas and plain Python do to class counts and to known constants: just enough to follow class weights.

`1 / np.sqrt(np.bincount(labels))` is recognised as counts to the power -0.5, however it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import yaml

from grader.observing.source_values import (
    ITEM,
    MASK,
    UNKNOWN,
    Bound,
    Instance,
    Lib,
    Output,
    Power,
    Value,
    raised,
)

_COUNTING = frozenset({"bincount", "Counter", "value_counts"})
_COUNT_METHODS = frozenset({"value_counts", "bincount"})
_CUTS = frozenset({"clip", "clamp", "clamp_", "clip_", "minimum", "maximum"})
_SAME = frozenset(
    {"tensor", "array", "asarray", "as_tensor", "from_numpy", "FloatTensor", "Tensor", "Series", "list", "tuple", "dict",
     "sorted", "maximum", "minimum", "clip", "clamp", "nan_to_num", "float32", "float64", "float", "where", "abs", "stack",
     "DataFrame", "copy", "deepcopy", "OrderedDict", "fromiter", "normalize"}
)  # fmt: skip
_SCALAR_METHODS = frozenset(
    {"sum", "mean", "max", "min", "std", "median", "item", "keys", "nunique", "argmax", "argmin", "argsort", "numel", "dim",
     "any", "all"}
)  # fmt: skip
_IDENTITY = frozenset({"compile", "DataParallel", "prepare_model", "unwrap_model", "deepcopy", "copy"})
_STRING_METHODS = frozenset(
    {"lower", "upper", "strip", "split", "replace", "startswith", "endswith", "rstrip", "lstrip", "join"}
)
RANGE = 300
SHORT_TEXT = 2_000
SETTINGS_TEXT = 5_000
_ANCHOR = re.compile(r"(?:^|[\s:\[{,-])[&*]\w|<<:|!!")
"""What can make a short text of YAML grow."""


def numeric_call(function: Lib, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """The value of a library function that counts, raises to powers or converts."""
    name = function.name
    first = args[0] if args else UNKNOWN
    if name in _COUNTING:
        return Power(1.0)
    if name == "unique" and kwargs.get("return_counts") is True:
        return (UNKNOWN, Power(1.0))
    if name == "compute_class_weight":
        way = kwargs.get("class_weight", first)
        return Power(-1.0) if way == "balanced" else UNKNOWN
    if isinstance(first, Power) or any(isinstance(item, Power) for item in args):
        return _of_power(name, args)
    if isinstance(first, Output):
        return first
    return _plain_call(function, name, args, kwargs)


def _of_power(name: str, args: list[Value]) -> Value:
    power = next(item for item in args if isinstance(item, Power))
    functions: dict[str, Callable[[Power], Value]] = {
        "sqrt": lambda item: raised(item, 0.5),
        "rsqrt": lambda item: raised(item, -0.5),
        "reciprocal": lambda item: raised(item, -1.0),
        "square": lambda item: raised(item, 2.0),
        "log": lambda item: Power(1.0, "log"),
        "log1p": lambda item: Power(1.0, "log"),
        "log2": lambda item: Power(1.0, "log"),
    }
    if name in _CUTS and power.exponent < 0:
        return UNKNOWN  # weights cut off follow no power any more; counts kept above one do
    if name in functions:
        return functions[name](power)
    if name in ("power", "pow", "float_power") and len(args) > 1:
        if args[0] is power:
            return raised(power, float(args[1])) if isinstance(args[1], int | float) else UNKNOWN
        return Power(1.0, "exponential")
    if name in ("zip", "enumerate"):
        return [
            tuple(item if isinstance(item, Power) else ITEM for item in (args if name == "zip" else (UNKNOWN, power)))
        ]
    return (
        power if (name in _SAME and isinstance(args[0], Power)) or name in ("where", "maximum", "minimum") else UNKNOWN
    )


def _plain_call(function: Lib, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Python's own functions and a few questions about the machine."""
    if function.path.endswith("cuda.is_available"):
        return True
    if function.path == "range" and all(isinstance(item, int) for item in args) and args:
        return list(range(*args))[:RANGE] if len(range(*args)) <= RANGE else UNKNOWN
    if name in ("tuple", "list") and args and isinstance(args[0], list | tuple):
        return list(args[0])
    if function.path == "dict":
        return {**(args[0] if args and isinstance(args[0], dict) else {}), **kwargs}
    if function.path in ("zip", "enumerate"):
        return _pairs(function.path, args)
    if function.path.endswith(("yaml.safe_load", "json.loads")) and args and isinstance(args[0], str):
        return _settings(args[0])
    if function.path in ("str", "int", "float") and args and isinstance(args[0], str | int | float):
        return _converted(function.path, args[0])
    if name in ("asdict", "vars") and args and isinstance(args[0], Instance):
        return dict(args[0].attrs)
    if function.path == "getattr" and len(args) > 1 and isinstance(args[1], str):
        return _getattr(args)
    if function.path == "getattr" or name not in _IDENTITY or not args:
        return UNKNOWN
    return args[0]


def _getattr(args: list[Value]) -> Value:
    owner, name = args[0], args[1]
    if isinstance(owner, Lib):
        return Lib(f"{owner.path}.{name}")
    return owner.attrs.get(name, UNKNOWN) if isinstance(owner, Instance) else Bound(owner, name)


def _converted(name: str, value: str | int | float) -> Value:
    try:
        return {"str": str, "int": int, "float": float}[name](value)
    except (ValueError, OverflowError):
        return UNKNOWN


def _settings(text: str) -> Value:
    """Settings that stand in the notebook as YAML or JSON."""
    if len(text) > SETTINGS_TEXT or _ANCHOR.search(text):
        return UNKNOWN
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return UNKNOWN


def _pairs(name: str, args: list[Value]) -> Value:
    if not args or not all(isinstance(item, list | tuple) for item in args):
        return UNKNOWN
    return [tuple(pair) for pair in (enumerate(args[0]) if name == "enumerate" else zip(*args, strict=False))]


def numeric_method(owner: Value, name: str, args: list[Value]) -> Value:
    """The value of a method of counts, of a known constant or of something unknown."""
    if isinstance(owner, Power):
        return _power_method(owner, name, args)
    if isinstance(owner, Bound) and name in ("size", "count", "sum"):
        return UNKNOWN
    if isinstance(owner, str) and name in _STRING_METHODS:
        return _string_method(owner, name, args)
    if isinstance(owner, dict):
        return _dict_method(owner, name, args)
    if isinstance(owner, list):
        return _list_method(owner, name, args)
    if owner is MASK and name == "sum":
        return Power(1.0)
    if name in _COUNT_METHODS or (name == "size" and not args) or (name == "count" and len(args) == 1):
        return Power(1.0)
    return UNKNOWN


def _power_method(owner: Power, name: str, args: list[Value]) -> Value:
    if name in ("sqrt", "rsqrt", "reciprocal", "log", "log1p", "square"):
        return _of_power(name, [owner])
    if name in ("pow", "__pow__", "pow_", "rsqrt_") and args:
        return _of_power("pow", [owner, args[0]])
    if name in ("items", "most_common", "iteritems"):
        return [(UNKNOWN, owner)]
    if name in ("apply", "map") or (name in _CUTS and owner.exponent < 0):
        return UNKNOWN
    return UNKNOWN if name in _SCALAR_METHODS else owner


def _string_method(owner: str, name: str, args: list[Value]) -> Value:
    short = all(not isinstance(item, str) or len(item) <= SHORT_TEXT for item in args)
    if not all(isinstance(item, str | int | list | tuple) for item in args) or len(owner) > SHORT_TEXT or not short:
        return UNKNOWN
    try:
        return getattr(owner, name)(*args)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError, MemoryError):
        return UNKNOWN


def _dict_method(owner: dict[Value, Value], name: str, args: list[Value]) -> Value:
    if name == "get" and args and isinstance(args[0], str | int):
        return owner.get(args[0], args[1] if len(args) > 1 else None)
    if name == "items":
        return [tuple(item) for item in owner.items()]
    if name in ("values", "keys"):
        return list(owner.values() if name == "values" else owner.keys())
    if name == "copy":
        return dict(owner)
    if name == "update" and args and isinstance(args[0], dict):
        owner.update(args[0])
    elif name == "pop" and args and isinstance(args[0], str | int):
        return owner.pop(args[0], UNKNOWN)
    return UNKNOWN


def _list_method(owner: list[Value], name: str, args: list[Value]) -> Value:
    if len(owner) > RANGE:
        return UNKNOWN
    if name == "append" and args:
        owner.append(args[0])
        return None
    if name == "extend" and args:
        owner.extend(args[0] if isinstance(args[0], list | tuple) else [UNKNOWN])
        return None
    return list(owner) if name == "copy" else UNKNOWN
