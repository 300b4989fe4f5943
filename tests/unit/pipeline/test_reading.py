"""What evidence says is read once and kept: never used for anything else, never different from reading it again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from grader.catalog import Course
from grader.model.observation import LoraConfigured, Number
from grader.pipeline import Materials, Request, grade, load_materials, regrade
from grader.pipeline import reading as module
from grader.pipeline.reading import Reading, pack, unpack
from grader.settings import Settings
from grader.workspace import Workspace

ROOT = Path(__file__).parents[3]
CASES = ("01-right/homework.ipynb", "07-bfloat16-at-load/homework.html", "10-weights-not-used/homework.html")


@pytest.fixture(scope="module")
def materials() -> Materials:
    return load_materials(Course(ROOT), "week3")


@pytest.fixture(scope="module")
def graded(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    for number, case in enumerate(CASES):
        source = next((ROOT / "assignments/week3/golden" / case).parent.glob("*.[ih][pt][ym][nl]*"))
        shutil.copy(source, folder / f"p{number}{source.suffix}")
    out = tmp_path_factory.mktemp("out") / "run"
    grade(Request(folder, out), materials, Settings(mode="static"))
    return out


def artefacts(out: Path) -> dict[str, bytes]:
    names = ("findings.json", "scorecard.json", "results.json", "p0.html", "p1.html", "p2.html")
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.name in names}


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    real = module.read

    def counted(*args: object, **kwargs: object) -> Reading:
        calls.append(1)
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "read", counted)
    return calls


def test_every_reading_of_a_class_is_kept_and_comes_back_equal(graded: Path, materials: Materials) -> None:
    attempts = sorted(graded.glob("submissions/*/1"))
    assert len(attempts) == len(CASES)
    for path in attempts:
        attempt = Workspace(graded).attempts(path.parent.name)[0]
        stored, evidence = attempt.reading(), attempt.evidence()
        assert stored is not None and evidence is not None
        assert unpack(stored) == module.read(evidence, materials)


def test_a_regrade_reads_nothing_again_and_ends_the_same(
    graded: Path, materials: Materials, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, calls = artefacts(graded), count_reads(monkeypatch)
    changes, _ = regrade(graded, materials, because="a look", apply=True)
    assert (changes, calls, artefacts(graded)) == ([], [], before)


def test_without_kept_readings_it_ends_the_same(
    graded: Path, materials: Materials, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, calls = artefacts(graded), count_reads(monkeypatch)
    for number, path in enumerate(sorted(graded.rglob("reading.json"))):
        path.unlink() if number else path.write_text("{ damaged")
    regrade(graded, materials, because="a look", apply=True)
    assert (len(calls), artefacts(graded)) == (len(CASES), before)


def test_points_and_checks_move_no_reading_but_headings_and_models_do(materials: Materials) -> None:
    rubric, first = materials.rubric, materials.rubric.sections[0]
    harder = first.criteria[0].model_copy(update={"max": first.criteria[0].max + 3})
    points = first.model_copy(update={"criteria": (harder, *first.criteria[1:])})
    headed = first.model_copy(update={"headings": (*first.headings, "something new")})

    def key(**sections: object) -> str:
        return replace(materials, rubric=rubric.model_copy(update=sections)).readers_key

    assert key(sections=(points, *rubric.sections[1:]), checks=()) == materials.readers_key
    assert key(sections=(headed, *rubric.sections[1:])) != materials.readers_key
    models = {role: facts.model_copy(update={"head": "other"}) for role, facts in materials.assignment.models.items()}
    other = replace(materials, assignment=materials.assignment.model_copy(update={"models": models}))
    assert other.readers_key != materials.readers_key


def test_readers_are_not_handed_what_they_may_not_depend_on(materials: Materials) -> None:
    assert materials.facts.expected == {}
    assert materials.headings.checks == ()
    assert {section.max for section in materials.headings.sections} == {Decimal(0)}
    assert [section.criteria for section in materials.headings.sections if section.criteria] == []


def test_a_reading_that_would_come_back_otherwise_is_not_kept() -> None:
    fine = LoraConfigured(source="dry_run", config={"target_modules": ["q_proj"]})
    odd = LoraConfigured(source="dry_run", config={"target_modules": ("q_proj",)})
    assert pack(Reading("0" * 64, (fine,)), "key") is not None
    assert pack(Reading("0" * 64, (odd,)), "key") is None


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_figure_that_json_does_not_know_costs_the_kept_reading_only(value: float) -> None:
    number = Number(source="recorded", value=value, text="1e999")
    assert pack(Reading("0" * 64, (number,)), "key") is None


def test_a_kept_reading_names_the_evidence_that_it_is_of(graded: Path) -> None:
    path = sorted(graded.rglob("reading.json"))[0]
    evidence = json.loads((path.parent / "evidence.json").read_text("utf-8"))
    assert json.loads(path.read_text("utf-8"))["evidence_sha256"] == evidence["digest"]
