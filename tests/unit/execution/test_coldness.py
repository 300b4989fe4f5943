"""Which notebooks need a fresh interpreter."""

from __future__ import annotations

import pytest

from grader.execution.coldness import why_cold
from grader.execution.nouns import Job

MODULES = frozenset({"datasets", "torch", "transformers", "random", "numpy"})


def reason(*cells: str, files: tuple[str, ...] = ()) -> str | None:
    notebook = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    return why_cold(Job("k", notebook, dict.fromkeys(files, b"")), MODULES)


@pytest.mark.parametrize(
    "source",
    [
        "import torch\nprint(1)",
        "import os\nos.environ['WANDB_DISABLED'] = 'true'",
        'os.environ["TOKENIZERS_PARALLELISM"] = "false"',
        "os.environ['CUDA_VISIBLE_DEVICES'] = '0'",
        "os.environ.setdefault('WANDB_MODE', 'offline')",
        "os.environ.update({'WANDB_MODE': 'offline', 'HF_TOKEN': ''})",
        "%env WANDB_DISABLED=true",
        "data = os.environ['COURSE_DATA']",
        "data = os.environ.get('HF_HOME', '.')",
        "if 'COLAB_GPU' in os.environ: pass",
        "!export HF_HOME=/x\n!pip install -q peft",
        "%%bash\nexport OMP_NUM_THREADS=4",
        "%%writefile train.py\nimport os\nos.environ['HF_HOME'] = 'x'",
        "# os.environ['HF_HOME'] = 'x'",
        "environment = {'a': 1}\nenvironment['HF_HOME'] = 2",
        "this is not python",
        "%%time\nx = 1",
    ],
)
def test_ordinary_notebooks_stay_warm(source: str) -> None:
    assert reason(source) is None


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['HF_HOME'] = '/tmp/x'",
        "from os import environ\nenviron['OMP_NUM_THREADS'] = '4'",
        "os.environ.update(TRANSFORMERS_CACHE='x')",
        "os.environ.update(settings)",
        "os.environ[name] = value",
        "os.environ.setdefault('TRANSFORMERS_VERBOSITY', 'error')",
        "os.putenv('MKL_NUM_THREADS', '2')",
        "%env HF_DATASETS_CACHE=/x",
        "%set_env HF_HOME /x",
        "del os.environ['HF_HUB_OFFLINE']",
        "os.environ.pop('HF_HUB_OFFLINE', None)",
        "!pip list\nos.environ['MPLBACKEND'] = 'agg'",
        "%%time\nos.environ['HF_HOME'] = '/x'",
        "os.environ['HF_HOME'] = (",
    ],
)
def test_setting_what_libraries_read_at_import_needs_a_fresh_start(source: str) -> None:
    assert reason("print('first')", source) is not None


@pytest.mark.parametrize("name", ["datasets.py", "datasets/__init__.py", "random.py", "numpy/x.py"])
def test_own_modules_that_hide_a_library_need_a_fresh_start(name: str) -> None:
    assert "module of its own" not in (reason("import torch", files=(name,)) or "")
    assert (
        reason("import torch", files=(name,))
        == f"it brings a module {name.split('/')[0].removesuffix('.py')} of its own"
    )


def test_a_module_written_by_a_cell_counts_too() -> None:
    assert reason("%%writefile datasets.py\nx = 1") is not None
    assert reason("%%writefile -a 'torch.py'\nx = 1") is not None
    assert reason("%%writefile helpers.py\nx = 1") is None


def test_other_files_do_no_harm() -> None:
    assert reason("import utils", files=("utils.py", "adapter/adapter_config.json", "data.csv")) is None


@pytest.mark.parametrize("notebook", [{}, {"cells": None}, {"cells": [3, None, {"source": 7}, {"cell_type": "code"}]}])
def test_a_strange_notebook_is_no_trouble(notebook: dict[str, object]) -> None:
    assert why_cold(Job("k", notebook), MODULES) is None
