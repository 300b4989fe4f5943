"""Formulas in TeX drawn as MathML, with the source kept inside so that it can be read back.

What the converter doesn't know stays as it was written: a formula is never shown wrong.
"""

from __future__ import annotations

import re
from html import escape

import lxml.etree

MATHML = "http://www.w3.org/1998/Math/MathML"
LONGEST = 5_000
ELEMENTS = {
    "math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "msub", "msup", "msubsup", "munder", "mover", "munderover", "mfrac",
    "msqrt", "mroot", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom", "menclose", "mfenced", "mmultiscripts",
    "mprescripts", "none",
}  # fmt: skip
"""All that a formula is drawn with; text in TeX that reads as other markup is left alone."""
_DELIMITED = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$|(\\begin\{(\w+\*?)\}.+?\\end\{\4\})", re.DOTALL)


def formula(source: str) -> str | None:
    """`$x$`, `$$x$$` or an environment as a `math` element; null where it can't be drawn right."""
    found = _DELIMITED.fullmatch(source.strip())
    if found is None or len(source) > LONGEST:
        return None
    block = found[2] is None
    drawn = _drawn(found[1] or found[2] or found[3], block=block)
    if drawn is None:
        return None
    note = f'<annotation encoding="application/x-tex">{escape(source.strip(), quote=False)}</annotation>'
    kind = "block" if block else "inline"
    return f'<math xmlns="{MATHML}" display="{kind}"><semantics>{drawn}{note}</semantics></math>'


def with_formulas(text: str) -> str:
    """Text of an output as HTML, its formulas drawn."""
    made, at = [], 0
    for found in _DELIMITED.finditer(text):
        made += [escape(text[at : found.start()], quote=False), formula(found[0]) or escape(found[0], quote=False)]
        at = found.end()
    return "".join([*made, escape(text[at:], quote=False)])


def _drawn(tex: str, *, block: bool) -> str | None:
    """One `mrow`; null where the converter fails, leaves TeX in it, or makes what is no XML."""
    from latex2mathml.converter import convert

    try:
        root = lxml.etree.fromstring(convert(tex, display="block" if block else "inline").encode())
    except Exception:  # its parser gives up in many ways
        return None
    names = {lxml.etree.QName(node).localname for node in root.iter()}
    if "\\" in "".join(root.itertext()) or len(root) != 1 or not names <= ELEMENTS:
        return None
    return str(lxml.etree.tostring(root[0], encoding="unicode")).replace(f' xmlns="{MATHML}"', "")
