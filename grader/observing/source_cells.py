"""Code cells as syntax trees: IPython's own lines taken out, broken cells read line by line. Nothing is run.

Line numbers stay those of the cell, so that facts can quote the student's own line.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_MAGIC = re.compile(r"^(\s*)(?:[%!?].*|.*\S\?{1,2}\s*$|(?:\w+(?:\s*,\s*\w+)*)\s*=\s*[%!].*)$")
_CELL_MAGIC_PYTHON = re.compile(r"^%%(?:time|timeit|capture|prun)\b")
_F_STRING = re.compile(r"\b[rR]?[fF][rR]?([\"'])")
_BRACES = re.compile(r"\{[^{}]{1,300}\}")
MAX_CODE = 100_000
MAX_TRIES = 400


@dataclass(frozen=True)
class Code:
    """A code cell as parsed."""

    cell: int
    tree: ast.Module
    lines: tuple[str, ...]
    shell: tuple[str, ...] = ()
    """What IPython would hand to the shell or to a magic (`!pip install ...`), without the sign."""
    whole: bool = True
    """False where parts of the cell did not parse and were left out."""

    def quote(self, line: int) -> str:
        """The student's line, from 1."""
        return self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""


@lru_cache(maxsize=400)
def parse(cell: int, source: str) -> Code:
    """A cell's tree; lines that don't parse are left out. Cached: several observers ask for the same cells."""
    source = source[:MAX_CODE].replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").expandtabs(8)
    lines = source.split("\n")
    kept, shell = _without_magics(lines)
    tree = _try("\n".join(kept))
    if tree is None:
        kept = [_older_quotes(line) for line in kept]
        tree = _try("\n".join(kept))
    if tree is not None:
        return Code(cell, tree, tuple(lines), shell)
    return Code(cell, _by_parts(kept), tuple(lines), shell, whole=False)


def _without_magics(lines: list[str]) -> tuple[list[str], tuple[str, ...]]:
    kept: list[str] = []
    shell: list[str] = []
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and not _CELL_MAGIC_PYTHON.match(first):
        return ["" for _ in lines], tuple(line.strip() for line in lines if line.strip())
    continued = False
    for line in lines:
        match = _MAGIC.match(line) if not line.lstrip().startswith("#") else None
        if continued or (match and _is_magic(line)):
            shell.append(line.strip().lstrip("!%"))
            kept.append(f"{match[1] if match else ''}pass" if line.strip() and not continued else "")
            continued = line.rstrip().endswith("\\")
        else:
            kept.append(line)
    return kept, tuple(shell)


def _is_magic(line: str) -> bool:
    """A `%` at a line's start may also be an operator that goes on from the line before, or text in a string."""
    text = line.strip()
    if text.endswith("?"):
        return bool(re.fullmatch(r"\??\??[\w.]+\?{1,2}", text))
    return bool(re.match(r"(?:[%!]{1,2}\s?[A-Za-z]|!\.|\?)", text) or re.match(r"[\w, ]+=\s*[%!]\w", text))


def _older_quotes(line: str) -> str:
    """Python 3.12 lets an f-string repeat its own quotes in its braces; write them so that 3.11 reads them too."""
    if len(line) > 2_000 or not (start := _F_STRING.search(line)):
        return line
    outer, inner = (start[1], "'") if start[1] == '"' else (start[1], '"')
    return _BRACES.sub(lambda match: match[0].replace(outer, inner), line)


def _try(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree


def _by_parts(lines: list[str]) -> ast.Module:
    """The parts of a broken cell that parse: statements at the left margin with what is indented below them."""
    body: list[ast.stmt] = []
    starts = [place for place, line in enumerate(lines) if line.strip() and line[:1] not in " \t)]}#"]
    for start, end in list(pairwise([*starts, len(lines)]))[:MAX_TRIES]:
        tree = _try("\n" * start + "\n".join(lines[start:end]))
        if tree is not None:
            body.extend(tree.body)
    return ast.Module(body=body, type_ignores=[])
