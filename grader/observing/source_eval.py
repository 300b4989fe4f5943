"""Expressions of the student's code, as far as their values can be told without running anything."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from typing import Protocol

from grader.observing.source_values import (
    ITEM,
    MASK,
    UNKNOWN,
    Bound,
    Class,
    Env,
    Function,
    Instance,
    Lib,
    Output,
    Parts,
    Power,
    Tokenizer,
    Trainer,
    Value,
    combined,
    unknown,
)

TEXT = 5_000
ITEMS = 300
SHORT_TEXT = 20
SMALL_POWER = 40
LARGEST = 10**15
_NUMERIC: dict[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Value, Value], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right, ast.NotIn: lambda left, right: left not in right,
}  # fmt: skip
_SAME_NUMBERS = frozenset({"values", "array", "T", "data", "iloc", "loc", "flat"})
"""What a Series or a tensor is read through without a call."""
_COUNTS_NAME = re.compile(r"(?:^|_)(?:counts?|freqs?|frequenc(?:y|ies))$", re.IGNORECASE)


class Caller(Protocol):
    """Who carries calls out (`source_walk.Walker`)."""

    def call(self, function: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        """The value of a call."""

    def touch(self, value: Value) -> None:
        """A name was read."""

    def make_lambda(self, node: ast.Lambda, env: Env) -> Function:
        """A lambda as a value."""

    def spend(self) -> None:
        """Count a step against the budget."""

    def position(self, node: ast.Subscript, base: Value) -> None:
        """A subscript was read; it may pool by position."""

    def weighed(self, loss: Output, weight: Power) -> None:
        """Losses of single examples were weighted."""


def is_known(value: Value) -> bool:
    """A plain Python value."""
    return value is None or isinstance(value, str | int | float | bool | list | tuple | dict | set)


class Evaluator:
    """Evaluates expressions in an environment."""

    def __init__(self, caller: Caller) -> None:
        """Calls go back to the walker."""
        self.caller = caller

    def value(self, node: ast.AST | None, env: Env) -> Value:
        """The value of an expression."""
        self.caller.spend()
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        return method(node, env) if method else self._others(node, env)

    def _others(self, node: ast.AST | None, env: Env) -> Value:
        for child in ast.iter_child_nodes(node) if node is not None else ():
            if isinstance(child, ast.expr):
                self.value(child, env)
        return UNKNOWN

    def _constant(self, node: ast.Constant, env: Env) -> Value:
        return node.value

    def _name(self, node: ast.Name, env: Env) -> Value:
        if not env.has(node.id):
            return Lib(node.id)
        value = env.get(node.id)
        self.caller.touch(value)
        return value

    def _attribute(self, node: ast.Attribute, env: Env) -> Value:
        base = self.value(node.value, env)
        same = isinstance(base, Output) or (isinstance(base, Power) and node.attr in _SAME_NUMBERS)
        return base if same else self.attribute(base, node.attr)

    def attribute(self, base: Value, name: str) -> Value:
        """`base.name`."""
        if isinstance(base, Lib):
            return Lib(f"{base.path}.{name}")
        if isinstance(base, Parts):
            return Bound(base, name)
        if isinstance(base, Tokenizer) and name in ("padding_side", "name_or_path"):
            return (base.side if name == "padding_side" else base.checkpoint) or UNKNOWN
        if isinstance(base, Instance | Trainer):
            return self._of_object(base, name)
        if isinstance(base, Class) and not isinstance(found := base.find(name), Function | None):
            return found
        if isinstance(base, Bound) and base.name == "super":
            return Bound(base.owner, f"super.{name}")
        if isinstance(base, Power):
            return UNKNOWN if name in ("shape", "index", "dtype", "device") else Bound(base, name)
        if isinstance(base, dict) and name in base:
            return base[name]
        return Bound(base, name)

    def _of_object(self, base: Instance | Trainer, name: str) -> Value:
        if name in base.attrs:
            value = base.attrs[name]
            self.caller.touch(value)
            return value
        if isinstance(base, Trainer) and name == "model":
            return base.model if base.model is not None else UNKNOWN
        found = base.cls.find(name) if base.cls else None
        if isinstance(found, Function) or found is None:
            return Bound(base, name)
        return found

    def _call(self, node: ast.Call, env: Env) -> Value:
        if isinstance(node.func, ast.Attribute):
            function = self.attribute(self.value(node.func.value, env), node.func.attr)
        else:
            function = self.value(node.func, env)
        args: list[Value] = []
        for argument in node.args:
            value = self.value(argument.value if isinstance(argument, ast.Starred) else argument, env)
            if isinstance(argument, ast.Starred):
                args.extend(value if isinstance(value, list | tuple) else [UNKNOWN])
            else:
                args.append(value)
        kwargs: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, env)
            if keyword.arg:
                kwargs[keyword.arg] = value
            elif isinstance(value, dict):
                kwargs.update({str(key): item for key, item in value.items()})
            else:
                kwargs["**"] = UNKNOWN
        return self.caller.call(function, args, kwargs, node)

    def _tuple(self, node: ast.Tuple, env: Env) -> Value:
        return tuple(self._items(node.elts, env))

    def _list(self, node: ast.List, env: Env) -> Value:
        return self._items(node.elts, env)

    def _set(self, node: ast.Set, env: Env) -> Value:
        return self._items(node.elts, env)

    def _items(self, nodes: list[ast.expr], env: Env) -> list[Value]:
        items: list[Value] = []
        for node in nodes[:ITEMS]:
            value = self.value(node.value if isinstance(node, ast.Starred) else node, env)
            items.extend(value if isinstance(node, ast.Starred) and isinstance(value, list | tuple) else [value])
        return items

    def _dict(self, node: ast.Dict, env: Env) -> Value:
        made: dict[Value, Value] = {}
        for key, item in list(zip(node.keys, node.values, strict=True))[:ITEMS]:
            value = self.value(item, env)
            if key is None:
                made.update(value if isinstance(value, dict) else {})
                continue
            name = self.value(key, env)
            if isinstance(name, str | int | float | bool | None):
                made[name] = value
        return made

    def _joinedstr(self, node: ast.JoinedStr, env: Env) -> Value:
        parts: list[str] = []
        for item in node.values:
            value = self.value(item.value if isinstance(item, ast.FormattedValue) else item, env)
            if not isinstance(value, str | int | float):
                return UNKNOWN
            parts.append(str(value))
        return "".join(parts)[:TEXT]

    def _binop(self, node: ast.BinOp, env: Env) -> Value:
        return self.operate(node.op, self.value(node.left, env), self.value(node.right, env))

    def operate(self, sign: ast.operator, left: Value, right: Value) -> Value:
        """`left sign right`."""
        for loss, weight in ((left, right), (right, left)):
            if isinstance(loss, Output) and loss.rows and isinstance(weight, Power) and isinstance(sign, ast.Mult):
                self.caller.weighed(loss, weight)
                return Output(loss.model)
        if isinstance(left, Power) or isinstance(right, Power):
            return combined(sign, left, right)
        if isinstance(left, Output) or isinstance(right, Output):
            return left if isinstance(left, Output) else right
        if isinstance(sign, ast.BitOr) and isinstance(left, dict) and isinstance(right, dict):
            return {**left, **right}
        apply = _NUMERIC.get(type(sign))
        if apply is None or not (is_known(left) and is_known(right)) or _grows(sign, left, right):
            return UNKNOWN
        try:
            found = apply(left, right)
        except (TypeError, ValueError, ArithmeticError):
            return UNKNOWN
        return UNKNOWN if isinstance(found, complex) else found

    def _unaryop(self, node: ast.UnaryOp, env: Env) -> Value:
        value = self.value(node.operand, env)
        if isinstance(node.op, ast.Not):
            return not value if is_known(value) else UNKNOWN
        if isinstance(node.op, ast.USub) and isinstance(value, int | float):
            return -value
        return value if isinstance(value, Power | Output) else UNKNOWN

    def _boolop(self, node: ast.BoolOp, env: Env) -> Value:
        last: Value = UNKNOWN
        for item in node.values:
            last = self.value(item, env)
            if not is_known(last):
                return UNKNOWN
            if bool(last) == isinstance(node.op, ast.Or):
                return last
        return last

    def _compare(self, node: ast.Compare, env: Env) -> Value:
        values = [self.value(item, env) for item in (node.left, *node.comparators)]
        if len(values) > 2 or not all(is_known(value) for value in values):
            is_none = isinstance(node.ops[0], ast.Is | ast.IsNot) and values[-1] is None and not unknown(values[0])
            return isinstance(node.ops[0], ast.IsNot) if is_none and not isinstance(values[0], Lib) else MASK
        try:
            return _COMPARE[type(node.ops[0])](values[0], values[1])
        except (TypeError, ValueError):
            return UNKNOWN

    def _ifexp(self, node: ast.IfExp, env: Env) -> Value:
        test = self.value(node.test, env)
        if is_known(test):
            return self.value(node.body if test else node.orelse, env)
        yes, no = self.value(node.body, env), self.value(node.orelse, env)
        return yes if yes is no or (is_known(yes) and is_known(no) and yes == no) else UNKNOWN

    def _subscript(self, node: ast.Subscript, env: Env) -> Value:
        base = self.value(node.value, env)
        self.caller.position(node, base)
        if isinstance(node.slice, ast.Slice):
            return base if isinstance(base, Power | Output) else UNKNOWN
        key = self.value(node.slice, env)
        if isinstance(base, Power | Output):
            return base
        try:
            if isinstance(base, dict | list | tuple | str) and isinstance(key, str | int):
                return base[key]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return UNKNOWN
        return UNKNOWN

    def _lambda(self, node: ast.Lambda, env: Env) -> Value:
        return self.caller.make_lambda(node, env)

    def _namedexpr(self, node: ast.NamedExpr, env: Env) -> Value:
        value = self.value(node.value, env)
        env.names[node.target.id] = value
        return value

    def _await(self, node: ast.Await, env: Env) -> Value:
        return self.value(node.value, env)

    def _listcomp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, env: Env) -> Value:
        inner = Env(env)
        made = [self.value(node.elt, inner) for _ in self._rounds(node.generators, inner)]
        if made and isinstance(made[0], Power):
            return made[0]
        exact = all(is_known(self.value(item.iter, env)) for item in node.generators)
        return made if exact else UNKNOWN

    _setcomp = _listcomp
    _generatorexp = _listcomp

    def _dictcomp(self, node: ast.DictComp, env: Env) -> Value:
        inner = Env(env)
        made: dict[Value, Value] = {}
        for _ in self._rounds(node.generators, inner):
            key, value = self.value(node.key, inner), self.value(node.value, inner)
            if isinstance(value, Power):
                return value
            if not isinstance(key, str | int | float):
                return UNKNOWN
            made[key] = value
        return made

    def _rounds(self, generators: list[ast.comprehension], env: Env) -> Iterator[None]:
        """Bind the targets of the first generator in turn; further ones once."""
        first, *rest = generators
        for item in elements(self.value(first.iter, env))[:ITEMS]:
            self.bind(first.target, item, env)
            for other in rest:
                self.bind(other.target, next(iter(elements(self.value(other.iter, env))), UNKNOWN), env)
            tests = [self.value(test, env) for test in first.ifs]
            if all(not is_known(test) or test for test in tests):
                yield

    def bind(self, target: ast.AST, value: Value, env: Env) -> None:
        """Give a value to a name or to the names of a tuple."""
        if isinstance(target, ast.Name):
            if unknown(value) and value is not ITEM and _COUNTS_NAME.search(target.id):
                value = Power(1.0)
            env.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            for place, item in enumerate(target.elts):
                self.bind(item.value if isinstance(item, ast.Starred) else item, part_of(value, place), env)


def elements(value: Value) -> list[Value]:
    """What a loop over the value goes through; a single unknown element where that isn't known."""
    if isinstance(value, Power):
        return [value]
    if isinstance(value, list | tuple | set | dict):
        return list(value)
    if isinstance(value, Output | Parts):
        return [value]
    if isinstance(value, str) and len(value) <= SHORT_TEXT:
        return list(value)
    return [ITEM]


def part_of(value: Value, place: int) -> Value:
    """One of the values that a tuple target takes."""
    if isinstance(value, list | tuple):
        return value[place] if place < len(value) else UNKNOWN
    return value if isinstance(value, Output | Parts) else UNKNOWN


def _grows(sign: ast.operator, left: Value, right: Value) -> bool:
    """An expression that would take much memory or time (`"x" * 10**9`)."""
    sizes = [len(item) for item in (left, right) if isinstance(item, str | list | tuple)]
    if isinstance(sign, ast.Mult) and sizes:
        times = next((item for item in (left, right) if isinstance(item, int)), 1)
        return sizes[0] * times > ITEMS * 10
    if isinstance(sign, ast.Mod) and isinstance(left, str):
        return True
    if isinstance(sign, ast.Pow | ast.LShift):
        small = isinstance(left, int | float) and abs(left) <= LARGEST
        return not (small and isinstance(right, int | float) and abs(right) <= SMALL_POWER)
    return sum(sizes) > TEXT or any(isinstance(item, int) and abs(item) > LARGEST for item in (left, right))
