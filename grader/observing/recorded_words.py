"""The words by which students and libraries call metrics and frequency tiers, as patterns over lower-case words.

Order matters: the first pattern that is found decides, so the specific stands before the general.
"""

from __future__ import annotations

import re

_EXAMPLE = (
    "(?:ex|exs|examples?|samples?|complaints?|texts?|docs?|documents?|items?|rows?|requests?|queries|query|sequences?|instances?|"
    "inferences?|predictions?)"
)
_SECOND = "(?:s|secs?|seconds?)"

_WORDS = {
    "zero_f1_classes": (
        r"\bzero(?:s|ed)?\b[\w .]{0,30}?\b(?:f ?1|class\w*|labels?|categor\w*)\b",
        r"\b(?:f ?1|class\w*|labels?)\b[\w .]{0,20}?\bzeros?\b",
        r"\b(?:n|num|number of) zeros?\b|\bzeros?$|\bdead classes\b|\bnever predicted\b|\b0 f1\b|\bf1 0 class\w*\b",
        r"\bclass\w* (?:with|at|having) (?:f ?1 )?(?:of )?0\b|\binvisible classes\b",
        r"\bnull ?klassen\b|\bklassen (?:mit|bei|auf) (?:f ?1 )?(?:null|0)\b|\bclases (?:en|con) (?:f ?1 )?(?:cero|0)\b",
        r"\bclasses (?:à|a|avec) (?:un )?(?:f ?1 )?(?:zéro|zero|nul|0)\b",
    ),
    "trainable": (r"\btrainable\b",),
    "batch_latency_ms": (
        rf"\b(?:ms|msec|milliseconds?|time|latency|{_SECOND}) (?:per )?batch\b|\bbatch (?:latency|time)\b|\bper batch\b",
    ),
    "samples_per_second": (r"\b(?:eval|test|train|predict) (?:samples|steps) per second\b",),
    "throughput": (
        rf"\bthroughput\b|\b{_EXAMPLE}(?: per)? {_SECOND}\b|\b(?:qps|eps)\b",
        r"\bdurchsatz\b|\brendimiento\b|\bdébit\b|吞吐|每秒|\b(?:pro|por|par) (?:sekunde|segundo|seconde)\b",
    ),
    "latency_tail_ms": (r"\bp9[059]\b|\b9[059]th\b",),
    "latency_ms": (
        rf"\blatency\b|\b(?:ms|msec|milliseconds?|time|µs|us|{_SECOND})(?: per)? {_EXAMPLE}\b",
        r"^ms$|\bms\b|\bper (?:example|sample|complaint)\b|\bp50\b",
        r"\blatenz(?:zeit)?\b|\blatencia\b|\blatence\b|延迟|毫秒|\b(?:pro|por|par) (?:beispiel|ejemplo|exemple)\b",
    ),
    "runtime": (r"\b(?:eval|test|predict|inference) (?:run)?time\b|\btotal (?:time|seconds|s)\b|\belapsed\b",),
    "train_time": (
        r"\btrain\w*[\w ]{0,20}(?:time|runtime|duration|minutes|min|took|seconds|hours)\b",
        r"\btook\b|\bfinished in\b|\bdone in\b|\bwall (?:time|clock)\b",
    ),
    "memory": (r"\b(?:memory|vram|gpu mem|peak mem\w*|allocated)\b",),
    "size": (r"\b(?:checkpoint|adapter|file|disk|model) size\b|\bsize (?:mb|on disk)\b|^size$",),
    "parameters": (r"\b(?:all|total|base|model|n|num)? ?(?:params?|parameters)\b",),
    "learning_rate": (r"\blearning rate\b|\blr\b",),
    "grad_norm": (r"\bgrad(?:ient)? norm\b",),
    "batch_size": (r"\bbatch ?size\b|\bbs\b",),
    "max_length": (r"\bmax (?:seq )?len\w*\b|\bseq\w* len\w*\b",),
    "rank": (r"\b(?:lora )?rank\b|\blora r\b|^r$",),
    "alpha": (r"\b(?:lora )?alpha\b",),
    "balanced_accuracy": (r"\bbalanced acc\w*\b",),
    "top_k_accuracy": (r"\btop ?\d+ ?acc\w*\b|\bacc\w* (?:at|top) ?\d+\b|\btop[35]\b",),
    "f1": (
        r"\b(?:mean|macro|micro|eval|avg|average|test|val)? ?f ?(?:1|₁)\b|\bf ?measure\b|\bf score\b|\bmf1\b|\bmacrof1\b",
    ),
    "accuracy": (
        r"\bacc(?:uracy|uracies)?\b|\bfraction correct\b|\btop ?1\b|\bgenauigkeit\b|\btrefferquote\b|\bexactitude?\b|准确率",
    ),
    "precision": (r"\bprec(?:ision)?\b",),
    "recall": (r"\brec(?:all)?\b",),
    "loss": (r"\bloss(?:es)?\b",),
    "support": (
        r"\bsupport\b|\b(?:n|num|number of|count of|train|test|val|class)? ?(?:examples|samples|rows|complaints|records|counts?)\b",
        r"^n$|\bn (?:train|test|val|ex)\b|\b(?:train|test) n\b|\b(?:train|test|val) size\b|\bfreq\w*\b",
    ),
    "classes": (r"\b(?:n|num|number of)? ?(?:classes|labels|categories)\b",),
    "epochs": (r"\bepochs?\b",),
    "steps": (r"\b(?:global )?steps?\b|\biterations?\b",),
}
METRICS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile("|".join(patterns))) for name, patterns in _WORDS.items()
)

GENERIC = re.compile(
    r"(?:(?:the|my|our|final|overall|best|last|test|held out|eval|evaluation|results?|summary|scores?|metrics?|performance|report|"
    r"output|total|mean|average|value|done|finished|info|log|seed|run|fold|model|numbers|figures|on|set|for|got|and|with|of|in|is|"
    r"after|training|lora|peft|t4|gpu|colab|homework|hw|part|task|step|question|comparison|\d+)(?: |$))+"
)
"""Labels that say nothing of their own: no class is called so."""

TIER_WORD = re.compile(
    r"\b(?:(?:ultra|very|extremely|super|most|least|moderately) )?"
    r"(?:rare(?:st)?|common(?:est)?|frequent|infrequent|medium|mid|middle|moderate|uncommon|abundant|head|tail|torso|"
    r"few shot|many shot|medium shot|low freq\w*|high freq\w*|mid freq\w*|"
    r"selten\w{0,2}|mittel|mittlere|häufig\w{0,2}|rar[ao]s?|medi[ao]s?|comunes|frecuentes?|infrecuentes?|rares|moyennes?|fréquentes?)\b"
    r"|\b(?:tier|bucket|bin|quartile|quintile|tercile|decile|group) ?[a-e\d]\b|\bq[1-5]\b|\b(?:bottom|top) \d+ ?(?:%|percent)"
)
