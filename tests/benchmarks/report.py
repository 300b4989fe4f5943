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
    """The whole page, as far as there are results."""
    lines = [HEAD]
    for name, write in (("ten", _peers), ("parts", _parts), ("class", _class)):
        if name in found:
            lines += [*write(found), *_machine(found[name])]
    return "\n".join(lines) + "\n"


def _machine(told: dict[str, Any]) -> Iterator[str]:
    facts = told["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in facts["libraries"].items())
    yield (
        f"\nCommit {told['commit']}, {told['at'][:10]}: {facts['processor']}, {facts['cores']} cores, {facts['memory_gb']} GB, "
        f"{facts['system']}, Python {facts['python']}, {'as root' if facts['root'] else 'as an ordinary user'}; {libraries}; one "
        f"thread per process. Load of other work when it began: **{facts['load_before']}** on {facts['cores']} cores."
    )
    if facts["load_before"] > facts["cores"]:
        yield (
            "\n**The machine was not quiet**: seconds are far too long and processor seconds somewhat too high; measure again before quoting them."
        )


def _peers(found: dict[str, Any]) -> Iterator[str]:
    told = found["ten"]
    ours, count = told["ours"], told["count"]
    one, two = ours["jobs_1"], ours["jobs_2"]
    yield f"\n## {count} notebooks\n"
    yield "Imports, a tiny LoRA training of 20 uncut steps, a table, a figure, five memo cells; the same for everybody. Ours includes the"
    yield "start of the warm server, the box, the recorder, checks, score and a page per student.\n"
    yield "| what | wall s | CPU s | ours with 1 worker is | with 2 workers |"
    yield "|---|---|---|---|---|"
    for name, words in PEERS.items():
        cost = told[name]
        yield (
            f"| {words.format(**told['versions'])} | {cost['wall']} | {cost['cpu']} | {cost['wall'] / one['wall']:.1f}x faster "
            f"({cost['cpu'] / one['cpu']:.1f}x less CPU) | {cost['wall'] / two['wall']:.1f}x faster |"
        )
    yield f"| ours, 1 worker | {one['wall']} | {one['cpu']} | | |"
    yield f"| ours, 2 workers | {two['wall']} | {two['cpu']} | | |"
    each, start = ours["each_beyond_the_first"], ours["start"]
    yield (
        f"\nA run of one notebook takes {start['wall']} s and {start['cpu']} CPU s, nearly all of it imports of the warm server; every further "
        f"notebook {each['cpu']} CPU s. As in a large class, without that start, one notebook costs nbgrader "
        f"**{_beyond(told, 'nbgrader')}x** and otter **{_beyond(told, 'otter')}x** the processor seconds that it costs ours."
    )
    if "parts" in found:
        own = found["parts"]["parts"]["own_code"]
        most = (f"{told[name]['cpu'] / told['count'] / own:.0f}x" for name in ("nbgrader", "otter"))
        yield (
            f"The student's own code is {own:.2f} of these, so a grader that cost nothing would stand at {' and '.join(most)}: the rest is below."
        )


def _beyond(told: dict[str, Any], name: str) -> str:
    return f"{told[name]['cpu'] / told['count'] / told['ours']['each_beyond_the_first']['cpu']:.1f}"


def _parts(found: dict[str, Any]) -> Iterator[str]:
    parts, recorder = found["parts"]["parts"], found["parts"]["recorder"]
    yield "\n## Where the processor seconds of one submission go\n"
    yield "| part | CPU s |"
    yield "|---|---|"
    rows = (
        ("the whole submission", "whole"), ("the student's own code (in a plain process with warm libraries)", "own_code"),
        ("**beyond the student's own code**", "beyond_own_code"), ("of it: recorder", "recorder"),
        ("of it: box, fork, kernel, capture, and judging an empty notebook", "box_fork_kernel_capture"),
        ("of it: reading the evidence, checks, score, page", "reading_checks_score_page"),
        ("the latter when what the evidence says was kept", "the_same_from_kept_readings"),
    )  # fmt: skip
    for words, key in rows:
        yield f"| {words} | {parts[key]:.2f} |"
    forward, step = recorder["forward_pass_us"], recorder["training_step_us"]
    yield (
        f"\nThe recorder adds {forward['recorded'] - forward['plain']:.0f} µs to a forward pass ({forward['plain']:.0f} µs for a model of two tiny "
        f"layers) and {step['recorded'] - step['plain']:.0f} µs to a training step ({step['plain']:.0f} µs)."
    )


def _class(found: dict[str, Any]) -> Iterator[str]:
    told, scaling, same = found["class"], found.get("scaling"), found.get("same")
    count = told["submissions"]
    again, anew = told["regrade"], told["regrade_after_a_change_of_the_readers"]
    yield f"\n## A class of {count}\n"
    yield "Every fourth notebook uses DataLoader workers, every tenth `datasets.map` in processes.\n"
    yield "| what | figure |"
    yield "|---|---|"
    yield f"| graded with 2 workers, start included | {told['wall']} s, {told['cpu_each']} CPU s each |"
    if "ten" in found:
        yield f"| notebooks a minute, start included | {_throughput(found)} |"
    yield f"| in warm kernels, without a hang | {told['warm']} of {count}; not `ok`: {', '.join(told['not_ok']) or 'none'} |"
    yield f"| seconds of one execution | median {told['seconds_each']['median']}, 95 % below {told['seconds_each']['p95']}, most {told['seconds_each']['most']} |"
    yield f"| private memory of a kernel, MB | median {told['private_mb']['median']}, most {told['private_mb']['most']} |"
    yield f"| trained weights of the same seed | {'bit for bit the same' if told['different_weights_per_seed'] == [1] else told['different_weights_per_seed']} |"
    yield f"| graded again from evidence, every page included | **{again['wall']} s**, {again['cpu']} CPU s |"
    yield f"| the same after a change of the code that reads evidence | {anew['wall']} s, {anew['cpu']} CPU s |"
    if same:
        differ = ", ".join(same["different"]) or "none"
        yield f"| warm and cold kernels, {same['outputs']} cells of {same['notebooks']} notebooks | cells whose outputs differ: {differ} |"
    if scaling:
        walls = ", ".join(f"{jobs}: {seconds} s" for jobs, seconds in scaling["seconds"].items())
        yield f"| workers and seconds for {scaling['count']} notebooks, start included | {walls} |"


def _throughput(found: dict[str, Any]) -> str:
    """Ours with two workers; the peers one after another, as their commands do without Docker."""
    told, ten = found["class"], found["ten"]
    ours = 60 * told["submissions"] / told["wall"]
    rates = {name: 60 * ten["count"] / ten[name]["wall"] for name in PEERS}
    peers = ", ".join(f"{name} {rate:.1f} (**{ours / rate:.1f}x**)" for name, rate in rates.items())
    return f"**{ours:.0f}**; peers on the ten notebooks above, one after another (without Docker they have no workers): {peers}"
