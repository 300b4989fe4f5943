"""Which notebooks need a fresh interpreter: those that would notice that libraries were imported before they came.

Two things: environment variables that a library reads while it is imported, and own modules that carry the name of a
library. When in doubt, cold: it costs seconds, never a result.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath

from grader.execution.notebooks import sources
from grader.execution.nouns import Job

# Read when they are used and not at import, or without effect where there is no network and no GPU.
_HARMLESS = re.compile(
    r"WANDB_\w+|COURSE_\w+|TOKENIZERS_PARALLELISM|CUDA_\w+|PYTORCH_(CUDA_)?ALLOC_CONF|HF_TOKEN|KAGGLE_\w+|COMET_\w+"
    r"|HUGGING_?FACE_HUB_TOKEN|HF_HUB_ENABLE_HF_TRANSFER|HF_HUB_DISABLE_\w+|TF_\w+|MLFLOW_\w+|PYTHONHASHSEED"
    r"|CUBLAS_WORKSPACE_CONFIG|TRANSFORMERS_NO_ADVISORY_WARNINGS|BITSANDBYTES_\w+|NCCL_\w+|OPENAI_\w+"
)
_MAGIC = re.compile(r"^(\s*)(%|!).*$", re.MULTILINE)
_SET_BY_MAGIC = re.compile(r"^\s*%(?:set_)?env\s+(\w+)[\s=]", re.MULTILINE)
_WRITTEN = re.compile(r"\A\s*%%(?:writefile|file)\s+(?:-a\s+)?[\"']?([^\s\"']+)")
_UNKNOWN = "environment variables"
_SETTERS = ("setdefault", "update", "pop", "__setitem__", "clear")


def why_cold(job: Job, modules: Collection[str]) -> str | None:
    """The reason for a fresh interpreter, or None; `modules` are the names that a warm kernel has imported."""
    code = list(sources(job.notebook))
    for name in _own_modules(job.files, code):
        if name in modules:
            return f"it brings a module {name} of its own"
    for variable in (name for source in code for name in _variables(source)):
        if not _HARMLESS.fullmatch(variable):
            return f"it sets {variable}, which a library may read while it is imported"
    return None


def _own_modules(files: Iterable[str], code: Iterable[str]) -> Iterator[str]:
    """Names under which files beside the notebook can be imported, those that it writes itself included."""
    written = (found.group(1) for source in code if (found := _WRITTEN.match(source)))
    for name in (*files, *written):
        first = PurePosixPath(name).parts[:1]
        if first:
            yield first[0].removesuffix(".py")


def _variables(source: str) -> Iterator[str]:
    """Names of the environment variables that a cell sets."""
    if _WRITTEN.match(source) or re.match(r"\A\s*%%(?!time|capture|timeit|prun)", source):
        return
    yield from _SET_BY_MAGIC.findall(source)
    try:
        tree = ast.parse(_MAGIC.sub(r"\1pass", source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        if re.search(r"environ\s*[\[.]|putenv", source):
            yield _UNKNOWN
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load) and _is_environ(node.value):
            yield _text(node.slice)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _set_by_call(node, node.func)


def _set_by_call(call: ast.Call, function: ast.Attribute) -> Iterator[str]:
    if function.attr == "putenv" or (function.attr in _SETTERS and _is_environ(function.value)):
        if function.attr != "update":
            yield _text(call.args[0]) if call.args else _UNKNOWN
            return
        yield from (keyword.arg or _UNKNOWN for keyword in call.keywords)
        for argument in call.args:
            keys = argument.keys if isinstance(argument, ast.Dict) else [None]
            yield from (_text(key) for key in keys)


def _is_environ(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "environ") or (
        isinstance(node, ast.Name) and node.id == "environ"
    )


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else _UNKNOWN
