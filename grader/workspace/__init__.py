"""Where a run keeps its artefacts: atomic, hashed, resumable. Knows nothing about what the artefacts mean."""

from grader.workspace.files import read_artefact, sha256_of, write_artefact, write_atomic
from grader.workspace.folder import Attempt, Workspace

__all__ = ["Attempt", "Workspace", "read_artefact", "sha256_of", "write_artefact", "write_atomic"]
