"""Runs a rubric's check lines over one submission's evidence: binding, order, parents, crashes. Judges nothing itself.

`bind` finds every mistake of the rubric's author before anything is graded. `run_checks` never raises because of a
submission: a check that breaks down is a `crashed` finding, which costs nobody points and goes to a person.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import NamedTuple

from pydantic import ValidationError

from grader.checking.api import Case, CheckOptions, finding, not_assessed
from grader.checking.registry import Check, Registry
from grader.errors import CourseError
from grader.model.assignment import Assignment
from grader.model.evidence import Evidence
from grader.model.finding import Finding, Findings
from grader.model.observation import Observations
from grader.model.rubric import CheckLine, Rubric

FRAMES_SHOWN = 3
MESSAGE_CHARS = 300
DAMAGED = frozenset({"notebook_repaired", "page_cut_off"})
"""Flags of files of which cells are missing."""


@dataclass(frozen=True)
class Bound:
    """A check line with the check that it names and its validated options."""

    line: CheckLine
    check: Check
    options: CheckOptions


class Problem(NamedTuple):
    """Something wrong with a rubric's check line."""

    line: str
    """The line's id."""
    what: str
    todo: str


def bind(rubric: Rubric, registry: Registry, *, path: str = "") -> tuple[Bound, ...]:
    """Every check line with its check, parents before children; a CourseError lists all lines that are wrong."""
    bound: list[Bound] = []
    problems: list[Problem] = list(_structure(rubric))
    for line in rubric.checks:
        result = _bind_line(line, registry)
        if isinstance(result, Bound):
            bound.append(result)
        else:
            problems.append(result)
    if problems:
        raise _course_error(problems, path or f"rubric of {rubric.assignment}")
    return tuple(_parents_first(bound))


def run_checks(  # noqa: PLR0913  (what a verdict depends on, each part by name)
    rubric: Rubric,
    evidence: Evidence,
    seen: Observations,
    assignment: Assignment,
    registry: Registry,
    *,
    scale: str,
    public_only: bool = False,
) -> Findings:
    """All lines' findings, in the rubric's order; with `public_only` those that students may see before they submit."""
    lines = [item for item in bind(rubric, registry) if item.line.public or not public_only]
    titles = {line.id: line.title or line.id for line in rubric.checks}
    answers: dict[str, Finding] = {}
    because: dict[str, str] = {}
    for item in lines:
        parent = item.line.parent
        if parent is not None and parent in because:
            because[item.line.id] = because[parent]
            answers[item.line.id] = _blocked(titles[because[parent]], because[parent])
            continue
        case = Case(line=item.line, evidence=evidence, seen=seen, assignment=assignment, scale=scale)
        answers[item.line.id] = _unless_damaged(_run(item, case), evidence)
        if answers[item.line.id].verdict == "failed":
            because[item.line.id] = item.line.id
    return Findings(findings={line.id: answers[line.id] for line in rubric.checks if line.id in answers})


def _unless_damaged(answer: Finding, evidence: Evidence) -> Finding:
    """Where cells of the file are missing, what looks wrong may have stood in them: nothing is failed."""
    if answer.verdict != "failed" or not any(flag.kind in DAMAGED for flag in evidence.flags):
        return answer
    student = (
        "The file that you handed in is damaged and cells may be missing, so this was not judged; a person will look."
    )
    staff = f"The file is damaged; of what is left this would be failed: {answer.staff_text}"
    return not_assessed(student, staff).model_copy(update={"source": answer.source, "citations": answer.citations})


def _bind_line(line: CheckLine, registry: Registry) -> Bound | Problem:
    check = registry.get(line.check)
    if check is None:
        return Problem(line.id, f"there is no check `{line.check}`", registry.suggest(line.check))
    try:
        return Bound(line, check, check.options.model_validate(line.options))
    except ValidationError as error:
        what = "; ".join(_option_problem(item["loc"], item["msg"]) for item in error.errors())
        known = ", ".join(check.options.model_fields) or "none"
        return Problem(line.id, what, f"options of `{line.check}`: {known}")


def _option_problem(place: tuple[int | str, ...], message: str) -> str:
    name = ".".join(map(str, place))
    return f"option `{name}`: {message[:1].lower()}{message[1:]}" if name else message


def _structure(rubric: Rubric) -> Iterator[Problem]:
    ids = [line.id for line in rubric.checks]
    parents = {line.id: line.parent for line in rubric.checks}
    for double in sorted({name for name in ids if ids.count(name) > 1}):
        yield Problem(double, "two check lines have this id", "give each line its own id")
    for line in rubric.checks:
        if line.parent is not None and line.parent not in parents:
            yield Problem(line.id, f"its parent `{line.parent}` is not a check line", "name the id of another line")
        elif _is_own_ancestor(line.id, parents):
            yield Problem(line.id, "its parents form a circle", "take one of the `parent:` keys out")


def _is_own_ancestor(start: str, parents: dict[str, str | None]) -> bool:
    passed: set[str] = set()
    at = parents.get(start)
    while at is not None and at not in passed:
        if at == start:
            return True
        passed.add(at)
        at = parents.get(at)
    return False


def _course_error(problems: list[Problem], path: str) -> CourseError:
    texts = [f"check line `{problem.line}`: {problem.what} ({problem.todo})" for problem in problems]
    return CourseError("\n".join(texts), where=path, todo="mend these lines of the rubric")


def _parents_first(bound: Iterable[Bound]) -> Iterator[Bound]:
    waiting = {item.line.id: item for item in bound}
    while waiting:
        ready = [item for item in waiting.values() if item.line.parent not in waiting]
        for item in ready:
            yield waiting.pop(item.line.id)


def _run(item: Bound, case: Case) -> Finding:
    try:
        answer = item.check.function(case, item.options)
        if not isinstance(answer, Finding):
            raise TypeError(f"the check returned {type(answer).__name__}, not a Finding")
        return answer
    except Exception as error:  # the border at which a broken check becomes data
        return _crashed(item.check.name, error)


def _crashed(name: str, error: Exception) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_SHOWN:]
    places = ", ".join(f"{PurePath(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames)
    message = " ".join(_text_of(error).split())[:MESSAGE_CHARS]
    return finding(
        "crashed",
        student="Our check broke down here; that is our mistake, not yours. It costs you nothing; a person will look.",
        staff=f"The check `{name}` raised {type(error).__name__}: {message} (at {places}). Nothing was judged.",
    )


def _text_of(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # an exception whose own text can't be made
        return "(no text)"


def _blocked(title: str, parent: str) -> Finding:
    return not_assessed(
        f"Not looked at, because “{title}” has to be right first.",
        f"Not assessed because the line `{parent}`, which it rests on, failed.",
    )
