"""Makes the pictures of the documents anew: `python docs/screenshots/make.py`. Needs chromium, torch, and half a minute.

Nothing in them is painted: the sample class is graded (without running it), the self-check is made, preflight is asked.
Pictures are small and of few colours, so that the repository stays small.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GOLDEN = ROOT / "assignments" / "week3" / "golden"
WIDTH, SHOWN = 1000, 800
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ASK = """
import sys, warnings; warnings.simplefilter("ignore")
sys.path.insert(0, {tests!r})
import preflight_setups as table
from pathlib import Path
model = table.decoder(task_type=None)
module = table.load({preflight!r})
report = module.preflight(model, table.tokenizer("right"), table.arguments(fp16=False, bf16=True), gpu="T4", show=False)
page = '<meta charset="utf-8"><body style="font:16px sans-serif;margin:20px">' + report._repr_html_()
Path({out!r}).write_text(page, "utf-8")
"""


def main() -> int:
    """All pictures."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        grader("check", GOLDEN / "08-bf16-training" / "homework.ipynb", "--static", "--html", made / "check.html")
        grader("grade", samples(made / "class"), "--mode", "static", "--out", made / "results")
        preflight = str(ROOT / "grader" / "selfcheck" / "preflight.py")
        asked = ASK.format(
            tests=str(ROOT / "tests" / "integration"), preflight=preflight, out=str(made / "preflight.html")
        )
        subprocess.run([sys.executable, "-c", asked], check=True, cwd=ROOT)
        picture(made / "check.html", "self-check", 900)
        picture(made / "preflight.html", "preflight", 370)
        picture(made / "results" / "index.html", "overview", 900)
        picture(made / "results" / "feedback" / "padding-right.html", "feedback", 1000)
    return 0


def samples(folder: Path) -> Path:
    """Some of the sample class, as single files."""
    folder.mkdir()
    for case in (
        "01-right",
        "05-padding-right-last-position",
        "06-head-frozen",
        "09-only-q-and-v",
        "13-two-sections-missing",
    ):
        name = "padding-right" if case.startswith("05") else case
        shutil.copy(GOLDEN / case / "homework.ipynb", folder / f"{name}.ipynb")
    return folder


def grader(*words: str | Path) -> None:
    """Run a command; 1 (somebody has to look) is fine."""
    command = [sys.executable, "-m", "grader", *map(str, words)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")


def picture(page: Path, name: str, height: int) -> None:
    """The top of a page, as a small PNG of few colours."""
    browser = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if browser is None:
        raise SystemExit("no chromium here: apt-get install chromium")
    raw = page.with_suffix(".png")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={WIDTH},{height}"]
    quiet = subprocess.DEVNULL
    subprocess.run([browser, *options, f"--screenshot={raw}", page.as_uri()], check=True, stdout=quiet, stderr=quiet)
    with Image.open(raw) as shot:
        small = shot.convert("RGB").resize((SHOWN, round(shot.height * SHOWN / shot.width)), Image.Resampling.LANCZOS)
        small.quantize(160, method=Image.Quantize.FASTOCTREE).save(HERE / f"{name}.png", optimize=True)
    print(f"{name}.png: {(HERE / f'{name}.png').stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    sys.exit(main())
