"""The five-section memo, its numbers taken from what the notebook showed. Says enough for each section, no more."""

from __future__ import annotations

from collections.abc import Callable

from tests.corpus import course
from tests.corpus.choices import Choices
from tests.corpus.outputs import GPUS, Printer

HEADINGS = {
    "en": (
        "Systems-level comparison",
        "Class weighting on the decoder",
        "Per-class analysis",
        "Latency and deployment",
        "What I would do next",
    ),
    "de": (
        "Systemvergleich",
        "Klassengewichtung beim Decoder",
        "Analyse pro Klasse",
        "Latenz und Einsatz",
        "Nächste Schritte",
    ),
    "es": (
        "Comparación de sistemas",
        "Ponderación de clases",
        "Análisis por clase",
        "Latencia y despliegue",
        "Próximos pasos",
    ),
    "fr": (
        "Comparaison des systèmes",
        "Pondération des classes",
        "Analyse par classe",
        "Latence et déploiement",
        "Prochaines étapes",
    ),
    "zh": ("系统层面比较", "类别加权", "逐类分析", "延迟与部署", "下一步"),
}
BODY = {
    "en": (
        "The decoder reaches {da:.3f} accuracy and {df:.3f} macro F1, the encoder {ea:.3f} and {ef:.3f}; classes with zero F1: {dz} and {ez}. "
        "Full fine-tuning in week 1 gave 0.566 and 0.209 with 46 zeros. LoRA trains {et:,} parameters of the encoder and {dt:,} of the decoder. "
        "Accuracy is decided by the common classes; macro F1 counts each class once. Size, data and architecture all differ.",
        "Before the run I expected weights to help less than in week 2. Weighted: accuracy {wa:.3f}, macro F1 {wf:.3f}, {wz} classes at zero; "
        "unweighted: {da:.3f}, {df:.3f}, {dz}. Weighting moves the decision boundary towards rare classes.",
        "The gain lies in the tiers of the table. Explanations: pretraining exposure, size, architecture; one seed cannot separate them.",
        "On {gpu} at batch 32 the encoder takes {el:.1f} ms per example ({er:.0f} examples/s), the decoder {dl:.1f} ms ({dr:.0f} examples/s). "
        "For a nightly batch I would deploy the decoder; for a live form the encoder.",
        "The bottleneck is the rare classes. I would oversample every class below 28 examples and stop if rare-tier macro F1 gains less than 0.02.",
    ),
    "de": (
        "Der Decoder erreicht {da:.3f} Accuracy und {df:.3f} Macro-F1, der Encoder {ea:.3f} und {ef:.3f}; Klassen mit F1 null: {dz} und {ez}. "
        "LoRA trainiert {et:,} Parameter im Encoder und {dt:,} im Decoder.",
        "Vor dem Lauf erwartete ich einen kleineren Effekt als in Woche 2. Gewichtet: Accuracy {wa:.3f}, Macro-F1 {wf:.3f}, {wz} Nullklassen.",
        "Der Gewinn liegt in den Stufen der Tabelle; mehrere Erklärungen bleiben offen.",
        "Auf {gpu} bei Batch 32 braucht der Encoder {el:.1f} ms pro Beispiel ({er:.0f} Beispiele/s), der Decoder {dl:.1f} ms ({dr:.0f} Beispiele/s). "
        "Für die Nacht: Decoder; für ein Formular: Encoder.",
        "Engpass sind die seltenen Klassen; ich würde sie mehrfach ziehen und bei weniger als 0.02 Gewinn aufhören.",
    ),
    "es": (
        "El decoder alcanza {da:.3f} de accuracy y {df:.3f} de macro F1, el encoder {ea:.3f} y {ef:.3f}; clases con F1 cero: {dz} y {ez}. "
        "LoRA entrena {et:,} parámetros del encoder y {dt:,} del decoder.",
        "Esperaba un efecto menor que en la semana 2. Con pesos: accuracy {wa:.3f}, macro F1 {wf:.3f}, {wz} clases en cero.",
        "La ganancia está en los niveles de la tabla; quedan varias explicaciones.",
        "En {gpu} con batch 32 el encoder tarda {el:.1f} ms por ejemplo ({er:.0f} ejemplos/s) y el decoder {dl:.1f} ms ({dr:.0f} ejemplos/s).",
        "El cuello de botella son las clases raras; repetiría sus ejemplos y pararía con menos de 0.02 de mejora.",
    ),
    "fr": (
        "Le décodeur atteint {da:.3f} d'accuracy et {df:.3f} de macro F1, l'encodeur {ea:.3f} et {ef:.3f} ; classes à F1 nul : {dz} et {ez}. "
        "LoRA entraîne {et:,} paramètres de l'encodeur et {dt:,} du décodeur.",
        "J'attendais un effet plus faible qu'en semaine 2. Pondéré : accuracy {wa:.3f}, macro F1 {wf:.3f}, {wz} classes à zéro.",
        "Le gain se trouve dans les niveaux du tableau ; plusieurs explications restent possibles.",
        "Sur {gpu} en batch 32, l'encodeur prend {el:.1f} ms par exemple ({er:.0f} exemples/s), le décodeur {dl:.1f} ms ({dr:.0f} exemples/s).",
        "Le goulot : les classes rares ; je les répéterais et j'arrêterais sous 0.02 de gain.",
    ),
    "zh": (
        "解码器准确率 {da:.3f}，宏平均 F1 {df:.3f}；编码器 {ea:.3f} 和 {ef:.3f}；F1 为零的类别：{dz} 和 {ez}。LoRA 训练编码器 {et:,} 个参数，解码器 {dt:,} 个。",
        "运行前我预计加权的效果小于第二周。加权：准确率 {wa:.3f}，宏平均 F1 {wf:.3f}，{wz} 个类别为零。",
        "增益见表中的频率层级；几种解释都可能。",
        "在 {gpu} 上 batch 32：编码器每例 {el:.1f} ms（每秒 {er:.0f} 例），解码器 {dl:.1f} ms（每秒 {dr:.0f} 例）。",
        "瓶颈是稀有类别；我会过采样，若提升小于 0.02 就停止。",
    ),
}


