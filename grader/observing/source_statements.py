"""Statements of the student's code, followed without running anything: assignments, branches, loops, definitions.

Branches whose condition isn't known are followed both, and what differs afterwards is unknown.
"""

from __future__ import annotations

import ast
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from grader.model.finding import Citation
from grader.observing.source_cells import Code
from grader.observing.source_eval import Evaluator, elements, is_known, part_of
from grader.observing.source_library import Library
from grader.observing.source_values import (
    ITEM,
    UNKNOWN,
    Class,
    Env,
    Function,
    Instance,
    Lib,
    Model,
    Output,
    Power,
    Tokenizer,
    Trainer,
    Value,
)

BUDGET = 100_000
CELL_BUDGET = 20_000
"""Evaluation steps for a notebook and for one cell (usual: 3,000 in all); what lies beyond is not followed."""
UNROLLED = 12
_EPOCH = re.compile(r"^(?:ep|epochs?|epoch_?\w*|e)$", re.IGNORECASE)


class LeftError(Exception):
    """return, break, continue or raise ends a block."""


class SpentError(Exception):
    """The budget is used up."""


@dataclass
class Frame:
    """A call that is being followed."""

    code: Code
    env: Env
    results: list[Value] = field(default_factory=list)


class Statements(ABC):
    """Follows statements; calls are followed by `source_walk.Walker`."""

    def __init__(self, library: Library) -> None:
        """Start with an empty notebook."""
        self.library = library
        self.evaluator = Evaluator(self)
        self.globals = Env()
        self.frames: list[Frame] = []
        self.line = 0
        self.uncertain = 0
        self.loops = 0
        self.epochs: Value = UNKNOWN
        self.active: list[ast.AST] = []
        self.touched: list[Value] = []
        self.left = BUDGET
        self.left_of_cell = CELL_BUDGET

    @abstractmethod
    def call(self, function: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        """The value of a call."""

    @property
    def code(self) -> Code:
        """The cell whose text is being read (a function's own cell while it is followed)."""
        return self.frames[-1].code

    def cite(self) -> Citation:
        """The line that is being read."""
        return Citation(where="notebook", cell=self.code.cell, quote=self.code.quote(self.line)[:300])

    def spend(self) -> None:
        """Count a step against the budget."""
        self.left -= 1
        self.left_of_cell -= 1
        if self.left < 0 or self.left_of_cell < 0:
            raise SpentError

    def self_value(self) -> Value:
        """The object whose method is being followed."""
        return self.frames[-1].env.get("self")

    def touch(self, value: Value) -> None:
        """Remember models, trainers and their outputs that a name stood for."""
        if isinstance(value, Model | Trainer | Output) and len(self.touched) < 500:
            self.touched.append(value)

    def position(self, node: ast.Subscript, base: Value) -> None:
        """Tell the library about `[:, -1]`."""
        self.library.position(node, base)

    def weighed(self, loss: Output, weight: Power) -> None:
        """Tell the library about losses weighted one by one."""
        self.library.weighed(loss, weight)

    def make_lambda(self, node: ast.Lambda, env: Env) -> Function:
        """A lambda as a value."""
        return Function(node, env, self.code, self._defaults(node.args, env))

    # statements

    def block(self, statements: Sequence[ast.stmt], env: Env) -> None:
        """Follow statements in order."""
        for statement in statements:
            self.spend()
            self.line = statement.lineno
            method = getattr(self, f"_{type(statement).__name__.lower()}", None)
            if method:
                method(statement, env)
            else:
                self._others(statement, env)

    def _others(self, statement: ast.stmt, env: Env) -> None:
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.expr):
                self.evaluator.value(child, env)

    def _expr(self, statement: ast.Expr, env: Env) -> None:
        self.evaluator.value(statement.value, env)

    def _assign(self, statement: ast.Assign, env: Env) -> None:
        value = self.evaluator.value(statement.value, env)
        for target in statement.targets:
            self.assign(target, value, env)

    def _annassign(self, statement: ast.AnnAssign, env: Env) -> None:
        if statement.value is not None:
            self.assign(statement.target, self.evaluator.value(statement.value, env), env)

    def _augassign(self, statement: ast.AugAssign, env: Env) -> None:
        right = self.evaluator.value(statement.value, env)
        left = self.evaluator.value(statement.target, env)
        value = self.evaluator.operate(statement.op, left, right)
        if self.loops and isinstance(value, int | float):
            value = UNKNOWN
        self.assign(statement.target, value, env)

    def assign(self, target: ast.AST, value: Value, env: Env) -> None:
        """Bind a name, an attribute or an item."""
        if isinstance(target, ast.Attribute):
            self._assign_attribute(self.evaluator.value(target.value, env), target.attr, value)
        elif isinstance(target, ast.Subscript):
            self._assign_item(target, value, env)
        elif isinstance(target, ast.Tuple | ast.List):
            for place, item in enumerate(target.elts):
                self.assign(item.value if isinstance(item, ast.Starred) else item, part_of(value, place), env)
        else:
            self.evaluator.bind(target, value, env)
            self.library.named(target, value)

    def _assign_attribute(self, owner: Value, name: str, value: Value) -> None:
        if isinstance(owner, Tokenizer):
            self.library.set_tokenizer(owner, name, value)
        elif isinstance(owner, Instance | Trainer):
            owner.attrs[name] = UNKNOWN if self.uncertain and name in owner.attrs else value
            self.library.set_attribute(owner, name, value)
        elif isinstance(owner, Class):
            owner.attrs[name] = value
        else:
            self.library.set_part(owner, name)

    def _assign_item(self, target: ast.Subscript, value: Value, env: Env) -> None:
        owner = self.evaluator.value(target.value, env)
        key = self.evaluator.value(target.slice, env)
        if isinstance(owner, dict) and isinstance(key, str | int):
            owner[key] = value
        elif isinstance(value, Power) and isinstance(target.value, ast.Name):
            env.names[target.value.id] = value

    def _if(self, statement: ast.If, env: Env) -> None:
        test = self.evaluator.value(statement.test, env)
        if is_known(test):
            self.block(statement.body if test else statement.orelse, env)
            return
        before = dict(env.names)
        first = self._branch(statement.body, env)
        after = env.names
        env.names = dict(before)
        second = self._branch(statement.orelse, env)
        env.names = _both(after, env.names, first, second)
        if first and second and statement.orelse:
            raise LeftError

    def _branch(self, statements: Sequence[ast.stmt], env: Env) -> bool:
        """Follow a branch that may not be taken; whether it leaves the block."""
        self.uncertain += 1
        try:
            self.block(statements, env)
        except LeftError:
            return True
        finally:
            self.uncertain -= 1
        return False

    def _for(self, statement: ast.For | ast.AsyncFor, env: Env) -> None:
        value = self.evaluator.value(statement.iter, env)
        items = elements(value)
        listed = isinstance(statement.iter, ast.Tuple | ast.List)  # `for r in (4, 16, 64)`: each value means something
        if len(items) > UNROLLED or (not listed and all(isinstance(item, int | float) for item in items)):
            items = [ITEM]
        single = len(items) == 1
        self.loops += single
        outer = self.epochs
        if _EPOCH.search(ast.unparse(statement.target)[:60]):
            self.epochs = len(value) if isinstance(value, list) else UNKNOWN
        for item in items:
            self.evaluator.bind(statement.target, item, env)
            try:
                self.block(statement.body, env)
            except LeftError:
                if self.frames[-1].results:
                    self.loops, self.epochs = self.loops - single, outer
                    raise
        self.loops, self.epochs = self.loops - single, outer
        self.block(statement.orelse, env)

    _asyncfor = _for

    def _while(self, statement: ast.While, env: Env) -> None:
        self.evaluator.value(statement.test, env)
        self.loops += 1
        self._branch(statement.body, env)
        self.loops -= 1

    def _with(self, statement: ast.With | ast.AsyncWith, env: Env) -> None:
        entered = 0
        for item in statement.items:
            value = self.evaluator.value(item.context_expr, env)
            entered += self.library.enter(value)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, env)
        try:
            self.block(statement.body, env)
        finally:
            self.library.leave(entered)

    _asyncwith = _with

    def _try(self, statement: ast.Try, env: Env) -> None:
        self.block(statement.body, env)
        again = {ast.dump(item) for item in statement.body}  # the same once more: a second attempt changes nothing
        tried = (item for handler in statement.handlers for item in handler.body if ast.dump(item) not in again)
        for node in (node for item in tried for node in ast.walk(item)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.library.in_doubt(env.get(node.id))
        self.block(statement.orelse, env)
        self.block(statement.finalbody, env)

    def _return(self, statement: ast.Return, env: Env) -> None:
        self.frames[-1].results.append(self.evaluator.value(statement.value, env) if statement.value else None)
        raise LeftError

    def _continue(self, statement: ast.stmt, env: Env) -> None:
        raise LeftError

    _break = _continue
    _raise = _continue

    def _import(self, statement: ast.Import, env: Env) -> None:
        for alias in statement.names:
            env.names[alias.asname or alias.name.partition(".")[0]] = Lib(
                alias.name if alias.asname else alias.name.partition(".")[0]
            )

    def _importfrom(self, statement: ast.ImportFrom, env: Env) -> None:
        for alias in statement.names:
            if alias.name != "*":
                env.names[alias.asname or alias.name] = Lib(f"{statement.module or ''}.{alias.name}")

    def _functiondef(self, statement: ast.FunctionDef | ast.AsyncFunctionDef, env: Env) -> None:
        defaults = self._defaults(statement.args, env)
        env.names[statement.name] = Function(statement, env, self.code, defaults)

    _asyncfunctiondef = _functiondef

    def _defaults(self, args: ast.arguments, env: Env) -> dict[str, Value]:
        positional = [*args.posonlyargs, *args.args]
        names = [item.arg for item in positional[len(positional) - len(args.defaults) :]]
        found = {name: self.evaluator.value(node, env) for name, node in zip(names, args.defaults, strict=True)}
        for item, node in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            if node is not None:
                found[item.arg] = self.evaluator.value(node, env)
        return found

    def _classdef(self, statement: ast.ClassDef, env: Env) -> None:
        inner = Env(env)
        bases = tuple(self.evaluator.value(base, env) for base in statement.bases)
        self.block(statement.body, inner)
        fields = tuple(
            item.target.id
            for item in statement.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        )
        env.names[statement.name] = Class(statement.name, bases, inner.names, fields)


def _both(after: dict[str, Value], other: dict[str, Value], first: bool, second: bool) -> dict[str, Value]:
    """Names after an `if` whose condition isn't known; a branch that leaves the block doesn't count."""
    if first or second:
        return other if first else after
    merged: dict[str, Value] = {}
    for name in {**after, **other}:
        if name in after and name in other:
            merged[name] = _either(after[name], other[name])
        else:
            merged[name] = after.get(name, other.get(name))
    return merged


def _either(here: Value, there: Value) -> Value:
    """What a name may stand for after a branch; a place held by None is filled with the object that one branch puts there."""
    if here is there or _equal(here, there):
        return here
    for empty, filled in ((here, there), (there, here)):
        if empty is None and isinstance(filled, Model | Trainer | Tokenizer):
            return filled
    return UNKNOWN


def _equal(left: Value, right: Value) -> bool:
    return is_known(left) and is_known(right) and left == right
