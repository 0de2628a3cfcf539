"""Text that a student had a hand in, made harmless for terminals, pages and file names.

Escaping for HTML and for rich markup is left to those who render; here go the characters that no renderer expects:
control characters and terminal escapes, lone surrogates, and the invisible ones that reorder or hide text.
"""

from __future__ import annotations

import re
import unicodedata

_HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # two format characters that scripts and emoji need, and that hide nothing
_MARKS_IN_A_ROW = 4


def clean(text: object, limit: int = 1000, *, lines: bool = False) -> str:
    """``text`` on one line (or several, with ``lines``), harmful characters shown as escapes, cut to ``limit``."""
    text = text if isinstance(text, str) else f"<{type(text).__name__}>"
    head = text[:limit].replace("\t", "    ")
    if not lines:
        head = re.sub(r"\s*[\r\n]+\s*", " ", head)
    if not (head.isprintable() and head.isascii()):
        head = _thin_marks("".join(_visible(character) for character in head.replace("\r\n", "\n")))
    return cut(head, limit, longer=len(text) > limit)


def cut(text: str, limit: int, *, longer: bool = False) -> str:
    """The first ``limit`` characters, with an ellipsis if anything was left out."""
    return text[: limit - 1].rstrip() + "…" if longer or len(text) > limit else text


def file_name(name: str, taken: set[str]) -> str:
    """A file name (without suffix) for ``name``: no path, not hidden, none of ``taken``, which it joins.

    Names that differ in case only collide too, as they would on a Mac.
    """
    plain = unicodedata.normalize("NFC", name)
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in plain).strip(".")[:40] or "student"
    candidate, number = stem, 1
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{stem}-{number}"
    taken.add(candidate.casefold())
    return candidate


def _visible(character: str) -> str:
    if character in _JOINERS or character == "\n" or unicodedata.category(character) not in _HARMFUL:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _thin_marks(text: str) -> str:
    """At most a few combining marks per letter, so that no text climbs over its neighbours."""
    if text.isascii():
        return text
    kept, run = [], 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= _MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept)
