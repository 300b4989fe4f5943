"""What all artefacts share: frozen pydantic models with a schema version. No I/O here."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

SCHEMA = 1

Role = Literal["encoder", "decoder"]
"""Which of the assignment's two models something is about."""

Points = Annotated[Decimal, PlainSerializer(lambda value: format_points(value), return_type=str)]
"""Exact decimal points; in JSON a string without needless zeros."""


def format_points(value: Decimal) -> str:
    """`Decimal("17.50")` -> `"17.5"`, never in scientific notation."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def sorted_sets(value: object) -> object:
    """Python data with every set as a sorted list: the order of a set differs from process to process."""
    if isinstance(value, frozenset | set):
        return sorted(sorted_sets(item) for item in value)  # type: ignore[type-var]
    if isinstance(value, dict):
        return {key: sorted_sets(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [sorted_sets(item) for item in value]
    return value


class Frozen(BaseModel):
    """A value: compared by content, never changed. Unknown fields are ignored (additive schema changes)."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Artefact(Frozen):
    """A value that is stored on its own and names the schema that it was written with."""

    schema_version: int = SCHEMA
    """Major version of the artefact's format; a newer one is refused when read."""
