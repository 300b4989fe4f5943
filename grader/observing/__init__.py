"""Evidence into typed observations with citations. Judges nothing; an observer that breaks down says nothing and is flagged."""

from __future__ import annotations

from collections.abc import Callable

from grader.model.assignment import Assignment
from grader.model.evidence import Evidence
from grader.model.observation import Observation, Observations
from grader.model.submission import Flag
from grader.observing.adapters import measure_saved, observe_saved
from grader.observing.recorded import observe_outputs
from grader.observing.source import observe_source
from grader.observing.trace import observe_trace

__all__ = ["measure_saved", "observe"]

Observer = Callable[[Evidence, Assignment], tuple[Observation, ...]]
OBSERVERS: tuple[Observer, ...] = (observe_trace, observe_saved, observe_outputs, observe_source)


def observe(evidence: Evidence, assignment: Assignment) -> tuple[Observations, tuple[Flag, ...]]:
    """Everything that the evidence shows, and a flag for each observer that failed on it."""
    items: list[Observation] = []
    flags: list[Flag] = []
    for observer in OBSERVERS:
        try:
            items.extend(observer(evidence, assignment))
        except Exception as error:  # hostile or odd content must not cost a student the other sources
            why = f"{observer.__name__} failed on this submission ({type(error).__name__}): our fault, other sources were used"
            flags.append(Flag(kind="observer_crashed", why=why))
    return Observations(items=tuple(items)), tuple(flags)
