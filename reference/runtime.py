"""How a reference process is set up before torch computes: one thread, quiet, the same bits on every run."""

from __future__ import annotations

import os
from typing import Any


def settle(*, threads: int = 1) -> None:
    """Fixes threads, determinism and logging. Call it before anything is computed."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch
    import transformers

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    logging: Any = transformers.utils.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
