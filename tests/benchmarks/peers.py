"""nbgrader, otter-grader and a plain loop over `jupyter nbconvert --execute`, on the same ten notebooks.

Each peer is installed into a throw-away environment that sees this one's libraries (so that torch is the same), never into ours.
Each is used as its own documentation says; what it does with a notebook beyond running it is in its figure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.metering import Cost, run
from tests.benchmarks.notebooks import cells, notebook

VERSIONS = {"nbgrader": "0.9.6", "otter-grader": "7.0.0"}


def environment(folder: Path, package: str) -> Path:
    """The interpreter of a new environment with one peer in it."""
    place = folder / package
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    packages = next(place.glob("lib/python*/site-packages"))
    (packages / "zz-libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    pip = [sys.executable, "-m", "pip"] if _has_pip() else ["python3", "-m", "pip"]
    subprocess.run(
        [*pip, "--python", str(place / "bin/python"), "install", "-qq", f"{package}=={VERSIONS[package]}"], check=True
    )
    return place / "bin"


def _has_pip() -> bool:
    return subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def nbgrader(folder: Path, count: int) -> Cost:
    """`nbgrader autograde` with one test cell and five cells to be graded by hand, then `generate_feedback`."""
    scripts, course = environment(folder, "nbgrader"), folder / "nbgrader-course"
    home = folder / "nbgrader-home"
    home.mkdir()
    (course / "source/hw").mkdir(parents=True)
    (course / "nbgrader_config.py").write_text(
        'c = get_config()\nc.CourseDirectory.course_id = "bench"\nc.ExecutePreprocessor.timeout = 600\n'
    )
    (course / "source/hw/hw.ipynb").write_text(json.dumps(_for_nbgrader(0)))
    run([str(scripts / "nbgrader"), "generate_assignment", "hw"], cwd=course, home=home)
    for number in range(count):
        place = course / f"submitted/student{number}/hw"
        place.mkdir(parents=True)
        (place / "hw.ipynb").write_text(json.dumps(_for_nbgrader(number)))
    graded = run([str(scripts / "nbgrader"), "autograde", "hw"], cwd=course, home=home)
    told = run([str(scripts / "nbgrader"), "generate_feedback", "hw"], cwd=course, home=home)
    _insist(list(course.glob("feedback/*/hw/hw.html")), count)
    return Cost(round(graded.wall + told.wall, 2), round(graded.cpu + told.cpu, 2))


def _for_nbgrader(seed: int) -> dict[str, Any]:
    made = notebook([*cells(seed), ("code", "assert answer == 42")])
    for number, cell in enumerate(made["cells"]):
        last = number == len(made["cells"]) - 1
        memo = cell["cell_type"] == "markdown"
        told = {
            "schema_version": 3,
            "grade_id": f"g{number}",
            "grade": last or memo,
            "solution": not last,
            "locked": last,
            "task": False,
        }
        if last or memo:
            told["points"] = 1 if last else 20
        cell["metadata"] = {"nbgrader": told}
    return made


def otter(folder: Path, count: int) -> Cost:
    """`otter run` (the command for machines without Docker) with one question."""
    scripts, home = environment(folder, "otter-grader"), folder / "otter-home"
    (home / "results").mkdir(parents=True)
    config = "# ASSIGNMENT CONFIG\nname: hw\ninit_cell: false\ncheck_all_cell: false\nexport_cell: false\ngenerate: true\nenvironment: false\n"
    parts = [
        ("raw", config), ("raw", "# BEGIN QUESTION\nname: q1\npoints: 1"), ("raw", "# BEGIN SOLUTION"),
        ("code", "answer = 42 # SOLUTION"), ("raw", "# END SOLUTION"), ("raw", "# BEGIN TESTS"),
        ("code", "assert answer == 42"), ("raw", "# END TESTS"), ("raw", "# END QUESTION"),
    ]  # fmt: skip
    (home / "hw.ipynb").write_text(json.dumps(notebook(parts)))
    run([str(scripts / "otter"), "assign", "hw.ipynb", "dist", "--no-run-tests"], cwd=home, home=home)
    (archive,) = home.glob("dist/autograder/*.zip")
    told = json.loads((home / "dist/student/hw.ipynb").read_text())["metadata"]

    def grade(number: int) -> Cost:
        made = notebook([*cells(number), ("code", 'grader.check("q1")')])
        made["metadata"] = told
        (home / f"s{number}.ipynb").write_text(json.dumps(made))
        command = [str(scripts / "otter"), "run", f"s{number}.ipynb", "-a", str(archive), "-o", "results", "--no-logo"]
        cost = run(command, cwd=home, home=home)
        _insist([home / "results/results.json"], 1)
        return cost

    return _each(grade, count)


def nbconvert(folder: Path, count: int) -> Cost:
    """`jupyter nbconvert --execute --to html`, one after another."""
    home = folder / "nbconvert-home"
    home.mkdir()

    def convert(number: int) -> Cost:
        (home / f"s{number}.ipynb").write_text(json.dumps(notebook(cells(number))))
        command = [sys.executable, "-m", "jupyter", "nbconvert", "--execute", "--to", "html", f"s{number}.ipynb"]
        cost = run(command, cwd=home, home=home)
        _insist([home / f"s{number}.html"], 1)
        return cost

    return _each(convert, count)


def _each(one: Callable[[int], Cost], count: int) -> Cost:
    costs = [one(number) for number in range(count)]
    return Cost(round(sum(cost.wall for cost in costs), 2), round(sum(cost.cpu for cost in costs), 2))


def _insist(files: list[Path], count: int) -> None:
    there = [path for path in files if path.exists() and path.stat().st_size]
    if len(there) != count:
        raise RuntimeError(f"only {len(there)} of {count} were graded")
