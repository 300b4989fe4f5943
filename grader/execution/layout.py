"""What a notebook finds in its box: the file system, the environment, the flags for bubblewrap.

There is one box for every way of starting a kernel. This module only computes; `box` starts processes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from grader.execution.nouns import MB, Limits, Stage

COLAB, KAGGLE = "/content", "/kaggle"
OURS = {
    COLAB,
    "/bin",
    "/course",
    "/dev",
    "/etc",
    "/job",
    "/lib",
    "/lib64",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr",
}
"""Roots in the box that are something else already."""
SMALL = 16 * MB
"""Size of folders that notebooks write to by habit, beside Colab's, which is the working folder itself."""
WORK, SOCKETS, INSIDE, HUB, DATA = "/job", "/run/k", "/run/grader-inside", "/course/hub", "/course/data"
# A folder in /tmp under a name that on the machine itself only root could make: the warm server imports libraries under
# this HOME outside of any box, and they would believe what someone had put there.
HOME, _REAL_HOME = "/run/home", "/tmp/home"
LIBRARY = "/run/grader-lib"
HERE = Path(__file__).resolve().parent
_ABOVE = re.compile(r"(?:\.\./)+([\w-]+)")
"""An alias beside the working folder, whose parent is the root in the box."""
# Files of ours that run beside the student's code. They import nothing of ours.
_INSIDE_FILES = ("kernel.py", "seccomp.py", "inside*.py", "compat*.py")
# A prefix can be a folder of other things too (a virtual environment made in a course's own folder): only these.
_PREFIX_PARTS = ("bin", "lib", "lib64", "libexec", "include", "share", "ssl", "pyvenv.cfg")


def interpreter() -> list[Path]:
    """What Python needs of its own files, outside /usr."""
    prefixes = {Path(prefix) for prefix in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)}
    parts = [prefix / part for prefix in prefixes for part in _PREFIX_PARTS]
    return sorted({path for path in (*parts, *libraries()) if path.exists() and not _in_usr(path)})


def libraries() -> list[Path]:
    """Where installed libraries lie, a user's own place included."""
    return [Path(entry) for entry in sys.path if Path(entry).name in {"site-packages", "dist-packages"}]


def inside_files() -> list[Path]:
    """Our files for the kernel that exist here."""
    return sorted(path for pattern in _INSIDE_FILES for path in HERE.glob(pattern))


def needed(stage: Stage) -> list[Path]:
    """Every path of this machine that a worker and its boxes read, beside /usr and /etc."""
    places = [place for place in (stage.hub, stage.data) if place is not None]
    return [*interpreter(), HERE.parent, *places]


def environment(stage: Stage, threads: int = 1) -> dict[str, str]:
    """The whole environment of a kernel in the box; nothing of ours is passed on."""
    folders = {"HF_HUB_CACHE": HUB, "COURSE_DATA": DATA, "HOME": HOME, "TMPDIR": "/tmp"}
    present = {"HF_HUB_CACHE": stage.hub is not None, "COURSE_DATA": stage.data is not None}
    own = {name: folder for name, folder in folders.items() if present.get(name, True)}
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    gpu = {} if stage.devices else {"CUDA_VISIBLE_DEVICES": ""}
    return {**common_environment(HOME, threads), **gpu, **own, "PATH": path, **stage.env}


def common_environment(home: str, threads: int = 1) -> dict[str, str]:
    """Variables that hold in a box and outside it."""
    count = str(threads)
    return {
        "USER": "student", "LOGNAME": "student", "LANG": "C.UTF-8", "TERM": "xterm-color",
        "IPYTHONDIR": f"{home}/ipython", "MPLCONFIGDIR": f"{home}/matplotlib",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "HF_HOME": f"{home}/huggingface", "HF_DATASETS_CACHE": f"{home}/huggingface/datasets",
        "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false", "WANDB_MODE": "disabled",
        # There is no network: let pip say at once what is there and what isn't.
        "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1",
        "PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count,
        "NUMEXPR_NUM_THREADS": count, "RAYON_NUM_THREADS": count,
    }  # fmt: skip


