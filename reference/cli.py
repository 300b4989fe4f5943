"""The commands of `python -m reference`: parse, call, print."""

from __future__ import annotations

from pathlib import Path

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Build the stage, train the reference solutions, record expected ranges."""


@main.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("assignments/week3/stage"), show_default=True)
@click.option("--random-weights", is_flag=True, help="Skip pre-training: seconds, not minutes; the models know nothing.")
def stage(out: Path, *, random_weights: bool) -> None:
    """Build the stage: stand-in models, data, true-size table."""
    from reference import runtime

    runtime.settle()
    from reference.stage import build, pretrain

    diets = build.random_weights() if random_weights else dict(pretrain.DIETS)
    made = build.build(out, diets=diets, report=click.echo)
    size = sum(file["bytes"] for file in made["files"].values())
    click.echo(f"{out}: {len(made['files'])} files, {size / 1e6:.1f} MB")


@main.command()
@click.option("--source", type=click.Path(path_type=Path), default=Path("assignments/week3/source.ipynb"), show_default=True)
@click.option("--stage", type=click.Path(path_type=Path), default=Path("assignments/week3/stage"), show_default=True)
def notebook(source: Path, stage: Path) -> None:
    """Run the source notebook on the stage, keep its outputs, fill the memo's figures."""
    from reference import notebook as running

    running.refresh(source, stage, report=click.echo)