def sections(chosen: Choices, printer: Printer) -> list[tuple[str, str]]:
    """(heading, text), as many as this student wrote."""
    if chosen.memo == "none":
        return []
    values = _values(chosen, printer)
    texts = [text.format(**values) for text in BODY[chosen.language]]
    if chosen.weights == "none":
        texts[1] = "I ran out of time and did not run this part."
    texts[2] = "\n\n".join(filter(None, [_tiers(chosen, printer), texts[2] if chosen.tiers != "none" else _no_tiers()]))
    if chosen.latency in ("none", "one_model"):
        texts[3] = _short_latency(chosen, values)
    found = list(zip(HEADINGS[chosen.language], texts, strict=True))
    return found[: {"full": 5, "four": 4, "three": 3}[chosen.memo]]


def _values(chosen: Choices, printer: Printer) -> dict[str, float | str]:
    results, speed = printer.results, printer.speed
    values: dict[str, float | str] = {"gpu": "a " + GPUS.get(chosen.hardware, "GPU")}
    for letter, run in (("e", "encoder"), ("d", "decoder"), ("w", "decoder_weighted")):
        values |= {
            f"{letter}a": results[run].accuracy,
            f"{letter}f": results[run].macro_f1,
            f"{letter}z": results[run].zeros,
        }
    for letter, run in (("e", "encoder"), ("d", "decoder")):
        values |= {
            f"{letter}l": speed[run],
            f"{letter}r": 1000 / speed[run],
            f"{letter}t": course.trainable(run, getattr(chosen, run))[0],
        }
    if chosen.contradiction:
        values["df"] = results["decoder"].macro_f1 + 0.164
    return values


def _tiers(chosen: Choices, printer: Printer) -> str:
    if chosen.tiers == "none":
        return ""
    table = printer.tier_table()
    runs = ["decoder"] if chosen.tiers == "one_model" else ["encoder", "decoder"]
    rows = [
        f"| {tier} | {int(table['classes'][tier])} | " + " | ".join(f"{table[run][tier]:.3f}" for run in runs) + " |"
        for tier in table.index
    ]
    head = "| tier (training examples) | classes | " + " | ".join(f"{run} F1" for run in runs) + " |"
    return "\n".join([head, "|" + "---|" * (len(runs) + 2), *rows])


def _no_tiers() -> str:
    return "The decoder has the better macro F1 overall, so its representations of complaints seem to be better in general."


def _short_latency(chosen: Choices, values: dict[str, float | str]) -> str:
    if chosen.latency == "none":
        return "The decoder is larger and so it must be slower. I would deploy the encoder for live use."
    return f"The decoder takes {values['dl']:.1f} ms per example ({values['dr']:.0f} examples/s), which is fast enough to deploy it."


def render(chosen: Choices, found: list[tuple[str, str]]) -> list[str]:
    """Markdown cells."""
    head: Callable[[int, str], str] = {
        "hash": lambda i, title: f"## {title}",
        "bold": lambda i, title: f"**{title}**",
        "numbered": lambda i, title: f"### {i}. {title}",
        "section": lambda i, title: f"## Section {i}: {title}",
        "one_cell": lambda i, title: f"## {i}) {title}",
        "html": lambda i, title: f"<h3>{i}. {title}</h3>",
    }[chosen.headings]
    cells = [f"{head(i, title)}\n\n{text}" for i, (title, text) in enumerate(found, 1)]
    return ["\n\n".join(cells)] if chosen.headings == "one_cell" and cells else cells
