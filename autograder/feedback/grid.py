"""Lays out the readable text of a matrix in rows, columns aligned, and marks the entries in which two texts differ."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

MOST = 0.5
_ROW = r"\[[^\[\]]*\]"
_MATRIX = re.compile(rf"\[((?:{_ROW}|…)(?:, (?:{_ROW}|…))*)\](.*)")
_VECTOR = re.compile(rf"({_ROW})(.*)")


def rows(text: str) -> tuple[list[list[str]], str] | None:
    """The entries of a vector or matrix, row by row, and what follows it; None for anything else."""
    matrix = _MATRIX.fullmatch(text)
    if matrix:
        lines = re.findall(rf"{_ROW}|…", matrix[1])
        return [line.strip("[]").split(", ") for line in lines], matrix[2]
    vector = _VECTOR.fullmatch(text)
    return ([vector[1].strip("[]").split(", ")], vector[2]) if vector else None


def aligned(text: str) -> list[str]:
    """The lines in which to print ``text``: one per row of a matrix and one for its dtype; otherwise one."""
    return "".join(part for _, part in _pieces(text, None)).split("\n")


def marked(text: str, other: str | None = None) -> Markup:
    """``text`` as HTML, laid out like ``aligned``.

    Entries that differ from those of ``other`` are in <mark>, unless most of them differ and marks would be noise.
    """
    pieces = _pieces(text, other)
    differing = sum(differs for differs, _ in pieces)
    plain = differing > MOST * sum(map(len, (rows(text) or ([], ""))[0]))
    shown = (
        Markup("<mark>{}</mark>").format(part) if differs and not plain else escape(part) for differs, part in pieces
    )
    return Markup("").join(shown)


def _pieces(text: str, other: str | None) -> list[tuple[bool, str]]:
    """(whether it differs, text) from left to right; line breaks between the rows of a matrix."""
    laid_out = rows(text)
    if laid_out is None:
        return [(False, text)]
    lines, suffix = laid_out
    against = (rows(other or "") or ([], ""))[0]
    comparable = [len(line) for line in against] == [len(line) for line in lines]
    matrix = text.startswith("[[")
    widths = _widths(lines) if matrix else []
    pieces: list[tuple[bool, str]] = [(False, "[" if matrix else "")]
    for i, line in enumerate(lines):
        start, comma = "\n " if i else "", "," if i < len(lines) - 1 else ""
        if line == ["…"] and matrix:
            pieces.append((False, f"{start}…{comma}"))
            continue
        pieces.append((False, f"{start}["))
        for j, entry in enumerate(line):
            gap = " " * (widths[j] - len(entry)) if matrix else ""
            pieces.append((False, (", " if j else "") + gap))
            pieces.append((comparable and against[i][j] != entry, entry))
        pieces.append((False, f"]{comma}"))
    return [
        *pieces,
        (False, "]" + suffix.replace(" ", "\n", 1) if matrix and len(lines) > 1 else "]" * matrix + suffix),
    ]


def _widths(lines: list[list[str]]) -> list[int]:
    columns = max(map(len, lines))
    return [max(len(line[j]) for line in lines if j < len(line)) for j in range(columns)]
