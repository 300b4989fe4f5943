"""Which checks there are: collects functions that `@check` marked; says what each asks and which options it takes.

It does not decide where checks lie (`grader.checks` does) and runs none (`engine` does).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from pydantic.fields import FieldInfo

from grader.checking.api import CheckFunction, CheckOptions
from grader.errors import CourseError


@dataclass(frozen=True)
class Option:
    """One option of a check, as shown to people."""

    name: str
    type: str
    default: Any
    """None as well where the option is required."""
    required: bool
    doc: str


@dataclass(frozen=True)
class Description:
    """What `grader checks ID` prints."""

    name: str
    sentence: str
    """The first paragraph of the check's docstring: what students read."""
    details: str
    """The rest of the docstring."""
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Check:
    """A marked function with its options' type."""

    name: str
    function: CheckFunction
    options: type[CheckOptions]
    module: str

    def describe(self) -> Description:
        """Its sentence and options."""
        sentence, _, details = (inspect.getdoc(self.function) or "").partition("\n\n")
        options = tuple(_option(name, field) for name, field in self.options.model_fields.items())
        return Description(self.name, " ".join(sentence.split()), details.strip(), options)


class Registry(Mapping[str, Check]):
    """Checks by name. Two of the same name, or one without a sentence, are a mistake of the course's author."""

    def __init__(self, checks: Iterable[Check] = ()) -> None:
        """Take the checks in, refusing doubles."""
        self._checks: dict[str, Check] = {}
        for item in checks:
            self._add(item)

    @classmethod
    def of(cls, modules: Iterable[ModuleType]) -> Registry:
        """All marked functions that these modules define themselves."""
        return cls(item for module in modules for item in _marked(module))

    def _add(self, item: Check) -> None:
        other = self._checks.get(item.name)
        if other is not None:
            raise CourseError(
                f"two checks are called `{item.name}`: in {other.module} and in {item.module}",
                where=item.module,
                todo="rename one of the functions",
            )
        if not inspect.getdoc(item.function):
            raise CourseError(
                f"the check `{item.name}` has no docstring",
                where=item.module,
                todo="write one; its first paragraph is the sentence that students read",
            )
        self._checks[item.name] = item

    def __getitem__(self, name: str) -> Check:
        return self._checks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._checks))

    def __len__(self) -> int:
        return len(self._checks)

    def describe(self, name: str) -> Description:
        """Sentence and options of one check; an unknown name is a CourseError that offers the nearest."""
        if name not in self._checks:
            raise CourseError(f"there is no check `{name}`", todo=self.suggest(name))
        return self._checks[name].describe()

    def suggest(self, name: str) -> str:
        """What to do about a name that no check has."""
        near = get_close_matches(name, self._checks, n=1)
        if near:
            return f"did you mean `{near[0]}`?"
        return f"there are: {', '.join(self)}" if self._checks else "no checks were found at all"


def _marked(module: ModuleType) -> Iterator[Check]:
    for name, function in vars(module).items():
        options = getattr(function, "__check_options__", None)
        if options is not None and inspect.isfunction(function) and function.__module__ == module.__name__:
            yield Check(name, function, options, module.__name__)


def _option(name: str, field: FieldInfo) -> Option:
    required = field.is_required()
    default = None if required else field.get_default(call_default_factory=True)
    kind = field.annotation
    text = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
    return Option(name, text.replace("typing.", ""), default, required, " ".join((field.description or "").split()))
