"""Executes jobs in a process of its own, as whoever starts it or as an ordinary user: `python somebody.py user|self`.

A line of settings and one line per job on standard input, one line per result on standard output.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    sys.path.insert(0, settings["root"])
    from grader.execution import open_pool, wire
    from grader.execution.descend import descend
    from grader.execution.layout import needed

    stage, limits, _ = wire.load_setup(base64.b64decode(settings["setup"]))
    jobs = [wire.load_job(base64.b64decode(line)) for line in sys.stdin]
    if sys.argv[1] == "user":
        descend([*needed(stage), Path(__file__)])
    with open_pool(stage, limits=limits, jobs=settings["jobs"], warm=settings["warm"]) as pool:
        if pool.why_not_warm:
            raise SystemExit(pool.why_not_warm)
        for job, run in pool.map(jobs):
            print(json.dumps(job.key), base64.b64encode(wire.dump_run(run)).decode(), flush=True)


if __name__ == "__main__":
    main()
