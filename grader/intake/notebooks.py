"""Which of the files handed in is the notebook to grade, and what was odd about the choice.

Executes and unpickles nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from grader.intake.agreement import difference
from grader.intake.candidates import Candidate, read_candidate
from grader.intake.html_page import ADVICE
from grader.intake.memos import Memo, find_memo
from grader.intake.names import is_junk
from grader.model.submission import ChosenNotebook, Flag

NOTEBOOKS = (".ipynb", ".ipynb.txt", ".ipynb.json", ".ipynb.html")
PAGES = (".html", ".htm", ".xhtml", ".mhtml", ".mht")


def choose_notebook(files: Mapping[str, bytes]) -> ChosenNotebook:
    """Choose among the files of one submission: an executed notebook before its HTML export, work before copies."""
    candidates = [read_candidate(path, files[path]) for path in sorted(files) if _named_notebook(path, files[path])]
    readable = [candidate for candidate in candidates if candidate.notebook]
    with_code = [candidate for candidate in readable if candidate.code]
    ranked = sorted(with_code or readable, key=_rank)
    if not ranked:
        return _none(files, candidates)
    best, oddities = _settle(ranked)
    prose = [candidate for candidate in readable if candidate.is_prose and candidate is not best]
    memo = _memo(files, candidates, prose)
    broken = [candidate for candidate in candidates if candidate.problem and _meant(candidate)]
    return ChosenNotebook(
        path=best.path,
        origin="html" if best.origin == "html" else "ipynb",
        notebook=best.notebook,
        memo_path=memo.path,
        memo_text=memo.text,
        flags=(*best.flags, *oddities, *memo.flags, *(_broken_flag(candidate) for candidate in broken)),
    )


def _named_notebook(path: str, data: bytes) -> bool:
    lower = path.lower()
    if is_junk(path):
        return False
    if lower.endswith((*NOTEBOOKS, *PAGES)):
        return True
    # Browsers and mail programs rename what they save; only then is it worth looking inside.
    plain = lower.endswith((".json", ".txt")) or "." not in lower.rpartition("/")[2]
    return plain and b'"cells"' in data and b'"nbformat"' in data


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/")) or "-checkpoint." in path


def _rank(candidate: Candidate) -> tuple[bool, int, int, bool, int, str]:
    """Smaller is better: open before hidden, more cells run, more code, ipynb before HTML, higher up, by name."""
    size = sum(len(source) for source in candidate.code)
    depth = candidate.path.count("/")
    return (_hidden(candidate.path), -candidate.ran, -size, candidate.origin == "html", depth, candidate.path)


def _settle(ranked: list[Candidate]) -> tuple[Candidate, list[Flag]]:
    """The best, and flags about the others. Copies with the same code say nothing new."""
    best = ranked[0]
    twin = next((other for other in ranked if other.origin == "ipynb" and other.code == best.code), None)
    if best.origin == "html" and twin and twin.ran:
        best = twin
    others = [other for other in ranked if other is not best]
    flags = []
    if twin and best.origin == "html":
        why = f"{twin.path} has no saved outputs; its HTML export {best.path} with the same code is used."
        flags.append(Flag(kind="ipynb_without_outputs", why=why, blocking=False))
    flags += _differing(best, others)
    if not best.code and not any(flag.kind == "code_hidden" for flag in best.flags):
        flags.append(Flag(kind="no_code", why=f"{best.path} has no code."))
    if _hidden(best.path):
        flags.append(Flag(kind="checkpoint_only", why=f"Only an automatic copy was handed in: {best.path}."))
    return best, flags


def _differing(best: Candidate, others: list[Candidate]) -> list[Flag]:
    flags = []
    for other in others:
        what = difference(best.notebook or {}, other.notebook or {})
        if what is None:
            if other.origin == best.origin:
                why = f"{other.path} is a copy of {best.path}."
                flags.append(Flag(kind="copies", why=why, blocking=False))
        elif _hidden(other.path):
            why = f"A hidden or automatic copy with other {what} was left aside: {other.path}."
            flags.append(Flag(kind="checkpoints", why=why, blocking=False))
        elif other.origin == best.origin:
            why = f"Several notebooks with different {what}; {best.path} is graded, not {other.path}."
            flags.append(Flag(kind="several_notebooks", why=why))
        else:
            why = f"Notebook and HTML have different {what}; {best.path} is graded, not {other.path}."
            flags.append(Flag(kind="ipynb_html_differ", why=why))
    return flags


def _memo(files: Mapping[str, bytes], candidates: list[Candidate], prose: list[Candidate]) -> Memo:
    """A notebook of prose only is a memo; else a document."""
    used = frozenset(one.path for one in candidates if one.notebook or one.editor_page)
    found = find_memo({path: data for path, data in files.items() if not _hidden(path) and not is_junk(path)}, used)
    shown = sorted((one for one in prose if not _hidden(one.path)), key=lambda one: (one.origin == "html", one.path))
    if found.text is not None or not shown:
        return found
    cells = (shown[0].notebook or {})["cells"]
    text = "\n\n".join(cell["source"] for cell in cells if cell["cell_type"] != "code")
    return Memo(path=shown[0].path, text=text, flags=found.flags) if text.strip() else found


def _meant(candidate: Candidate) -> bool:
    """Whether a file that could not be read was meant as a notebook (an HTML page beside one may be anything)."""
    return candidate.path.lower().endswith(NOTEBOOKS) and not _hidden(candidate.path)


def _broken_flag(candidate: Candidate) -> Flag:
    return Flag(kind="notebook_unreadable", why=f"{candidate.path}: {candidate.problem}")


def _none(files: Mapping[str, bytes], candidates: list[Candidate]) -> ChosenNotebook:
    """No notebook: everything that can be said about why, and a memo if there is one."""
    memo = find_memo({path: data for path, data in files.items() if not is_junk(path)}, frozenset())
    flags = [_broken_flag(candidate) for candidate in candidates if candidate.problem]
    if not flags:
        endings = sorted({re.sub(r".*(?=\.)|.*/", "", path) for path in files})
        shown = (
            f"Handed in were files of the kinds {', '.join(endings)[:200]}."
            if files
            else "Nothing readable was handed in."
        )
        flags = [Flag(kind="no_notebook", why=f"There is no notebook. {shown} {ADVICE}")]
    return ChosenNotebook(
        path=None, origin="none", memo_path=memo.path, memo_text=memo.text, flags=(*flags, *memo.flags)
    )
