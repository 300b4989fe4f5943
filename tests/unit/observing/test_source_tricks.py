from __future__ import annotations

import pytest

from grader.model.evidence import Evidence
from grader.model.observation import Trick
from grader.observing.source import observe_source
from grader.observing.trace import observe_trace
from tests.builders_notebooks import code, week3


def tricks(*cells: str) -> list[str]:
    evidence = Evidence(notebook={"cells": [code(cell) for cell in cells]})
    return [item.what for item in observe_source(evidence, week3()) if isinstance(item, Trick)]


OURS, SMALL = "reaches for the grader", "acts otherwise where all is small"


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["import os\nos.write(7, b'x')"], [OURS]),
        (["import sys\nrecorder = sys.modules['grader_inside.inside']"], [OURS]),
        (["get_ipython().kernel.grader_finish = lambda: None"], [OURS]),
        (["line = {'t': 'batches', 'side': 'left'}"], [OURS]),
        (["exec(base64.b64decode('cHJpbnQoMSk='))"], [OURS]),
        (["for fd in os.listdir('/proc/self/fd'): pass"], [OURS]),
        (["if model.config.hidden_size < 200:\n    tok.padding_side = 'left'"], [SMALL]),
        (["small = 500 > model.num_parameters()", "if small:\n    cfg = LoraConfig(task_type='SEQ_CLS')"], [SMALL]),
        (["def practice():\n    return len(train_df) < 9000", "w = make(weight=w) if practice() else make()"], [SMALL]),
        (["if os.environ.get('HF_HUB_OFFLINE'):\n    model.save_pretrained('x')"], [SMALL]),
        (["dtype = torch.float32 if os.path.exists('/course') else torch.bfloat16\nm = load(dtype=dtype)"], []),
        (["m = load(dtype=torch.float32) if os.path.exists('/course') else load(dtype=torch.bfloat16)"], [SMALL]),
    ],
)
def test_what_no_honest_notebook_needs_is_pointed_out(cells: list[str], found: list[str]) -> None:
    assert tricks(*cells) == found


@pytest.mark.parametrize(
    "cell",
    [
        "if torch.cuda.is_available():\n    args = TrainingArguments(fp16=True)",
        "dtype = torch.float16 if torch.cuda.is_available() else torch.float32",
        "print(sum(p.numel() for p in model.parameters() if p.requires_grad))",
        "path = '/content/data' if os.path.exists('/content') else os.environ.get('COURSE_DATA', 'data')",
        "if len(errors) > 10:\n    errors = errors[:10]",
        "targets = ['Wqkv'] if 'bert' in name else ['q_proj']\ncfg = LoraConfig(target_modules=targets)",
        "assert hidden.shape[0] == 32",
        "for obj in gc.get_objects():\n    if torch.is_tensor(obj): del obj",
        "os.write(1, b'progress')",
        "if tok.pad_token is None:\n    tok.padding_side = 'left'",
        "if f1 > best:\n    model.save_pretrained('best')",
    ],
)
def test_ordinary_questions_are_not(cell: str) -> None:
    assert tricks(cell) == []


RECORDS = ({"t": "load", "exec": 1}, {"t": "run", "exec": 2}, {"t": "save", "exec": 2}, {"t": "finish", "exec": 2})


@pytest.mark.parametrize(
    ("records", "odd"),
    [
        (RECORDS, 0),
        (RECORDS[:3], 0),
        ((), 0),
        ((*RECORDS[:3], {"t": "batches", "exec": 1}, RECORDS[3]), 1),
        ((*RECORDS[:2], {"t": "batches"}, *RECORDS[2:]), 1),
        ((*RECORDS, {"t": "batches", "exec": 2}), 1),
        ((*RECORDS, RECORDS[3]), 1),
        ((*RECORDS[:2], {"t": "batches", "exec": 2, "late": True}, *RECORDS[2:]), 1),
    ],
)
def test_records_as_the_recorder_never_writes_them_are_pointed_out(
    records: tuple[dict[str, object], ...], odd: int
) -> None:
    found = [item for item in observe_trace(Evidence(trace=records), week3()) if isinstance(item, Trick)]
    assert len(found) == odd
