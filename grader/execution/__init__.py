"""Executes notebooks: in a box, with limits, several at once, keeping whatever they produced.

It doesn't judge what they produced, stores nothing, and knows nothing of students.
"""

from __future__ import annotations

from grader.execution.machine import Machine, gpu_devices, probe
from grader.execution.nouns import Job, Limits, Run, Stage
from grader.execution.pool import Pool, execute, open_pool
from grader.execution.portable import PlainPool

__all__ = [
    "Job",
    "Limits",
    "Machine",
    "PlainPool",
    "Pool",
    "Run",
    "Stage",
    "execute",
    "gpu_devices",
    "open_pool",
    "probe",
]
