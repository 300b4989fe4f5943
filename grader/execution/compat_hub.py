"""Names of models and data sets: others for what the stage holds, gaps where it lacks them, other hardware.

Nothing is downloaded or uploaded; what would be pushed to the hub is saved in a folder.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .inside_session import Session, wrap

Original = Callable[..., Any]
HARDWARE = {
    "load_in_8bit": "no quantisation here",
    "load_in_4bit": "no quantisation here",
    "quantization_config": "no quantisation here",
    "use_flash_attention_2": "the default attention",
    "device_map": "the processor",
    "max_memory": "the processor",
    "offload_folder": "the processor",
    "use_auth_token": "not needed",
    "token": "not needed",
}
QUANTISED = ("load_in_8bit", "load_in_4bit", "quantization_config")


def install(session: Session) -> None:
    """Map names as soon as the libraries are there."""
    hooks, guard = session.hooks, session.guard
    for name in ("huggingface_hub.file_download", "huggingface_hub._snapshot_download"):
        hooks.when(name, guard(lambda module: _aliases(session, module)))
    hooks.when("transformers.models.auto.auto_factory", guard(lambda m: _loads(session, m._BaseAutoModelClass)))
    hooks.when("transformers.models.auto.modeling_auto", guard(lambda module: _auto(session, module)))
    hooks.when("transformers.modeling_utils", guard(lambda module: _loads(session, module.PreTrainedModel)))
    hooks.when("transformers.tokenization_utils_base", guard(lambda m: _gaps(session, m.PreTrainedTokenizerBase)))
    hooks.when("transformers.models.auto.tokenization_auto", guard(lambda m: _gaps(session, m.AutoTokenizer)))
    hooks.when("transformers.models.auto.configuration_auto", guard(lambda m: _gaps(session, m.AutoConfig)))
    hooks.when("transformers.utils.hub", guard(lambda module: _pushes(session, module.PushToHubMixin)))
    hooks.when("huggingface_hub", guard(lambda module: _login(session, module)))
    hooks.when("datasets.load", guard(lambda module: _datasets(session, module)))
    hooks.when("datasets.arrow_dataset", guard(lambda module: _no_pool(session, module)))
    guard(_paths)(session)


def _aliases(session: Session, module: Any) -> None:
    aliases = {str(key).lower(): str(value) for key, value in _mapping(session, "hub_aliases").items()}

    def make(original: Original) -> Original:
        def repo_folder_name(*, repo_id: str, repo_type: str) -> Any:
            known = aliases.get(str(repo_id).lower()) if repo_type == "model" else None
            if known is not None and known != repo_id:
                session.compat(f"hub: {repo_id}", f"the stage's {known}")
            return original(repo_id=known or repo_id, repo_type=repo_type)

        return repo_folder_name

    wrap(module, "repo_folder_name", make)


def _mapping(session: Session, key: str) -> dict[str, Any]:
    value = session.config.get(key)
    return value if isinstance(value, dict) else {}


def _auto(session: Session, module: Any) -> None:
    """Each auto class has a copy of its own of the method."""
    for item in list(vars(module).values()):
        if isinstance(item, type) and item.__name__.startswith("AutoModel") and "from_pretrained" in vars(item):
            _loads(session, item)


def _loads(session: Session, owner: Any) -> None:
    """Requests for other hardware in `from_pretrained`, taken back before anything looks at them."""

    def make(original: Original) -> Original:
        def from_pretrained(cls: Any, *args: Any, **kwargs: Any) -> Any:
            for key in [key for key in HARDWARE if kwargs.get(key) is not None]:
                value = kwargs.pop(key)
                if key in QUANTISED and value:
                    session.quantized_next = True
                session.gpu_used |= key == "device_map"
                session.compat(f"from_pretrained({key}=)", HARDWARE[key])
            if str(kwargs.get("attn_implementation") or "").startswith(("flash", "kernels")):
                session.compat("from_pretrained(attn_implementation=)", "the default attention")
                kwargs.pop("attn_implementation")
            return _or_gap(session, original, cls, *args, **kwargs)

        return from_pretrained

    wrap(owner, "from_pretrained", make)


def _gaps(session: Session, owner: Any) -> None:
    def make(original: Original) -> Original:
        def from_pretrained(*args: Any, **kwargs: Any) -> Any:
            kwargs = {key: value for key, value in kwargs.items() if key not in ("token", "use_auth_token")}
            return _or_gap(session, original, *args, **kwargs)

        return from_pretrained

    wrap(owner, "from_pretrained", make)


def _or_gap(session: Session, original: Original, *args: Any, **kwargs: Any) -> Any:
    try:
        return original(*args, **kwargs)
    except (OSError, ValueError) as error:
        name = next((str(item) for item in args if isinstance(item, (str, Path))), "")
        name = name or str(kwargs.get("pretrained_model_name_or_path", ""))
        if _is_hub_name(name) and not _in_stage(name) and not getattr(error, "_told", False):
            session.stage_gap("model", name)
            error._told = True  # type: ignore[union-attr]
        raise


def _in_stage(name: str) -> bool:
    folder = (
        os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser() / "hub"
    )
    return (Path(folder) / f"models--{name.replace('/', '--')}").is_dir()


def _is_hub_name(name: str) -> bool:
    """A name on the hub, not a folder that the notebook should have made itself."""
    if Path(name).exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        return False
    return bool(re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name))


def _pushes(session: Session, owner: Any) -> None:
    def make(original: Original) -> Original:
        def push_to_hub(this: Any, repo_id: Any = None, *args: Any, **kwargs: Any) -> str:
            session.compat("push_to_hub", "no network: saved in a folder of that name")
            folder = Path("pushed_to_hub") / re.sub(r"[^\w.-]+", "_", str(repo_id or "model"))
            this.save_pretrained(str(folder))
            return f"https://huggingface.co/{repo_id}"

        return push_to_hub

    wrap(owner, "push_to_hub", make)
    for module in ("transformers.modeling_utils", "transformers.tokenization_utils_base"):
        session.hooks.when(module, session.guard(lambda loaded: _own_push(loaded, owner)))


def _own_push(module: Any, mixin: Any) -> None:
    """Classes that copied the mixin's method when they were made."""
    classes: list[Any] = [item for item in vars(module).values() if isinstance(item, type) and issubclass(item, mixin)]
    for cls in classes:
        if "push_to_hub" in vars(cls):
            cls.push_to_hub = mixin.push_to_hub


