"""Server time of every page of the review with 200 submissions, half of them decided. Prints JSON.

    python -m tests.benchmarks.review_pages [SUBMISSIONS]

The last result is tests/benchmarks/results/review_pages.json. Measured in one process without network and browser: what the application itself takes. A class that was made once is used again.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from grader.ledger import Access
from grader.review import Desk, create_app
from tests.builders_review import graded_class, multiplied, settle

TIMES = 15
DIFFERENT = 25
"""So many memos are different; the others are theirs again."""


def main(count: int) -> None:
    folder = Path(tempfile.gettempdir()) / f"review-benchmark-{count}"
    out = (
        folder / "out"
        if (folder / "out" / "results.json").is_file()
        else multiplied(graded_class(folder, min(count, DIFFERENT)), count)
    )
    begun = time.perf_counter()
    desk = Desk(out)
    loaded = time.perf_counter() - begun
    if not desk.ledger.last():
        settle(out, list(desk.people)[: count // 2])
    client, csrf = _come_in(desk)
    pages = {path: _times(client, path) for path in PAGES}
    result: dict[str, object] = {
        "submissions": count,
        "events": desk.ledger.last(),
        "load_average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "load_seconds": round(loaded, 2),
        "milliseconds": pages,
        "decide_milliseconds": _decide(client, csrf, desk),
    }
    print(json.dumps(result, indent=1))


PAGES = (
    "/",
    "/?status=open&order=random",
    "/?by=criterion&criterion=3b&order=similar",
    "/s/student-001",
    "/s/student-150?status=open",
    "/s/student-150?by=criterion&criterion=3b&order=similar",
    "/s/student-150/notebook",
    "/requests",
    "/agreement",
    "/people",
    "/release",
)


def _come_in(desk: Desk) -> tuple[Any, str]:
    client = create_app(desk).test_client()
    client.post("/enter", data={"secret": Access(desk.ledger).grant("Lea", "lead", by="benchmark")})
    return client, re.findall(r'X-CSRF-Token": "([0-9a-f]+)"', client.get("/").text)[0]


def _times(client: Any, path: str) -> dict[str, float]:
    first = _once(client, path)
    more = sorted(_once(client, path) for _ in range(TIMES))
    return {"first": first, "median": round(statistics.median(more), 1), "slowest": more[-1]}


def _once(client: Any, path: str) -> float:
    begun = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, path
    answer.get_data()
    return round((time.perf_counter() - begun) * 1000, 1)


def _decide(client: Any, csrf: str, desk: Desk) -> dict[str, float]:
    """One decision, on disk when answered."""
    taken = []
    for who in list(desk.people)[:TIMES]:
        form = {"csrf": csrf, "points": "1", "seen": "9999999"}
        begun = time.perf_counter()
        assert client.post(f"/s/{who}/i/1a/decide", data=form, headers={"HX-Request": "1"}).status_code == 200
        taken.append((time.perf_counter() - begun) * 1000)
    return {"median": round(statistics.median(taken), 1), "slowest": round(max(taken), 1)}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
