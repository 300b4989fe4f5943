"""The commands of `python -m reference`: parse, call, print."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reference.errors import RunError
from reference.models import DECODER, ENCODER

if TYPE_CHECKING:
    from reference.training.run import Order
    from reference.training.tables import Tables

STAGE = Path("assignments/week3/stage")
EXPECTED = Path(__file__).with_name("expected")
MAIN_RUNS = ("encoder", "decoder", "decoder-weighted")
_RUNS = Path.home() / ".cache" / "llm-course-reference"
Path_ = click.Path(path_type=Path)


class _Group(click.Group):
    """Prints what a person has to mend, without a traceback; exit code 2."""

    def invoke(self, context: click.Context) -> Any:
        """As click does, but for our own errors."""
        try:
            return super().invoke(context)
        except RunError as error:
            click.echo(f"error: {error}", err=True)
            raise SystemExit(2) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Build the stage, train the reference solutions, record expected ranges."""


@dataclass(frozen=True)
class Where:
    """What the commands that run something share."""

    scale: str
    data: Path | None
    hub: Path | None
    out: Path
    threads: int

    def prepare(self) -> Tables:
        """Settles the process and reads the tables. The hub must be chosen before transformers is imported."""
        hub = self.hub or (STAGE / "hub" if self.scale == "standin" else None)
        if hub and not hub.is_dir():
            raise RunError(f"There is no hub cache at {hub}. Build it with `python -m reference stage`.")
        if self.scale == "full" and self.data is None:
            raise RunError("Scale full needs --data; `python -m reference data COMPLAINTS.csv --out DIR` makes it.")
        if hub:
            os.environ |= {"HF_HUB_CACHE": str(hub.resolve()), "HF_HUB_OFFLINE": "1"}
        from reference import runtime

        runtime.settle(threads=self.threads)
        from reference.training import tables

        return tables.load(self.data or STAGE / "data")

    def results(self, orders: list[tuple[str, int]], tables: Tables) -> dict[str, list[dict[str, Any]]]:
        """The results of (run, seed) pairs, by run."""
        from reference.training import run as running

        found: dict[str, list[dict[str, Any]]] = {}
        start = time.monotonic()
        for done, (name, seed) in enumerate(orders):
            left = (time.monotonic() - start) / done * (len(orders) - done) / 60 if done else None
            click.echo(f"run {done + 1} of {len(orders)}" + (f", about {left:.0f} min left" if left else ""), err=True)
            result = running.execute(_order(name, self.scale, seed), tables, out=self.out, report=click.echo)
            found.setdefault(name, []).append(result)
        return found


