"""Colab's and Kaggle's habits without Colab: installs, drive, secrets, login widgets, trackers, `evaluate`.

A module of these names that is really installed is used instead, except where it would need a network.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from .inside_session import Session

COMMANDS = (
    "pip",
    "pip3",
    "uv",
    "conda",
    "mamba",
    "apt",
    "apt-get",
    "aptitude",
    "wget",
    "curl",
    "gdown",
    "git",
    "kaggle",
    "wandb",
    "huggingface-cli",
    "hf",
    "gsutil",
    "aws",
    "sudo",
    "unrar",
    "npm",
    "add-apt-repository",
)
SMI = """Mon Jan  1 00:00:00 2024
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 550.54.15              Driver Version: 550.54.15      CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
|   0  {gpu:<27}    Off |   00000000:00:04.0 Off |                    0 |
| N/A   40C    P8              9W /   70W |       0MiB /  15360MiB |      0%      Default |
+-----------------------------------------+------------------------+----------------------+
"""
QUIET = {"WANDB_MODE": "disabled", "WANDB_DISABLED": "true", "PIP_NO_INDEX": "1", "GIT_TERMINAL_PROMPT": "0"}
LIBRARIES = (
    # figures
    "plotly", "altair", "bokeh", "wordcloud", "missingno", "umap", "squarify", "adjustText", "matplotlib_venn", "yellowbrick",
    "scikitplot", "cufflinks", "pywaffle",
    # what the machine and the model look like
    "torchinfo", "torchsummary", "torchview", "torchviz", "thop", "fvcore", "ptflops", "calflops", "GPUtil", "gputil", "pynvml",
    "nvidia_smi", "nvitop", "codecarbon", "watermark", "memory_profiler", "line_profiler", "pyinstrument", "humanize",
    # logs and trackers
    "loguru", "icecream", "termcolor", "colorama", "neptune", "clearml", "aim", "dagshub", "swanlab", "trackio", "tensorboardX",
    "ipywidgets", "jupyterthemes", "itables", "great_tables",
    # fetching, and services that need a network
    "kagglehub", "opendatasets", "gdown", "openai", "anthropic", "langchain", "gradio", "streamlit", "boto3", "gspread",
    # texts, samples, other models: what is made with them is not judged, and a cell that uses it still ends with an error
    "nltk", "spacy", "textblob", "ftfy", "emoji", "contractions", "unidecode", "langdetect", "nlpaug", "textattack", "gensim",
    "imblearn", "xgboost", "lightgbm", "catboost", "optuna", "shap", "lime", "captum", "eli5", "cleanlab", "faiss",
    "sentence_transformers", "torchmetrics", "polars", "sacrebleu", "rouge_score", "lightning", "pytorch_lightning",
)  # fmt: skip
"""What homework imports beside its work: an import of one that is missing must not take the cell's other imports with it."""
STAND_INS = (
    *("google.colab", "kaggle_secrets", "wandb", "bitsandbytes", "evaluate", "comet_ml", "mlflow", "dotenv"),
    *LIBRARIES,
)
ALWAYS = ("wandb", "evaluate", "bitsandbytes")
"""These are stood in for even where they are installed: they would need a network or a GPU."""


def install(session: Session) -> None:
    """Provide modules, commands and magics."""
    sys.meta_path.insert(0, StandIns(session))
    os.environ.update(QUIET)
    session.hooks.when("tqdm.notebook", session.guard(lambda module: _text_bars(session, module)))
    session.guard(_commands)(session)
    session.guard(_magics)(session)


def _text_bars(session: Session, notebook: Any) -> None:
    """`tqdm.notebook` draws with ipywidgets and raises without them: the same bar as text."""
    if not isinstance(getattr(notebook, "IProgress", None), (type(None), Anything)):
        return
    from tqdm.std import tqdm, trange

    notebook.tqdm = notebook.tqdm_notebook = tqdm
    notebook.trange = notebook.tnrange = trange
    session.compat("tqdm.notebook", "no widgets: bars as text")


class Anything:
    """Takes every call and attribute, and is nothing: a tracker's run, a widget."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Nothing again."""
        return Anything()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: Any) -> None:
        return None

    def __iter__(self) -> Any:
        return iter(())

    def __getitem__(self, key: Any) -> Any:
        return Anything()

    def __setitem__(self, key: Any, value: Any) -> None:
        return None

    def __format__(self, spec: str) -> str:
        return "n/a"

    def __mul__(self, *others: Any) -> Any:
        return Anything()

    __add__ = __radd__ = __sub__ = __rsub__ = __rmul__ = __truediv__ = __rtruediv__ = __floordiv__ = __round__ = __mul__


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and makes the modules in `STAND_INS` and below."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec for a stand-in, unless the real one is there and works offline."""
        base = next((name for name in STAND_INS if fullname == name or fullname.startswith(name + ".")), None)
        if fullname == "google" and not _installed("google"):
            base = "google"
        if base is None or not _asked_by_notebook() or (base not in ALWAYS and _installed(base)):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """An empty module that answers everything."""
        return _Blank(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Fill in what is worth more than nothing."""
        module.__path__ = []
        self._session.compat(f"import {module.__name__}", "a stand-in without effect")
        fill = FILLED.get(module.__name__)
        if fill is not None:
            for key, value in fill(self._session).items():
                setattr(module, key, value)


class _Blank(ModuleType):
    """A module in which every name is `Anything`."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if full in FILLED:
            return importlib.import_module(full)
        return Anything()


def _installed(name: str) -> bool:
    if isinstance(sys.modules.get(name), _Blank):
        return False
    mine = [finder for finder in sys.meta_path if isinstance(finder, StandIns)]
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder not in mine]
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False
    finally:
        sys.meta_path[:0] = mine


