"""YAML files of the course read with line numbers, so that a mistake is named as file:line. Knows nothing about their meaning."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from grader.errors import CourseError

ModelT = TypeVar("ModelT", bound=BaseModel)
Where = dict[tuple[Any, ...], int]


class _Loader(yaml.SafeLoader):
    """Decimal numbers stay exact: points are money."""


def _exact(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    text = str(node.value).replace("_", "")
    try:
        return Decimal(text)
    except ArithmeticError:
        return loader.construct_yaml_float(node)


_Loader.add_constructor("tag:yaml.org,2002:float", _exact)


def read_yaml(path: Path) -> tuple[dict[str, Any], Where]:
    """A mapping and the line on which each of its values stands."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise CourseError("is missing", where=str(path), todo="restore it, or choose another assignment") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"can't be read: {error}", where=str(path), todo="save it as UTF-8 text") from error
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CourseError(
            f"is not valid YAML: {error.problem}", where=f"{path}:{line}", todo="mend the syntax on this line"
        ) from error
    except yaml.YAMLError as error:
        raise CourseError(f"is not valid YAML: {error}", where=str(path), todo="save it as UTF-8 text") from error
    if not isinstance(data, dict) or node is None:
        raise CourseError("must be a mapping of names to values", where=f"{path}:1", todo="see docs/authoring.md")
    lines: Where = {}
    _collect_lines(node, (), lines)
    return data, lines


def _collect_lines(node: yaml.Node, path: tuple[Any, ...], lines: Where) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _collect_lines(value, (*path, str(key.value)), lines)
            lines[(*path, str(key.value))] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect_lines(value, (*path, index), lines)


def line_of(path: tuple[Any, ...], lines: Where) -> int:
    """Line of a value, or of the nearest thing around it."""
    for end in range(len(path), -1, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return 1


def validated(kind: type[ModelT], data: Any, *, path: Path, lines: Where) -> ModelT:
    """Build the model; every mistake of the file in one CourseError, each with its line."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        rows = [
            f"line {line_of(tuple(item['loc']), lines)}: {'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}"
            for item in error.errors()
        ]
        raise CourseError(
            "; ".join(rows),
            where=f"{path}:{line_of(tuple(first['loc']), lines)}",
            todo="correct what is named; docs/authoring.md describes every field",
        ) from error
