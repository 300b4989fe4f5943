"""How batches are padded, as far as the text shows: by which tokenizer, on which side, for which model.

Only tokenizers that really pad count; a batch put together by the student's own code is said to be so, with no side.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from grader.model.base import Role
from grader.model.finding import Citation
from grader.model.observation import PaddingSet
from grader.observing.source_values import Tokenizer

_PAD = re.compile(r"pad(?:ding)?_?(?:token)?_?(?:id|value|idx)?$", re.IGNORECASE)
_PADDING_CALLS = frozenset({"pad_sequence", "pad_sequences"})


@dataclass(frozen=True)
class _Use:
    role: Role | None
    side: str
    """`left`, `right`, or `both` where it is not known."""
    explicit: bool
    cited: Citation
    fed: bool = False


@dataclass
class Padding:
    """Every padding that the code does."""

    tokenizers: list[Tokenizer] = field(default_factory=list)
    calls: int = 0
    """How often a tokenizer padded so far."""
    _uses: list[_Use] = field(default_factory=list)

    def padded(self, tokenizer: Tokenizer, role: Role | None, cited: Citation, *, fed: bool = False) -> None:
        """A tokenizer padded, with the side that it has now."""
        self.calls += 1
        side = tokenizer.side if tokenizer.side in ("left", "right") else "both"
        where = tokenizer.cited if tokenizer.explicit else cited
        self._keep(_Use(role or tokenizer.role, side, tokenizer.explicit, where, fed))

    def by_hand(self, role: Role | None, cited: Citation) -> None:
        """Batches are put together in a way that can't be told."""
        self._keep(_Use(role, "both", True, cited))

    def _keep(self, use: _Use) -> None:
        if use not in self._uses:
            self._uses.append(use)

    def finish(self) -> Iterator[PaddingSet]:
        """One observation for each way, for both models where it isn't known for which."""
        roles = {use.role for use in self._uses}
        final = [
            _Use(item.role, item.side, True, item.cited)
            for item in self.tokenizers
            if item.explicit and item.side in ("left", "right") and item.role not in roles
        ]
        both: tuple[Role, ...] = ("decoder", "encoder")
        for use in (*self._uses, *final):
            for role in (use.role,) if use.role else both:
                yield _observation(replace(use, role=role))


def _observation(use: _Use) -> PaddingSet:
    return PaddingSet(
        source="source",
        model=use.role,
        citation=use.cited,
        explicit=use.explicit,
        side="left" if use.side == "left" else "right" if use.side == "right" else "both",
        by_hand=use.side == "both",
        fed=use.fed or None,
    )


def pads_by_hand(tree: ast.AST) -> int | None:
    """The line in which code pads by itself (`ids + [pad_id] * gap`, `pad_sequence`); null where none does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and _is_padding(node.left, node.right):
            return node.lineno
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)[-60:]
            if name.rpartition(".")[2] in _PADDING_CALLS or name.endswith(("F.pad", "functional.pad", "np.pad")):
                return node.lineno
    return None


def _is_padding(left: ast.expr, right: ast.expr) -> bool:
    """`[pad_id] * gap`, either way round."""
    for item in (left, right):
        if isinstance(item, ast.List) and len(item.elts) == 1 and isinstance(item.elts[0], ast.Name | ast.Attribute):
            only = item.elts[0]
            if _PAD.search(only.id if isinstance(only, ast.Name) else only.attr):
                return True
    return False
