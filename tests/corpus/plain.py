"""Do generated notebooks run top to bottom with plain libraries, nothing of ours around them? For the generator's own good.

    python -m tests.corpus.plain --count 20 --seed 0

Leaves out what needs another machine or the network (Colab, Kaggle, the hub, bf16 in Trainer) and planted damage. Runs
on a small part of the stage's data, in one process.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.corpus.choices import Choices, draw
from tests.corpus.course import STAGE
from tests.corpus.program import program


def runs_anywhere(chosen: Choices) -> bool:
    """Nothing in it needs the grader's help to run here."""
    return (
        chosen.place in ("environment", "relative")
        and chosen.saving != "push"
        and not chosen.old_spelling
        and chosen.precision != "bf16"
        and chosen.damage in ("none", "counts")
    )


def small_data(folder: Path) -> None:
    """At least one row of each class, and a few more."""
    import pandas as pd

    (folder / "data").mkdir()
    for split, rows in (("train", 40), ("validation", 40), ("test", 100)):
        table = pd.read_parquet(STAGE / "data" / f"{split}.parquet")
        kept = pd.concat([table.groupby("label").head(1), table.head(rows)]) if split == "train" else table.head(rows)
        kept.to_parquet(folder / "data" / f"{split}.parquet", index=False)
    (folder / "data" / "labels.json").write_bytes((STAGE / "data" / "labels.json").read_bytes())


def run(chosen: Choices, folder: Path) -> tuple[str, float]:
    """(trouble or nothing, seconds); the printed text lies in `folder`/out.txt afterwards."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)
    scope: dict[str, object] = {"__name__": "__main__"}
    start, said = time.perf_counter(), io.StringIO()
    trouble = ""
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()), contextlib.chdir(folder):
        for number, part in enumerate(program(chosen)):
            try:
                exec(compile(part.source, f"cell {number}", "exec"), scope)
            except Exception:
                trouble = f"cell {number}: {traceback.format_exc()[-900:]}"
                break
    (folder / "out.txt").write_text(said.getvalue(), encoding="utf-8")
    return trouble, time.perf_counter() - start


def main() -> int:
    """The number of notebooks in trouble as exit status, at most 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ.update(HF_HUB_CACHE=str(STAGE / "hub"), HF_HUB_OFFLINE="1", MPLBACKEND="agg", TQDM_DISABLE="1")
    bad = done = 0
    seed = options.seed
    while done < options.count:
        chosen = draw(seed)
        seed += 1
        if not runs_anywhere(chosen):
            continue
        done += 1
        with tempfile.TemporaryDirectory() as name:
            small_data(Path(name))
            os.environ["COURSE_DATA"] = str(Path(name, "data"))
            trouble, seconds = run(chosen, Path(name))
        bad += bool(trouble)
        print(
            chosen.seed,
            f"{seconds:.1f}s",
            chosen.layout,
            chosen.trainer,
            chosen.feeding,
            chosen.faults,
            trouble or "ok",
            flush=True,
        )
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
