"""Hostile files in one class with honest ones: read, judged and shown without harm to anybody."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from attacks_handed_in import HANDED_IN, HandedIn
from lxml import html

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HONEST = ROOT / "assignments" / "week3" / "solution.ipynb"
MARK = Path("/tmp/grader-was-here")
MOST_MB = 1200
MOST_SECONDS = 150
RUN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({most} << 20, {most} << 20))
sys.path.insert(0, {root!r})
sys.argv = ["grader", *{words!r}]
from grader.cli import main
try:
    main()
finally:
    usage = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print("MEGABYTES", max(usage), file=sys.stderr)
"""


@dataclass(frozen=True)
class Scene:
    """A class that was graded with the attackers in it."""

    rows: dict[str, dict[str, Any]]
    out: Path
    told: str
    seconds: float
    alone: dict[str, Any]
    """The honest submission's result in a class without attackers."""


def _key(attack: HandedIn) -> str:
    return re.sub(r"[^a-z]+", "-", attack.name.lower())[:40].strip("-")


def _grade(folder: Path, out: Path) -> str:
    words = [
        "grade",
        str(folder),
        "--out",
        str(out),
        "--mode",
        "static",
        "--course",
        str(ROOT),
        "--jobs",
        "2",
        "--assignment",
        "week3",
    ]
    code = RUN.format(root=str(ROOT), words=words, most=6000)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=500)
    assert (out / "results.json").is_file(), done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("handed-in")
    for name in ("class", "alone"):
        place = folder / name / "Honest Person_1_assignsubmission_file_"
        place.mkdir(parents=True)
        (place / "homework.ipynb").write_bytes(HONEST.read_bytes())
    for number, attack in enumerate(HANDED_IN, start=2):
        place = folder / "class" / f"{_key(attack)}_{number}_assignsubmission_file_"
        place.mkdir()
        for name, data in attack.build().items():
            (place / name).write_bytes(data)
    MARK.unlink(missing_ok=True)
    _grade(folder / "alone", folder / "alone-out")
    began = time.monotonic()
    told = _grade(folder / "class", folder / "out")
    rows = json.loads((folder / "out" / "results.json").read_text("utf-8"))
    (alone,) = json.loads((folder / "alone-out" / "results.json").read_text("utf-8"))
    by_id = {row["participant"]["id"]: row for row in rows}
    return Scene(by_id, folder / "out", told, time.monotonic() - began, alone)


@pytest.mark.parametrize("number", range(len(HANDED_IN)), ids=[attack.name for attack in HANDED_IN])
def test_it_ends_as_a_result_that_says_what_is_wrong(scene: Scene, number: int) -> None:
    attack, row = HANDED_IN[number], scene.rows[str(number + 2)]
    assert row["status"] in attack.status, row["flags"]
    if row["status"] == "unreadable":
        assert row["total"] is None
    assert {found["verdict"] for found in row["findings"].values()} <= {"not_assessed", "partial", "failed", "passed"}
    assert [flag for flag in row["flags"] if flag["kind"] in ("observer_crashed", "memo_reader_crashed")] == []


def test_the_honest_neighbour_is_graded_as_if_alone(scene: Scene) -> None:
    assert scene.rows["1"] == scene.alone


def test_nothing_of_theirs_was_run_or_written_elsewhere(scene: Scene) -> None:
    assert not MARK.exists()
    assert not list(scene.out.parent.glob("**/evil.ipynb"))
    assert not [path for path in scene.out.rglob("*") if path.is_symlink()]


def test_no_page_holds_their_markup(scene: Scene) -> None:
    for path in (*scene.out.glob("feedback/*.html"), scene.out / "index.html"):
        page = html.fromstring(path.read_text("utf-8"))
        assert not page.xpath("//iframe | //object | //form | //base | //*[@onload or @onerror or @onfocus]"), path.name
        assert not [one for one in page.xpath("//script") if "pwned" in (one.text or "")], path.name
        assert not [one for one in page.xpath("//@href | //@src") if re.match(r"\s*(https?:|javascript:|//)", one)], (
            path.name
        )
        assert "\x1b" not in path.read_text("utf-8")


def test_no_terminal_escape_reaches_the_terminal_or_the_log(scene: Scene) -> None:
    assert not re.search(r"\x1b\]|\x1b\[2J|\u202e", scene.told)
    assert "\x1b" not in (scene.out / "run.log").read_text("utf-8")


def test_no_cell_of_the_table_is_a_formula(scene: Scene) -> None:
    with (scene.out / "overview.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert cells and not [cell for cell in cells if re.match(r"[=@+]|-[^\d]", cell)]


def test_time_and_memory_stay_small(scene: Scene) -> None:
    used = re.search(r"MEGABYTES (\d+)", scene.told)
    assert used and int(used[1]) < MOST_MB
    assert scene.seconds < MOST_SECONDS
