"""Exports, zips and notebooks for the tests of intake."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HEADER = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"'
)


def zipped(members: Mapping[str, bytes | str]) -> bytes:
    """A zip with these members."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def export(folder: Path, members: Mapping[str, bytes | str], name: str = "export.zip") -> Path:
    """A zip on disk."""
    path = folder / name
    path.write_bytes(zipped(members))
    return path


def notebook(*sources: str, ran: bool = False, prose: str = "", **extra: Any) -> bytes:
    """A notebook of code cells, with Markdown before them; `ran` gives each a count and a print."""
    output = {"output_type": "stream", "name": "stdout", "text": ["done\n"]}
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": prose}] if prose else []
    for source in sources:
        cells.append({"cell_type": "code", "metadata": {}, "source": source, "outputs": [output] if ran else [],
                      "execution_count": 1 if ran else None})  # fmt: skip
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4, **extra}).encode()


def worksheet(
    folder: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8-sig", name: str = "sheet.csv"
) -> Path:
    """A worksheet on disk."""
    path = folder / name
    path.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    return path


def sheet_row(number: int, name: str = "Ann", status: str = "Submitted for grading -  - ", **cells: str) -> str:
    """One row of a plain worksheet."""
    values = {"grade": "", "maximum": "100.00", "changeable": "Yes", "modified": "-", "comment": "", **cells}
    quoted = [f"Participant {number}", name, f"s{number}@example.org", status, values["grade"], values["maximum"],
              values["changeable"], "-", values["modified"], values["comment"]]  # fmt: skip
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in quoted)
