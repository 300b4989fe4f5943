"""What each criterion's answer is, and its hash. Layout and spacing don't count: they change no answer."""

from __future__ import annotations

from typing import Any

from grader.model.answers import Answers
from grader.model.evidence import Evidence
from grader.model.memo import Memo
from grader.model.rubric import Criterion, Rubric
from grader.workspace.folder import fingerprint


def answers_of(rubric: Rubric, evidence: Evidence, memo: Memo | None) -> Answers:
    """By section and criterion; without a memo that could be read, the notebook itself is the answer."""
    parts = {part.id: part for part in memo.parts} if memo is not None else {}
    whole = _text(memo, None)
    notebook = _run_text(evidence.notebook)
    texts: dict[str, str] = {}
    hashes: dict[str, str] = {}
    for section in rubric.sections:
        part = parts.get(section.id)
        apart = part is not None and part.found != "none" and part.apart
        text = (_text(memo, section.id) if apart else "") or whole
        texts[section.id] = text
        for item in section.criteria:
            hashes[item.id] = fingerprint([text, notebook if _rests_on_outputs(item) or not text else ""])
    return Answers(texts=texts, hashes=hashes)


def _rests_on_outputs(item: Criterion) -> bool:
    return bool(item.requires) or item.check is not None


def _text(memo: Memo | None, section: str | None) -> str:
    if memo is None:
        return ""
    found = [one for one in memo.passages if one.memo and section in (None, one.section)]
    blocks: dict[int, list[str]] = {}
    for passage in found:
        end = "\n" if passage.kind in ("row", "item") else " "
        blocks.setdefault(passage.block, []).append(" ".join(passage.text.split()) + end)
    return "\n\n".join("".join(lines).strip() for lines in blocks.values())


def _run_text(notebook: dict[str, Any] | None) -> list[str]:
    """Code and the outputs' text, without what a new run changes by itself (counts, ids, times of day)."""
    cells = notebook.get("cells", []) if notebook else []
    texts = []
    for cell in cells if isinstance(cells, list) else []:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            texts.append(str(cell.get("source", "")))
            texts.extend(_output_text(output) for output in cell.get("outputs", []) or [] if isinstance(output, dict))
    return texts


def _output_text(output: dict[str, Any]) -> str:
    data = output.get("data")
    plain = data.get("text/plain", "") if isinstance(data, dict) else ""
    return f"{output.get('text', '')}{plain}{output.get('ename', '')}{output.get('evalue', '')}"
