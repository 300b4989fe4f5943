"""Cases out of observations, for tests of the checks that look at what a run did."""

from __future__ import annotations

from typing import Any

from grader.checking.api import Case
from grader.model.base import Role
from grader.model.evidence import CellError, Evidence, Execution, SavedFile
from grader.model.finding import Citation
from grader.model.observation import Observation, Observations
from grader.model.rubric import CheckLine
from tests.builders_notebooks import week3

DRY = {"source": "dry_run", "citation": Citation(where="notebook", cell=3, quote="trainer.train()")}
CODE = {"source": "source", "citation": Citation(where="notebook", cell=1, quote="code")}
PRINTED = {"source": "recorded", "citation": Citation(where="notebook", cell=2, output=0, quote="printed")}
FILE = {"source": "artifact", "citation": Citation(where="adapter", quote="adapter_model.safetensors")}


def observed(
    *items: Observation,
    model: Role | None = "decoder",
    broken: bool = False,
    ran: bool = True,
    trace: tuple[dict[str, Any], ...] = (),
    saved: tuple[SavedFile, ...] = (),
    notebook: dict[str, Any] | None = None,
) -> Case:
    """A submission of which exactly this is known."""
    errors = (CellError(cell=4, name="NameError", value="name 'x' is not defined"),) if broken else ()
    execution = Execution(mode="dry-run", status="error" if broken else "ok", errors=errors) if ran else Execution()
    evidence = Evidence(
        execution=execution,
        trace=(*trace, {"t": "finish"}) if ran else (),
        saved=saved,
        notebook=notebook or {"cells": []},
    )
    line = CheckLine(id="line", check="check", model=model)
    return Case(line=line, evidence=evidence, seen=Observations(items=items), assignment=week3())
