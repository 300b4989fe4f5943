from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from safetensors.numpy import save

from grader.model.evidence import Evidence, Tensor
from grader.model.observation import Saved
from grader.observing.adapters import measure_saved, observe_saved
from tests.builders_notebooks import week3

SCORE = "base_model.model.score.weight"
LORA_B = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"
CONFIG = json.dumps({"peft_type": "LORA", "base_model_name_or_path": "Qwen/Qwen2.5-0.5B"}).encode()
START, END = np.zeros((113, 4), np.float32) + 0.5, np.zeros((113, 4), np.float32) + 0.75


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def adapter(head=END, lora_b=1.0, folder="adapters/decoder"):
    tensors = {LORA_B: np.full((4, 2), lora_b, np.float32)}
    if head is not None:
        tensors[SCORE] = head
    return {f"{folder}/adapter_model.safetensors": save(tensors), f"{folder}/adapter_config.json": CONFIG}


def trace(path="./adapters/decoder", how="save_pretrained", head=END):
    rows = [["base_model.model.score.modules_to_save.default.weight", [113, 4], digest(START), digest(END)]]
    return (
        {"t": "load", "exec": 1, "cell": 0, "model": 1, "made": "from_pretrained", "cls": "Qwen2ForSequenceClassification"},
        {"t": "run", "exec": 2, "cell": 1, "run": 1, "model": 1, "head_names": [rows[0][0]]},
        {"t": "trained", "exec": 2, "cell": 1, "run": 1, "model": 1, "steps": 4, "real": 4, "changed": {}, "head": rows},
        {"t": "save", "exec": 3, "cell": 2, "how": how, "path": path, "model": 1, "cls": "PeftModel", "head": [
            [rows[0][0], [113, 4], digest(head)]]},
    )  # fmt: skip


def observe(files, records=()):
    evidence = Evidence(trace=records, saved=measure_saved(files, "dry_run"))
    return [item for item in observe_saved(evidence, week3()) if isinstance(item, Saved)]


def test_a_file_is_measured_without_loading_it():
    files = adapter(lora_b=0.0)
    (file,) = measure_saved(files, "handed_in")
    assert (file.path, file.origin, file.problem, file.config) == (
        "adapters/decoder/adapter_model.safetensors",
        "handed_in",
        None,
        json.loads(CONFIG),
    )
    assert set(file.tensors) == {
        Tensor(name=SCORE, shape=(113, 4), dtype="F32", zero=False, sha256=digest(END)),
        Tensor(name=LORA_B, shape=(4, 2), dtype="F32", zero=True, sha256=digest(np.zeros((4, 2), np.float32))),
    }


def header(text, body=b""):
    raw = text if isinstance(text, bytes) else json.dumps(text).encode()
    return len(raw).to_bytes(8, "little") + raw + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\xff" * 8,
        (1 << 62).to_bytes(8, "little") + b"{}",
        header(b"not json"),
        header([1, 2]),
        header({"a": 1}),
        header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 800]}}, b"\0" * 8),
        header({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, b"\0" * 8),
        header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 8]}}, b"\0" * 8),
        header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}, b"\0" * 8),
        header({"a": {"dtype": 7, "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 8),
        header(b"[" * 100_000),
    ],
)
def test_a_broken_file_is_a_problem_and_never_an_error(data):
    (file,) = measure_saved({"x/model.safetensors": data}, "handed_in")
    assert file.problem is not None
    assert file.tensors == ()


def test_pickles_are_named_and_never_opened_and_other_files_left_out():
    names = ["a/pytorch_model.bin", "a/training_args.bin", "a/optimizer.pt", "a/clf.pt", "a/readme.md"]
    found = measure_saved(dict.fromkeys(names, b"\x80\x04."), "handed_in")
    assert [(file.path, "pickle" in (file.problem or "")) for file in found] == [
        ("a/clf.pt", True),
        ("a/pytorch_model.bin", True),
    ]


@pytest.mark.parametrize(
    ("head", "expected"),
    [(END, (True, True)), (START, (True, False)), (START + 9, (True, True)), (None, (False, None))],
)
def test_the_files_bytes_are_held_against_the_head_before_and_after_training(head, expected):
    (saved,) = observe(adapter(head=head), trace())
    assert (saved.head, saved.head_trained) == expected
    assert (saved.source, saved.model, saved.format, saved.adapter_zero) == ("artifact", "decoder", "adapter", False)


def test_without_a_trace_the_file_speaks_for_itself():
    (saved,) = observe(adapter(lora_b=0.0))
    assert (saved.model, saved.head, saved.head_trained, saved.adapter_zero) == ("decoder", True, None, True)


def test_what_was_saved_out_of_reach_is_reported_as_claimed():
    (saved,) = observe({}, trace(path="/content/drive/MyDrive/dec", head=END))
    assert (saved.source, saved.path, saved.head, saved.head_trained) == (
        "dry_run",
        "/content/drive/MyDrive/dec",
        True,
        True,
    )


def test_a_pickled_state_dict_is_reported_as_claimed():
    save_record = {"t": "save", "exec": 3, "how": "torch.save", "path": "d.pt", "model": None, "cls": "dict", "head": [], "tensors": [
        ["score.weight", [113, 4], digest(END)], ["model.layers.0.self_attn.q_proj.weight", [4, 4], None]]}  # fmt: skip
    (saved,) = observe({"d.pt": b"\x80"}, (*trace()[:3], save_record))
    assert (saved.format, saved.head, saved.head_trained, saved.needs_hand_work) == ("state_dict", True, True, True)


@pytest.mark.parametrize(
    "bad", [{"head": 3}, {"head": [[1, 2]]}, {"path": None}, {"model": "x"}, {"path": 5, "tensors": "y"}]
)
def test_forged_records_of_the_wrong_shape_are_passed_over(bad):
    records = [dict(record, **bad) for record in trace()]
    observe(adapter(), tuple(records))


def test_files_of_another_model_say_nothing():
    assert observe({"x/model.safetensors": save({"transformer.wte.weight": np.ones((2, 2), np.float32)})}) == []


def test_a_head_of_the_student_s_own_that_is_saved_beside_the_adapter_is_found_by_its_values():
    files = adapter(head=None) | {"head.safetensors": save({"weight": END, "bias": np.ones(113, np.float32)})}
    beside = [(item.path, item.head, item.head_trained, item.needs_hand_work) for item in observe(files, trace())]
    assert ("head.safetensors", True, True, True) in beside


def test_an_untrained_head_in_a_file_of_other_names_is_nobody_s():
    files = adapter(head=None) | {"head.safetensors": save({"weight": START})}
    assert [item.path for item in observe(files, trace())] == ["adapters/decoder/adapter_model.safetensors"]
