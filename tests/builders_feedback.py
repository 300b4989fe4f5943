"""Students in every state that a feedback page can meet, graded by the real rubric. Course data only; nobody here is real."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from grader.catalog.rubrics import load_rubric
from grader.feedback import ClassSpread, OverviewInput, PageInput, SimilarPair, Spread, StudentEntry
from grader.model.assignment import Dates, ExpectedRanges, Interval, LatePolicy
from grader.model.evidence import CellError, Execution
from grader.model.finding import Citation, Finding
from grader.model.rubric import Rubric
from grader.model.scorecard import Scorecard, Suggestion
from grader.model.submission import Flag, Participant, Submission, SubmittedFile
from grader.scoring import score, unscored
from grader.scoring.scorecard import middle

RUBRIC_FILE = Path(__file__).parents[1] / "rubrics" / "week3.yaml"
LATE = LatePolicy(kind="per_day", points=Decimal(5), at_most=Decimal(30))
REFERENCE = {"encoder": 3_466_097, "decoder": 2_263_936}
WHY = (
    "The classification head reads one position. With padding on the right that position is a pad token, unless the model "
    "looks for the last real token by itself."
)
TODO = (
    'Set `tokenizer.padding_side = "left"` on the tokenizer that you really use, before `map(tokenize)`, and give the same '
    "tokenizer to `DataCollatorWithPadding`. Then train and evaluate again."
)


@cache
def rubric() -> Rubric:
    return load_rubric(RUBRIC_FILE)


def explained(base: Rubric) -> Rubric:
    """With why and what to do on the padding line, whatever the file says."""
    lines = tuple(
        line.model_copy(update={"why": WHY, "todo": TODO}) if line.id == "decoder.padding_side" else line
        for line in base.checks
    )
    return base.model_copy(update={"checks": lines})


def cite(quote: str, cell: int | None = 12, output: int | None = 0, where: str = "notebook") -> Citation:
    return Citation.model_validate({"in": where, "cell": cell, "output": output, "quote": quote})


def passed(text: str, *citations: Citation, source: str = "dry_run", **values: Any) -> Finding:
    return Finding.model_validate(
        {
            "verdict": "passed",
            "credit": 1.0,
            "source": source,
            "student_text": text,
            "staff_text": "STAFF-ONLY seen twice",
            "citations": citations,
            "values": values,
        }
    )


def findings() -> dict[str, Finding]:
    """All sixteen, all right."""
    return {
        "decoder.padding_side": passed(
            "Every ragged batch that the decoder saw was padded on the left, in training and in evaluation.",
            cite('tokenizer.padding_side = "left"', 9, None),
        ),
        "decoder.score_head": passed(
            "The trained `score` head is in what you saved.",
            cite("base_model.model.score.weight [113, 896]", None, None, "adapter"),
            source="artifact",
        ),
        "decoder.load_dtype": passed(
            "The decoder is loaded in float32.", cite("torch_dtype=torch.float32", 10, None), source="source"
        ),
        "decoder.mixed_precision": passed("Training computes in fp16, which a T4 can do.", cite("fp16=True", 14, None)),
        "encoder.trainable_params": passed(
            "3,466,097 trainable parameters: r=16 on `Wqkv`, `Wo` and `Wi`, with the classifier trained.",
            cite("trainable params: 3,466,097 || all params: 153,157,858 || trainable%: 2.2631", 7, 0),
            count=3_466_097,
            reference=3_466_097,
        ),
        "decoder.trainable_params": passed(
            "2,263,936 trainable parameters: r=16 on `q_proj`, `k_proj`, `v_proj` and `o_proj`, with the head trained.",
            cite("trainable params: 2,263,936 || all params: 496,397,952 || trainable%: 0.4561", 11, 0),
            count=2_263_936,
            reference=2_263_936,
        ),
        "decoder.class_weights": passed(
            "Weights proportional to 1/sqrt(n) reach the decoder’s loss.", cite("w = 1 / np.sqrt(counts)", 19, None)
        ),
        "metrics.encoder": passed(
            "Inside the range of our own runs.",
            cite("{'eval_accuracy': 0.5643, 'eval_macro_f1': 0.2071}", 8, 1),
            source="recorded",
            accuracy=0.5643,
            macro_f1=0.2071,
            zero_f1_classes=46,
        ),
        "metrics.decoder": passed(
            "Inside the range of our own runs.",
            cite("accuracy 0.5921  macro F1 0.2688", 15, 2),
            source="recorded",
            accuracy=0.5921,
            macro_f1=0.2688,
            zero_f1_classes=29,
        ),
        "metrics.decoder_weighted": passed(
            "Inside the range of our own runs.",
            cite("accuracy 0.5517  macro F1 0.2790", 20, 2),
            source="recorded",
            accuracy=0.5517,
            macro_f1=0.279,
            zero_f1_classes=22,
        ),
        "tiers.reported": passed(
            "Both models’ F1 stand in four tiers, defined by the number of training examples.",
            cite("<50 | 41 classes | 0.021 | 0.118", 23, 0),
            source="recorded",
            **{
                "encoder.fewer than 50": 0.021,
                "decoder.fewer than 50": 0.118,
                "encoder.50 to 199": 0.184,
                "decoder.50 to 199": 0.262,
                "encoder.200 to 999": 0.377,
                "decoder.200 to 999": 0.421,
                "encoder.1,000 and more": 0.612,
                "decoder.1,000 and more": 0.631,
            },
        ),
        "latency.method": passed(
            "Both models, batches of 32, three warm-up batches, synchronised.",
            cite("torch.cuda.synchronize()", 26, None),
            source="source",
        ),
        "latency.reported": passed(
            "Milliseconds per example and throughput of both models.",
            cite("encoder 9.8 ms/ex (102 ex/s)  decoder 26.9 ms/ex (37 ex/s)", 26, 0),
            source="recorded",
            **{
                "encoder.latency_ms": 9.8,
                "encoder.throughput": 102,
                "decoder.latency_ms": 26.9,
                "decoder.throughput": 37.2,
            },
        ),
        "memo.sections": passed("All five parts of the memo were found.", source="recorded"),
        "integrity.outputs_match_code": passed(
            "Nothing that is shown contradicts what the code does.", source="source"
        ),
        "integrity.memo_matches_outputs": passed("Every number in the memo has its source.", source="recorded"),
    }


def padded_right(*, harms: bool = True) -> Finding:
    return Finding(
        verdict="failed",
        credit=0.0,
        source="dry_run",
        student_text=(
            "All 24 ragged batches that the decoder was trained and evaluated on were padded on the right. You set "
            '`tokenizer.padding_side = "left"` in cell 9, but load the tokenizer anew in cell 11, and that one pads on the '
            "right."
        ),
        staff_text="STAFF-ONLY 24 of 24 batches, hook on embeddings",
        citations=(
            cite('tokenizer = AutoTokenizer.from_pretrained("Qwen/Qwen2.5-0.5B")', 11, None),
            cite("input_ids[3] = [1820, 374, 264, 151643, 151643, 151643]", 14, 0, "executed"),
        ),
        caps=harms,
    )


def deliberate() -> Finding:
    return Finding(
        verdict="partial",
        credit=0.5,
        source="dry_run",
        student_text=(
            "Your decoder trains 1,182,592 parameters. That is what r=16 on `q_proj` and `v_proj` gives, and also r=8 on all "
            "four projections, and r=16 on `q_proj` and `k_proj`; your code says r=16 on `q_proj` and `v_proj`. It works, and "
            "the head is trained. The reference adapts all four projections and trains 2,263,936.\n\n"
            "Fewer adapted layers mean a smaller adapter (4.7 MB instead of 9.1 MB) and a little less room to change."
        ),
        citations=(cite("trainable params: 1,182,592 || all params: 495,316,608 || trainable%: 0.2388", 11, 0),),
        values={"count": 1_182_592, "reference": 2_263_936},
    )


def unknown(text: str = "Nothing in your notebook shows how the weighted run was trained.") -> Finding:
    return Finding(verdict="not_assessed", student_text=text, staff_text="STAFF-ONLY no trace of phase weighted")


def crashed() -> Finding:
    return Finding(
        verdict="crashed",
        student_text="This check stopped with an error of ours.",
        staff_text="STAFF-ONLY KeyError: 'tiers'",
    )


HEARD: dict[str, Any] = {
    "1a": {
        "share": (1.0, 1.0),
        "confidence": "firm",
        "seen": (
            "Accuracy, macro F1 and zero-F1 classes of both models, equal to the outputs of cells 8 and 15.",
            "Trainable parameters of both models (3,466,097 and 2,263,936).",
            "A baseline: full fine-tuning at 56.6 % and 0.209.",
        ),
        "citations": (
            cite("| macro F1 | 0.209 (full FT) | 0.207 | 0.269 |", 28, None),
            cite("accuracy 0.5921  macro F1 0.2688", 15, 2),
        ),
    },
    "1b": {
        "share": (0.4, 0.8),
        "seen": ("149M against 494M parameters.", "Bidirectional against left-to-right."),
        "missing": ("Pretraining data (about 2 against about 18 trillion tokens).",),
        "not_judged": ("Whether the differences are used to read the numbers.",),
    },
    "2a": {
        "share": (0.3, 0.8),
        "confidence": "open",
        "seen": ("An expectation that stands before the result.",),
        "not_judged": ("Whether the reason given is a mechanism or a guess.",),
        "citations": (
            cite(
                "Before running I expected weighting to help less than in week 2, because the decoder already separates "
                "most of the mid-frequency classes and the weights mainly move its decision boundary.",
                30,
                None,
            ),
        ),
    },
    "2b": {"share": (1.0, 1.0), "confidence": "firm", "seen": ("Both runs side by side.",)},
    "3a": {"share": (1.0, 1.0), "confidence": "firm", "seen": ("Four tiers with counts, both models.",)},
    "3b": {
        "share": (0.4, 0.6),
        "state": "contradicts",
        "seen": ("Two classes with numbers.", "The memo says 0.31 for “Credit reporting”, the output says 0.13."),
        "missing": ("A class in which the other model wins.",),
        "citations": (
            cite("Credit reporting goes from 0.04 to 0.31", 33, None),
            cite("Credit reporting  0.04  0.13", 24, 0),
        ),
    },
    "4c": {"share": (0.0, 1.0), "confidence": "open", "state": "needs_reading"},
    "5c": {
        "share": (0.0, 0.2),
        "state": "not_found",
        "missing": ("A metric.", "A rule for what happens on either side of it."),
    },
}


def suggestions(base: Rubric, heard: Mapping[str, Any] = HEARD) -> dict[str, Suggestion]:
    """One for every criterion; those not in `heard` are likely and a little open."""
    made = {}
    for item in (item for section in base.sections for item in section.criteria):
        said = dict(heard.get(item.id, {"share": (0.8, 1.0), "seen": ("What is asked was found.",)}))
        low, high = (Decimal(str(share)) * item.max for share in said.pop("share"))
        step = base.step
        made[item.id] = Suggestion.model_validate(
            {
                "low": (low / step).to_integral_value() * step,
                "high": (high / step).to_integral_value() * step,
                "state": "found",
                "confidence": "likely",
                **said,
            }
        )
    return made


def submission(number: str = "24", name: str | None = "Ada Lovelace", **changes: Any) -> Submission:
    return Submission.model_validate(
        {
            "participant": Participant(id=number, name=name, email="ada@example.org"),
            "status": "submitted",
            "files": (SubmittedFile(path="week3_homework.ipynb", size=48_213, sha256="0" * 64),),
            "sha256": "f" * 64,
            "late_seconds": 0,
            **changes,
        }
    )


def settled(card: Scorecard, base: Rubric) -> Scorecard:
    """As after a person has decided everything: the middle of each range."""
    sections = []
    for section in card.sections:
        criteria = tuple(
            item.model_copy(
                update={name: middle(item, base.step) for name in ("points", "low", "high")} | {"settled": True}
            )
            for item in section.criteria
        )
        points = sum((item.points or Decimal(0) for item in criteria), Decimal(0))
        sections.append(
            section.model_copy(
                update={"criteria": criteria, "points": points, "low": points, "high": points, "settled": True}
            )
        )
    total = sum((section.points or Decimal(0) for section in sections), Decimal(0))
    total += sum((item.points for item in card.adjustments), Decimal(0))
    return card.model_copy(
        update={
            "sections": tuple(sections),
            "total": total,
            "low": total,
            "high": total,
            "review": (),
            "status": "graded",
            "max": base.max,
        }
    )


EXPECTED = ExpectedRanges(
    scale="t4",
    provenance="five runs of the reference solution on a T4, three seeds each",
    metrics={
        "encoder": {
            "accuracy": Interval(low=0.548, high=0.579, mean=0.565),
            "macro_f1": Interval(low=0.19, high=0.222, mean=0.206),
            "zero_f1_classes": Interval(low=42, high=50, mean=46),
        },
        "decoder": {
            "accuracy": Interval(low=0.575, high=0.604),
            "macro_f1": Interval(low=0.245, high=0.283),
            "zero_f1_classes": Interval(low=25, high=35),
        },
        "decoder_weighted": {"accuracy": Interval(low=0.535, high=0.57), "macro_f1": Interval(low=0.262)},
    },
)


def class_of(people: int = 23) -> ClassSpread:
    def around(middle: float, width: float) -> Spread:
        cuts = (-1.0, -0.4, 0.0, 0.45, 1.1)
        return Spread(
            people=people,
            **{name: middle + width * cut for name, cut in zip(("p10", "p25", "p50", "p75", "p90"), cuts, strict=True)},
        )

    return ClassSpread(
        metrics={
            "encoder": {
                "accuracy": around(0.561, 0.02),
                "macro_f1": around(0.203, 0.018),
                "zero_f1_classes": around(47, 4),
            },
            "decoder": {
                "accuracy": around(0.583, 0.025),
                "macro_f1": around(0.252, 0.03),
                "zero_f1_classes": around(33, 7),
            },
        }
    )


def page(
    who: Submission | None = None,
    *,
    found: Mapping[str, Finding] | None = None,
    heard: Mapping[str, Any] = HEARD,
    done: bool = False,
    **changes: Any,
) -> PageInput:
    """A page of somebody who handed in something readable, with any field changed."""
    base = explained(rubric())
    who = who or submission()
    answers = {**findings(), **(found or {})}
    card = score(base, who, findings=answers, suggestions=suggestions(base, heard), dates=Dates(late=LATE))
    return PageInput.model_validate(
        {
            "course_title": "LLM engineering",
            "assignment_title": "Week 3: LoRA fine-tuning, encoder against decoder",
            "submission": who,
            "rubric": base,
            "scorecard": settled(card, base) if done else card,
            "findings": answers,
            "execution": Execution(mode="dry-run", status="ok", seconds=11.4, cells_run=31),
            "expected": EXPECTED,
            "spread": class_of(),
            "reference_trainable": REFERENCE,
            **changes,
        }
    )


def nothing(status: str = "none", name: str = "Nobody There") -> PageInput:
    """Nobody handed in, or nothing that can be read."""
    who = submission("31", name, status=status, files=(), sha256=None)
    base = rubric()
    return page(who, found={}).model_copy(
        update={"scorecard": unscored(base, who), "findings": {}, "execution": Execution(), "submission": who}
    )


WEAK = {"decoder.padding_side": padded_right(), "decoder.trainable_params": deliberate()}
DOUBTS = {
    "decoder.class_weights": unknown(),
    "tiers.reported": crashed(),
    "decoder.score_head": Finding(
        verdict="partial",
        credit=0.5,
        source="source",
        student_text="The head is trained, but nothing is saved at all.",
    ),
    "integrity.memo_matches_outputs": Finding(
        verdict="failed",
        credit=0.0,
        source="recorded",
        student_text="The memo says 0.31 where the output of cell 24 says 0.13.",
        citations=(cite("Credit reporting  0.04  0.13", 24, 0),),
        flags=(Flag(kind="conflict", why="STAFF-ONLY memo 0.31, output 0.13"),),
    ),
}
ENDED = Execution(
    mode="dry-run",
    status="error",
    why="cell 19 ended with an error",
    seconds=64.2,
    cells_run=19,
    peak_memory_mb=1411.0,
    errors=(CellError(cell=19, name="NameError", value="name 'class_weigths' is not defined"),),
)
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


@cache
def states() -> dict[str, PageInput]:
    """A page for every state, by a name for its file."""
    long_finding = padded_right().model_copy(
        update={
            "student_text": f"`{'x' * 900}` " + LONG * 40,
            "citations": tuple(cite(f"{index} " + "<&\"'>" * 59, index, 0) for index in range(20)),
        }
    )
    long_words = tuple(f"{index}. {LONG * 3} & <more>" for index in range(20))
    base = rubric()
    every = {item.id: item for section in base.sections for item in section.criteria}
    quotes = tuple(cite("𝔘" * 299, index, index) for index in range(9))
    long_heard = {
        name: {
            "share": (0.2, 0.9),
            "seen": long_words,
            "missing": long_words,
            "not_judged": long_words,
            "citations": quotes,
        }
        for name in every
    }
    return {
        "good": page(
            done=True, preview=False, comments={"": "A pleasure to read.", "3d": "Good: you say what you can't tell."}
        ),
        "weak": page(submission("25", "Grace Hopper", late_seconds=97_000), found=WEAK),
        "doubts": page(submission("26", "Alan Turing"), found=DOUBTS, execution=ENDED),
        "harmless": page(
            submission("27", "Edsger Dijkstra"), found={"decoder.padding_side": padded_right(harms=False)}
        ),
        "draft": page(submission("28", "Barbara Liskov", status="draft", draft=True), spread=None),
        "empty": page(
            submission("29", None), found={}, heard={name: {"share": (0, 0), "state": "not_found"} for name in every}
        ),
        "nothing": nothing(),
        "unreadable": nothing("unreadable", "Someone Else"),
        "rtl": page(
            submission(
                "32", "עדה לאבלייס \u202eevil", files=(SubmittedFile(path="שיעורי בית.ipynb", size=1, sha256="0"),)
            )
        ),
        "emoji": page(submission("33", "👩🏽‍💻 José Ángel Núñez-García 李", late_seconds=40)),
        "long": page(
            submission("34", f"{LONG} {LONG} von {LONG}"),
            found=dict.fromkeys(findings(), long_finding),
            heard=long_heard,
            comments=dict.fromkeys(every, LONG * 30),
        ),
        "static": page(execution=Execution(), found=dict.fromkeys(findings(), unknown()), expected=None, spread=None),
    }


def entry(data: PageInput, *, flags: tuple[Flag, ...] = ()) -> StudentEntry:
    return StudentEntry(
        submission=data.submission,
        scorecard=data.scorecard,
        findings=data.findings,
        execution=data.execution,
        flags=flags,
    )


def overview(entries: tuple[StudentEntry, ...] | None = None, **changes: Any) -> OverviewInput:
    entries = entries if entries is not None else tuple(entry(data) for data in states().values())
    return OverviewInput.model_validate(
        {
            "course_title": "LLM engineering",
            "assignment_title": "Week 3: LoRA fine-tuning, encoder against decoder",
            "batch_name": "LLM-ENG-Week 3 homework-1.zip",
            "rubric": rubric(),
            "students": entries,
            "similar": (SimilarPair(participants=("24", "25"), share=0.93, why="the same memo, other names"),),
            "notes": ("Two files named homework.ipynb fell together in the flat export.",),
            **changes,
        }
    )


def many(people: int) -> tuple[StudentEntry, ...]:
    """A class of any size, in a mix of states; the same every time."""
    kinds = [entry(data) for name, data in states().items() if name != "long"]
    made = []
    for index in range(people):
        kind = kinds[(index * 7 + index // 5) % len(kinds)]
        person = Participant(
            id=str(100 + index), name=f"Student Number {index} of the class", email=f"s{index}@example.org"
        )
        run = kind.execution.model_copy(update={"seconds": 4.0 + (index * 37 % 90) / 10})
        changed = kind.submission.model_copy(update={"participant": person})
        made.append(kind.model_copy(update={"submission": changed, "execution": run}))
    return tuple(made)
