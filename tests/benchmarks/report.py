"""docs/benchmarks.md from the stored results. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

HEAD = """# Benchmarks

Made by `tox -e bench` (`python -m tests.benchmarks`), which writes this page and
[tests/benchmarks/results/execution.json](../tests/benchmarks/results/execution.json). Ratios hold better than seconds: all figures are of
one run on one machine, whose other load is named.
"""
PEERS = {
    "nbconvert": "`jupyter nbconvert --execute` loop (no grading, no box)",
    "nbgrader": "nbgrader {nbgrader}: autograde and generate_feedback",
    "otter": "otter-grader {otter-grader}: `otter run`",
}


def page(found: dict[str, Any]) -> str:
    """The whole page."""
    return "\n".join([HEAD, *_machine(found), *_peers(found), *_parts(found), *_class(found)]) + "\n"


def _machine(found: dict[str, Any]) -> Iterator[str]:
    told = found["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in told["libraries"].items())
    yield (
        f"Commit {found['commit']}, {found['at'][:10]}. {told['processor']}, {told['cores']} cores, {told['memory_gb']} GB, "
        f"{told['system']}, Python {told['python']}, {'as root' if told['root'] else 'as an ordinary user'}; load before "
        f"the run {told['load_before']}. {libraries}. One thread per process everywhere."
    )


def _peers(found: dict[str, Any]) -> Iterator[str]:
    peers, ours = found["peers"], found["ours"]
    count = peers["count"]
    one, two = ours["jobs_1"], ours["jobs_2"]
    yield f"\n## {count} notebooks\n"
    yield "Imports, a tiny LoRA training of 20 uncut steps, a table, a figure, five memo cells; the same for everybody. Ours includes the"
    yield "start of the warm server, the box, the recorder, checks, score and a page per student.\n"
    yield "| what | wall s | CPU s | ours with 1 worker is | with 2 workers |"
    yield "|---|---|---|---|---|"
    for name, words in PEERS.items():
        cost = peers[name]
        yield (
            f"| {words.format(**peers['versions'])} | {cost['wall']} | {cost['cpu']} | {cost['wall'] / one['wall']:.1f}x faster "
            f"({cost['cpu'] / one['cpu']:.1f}x less CPU) | {cost['wall'] / two['wall']:.1f}x faster |"
        )
    yield f"| ours, 1 worker | {one['wall']} | {one['cpu']} | | |"
    yield f"| ours, 2 workers | {two['wall']} | {two['cpu']} | | |"
    each, start = ours["each_beyond_the_first"], ours["start"]
    yield (
        f"\nA run of one notebook takes {start['wall']} s, nearly all of it imports of the warm server; every further notebook {each['wall']} s "
        f"with one worker. Without that start, as in a larger class, ours is {_beyond(peers, 'nbgrader', each)}x as fast as nbgrader and "
        f"{_beyond(peers, 'otter', each)}x as fast as otter with one worker."
    )


def _beyond(peers: dict[str, Any], name: str, each: dict[str, float]) -> str:
    return f"{peers[name]['wall'] / peers['count'] / each['wall']:.1f}"


def _parts(found: dict[str, Any]) -> Iterator[str]:
    parts, recorder = found["parts"], found["recorder"]
    yield "\n## Where the processor seconds of one submission go\n"
    yield "| part | CPU s |"
    yield "|---|---|"
    rows = (
        ("the whole submission", "whole"), ("the student's own code (in a plain process with warm libraries)", "own_code"),
        ("**beyond the student's own code**", "beyond_own_code"), ("of it: recorder", "recorder"),
        ("of it: box, fork, kernel, capture, and judging an empty notebook", "box_fork_kernel_capture"),
        ("of it: reading the evidence, checks, score, page", "reading_checks_score_page"),
    )  # fmt: skip
    for words, key in rows:
        yield f"| {words} | {parts[key]:.2f} |"
    forward, step = recorder["forward_pass_us"], recorder["training_step_us"]
    yield (
        f"\nThe recorder adds {forward['recorded'] - forward['plain']:.0f} µs to a forward pass ({forward['plain']:.0f} µs for a model of two tiny "
        f"layers) and {step['recorded'] - step['plain']:.0f} µs to a training step ({step['plain']:.0f} µs)."
    )


def _class(found: dict[str, Any]) -> Iterator[str]:
    told, scaling, same = found["class"], found["scaling"], found["warm_and_cold"]
    count = told["submissions"]
    again, anew = told["regrade"], told["regrade_after_a_change_of_the_readers"]
    yield f"\n## A class of {count}\n"
    yield "Every fourth notebook uses DataLoader workers, every tenth `datasets.map` in processes.\n"
    yield "| what | figure |"
    yield "|---|---|"
    yield f"| graded with 2 workers, start included | {told['wall']} s, {told['cpu_each']} CPU s each |"
    yield f"| in warm kernels, without a hang | {told['warm']} of {count}; not `ok`: {', '.join(told['not_ok']) or 'none'} |"
    yield f"| seconds of one execution | median {told['seconds_each']['median']}, 95 % below {told['seconds_each']['p95']}, most {told['seconds_each']['most']} |"
    yield f"| private memory of a kernel, MB | median {told['private_mb']['median']}, most {told['private_mb']['most']} |"
    yield f"| trained weights of the same seed | {'bit for bit the same' if told['different_weights_per_seed'] == [1] else told['different_weights_per_seed']} |"
    yield f"| graded again from evidence, every page included | **{again['wall']} s**, {again['cpu']} CPU s |"
    yield f"| the same after a change of the code that reads evidence | {anew['wall']} s, {anew['cpu']} CPU s |"
    differ = ", ".join(same["different"]) or "none"
    yield f"| warm and cold kernels, {same['outputs']} cells of {same['notebooks']} notebooks | cells whose outputs differ: {differ} |"
    walls = ", ".join(f"{jobs}: {seconds} s" for jobs, seconds in scaling.items())
    yield f"| workers and seconds for {found['peers']['count']} notebooks, start included | {walls} |"
