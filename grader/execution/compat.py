"""What lets a notebook from another time and machine run here: older spellings, Colab habits, a GPU, other names.

Each use is recorded as {"t": "compat", "name", "how"}, and what the stage lacks as {"t": "stage_gap", "what", "name"}.
It changes nothing that transformers, peft or torch compute.
"""

from __future__ import annotations

from . import compat_args, compat_colab, compat_cuda, compat_hub, compat_pickling, compat_scripts
from .inside_session import Session


def install(session: Session) -> None:
    """Put every shim in place, now or as soon as its library is imported; a real GPU needs no stand-in."""
    gpu = () if session.config.get("real_gpu") else (compat_cuda,)
    for part in (compat_colab, *gpu, compat_args, compat_hub, compat_pickling, compat_scripts):
        session.guard(part.install)(session)