def flags(stage: Stage, limits: Limits, *, passwd: int, disable_userns: bool, env: Mapping[str, str]) -> list[str]:
    """bubblewrap's options, in the order in which it builds the box."""
    return [
        *_isolation(disable_userns),
        *_flat(("--setenv", name, value) for name, value in env.items()),
        *_system(passwd),
        *_memory_folders(limits),
        *_habits(stage),
        *_read_only(interpreter()),
        *_course(stage),
        *_flat(("--dev-bind", device, device) for device in stage.devices),
        # Without these both are writable, in memory that nothing limits.
        *_flat(("--remount-ro", place) for place in ("/proc", "/dev", "/")),
        "--chdir", WORK,
    ]  # fmt: skip


def _isolation(disable_userns: bool) -> list[str]:
    """Own user, processes, network, mounts, names; no way to make more; the end with our end."""
    more = ["--disable-userns"] if disable_userns else []
    return [
        "--unshare-user", "--unshare-all", *more, "--uid", "1000", "--gid", "1000", "--hostname", "box",
        "--die-with-parent", "--new-session", "--clearenv",
    ]  # fmt: skip


def _system(passwd: int) -> list[str]:
    etc = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/fonts",
           "/etc/mime.types", "/nix/store", "/sys/devices/system/cpu")  # fmt: skip
    roots: list[str] = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        place = Path("/", name)
        if place.is_symlink():
            roots += ["--symlink", f"usr/{name}", str(place)]
        elif place.is_dir():
            roots += ["--ro-bind", str(place), str(place)]
    return [
        *roots, *_flat(("--ro-bind-try", path, path) for path in etc),
        "--perms", "0444", "--ro-bind-data", str(passwd), "/etc/passwd", "--proc", "/proc", "--dev", "/dev",
    ]  # fmt: skip


def _memory_folders(limits: Limits) -> list[str]:
    temp, work = str(limits.temp_mb * MB), str(limits.work_mb * MB)
    return [
        "--perms", "1777", "--size", temp, "--tmpfs", "/dev/shm",
        "--perms", "1777", "--size", temp, "--tmpfs", "/tmp", "--dir", _REAL_HOME, "--symlink", _REAL_HOME, HOME,
        "--perms", "0700", "--size", work, "--tmpfs", WORK,
        # The kernel's sockets; we reach them through /proc/PID/root, so that no folder of ours is writable in there.
        "--perms", "0700", "--size", str(MB), "--tmpfs", SOCKETS,
    ]  # fmt: skip


def _habits(stage: Stage) -> list[str]:
    """Colab's and Kaggle's folders: what is written there is written beside the notebook; other roots of aliases are small."""
    aliases = [str(alias) for alias in stage.inside_config.get("path_aliases", ())]
    roots = {"/".join(alias.split("/")[:2]) for alias in aliases if alias.count("/") >= 2 and alias.startswith("/")}
    mounts = sorted((roots | {KAGGLE}) - OURS)
    taken = {*OURS, *mounts, *(f"/{path.parts[1]}" for path in interpreter())}
    above = {f"/{match[1]}" for alias in aliases if (match := _ABOVE.fullmatch(alias))} - taken
    return [
        *_flat(("--symlink", DATA, place) for place in sorted(above) if stage.data is not None),
        "--symlink", WORK, COLAB,
        *_flat(("--perms", "0700", "--size", str(SMALL), "--tmpfs", root) for root in mounts),
        "--symlink", WORK, f"{KAGGLE}/working",
    ]  # fmt: skip


def _course(stage: Stage) -> list[str]:
    wanted = ((stage.hub, HUB), (stage.data, DATA))
    places = _flat(("--ro-bind", str(source), target) for source, target in wanted if source is not None)
    ours = _flat(("--ro-bind", str(path), f"{INSIDE}/{path.name}") for path in inside_files())
    gpu = ["--ro-bind-try", "/sys", "/sys"] if stage.devices else []
    # Students import our helpers (preflight); where grader isn't installed but run from a folder, it comes from here.
    library = ["--ro-bind", str(HERE.parent), f"{LIBRARY}/{HERE.parent.name}"]
    return [*places, *ours, *library, *gpu]


def _read_only(paths: Iterable[Path]) -> list[str]:
    return _flat(("--ro-bind", str(path), str(path)) for path in paths)


def _flat(groups: Iterable[Sequence[str]]) -> list[str]:
    return [word for group in groups for word in group]


def _in_usr(path: Path) -> bool:
    return path.is_relative_to("/usr")
