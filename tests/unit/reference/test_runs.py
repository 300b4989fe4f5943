"""Whole runs on a few rows: repeatable, kept, resumable; the true-size trial; the notebook that fills its own memo."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from reference.errors import RunError
from reference.models import DECODER, ENCODER, TRUE_SIZE, stand_in
from reference.notebook import refresh
from reference.training import config, tables

pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
STAGE = Path(__file__).parents[3] / "assignments" / "week3" / "stage"


def snapshot(repo: str) -> str:
    folder = STAGE / "hub" / f"models--{repo.replace('/', '--')}"
    return str(folder / "snapshots" / (folder / "refs" / "main").read_text())


@pytest.fixture(scope="module")
def few() -> tables.Tables:
    whole = tables.load(STAGE / "data")
    return tables.Tables(whole.train.head(24), whole.validation.head(8), whole.test.head(16), whole.labels, "few")


def order(name: str, *, seed: int = 1, epochs: float = 2):
    from reference.training.latency import Method
    from reference.training.run import Order

    chosen = config.load(name, "standin")
    chosen = chosen.model_copy(update={"model": snapshot(chosen.model), "epochs": epochs, "batch": 8})
    return Order(chosen, "standin", seed, Method(batch=4, batches=2, warmup=1, repeats=2))


def execute(wanted, few, out: Path) -> dict:
    from reference.training.run import execute as run

    return run(wanted, few, out=out, report=lambda line: None)


def losses(result: dict) -> list[float]:
    return [float(entry["eval_loss"]) for entry in result["log"] if "eval_loss" in entry]


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others(few, tmp_path):
    first, again, other = (
        execute(order("decoder", seed=seed), few, tmp_path / place) for place, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert (first["quality"], losses(first)) == (again["quality"], losses(again))
    assert losses(first) != losses(other)


def test_a_finished_run_is_kept_and_another_configuration_is_not_taken_for_it(few, tmp_path):
    first = execute(order("encoder"), few, tmp_path)
    assert execute(order("encoder"), few, tmp_path) == first
    assert execute(order("encoder", epochs=1), few, tmp_path)["config"]["epochs"] == 1


def interrupt(wanted, few, out: Path, monkeypatch) -> None:
    """Begins a run and stops it after its first epoch."""
    from reference.training import trainer

    whole = trainer.train

    def train(prepared, folder):
        prepared.add_callback(_StopAfter(3))
        whole(prepared, folder)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "train", train)
        with pytest.raises(KeyboardInterrupt):
            execute(wanted, few, out)
    assert list((wanted.folder(out) / "checkpoints").iterdir())


def test_an_interrupted_run_goes_on_and_ends_where_an_unbroken_one_does(few, tmp_path, monkeypatch):
    whole = execute(order("decoder"), few, tmp_path / "whole")
    interrupt(order("decoder"), few, tmp_path / "broken", monkeypatch)
    resumed = execute(order("decoder"), few, tmp_path / "broken")
    assert losses(resumed) == pytest.approx(losses(whole), abs=1e-6)
    assert resumed["quality"] == whole["quality"]
    assert not (order("decoder").folder(tmp_path / "broken") / "checkpoints").exists()


def test_what_another_configuration_left_is_not_gone_on_from(few, tmp_path, monkeypatch):
    whole = execute(order("decoder", epochs=1), few, tmp_path / "whole")
    interrupt(order("decoder"), few, tmp_path / "broken", monkeypatch)
    assert losses(execute(order("decoder", epochs=1), few, tmp_path / "broken")) == losses(whole)


def _StopAfter(step: int):  # noqa: N802
    from transformers import TrainerCallback

    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_training_stop = state.global_step >= step

    return Stop()


def test_weights_reach_the_loss(few, tmp_path):
    plain, weighted = (execute(order(name), few, tmp_path) for name in ("decoder", "decoder-weighted"))
    assert losses(plain) != losses(weighted)


def test_a_frozen_head_trains_less_and_stays_out_of_what_is_saved(few, tmp_path):
    sound, frozen = (
        execute(order(name), few, tmp_path)["parameters"]["trainable"] for name in ("decoder", "fault-frozen-head")
    )
    assert sound - frozen == 113 * 32


@pytest.mark.parametrize(
    "name, trainable, whole",
    [
        ("encoder", 3_466_097, 153_157_858),
        ("decoder", 2_263_936, 496_397_952),
        ("decoder-weighted", 2_263_936, 496_397_952),
        ("fault-frozen-head", 2_162_688, 496_296_704),
        ("encoder-full", 149_691_761, 149_691_761),
    ],
)
def test_counts_at_true_size_are_the_known_ones(name, trainable, whole):
    from reference.training import models

    scale = "standin" if name.startswith("fault") else "full"
    assert models.true_size(config.load(name, scale)) == {"trainable": trainable, "all": whole}


def test_a_model_of_unknown_size_is_not_guessed_at():
    from reference.training import models

    with pytest.raises(RunError, match="Qwen3"):
        models.true_size(config.load("qwen3", "full"))


def test_the_true_size_trial_measures_what_it_says(monkeypatch):
    from reference.training import trial

    ids = {"bos_token_id": 1, "eos_token_id": 1}
    small = {repo: stand_in(repo, vocab_size=50_400, special=ids) for repo in TRUE_SIZE}
    monkeypatch.setattr(trial, "TRUE_SIZE", small)
    found = trial.run(trial.Trial("cpu", steps=2, batch=2, length=16, timed_batches=1, repeats=1))
    assert set(found["models"]) == {ENCODER, DECODER}
    for model in found["models"].values():
        assert model["latency"]["merged"]["ms_per_example"] > 0
        assert model["seconds_per_step"] > 0
    assert set(found["decoder_over_encoder"]) == {"merged", "unmerged"}


def notebook(tmp_path: Path, *cells) -> Path:
    path = tmp_path / "source.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), path)
    return path


def test_the_memo_is_filled_from_what_the_notebook_measured(tmp_path):
    memo = nbformat.v4.new_markdown_cell(
        "old", metadata={"reference": {"template": "Got {{x['a'] | .2f}} and {{n}} {'}'}."}}
    )
    path = notebook(tmp_path, nbformat.v4.new_code_cell("x = {'a': 0.1234}\nn = 7\nx"), memo)
    refresh(path, tmp_path, report=lambda line: None)
    made = nbformat.read(path, as_version=4)
    assert made.cells[1].source == "Got 0.12 and 7 {'}'}."
    assert made.cells[0].outputs[0]["data"]["text/plain"] == "{'a': 0.1234}"
    refresh(path, tmp_path, report=lambda line: None)
    assert nbformat.read(path, as_version=4).cells[1].source == "Got 0.12 and 7 {'}'}."


def test_a_source_that_fails_or_a_figure_that_is_missing_is_an_error_and_the_file_stays(tmp_path):
    bad = nbformat.v4.new_markdown_cell("old", metadata={"reference": {"template": "{{nothing}}"}})
    for cells in ((nbformat.v4.new_code_cell("1 / 0"),), (nbformat.v4.new_code_cell("1"), bad)):
        path = notebook(tmp_path, *cells)
        before = path.read_bytes()
        with pytest.raises(RunError, match="fails on the stage"):
            refresh(path, tmp_path, report=lambda line: None)
        assert path.read_bytes() == before