def _asked_by_notebook() -> bool:
    """Libraries that look whether a tracker is installed must not find one here."""
    frame = sys._getframe(1)
    for _ in range(60):
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith(("importlib", "_frozen_importlib", "grader.", __name__.rpartition(".")[0] or "grader")):
            return name == "__main__"
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


def _drive(session: Session) -> dict[str, Any]:
    def mount(mountpoint: str = "/content/drive", *args: Any, **kwargs: Any) -> None:
        folder = Path(mountpoint) / "MyDrive"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            session.compat("drive.mount", "no such folder can be made here")
        sys.stdout.write(f"Mounted at {mountpoint}\n")

    return {"mount": mount, "flush_and_unmount": lambda *args, **kwargs: None}


def _userdata(session: Session) -> dict[str, Any]:
    class SecretNotFoundError(Exception):
        """As Colab has it; never raised here."""

    return {
        "get": lambda key="", *args, **kwargs: "hf_offline",
        "SecretNotFoundError": SecretNotFoundError,
        "NotebookAccessError": SecretNotFoundError,
    }


def _files(session: Session) -> dict[str, Any]:
    return {"upload": lambda *args, **kwargs: {}, "download": lambda *args, **kwargs: None}


def _secrets(session: Session) -> dict[str, Any]:
    class UserSecretsClient:
        """Kaggle's secrets, all the same."""

        def get_secret(self, label: str = "") -> str:
            """A token that opens nothing."""
            return "hf_offline"

    return {"UserSecretsClient": UserSecretsClient}


def _evaluate(session: Session) -> dict[str, Any]:
    """The few metrics that classification notebooks load, by scikit-learn as the originals do."""

    def load(name: str, *args: Any, **kwargs: Any) -> Any:
        if name not in METRICS:
            session.stage_gap("metric", name)
            raise FileNotFoundError(f"Couldn't find the metric {name!r} without a network")
        return Metric(name)

    def combine(names: Any, **kwargs: Any) -> Any:
        return Metric(*[item if isinstance(item, str) else item.name for item in names])

    return {"load": load, "combine": combine}


METRICS = {
    "accuracy": "accuracy_score",
    "f1": "f1_score",
    "precision": "precision_score",
    "recall": "recall_score",
    "matthews_correlation": "matthews_corrcoef",
}


class Metric:
    """evaluate's interface over scikit-learn."""

    def __init__(self, *names: str) -> None:
        self.name = names[0]
        self._names = names
        self._held: tuple[list[Any], list[Any]] = ([], [])

    def add_batch(self, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Keep a batch."""
        self._held[0].extend(list(predictions))
        self._held[1].extend(list(references))

    def add(self, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Keep one."""
        self._held[0].append(prediction if prediction is not None else kwargs.get("predictions"))
        self._held[1].append(reference if reference is not None else kwargs.get("references"))

    def compute(self, predictions: Any = None, references: Any = None, **kwargs: Any) -> dict[str, Any]:
        """{metric: value}."""
        import sklearn.metrics

        if predictions is None:
            predictions, references = self._held
            self._held = ([], [])
        result = {}
        for name in self._names:
            options = {} if name in ("accuracy", "matthews_correlation") else kwargs
            result[name] = getattr(sklearn.metrics, METRICS[name])(references, predictions, **options)
        return {key: float(value) if getattr(value, "ndim", 0) == 0 else value for key, value in result.items()}


FILLED: dict[str, Callable[[Session], dict[str, Any]]] = {
    "google.colab": lambda session: {},
    "google.colab.drive": _drive,
    "google.colab.userdata": _userdata,
    "google.colab.files": _files,
    "kaggle_secrets": _secrets,
    "evaluate": _evaluate,
    "dotenv": lambda session: {"load_dotenv": lambda *args, **kwargs: False},
}


def _commands(session: Session) -> None:
    """Commands that need a network or a GPU say so and succeed, however they are called."""
    folder = Path(os.environ.get("TMPDIR") or "/tmp") / f".shims-{os.getpid()}"
    module = folder / "python" / "pip"
    module.mkdir(parents=True)
    note = "No network here: nothing was fetched or installed."
    for name in COMMANDS:
        _script(folder / name, f"echo '{note}'")
    if not session.config.get("real_gpu"):
        _script(folder / "nvidia-smi", f"cat <<'END'\n{SMI.format(gpu=session.config.get('gpu') or 'Tesla T4')}END")
    module.joinpath("__init__.py").write_text("")
    module.joinpath("__main__.py").write_text(f"print({note!r})\n")
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH') or os.defpath}"
    python = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{folder / 'python'}{os.pathsep + python if python else ''}"


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def _magics(session: Session) -> None:
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return

    def nothing(line: str = "", cell: str | None = None) -> None:
        session.compat("%pip", "no network: nothing installed")
        sys.stdout.write("No network here: nothing was installed.\n")

    for name in ("pip", "conda", "mamba", "uv"):
        shell.register_magic_function(nothing, "line", name)
    for name in ("tensorboard", "wandb"):
        shell.register_magic_function(nothing, "line", name)

    def load_ext(line: str = "") -> None:
        try:
            shell.extension_manager.load_extension(line.strip())
        except Exception as error:
            session.compat(f"%load_ext {line.strip()[:60]}", type(error).__name__)

    shell.register_magic_function(load_ext, "line", "load_ext")
