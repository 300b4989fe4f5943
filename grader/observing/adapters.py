"""Saved weights, measured without running or unpickling anything: names, shapes, zeros, hashes; and whether the trained
head is among them.

The hashes that the recorder claims for the head before and after training are held against the bytes of the files. What
was saved where no file reached us is reported from the recorder's claims alone. It loads no model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import PurePosixPath
from typing import Any, Literal

from grader.model.assignment import Assignment, ModelFacts
from grader.model.base import Role
from grader.model.evidence import Evidence, SavedFile, Tensor
from grader.model.finding import Citation
from grader.model.observation import Observation, Saved
from grader.observing.trace import Story
from grader.observing.trace_records import Record, cite

HEADER_BYTES = 16 << 20
TENSORS = 20_000
CONFIG_BYTES = 1 << 20
WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
NO_WEIGHTS = ("optimizer", "scheduler", "rng_state", "scaler", "training_args", "trainer_state")
Origin = Literal["dry_run", "handed_in"]


def measure_saved(files: Mapping[str, bytes], origin: Origin) -> tuple[SavedFile, ...]:
    """Every file of weights among these, measured; the order of names."""
    found = []
    for path in sorted(files):
        name = PurePosixPath(path)
        if name.suffix == ".safetensors":
            found.append(_measure(path, files, origin))
        elif name.suffix in PICKLES and not name.stem.startswith(NO_WEIGHTS):
            found.append(_pickle(path, files, origin))
    return tuple(found)


def _pickle(path: str, files: Mapping[str, bytes], origin: Origin) -> SavedFile:
    why = "a pickle: it could run code, so it is never loaded"
    sha256 = hashlib.sha256(files[path]).hexdigest()
    return SavedFile(path=path, origin=origin, config=_config(path, files), sha256=sha256, problem=why)


def _measure(path: str, files: Mapping[str, bytes], origin: Origin) -> SavedFile:
    data = files[path]
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        tensors, problem = tuple(_tensors(data)), None
    except ValueError as error:
        tensors, problem = (), f"not a readable safetensors file: {error}"
    config = _config(path, files)
    return SavedFile(path=path, origin=origin, tensors=tensors, config=config, sha256=sha256, problem=problem)


def _config(path: str, files: Mapping[str, bytes]) -> dict[str, Any] | None:
    raw = files.get(str(PurePosixPath(path).parent / "adapter_config.json"))
    if raw is None or len(raw) > CONFIG_BYTES:
        return None
    try:
        config = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return config if isinstance(config, dict) else None


def _tensors(data: bytes) -> Iterator[Tensor]:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= size <= min(HEADER_BYTES, len(data) - 8):
        raise ValueError("its header's length does not fit the file")
    try:
        header = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError) as error:
        raise ValueError("its header is not JSON") from error
    if not isinstance(header, dict) or len(header) > TENSORS:
        raise ValueError("its header is no list of tensors")
    body = memoryview(data)[8 + size :]
    for name, about in header.items():
        if name != "__metadata__":
            yield _tensor(name, about, body)


def _tensor(name: str, about: Any, body: memoryview) -> Tensor:
    match about:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(start), int(end)]}:
            pass
        case _:
            raise ValueError(f"tensor {name[:80]!r} is not described as it should be")
    if not all(isinstance(item, int) and item >= 0 for item in shape) or not 0 <= start <= end <= len(body):
        raise ValueError(f"tensor {name[:80]!r} lies outside the file")
    if dtype in WIDTHS and prod(shape) * WIDTHS[dtype] != end - start:
        raise ValueError(f"tensor {name[:80]!r} is not as large as its shape")
    raw = bytes(body[start:end])
    zero = raw.count(0) == len(raw) if raw else None
    sha256 = hashlib.sha256(raw).hexdigest()
    return Tensor(name=name[:300], shape=tuple(shape), dtype=dtype, zero=zero, sha256=sha256)


# -- what it means -----------------------------------------------------------------------------------------------------


@dataclass
class Heads:
    """Hashes of a model's head, as the recorder claims them."""

    before: set[str] = field(default_factory=set)
    after: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    """Names of the head's parameters in the whole model, without what PEFT puts around them."""

    def holds(self, sha256: str | None) -> bool:
        """These are the trained values of the head, whatever they are called in the file."""
        return sha256 in self.after - self.before

    def judge(self, hashes: Iterable[str | None]) -> bool | None:
        """True: trained values are among these. False: only those from before training. Null: not known."""
        given = {item for item in hashes if item}
        if not given or not self.before:
            return None
        if given & (self.after - self.before):
            return True
        return bool(given - self.before)


