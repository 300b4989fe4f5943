"""Rows as CSV for spreadsheets and as Parquet for pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from grader.model.spreadsheet import guarded


def csv_bytes(rows: Sequence[Mapping[str, object]]) -> bytes:
    """For spreadsheets: no text in it runs as a formula."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode("utf-8-sig", "replace")


def parquet_bytes(rows: Sequence[Mapping[str, object]]) -> bytes:
    """The same table with its types, for pandas; a column that is empty throughout is text."""
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    arrays = {
        name: pa.array(values, from_pandas=True)
        if any(value is not None for value in values)
        else pa.array(values, pa.string())
        for name, values in columns.items()
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays), sink)
    return sink.getvalue()


def _cell(value: object) -> object:
    return guarded(value) if isinstance(value, str) else value
