"""Scripts that a notebook starts by a shell line: which run in its own process, and what they find there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from grader.execution.compat_scripts import Command, _called, _cell, _of_system, _rewritten, _run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("python train.py", []),
        ("python3 -u train.py --lr 2e-4 --out 'runs/my model'", ["--lr", "2e-4", "--out", "runs/my model"]),
        ("/usr/bin/python3.11 ./train.py --weighted 2>&1", ["--weighted"]),
        ("python -W ignore train.py 1", ["1"]),
        ("CUDA_VISIBLE_DEVICES=0 python train.py", []),
        ("accelerate launch --mixed_precision=fp16 train.py --role decoder", ["--role", "decoder"]),
        ("python train.py --a 1 2>&1 | tee log.txt", ["--a", "1"]),
        ("python train.py --a 1 > log.txt", ["--a", "1"]),
        ("python train.py a 2>/dev/null", ["a"]),
        (["/usr/bin/python3", Path("train.py"), "--a", "b c; d"], ["--a", "b c; d"]),
    ],
)
def test_a_plain_command_is_taken_apart(line, arguments):
    command = Command(line)
    assert (Path(command.script), command.arguments) == (Path("train.py"), arguments)


@pytest.mark.parametrize(
    "line",
    [
        "python other.py",
        "python -c 'print(1)'",
        "python -m pip install x.py",
        "python train.py && ls",
        "python train.py &",
        "python train.py < rows.csv",
        "python train.py $(cat arguments)",
        "torchrun --nproc_per_node 2 train.py",
        "cat train.py",
        "python train.py 'open",
        "ls | python train.py",
    ],
)
def test_what_needs_a_shell_or_is_no_script_goes_to_the_shell(line):
    with pytest.raises(ValueError):
        Command(line)


@pytest.mark.parametrize(
    ("line", "rewritten"),
    [
        ("get_ipython().system('python train.py --n {n}')\n", True),
        ("    get_ipython().system('python3 train.py')\n", True),
        ("get_ipython().system('{sys.executable} train.py')\n", True),
        ("get_ipython().system('pip install x')\n", False),
        ("get_ipython().system('cat train.py')\n", False),
        ("out = get_ipython().getoutput('python train.py')\n", False),
        ("print('python train.py')\n", False),
    ],
)
def test_only_lines_that_start_a_script_are_rewritten(line, rewritten):
    (result,) = _rewritten([line])
    assert ("run_line_magic('run_as_process'" in result) is rewritten
    assert len(result) - len(result.lstrip()) == len(line) - len(line.lstrip())
    assert rewritten or result == line


def test_the_script_finds_what_a_process_would_and_leaves_nothing_behind(folder, capsys):
    (folder / "lib.py").write_text("NAME = 'beside'")
    (folder / "train.py").write_text(
        "import os, sys, lib\nprint(__name__, sys.argv[1:], lib.NAME, os.environ['SEED'])\nos.chdir('/')\nos.environ['X_LEFT'] = '1'\nsys.exit(3)"
    )
    assert _run(Command("SEED=7 python train.py --a b")) == 3
    assert capsys.readouterr().out == "__main__ ['--a', 'b'] beside 7\n"
    assert (Path.cwd(), "X_LEFT" in os.environ, "SEED" in os.environ) == (folder, False, False)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit()", 0, ""),
        ("raise SystemExit('no data')", 1, "no data"),
        ("1 / 0", 1, "ZeroDivisionError"),
    ],
)
def test_its_end_is_a_status_and_never_an_error_of_the_notebook(folder, capsys, code, status, error):
    (folder / "train.py").write_text(code)
    assert _run(Command("python train.py")) == status
    assert error in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "kept", "shown"),
    [
        ("python train.py 2>&1 | tee log.txt", "old\n", "old\n"),
        ("python train.py > log.txt", "old\n", ""),
        ("python train.py >> log.txt", "before\nold\n", ""),
    ],
)
def test_what_it_prints_is_kept_where_the_line_says_so(folder, capsys, line, kept, shown):
    (folder / "log.txt").write_text("before\n")
    (folder / "train.py").write_text("print('old')")
    _run(Command(line))
    assert ((folder / "log.txt").read_text(), capsys.readouterr().out) == (kept, shown)


class Noted:
    """A session that keeps what it is told."""

    def __init__(self):
        self.names = []

    def compat(self, name, how):
        self.names.append(name)


@pytest.fixture
def of_notebook():
    """Calls a function as code of the notebook does."""

    def call(function, *args, **given):
        names = {"__name__": "__main__", "function": function, "args": args, "given": given}
        exec("result = function(*args, **given)", names)
        return names["result"]

    return call


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"capture_output": True, "text": True}, ("seen b\n", "")),
        ({"stdout": subprocess.PIPE}, (b"seen b\n", b"")),
        ({}, (None, None)),
    ],
)
def test_a_script_called_by_subprocess_gives_what_a_process_gives(folder, of_notebook, given, shown):
    (folder / "train.py").write_text(
        "import os, sys; print('seen', sys.argv[1]); sys.exit(int(os.environ.get('X_CODE', 0)))"
    )
    session = Noted()
    run = _called(session, lambda *args, **given: "a process")
    done = of_notebook(run, ["python", "train.py", "b"], **given)
    assert (done.returncode, done.stdout, done.stderr) == (0, *shown)
    assert of_notebook(run, ["python", "train.py", "b"], env={"X_CODE": "4"}).returncode == 4
    with pytest.raises(subprocess.CalledProcessError):
        of_notebook(run, ["python", "train.py", "b"], env={"X_CODE": "4"}, check=True)
    assert set(session.names) == {"subprocess.run"}


@pytest.mark.parametrize(
    ("args", "given"),
    [
        ((["ls"],), {}),
        ((["python", "train.py"],), {"input": "yes"}),
        (("python train.py",), {}),
        (("python train.py; ls",), {"shell": True}),
    ],
)
def test_any_other_call_goes_to_a_process(of_notebook, args, given):
    assert of_notebook(_called(Noted(), lambda *args, **given: "a process"), *args, **given) == "a process"


def test_a_library_s_own_processes_are_left_alone(monkeypatch):
    monkeypatch.setattr("grader.execution.inside_session._HOME", [""])
    assert _called(Noted(), lambda *args, **given: "a process")(["python", "train.py"]) == "a process"


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("# both\npython train.py a 2>/dev/null\n\npython train.py b\n", "a\nb\n"),
        ("for x in a b; do python train.py $x; done", "the shell\n"),
        ("cd runs\npython train.py a", "the shell\n"),
    ],
)
def test_a_cell_of_plain_commands_runs_here_and_any_other_in_the_shell(folder, capsys, cell, shown):
    (folder / "train.py").write_text("import sys; print(sys.argv[1])")
    _cell(Noted(), lambda line, cell: print("the shell"))("", cell)
    assert capsys.readouterr().out == shown


def test_os_system_gives_the_status_as_the_system_does(folder, of_notebook):
    (folder / "train.py").write_text("raise SystemExit(3)")
    system = _of_system(Noted(), lambda line: "the shell")
    assert (of_notebook(system, "python train.py"), of_notebook(system, "ls")) == (3 << 8, "the shell")