def observe_saved(evidence: Evidence, assignment: Assignment) -> tuple[Observation, ...]:
    """What lies in the files that were saved or handed in, and what was saved without a file that we have."""
    story = Story.of(evidence, assignment)
    heads = {role: _heads(story, role) for role in assignment.models}
    saves = [item for item in story.records if item.kind == "save"]
    seen: list[Observation] = []
    matched: set[int] = set()
    written: set[str | None] = set()
    for file in evidence.saved:
        save = next((item for item in reversed(saves) if _is_of(file, item)), None)
        if save is not None and file.problem is not None:
            continue  # what can't be measured is reported below, as claimed
        if save is not None:
            matched.add(save.order)
            written.add(file.sha256)
        seen.extend(_observe_file(file, save, story, assignment, heads))
    for item in saves:
        if item.order not in matched and story.role(item.number("model")):
            seen.append(_claimed(item, story, heads))
        elif item.order not in matched:
            seen.extend(_claimed_tensors(item, story, assignment, heads))
    ran = bool(saves)
    known = written | {file.sha256 for file in evidence.saved if file.origin == "handed_in"}
    odd = {file.path for file in evidence.saved if file.origin == "dry_run" and ran and file.sha256 not in known}
    return tuple(_marked(item, odd) for item in seen)


def _marked(item: Observation, odd: set[str]) -> Observation:
    """A file that no save of the run explains is said to be one."""
    foreign = isinstance(item, Saved) and item.source == "artifact" and item.path in odd
    return item.model_copy(update={"unexplained": True}) if foreign else item


def _heads(story: Story, role: Role) -> Heads:
    heads = Heads()
    for item in story.kind("trained"):
        rows = item.data.get("head")
        if story.role(item.number("model")) != role or not isinstance(rows, list):
            continue
        for row in rows:
            match row:
                case [str(name), list(), str(before), str(after)]:
                    heads.before.add(before)
                    heads.after.add(after)
                    heads.names.add(plain_name(name))
    return heads


def plain_name(name: str) -> str:
    """`base_model.model.score.modules_to_save.default.weight` -> `score.weight`."""
    parts = [part for part in name.split(".") if part not in ("base_model", "_orig_mod", "base_layer")]
    if "modules_to_save" in parts:
        at = parts.index("modules_to_save")
        parts = parts[:at] + parts[at + 2 :] if len(parts) > at + 2 else parts[:at] + parts[at + 1 :]
    parts = [part for part in parts if part != "original_module"]
    while len(parts) > 2 and parts[0] in ("model", "module"):
        parts = parts[1:]
    return ".".join(parts)


def _role(names: Iterable[str], config: Mapping[str, Any] | None, assignment: Assignment) -> Role | None:
    base = str((config or {}).get("base_model_name_or_path") or "").lower()
    plain = {from_layers(name.partition(".lora_")[0]) for name in names}
    scores = {
        role: len(plain & known(facts)) + (1000 if base and base == facts.checkpoint.lower() else 0)
        for role, facts in assignment.models.items()
    }
    best = max(scores, key=lambda role: scores[role], default=None)
    return best if best is not None and scores[best] > 0 else None


def known(facts: ModelFacts) -> set[str]:
    """Parameter and module names of a model, without prefixes."""
    return {from_layers(name) for name in (*facts.parameters, *facts.linear)}


def from_layers(name: str) -> str:
    """The part of a name that wrappers of any kind leave alone: from the layers on."""
    plain = plain_name(name)
    return plain[plain.index("layers.") :] if "layers." in plain else plain


def _is_head(name: str, head: str, heads: Heads) -> bool:
    plain = plain_name(name)
    if ".lora_" in plain or plain.startswith("lora_"):
        return False
    weight = f"{head}.weight"
    if plain == weight or plain.endswith(f".{weight}"):
        return True
    own = {item for item in heads.names if item.endswith(".weight") and ".lora_" not in item}
    return not any(item.endswith(weight) for item in own) and plain in own


