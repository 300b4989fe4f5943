"""A grader killed at random moments, again and again, until its class is graded: what was lost, what was executed twice.

    python -m tests.integration.killing 100 [SEED]

Every round grades a new folder of a small class that is really executed; the grader, often one of its processes, gets a
SIGKILL after a random time, and the same command is run again. Prints one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CELLS = {
    "right": ("answer = 6 * 7\nprint('answer:', answer)", "import json; json.dump([answer], open('a.json', 'w'))"),
    "slow": ("import time\nfor step in range(4):\n    time.sleep(0.2); print(step)", "print('done')"),
    "wrong": ("answer = 6 + 7\nprint('answer:', answer)", "1 / 0", "print('later')"),
    "exits": ("print('before', flush=True)", "import os; os._exit(3)", "print('never')"),
}
DRIVER = """
import functools, sys
sys.path.insert(0, {root!r})
from grader.pipeline import executing
executing.open_pool = functools.partial(executing.open_pool, warm=False)  # what the libraries would cost is no matter here
from grader.cli import main
sys.argv = ["grader", *{words!r}]
main()
"""


@dataclass
class Report:
    """What the kills did."""

    kills: int = 0
    of_the_grader: int = 0
    rounds: int = 0
    different: list[str] = field(default_factory=list)
    """Rounds whose outcome was not that of the run that nobody disturbed."""
    executed_twice: list[str] = field(default_factory=list)
    """Evidence that was there after a kill and is another at the end."""
    unhelpful: list[str] = field(default_factory=list)
    """Ends that were neither success nor a clear error."""
    lasts: float = 0.0
    """Seconds of an undisturbed run, as far as is known."""


class SmallClass:
    """A course of its own, and a folder of submissions."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(ROOT))
        from grader.catalog import Course
        from grader.pipeline.authoring import new_assignment

        self.course, self.submissions = folder / "course", folder / "class"
        (self.course / "assignments").mkdir(parents=True)
        new_assignment(Course(self.course), "tiny")
        self.submissions.mkdir()
        memo = {"cell_type": "markdown", "metadata": {}, "source": "## Result\n\nThe answer is 42, six times seven."}
        for name, cells in CELLS.items():
            code = [
                {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": cell}
                for cell in cells
            ]
            notebook = {"cells": [*code, memo], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
            (self.submissions / f"{name}.ipynb").write_text(json.dumps(notebook))
        for number in range(5):  # enough people that several processes judge them
            (self.submissions / f"none{number}.ipynb").write_bytes(b"{ no notebook")

    def start(self, out: Path) -> subprocess.Popen[bytes]:
        """Begin to grade, in a session of its own."""
        words = [
            "grade",
            str(self.submissions),
            "--out",
            str(out),
            "--course",
            str(self.course),
            "--jobs",
            "2",
            "--json",
        ]
        code = DRIVER.format(root=str(ROOT), words=words)
        return subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )


def outcome(out: Path) -> list[dict[str, Any]]:
    """results.json without what no two runs share: seconds."""
    rows: list[dict[str, Any]] = json.loads((out / "results.json").read_text("utf-8"))
    return [{**row, "execution": {**row["execution"], "seconds": 0}} for row in rows]


def _evidence(out: Path) -> dict[str, tuple[int, int]]:
    """Which evidence there is: another file has another inode or time."""
    found = {}
    for path in sorted(out.glob("submissions/*/*/evidence.json")):
        facts = path.stat()
        found[path.parent.parent.name] = (facts.st_ino, facts.st_mtime_ns)
    return found


def _family(pid: int) -> list[int]:
    """Processes of the grader's own below it; whoever kills a student's kernel ends that notebook, which is another matter."""
    lines = subprocess.run(
        ["ps", "-eo", "pid,ppid,comm"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [line.split(None, 2) for line in lines[1:]]
    parents = {int(one): int(other) for one, other, name in rows if name != "bwrap" and _outside(int(one))}
    found = [pid]
    for one in found:
        found.extend(child for child, parent in parents.items() if parent == one)
    return found[1:]


def _outside(pid: int) -> bool:
    """Whether it runs in no box."""
    try:
        return Path(f"/proc/{pid}/ns/pid").readlink() == Path("/proc/self/ns/pid").readlink()
    except OSError:
        return False


def kill_at_random(count: int, seed: int, folder: Path) -> Report:
    """As many kills as asked for, in as many rounds as they take."""
    chance, report, small = random.Random(seed), Report(), SmallClass(folder)
    began = time.monotonic()
    undisturbed = small.start(folder / "whole")
    _, told = undisturbed.communicate()
    assert undisturbed.returncode in (0, 1), told
    report.lasts, wanted = time.monotonic() - began, outcome(folder / "whole")
    while report.kills < count:
        report.rounds += 1
        _round(small, folder / f"round-{report.rounds}", report, chance=chance, count=count, wanted=wanted)
    return report


def _round(small: SmallClass, out: Path, report: Report, *, chance: random.Random, count: int, wanted: Any) -> None:
    """Kill until it gets to its end between two kills."""
    kept: dict[str, tuple[int, int]] = {}
    while True:
        process = small.start(out)
        if report.kills < count:
            _kill(process, report, chance)
        _, told = process.communicate()
        now = _evidence(out)
        report.executed_twice += [f"{out.name}: {who}" for who, file in kept.items() if now.get(who) != file]
        kept = now
        if process.returncode in (0, 1):
            break
        if process.returncode != -signal.SIGKILL and b"->" not in told:
            report.unhelpful.append(told.decode()[-500:])
            break
    ended = outcome(out) if (out / "results.json").exists() else []
    if ended != wanted:
        told = [(row["participant"]["id"], row["execution"]) for row in ended if row not in wanted]
        report.different.append(f"{out.name}: {told}")


def _kill(process: subprocess.Popen[bytes], report: Report, chance: random.Random) -> None:
    began = time.monotonic()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(chance.uniform(0.2, 1.0) * report.lasts)
        # It ended first: the run that was timed was on a busier machine. Not at once: a resumed run is shorter than a whole one.
        report.lasts = max(0.7 * report.lasts, time.monotonic() - began)
    victims = _family(process.pid) if chance.random() < 0.4 else []
    victim = chance.choice(victims) if victims else process.pid
    if process.poll() is None:
        report.kills += 1
        report.of_the_grader += victim == process.pid
        os.kill(victim, signal.SIGKILL)


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        numbers = [int(word) for word in sys.argv[1:]]
        found = kill_at_random(numbers[0] if numbers else 100, numbers[1] if len(numbers) > 1 else 0, Path(temporary))
    print(json.dumps(asdict(found), indent=1))
    sys.exit(bool(found.different or found.executed_twice or found.unhelpful))
