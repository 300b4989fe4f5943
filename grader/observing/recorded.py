"""What the saved outputs of the submitted notebook say: numbers with metric, model, run, split and unit, and stated facts.

All of it is the student's claim (source `recorded`). Words that leave a question open leave the field empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from grader.model.assignment import Assignment
from grader.model.evidence import Evidence
from grader.model.finding import Citation
from grader.model.observation import Number, Observation
from grader.observing.notebook import Cell, Output, clean, read_cells
from grader.observing.recorded_dicts import dict_numbers, parse
from grader.observing.recorded_facts import facts_of_output, trainables
from grader.observing.recorded_grids import Grid, blocks, html_grids, html_text
from grader.observing.recorded_labels import NOTHING, Hints, is_tier, merged, read
from grader.observing.recorded_lines import line_numbers
from grader.observing.recorded_prints import Templates
from grader.observing.recorded_scope import Headings, Scope, f1_average, far_hints, tells_runs_apart
from grader.observing.recorded_tables import table_numbers
from grader.observing.recorded_tiers import tier_tables
from grader.observing.source import cell_hints
from grader.observing.source_cells import parse as parse_code

_F1_CODE = re.compile(r"f1", re.IGNORECASE)
_OTHER_CODE = re.compile(r"accuracy|precision|recall|roc|auc|loss", re.IGNORECASE)
_F1_BY_CLASS = re.compile(
    r"f1_score\([^()]{0,200}(?:\([^()]{0,80}\)[^()]{0,120}){0,4}average\s?=\s?None|classification_report\(|f1-score"
)
_ALL_BY_CLASS = re.compile(r"fscore_support\((?P<given>[^()]{0,200}(?:\([^()]{0,80}\)[^()]{0,120}){0,4})\)")
"""Class by class unless an average is asked for by name."""
_AVERAGED = re.compile(r"average\s?=\s?(?!None)")
_SCORES = re.compile(r"_score\b|fscore|\breport\b|==\s?\w+\)\.(?:float\(\)\.)?mean\(")
_F1_OF_TIERS = re.compile(
    r"\b(?:rare|common|medium|tail|tiers?|frequent|raras?|selten\w*)\b[^.\n|]{0,20}\bF1\b|"
    r"\bF1\b[^.\n|]{0,30}\b(?:tiers?|rare|tail)\b",
    re.IGNORECASE,
)
"""A memo that calls what it reads off its tiers F1."""
_OTHER_BY_CLASS = re.compile(
    r"(?:accuracy|precision|recall|jaccard)_score\([^()]{0,200}average\s?=\s?None|\[['\"](?:recall|precision)['\"]\]"
)
_LABEL_END = re.compile(r"(?<![A-Za-z])\d|[:{]")
MAX_NUMBERS = 6_000
MAX_OF_CELL = 20_000
MAX_UNNAMED = 1_500
"""So many numbers that no word explains are kept, for tracing the memo's."""


def observe_outputs(evidence: Evidence, assignment: Assignment) -> tuple[Observation, ...]:
    """Everything that the saved outputs say, in their order."""
    cells = read_cells(evidence.notebook)
    live = cell_hints(cells, assignment)
    average = f1_average(cells)
    by_class = f1_by_class(cells)
    headings = Headings()
    numbers: list[Number] = []
    facts: list[Observation] = []
    for cell in cells:
        if cell.kind == "markdown":
            headings.pass_by(cell)
        if not cell.outputs or len(numbers) >= MAX_NUMBERS:
            continue
        far = far_hints(cell, headings, live.get(cell.index, NOTHING))
        for output in cell.outputs:
            facts.extend(facts_of_output(cell, output, far))
        only_f1 = bool(_F1_CODE.search(cell.source)) and not _OTHER_CODE.search(cell.source)
        found = islice(_cell_numbers(cell, far), MAX_OF_CELL)
        numbers.extend(_bounded(_settled(item, average, only_f1, by_class) for item in found))
    kept = tuple(_bounded(numbers[:MAX_NUMBERS]))
    memo = _memo_numbers(cells, evidence.memo_text)
    return (*facts, *trainables(list(kept)), *tier_tables((*kept, *memo), cells), *kept)


