"""Follows the notebook's code from cell to cell, and calls into functions and classes of the student's. Nothing is run.

Statements are followed in `source_statements`, library calls are understood in `source_library`.
"""

from __future__ import annotations

import ast

from grader.observing.source_cells import Code
from grader.observing.source_eval import is_known
from grader.observing.source_library import Library
from grader.observing.source_statements import CELL_BUDGET, Frame, LeftError, SpentError, Statements
from grader.observing.source_values import (
    UNKNOWN,
    Bound,
    Class,
    Env,
    Function,
    Instance,
    Partial,
    Trainer,
    Value,
)

CALL_DEPTH = 8
_CALLED_LATER = (
    "compute_metrics",
    "key",
    "preprocess_logits_for_metrics",
    "compute_loss_func",
    "data_collator",
    "model_init",
)
_LAZY_METHODS = ("__getitem__", "__call__", "collate_fn", "torch_call")


class Walker(Statements):
    """Follows code and hands library calls to `library`."""

    def __init__(self, library: Library) -> None:
        """Start with an empty notebook."""
        super().__init__(library)
        library.walker = self

    def cell(self, code: Code) -> list[Value]:
        """Follow one cell; which values its names touched."""
        self.touched = []
        self.left_of_cell = CELL_BUDGET
        self.library.begin(code)
        self.frames = [Frame(code, self.globals)]
        for statement in code.tree.body:
            try:
                self.library.timing_cell(code, statement)
                self.block([statement], self.globals)
            except LeftError:
                continue
            except (SpentError, RecursionError):
                self.library.facts.objects.incomplete = True
                self.uncertain = self.loops = 0
                self.frames, self.active = [Frame(code, self.globals)], []
        return self.touched

    def call(self, function: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        """The value of a call: followed where the function is the student's, understood where it is a library's."""
        if isinstance(function, Function):
            self.library.timing.inside(function)
            return self.follow(function, args, kwargs)
        if isinstance(function, Partial):
            return self.call(function.function, [*function.args, *args], {**function.kwargs, **kwargs}, node)
        if isinstance(function, Class):
            return self._make(function, args, kwargs)
        if isinstance(function, Bound) and isinstance(function.owner, Instance | Trainer):
            method = function.owner.cls.find(function.name) if function.owner.cls else None
            if isinstance(method, Function):
                return self.follow(method, [function.owner, *args], kwargs)
        if isinstance(function, Instance):
            return self._call_instance(function, args, kwargs)
        value = self.library.call(function, args, kwargs, node)
        self._follow_arguments(function, args, kwargs)
        return value

    def _call_instance(self, owner: Instance, args: list[Value], kwargs: dict[str, Value]) -> Value:
        for name in ("forward", "__call__"):
            method = owner.cls.find(name) if owner.cls else None
            if isinstance(method, Function):
                return self.follow(method, [owner, *args], kwargs)
        return UNKNOWN

    def _follow_arguments(self, function: Value, args: list[Value], kwargs: dict[str, Value]) -> None:
        """A function handed to something unknown (`dataset.map(tokenize)`) is called there."""
        extra = kwargs.get("fn_kwargs")
        for name, value in (*(("", item) for item in args), *kwargs.items()):
            if isinstance(value, Function | Partial) and name not in _CALLED_LATER:
                self.call_unknown(value, extra if isinstance(extra, dict) else {})

    def call_unknown(self, value: Value, kwargs: dict[str, Value]) -> Value:
        """Follow a function of which only some arguments are known."""
        inner = value
        given: dict[str, Value] = {}
        while isinstance(inner, Partial):
            given.update(inner.kwargs)
            inner = inner.function
        return self.follow(inner, [], {**given, **kwargs}) if isinstance(inner, Function) else UNKNOWN

    def follow(self, function: Function, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """Follow the body of a function of the student's."""
        if function.node in self.active or len(self.active) >= CALL_DEPTH:
            return UNKNOWN
        env = Env(function.env)
        self._bind_arguments(function, env, args, kwargs)
        line, loops, uncertain = self.line, self.loops, self.uncertain
        self.active.append(function.node)
        self.frames.append(Frame(function.code, env))
        token = self.library.timing_enter(function, env)
        try:
            self._body(function, env)
        except LeftError:
            pass
        finally:
            self.library.timing_leave(token, env)
            results = self.frames.pop().results
            self.active.pop()
            self.line, self.loops, self.uncertain = line, loops, uncertain
        return _one(results)

    def _body(self, function: Function, env: Env) -> None:
        if isinstance(function.node, ast.Lambda):
            self.frames[-1].results.append(self.evaluator.value(function.node.body, env))
        else:
            self.block(function.node.body, env)

    def _bind_arguments(self, function: Function, env: Env, args: list[Value], kwargs: dict[str, Value]) -> None:
        declared = function.node.args
        names = [item.arg for item in (*declared.posonlyargs, *declared.args)]
        for name in (*names, *(item.arg for item in declared.kwonlyargs)):
            env.names[name] = kwargs.get(name, function.defaults.get(name, UNKNOWN))
        env.names.update(zip(names, args, strict=False))
        if declared.vararg:
            env.names[declared.vararg.arg] = list(args[len(names) :])
        if declared.kwarg:
            env.names[declared.kwarg.arg] = {name: value for name, value in kwargs.items() if name not in names}

    def _make(self, cls: Class, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """An object of a student's class."""
        if cls.library_base().rpartition(".")[2].endswith("Trainer"):
            made: Trainer | Instance = Trainer(cls)
        else:
            made = Instance(cls, {name: value for name, value in cls.attrs.items() if not isinstance(value, Function)})
        start = cls.find("__init__")
        if isinstance(start, Function):
            self.follow(start, [made, *args], kwargs)
        elif isinstance(made, Trainer):
            self.library.set_up(made, args, kwargs)
        else:
            made.attrs.update(zip(cls.fields, args, strict=False))
            made.attrs.update(kwargs)
        if isinstance(made, Instance) and not cls.library_base().endswith(".Module"):
            self.call_methods(made)
        return made

    def call_methods(self, made: Instance) -> None:
        """Follow the methods of an object of the student's that a library will call."""
        for name in _LAZY_METHODS:
            method = made.cls.find(name) if made.cls else None
            if isinstance(method, Function):
                self.follow(method, [made], {})


def _one(results: list[Value]) -> Value:
    """What a function returned, if only one thing is possible."""
    if not results:
        return None
    first = results[0]
    same = all(item is first or (is_known(item) and is_known(first) and item == first) for item in results)
    return first if same else UNKNOWN
