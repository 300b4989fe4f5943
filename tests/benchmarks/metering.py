"""A command's wall time, processor time and largest process; and this machine, named by its properties."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    wall: float
    cpu: float
    """Of everything that was waited for; kernels forked from a warm server are not and are added by who knows of them."""


def run(command: Sequence[str], *, cwd: Path, home: Path, more: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end; its output is shown only when it fails."""
    environment = {
        "HOME": str(home), "PATH": f"{Path(command[0]).parent}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "MPLBACKEND": "agg", "JUPYTER_PATH": f"{sys.prefix}/share/jupyter",
        **(more or {}),
    }  # fmt: skip
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(round(wall, 2), round(cpu, 2))


def machine() -> dict[str, object]:
    """What figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    libraries = ("torch", "transformers", "peft", "nbclient", "ipykernel")
    return {
        "processor": model or platform.machine(), "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)),
        "system": f"Linux {platform.release()}", "python": platform.python_version(), "root": os.geteuid() == 0,
        "libraries": {name: metadata.version(name) for name in libraries},
        "load_before": round(os.getloadavg()[0], 1),
    }  # fmt: skip