def _memo_numbers(cells: tuple[Cell, ...], memo: str | None) -> list[Number]:
    """Numbers of tables in the memo: only to see whether it breaks F1 down; they are no outputs and are not kept."""
    texts = [(cell.index, cell.source) for cell in cells if cell.kind == "markdown" and "|" in cell.source]
    outputs = [Output(index, 0, "result", clean(text)) for index, text in texts]
    if memo and "|" in memo:
        outputs.append(Output(-1, 0, "result", clean(memo)))
    found: list[Number] = []
    for output in outputs:
        scope = Scope(NOTHING, Templates(None))
        for block in blocks(output.text):
            if isinstance(block, Grid):
                found.extend(_in_memo(item) for item in table_numbers(block, output, scope))
            elif block.text.strip():
                scope.enter(block.text, has_number=False)
    return found


def _in_memo(number: Number) -> Number:
    cited = number.citation
    place = cited.cell if cited and cited.cell is not None and cited.cell >= 0 else None
    citation = Citation(where="memo", cell=place, quote=cited.quote if cited else "")
    return number.model_copy(update={"citation": citation})


def _cell_numbers(cell: Cell, far: Hints) -> Iterator[Number]:
    scope = Scope(far, Templates(parse_code(cell.index, cell.source)))
    for output in cell.outputs:
        if output.kind != "error" and "NVIDIA-SMI" not in output.text:
            yield from _output_numbers(output, scope)


def _output_numbers(output: Output, scope: Scope) -> Iterator[Number]:
    grids = list(html_grids(output.html))
    if grids:
        for grid in grids:
            scope.apart = _apart(grid)
            yield from table_numbers(grid, output, scope)
        return
    text = output.text or html_text(output.html)
    value = parse(text)
    if value is not None:
        scope.apart = isinstance(value, dict) and tells_runs_apart((str(key) for key in value), summary=False)
        yield from dict_numbers(value, text, output, scope)
        return
    scope.block = merged(_series_name(text), scope.block)
    found = list(_with_logs(text))
    lines = tells_runs_apart((_LABEL_END.split(item, 1)[0] for item in found if isinstance(item, str)), summary=True)
    for block in found:
        scope.apart = _apart(block) if isinstance(block, Grid) else lines
        if isinstance(block, Grid):
            yield from table_numbers(block, output, scope)
        else:
            yield from _line(block, output, scope)


def _apart(grid: Grid) -> bool:
    return tells_runs_apart((*grid.header, *(row[0] for row in grid.rows if row)), summary=False)


def _line(line: str, output: Output, scope: Scope) -> Iterator[Number]:
    stripped = line.strip()
    value = parse(stripped) if stripped.startswith("{") and stripped.endswith("}") else None
    if isinstance(value, dict):
        yield from dict_numbers(value, stripped, output, scope)
    else:
        yield from line_numbers(line, output, scope)


def _with_logs(text: str) -> Iterator[Grid | str]:
    for block in blocks(text):
        yield block if isinstance(block, Grid) else block.text


def _series_name(text: str) -> Hints:
    """pandas writes a Series' name below it: `Name: f1, dtype: float64`."""
    last = text.rstrip().rsplit("\n", 1)[-1]
    if not last.startswith("Name: ") or "dtype:" not in last:
        return NOTHING
    return read(last[6:].rpartition(", dtype")[0])


def f1_by_class(cells: Iterable[Cell]) -> bool:
    """What the code computes class by class is F1, and nothing else: so that is what a breakdown by tier shows.

    Where no code computes any score (a module that isn't there does), the memo's own word for it counts.
    """
    texts = tuple(cells)
    code = "\n".join(cell.source for cell in texts if cell.kind == "code")
    if _OTHER_BY_CLASS.search(code):
        return False
    if _F1_BY_CLASS.search(code) or any(not _AVERAGED.search(call["given"]) for call in _ALL_BY_CLASS.finditer(code)):
        return True
    hidden = not _SCORES.search(code)
    return hidden and any(_F1_OF_TIERS.search(cell.source) for cell in texts if cell.kind == "markdown")


def _settled(number: Number, average: str | None, only_f1: bool, by_class: bool) -> Number:
    """What the code settles: a bare F1 is the average that all code asks for; a share by class is the F1 it is about."""
    if number.metric == "f1" and number.subject is None and average:
        return number.model_copy(update={"metric": f"{average}_f1"})
    shared = number.subject and number.model and 0 <= number.value <= 1 and not number.text.isdigit()
    known = only_f1 or (by_class and is_tier(number.subject or ""))
    if known and number.metric is None and shared and number.unit in ("", "share"):
        return number.model_copy(update={"metric": "f1", "unit": "share"})
    return number


def _bounded(numbers: Iterable[Number]) -> Iterator[Number]:
    """Named numbers, and some of those that no word explains."""
    unnamed = 0
    for number in numbers:
        unnamed += number.metric is None
        if number.metric is not None or unnamed <= MAX_UNNAMED:
            yield number