def _run_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of `Where`, handed to the command as `where`."""

    @wraps(command)
    def called(**given: Any) -> None:
        where = Where(**{field.name: given.pop(field.name) for field in fields(Where)})
        command(where=where, **given)

    options = [
        click.option("--scale", type=click.Choice(["standin", "full"]), default="standin", show_default=True),
        click.option(
            "--data", type=Path_, help="Folder with train, validation and test tables. [standin: the stage's]"
        ),
        click.option("--hub", type=Path_, help="Hub cache to load models from, offline. [standin: the stage's]"),
        click.option("--out", type=Path_, default=_RUNS, show_default=True, help="Where runs keep what they make."),
        click.option("--threads", default=1, show_default=True, help="CPU threads."),
    ]
    decorated: Callable[..., None] = called
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def _order(name: str, scale: Any, seed: int) -> Order:
    from reference.training import config, latency, run

    return run.Order(config.load(name, scale), scale, seed, latency.Method())


def _seeds(count: int, first: int = 1) -> range:
    return range(first, first + count)


@main.command()
@click.option("--out", type=Path_, default=STAGE, show_default=True)
@click.option("--only", type=click.Choice(["encoder", "decoder"]), help="Train this one again; keep the other.")
@click.option("--random-weights", is_flag=True, help="Skip pre-training: seconds, but the models know nothing.")
def stage(out: Path, *, only: str | None, random_weights: bool) -> None:
    """Build the stage: stand-in models, data, true-size table."""
    from reference import runtime

    runtime.settle()
    from reference.stage import build, pretrain

    diets = build.random_weights() if random_weights else dict(pretrain.DIETS)
    chosen = {None: None, "encoder": ENCODER, "decoder": DECODER}[only]
    made = build.build(out, diets=diets, report=click.echo, only=chosen)
    size = sum(file["bytes"] for file in made["files"].values())
    click.echo(f"{out}: {len(made['files'])} files, {size / 1e6:.1f} MB")


@main.command()
@click.argument("csv", type=Path_)
@click.option("--out", type=Path_, required=True)
@click.option("--rows", type=int, default=72_500, show_default=True, help="About how many rows to keep; 0 keeps all.")
@click.option("--classes", default=113, show_default=True)
def data(csv: Path, *, out: Path, rows: int, classes: int) -> None:
    """Turn the public complaint table into train, validation and test tables."""
    from reference.corpus import cfpb
    from reference.stage.data import write

    labels, parts = cfpb.read(csv, cfpb.Selection(classes=classes, rows=rows or None))
    write(labels, parts, out)
    click.echo(f"{out}: {len(labels)} issues, " + ", ".join(f"{len(rows)} {part}" for part, rows in parts.items()))


@main.command()
@click.argument("names", nargs=-1)
@click.option("--seed", default=1, show_default=True)
@_run_options
def run(names: tuple[str, ...], *, seed: int, where: Where) -> None:
    """Train and measure runs by NAMES (default: encoder, decoder, decoder-weighted); prints them side by side."""
    orders = [(name, seed) for name in names or MAIN_RUNS]
    results = where.results(orders, where.prepare())
    from reference.training import plots, report

    last = {name: runs[-1] for name, runs in results.items()}
    plots.tiers(last, where.out / where.scale / "tiers.svg")
    click.echo(report.side_by_side(last))
    click.echo(f"Results and plots: {where.out / where.scale}")


@main.command()
@click.option("--seeds", default=10, show_default=True, help="How many seeds, from 1 up.")
@click.option("--into", type=Path_, default=EXPECTED, show_default=False, help="Folder of the expected ranges.")
@_run_options
def record(seeds: int, *, into: Path, where: Where) -> None:
    """Run the three main runs with several seeds and record the range of every metric."""
    orders = [(name, seed) for seed in _seeds(seeds) for name in MAIN_RUNS]
    results = where.results(orders, where.prepare())
    from reference.training import recording

    made_by = f"python -m reference record --scale {where.scale} --seeds {seeds}"
    content = recording.expected(results, where.scale, made_by=made_by)
    path = into / f"{where.scale}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{path}: {seeds} seeds, 99 % prediction intervals")


@main.command()
@click.option("--fresh", default=3, show_default=True, help="Fresh seeds to hold against the recorded ranges.")
@click.option("--from-seed", default=101, show_default=True)
@_run_options
def verify(fresh: int, *, from_seed: int, where: Where) -> None:
    """Hold fresh seeds and planted faults against the recorded ranges; exit 1 if they don't fall as they must."""
    path = EXPECTED / f"{where.scale}.json"
    if not path.is_file():
        raise RunError(f"{path} is missing: `python -m reference record --scale {where.scale}` makes it.")
    tables = where.prepare()
    from reference.training import config, report

    content = json.loads(path.read_text(encoding="utf-8"))
    faults = [name for name in config.names() if name.startswith("fault-")]
    orders = [(name, seed) for seed in _seeds(fresh, from_seed) for name in MAIN_RUNS]
    results = where.results(orders + [(name, from_seed) for name in faults], tables)
    lines, holds = report.verification(results, content)
    click.echo("\n".join(lines))
    raise SystemExit(0 if holds else 1)


@main.command()
@_run_options
def plot(*, where: Where) -> None:
    """Draw the plots of the main runs again from what they kept."""
    from reference.training import plots, report

    folder = where.out / where.scale
    last = report.latest(folder, MAIN_RUNS)
    plots.tiers(last, folder / "tiers.svg")
    for name, result in last.items():
        plots.training(result, folder / name / f"seed-{result['seed']}" / "training.svg")
    click.echo(f"Plots: {folder}")


@main.command()
@click.argument("names", nargs=-1)
def counts(names: tuple[str, ...]) -> None:
    """Count what runs NAMES (default: encoder, decoder) train at true size; needs neither weights nor network."""
    from reference.training import config, models

    for name in names or ("encoder", "decoder"):
        found = models.true_size(config.load(name, "full"))
        share = 100 * found["trainable"] / found["all"]
        click.echo(f"{name:<22}{found['trainable']:>13,} of {found['all']:>13,}  {share:.4f} %")


@main.command()
@click.option("--out", type=Path_, required=True, help="JSON file to write.")
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option("--steps", default=6, show_default=True)
@click.option("--batch", default=16, show_default=True)
@click.option("--length", default=256, show_default=True)
@click.option("--repeats", default=5, show_default=True, help="Timing repetitions.")
def truesize(out: Path, *, device: str, **sizes: Any) -> None:
    """Both models at true size with random weights: parameters, memory, seconds per step, latency at batch 32."""
    from reference.training import trial

    found = trial.run(trial.Trial(device, **sizes))
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(found["models"], indent=1))


@main.command()
@click.option("--source", type=Path_, default=STAGE.parent / "source.ipynb", show_default=True)
@click.option("--stage", "folder", type=Path_, default=STAGE, show_default=True)
def notebook(source: Path, *, folder: Path) -> None:
    """Run the source notebook on the stage, keep its outputs, fill the memo's figures."""
    from reference import notebook as running

    running.refresh(source, folder, report=click.echo)