def _login(session: Session, hub: Any) -> None:
    def quiet(name: str) -> Original:
        def nothing(*args: Any, **kwargs: Any) -> None:
            session.compat(f"huggingface_hub.{name}", "no network: not needed")

        return nothing

    for name in ("login", "notebook_login", "interpreter_login", "logout"):
        setattr(hub, name, quiet(name))


def _datasets(session: Session, module: Any) -> None:
    aliases = {str(name).lower() for name in session.config.get("dataset_aliases") or ()}

    def make(original: Original) -> Original:
        def load_dataset(path: Any, *args: Any, **kwargs: Any) -> Any:
            if str(path).lower() in aliases:
                session.compat(f"load_dataset({str(path)!r})", "the stage's data")
                return original("parquet", data_files=_data_files(session), split=kwargs.get("split"))
            try:
                return original(path, *args, **kwargs)
            except (OSError, ValueError):
                if _is_hub_name(str(path)) and not kwargs.get("data_files"):
                    session.stage_gap("dataset", str(path))
                raise

        return load_dataset

    wrap(module, "load_dataset", make)
    package = sys.modules.get("datasets")
    if package is not None and hasattr(package, "load_dataset"):
        package.load_dataset = module.load_dataset  # type: ignore[attr-defined]


def _data_files(session: Session) -> dict[str, str]:
    folder = Path(_data_folder(session))
    return {item.stem: str(item) for item in sorted(folder.glob("*.parquet"))}


def _data_folder(session: Session) -> str:
    return str(session.config.get("data") or os.environ.get("COURSE_DATA") or "")


def _no_pool(session: Session, module: Any) -> None:
    def make(original: Original) -> Original:
        def mapped(*args: Any, **kwargs: Any) -> Any:
            if kwargs.get("num_proc"):
                session.compat("Dataset.map(num_proc=)", "one process: the same rows")
                kwargs["num_proc"] = None
            return original(*args, **kwargs)

        return mapped

    for name in ("map", "filter"):
        wrap(module.Dataset, name, make)


def _paths(session: Session) -> None:
    """Other paths of the course's data become links to it."""
    folder = _data_folder(session)
    if not folder:
        return
    for alias in session.config.get("path_aliases") or ():
        session.guard(_link)(Path(str(alias)), Path(folder).resolve())


def _link(path: Path, folder: Path) -> None:
    """A folder (or a file) of links, so that the notebook can write beside the data, too."""
    try:
        if path.suffix and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(folder / path.name)
        elif not path.suffix:
            path.mkdir(parents=True, exist_ok=True)
            for item in folder.iterdir():
                if not (path / item.name).exists():
                    (path / item.name).symlink_to(item)
    except OSError:
        return
