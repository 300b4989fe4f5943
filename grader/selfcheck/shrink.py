"""Makes a notebook smaller without touching its code: widget state away, pictures smaller, very long outputs cut.

Each step takes more than the one before it; what was done is said in words.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Notebook = dict[str, Any]
WIDGET = "application/vnd.jupyter.widget-view+json"
PLAIN_ENOUGH = 20_000
"""Bytes below which a picture is left as it is."""
_DATA_URI = re.compile(r"data:image/(png|jpeg);base64,([A-Za-z0-9+/=\s]{1000,})")


@dataclass(frozen=True)
class Step:
    """How far one round of shrinking goes."""

    width: int
    """Pixels; wider pictures are scaled down to it."""
    quality: int
    """Of JPEG, 1 to 95."""
    text: int | None = None
    """Characters of one output beyond which its middle is cut; null: no text is touched."""
    outputs: int | None = None
    """Characters of all outputs of a cell beyond which those in the middle go; null: none goes."""


STEPS = (
    Step(1600, 85),
    Step(1000, 75),
    Step(700, 60, text=400_000),
    Step(480, 45, text=60_000, outputs=1_000_000),
    Step(480, 45, text=20_000, outputs=100_000),
)


def without_widget_state(notebook: Notebook) -> tuple[Notebook, list[str]]:
    """Without the state of widgets (progress bars, mostly), which no page shows; their last text stays."""
    made = copy.deepcopy(notebook)
    dropped = made["metadata"].pop("widgets", None) is not None
    for output in _outputs(made):
        data = output.get("data", {})
        if WIDGET in data and len(data) > 1:
            del data[WIDGET]
            dropped = True
    return made, ["The state of widgets (progress bars) was left out; what they showed last is kept as text."] * dropped


def shrink(notebook: Notebook, step: Step) -> tuple[Notebook, list[str]]:
    """One round; the sentences are empty where nothing became smaller."""
    made = copy.deepcopy(notebook)
    pictures = sum(_shrink_bundle(bundle, step) for bundle in _bundles(made))
    pictures += sum(_shrink_inline(cell, step) for cell in made["cells"] if cell["cell_type"] == "markdown")
    texts = sum(_cut_output(output, step.text) for output in _outputs(made)) if step.text else 0
    dropped = sum(_drop_middle(cell, step.outputs) for cell in made["cells"]) if step.outputs else 0
    said = []
    if pictures:
        said.append(f"{pictures} picture(s) were made smaller (at most {step.width} pixels wide).")
    if texts:
        said.append(f"{texts} very long output(s) were cut in the middle; beginning and end are kept.")
    if dropped:
        said.append(
            f"{dropped} output(s) in the middle of very long cells were left out; the first and the last are kept."
        )
    return made, said


def weight(notebook: Notebook) -> int:
    """Bytes of the notebook alone."""
    return len(json.dumps(notebook))


def heaviest(notebook: Notebook) -> tuple[int, int]:
    """(cell, bytes) of the cell that weighs most."""
    sizes = [(len(json.dumps(cell)), -index) for index, cell in enumerate(notebook["cells"])]
    size, index = max(sizes, default=(0, 0))
    return -index, size


def _outputs(notebook: Notebook) -> Iterator[dict[str, Any]]:
    for cell in notebook["cells"]:
        yield from cell.get("outputs", ())


def _bundles(notebook: Notebook) -> Iterator[dict[str, Any]]:
    """Everything that maps mime types to content: outputs and attachments."""
    for output in _outputs(notebook):
        yield output.get("data", {})
    for cell in notebook["cells"]:
        yield from (item for item in cell.get("attachments", {}).values() if isinstance(item, dict))


def _shrink_bundle(bundle: dict[str, Any], step: Step) -> int:
    changed = 0
    for mime in ("image/png", "image/jpeg"):
        smaller = _smaller(bundle[mime], step) if isinstance(bundle.get(mime), str) else None
        if smaller is not None:
            del bundle[mime]
            bundle[smaller[0]] = smaller[1]
            changed += 1
            break
    return changed


def _shrink_inline(cell: dict[str, Any], step: Step) -> int:
    changed = 0

    def replaced(found: re.Match[str]) -> str:
        nonlocal changed
        smaller = _smaller(found[2], step)
        if smaller is None:
            return found[0]
        changed += 1
        return f"data:{smaller[0]};base64,{smaller[1]}"

    cell["source"] = _DATA_URI.sub(replaced, cell["source"])
    return changed


def _smaller(content: str, step: Step) -> tuple[str, str] | None:
    """(mime type, base64) of the picture if that is really smaller; what is no picture is left alone."""
    if len(content) < PLAIN_ENOUGH:
        return None
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(content)), formats=("PNG", "JPEG")) as opened:
            picture: Any = opened.convert(
                "RGBA" if "A" in opened.getbands() or "transparency" in opened.info else "RGB"
            )
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
    if picture.width > step.width:
        picture = picture.resize((step.width, max(1, round(picture.height * step.width / picture.width))))
    made = min(_encodings(picture, step), key=lambda item: len(item[1]))
    text = base64.b64encode(made[1]).decode()
    return (made[0], text) if len(text) < 0.9 * len(content) else None


def _encodings(picture: Any, step: Step) -> Iterator[tuple[str, bytes]]:
    """The picture as PNG with few colours (plots) and as JPEG (photographs)."""
    from PIL import Image

    buffer = io.BytesIO()
    picture.quantize(128).save(buffer, "PNG", optimize=True)
    yield "image/png", buffer.getvalue()
    flat = picture
    if picture.mode == "RGBA":
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A"))
    buffer = io.BytesIO()
    flat.save(buffer, "JPEG", quality=step.quality, optimize=True)
    yield "image/jpeg", buffer.getvalue()


def _drop_middle(cell: dict[str, Any], most: int) -> int:
    """Outputs from both ends, as many as half of `most` holds at each; a sentence stands for the others."""
    outputs = cell.get("outputs", [])
    sizes = [len(json.dumps(output)) for output in outputs]
    if sum(sizes) <= most or len(outputs) < 3:
        return 0
    first, last = _fitting(sizes, most // 2), _fitting(sizes[::-1], most // 2)
    gone = len(outputs) - first - last
    if gone < 2:
        return 0
    said = {"output_type": "stream", "name": "stdout", "text": f"[... {gone:,} outputs left out ...]\n"}
    cell["outputs"] = [*outputs[:first], said, *outputs[len(outputs) - last :]]
    return gone


def _fitting(sizes: list[int], most: int) -> int:
    """How many of them fit from the beginning; one at least."""
    total = 0
    for index, size in enumerate(sizes):
        total += size
        if total > most:
            return max(index, 1)
    return len(sizes)


def _cut_output(output: dict[str, Any], most: int) -> int:
    changed = 0
    if len(output.get("text", "")) > most:
        output["text"] = _cut(output["text"], most)
        changed = 1
    data = output.get("data", {})
    for mime in [mime for mime in data if mime not in ("image/png", "image/jpeg")]:
        content = data[mime] if isinstance(data[mime], str) else json.dumps(data[mime])
        if len(content) <= most:
            continue
        changed = 1
        if mime == "text/plain":
            data[mime] = _cut(content, most)
        elif len(data) > 1:
            del data[mime]  # half an HTML table or plot is worse than its text
        else:
            data["text/plain"] = (
                f"[an output of {len(content):,} characters ({mime}) was left out to keep the page small]"
            )
            del data[mime]
    return changed


def _cut(text: str, most: int) -> str:
    half = most // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters left out ...]\n{text[-half:]}"
