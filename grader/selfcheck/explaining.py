"""Why a check matters and how to mend what it finds: the docstring and one file of explanations, for terminal and docs."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import yaml

from grader.checking.registry import Description, Registry

HEADER = "<!-- Made by `grader checks --docs`; the source is grader/selfcheck/explanations.yaml and the check's docstring. -->"


@lru_cache(maxsize=1)
def explanations() -> dict[str, str]:
    """Check name -> explanation as Markdown."""
    return dict(yaml.safe_load(files("grader.selfcheck").joinpath("explanations.yaml").read_text("utf-8")))


def explanation(about: Description) -> str:
    """Of a built-in check from the file; of a course's own check what its docstring goes on to say."""
    return explanations().get(about.name, about.details).strip()


def documents(registry: Registry) -> dict[str, str]:
    """File name -> content: one page per check, and a list of them."""
    described = [registry.describe(name) for name in sorted(registry)]
    pages = {f"{about.name}.md": _page(about) for about in described}
    rows = "".join(f"- [`{about.name}`]({about.name}.md): {about.sentence}\n" for about in described)
    return {"README.md": f"# The checks, explained\n\n{HEADER}\n\n{rows}", **pages}


def _page(about: Description) -> str:
    parts = [f"# `{about.name}`", HEADER, f"**{about.sentence}**", explanation(about)]
    return "\n\n".join(part for part in parts if part) + "\n"
