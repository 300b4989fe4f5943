"""Two hundred kernels forked from one warm server, two at a time: any hang, any difference, what each costs.

    python tests/benchmarks/warm_forks.py [COUNT] [--jobs N] [--cold]

Every notebook trains a little network; every fourth uses DataLoader workers, every tenth `datasets.map` in processes.
Prints one JSON object. Not part of CI: it takes minutes.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from grader.execution import Job, Limits, Run, Stage, open_pool

TRAIN = """
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.ReLU(), torch.nn.Linear(512, 2))
optimizer = torch.optim.AdamW(model.parameters())
x = torch.randn(512, 256); y = (x[:, 0] > 0).long()
for _ in range(10):
    optimizer.zero_grad(); loss = torch.nn.functional.cross_entropy(model(x), y); loss.backward(); optimizer.step()
print('LOSS', loss.item())
"""
LOADER = """
from torch.utils.data import DataLoader, TensorDataset
print('LOADED', sum(int(b[0].sum()) for b in DataLoader(TensorDataset(torch.arange(64)), batch_size=8, num_workers=2)))
"""
MAP = """
import datasets
print('MAPPED', sum(datasets.Dataset.from_dict({'a': list(range(100))}).map(lambda r: {'b': r['a'] + 1}, num_proc=2)['b']))
"""
MEMORY = """
lines = [line.split(':') for line in open('/proc/self/smaps_rollup') if 'kB' in line]
sizes = {name: int(rest.split()[0]) // 1024 for name, rest in lines}
print('PRIVATE', sizes['Private_Dirty'] + sizes['Private_Clean'], 'SHARED', sizes['Shared_Dirty'])
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("count", nargs="?", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cold", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    with open_pool(Stage(), limits=Limits(), jobs=options.jobs, warm=not options.cold) as pool:
        opened = time.perf_counter() - began
        runs = {job.key: run for job, run in pool.map(_job(number) for number in range(options.count))}
    print(json.dumps(_report(runs, opened, time.perf_counter() - began - opened), indent=1))


def _job(number: int) -> Job:
    more = [LOADER] if number % 4 == 0 else []
    more += [MAP] if number % 10 == 0 else []
    cells = [TRAIN, *more, MEMORY]
    return Job(str(number), {"cells": [{"cell_type": "code", "source": cell} for cell in cells]})


def _text(run: Run) -> str:
    return "".join(o.get("text", "") for cell in run.executed["cells"] for o in cell.get("outputs", ()))


def _word(run: Run, name: str) -> float:
    words = _text(run).split()
    return float(words[words.index(name) + 1]) if name in words else 0.0


def _report(runs: dict[str, Run], opened: float, took: float) -> dict[str, object]:
    bad = {key: run.why for key, run in runs.items() if run.status != "ok"}
    server = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "machine": f"{platform.machine()}, Linux {platform.release()}, Python {platform.python_version()}",
        "notebooks": len(runs), "not_ok": bad, "warm": sum(run.warm for run in runs.values()),
        "seconds_to_open": round(opened, 1), "seconds_in_all": round(took, 1),
        "seconds_each": _spread([run.seconds for run in runs.values()]),
        "cpu_seconds_each": _spread([run.cpu_seconds for run in runs.values()]),
        "private_memory_mb": _spread([_word(run, "PRIVATE") for run in runs.values()]),
        "peak_memory_mb": _spread([run.peak_memory_mb for run in runs.values()]),
        "different_losses": sorted({_word(run, "LOSS") for run in runs.values()}),
        "loaded": sorted({_word(run, "LOADED") for key, run in runs.items() if int(key) % 4 == 0}),
        "mapped": sorted({_word(run, "MAPPED") for key, run in runs.items() if int(key) % 10 == 0}),
        "workers_and_server_cpu_seconds": round(server.ru_utime + server.ru_stime, 1),
    }  # fmt: skip


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(len(ordered) * 0.95)], 2),
        "most": round(ordered[-1], 2),
    }


if __name__ == "__main__":
    main()
