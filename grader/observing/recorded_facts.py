"""Facts that outputs state outright: versions, hardware, PEFT's counts, a tokenizer's side, a printed LoRA configuration.

Numbers are read elsewhere; here is what is said in fixed words by libraries, or in one plain form by students.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import groupby

from grader.model.observation import (
    Environment,
    Loaded,
    LoraConfigured,
    Number,
    Observation,
    PaddingSet,
    Trainable,
)
from grader.observing.notebook import Cell, Output
from grader.observing.recorded_labels import Hints, merged, read
from grader.observing.source_values import plain_dtype

_VERSION = r"v?(?P<version>\d{1,2}\.\d{1,3}(?:\.\d{1,3})?(?:[.\w+]{0,20})?)"
_PACKAGE = r"(?P<package>transformers|peft|torch|pytorch)"
_INSTALLED = re.compile(rf"(?<![\w-]){_PACKAGE}-{_VERSION}(?=\s|$)", re.IGNORECASE)
_SATISFIED = re.compile(rf"already satisfied: {_PACKAGE}\S{{0,60}} in \S{{1,200}} \({_VERSION}\)", re.IGNORECASE)
_PRINTED = re.compile(
    rf"(?<![\w-]){_PACKAGE}(?:\.__version__|['\"]?)(?:[ _]version)?['\"]?\s{{0,30}}(?:[:=|]|->|==)?\s{{0,30}}['\"]?{_VERSION}",
    re.IGNORECASE,
)
_NOT_USED = re.compile(r"Found existing|Uninstall|incompatible|requires|^\s*Attempting", re.IGNORECASE)
_BARE = re.compile(rf"^['\"]?{_VERSION}['\"]?$")
_VERSION_ASKED = re.compile(r"\b(\w+)\.__version__")
_TRANSFORMERS_5 = re.compile(r"\bLOAD REPORT\b")
_TRANSFORMERS_4 = re.compile(
    r"Some weights of \w{1,60} were not initialized|removed in version 5(?:\.0\.0)?[^\n]{0,40}(?:Trainer|Transformers)"
)
_GPU = re.compile(
    r"\b(?:Tesla |NVIDIA |Quadro |GeForce |RTX |GTX ){0,3}"
    r"(?:(?:T4|P100|V100|K80|A100|H100|H200|L4|L40S?|A10G?|A40|A6000|A5000|A4000|P4)(?![\w.])(?:-[\w-]{1,24})?"
    r"|RTX\s?[A-Z]?\d{3,4}(?: ?(?:Ti|SUPER|Ada|Laptop GPU)){0,2}|GTX\s?\d{3,4}(?: Ti)?)"
)
_GPU_ABOUT = re.compile(r"\b(?:gpu|device|cuda|nvidia|tesla|geforce|card|hardware|accelerator)\b", re.IGNORECASE)
_CPU = re.compile(
    r"\b(?:using |running on |device)\W{0,4}(?:device\W{0,3})?cpu\b|\bcuda (?:is )?available\W{1,4}false\b",
    re.IGNORECASE,
)
_SIDE = re.compile(
    r"padding[ _]side['\"]?\W{1,4}(left|right)\b|\bpad(?:s|ding)?(?: on the| is)?:? (left|right)\b(?: side)?",
    re.IGNORECASE,
)
_DTYPE = re.compile(
    r"(?:\bmodel\b|\bparam\w*|\bweights?\b|\bdecoder\b|\bencoder\b|\bqwen\S*|\bloaded\b)[^\n]{0,40}?"
    r"\btorch\.(float32|bfloat16|float16)\b",
    re.IGNORECASE,
)
_LORA_START = re.compile(r"\bLoraConfig\(")
_ENUM = re.compile(r"<[\w.]{1,60}: ('[^'<>]{0,60}'|\d{1,6})>")
LORA_CHARS = 6_000
MAX_PER_OUTPUT = 30


def facts_of_output(cell: Cell, output: Output, hints: Hints) -> Iterator[Observation]:
    """Everything that one output states in fixed words."""
    text = output.text
    yield from _environment(cell, output)
    for line in _lines_with(text, ("padding", "pad")):
        match = _SIDE.search(line)
        if match:
            model = merged(read(line), hints).model
            side = (match[1] or match[2]).lower()
            yield PaddingSet(
                source="recorded", model=model, citation=output.cite(line), side="left" if side == "left" else "right"
            )
    for line in _lines_with(text, ("torch.",)):
        match = _DTYPE.search(line)
        said = merged(read(line), hints)
        if match and "Size(" not in line and "tensor(" not in line:
            dtype = plain_dtype(match[1])
            yield Loaded(source="recorded", model=said.model, citation=output.cite(line), checkpoint="", dtype=dtype)
    yield from _printed_lora(output, hints)


def _lines_with(text: str, words: tuple[str, ...]) -> Iterator[str]:
    low = text.lower()
    if not any(word in low for word in words):
        return
    found = 0
    for line in text.split("\n"):
        if any(word in line.lower() for word in words):
            found += 1
            yield line
        if found >= MAX_PER_OUTPUT:
            return


def _environment(cell: Cell, output: Output) -> Iterator[Environment]:
    for line in _lines_with(output.text, ("transformers", "peft", "torch")):
        if _NOT_USED.search(line):
            continue
        for pattern in (_SATISFIED, _INSTALLED, _PRINTED):
            found = list(pattern.finditer(line))
            for match in found[:10]:
                yield _version(match["package"], match["version"], output, line)
            if found:
                break
    yield from _bare_versions(cell, output)
    yield from _telling_messages(output)
    yield from _hardware(output)


def _version(package: str, version: str, output: Output, line: str) -> Environment:
    name = package.lower().replace("pytorch", "torch")
    version = version.rstrip(".")
    return Environment(
        source="recorded",
        citation=output.cite(line),
        transformers=version if name == "transformers" else None,
        peft=version if name == "peft" else None,
        torch=version if name == "torch" else None,
    )


def _bare_versions(cell: Cell, output: Output) -> Iterator[Environment]:
    """`transformers.__version__` shows only `'4.48.0'`; the code says whose it is."""
    asked = _VERSION_ASKED.findall(cell.source)
    words = re.split(r"[\s,()]+", output.text[:1_000]) if asked else []
    shown = [match["version"] for word in words if (match := _BARE.match(word))]
    if asked and len(asked) == len(shown):
        for package, version in zip(asked, shown, strict=True):
            if package.lower() in ("transformers", "peft", "torch"):
                yield _version(package, version, output, version)


def _telling_messages(output: Output) -> Iterator[Environment]:
    for pattern, major in ((_TRANSFORMERS_5, "5"), (_TRANSFORMERS_4, "4")):
        match = pattern.search(output.text)
        if match:
            yield Environment(source="recorded", citation=output.cite(match[0]), transformers=major)


def _hardware(output: Output) -> Iterator[Environment]:
    smi = "NVIDIA-SMI" in output.text
    for line in output.text.split("\n")[:2_000]:
        match = _GPU.search(line)
        known = match and (smi or match[0].startswith(("Tesla", "NVIDIA", "Quadro", "GeForce", "RTX")))
        if match and (known or _GPU_ABOUT.search(line) or match[0] == line.strip(" '\"")):
            yield Environment(source="recorded", citation=output.cite(line), gpu=match[0].strip())
            return
        if _CPU.search(line):
            yield Environment(source="recorded", citation=output.cite(line), gpu="cpu")
            return


def _printed_lora(output: Output, hints: Hints) -> Iterator[LoraConfigured]:
    for match in list(_LORA_START.finditer(output.text))[:4]:
        config = parse_lora(output.text[match.start() : match.start() + LORA_CHARS])
        if config:
            yield LoraConfigured(
                source="recorded",
                model=hints.model,
                run=hints.run,
                citation=output.cite("LoraConfig(...)"),
                config=config,
            )


def parse_lora(text: str) -> dict[str, object]:
    """The arguments of a printed `LoraConfig(...)` that are plain values."""
    text = _ENUM.sub(r"\1", text.replace("\n", " "))
    end = _closing(text)
    try:
        call = ast.parse(text[:end], mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    config: dict[str, object] = {}
    for keyword in call.keywords if isinstance(call, ast.Call) else []:
        try:
            value = ast.literal_eval(keyword.value)
        except (ValueError, RecursionError):
            continue
        if keyword.arg:
            config[keyword.arg] = sorted(value) if isinstance(value, set) else value
    return config if "r" in config else {}


def _closing(text: str) -> int:
    depth = 0
    for place, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 and char == ")":
            return place + 1
    return 0


def trainables(numbers: list[Number]) -> Iterator[Trainable]:
    """Counts of trainable parameters as printed, from the numbers of one line each."""
    about = [item for item in numbers if item.metric in ("trainable", "trainable_percent", "parameters")]
    for _, group in groupby(about, key=lambda item: (item.citation, item.model, item.run)):
        items = list(group)
        count = next((int(item.value) for item in items if item.metric == "trainable" and _exact(item)), None)
        percent = next((item.value * 100 for item in items if item.metric == "trainable_percent"), None)
        total = next((int(item.value) for item in items if item.metric == "parameters" and _exact(item)), None)
        if count is None and percent is None:
            continue
        first = items[0]
        yield Trainable(
            source="recorded",
            model=first.model,
            run=first.run,
            citation=first.citation,
            count=count,
            total=total,
            percent=None if percent is None else round(percent, 8),
        )


def _exact(number: Number) -> bool:
    """Printed to the last parameter, not as `3.47M`."""
    return number.value >= 1_000 and number.value % 1 == 0 and not re.search(r"[KMBkm.]", number.text)