def _observe_file(
    file: SavedFile, save: Record | None, story: Story, assignment: Assignment, heads: Mapping[Role, Heads]
) -> Iterator[Observation]:
    role = story.role(save.number("model")) if save is not None else None
    role = role or _role((tensor.name for tensor in file.tensors), file.config, assignment) or _by_values(file, heads)
    if role is None:
        return
    about = _about(file, save, story, role)
    if file.problem is not None:
        yield Saved(**about, path=file.path, format="state_dict", needs_hand_work=file.config is None)
        return
    facts = assignment.models[role]
    values = heads[role] if file.origin == "dry_run" else Heads()
    head = [item for item in file.tensors if _is_head(item.name, facts.head, values) or values.holds(item.sha256)]
    trained = [tensor for tensor in head if "original_module" not in tensor.name]
    lora_b = [tensor for tensor in file.tensors if ".lora_B" in tensor.name]
    zero = all(tensor.zero for tensor in lora_b) if lora_b else None
    alone = not any("layers." in tensor.name for tensor in file.tensors)
    yield Saved(
        **about,
        path=file.path,
        format="adapter"
        if any(".lora_" in tensor.name for tensor in file.tensors)
        else "state_dict"
        if alone
        else "full",
        head=bool(head),
        head_trained=values.judge(tensor.sha256 for tensor in trained) if head else None,
        adapter_zero=zero,
        reload_difference=_reload_difference(file, story),
        needs_hand_work=alone,
    )


def _reload_difference(file: SavedFile, story: Story) -> float | None:
    again = story.evidence.reloaded if file.origin == "dry_run" else ()
    return next((item.difference for item in again if item.path == file.path), None)


def _by_values(file: SavedFile, heads: Mapping[Role, Heads]) -> Role | None:
    """The model whose trained head lies in a file of other names (`save_file(net.out.state_dict())`)."""
    if file.origin != "dry_run":
        return None
    return next((role for role, head in heads.items() if any(head.holds(item.sha256) for item in file.tensors)), None)


def _about(file: SavedFile, save: Record | None, story: Story, role: Role) -> dict[str, Any]:
    run = story.label(save.number("model")) if save is not None else None
    quote = ", ".join(tensor.name for tensor in file.tensors if ".lora_" not in tensor.name)[:200]
    citation = Citation(where="adapter", quote=f"{file.path}: {quote or f'{len(file.tensors)} tensors'}")
    return {"source": "artifact", "model": role, "run": run, "citation": citation}


def _is_of(file: SavedFile, save: Record) -> bool:
    """The file lies where this save wrote."""
    if file.origin != "dry_run":
        return False
    target = [part for part in PurePosixPath(save.text("path") or "").parts if part not in ("/", ".", "..")]
    path = PurePosixPath(file.path)
    return any(place[-len(target) :] == target[-len(place) :] for place in _places(path) if target)


def _places(path: PurePosixPath) -> list[list[str]]:
    return [list(item.parts) for item in (path, path.parent) if item.parts]


def _claimed(save: Record, story: Story, heads: Mapping[Role, Heads]) -> Saved:
    """What the recorder says of a save whose bytes can't be looked at."""
    role = story.role(save.number("model"))
    rows = [row for row in _rows(save.data.get("head")) if ".lora_" not in row[0]]
    peft = (save.text("cls") or "").startswith("Peft")
    kept = [row for row in rows if not peft or "modules_to_save" in row[0]]
    pickled = save.text("how") == "torch.save"
    return Saved(
        source="dry_run",
        model=role,
        run=story.label(save.number("model")),
        citation=cite(story.evidence, save, (".save", "push_to_hub")),
        path=save.text("path") or "",
        format="state_dict" if pickled else "adapter" if peft else "full",
        head=bool(kept),
        head_trained=heads[role].judge(row[1] for row in kept) if role and kept else None,
        needs_hand_work=pickled,
    )


def _claimed_tensors(
    save: Record, story: Story, assignment: Assignment, heads: Mapping[Role, Heads]
) -> Iterator[Observation]:
    """`torch.save(model.state_dict())` and its like: no model is named, but tensors are."""
    rows = _rows(save.data.get("tensors"))
    role = _role((row[0] for row in rows), None, assignment)
    if role is None:
        return
    head = [row for row in rows if _is_head(row[0], assignment.models[role].head, heads[role])]
    yield Saved(
        source="dry_run",
        model=role,
        citation=cite(story.evidence, save, (".save", "save_file")),
        path=save.text("path") or "",
        format="state_dict",
        head=bool(head),
        head_trained=heads[role].judge(row[1] for row in head if "original_module" not in row[0]) if head else None,
        needs_hand_work=True,
    )


def _rows(value: Any) -> list[tuple[str, str | None]]:
    rows: list[tuple[str, str | None]] = []
    for row in value if isinstance(value, list) else ():
        match row:
            case [str(name), list(), str() | None as sha256]:
                rows.append((name, sha256))
    return rows
