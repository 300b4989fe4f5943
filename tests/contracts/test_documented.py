"""The documents say what is there: commands, options, settings, checks, the schema, the README's commands."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
from pathlib import Path

import click
import pytest

import grader.cli.assignments
import grader.cli.course
import grader.cli.doctoring
import grader.cli.grading
import grader.cli.moodle
import grader.cli.releasing
import grader.cli.reviewing
import grader.cli.students  # noqa: F401
from grader.catalog import Course
from grader.checking.engine import bind
from grader.checks import collect
from grader.cli.app import app
from grader.model.results import Results
from grader.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = "\n".join(path.read_text("utf-8") for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))])
CHECK_IDS = {
    "decoder.padding_side", "decoder.score_head", "decoder.load_dtype", "decoder.mixed_precision", "encoder.trainable_params",
    "decoder.trainable_params", "decoder.class_weights", "metrics.encoder", "metrics.decoder", "metrics.decoder_weighted",
    "tiers.reported", "latency.method", "latency.reported", "memo.sections", "integrity.outputs_match_code",
    "integrity.memo_matches_outputs",
}  # fmt: skip


def commands(group: click.Group, prefix: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= commands(command, f"{prefix}{name} ")
        else:
            found[f"{prefix}{name}"] = command
    return found


@pytest.mark.parametrize("name", sorted(commands(app)))
def test_every_command_is_documented_and_helps(name: str) -> None:
    assert f"grader {name}" in DOCS
    assert (commands(app)[name].help or "").strip()


@pytest.mark.parametrize("name", sorted(commands(app)))
def test_every_option_is_documented_and_says_what_it_does(name: str) -> None:
    options = [item for item in commands(app)[name].params if isinstance(item, click.Option)]
    assert [word for item in options for word in item.opts if word.startswith("--") and word not in DOCS] == []
    assert [item.opts for item in options if not item.help] == []


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Settings)])
def test_every_setting_is_an_option_or_said_in_words(name: str) -> None:
    said = {"boxed": "a temporary copy of your notebook with your own rights"}
    assert said.get(name, f"--{name.replace('_', '-')}") in DOCS


def test_every_check_has_a_sentence_for_students() -> None:
    registry = collect()
    assert [name for name in registry if len(registry.describe(name).sentence) < 20] == []


def test_the_ids_of_week_3_are_fixed_and_bound() -> None:
    course = Course(ROOT)
    rubric = course.rubric(course.load("week3"))
    assert {bound.line.id for bound in bind(rubric, collect())} == CHECK_IDS


def test_the_published_schema_is_the_models() -> None:
    published = json.loads((ROOT / "docs" / "results.schema.json").read_text("utf-8"))
    assert published == Results.json_schema(by_alias=True, mode="serialization")


def test_the_readme_has_two_commands_of_one_line_each() -> None:
    blocks = re.findall(r"^```\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert [len(block.strip().splitlines()) for block in blocks[:2]] == [1, 1]
    assert blocks[0].strip().endswith("grader demo")
    assert blocks[1].strip().endswith("/tox")


def test_ci_runs_the_readmes_test_command() -> None:
    assert "README.md" in (ROOT / ".ci" / "run").read_text("utf-8")


@pytest.mark.parametrize(
    "field", ["title", "rubric", "due", "late", "models", "stage", "classes", "hardware", "limits", "scale"]
)
def test_every_field_of_an_assignment_is_documented(field: str) -> None:
    assert f"`{field}`" in (ROOT / "docs" / "authoring.md").read_text("utf-8")


def test_linked_documents_exist() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_importing_the_grader_never_imports_torch() -> None:
    import subprocess
    import sys

    code = "import sys, grader.cli.app, grader.pipeline, grader.cli.grading, grader.cli.students; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_module_says_what_it_answers() -> None:
    for path in (ROOT / "grader").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if path.name.startswith(("inside", "compat", "__main__")):
            continue
        assert importlib.import_module(module).__doc__ or path.stat().st_size == 0, f"{path} has no docstring"
