"""Records of a trace, read defensively: wrong types become absent values. Which model a record is about; where to cite.

It does not say what records mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from grader.model.assignment import Assignment
from grader.model.base import Role
from grader.model.evidence import Evidence
from grader.model.finding import Citation

QUOTE_CHARS = 300
LOOK_BACK = 40
NO_CODE = ("#", "from ", "import ", "%", "!")
TEXT_CHARS = 500


@dataclass(frozen=True)
class Record:
    """One record of the recorder."""

    kind: str
    order: int
    exec: int
    cell: int | None
    data: Mapping[str, Any]

    def number(self, key: str) -> int:
        """An integer; 0 where there is none."""
        value = self.data.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53 else 0

    def text(self, key: str) -> str | None:
        """A text, bounded; null where there is none."""
        value = self.data.get(key)
        return value[:TEXT_CHARS] if isinstance(value, str) else None


def read_records(trace: Iterable[Any]) -> tuple[Record, ...]:
    """All records that are objects with a type."""
    return tuple(
        Record(str(item["t"]), order, _whole(item.get("exec")) or 0, _whole(item.get("cell")), item)
        for order, item in enumerate(trace)
        if isinstance(item, Mapping) and isinstance(item.get("t"), str)
    )


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31 else None


def role_of(load: Record, assignment: Assignment) -> Role | None:
    """Which of the assignment's models was loaded, by its class, its kind or its name."""
    cls, kind, name = load.text("cls") or "", (load.text("arch") or "").lower(), load.text("name") or ""
    for role, facts in assignment.models.items():
        same_kind = kind and any(known.lower().startswith(kind) for known in facts.architectures)
        if cls in facts.architectures or same_kind or name.lower() == facts.checkpoint.lower():
            return role
    return None


def cite(evidence: Evidence, item: Record, words: Iterable[str]) -> Citation | None:
    """The line of code that says one of the words: in the record's cell, else in the nearest cell above that does."""
    if item.cell is None:
        return None
    for cell in range(item.cell, max(-1, item.cell - LOOK_BACK), -1):
        lines = [line.strip() for line in _source(evidence.notebook, cell).splitlines()]
        for word in words:
            found = next((line for line in lines if word in line and not line.startswith(NO_CODE)), None)
            if found is not None:
                return Citation(where="notebook", cell=cell, quote=found[:QUOTE_CHARS])
    return Citation(where="notebook", cell=item.cell)


def _source(notebook: Mapping[str, Any] | None, index: int) -> str:
    cells = notebook.get("cells") if isinstance(notebook, Mapping) else None
    if not isinstance(cells, list) or index >= len(cells) or not isinstance(cells[index], Mapping):
        return ""
    source = cells[index].get("source", "")
    return "".join(str(line) for line in source) if isinstance(source, list) else str(source)
