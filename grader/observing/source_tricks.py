"""Code that reaches for the grader's own parts, or does something else where model or data are small. For a person to look at.

No honest notebook needs either; a mistake of ours here costs nobody a point. It says what stands there, not why.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from grader.model.observation import Trick
from grader.observing.notebook import Cell
from grader.observing.source_cells import parse

_OURS = re.compile(
    r"grader_(?:inside|finish|cell)|_inside\.inside\b|\b_SESSIONS\b|\.wire\._|/run/grader|\btrace_fd\b|/proc/(?:self|\d+)/(?:fd|mem)\b|\bos\.write\(\s*(?![012]\s*,)\d+\s*,|"
    r"\b(?:exec|eval)\s*\([^\n]{0,200}(?:b64decode|fromhex|unhexlify|decompress|marshal)|"
    r"['\"]t['\"]\s*:\s*['\"](?:load|batches|trained|trainable|loss|save|run|probe|latency|padding_effect)['\"]"
)
"""Parts of the recorder, its pipe, its records."""
_SMALL = re.compile(
    r"\b(?:hidden_size|intermediate_size|vocab_size|num_parameters\(|numel\(|n_params|len\(|\.shape\[0\]|num_rows|st_size|getsize\()"
    r"[^\n]{0,80}?(?:<=?|>=?|==|!=)|(?:<=?|>=?)\s*[\w.\[\]'\"]*(?:hidden_size|vocab_size|num_parameters\(|numel\()|"
    r"/course\b|HF_HUB_OFFLINE|gethostname|\bplatform\.node|/\.dockerenv|\bbwrap\b"
)
"""Questions that tell stand-ins and their stage from the real things."""
_DECIDES = re.compile(
    r"padding_side|LoraConfig|get_peft_model|task_type|modules_to_save|\btorch_dtype\b|\bdtype\s*=|\bweight\s*=|compute_loss|"
    r"class_weights|save_pretrained|save_model|requires_grad|\bbf16\s*=|\bfp16\s*="
)
"""What is judged."""
TEXT = 4_000


def tricks(cells: Sequence[Cell]) -> Iterator[Trick]:
    """Every such place, at most one of each kind per cell."""
    small = _Small()
    for cell in cells:
        if cell.kind != "code":
            continue
        line = next((text for text in cell.source.split("\n") if _OURS.search(text)), None)
        if line is not None:
            yield Trick(source="source", what="reaches for the grader", citation=cell.cite(line))
        code = parse(cell.index, cell.source)
        number = small.decides(code.tree)
        if number is not None:
            yield Trick(
                source="source", what="acts otherwise where all is small", citation=cell.cite(code.quote(number))
            )


class _Small:
    """Follows names that stand for `this is small`."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def decides(self, tree: ast.AST) -> int | None:
        """The line of a branch that asks for the size and decides something that is judged; null where none does."""
        found = None
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and self._asks(node.value):
                self._names.update(target.id for target in node.targets if isinstance(target, ast.Name))
            elif isinstance(node, ast.FunctionDef) and self._answers(node):
                self._names.add(node.name)
            elif isinstance(node, ast.If | ast.IfExp) and found is None and self._asks(node.test) and _decides(node):
                found = node.lineno
        return found

    def _asks(self, node: ast.AST) -> bool:
        named = any(isinstance(item, ast.Name) and item.id in self._names for item in ast.walk(node))
        return named or bool(_SMALL.search(_text(node)))

    def _answers(self, node: ast.FunctionDef) -> bool:
        returned = (item.value for item in node.body if isinstance(item, ast.Return) and item.value is not None)
        return len(node.body) <= 3 and any(isinstance(value, ast.Compare) and self._asks(value) for value in returned)


def _decides(node: ast.If | ast.IfExp) -> bool:
    if isinstance(node, ast.IfExp):
        return bool(_DECIDES.search(_text(node)))
    return any(_DECIDES.search(_text(item)) for item in (*node.body, *node.orelse))


def _text(node: ast.AST) -> str:
    try:
        return ast.unparse(node)[:TEXT]
    except (ValueError, RecursionError):
        return ""
