"""Commands in the documents are real: every one names a command with its options, and the cheap ones are run as they stand."""

from __future__ import annotations

import re
import shlex
import shutil
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from grader.cli.app import MODULES, app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GOLDEN = ROOT / "assignments" / "week3" / "golden" / "01-right" / "homework.ipynb"
NOT_RUN = {
    "grader demo": "executes the sample class; an environment of its own does it",
    "grader moodle": "needs a Moodle site",
    "grader review": "serves until it is stopped",
    "grader assignment validate": "executes the solution",
    "--cluster": "needs a cluster",
    "--mode full": "needs the real models",
    "grader regrade": "shown with the others in tests of the pipeline",
    "grader restore": "wants a folder that is not there yet; tested with backup",
    "week3-moodle": "made by `grader moodle pull`",
    "grader course anonymous": "refuses classes below ten people, as it must here",
    "grader release": "refuses while anything is open, as it must here",
}
"""Part of a command -> why it is not run here."""
for module in MODULES:
    import_module(f"grader.cli.{module}")


def documented() -> Iterator[tuple[str, str]]:
    """(page, command) of every line and every inline piece of code that begins with `grader `."""
    for page in PAGES:
        text = page.read_text("utf-8")
        lines = re.findall(r"^[ ]{4,}(grader .+)$", text, re.MULTILINE)
        inline = re.findall(r"`(grader [^`]+)`", text)
        for command in [*lines, *inline]:
            yield page.name, re.split(r"\s{2,}#|\s#", command)[0].strip()


COMMANDS = sorted(set(documented()))


def words_of(command: str) -> list[str]:
    return shlex.split(command)[1:]


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """The click command that words name, and the words that are left."""
    command: click.Command = app
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_documented_command_is_one_with_these_options(page: str, command: str) -> None:
    found, rest = resolve(words_of(command))
    if isinstance(found, click.Group):
        assert found is not app and not rest, f"{page}: no such command: {command}"
        return
    known = {option for item in found.params for option in (*item.opts, *item.secondary_opts)} | {"--help"}
    given = {word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    assert given <= known, f"{page}: {command}"


def runnable(command: str) -> bool:
    """Whole, with nothing in it that stands for something else; `DIR`, `FILE` and the like are names as good as others."""
    found, rest = resolve(words_of(command))
    arguments = [item for item in found.params if isinstance(item, click.Argument) and item.required]
    whole = sum(not word.startswith("-") for word in rest) >= len(arguments)
    stands_for = re.search(r"\.\.\.|<|~/|ADDRESS|PATH|PULLED|NAME|PAGE", command)
    return (
        not isinstance(found, click.Group) and whole and not stands_for and not any(part in command for part in NOT_RUN)
    )


CHEAP = sorted({command for _, command in COMMANDS if runnable(command)})


def test_what_is_run_is_not_nothing() -> None:
    assert {
        "grader check homework.ipynb",
        "grader export homework.ipynb",
        "grader assignment build week4",
        "grader doctor",
    } <= set(CHEAP)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course of one's own with what the documents take for granted: a homework, an export, a list of people."""
    folder = tmp_path_factory.mktemp("course")
    for part in ("assignments/week3", "rubrics", "reference/expected"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("golden"))
    own = folder / "assignments" / "week3" / "checks"
    own.mkdir(exist_ok=True)
    example = re.search(
        r"^```python\n(.*?)^```", (ROOT / "docs" / "authoring.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert example is not None
    (own / "cells_with_code.py").write_text(example[1], "utf-8")
    for name in ("homework.ipynb", "one-notebook.ipynb"):
        (folder / name).write_bytes(GOLDEN.read_bytes())
    with zipfile.ZipFile(folder / "EXPORT.zip", "w") as archive:
        archive.writestr("Ada Lovelace_24_assignsubmission_file_/homework.ipynb", GOLDEN.read_bytes())
    shutil.copy(folder / "EXPORT.zip", folder / "LLM-ENG-Week 3 homework-1.zip")
    sheet = "Identifier,Full name,Email address,Status,Grade,Maximum grade\nParticipant 24,Ada Lovelace,a@x.example,Submitted,,100.00\n"
    for name in ("SHEET.csv", "Grades-LLM-ENG-Week 3 homework-1.csv", "participants.csv"):
        (folder / name).write_text(
            sheet if name != "participants.csv" else "name,email\nAda Lovelace,a@x.example\n", "utf-8"
        )
    (folder / "quiz.csv").write_text("email,grade\na@x.example,8\n", "utf-8")
    return folder


ORDER = ("assignment new", "course new", "grader grade", "course people")
"""What others need comes first."""


@pytest.mark.parametrize("command", sorted(CHEAP, key=lambda text: (not any(word in text for word in ORDER), text)))
def test_cheap_commands_run_as_they_stand(command: str, course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(course)
    monkeypatch.delenv("GRADER_COURSE", raising=False)
    words = words_of(command)
    if words[0] == "check" and "--static" not in words:
        words.append("--static")  # nothing else is left out
    if words[0] == "grade":
        words += ["--mode", "static", *([] if "--assignment" in words else ["--assignment", "week3"])]
        words = ["week3" if word == "week1" else word for word in words]
    done = CliRunner().invoke(app, words, standalone_mode=False)
    assert done.exception is None, f"{command}: {done.exception}\n{done.output}"
    assert done.return_value in (0, 1, None), done.output


def test_every_module_of_commands_is_loaded_by_the_program() -> None:
    found = {
        path.stem
        for path in (ROOT / "grader" / "cli").glob("*.py")
        if "@app." in path.read_text("utf-8") and path.stem != "app"
    }
    assert found <= set(MODULES)
